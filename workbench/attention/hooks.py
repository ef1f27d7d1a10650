"""Hooks through which attention weights pass for a while, and which are always removed."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from models import AttentionTap, Batch
from workbench.errors import WorkbenchError
from workbench.model import AttentionModel, Model, itself


def taps_at(model: AttentionModel, *stages: str) -> list[AttentionTap]:
    """The taps of some stages, by layer; by default where weights multiply the values."""
    return [tap for tap in model.taps() if tap.stage in (stages or ("attention",))]


class Staying:
    """A hook that does not go along with a copy of its module, from which nobody would remove it.

    Parameters
    ----------
    hook : what is called.
    """

    def __init__(self, hook: Callable[..., Any]) -> None:
        self._hook = hook

    def __call__(self, *args: Any, **named: Any) -> Any:
        """What the hook returns."""
        return self._hook(*args, **named)

    def __reduce_ex__(self, protocol: object) -> Any:
        raise WorkbenchError(
            "a model cannot be copied or pickled while its attention is recorded or edited, since "
            "the copy would stay so; do it before, or after the block has ended."
        )


@contextmanager
def around_passes(
    model: Model, begin: Callable[[Batch], object], end: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """While it lasts, whole passes of a model are told of: their batch before, and that they end.

    Parameters
    ----------
    model : what runs; what runs its layers one by one is no pass.
    begin : called with the batch of each pass.
    end : called when the pass has ended, also by an error.
    """

    def beginning(_: object, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        begin(args[0] if args else named["batch"])

    def ending(*_: object) -> None:
        end()

    module = itself(model)
    with ExitStack() as stack:
        before = module.register_forward_pre_hook(Staying(beginning), with_kwargs=True)
        stack.callback(before.remove)
        after = module.register_forward_hook(Staying(ending), always_call=True)
        stack.callback(after.remove)
        yield


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
    staying = Staying(hook)
    with ExitStack() as stack:
        for tap in taps:
            handle = tap.register_forward_hook(staying) if every_row else tap.hook_rows(staying)
            stack.callback(handle.remove)
        yield
