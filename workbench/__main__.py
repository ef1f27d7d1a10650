"""python -m workbench train | sweep | evaluate | import | data"""

import json
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from models import ModelConfig
from workbench import build_model, evaluate, import_checkpoint, load_data, load_model, train
from workbench.data import KNOWN, convert, describe
from workbench.errors import WorkbenchError
from workbench.registry import NAMES
from workbench.sweeps import Variant, keep_best, studies, study, summary, sweep, vary

app = typer.Typer(
    help="Train and evaluate sequential recommenders whose attention is to be studied.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain text has room for explanations, and errors stay one line
)
Data = Annotated[
    str,
    typer.Option("--data", help="A known data set (the command `data` lists them), or a path."),
]
Objective = StrEnum("Objective", ["prefixes", "positions", "masking"])
Device = StrEnum("Device", ["auto", "cpu", "cuda", "mps"])
Precision = StrEnum("Precision", [("single", "32-true"), ("mixed", "bf16-mixed")])


@app.command("train")
def train_command(
    model: Annotated[
        str,
        typer.Option(
            help=f"One of {', '.join(NAMES)}: learned attention, frozen to uniform (-uniform), "
            "calibrated (AC-), or calibrated by the spatial calibrator alone (-light)."
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for the weights and their card.", file_okay=False)
    ],
    data: Data = "ml-100k",
    objective: Annotated[
        Objective | None,
        typer.Option(
            help="Loss at all positions of a window; at the last position of every prefix of a "
            "history, which costs more; or, for BERT4Rec, at masked items. By default masking for "
            "BERT4Rec, else positions."
        ),
    ] = None,
    mask_ratio: Annotated[
        float, typer.Option(help="Chance of an item to be masked.", min=0.0, max=1.0)
    ] = 0.2,
    mask_last: Annotated[
        float,
        typer.Option(help="Share of samples with the last item alone masked.", min=0.0, max=1.0),
    ] = 0.5,
    epochs: Annotated[int, typer.Option(help="Passes over the data, at most.", min=1)] = 100,
    patience: Annotated[
        int,
        typer.Option(help="Stop after so many epochs without a better validation NDCG@10.", min=1),
    ] = 10,
    batch_size: Annotated[int, typer.Option(help="Items to predict in a step.", min=1)] = 256,
    learning_rate: Annotated[float, typer.Option(help="Adam's step size.", min=0.0)] = 1e-3,
    weight_decay: Annotated[float, typer.Option(help="Adam's L2 penalty.", min=0.0)] = 0.0,
    seed: Annotated[int, typer.Option(help="Of batch order, dropout and noise.", min=0)] = 0,
    device: Annotated[Device, typer.Option(help="auto: an accelerator if any.")] = Device.auto,
    precision: Annotated[
        Precision, typer.Option(help="Mixed is faster on an accelerator, and less exact.")
    ] = Precision.single,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="An option of the model, as often as wanted: max_length, n_layers, n_heads, "
            "hidden_size, inner_size, hidden_dropout, attention_dropout, ...; for SSE-PT "
            "user_size, swap_users, swap_items, swap_targets; for TiSASRec time_span; for AC- also "
            "correction=fixed|gate|annealing, two_level, order, distance, alpha, "
            "normalization=softmax|renormalize, penalty.",
        ),
    ] = None,
) -> None:
    """Train a model and write its best weights.

    The best are those with the highest validation NDCG@10; the card beside them tells how they
    came about. Killed and started again with the same options, it goes on after the last whole
    epoch.
    """
    found = load_data(data)
    torch.manual_seed(seed)
    built = build_model(model, found, **dict(_option(text) for text in option or []))
    trained = train(
        built,
        found,
        out,
        command="python -m workbench " + shlex.join(sys.argv[1:]),
        objective=None if objective is None else objective.value,
        mask_ratio=mask_ratio,
        mask_last=mask_last,
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


@app.command("sweep")
def sweep_command(
    out: Annotated[
        Path, typer.Option(help="Folder for the models and sweep.csv.", file_okay=False)
    ],
    data: Data = "ml-100k",
    model: Annotated[
        list[str] | None, typer.Option(help="A model to train, as often as wanted.")
    ] = None,
    study_name: Annotated[
        list[str] | None,
        typer.Option("--study", help=f"What the AC-TSR paper varies: {', '.join(studies())}."),
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            "--vary",
            metavar="NAME[,NAME]=VALUE,...",
            help="Values of an option of the model, such as alpha=0.1,0.5, crossed with all others;"
            " options joined by a comma share theirs: hidden_dropout,attention_dropout=0.2,0.5.",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Train each with so many seeds.", min=1)] = 1,
    best: Annotated[
        Path | None,
        typer.Option(help="Folder for the best of each model by validation.", file_okay=False),
    ] = None,
    jobs: Annotated[int, typer.Option(help="Models trained at once.", min=1)] = 1,
    objective: Annotated[Objective | None, typer.Option(help="As for the command train.")] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the data, at most.", min=1)] = 100,
    patience: Annotated[
        int,
        typer.Option(help="Stop after so many epochs without a better validation NDCG@10.", min=1),
    ] = 10,
) -> None:
    """Train many models and compare them: options varied, several seeds, the paper's studies.

    What is finished in the folder is not trained again, and what was killed goes on. Every model's
    card holds the command that trains it alone. `python -m analyses.run_all --only
    calibration_variants --models OUT/*` then compares the variants user by user.
    """
    variants = [*(Variant(name) for name in model or []), *study(study_name or [])]
    if not variants:
        raise WorkbenchError("nothing to train; name a --model or a --study.")
    how: dict[str, Any] = {"epochs": epochs, "patience": patience}
    if objective is not None:
        how["objective"] = objective.value
    pairs = dict(_values(text) for text in grid or [])
    table = sweep(vary(variants, pairs), data, out, seeds=range(seeds), jobs=jobs, **how)
    typer.echo(summary(table).to_string(index=False))
    for folder in keep_best(table, best) if best else []:
        typer.echo(f"best weights in {folder}")


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


@app.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(help="A checkpoint of RecBole, AC-TSR, S3-Rec, ICLRec.")],
    out: Annotated[
        Path, typer.Option(help="Folder for the weights and their card.", file_okay=False)
    ],
    data: Annotated[
        str | None,
        typer.Option(help="What it was trained on: a known data set, or a path."),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="What the file cannot tell, as often as wanted, such as n_heads=2; and with "
            "--data numbering=appearance|ids, how its items got their ids, where not as usual.",
        ),
    ] = None,
) -> None:
    """Take over a model that other software trained; nothing in its file is executed.

    With the data it was trained on, its items are put in their order and its quality is measured.
    """
    options: dict[str, Any] = dict(_option(text) for text in option or [])
    model = import_checkpoint(file, out, data=data, **options)
    origin = model.card["origin"]
    typer.echo(f"{origin['format']} {origin['model']}: {_sizes(model.config)}")
    if origin["assumed"]:
        told = ", ".join(f"{name}={value}" for name, value in origin["assumed"].items())
        typer.echo(f"assumed, since the file does not tell: {told}")
    for note in origin["notes"]:
        typer.echo(note)
    for split, metrics in model.card.get("metrics", {}).items():
        told = ", ".join(f"{k} {metrics[k]:.4f}" for k in ("hit@10", "ndcg@10", "mrr@10"))
        typer.echo(f"{split}: {told} (full ranking, seen items not removed)")
    typer.echo(f"weights in {out}")


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
        row = "{:<22} {:>7} {:>7} {:>13}  {}"
        typer.echo(row.format("name", "users", "items", "interactions", "where it comes from"))
        for known in KNOWN.values():
            counts = (f"{n:,}" for n in (known.n_users, known.n_items, known.n_interactions))
            typer.echo(row.format(known.name, *counts, known.obtain))
        return
    found = load_data(source)
    typer.echo(json.dumps(describe(found), indent=2, default=str))
    if to is not None:
        convert(found, to)
        typer.echo(f"written to {to}")


def _sizes(config: ModelConfig) -> str:
    return (
        f"{config.n_items:,} items, layers {config.n_layers}, heads {config.n_heads}, hidden size "
        f"{config.hidden_size}, inner size {config.inner_size}, histories of up to "
        f"{config.max_length} items"
    )


def _option(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals:
        raise WorkbenchError(f"--option {text}: write it as NAME=VALUE.")
    return name, _value(value)


def _values(text: str) -> tuple[tuple[str, ...], list[object]]:
    names, equals, values = text.partition("=")
    if not equals:
        raise WorkbenchError(f"--vary {text}: write it as NAME=VALUE,VALUE.")
    return tuple(names.split(",")), [_value(value) for value in values.split(",")]


def _value(text: str) -> object:
    try:
        return json.loads(text.lower() if text in ("True", "False") else text)
    except ValueError:
        return text


def main() -> None:
    """Run a command; bad input ends in one sentence and exit code 2."""
    try:
        app()
    except WorkbenchError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(2) from None
    except OSError as error:  # a full disk, a folder that must not be written to
        typer.echo(f"error: {error.filename or 'a file'}: {error.strerror or error}.", err=True)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
