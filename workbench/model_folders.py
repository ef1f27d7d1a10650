"""Where saved models are: folders, the shipped ones by name, and the same with other seeds."""

from pathlib import Path

from workbench.errors import WorkbenchError

WEIGHTS, CARD, TOKENS = "model.safetensors", "card.json", "tokens.json"
PRETRAINED = Path(__file__).resolve().parents[1] / "models" / "pretrained"


def located_model(source: str | Path) -> Path:
    """The folder that a name or a path of a model means.

    A text that is the name of a shipped model means that one; `./NAME` is a folder.

    Raises
    ------
    WorkbenchError
        If there is no model.
    """
    if not isinstance(source, str | Path):
        raise WorkbenchError(f"{source!r} is neither the name nor the folder of a model.")
    folder = _folder(source)
    if not (folder / CARD).exists():
        shipped = ", ".join(shipped_names()) or "none"
        raise WorkbenchError(
            f"{source}: no model here (no {CARD}); give a folder that `train` wrote, or a shipped "
            f"model: {shipped}."
        )
    return folder


def sibling_name(seed: int | str) -> str:
    """The folder, within a model's, of the same training with another seed."""
    return f"seed-{seed}"


def siblings(folder: str | Path) -> dict[int, Path]:
    """The folders of the same training with other seeds, by seed, in a model's folder.

    Parameters
    ----------
    folder : of the model, or the name of a shipped one.
    """
    cards = _folder(folder).glob(f"{sibling_name('[0-9]*')}/{CARD}")
    numbers = {card.parent.name.rpartition("-")[2]: card.parent for card in cards}
    return {int(n): numbers[n] for n in sorted(filter(str.isdecimal, numbers), key=int)}


def _folder(source: str | Path) -> Path:
    """Where a model is: that of the shipped model of a name, or else the folder of a path."""
    if isinstance(source, Path) or source not in shipped_names():
        return Path(source)
    return PRETRAINED / source


def shipped_names() -> list[str]:
    """Names of the models that come with the workbench, sorted."""
    return sorted(card.parent.name for card in PRETRAINED.glob(f"*/{CARD}"))
