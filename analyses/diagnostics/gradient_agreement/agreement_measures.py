"""Gradient agreement (figure 5 of the AC-TSR paper): attention against gradient importance.

Per user, Kendall's tau-b between the prediction row's attention over the history and the gradient
importance of the same positions. As in Jain & Wallace (NAACL 2019), input x gradient and saliency
are taken with attention detached from the graph; integrated gradients use the full graph, since
their completeness holds for the function as it is.

An item's gradient is then scaled by its own weights, so that attention agrees with it in models
that have learned nothing (Adebayo et al., NeurIPS 2018). The same is therefore measured of the
controls of each model.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from analyses.diagnostic import Diagnostic
from analyses.diagnostics.faithfulness.importance_choices import OWN
from analyses.diagnostics.gradient_agreement import agreement_figures as figures
from analyses.diagnostics.gradient_agreement import agreement_findings as view
from analyses.running.held_out import HeldOutCases, recommended, seen_items
from models import Batch
from workbench import edit_attention
from workbench.attention.edits import power
from workbench.attention.recording import mean_attention, recording
from workbench.explaining.gradients import above_zero
from workbench.explaining.methods import explain_each
from workbench.faithfulness.agreement import SHORTEST, rank_agreement
from workbench.faithfulness.randomization import PERMUTED, Control, controls
from workbench.model import Model, with_gradients

METHODS = {
    view.METHOD: "saliency, attention held",
    view.PRODUCT: "input x gradient, attention held",
    view.PATHS: "integrated gradients",
}  # what `explain` calls them
MEAN = ("mean", "mean")  # over layers and heads
USERS_OF_A_DRAW = 6  # of a control
EXPONENT = 0.1  # of weights that are flattened
INCOMPLETE = 0.05  # share of the difference of scores that integrated gradients may leave over


def measure(model: Model, cases: HeldOutCases, *, seed: int) -> pd.DataFrame:
    """A row per user, control, target, method, and layer and head ("mean" is over all of them).

    Layers and heads are told apart for saliency of the held-out item alone, which is also what is
    measured of controls. Controls and integrated gradients run on the users of the sample. Users
    who share a draw of a control have the same number in the column "draw".
    """
    batch = cases.batch
    with torch.no_grad(), recording(model, batch) as recorded:
        top = recommended(model.scores(batch), seen_items(cases.data, cases.users))  # [B]
    attention = recorded["attention"]  # [B, layers, H, L]
    mean = {MEAN: attention.mean((1, 2))}
    one = {view.METHOD: by_layer_and_head(attention), view.PRODUCT: mean}
    trained, product = agreements(model, cases, cases.targets, one)
    (own,) = agreements(model, cases, top, {view.METHOD: mean})
    parts = [trained, product, own.assign(target=OWN)]
    sample = cases.take(cases.in_sample)
    if len(sample.users):
        if product["tau"].notna().any():  # where it vanishes, integrated gradients do as well
            weights = {MEAN: mean[MEAN][torch.from_numpy(cases.in_sample).to(top.device)]}
            parts += agreements(model, sample, sample.targets, {view.PATHS: weights})
        if trained.loc[trained["user"].isin(sample.users), "tau"].notna().any():
            parts += _of_controls(model, sample, seed)
    return pd.concat(parts)


def _of_controls(model: Model, cases: HeldOutCases, seed: int) -> Iterator[pd.DataFrame]:
    """What is measured of each control, and of the model with its attention flattened.

    A copy is drawn for a few users at a time, since draws differ more than users do.
    """
    n_groups = -(-len(cases.users) // USERS_OF_A_DRAW)
    for k in range(n_groups):
        group = cases.take(np.arange(k, len(cases.users), n_groups))
        first = int(group.users[0])
        for name, control in controls(model, seed + first).items():
            if name != PERMUTED:
                yield _of_control(control, group).assign(control=name, draw=first)
    permuted = controls(model, seed + int(cases.users[0]))[PERMUTED]  # anew for every user
    yield _of_control(permuted, cases).assign(control=PERMUTED)
    yield _of_control(partial(_flattened, model), cases).assign(control=view.FLATTENED)


def _of_control(control: Control, cases: HeldOutCases) -> pd.DataFrame:
    """Agreement of attention with saliency of the held-out item in a control."""
    with control() as other:
        weights = mean_attention(other, cases.batch)
        (found,) = agreements(other, cases, cases.targets, {view.METHOD: {MEAN: weights}})
        return found


@contextmanager
def _flattened(model: Model) -> Iterator[Model]:
    """The model with every row of its attention flattened, in the order that it has."""
    with edit_attention(model, power(EXPONENT), rows="all"):
        yield model


def by_layer_and_head(attention: Tensor) -> dict[tuple[str, str], Tensor]:
    """Attention rows [B, layers, H, L] by (layer, head): single ones and means, each [B, L]."""
    n_layers, n_heads = attention.shape[1:3]
    rows = {MEAN: attention.mean((1, 2))}
    for layer in range(n_layers):
        rows[str(layer + 1), "mean"] = attention[:, layer].mean(1)
        for head in range(n_heads):
            rows[str(layer + 1), str(head + 1)] = attention[:, layer, head]
    return rows


def agreements(
    model: Model,
    cases: HeldOutCases,
    items: Tensor,
    attention: Mapping[str, Mapping[tuple[str, str], Tensor]],
) -> list[pd.DataFrame]:
    """For each method a row per user, layer and head: tau-b with attention, p value and status.

    Parameters
    ----------
    model, cases : what is measured, and of whom.
    items : [B], whose score the importance is of.
    attention : by method of the importance, of `METHODS`, weights [B, L] by layer and head.
    """
    names = [METHODS[method] for method in attention]
    importances = explain_each(model, cases.batch, items, names)  # [B, L] each
    return [
        _agreement(model, cases, items, method, importances[METHODS[method]], weights)
        for method, weights in attention.items()
    ]


def _agreement(
    model: Model,
    cases: HeldOutCases,
    items: Tensor,
    method: str,
    importance: Tensor,
    attention: Mapping[tuple[str, str], Tensor],
) -> pd.DataFrame:
    """What `agreements` gives by one method, whose `importance` is [B, L]."""
    batch = cases.batch
    gap = torch.full((len(items),), torch.nan)
    if method == view.PATHS:
        gap = completeness_gap(model, batch, items, importance).cpu()
    lengths = batch.lengths.cpu().numpy()
    common = {
        "user": cases.users,
        "control": view.TRAINED,
        "draw": cases.users,
        "target": view.TARGET,
        "method": method,
        "length": lengths,
        "gap": gap.numpy(),
    }
    parts = []
    for (layer, head), weights in attention.items():
        tau, p_value = (
            values.cpu().numpy() for values in rank_agreement(weights, importance.abs(), batch)
        )
        incomplete = ~np.isnan(tau) & (gap.numpy() > INCOMPLETE)
        none = np.where(lengths < SHORTEST, "short", "constant")
        parts.append(
            pd.DataFrame(
                {
                    **common,
                    "tau": np.where(incomplete, np.nan, tau),
                    "p_value": np.where(incomplete, np.nan, p_value),
                    "status": np.where(
                        incomplete, "incomplete", np.where(np.isnan(tau), none, "ok")
                    ),
                    "layer": layer,
                    "head": head,
                }
            )
        )
    return pd.concat(parts)


def completeness_gap(model: Model, batch: Batch, items: Tensor, importance: Tensor) -> Tensor:
    """How far an importance is from adding up to what the items did to the score, as a share of it.

    Parameters
    ----------
    model, batch : what is explained.
    items : [B], whose score it is.
    importance : [B, L].

    Returns
    -------
    Tensor
        [B], at least 0.
    """
    difference = above_zero(with_gradients(model), batch, items)
    left = (importance.sum(1) - difference).abs()
    return torch.where(left > 0, left / difference.abs(), left)


DIAGNOSTIC = Diagnostic(
    name="gradient_agreement",
    title="Gradient agreement",
    question="Does attention rank the items of a history as their gradients do, and more so than "
    "in a model that has learned nothing?",
    measure=measure,
    findings=view.findings,
    tables=view.tables,
    summaries=figures.summaries,
    captions=view.CAPTIONS,
    exclusions=view.exclusions,
    by_user=view.by_user,
    needs_attention=True,
    needs_gradients=True,
    order=30,
)
