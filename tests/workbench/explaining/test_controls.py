"""Controls, which know nothing of what a model does."""

import torch

from models import Batch
from tests.models.variants import batch_of, build
from workbench import adapt, explain

HISTORIES = [3, 1, 4, 1, 5], [9, 2, 6], [7]
TARGETS = torch.tensor([2, 8, 4])


def test_recency_counts_from_the_oldest_item():
    found = explain(build("SASRec"), batch_of(*HISTORIES), TARGETS, "recency")
    assert found.tolist() == [[1, 2, 3, 4, 5], [1, 2, 3, 0, 0], [1, 0, 0, 0, 0]]


def test_similarity_is_the_product_of_embeddings():
    model = build("SASRec", backbone="SSE-PT", n_users=3)
    batch = batch_of(*HISTORIES)
    batch = Batch(batch.items, batch.lengths, users=torch.arange(3))
    table = model.item_embedding.weight
    found = explain(model, batch, TARGETS, "similarity")
    for row, history in enumerate(HISTORIES):
        expected = table[history] @ table[TARGETS[row]]
        torch.testing.assert_close(found[row, : len(history)], expected.detach())


def test_random_depends_on_seed_and_history_alone():
    model, batch = build("SASRec"), batch_of(*HISTORIES)
    together = explain(model, batch, TARGETS, "random", seed=3)
    alone = explain(model, batch_of(HISTORIES[1]), TARGETS[1:2], "random", seed=3)
    assert together[1, :3].equal(alone[0])
    assert not explain(model, batch, TARGETS, "random", seed=4).equal(together)


def test_similarity_does_not_hang_on_the_histories_beside_it():
    """An adapted model may embed the time of an item; the target's is that of the last item."""
    table = torch.arange(12.0)[:, None] + torch.tensor([0.5, 1.5])

    def embed(batch: Batch) -> torch.Tensor:
        assert batch.times is not None
        return table[batch.items] * (1 + batch.times[..., None])

    model = adapt(
        torch.nn.Identity(),
        embed=embed,
        score=lambda batch, embeddings: (embeddings * batch.valid[..., None]).sum(1) @ table.T,
        n_items=11,
        max_length=8,
        needs_times=True,
    )
    batch = batch_of([3, 1, 4], [9, 2])
    batch = Batch(batch.items, batch.lengths, torch.tensor([[1, 2, 3], [4, 5, 0]]))
    alone = Batch(batch.items[1:, :2], batch.lengths[1:], torch.tensor([[4, 5]]))
    together = explain(model, batch, TARGETS[:2], "similarity")[1, :2]
    assert together.equal(explain(model, alone, TARGETS[1:2], "similarity")[0])
    by_hand = [(table[item] * table[8]).sum() * (1 + at) * 6 for item, at in ((9, 4), (2, 5))]
    torch.testing.assert_close(together, torch.stack(by_hand))
