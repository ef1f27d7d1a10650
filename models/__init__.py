"""What is studied: sequential recommenders in pure PyTorch.

To read one from the top: sasrec.py, recommender.py, transformer.py, attention.py. What AC-TSR adds
stands beside them: calibrated_attention.py, calibration.py, adversary.py.
"""

from models.attention import AttentionTap
from models.batch import Batch
from models.bert4rec import BERT4Rec
from models.config import CalibrationConfig, ModelConfig
from models.recommender import Recommender
from models.sasrec import SASRec
from models.ssept import SSEPT
from models.tisasrec import TiSASRec

__all__ = [
    "BACKBONES",
    "SSEPT",
    "AttentionTap",
    "BERT4Rec",
    "Batch",
    "CalibrationConfig",
    "ModelConfig",
    "Recommender",
    "SASRec",
    "TiSASRec",
    "backbone_of",
    "make_model",
]

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
    if config.backbone not in BACKBONES:
        raise ValueError(
            f"no backbone {config.backbone!r} in models.BACKBONES, which has {', '.join(BACKBONES)}"
        )
    return BACKBONES[config.backbone]


def make_model(config: ModelConfig) -> Recommender:
    """The model a configuration describes, with random weights; raises as `backbone_of` does."""
    return backbone_of(config)(config)
