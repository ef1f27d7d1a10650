"""Data: from an interactions file, or a known name, to `SequenceData`."""

from workbench.data.batches import cause_mask
from workbench.data.catalogue import KNOWN, describe
from workbench.data.convert import convert
from workbench.data.fetch import DataUnavailable
from workbench.data.load import load_data
from workbench.data.planted import Planted, permute_sequences, planted
from workbench.data.sequences import SequenceData, from_interactions
from workbench.data.truth import Truth

__all__ = [
    "KNOWN",
    "DataUnavailable",
    "Planted",
    "SequenceData",
    "Truth",
    "cause_mask",
    "convert",
    "describe",
    "from_interactions",
    "load_data",
    "permute_sequences",
    "planted",
]
