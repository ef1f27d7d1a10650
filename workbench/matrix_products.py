"""Which library multiplies matrices on the CPU: the quicker of the two that PyTorch has."""

import torch

TOLERANCE = 1e-5  # of a product's largest entry; one in bfloat16 would be wrong by some 1e-3


def quickly() -> None:
    """Let oneDNN multiply in float32 where MKL, which PyTorch asks by default, is slow.

    MKL keeps to AVX2 on processors of AMD, whatever they have. oneDNN uses AVX-512 there, two to
    four times as fast, and PyTorch asks it as soon as products may be taken in bfloat16, of which
    it makes no use on processors without AMX. Whether that is so here is measured; where it is not,
    and on all other processors, nothing changes, nor where the setting was made before.
    `python -m benchmarks.onednn` compares the two.
    """
    setting = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    if setting.fp32_precision != "none" or not _amd_with_avx512():
        return
    setting.fp32_precision = "bf16"
    if not _as_exact_as_float32():
        setting.fp32_precision = "none"


def _amd_with_avx512() -> bool:
    """Whether MKL is slow here and oneDNN is not."""
    has = torch.cpu.get_capabilities()
    able = torch.backends.mkldnn.is_available() and has.get("avx512_f", False)
    return able and not has.get("amx_tile", False) and "AMD" in has.get("cpu_name", "")


def _as_exact_as_float32() -> bool:
    """Whether a product of some size is wrong by no more than rounding in float32."""
    drawn = torch.Generator().manual_seed(0)
    a = torch.randn(128, 64, generator=drawn)
    b = torch.randn(64, 512, generator=drawn)
    exact = a.double() @ b.double()
    return bool(((a @ b).double() - exact).abs().max() <= TOLERANCE * exact.abs().max())
