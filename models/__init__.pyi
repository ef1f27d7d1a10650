from .attention import AttentionTap
from .backbones import BACKBONES, backbone_of, make_model
from .batch import Batch
from .bert4rec import BERT4Rec
from .config import CalibrationConfig, ModelConfig
from .recommender import Recommender
from .sasrec import SASRec
from .ssept import SSEPT
from .tisasrec import TiSASRec

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
