"""What is studied: sequential recommenders in pure PyTorch."""

from models.attention import AttentionTap
from models.batch import Batch
from models.bert4rec import BERT4Rec
from models.config import CalibrationConfig, ModelConfig
from models.recommender import Recommender
from models.sasrec import SASRec
from models.ssept import SSEPT
from models.tisasrec import TiSASRec

__all__ = [
    "SSEPT",
    "AttentionTap",
    "BERT4Rec",
    "Batch",
    "CalibrationConfig",
    "ModelConfig",
    "Recommender",
    "SASRec",
    "TiSASRec",
    "make_model",
]

_CLASSES = {"SASRec": SASRec, "BERT4Rec": BERT4Rec, "SSE-PT": SSEPT, "TiSASRec": TiSASRec}


def make_model(config: ModelConfig) -> Recommender:
    """The backbone a configuration names, with random weights."""
    return _CLASSES[config.backbone](config)
