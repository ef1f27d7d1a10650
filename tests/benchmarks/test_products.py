"""The list of matrix products against what is multiplied in a real step, and in its bare run."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.products import PIECE, Product, Workspace, sasrec_products
from models import Batch, ModelConfig, SASRec

CONFIG = ModelConfig(
    name="SASRec", n_items=12, max_length=7, n_heads=3, hidden_size=6, inner_size=10
)
LENGTHS = torch.tensor([7, 2, 4, 1, 7])


class Counting(TorchDispatchMode):
    """Counts the multiplications and additions of every matrix product."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func._overloadpacket.__name__ in ("mm", "bmm", "addmm", "addmm_", "baddbmm"):
            left, right = [a for a in args if isinstance(a, Tensor)][-2:]
            self.operations += 2 * left.numel() * right.shape[-1]
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("every_row", [False, True])
def test_products_are_those_of_a_step(every_row: bool) -> None:
    width = int(LENGTHS.max())
    items = torch.where(torch.arange(width) < LENGTHS[:, None], 3, 0)
    batch = Batch(items, LENGTHS)
    model = SASRec(CONFIG)
    with Counting() as counting:
        loss = model.losses(batch, items if every_row else items[:, 0]).recommendation
        torch.autograd.grad(loss, list(model.parameters()))

    targets = int(LENGTHS.sum()) if every_row else len(LENGTHS)
    needed = sasrec_products(CONFIG, len(LENGTHS), width, targets, every_row=every_row)
    assert counting.operations == sum(p.operations for p in needed)


def test_logits_in_pieces_cover_every_target_once() -> None:
    targets = 2 * PIECE + 5
    logits = [
        p
        for p in sasrec_products(CONFIG, 40, 7, targets, every_row=True)
        if p.columns == CONFIG.n_items + 1
    ]
    assert [p.rows for p in logits] == [PIECE, PIECE, 5]


def test_each_product_is_run_forward_and_twice_backward() -> None:
    products = [Product(1, 4, 3, 5), Product(6, 2, 3, 2), Product(1, 1, 1, 1)]
    workspace = Workspace(products)
    with Counting() as counting:
        workspace.run(products)
    assert counting.operations == 3 * 2 * (4 * 3 * 5 + 6 * 2 * 3 * 2 + 1)
