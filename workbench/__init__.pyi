from .attention import edits
from .attention.adapter import adapt
from .attention.editing import edit_attention
from .attention.recording import mean_attention, record_attention
from .checkpoint import load_model, save_model
from .data import SequenceData, load_data, planted
from .devices import choose_device
from .errors import WorkbenchError, WorkbenchWarning
from .evaluation import Evaluation, evaluate
from .explaining.methods import explain, importances
from .explore.explanation import Explanation, explain_user
from .explore.inspection import inspect_case
from .explore.prediction import predict
from .explore.scenario import Change, Scenario
from .explore.shown import View
from .explore.survey import survey
from .faithfulness.agreement import rank_agreement
from .importing import import_checkpoint
from .matching import held_out
from .recommendation import recommend
from .registry import build_model
from .training.recipes import RECIPES, Recipe
from .training.settings import Training
from .training.sweeps import sweep
from .training.trainer import train
from .training.variants import Variant

__all__ = [
    "RECIPES",
    "Change",
    "Evaluation",
    "Explanation",
    "Recipe",
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
