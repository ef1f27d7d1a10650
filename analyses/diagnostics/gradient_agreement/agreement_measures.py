"""Gradient agreement (figure 5 of the AC-TSR paper): attention against gradient importance.

Per user, Kendall's tau-b between the prediction row's attention over the history and the gradient
importance of the same positions. As in Jain & Wallace (NAACL 2019), input x gradient and saliency
are taken with attention detached from the graph; integrated gradients use the full graph, since
their completeness holds for the function as it is.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from analyses.diagnostic import Diagnostic
from analyses.diagnostics.gradient_agreement import agreement_figures as figures
from analyses.diagnostics.gradient_agreement import agreement_findings as view
from analyses.running.passes import compact, held_out_batches
from models import Batch
from workbench import attribute, record_attention
from workbench.data.sequences import SequenceData
from workbench.explain.gradients import Method
from workbench.statistics import kendall_p_value, kendall_tau_b

METHODS: dict[Method, bool] = {
    "input_x_gradient": True,
    "saliency": True,
    "integrated_gradients": False,
}
SHORTEST = 3  # a rank correlation over fewer items says nothing
STEPS = 16
PATH_USERS = 128  # for whom integrated gradients, the dear ones, are computed


def measure(
    models: Mapping[str, Any],
    data: SequenceData,
    *,
    users: np.ndarray,
    seed: int,
    progress: Callable[[int], object],
) -> pd.DataFrame:
    """A row per model, user, target, method, and layer and head ("mean" is over all of them)."""
    drawn = np.random.default_rng([seed, *users[:1]]).permutation(users)[:PATH_USERS]
    frames = []
    for name, model in models.items():
        for who, batch, targets in held_out_batches(model, data, users):
            part = measure_batch(model, batch, targets, who, drawn, seed)
            frames.append(part.assign(model=name))
            progress(len(who))
    return compact(frames)


def measure_batch(
    model: Any, batch: Batch, targets: Tensor, who: np.ndarray, drawn: np.ndarray, seed: int
) -> pd.DataFrame:
    """Every agreement of one batch; integrated gradients for the users among `drawn` alone."""
    with torch.no_grad():
        attention = record_attention(model, batch)["attention"]  # [B, layers, H, L]
        top = model.scores(batch).argmax(-1)  # [B]
    conditions = by_layer_and_head(attention)
    shuffled = _shuffle(batch.valid, seed + int(who[0]))  # [B, L]
    parts = []
    for target, items in (("held-out item", targets), ("own top item", top)):
        for method, detach in METHODS.items():
            rows = torch.arange(len(who), device=items.device)
            if method == "integrated_gradients":
                rows = rows[torch.from_numpy(np.isin(who, drawn)).to(rows.device)]
            if not len(rows):
                continue
            some = batch if len(rows) == len(who) else batch.take(rows)
            found = attribute(
                model, some, items[rows], method, detach_attention=detach, steps=STEPS
            )
            head = pd.DataFrame(
                {
                    "user": who[rows.cpu().numpy()],
                    "target": target,
                    "method": method,
                    "length": some.lengths.cpu().numpy(),
                    "delta": np.nan if found.delta is None else found.delta.cpu().numpy(),
                }
            )
            importance = found.values.abs()  # [b, L]
            parts += [
                head.assign(
                    layer=layer, head=h, **_agree(w[rows], importance, some, shuffled[rows])
                )
                for (layer, h), w in conditions.items()
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
    weights, shuffled = weights[:, :width], shuffled[:, :width]
    long_enough = batch.lengths >= SHORTEST  # [b]
    valid = batch.valid & long_enough[:, None]  # [b, L]
    # rounded to single precision, where equal weights are equal
    x, y = weights.float(), importance.float()
    tau = kendall_tau_b(x, y, valid)
    null = kendall_tau_b(x.gather(1, shuffled), y, valid)
    status = np.where(~long_enough.cpu().numpy(), "short", "constant")
    return {
        "tau": tau.cpu().numpy(),
        "p_value": kendall_p_value(x, y, valid).cpu().numpy(),
        "null_tau": null.cpu().numpy(),
        "status": np.where(tau.isnan().cpu().numpy(), status, "ok"),
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
    plot=figures.plot,
    tables=view.tables,
    conclude=view.conclude,
    exclusions=view.exclusions,
    summaries=figures.summaries,
    by_user=figures.by_user,
    captions=view.CAPTIONS,
    order=30,
    options={"steps": STEPS, "path_users": PATH_USERS, "shortest": SHORTEST},
)
