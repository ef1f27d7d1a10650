"""The backbones by name, and models from configurations."""

from models.bert4rec import BERT4Rec
from models.config import ModelConfig
from models.recommender import Recommender
from models.sasrec import SASRec
from models.ssept import SSEPT
from models.tisasrec import TiSASRec

BACKBONES: dict[str, type[Recommender]] = {
    backbone.name: backbone
    for backbone in (
        SASRec,
        BERT4Rec,
        SSEPT,
        TiSASRec,
    )
}
"""Backbones by name; what is added here can be built, saved, loaded and diagnosed."""


def backbone_of(config: ModelConfig) -> type[Recommender]:
    """The class a configuration names.

    Raises
    ------
    ValueError
        Where it is not in `BACKBONES`.
    """
    if config.backbone not in tuple(BACKBONES):  # of a file, it may be a list
        raise ValueError(
            f"no backbone {config.backbone!r} in models.BACKBONES, which has {', '.join(BACKBONES)}"
        )
    return BACKBONES[config.backbone]


def make_model(config: ModelConfig) -> Recommender:
    """The model a configuration describes, with random weights; raises as `backbone_of` does."""
    return backbone_of(config)(config)
