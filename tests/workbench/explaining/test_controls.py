"""Controls, which know nothing of what a model does."""

import torch

from models import Batch
from tests.models.variants import batch_of, build
from workbench import explain

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
