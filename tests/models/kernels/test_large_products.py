"""oneDNN takes large products where MKL is slow, in float32, and no others."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from models.kernels import catalogue_cross_entropy, large_products
from models.kernels.large_products import LARGE, _onednn_is_quicker_and_as_exact

AMD = {"avx512_f": True, "amx_tile": False, "cpu_name": "AMD EPYC 9555"}
SETTING = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
TABLE = torch.zeros(LARGE // 64, 1)
ROWS = 64


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """As PyTorch comes and as nothing is known of the processor, and afterwards as it was."""
    before = SETTING.fp32_precision
    SETTING.fp32_precision = "none"
    _onednn_is_quicker_and_as_exact.cache_clear()
    yield
    SETTING.fp32_precision = before
    _onednn_is_quicker_and_as_exact.cache_clear()


def processor(monkeypatch: pytest.MonkeyPatch, **has: Any) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: AMD | has)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)


def asked_for(table: torch.Tensor = TABLE, rows: int = ROWS) -> str:
    """The setting within a block; outside it is as before."""
    before = SETTING.fp32_precision
    with large_products(table, rows):
        within = SETTING.fp32_precision
    assert SETTING.fp32_precision == before
    return within


def rounded_to_less(monkeypatch: pytest.MonkeyPatch, *, when_allowed: bool) -> None:
    """Products as of a processor that makes use of bfloat16 where it may, or of none."""
    multiplied = torch.Tensor.__matmul__

    def product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        if when_allowed and SETTING.fp32_precision == "bf16" and a.dtype == torch.float32:
            return multiplied(a.bfloat16(), b.bfloat16()).float()
        return multiplied(a.double(), b.double()).to(a.dtype)

    monkeypatch.setattr(torch.Tensor, "__matmul__", product)


def test_large_products_are_as_exact_as_float32_is():
    drawn = torch.Generator().manual_seed(1)
    for m, k, n in ((128, 64, 12_000), (12_000, 128, 64), (12_800, 64, 64)):
        a, b = (torch.randn(size, generator=drawn) for size in ((m, k), (k, n)))
        exact = a.double() @ b.double()
        with large_products(a, n):
            found = (a @ b).double()
        # sums of k products of rounded numbers; bfloat16 would be wrong by more than 1e-3 of it
        torch.testing.assert_close(found, exact, rtol=0, atol=1e-5 * k**0.5)


def test_the_loss_over_a_large_catalogue_is_that_of_double_precision():
    drawn = torch.Generator().manual_seed(2)
    hidden, table = torch.randn(300, 8, generator=drawn), torch.randn(20_000, 8, generator=drawn)
    targets = torch.randint(1, 20_000, (300,), generator=drawn)
    found = []
    for dtype in (torch.float32, torch.float64):
        inputs = [each.to(dtype, copy=True).requires_grad_() for each in (hidden, table)]
        loss = catalogue_cross_entropy(*inputs, targets)
        loss.backward()
        found.append([loss.detach().double(), *(each.grad.double() for each in inputs)])
    for single, double in zip(*found, strict=True):
        torch.testing.assert_close(single, double, rtol=1e-4, atol=1e-7)


def test_onednn_is_asked_on_a_processor_of_amd(monkeypatch):
    processor(monkeypatch)
    rounded_to_less(monkeypatch, when_allowed=False)
    assert asked_for() == "bf16"


@pytest.mark.parametrize(
    "has",
    [{"cpu_name": "Intel(R) Xeon(R)"}, {"avx512_f": False}, {"amx_tile": True}, {"cpu_name": ""}],
)
def test_other_processors_keep_their_library(monkeypatch, has):
    processor(monkeypatch, **has)
    assert asked_for() == "none"


def test_products_that_would_be_rounded_to_less_are_not_asked_for(monkeypatch):
    processor(monkeypatch)
    rounded_to_less(monkeypatch, when_allowed=True)
    assert asked_for() == "none"


def test_small_products_other_precisions_and_settings_stay(monkeypatch):
    processor(monkeypatch)
    assert asked_for(rows=ROWS - 1) == "none"
    assert asked_for(TABLE.double()) == "none"
    assert asked_for(TABLE.to("meta")) == "none"
    SETTING.fp32_precision = "ieee"
    assert asked_for() == "ieee"
