"""Losses over sampled items against their formulas, item by item, and against the exact loss."""

import math
from itertools import product

import pytest
import torch
from torch.nn import functional as F

from models import BACKBONES, Batch
from models.negatives import GBCE, SampledSoftmax, beta
from tests.models.variants import N_ITEMS, build

V = N_ITEMS
UNIFORM = torch.full((V + 1,), -math.log(V + 1), dtype=torch.float64)
EVERY = torch.arange(V + 1)  # the exact loss counts padding, which scores 0, as RecBole's does
BATCH = Batch(
    torch.tensor([[3, 5, 7, 2], [1, 4, 0, 0], [6, 0, 0, 0]]),
    torch.tensor([4, 2, 1]),
    times=torch.tensor([[1, 4, 6, 9], [2, 3, 0, 0], [5, 0, 0, 0]]),
    users=torch.tensor([0, 3, 4]),
)
TARGETS = torch.tensor([5, 12, 1])
CASES = [
    *product(BACKBONES, ["SASRec", "AC-gate-two-softmax-od"], [{}]),
    ("SASRec", "SASRec", {"output_embedding": True}),
    ("BERT4Rec", "SASRec", {"output_head": True}),
]


def chances(seed=0):
    """log Q of some distribution over the items, padding apart."""
    q = torch.rand(V, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.1
    return torch.cat([torch.tensor([-math.inf], dtype=torch.float64), (q / q.sum()).log()])


def sampled_by_hand(positive, negative, items, targets, log_q):
    """The weighted loss of arXiv 2507.09331, section 3.3, and the estimate of -log P(p)."""
    weighted, estimate = [], []
    for s, others, p in zip(positive, negative, targets.tolist(), strict=True):
        drawn = [(k, d) for k, d in enumerate(items.tolist()) if d != p]
        logits = torch.stack(
            [others[k] - (log_q[d].exp() / (1 - log_q[p].exp())).log() for k, d in drawn]
        )
        mean = logits.exp().mean()
        probability = s.exp() / (s.exp() + mean)
        weighted.append(-(1 - probability.detach()) * (s.exp() / logits.exp().sum()).log())
        estimate.append(-probability.log())
    return torch.stack(weighted).mean(), torch.stack(estimate).mean()


def scored(n=4, k=7):
    generator = torch.Generator().manual_seed(1)
    positive = torch.randn(n, generator=generator, dtype=torch.float64, requires_grad=True)
    negative = torch.randn(n, k, generator=generator, dtype=torch.float64, requires_grad=True)
    return positive, negative


def test_the_gradient_is_that_of_the_weighted_loss():
    (positive, negative), log_q = scored(), chances()
    items, targets = torch.tensor([3, 3, 5, 9, 1, 12, 7]), torch.tensor([5, 2, 3, 8])
    loss = SampledSoftmax(items, log_q).loss(positive, negative, targets)
    weighted, estimate = sampled_by_hand(positive, negative, items, targets, log_q)
    torch.testing.assert_close(loss, estimate)
    found = torch.autograd.grad(loss, (positive, negative))
    wanted = torch.autograd.grad(weighted, (positive, negative))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_the_estimated_sum_is_unbiased():
    """Over all pairs of draws that are not the target, weighted by their chances."""
    log_q, scores, target = chances(), torch.linspace(-1, 2, V + 1, dtype=torch.float64), 4
    others = [d for d in range(1, V + 1) if d != target]
    q = {d: float(log_q[d].exp() / (1 - log_q[target].exp())) for d in others}
    expected = 0.0
    for pair in product(others, others):
        items = torch.tensor(pair)
        loss = SampledSoftmax(items, log_q).loss(
            scores[[target]], scores[items][None], torch.tensor([target])
        )
        odds = math.expm1(loss.item()) * math.exp(scores[target])  # the sum over the negatives
        expected += q[pair[0]] * q[pair[1]] * odds
    assert expected == pytest.approx(float(scores[others].exp().sum()))


def test_a_target_that_alone_was_drawn_costs_nothing():
    positive, negative = scored(1, 2)
    loss = SampledSoftmax(torch.tensor([4, 4]), chances()).loss(
        positive, negative, torch.tensor([4])
    )
    assert loss.item() == 0
    for grad in torch.autograd.grad(loss, (positive, negative)):
        assert torch.count_nonzero(grad) == 0


def test_gbce_by_its_formula():
    positive, negative = scored(3, 3)
    items, targets = torch.tensor([3, 5, 9]), torch.tensor([5, 2, 3])
    loss = GBCE(items, 0.3).loss(positive, negative, targets)
    wanted, c = [], math.log(0.1)
    for s, others, p in zip(positive, negative, targets.tolist(), strict=True):
        sum_ = (s + c).sigmoid().pow(0.3).log()
        for k, d in enumerate(items.tolist()):
            if d != p:
                sum_ = sum_ + (1 - (others[k] + c).sigmoid()).log()
        wanted.append(-sum_ / 3)
    torch.testing.assert_close(loss, torch.stack(wanted).mean())


def test_gbce_leaves_equal_scores_where_they_are():
    shift = torch.zeros((), dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([8, 9, 10])
    loss = GBCE(torch.arange(1, 8), 0.3).loss(shift.expand(3), shift.expand(3, 7), targets)
    (slope,) = torch.autograd.grad(loss, shift)
    assert slope.item() == pytest.approx(0, abs=1e-15)


def test_beta_between_no_calibration_and_the_sampling_rate():
    assert beta(1001, 250, 0.0) == pytest.approx(1)
    assert beta(1001, 250, 1.0) == pytest.approx(0.25)
    assert beta(1001, 250, 0.75) == pytest.approx(0.25 * (0.75 * (1 - 4) + 4))


@pytest.mark.parametrize(("backbone", "variant", "options"), CASES)
@pytest.mark.parametrize("every_row", [False, True])
def test_with_every_item_drawn_once_it_is_the_exact_loss(backbone, variant, options, every_row):
    """Of every backbone, at rows or at all, gradients of the adversary's loss included."""
    model = build(variant, backbone=backbone, **options)
    targets = TARGETS
    if every_row:
        targets = torch.tensor([[5, 7, 2, 12], [4, 9, 0, 0], [1, 0, 0, 0]])
    found = []
    for negatives in (None, SampledSoftmax(EVERY, UNIFORM)):
        torch.manual_seed(0)  # the adversary's noise
        losses = model.losses(BATCH, targets, negatives)
        grads = torch.autograd.grad(
            losses.recommendation, list(model.parameters()), retain_graph=True, allow_unused=True
        )
        found.append([losses.recommendation, *grads])
        if losses.adversarial is not None:
            attack = torch.autograd.grad(
                losses.adversarial, list(model.parameters()), allow_unused=True
            )
            found[-1] += [losses.adversarial, *attack]
    for exact, sampled in zip(*found, strict=True):
        if exact is None:
            assert sampled is None
        elif exact.dim() == 2 and exact.shape[0] > V:  # padding that is looked up has no gradient
            torch.testing.assert_close(sampled[1:], exact[1:])
        else:
            torch.testing.assert_close(sampled, exact)


@pytest.mark.parametrize(("backbone", "variant", "options"), CASES)
def test_rows_of_the_table(backbone, variant, options):
    model = build(variant, backbone=backbone, **options)
    items = torch.tensor([[3, 1], [12, 3]])
    assert torch.equal(model.item_rows(items), model.table[items])


@pytest.mark.parametrize("loss", [SampledSoftmax(EVERY[1:6], chances()), GBCE(EVERY[1:6], 0.4)])
@pytest.mark.parametrize(("backbone", "variant", "options"), CASES)
def test_gradients_by_row_are_the_dense_ones(backbone, variant, options, loss):
    model, found = build(variant, backbone=backbone, **options), []
    tables = {id(table.weight) for table in model.row_tables}
    for by_row in (False, True):
        for table in model.row_tables:
            table.sparse = by_row
        torch.manual_seed(0)
        losses = model.losses(BATCH, TARGETS, loss)
        grads = torch.autograd.grad(
            losses.recommendation, list(model.parameters()), allow_unused=True
        )
        assert by_row == any(g is not None and g.is_sparse for g in grads)
        found.append(grads)
    for parameter, dense, rows in zip(model.parameters(), *found, strict=True):
        if dense is None:
            assert rows is None
            continue
        assert rows.is_sparse == (id(parameter) in tables)
        torch.testing.assert_close(rows.to_dense(), dense)
        if rows.is_sparse:
            touched = {*BATCH.items[BATCH.items > 0].tolist(), *TARGETS.tolist(), *range(1, 6), 13}
            assert set(rows.coalesce().indices()[0].tolist()) <= touched


def test_the_exact_loss_is_torch_s():
    model = build("SASRec")
    wanted = F.cross_entropy(model(BATCH) @ model.table.T, TARGETS)
    torch.testing.assert_close(model.losses(BATCH, TARGETS).recommendation, wanted)
