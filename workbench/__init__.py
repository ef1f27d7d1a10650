"""What studies a model: everything a notebook needs."""

from workbench.attention import edits
from workbench.attention.adapter import adapt
from workbench.attention.editing import edit_attention
from workbench.attention.recording import mean_attention, record_attention
from workbench.checkpoint import load_model, save_model
from workbench.data import SequenceData, load_data, planted
from workbench.data.batches import held_out
from workbench.devices import choose_device
from workbench.errors import WorkbenchError, WorkbenchWarning
from workbench.evaluation import Evaluation, evaluate
from workbench.explaining.methods import explain, importances
from workbench.explore.explanation import Explanation, explain_user
from workbench.explore.inspection import inspect_case
from workbench.explore.prediction import predict
from workbench.explore.scenario import Change, Scenario
from workbench.explore.shown import View
from workbench.explore.survey import survey
from workbench.faithfulness.agreement import rank_agreement
from workbench.importing import import_checkpoint
from workbench.recommendation import recommend
from workbench.registry import build_model
from workbench.training.sweeps import Variant, sweep
from workbench.training.trainer import Training, train

__all__ = [
    "Change",
    "Evaluation",
    "Explanation",
    "Scenario",
    "SequenceData",
    "Training",
    "Variant",
    "View",
    "WorkbenchError",
    "WorkbenchWarning",
    "adapt",
    "build_model",
    "choose_device",
    "edit_attention",
    "edits",
    "evaluate",
    "explain",
    "explain_user",
    "held_out",
    "import_checkpoint",
    "importances",
    "inspect_case",
    "load_data",
    "load_model",
    "mean_attention",
    "planted",
    "predict",
    "rank_agreement",
    "recommend",
    "record_attention",
    "save_model",
    "survey",
    "sweep",
    "train",
]
