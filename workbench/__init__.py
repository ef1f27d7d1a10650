"""What studies a model: everything a notebook needs."""

from workbench.attention.adapter import adapt
from workbench.attention.editing import edit_attention
from workbench.attention.recording import record_attention
from workbench.checkpoint import load_model, save_model
from workbench.data import SequenceData, load_data
from workbench.data.batches import held_out
from workbench.errors import WorkbenchError, WorkbenchWarning
from workbench.evaluation import Evaluation, evaluate
from workbench.explain.gradients import Attribution, attribute
from workbench.importing import import_checkpoint
from workbench.registry import build_model
from workbench.training.sweeps import Variant, sweep
from workbench.training.trainer import Training, train

__all__ = [
    "Attribution",
    "Evaluation",
    "SequenceData",
    "Training",
    "Variant",
    "WorkbenchError",
    "WorkbenchWarning",
    "adapt",
    "attribute",
    "build_model",
    "edit_attention",
    "evaluate",
    "held_out",
    "import_checkpoint",
    "load_data",
    "load_model",
    "record_attention",
    "save_model",
    "sweep",
    "train",
]
