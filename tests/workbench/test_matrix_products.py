"""oneDNN multiplies where MKL is slow, in float32, and nowhere else."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from workbench import choose_device, matrix_products

AMD = {"avx512_f": True, "amx_tile": False, "cpu_name": "AMD EPYC 9555"}
SETTING = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """As PyTorch comes, and afterwards as it was."""
    before = SETTING.fp32_precision
    SETTING.fp32_precision = "none"
    yield
    SETTING.fp32_precision = before


def processor(monkeypatch: pytest.MonkeyPatch, **has: Any) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: AMD | has)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)


def test_choosing_the_cpu_leaves_products_as_exact_as_float32_is():
    choose_device("cpu")
    drawn = torch.Generator().manual_seed(1)
    for m, k, n in ((3, 5, 7), (128, 64, 3_000), (3_000, 128, 64), (200, 64, 64)):
        a, b = (torch.randn(size, generator=drawn) for size in ((m, k), (k, n)))
        exact = a.double() @ b.double()
        # sums of k products of rounded numbers; bfloat16 would be wrong by more than 1e-3 of it
        torch.testing.assert_close((a @ b).double(), exact, rtol=0, atol=1e-6 * k**0.5 * 10)


def test_onednn_is_asked_on_a_processor_of_amd(monkeypatch):
    processor(monkeypatch)
    monkeypatch.setattr(matrix_products, "_as_exact_as_float32", lambda: True)
    choose_device("cpu")
    assert SETTING.fp32_precision == "bf16"


@pytest.mark.parametrize(
    "has",
    [{"cpu_name": "Intel(R) Xeon(R)"}, {"avx512_f": False}, {"amx_tile": True}, {"cpu_name": ""}],
)
def test_other_processors_keep_their_library(monkeypatch, has):
    processor(monkeypatch, **has)
    choose_device("cpu")
    assert SETTING.fp32_precision == "none"


def test_products_that_are_rounded_to_less_are_not_kept(monkeypatch):
    processor(monkeypatch)
    multiplied = torch.Tensor.__matmul__

    def rounded(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """As a processor would that makes use of what is allowed."""
        if SETTING.fp32_precision == "bf16" and a.dtype == torch.float32:
            return multiplied(a.bfloat16(), b.bfloat16()).float()
        return multiplied(a, b)

    monkeypatch.setattr(torch.Tensor, "__matmul__", rounded)
    choose_device("cpu")
    assert SETTING.fp32_precision == "none"


def test_a_setting_that_was_made_before_stays(monkeypatch):
    processor(monkeypatch)
    SETTING.fp32_precision = "ieee"
    choose_device("cpu")
    assert SETTING.fp32_precision == "ieee"


def test_another_device_leaves_it(monkeypatch):
    processor(monkeypatch)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    choose_device("cuda")
    assert SETTING.fp32_precision == "none"
