"""python -m workbench evaluate"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

import workbench
from workbench.announcing import say
from workbench.commands.options import Data, Device, reading
from workbench.errors import check_split

if TYPE_CHECKING:
    from workbench import Evaluation


def evaluate_command(
    model: Annotated[str, typer.Option(help="A folder that `train` wrote, or a shipped model.")],
    data: Data = "ml-100k",
    split: Annotated[str, typer.Option(help="valid or test.")] = "test",
    split_time: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="A global time split in place of leave-one-out: predict the first item of each "
            "user at or after this date or date-time (UTC) or seconds since 1970.",
        ),
    ] = None,
    remove_seen: Annotated[
        bool, typer.Option(help="Figures without items of the history in the ranking come first.")
    ] = False,
    sampled_negatives: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Rank each target among N random items that the user has not had, not among all; "
            "not comparable with full ranking.",
            min=1,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draw of sampled negatives.", min=0)] = 0,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Hit, NDCG and MRR by full ranking, or among sampled items on request.

    In a full ranking, once with the items of a history among those that are ranked, and once
    without them. Under torchrun the ranks share the users.
    """
    check_split(split)
    reading(data, model)
    from workbench.processes import fabric, joined  # PyTorch, which takes seconds to import

    with joined() as ranks:
        place = workbench.choose_device(device)
        result = workbench.evaluate(
            workbench.load_model(model).to(place),
            workbench.load_data(data),
            split,  # type: ignore[arg-type]
            split_time=split_time,
            remove_seen=remove_seen,
            sampled_negatives=sampled_negatives,
            seed=seed,
            fabric=fabric(place) if ranks.size > 1 else None,
        )
    if ranks.first:
        _tell(result, seed, as_json)


def _tell(result: "Evaluation", seed: int, as_json: bool) -> None:
    from workbench.evaluation import NOT_COMPARABLE, REMOVED

    sampled_negatives = result.sampled_negatives
    if as_json:
        about: dict[str, object] = {
            "split": result.split,
            "users": len(result.users),
            "users_left_out": result.left_out,
            "seen_items_removed": result.seen_removed,
        }
        if sampled_negatives is not None:
            about |= {"sampled_negatives": sampled_negatives, "seed": seed, "note": NOT_COMPARABLE}
        say(json.dumps({**about, **result.metrics, "by_policy": result.by_policy}))
        return
    ranking = "full ranking"
    if sampled_negatives is not None:
        ranking = f"{sampled_negatives:,} sampled negatives (seed {seed})"
    say(
        f"{len(result.users):,} users ({result.left_out:,} left out), {result.split}, {ranking}, "
        f"{_seen(result.seen_removed)}"
    )
    if sampled_negatives is not None:
        say(NOT_COMPARABLE)
    _print(result.metrics)
    for policy, metrics in result.by_policy.items():
        if (policy == REMOVED) != result.seen_removed:
            say(_seen(policy == REMOVED))
            _print(metrics)


def _seen(removed: bool) -> str:
    return "seen items removed" if removed else "seen items not removed"


def _print(metrics: Mapping[str, float]) -> None:
    for name in ("hit", "ndcg", "mrr"):
        values = {k: v for k, v in metrics.items() if k.startswith(name)}
        say("  ".join(f"{k} {v:.4f}" for k, v in values.items()))
