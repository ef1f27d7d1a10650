"""Why one item and not another, against scores of histories in which an item was exchanged."""

import pytest
import torch

from tests.workbench.explore.cases import case_of, small_data, small_model
from workbench import WorkbenchError
from workbench.explore.contrast import contrasting, explain_difference


def test_what_taking_an_item_away_does_to_the_difference():
    data = small_data()
    model = small_model("SASRec", data)
    case = case_of(model, data, 2)
    item, other = torch.tensor([5]), torch.tensor([9])
    found = explain_difference(model, case, item, other)[0]
    mean = model.item_embedding.weight[1 : data.n_items + 1].mean(0)

    def ahead(embeddings: torch.Tensor) -> float:
        scores = model.scores(case, embeddings=embeddings)[0].detach()
        return float(scores[5] - scores[9])

    for place in range(int(case.lengths[0])):
        embeddings = model.embed(case).clone()
        embeddings[0, place] = mean
        lost = ahead(model.embed(case)) - ahead(embeddings)
        assert float(found[place]) == pytest.approx(lost, rel=1e-4, abs=1e-5)
    torch.testing.assert_close(found, -explain_difference(model, case, other, item)[0])


def test_a_gradient_of_the_difference():
    data = small_data()
    model = small_model("SASRec", data)
    case = case_of(model, data, 1)
    x = model.embed(case).detach().requires_grad_()
    scores = model.scores(case, embeddings=x)[0]
    (gradient,) = torch.autograd.grad(scores[4] - scores[8], x)
    found = explain_difference(
        model, case, torch.tensor([4]), torch.tensor([8]), "input x gradient"
    )
    torch.testing.assert_close(found, (gradient * x).sum(-1).detach(), rtol=1e-4, atol=1e-5)


def test_what_tells_no_difference_is_refused():
    model = small_model("SASRec", small_data())
    case, one = case_of(model, small_data(), 0), torch.tensor([1])
    assert {"replacement", "masking", "integrated gradients"} < set(contrasting(model))
    for method in ("saliency", "recency", "attention"):
        assert method not in contrasting(model)
        with pytest.raises(WorkbenchError, match="tells no difference of scores; choose from"):
            explain_difference(model, case, one, one + 1, method)
