"""Dropout whose CPU masks cost a small part of PyTorch's."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ONES = 0x0101010101010101  # a 1 in each of the eight bytes
TOPS = -0x7F7F7F7F7F7F7F80  # the top bit of each byte


class Dropout(nn.Module):
    """Zeroes elements with probability p and scales the others, so that the mean stays.

    On a CPU one 64-bit draw serves eight elements, where PyTorch's own draws once for each; p is
    therefore rounded to the nearest 1/256 there, and the scale with it.

    Parameters
    ----------
    p : chance, from 0 to 1, that an element falls in training.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        if x.device.type != "cpu":
            return F.dropout(x, self.p)
        dropped = min(max(round(self.p * 256), 1), 255)
        kept = _kept(x.numel(), dropped).view(x.shape)
        return x * kept.to(x.dtype).mul_(256 / (256 - dropped))


def _kept(n: int, dropped: int) -> Tensor:
    """n bytes, each 1 where a random byte is at least `dropped` of 256, else 0.

    Eight bytes are compared at once: with its top bit set, a byte less the low bits of `dropped`
    borrows from no neighbour, and keeps the bit where its own low bits suffice.
    """
    draws = torch.empty((n + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
    enough = (draws | TOPS).sub_((dropped & 0x7F) * ONES)
    enough = enough.bitwise_and_(draws) if dropped & 0x80 else enough.bitwise_or_(draws)
    return enough.bitwise_right_shift_(7).bitwise_and_(ONES).view(torch.uint8)[:n]
