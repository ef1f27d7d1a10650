"""From an opened checkpoint to named, finite tensors, and the settings saved beside them."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, TypeGuard

from torch import Tensor

from workbench.errors import WorkbenchError
from workbench.files import checksum
from workbench.importing.containers import Opened, is_tensor, open_checkpoint
from workbench.importing.pickles import Inert
from workbench.phrases import listing

WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "module", "network", "weights")
SETTINGS = ("config", "args", "hyper_parameters", "hparams")
OWN = ("torch.", "collections.", "builtins.", "numpy.", "_codecs.")


@dataclass(frozen=True)
class Weights:
    """What a checkpoint holds.

    Attributes
    ----------
    path : the file.
    sha256 : its checksum.
    tensors : by name, without wrapping prefixes.
    settings : plain values saved beside them.
    foreign : dotted names of foreign classes and functions that the file asked for; none was run.
    tree : all that the file holds, inert.
    """

    path: Path
    sha256: str
    tensors: dict[str, Tensor]
    settings: dict[str, Any]
    foreign: list[str]
    tree: Any

    def saved(self, key: str) -> Mapping[str, Any]:
        """The mapping saved beside the tensors as `key`; an empty one if there is none."""
        part = self.tree.get(key) if isinstance(self.tree, dict) else None
        return part if isinstance(part, dict) else {}


def read_weights(path: str | Path) -> Weights:
    """Read a checkpoint of any software.

    Raises
    ------
    WorkbenchError
        If the file holds no weights, they cannot be read, or some are not finite.
    """
    opened = open_checkpoint(path)
    state = _state(opened, opened.tree)
    tensors = {str(k): opened.tensor(str(k), v) for k, v in state.items() if is_tensor(v)}
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise WorkbenchError(
                f"{opened.path}: {name} holds values that are not finite, so training had failed; "
                "take an earlier checkpoint."
            )
    return Weights(
        opened.path,
        checksum(opened.path),
        _without_prefixes(tensors),
        _settings(opened.tree),
        sorted(name for name in opened.foreign if not name.startswith(OWN)),
        opened.tree,
    )


def _state(opened: Opened, node: Any) -> Mapping[Any, Any]:
    """The mapping from names to tensors, however it is wrapped; also beside others in a list.

    Behind no wrapper that is known, it is the only one that holds tensors.
    """
    if isinstance(node, list | tuple):
        node = next((part for part in node if _holds_tensors(part)), node)
    while isinstance(node, dict):
        inner = next((node[key] for key in WRAPPERS if isinstance(node.get(key), dict)), None)
        if inner is None:
            break
        node = inner
    if _holds_tensors(node):
        return node
    within = _mappings_of_tensors(node)
    if len(within) == 1:
        return next(iter(within.values()))
    if within:
        raise WorkbenchError(
            f"{opened.path} holds tensors in {listing(list(within), 4)}; save the state_dict of "
            "the model alone."
        )
    if isinstance(node, Inert) and node.state is not None:
        raise WorkbenchError(
            f"{opened.path} holds a whole object of the class {node.path}, which is not run; save "
            "model.state_dict() where it was trained."
        )
    raise WorkbenchError(
        f"{opened.path} holds no state_dict, a mapping from names to tensors; save "
        "model.state_dict() where it was trained."
    )


def _mappings_of_tensors(tree: Any) -> dict[str, Mapping[Any, Any]]:
    """Mappings that hold tensors, by the texts that lead there, which no optimizer's have."""
    found: dict[str, Mapping[Any, Any]] = {}
    met: set[int] = set()
    waiting = [("", tree)]
    while waiting:
        name, node = waiting.pop(0)
        if not isinstance(node, dict) or id(node) in met:
            continue
        met.add(id(node))
        if _holds_tensors(node):
            found[name] = node
        else:
            inner = ((key, part) for key, part in node.items() if isinstance(key, str))
            waiting += [(f"{name}.{key}".strip("."), part) for key, part in inner]
    return found


def _holds_tensors(node: Any) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(node, dict) and any(map(is_tensor, node.values()))


def _without_prefixes(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Names without what all of them begin with, such as `module.` of DataParallel."""
    while len(tensors) > 1:
        first = {name.partition(".")[0] for name in tensors}
        if len(first) > 1 or not all("." in name for name in tensors):
            break
        tensors = {name.partition(".")[2]: tensor for name, tensor in tensors.items()}
    return tensors


def _settings(tree: Any) -> dict[str, Any]:
    """The plain values of RecBole's Config, of an argparse namespace, or of a dict of options."""
    parts = tree if isinstance(tree, list | tuple) else [tree]
    for part, key in product(parts, SETTINGS):
        value = part.get(key) if isinstance(part, dict) else None
        held = value.state if isinstance(value, Inert) and value.state is not None else value
        if isinstance(held, dict):
            values = held.get("final_config_dict", held)
            plain = (str, int, float, bool)
            return {k: v for k, v in values.items() if isinstance(k, str) and isinstance(v, plain)}
    return {}
