"""How to train, as every command that trains is told it."""

import inspect
from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Annotated, Any

import typer

from workbench.announcing import alone
from workbench.commands.options import Device
from workbench.training.recipes import RECIPES, Recipe, RecipeName
from workbench.training.settings import EXACT_UP_TO, RANGES, Avoid, Loss, Objective, Training

Precision = StrEnum("Precision", [("single", "32-true"), ("mixed", "bf16-mixed")])

MOST_AT_ONCE = 10_000_000  # items in a step, beyond what memory holds

OPTIONS: dict[str, Any] = {  # by the field of `Training` that each of them sets
    "objective": Annotated[
        Objective | None,
        typer.Option(
            help="Loss at all positions of a window; at the last position of every prefix of a "
            "history, which costs more; or, for BERT4Rec, at masked items. By default masking for "
            "BERT4Rec, else positions."
        ),
    ],
    "loss": Annotated[
        Loss | None,
        typer.Option(
            help="exact: cross-entropy over all items; sampled: estimated from sampled ones, with "
            "the same cost at any size of the catalogue; gbce: binary cross-entropy over sampled "
            f"ones, as in gSASRec. By default exact up to {EXACT_UP_TO:,} items, else sampled.",
        ),
    ],
    "negatives": Annotated[
        int,
        typer.Option(
            help="Items sampled for a step, with the losses sampled, gbce.", min=1, max=MOST_AT_ONCE
        ),
    ],
    "gbce_t": Annotated[
        float, typer.Option(help="gbce: from 0, uncalibrated, to 1.", min=0.0, max=1.0)
    ],
    "mask_ratio": Annotated[
        float, typer.Option(help=f"Chance of an item to be masked, {RANGES['mask_ratio'][0]}.")
    ],
    "mask_last": Annotated[
        float,
        typer.Option(help="Share of samples with the last item alone masked.", min=0.0, max=1.0),
    ],
    "epochs": Annotated[int, typer.Option(help="Passes over the data, at most.", min=1)],
    "patience": Annotated[
        int,
        typer.Option(help="Stop after so many epochs without a better validation NDCG@10.", min=1),
    ],
    "remove_seen": Annotated[
        bool,
        typer.Option(
            "--remove-seen/--keep-seen",
            help="Choose the best epoch with items of the history left out of its rankings, as "
            "they are of lists that are shown.",
        ),
    ],
    "batch_size": Annotated[
        int, typer.Option(help="Items to predict in a step.", min=1, max=MOST_AT_ONCE)
    ],
    "learning_rate": Annotated[
        float, typer.Option(help=f"Adam's step size, {RANGES['learning_rate'][0]}.")
    ],
    "weight_decay": Annotated[float, typer.Option(help="Adam's L2 penalty.", min=0.0)],
    "device": Device,
    "precision": Annotated[
        Precision, typer.Option(help="Mixed is faster on an accelerator, and less exact.")
    ],
    "avoid": Annotated[
        Avoid | None,
        typer.Option(
            help="Keep attention off items, to see whether the model ranks as well: the planted "
            "cause of each target, or the item that is the most important to a plain model.",
        ),
    ],
    "avoid_by": Annotated[str | None, typer.Option(help="That plain model, a folder or a name.")],
    "avoid_weight": Annotated[
        float, typer.Option(help="Of the penalty for attention to what is avoided.", min=0.0)
    ],
}


RECIPE = Annotated[
    RecipeName | None,
    typer.Option(
        "--recipe",
        help="Options of the model and of its training that belong together; single ones that are "
        "given count instead. tuned: by which SASRec ranks as well as the best of its kind on "
        "Amazon Beauty; paper: the AC-TSR paper's.",
    ),
]


def with_training_options(command: Callable[..., None]) -> Callable[..., None]:
    """A command with `--recipe` and all `OPTIONS`.

    It is given `how`, a dict of options of the training, and `built`, one of options of the model:
    those of the recipe, and of the training also what the command line says, within `RANGES`.
    """
    usual = {name: getattr(Training(), name) for name in OPTIONS}

    @wraps(command)
    def told(context: typer.Context, recipe: RecipeName | None, **given: Any) -> None:
        made = RECIPES[recipe] if recipe is not None else Recipe({}, {})
        how = {name: given.pop(name) for name in OPTIONS}
        said = {name: v for name, v in how.items() if _is_said(context, name)}
        how = {**made.training, **said}
        if alone():  # else ranks tell of it together
            Training(**how)
        command(**given, how=how, built=dict(made.model))

    keyword = inspect.Parameter.KEYWORD_ONLY
    own = inspect.signature(command).parameters.values()
    told.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter("context", keyword, annotation=typer.Context)]
        + [p.replace(kind=keyword) for p in own if p.name not in ("how", "built")]
        + [inspect.Parameter("recipe", keyword, default=None, annotation=RECIPE)]
        + [
            inspect.Parameter(name, keyword, default=usual[name], annotation=kind)
            for name, kind in OPTIONS.items()
        ]
    )
    return told


def _is_said(context: typer.Context, name: str) -> bool:
    """Whether the command line says it; a value that is as by default may be said too."""
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"
