"""Gradient agreement (figure 5 of the AC-TSR paper): attention against gradient importance.

Per user, Kendall's tau-b between the prediction row's attention over the history and the gradient
importance of the same positions. As in Jain & Wallace (NAACL 2019), input x gradient and saliency
are taken with attention detached from the graph; integrated gradients use the full graph, since
their completeness holds for the function as it is.
"""

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from analyses.diagnostic import Diagnostic
from analyses.diagnostics.gradient_agreement import agreement_figures as figures
from analyses.diagnostics.gradient_agreement import agreement_findings as view
from analyses.running.held_out import HeldOutCases
from models import Batch
from workbench import explain, record_attention
from workbench.explaining.gradients import above_zero
from workbench.faithfulness.agreement import SHORTEST, rank_agreement
from workbench.model import Model, with_gradients
from workbench.statistics import kendall_tau_b

METHODS = {
    "input_x_gradient": "input x gradient, attention held",
    "saliency": "saliency, attention held",
    "integrated_gradients": "integrated gradients",
}
DEAR = "integrated_gradients"  # for the users of the sample alone


def measure(model: Model, cases: HeldOutCases, *, seed: int) -> pd.DataFrame:
    """A row per user, target, method, and layer and head ("mean" is over all of them)."""
    batch = cases.batch
    attention = record_attention(model, batch)["attention"]  # [B, layers, H, L]
    with torch.no_grad():
        top = model.scores(batch).argmax(-1)  # [B]
    conditions = by_layer_and_head(attention)
    shuffled = _shuffle(batch.valid, seed + int(cases.users[0]))  # [B, L]
    all_users = np.full(len(cases.users), True)
    parts = []
    for target, items in (("held-out item", cases.targets), ("own top item", top)):
        for method, full_name in METHODS.items():
            chosen = cases.in_sample if method == DEAR else all_users
            if not chosen.any():
                continue
            rows = torch.from_numpy(np.flatnonzero(chosen)).to(items.device)
            taken = batch if chosen.all() else batch.take(rows)
            signed = explain(model, taken, items[rows], full_name)
            delta = None
            if method == DEAR:
                delta = signed.sum(-1) - above_zero(with_gradients(model), taken, items[rows])
            head = pd.DataFrame(
                {
                    "user": cases.users[chosen],
                    "target": target,
                    "method": method,
                    "length": taken.lengths.cpu().numpy(),
                    "delta": np.nan if delta is None else delta.cpu().numpy(),
                }
            )
            importance = signed.abs()  # [b, L]
            parts += [
                head.assign(
                    layer=layer,
                    head=number,
                    **_agree(weights[rows], importance, taken, shuffled[rows]),
                )
                for (layer, number), weights in conditions.items()
            ]
    return pd.concat(parts)


def by_layer_and_head(attention: Tensor) -> dict[tuple[str, str], Tensor]:
    """Attention rows [B, layers, H, L] by (layer, head): single ones and means, each [B, L]."""
    n_layers, n_heads = attention.shape[1:3]
    rows = {("mean", "mean"): attention.mean((1, 2))}
    for layer in range(n_layers):
        rows[str(layer + 1), "mean"] = attention[:, layer].mean(1)
        for head in range(n_heads):
            rows[str(layer + 1), str(head + 1)] = attention[:, layer, head]
    return rows


def _agree(weights: Tensor, importance: Tensor, batch: Batch, shuffled: Tensor) -> dict[str, Any]:
    """tau-b, its p value, and tau-b with the attention shuffled within the history; [b] each."""
    width = batch.items.shape[1]
    agreement = rank_agreement(weights, importance, batch)
    chance = weights[:, :width].gather(1, shuffled[:, :width])
    null = kendall_tau_b(chance.float(), importance.float(), batch.valid)
    tau = agreement.tau.cpu().numpy()
    without = np.where(batch.lengths.cpu().numpy() < SHORTEST, "short", "constant")
    return {
        "tau": tau,
        "p_value": agreement.p_value.cpu().numpy(),
        "null_tau": np.where(np.isnan(tau), np.nan, null.cpu().numpy()),
        "status": np.where(np.isnan(tau), without, "ok"),
    }


def _shuffle(valid: Tensor, seed: int) -> Tensor:
    """For each row a random order of its valid positions, padding staying last; [B, L]."""
    noise = torch.rand(valid.shape, generator=torch.Generator().manual_seed(seed))
    return noise.to(valid.device).masked_fill(~valid, 2).argsort(-1)


DIAGNOSTIC = Diagnostic(
    name="gradient_agreement",
    title="Gradient agreement",
    question="Does attention rank the items of a history as their gradients do?",
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
