"""What is true, and what is said, of every attention map and importance of a model."""

import numpy as np
import pandas as pd

from analyses.judging.labels import CASES, caused_cases, truth_table
from analyses.judging.signals import signals
from workbench import importances
from workbench.data.batches import held_out_batch
from workbench.data.lookup import users_with_case
from workbench.data.sequences import SequenceData
from workbench.model import Model

REDUCTION = "attention"  # how the names of attention's reductions begin


def map_rows(model: Model, data: SequenceData, *, every: bool) -> pd.DataFrame:
    """How well importances of one model find causes, and what is said of its attention."""
    known = importances(model)
    maps = [name for name in known if name.startswith(REDUCTION)]
    names = list(known) if every else maps
    truth = truth_table(model, caused_cases(data, model.config.max_length), names)
    users = np.random.default_rng(0).permutation(users_with_case(data))[:CASES]
    batch, targets = held_out_batch(data, np.sort(users).tolist(), model.config.max_length)
    said = signals(model, batch, targets, maps)
    return truth.merge(said, on="importance", how="left")
