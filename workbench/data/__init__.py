"""Data: from an interactions file, or a known name, to `SequenceData`."""

from workbench.data.catalogue import KNOWN, describe
from workbench.data.convert import convert
from workbench.data.fetch import DataUnavailable
from workbench.data.load import load_data
from workbench.data.planted import Planted, permute_sequences, planted
from workbench.data.sequences import SequenceData, from_interactions

__all__ = [
    "KNOWN",
    "DataUnavailable",
    "Planted",
    "SequenceData",
    "convert",
    "describe",
    "from_interactions",
    "load_data",
    "permute_sequences",
    "planted",
]
