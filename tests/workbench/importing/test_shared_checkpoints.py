"""Files trained elsewhere reach the figures they are known for. Skipped where they are absent."""

from pathlib import Path

import numpy as np
import pytest
import torch

from workbench import SequenceData, evaluate, import_checkpoint, load_data
from workbench.data import DataUnavailable
from workbench.data.batches import iterate
from workbench.data.splits import cases

SHARED = Path(__file__).resolve().parents[4] / "shared"
FILES = SHARED / "checkpoints"
pytestmark = pytest.mark.skipif(not FILES.exists(), reason="../shared is absent")

RECBOLE = FILES / "recbole-1.2.1-SASRec-ml-100k.pth"
ACTSR = FILES / "ac-tsr-reference-ACSASRec-ml-100k.pth"
ICLREC = FILES / "ICLRec-Beauty-1.pt"


def figures(metrics, *names):
    return [metrics[name] for name in names]


def test_recbole_reaches_its_own_validation_log():
    order = FILES / "ml-100k-in-recbole-1.2.1-order.txt"
    card = import_checkpoint(RECBOLE, data=order, numbering="ids").card
    found = figures(card["metrics"]["valid"], "hit@10", "ndcg@10", "mrr@10")
    assert found == pytest.approx([0.1336, 0.0595, 0.0374], abs=5e-5)


def test_recbole_fits_ml_100k_as_it_is_loaded_here():
    """The same figures but for the order of equal times."""
    try:
        data = load_data("ml-100k")
    except DataUnavailable as error:
        pytest.skip(str(error))
    model = import_checkpoint(RECBOLE, data=data)
    metrics = evaluate(model, data, "valid").metrics
    assert metrics == model.card["metrics"]["valid"]
    assert metrics["hit@10"] == pytest.approx(0.1336, abs=0.002)


def test_the_ac_tsr_reference_reaches_its_own_figures():
    order = FILES / "ml-100k-in-ac-tsr-order.txt"
    card = import_checkpoint(ACTSR, data=order, numbering="ids").card
    assert card["origin"]["model"] == "AC-SASRec"
    valid = figures(card["metrics"]["valid"], "hit@10", "ndcg@10")
    test = figures(card["metrics"]["test"], "hit@10", "ndcg@10")
    assert valid + test == pytest.approx([0.04984, 0.02178, 0.05090, 0.02351], abs=5e-6)


@pytest.mark.parametrize("source", ["Beauty.sequences.txt", "amazon-beauty"])
def test_iclrec_reaches_its_published_figures(source):
    """They count the items of a history with the score 0, among all the others."""
    data = load_data(SHARED / "data" / source)
    model = import_checkpoint(ICLREC, data=data)
    ranks = ranks_with_seen_at_zero(model, data)
    hit = float((ranks <= 10).mean())
    ndcg = float(np.where(ranks <= 10, 1 / np.log2(ranks + 1), 0).mean())
    assert [hit, ndcg] == pytest.approx([0.0744, 0.0403], abs=5e-5)


@torch.no_grad()
def ranks_with_seen_at_zero(model, data: SequenceData) -> np.ndarray:
    every = cases(data, "test", model.config.max_length)
    ranks = np.empty(len(every), dtype=np.int64)
    for index, batch, targets in iterate(data, every, 256):
        scores = model.scores(batch)
        own = scores.gather(1, targets[:, None])
        for row, user, end in zip(scores, every.users[index], every.ends[index], strict=True):
            row[torch.from_numpy(data.items[data.offsets[user] : end]).long()] = 0
        ranks[index] = 1 + (scores > own).sum(1).numpy()
    return ranks
