"""Trained again: what another seed changes, and how far attention can be moved for nothing.

What differs more between two trainings of one model than between two models is no difference of the
models (Wiegreffe & Pinter, EMNLP 2019, arXiv 1908.04626). Each training is measured by itself here;
`seed_pairs` puts two and two of them together, and `deception` compares those whose attention was
kept off what matters with those trained without that.
"""

from contextlib import ExitStack

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from analyses.diagnostic import Diagnostic
from analyses.diagnostics.seeds import seed_findings as view
from analyses.running.held_out import HeldOutCases
from analyses.running.passes import RankedScores
from workbench import explain
from workbench.attention.recording import recording
from workbench.explaining.methods import default_erasure
from workbench.metrics import CUTOFF, ndcg
from workbench.model import Model


@torch.no_grad()
def measure(model: Model, cases: HeldOutCases, *, seed: int) -> pd.DataFrame:
    """Rows per user by `kind`.

    - "ndcg": NDCG@10 of the held-out item.
    - "top": the item at each place (`key`, from 0) of the top 10.
    - "attention": what the prediction row gives to the item at each position (`key`, from 0, the
      oldest first), the mean over layers and heads.
    - "effect": what the score of the held-out item owes to each position, for the users of the
      sample who have two items or more.
    - "cause": 1 at each position that holds a planted cause, else 0, where causes are known.
    """
    batch, users = cases.batch, cases.users
    with ExitStack() as while_it_runs:
        attended = while_it_runs.enter_context(recording(model, batch)) if model.stages else {}
        outcome = RankedScores.of(model, batch, cases.targets)
    gained = ndcg(outcome.rank.cpu().numpy(), CUTOFF)
    top = outcome.listed
    parts = [
        pd.DataFrame({"user": users, "kind": "ndcg", "key": 0, "value": gained}),
        _rows("top", users, top, torch.ones_like(top, dtype=torch.bool)),
    ]
    for weights in attended.values():
        parts.append(_rows("attention", users, weights.mean((1, 2)), batch.valid))
    sample = cases.take(cases.in_sample & (batch.lengths.cpu().numpy() > 1))
    if len(sample.users):
        effects = explain(model, sample.batch, sample.targets, default_erasure(model))
        parts.append(_rows("effect", sample.users, effects, sample.batch.valid))
    if cases.causes is not None:
        parts.append(_rows("cause", users, cases.causes.int(), batch.valid))
    return pd.concat(parts)


def _rows(kind: str, users: np.ndarray, values: Tensor, valid: Tensor) -> pd.DataFrame:
    """A row per valid place of [B, K]."""
    user, key = valid.nonzero(as_tuple=True)
    columns = {"key": key.cpu().numpy(), "value": values[user, key].double().cpu().numpy()}
    return pd.DataFrame({"user": users[user.cpu().numpy()], "kind": kind, **columns})


DIAGNOSTIC = Diagnostic(
    name="seeds",
    title="Trained again",
    question="What stays of attention when a model is trained again, with another seed or with its "
    "attention kept off what matters?",
    measure=measure,
    findings=view.findings,
    tables=view.tables,
    summaries=view.summaries,
    captions=view.CAPTIONS,
    by_user=view.by_user,
    across_seeds=True,
    order=60,
)
