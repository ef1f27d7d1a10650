"""From a configuration and weights to a model; nothing is allocated before the two agree."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from models import ModelConfig, Recommender, make_model


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


def build(config: ModelConfig, state: Mapping[str, Tensor]) -> Recommender:
    """A model of this configuration with these weights, in single precision, for inference."""
    model = _outline(config).to_empty(device="cpu")
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
