"""How fast calibrated models are, in the speed of their backbone: both score batches in turns."""

from collections.abc import Mapping
from time import process_time

import numpy as np
import pandas as pd
import torch

from analyses.claims.rule import Effect, Lines
from analyses.running.code import code_hash
from analyses.running.store import Store, piece_key
from models import Batch, Recommender
from workbench import SequenceData
from workbench.data.batches import held_out_batch
from workbench.data.lookup import users_with_case
from workbench.mode import evaluation_mode
from workbench.statistics import mean_interval

BATCHES, SIZE = 20, 128  # batches timed, and users in each
SEED = 0


def speeds(
    plain: Recommender, others: Mapping[str, Recommender], data: SequenceData, store: Store
) -> pd.DataFrame:
    """CPU seconds of the scores of all items: a row per batch, a column per model.

    The first column is the plain model's. What was timed once is kept: weights do not change it.
    """
    models = {plain.config.name: plain, **others}
    code = code_hash([timed], ["models"])
    shapes = {name: repr(model.config) for name, model in models.items()}
    key = piece_key("claims-speed", shapes, data, np.arange(BATCHES), SEED, code)
    return store.made(key, lambda: timed(models, data))


def timed(models: Mapping[str, Recommender], data: SequenceData) -> pd.DataFrame:
    """What `speeds` gives, timed now."""
    able = users_with_case(data)
    rng = np.random.default_rng(SEED)
    draws = [rng.choice(able, min(SIZE, len(able)), replace=False) for _ in range(BATCHES)]
    longest = next(iter(models.values())).config.max_length
    batches = [held_out_batch(data, np.sort(draw).tolist(), longest)[0] for draw in draws]
    for model in models.values():  # the first pass of a process is no measure
        _seconds(model, batches[0])
    return pd.DataFrame(
        [{name: _seconds(model, batch) for name, model in models.items()} for batch in batches]
    )


def _seconds(model: Recommender, batch: Batch) -> float:
    with torch.no_grad(), evaluation_mode(model):
        start = process_time()
        model.scores(batch.to(model.device))
        return process_time() - start


def keeps_speed(times: pd.DataFrame, model: str, slower: float) -> tuple[Effect, Lines]:
    """Whether a model takes less than `slower` times what the plain one does.

    The effect is its speed in that of the plain model; the interval is over batches.
    """
    speed = mean_interval((times.iloc[:, 0] / times[model]).to_numpy(np.float64))
    line = Lines.at(1 / slower)
    about = mean_interval((times.iloc[:, 0] / times[model] - line.upper).to_numpy(np.float64))
    return Effect(speed, about.p_value, about.p_value, (0, 0)), line
