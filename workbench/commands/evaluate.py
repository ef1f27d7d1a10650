"""python -m workbench evaluate"""

import json
from typing import Annotated

import typer

from workbench import evaluate, load_data, load_model
from workbench.commands.options import Data, Device
from workbench.devices import choose_device
from workbench.errors import WorkbenchError


def evaluate_command(
    model: Annotated[str, typer.Option(help="A folder that `train` wrote, or a shipped model.")],
    data: Data = "ml-100k",
    split: Annotated[str, typer.Option(help="valid or test.")] = "test",
    remove_seen: Annotated[
        bool, typer.Option(help="Leave items of the history out of the ranking.")
    ] = False,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Hit, NDCG and MRR by full ranking."""
    if split not in ("valid", "test"):
        raise WorkbenchError(f"no split {split!r} to evaluate; choose valid or test.")
    loaded = load_model(model).to(choose_device(device))
    result = evaluate(loaded, load_data(data), split, remove_seen=remove_seen)  # type: ignore[arg-type]
    if as_json:
        about = {"split": split, "users": len(result.users), "seen_items_removed": remove_seen}
        typer.echo(json.dumps({**about, **result.metrics}))
        return
    seen = "removed" if remove_seen else "not removed"
    typer.echo(f"{len(result.users):,} users, {split}, full ranking, seen items {seen}")
    for name in ("hit", "ndcg", "mrr"):
        values = {k: v for k, v in result.metrics.items() if k.startswith(name)}
        typer.echo("  ".join(f"{k} {v:.4f}" for k, v in values.items()))
