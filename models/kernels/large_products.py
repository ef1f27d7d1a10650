"""Which library multiplies large matrices on the CPU: the quicker of the two that PyTorch has."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from torch import Tensor

LARGE = 2**24  # multiplications, from which it is worth while to prepare a product of its size
TOLERANCE = 1e-5  # of a product's largest entry; one in bfloat16 would be wrong by some 1e-3


@contextmanager
def large_products(table: Tensor, rows: int) -> Iterator[None]:
    """While it lasts, oneDNN multiplies in float32 where that is quicker than MKL.

    MKL, which PyTorch asks by default, keeps to AVX2 on processors of AMD, whatever they have.
    oneDNN uses AVX-512 there, more than twice as fast, and PyTorch asks it as soon as products may
    be taken in bfloat16, of which it makes no use on processors without AMX. But it prepares every
    size of a product that is new to it for as long as a small product takes, and keeps what it
    prepared; so it is asked for large ones, whose sizes come again. `python -m benchmarks.onednn`
    compares the two. On other processors and devices, in other precisions, and where the setting
    was made before, nothing changes.

    Parameters
    ----------
    table : [V, d], one of the two matrices.
    rows : of the other.
    """
    setting = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    float32 = table.dtype == torch.float32 and table.device.type == "cpu"
    large = float32 and rows * table.numel() >= LARGE and setting.fp32_precision == "none"
    if not (large and _onednn_is_quicker_and_as_exact()):
        yield
        return
    setting.fp32_precision = "bf16"
    try:
        yield
    finally:
        setting.fp32_precision = "none"


@cache
def _onednn_is_quicker_and_as_exact() -> bool:
    """Whether this processor is one of AMD with AVX-512, and a product is no more than rounded."""
    has = torch.cpu.get_capabilities()
    able = torch.backends.mkldnn.is_available() and has.get("avx512_f", False)
    if not able or has.get("amx_tile", False) or "AMD" not in has.get("cpu_name", ""):
        return False
    drawn = torch.Generator().manual_seed(0)
    a, b = torch.randn(128, 64, generator=drawn), torch.randn(64, 512, generator=drawn)
    exact = a.double() @ b.double()
    setting = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    setting.fp32_precision = "bf16"
    try:
        return bool(((a @ b).double() - exact).abs().max() <= TOLERANCE * exact.abs().max())
    finally:
        setting.fp32_precision = "none"
