"""Hooks through which attention weights pass for a while, and which are always removed."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from models import AttentionTap
from workbench.model import AttentionModel


def taps_at(model: AttentionModel, *stages: str) -> list[AttentionTap]:
    """The taps of some stages, by layer; by default where weights multiply the values."""
    return [tap for tap in model.taps() if tap.stage in (stages or ("attention",))]


@contextmanager
def hooked(
    taps: Iterable[AttentionTap], hook: Callable[..., Any], *, every_row: bool = True
) -> Iterator[None]:
    """While it lasts, the weights that pass some taps pass a hook, too.

    Parameters
    ----------
    taps : of `taps_at`.
    hook : as of any module in PyTorch; what it returns replaces the weights, None leaves them.
    every_row : whether it needs the weights of all rows; see `models.AttentionTap.hook_rows`.
    """
    with ExitStack() as stack:
        for tap in taps:
            handle = tap.register_forward_hook(hook) if every_row else tap.hook_rows(hook)
            stack.callback(handle.remove)
        yield
