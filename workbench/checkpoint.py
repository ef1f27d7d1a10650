"""Models on disk: weights in safetensors, everything else in a readable JSON card."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from models import ModelConfig, Recommender, backbone_of, make_model
from workbench.errors import WorkbenchError
from workbench.files import not_written, replaced_file

WEIGHTS, CARD = "model.safetensors", "card.json"
PRETRAINED = Path(__file__).resolve().parents[1] / "models" / "pretrained"


def save_model(model: Recommender, folder: str | Path, card: dict[str, Any] | None = None) -> Path:
    """Write weights and card to a folder, wholly or not at all. Returns the folder.

    card: what is worth knowing beside the configuration (metrics, data checksum, seed, command).
    An older model in that folder is replaced. Raises WorkbenchError where it cannot be written.
    """
    folder = Path(folder)
    state = {k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}
    full_card = {"config": model.config.to_dict(), **(card or getattr(model, "card", {}))}
    text = json.dumps(full_card, indent=2) + "\n"
    try:
        with replaced_file(folder / CARD) as described, replaced_file(folder / WEIGHTS) as weights:
            save_file(state, weights)
            described.write_text(text, encoding="utf-8")
    except (OSError, SafetensorError) as error:
        raise not_written(folder, error) from error
    return folder


def load_model(source: str | Path) -> Recommender:
    """A model from a folder, or a shipped one by name, ready for inference.

    Its card is at `model.card`. Raises WorkbenchError for a folder that holds no model, a card that
    cannot be read, or weights that do not fit it, which is seen before memory is taken for either.
    Nothing in the files is executed.
    """
    folder = Path(source)
    if not (folder / CARD).exists() and (PRETRAINED / str(source) / CARD).exists():
        folder = PRETRAINED / str(source)
    if not (folder / CARD).exists():
        shipped = ", ".join(sorted(p.parent.name for p in PRETRAINED.glob(f"*/{CARD}"))) or "none"
        raise WorkbenchError(
            f"{source}: no model here (no {CARD}); give a folder that `train` wrote, or a shipped "
            f"model: {shipped}."
        )
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        config = ModelConfig.from_dict(card["config"])
        backbone_of(config)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WorkbenchError(
            f"{folder / CARD}: not a model card ({error}); train or save the model again."
        ) from error
    try:
        with safe_open(folder / WEIGHTS, "pt") as file:
            names = file.keys()
            check_shapes(config, {name: file.get_slice(name).get_shape() for name in names})
        model = build(config, load_file(folder / WEIGHTS))
    except (OSError, SafetensorError, TypeError, ValueError) as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise WorkbenchError(
            f"{folder / WEIGHTS}: the weights do not fit {CARD} ({reason}); "
            "train or save the model again."
        ) from error
    model.card = card
    return model


def check_shapes(config: ModelConfig, shapes: Mapping[str, Sequence[int]]) -> None:
    """Raise ValueError unless these are the shapes of all tensors of such a model, by name."""
    if config.n_layers > len(shapes):  # even an outline of that many would fill memory
        raise ValueError(f"{config.n_layers:,} layers in {len(shapes)} tensors")
    wanted = _outline(config).state_dict()
    for name, tensor in wanted.items():
        if name not in shapes:
            raise ValueError(f"it lacks what is here {name}")
        if list(shapes[name]) != list(tensor.shape):
            raise ValueError(
                f"{name} is {list(shapes[name])} where {list(tensor.shape)} is expected"
            )
    for name in shapes:
        if name not in wanted:
            raise ValueError(f"it has what would here be {name}, without the rest of it")


def build(
    config: ModelConfig, state: Mapping[str, Tensor], device: torch.device | str = "cpu"
) -> Recommender:
    """A model of this configuration with these weights, in single precision, for inference."""
    model = _outline(config).to_empty(device=device)
    model.load_state_dict(state)
    return model.eval()


def _outline(config: ModelConfig) -> Recommender:
    """A model without memory for its weights. Raises ValueError for sizes beyond any memory."""
    try:
        with torch.device("meta"):
            return make_model(config)
    except (RuntimeError, OverflowError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"no model is that large ({reason})") from error
