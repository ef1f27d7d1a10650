"""What is studied: sequential recommenders in pure PyTorch."""

from models.batch import Batch
from models.config import CalibrationConfig, ModelConfig
from models.sasrec import SASRec
from models.taps import AttentionTap

__all__ = ["AttentionTap", "Batch", "CalibrationConfig", "ModelConfig", "SASRec"]
