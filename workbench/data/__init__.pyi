from .batches import cause_mask
from .catalogue import KNOWN
from .convert import convert
from .description import describe
from .fetch import DataUnavailable
from .load import load_data
from .lookup import find_item, find_user
from .planted import Planted, planted
from .sequences import SequenceData, from_interactions
from .truth import Truth

__all__ = [
    "KNOWN",
    "DataUnavailable",
    "Planted",
    "SequenceData",
    "Truth",
    "cause_mask",
    "convert",
    "describe",
    "find_item",
    "find_user",
    "from_interactions",
    "load_data",
    "planted",
]
