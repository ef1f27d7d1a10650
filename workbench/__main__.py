"""python -m workbench train | evaluate | data"""

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from workbench import build_model, evaluate, load_data, load_model, train
from workbench.data import KNOWN, convert, describe
from workbench.errors import WorkbenchError
from workbench.registry import NAMES

app = typer.Typer(
    help="Train and evaluate sequential recommenders whose attention is to be studied.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Data = Annotated[
    str, typer.Option("--data", help="A known data set (see `data`) or a file or folder.")
]


@app.command("train")
def train_command(
    model: Annotated[str, typer.Option(help=f"One of {', '.join(NAMES)}.")],
    out: Annotated[Path, typer.Option(help="Folder for the weights and their card.")],
    data: Data = "ml-100k",
    objective: Annotated[str, typer.Option(help="prefixes or positions.")] = "prefixes",
    epochs: Annotated[int, typer.Option(help="At most so many.", min=1)] = 100,
    patience: Annotated[
        int, typer.Option(help="Stop after so many epochs without a better NDCG@10.", min=1)
    ] = 10,
    batch_size: Annotated[int, typer.Option(min=1)] = 256,
    learning_rate: Annotated[float, typer.Option(min=0.0)] = 1e-3,
    weight_decay: Annotated[float, typer.Option(min=0.0)] = 0.0,
    seed: int = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="32-true, bf16-mixed, ...")] = "32-true",
    option: Annotated[
        list[str] | None,
        typer.Option(help="Model option NAME=VALUE, e.g. hidden_size=128, correction=fixed."),
    ] = None,
) -> None:
    """Train a model; killed and started again, it goes on where it was."""
    found = load_data(data)
    built = build_model(model, found, **dict(_option(text) for text in option or []))
    trained = train(
        built,
        found,
        out,
        command="python -m workbench " + shlex.join(sys.argv[1:]),
        objective=objective,
        epochs=epochs,
        patience=patience,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        seed=seed,
        device=device,
        precision=precision,
    )
    test = trained.card["metrics"]["test"]
    typer.echo(
        f"{model} on {found.name}: test hit@10 {test['hit@10']:.4f}, "
        f"ndcg@10 {test['ndcg@10']:.4f} (seen items not removed), weights in {out}"
    )


@app.command("evaluate")
def evaluate_command(
    model: Annotated[str, typer.Option(help="A folder that `train` wrote, or a shipped model.")],
    data: Data = "ml-100k",
    split: Annotated[str, typer.Option(help="valid or test.")] = "test",
    remove_seen: Annotated[
        bool, typer.Option(help="Leave items of the history out of the ranking.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Hit, NDCG and MRR by full ranking."""
    if split not in ("valid", "test"):
        raise WorkbenchError(f"no split {split!r} to evaluate; choose valid or test.")
    found = evaluate(load_model(model), load_data(data), split, remove_seen=remove_seen)  # type: ignore[arg-type]
    if as_json:
        about = {"split": split, "users": len(found.users), "seen_items_removed": remove_seen}
        typer.echo(json.dumps({**about, **found.metrics}))
        return
    seen = "removed" if remove_seen else "not removed"
    typer.echo(f"{len(found.users):,} users, {split}, full ranking, seen items {seen}")
    for name in ("hit", "ndcg", "mrr"):
        values = {k: v for k, v in found.metrics.items() if k.startswith(name)}
        typer.echo("  ".join(f"{k} {v:.4f}" for k, v in values.items()))


@app.command("data")
def data_command(
    source: Annotated[
        str | None, typer.Argument(help="What to describe; without it the known ones are listed.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="Convert: a .parquet file, or a folder of RecBole files.")
    ] = None,
) -> None:
    """List known data sets, or describe or convert one."""
    if source is None:
        for name, entry in KNOWN.items():
            typer.echo(f"{name}: {entry}")
        return
    found = load_data(source)
    typer.echo(json.dumps(describe(found), indent=2, default=str))
    if to is not None:
        convert(found, to)
        typer.echo(f"written to {to}")


def _option(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals:
        raise WorkbenchError(f"--option {text}: write it as NAME=VALUE.")
    try:
        return name, json.loads(value.lower() if value in ("True", "False") else value)
    except ValueError:
        return name, value


def main() -> None:
    """Run a command; bad input ends in one sentence and exit code 2."""
    try:
        app()
    except WorkbenchError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
