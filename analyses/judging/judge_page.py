"""The page of the judge: how often the verdict is wrong, by case, and what tells the truth."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analyses.conclusions import CONCLUSIONS, OPEN, SHOWN
from analyses.judging.cells import CHOOSING, CONFIRMING
from analyses.judging.labels import LEARNED, MARGIN
from analyses.judging.scoring import ALL_MAPS
from analyses.judging.verdict_rows import ALL_USERS, USERS
from analyses.reliability import FAITHFUL, FOUND, LABELS, OBVIOUS, UNFAITHFUL
from analyses.report.page import environment, readable_width
from analyses.telling import style
from analyses.telling.drawing import draw, images
from analyses.telling.summaries import Summary, not_empty
from workbench.phrases import in_order
from workbench.statistics import exact_share
from workbench.writing import number

Tables = Mapping[str, pd.DataFrame]
Pictures = Mapping[str, tuple[bytes, bytes]]
RATES = {f"{FAITHFUL} believed": "faithful, recognised", f"{UNFAITHFUL} believed": "unfaithful, "
         "believed"}  # fmt: skip
BELIEVED_AT_MOST, RECOGNISED_AT_LEAST = 0.05, 0.8  # what is asked of the verdict
SEEDS = {CHOOSING: "seeds that chose the rule", CONFIRMING: "seeds that confirm it"}
CAPTIONS = {
    "verdicts by truth": "What was concluded of models, by what is true of the attention that the "
    "verdict names. Partly faithful ones count in no error rate.",
    "errors by case": f"The share of faithful models of which the verdict says that their "
    f"attention {SHOWN}, and of unfaithful ones, on seeds that confirm the rule, for all and by "
    "case. What matters most is obvious where a control such as the last item is known to name it "
    f"for more than {100 * OBVIOUS:.0f} % of the users.",
    "too few users": f"How often the verdict says that {OPEN}, by the number of test users that it "
    "is given, as if there were no others.",
    "numbers behind the verdict": "The chance that a number is greater for a faithful model than "
    "for an unfaithful one (AUC): 1 tells them apart without error, 0.5 tells nothing, less than "
    "0.5 points the wrong way.",
    "finding the cause": "The share of planted cases in which an importance ranks the cause first, "
    "mean over trainings, in models as they were trained on the base data. In a conjunction either "
    "cause counts.",
}


def figures(tables: Tables) -> dict[str, Summary]:
    """The figures by name."""
    return not_empty(
        {
            "verdicts by truth": _by_truth(tables["verdicts"]),
            "errors by case": _by_case(tables["errors"]),
            "too few users": _by_users(tables["errors"]),
            "numbers behind the verdict": _numbers(tables["signals"]),
        }
    )


def drawn(tables: Tables, summaries: Mapping[str, Summary]) -> dict[str, tuple[bytes, bytes]]:
    """Each figure as PNG and SVG."""
    pictures = {name: images(draw(summary)) for name, summary in summaries.items()}
    return pictures | {"finding the cause": images(heatmap(tables["evidence"]))}


def render(
    tables: Tables, summaries: Mapping[str, Summary], pictures: Pictures, command: str
) -> str:
    """The page; every image is inline and nothing is requested from anywhere."""
    return environment().get_template("judge.html").render(
        sentences=sentences(tables),
        chapters=_chapters(),
        tables=tables,
        summaries=summaries,
        pictures=pictures,
        captions=CAPTIONS,
        widths=sorted({readable_width(pixels) for pixels, _ in pictures.values()}),
        command=command,
    )  # fmt: skip


def _chapters() -> list[tuple[str, str, list[str], list[str]]]:
    """Title, text, figures and tables of each part of the page."""
    return [
        (
            "The verdict against the truth",
            f"Each model is judged on {USERS} test users. It is faithful if it has learned the "
            f"rule (right in at least {LEARNED:.0%} of the cases that the rule produced) and the "
            f"attention that the verdict names finds at least {FOUND:.0%} of the causes where the "
            "model is right, and more than chance and recency do; unfaithful if that finds fewer "
            f"of all causes, and no more than they do and {MARGIN:.0%}, or nothing in the data has "
            "a cause; partly faithful otherwise.",
            ["verdicts by truth"],
            ["confusion", "wrong"],
        ),
        (
            "By case",
            "Where the two error rates come from.",
            ["errors by case", "too few users"],
            ["errors"],
        ),
        (
            "Which number tells",
            "Each number behind the verdict by itself, and the two error rates of the decision "
            "that would be made by it alone: faithful if its interval is above 0.",
            ["numbers behind the verdict"],
            ["signals"],
        ),
        (
            "Which importance finds the cause",
            "Of attention and of everything that could be shown instead.",
            ["finding the cause"],
            ["evidence", "importances"],
        ),
        (
            "The models",
            "What was trained, and what is true of each version and reduction of its attention.",
            [],
            ["models", "labels"],
        ),
    ]


def sentences(tables: Tables) -> list[str]:
    """The error rates in words, what was asked of them, and which cases stand in the way."""
    said = []
    for role, named in SEEDS.items():
        row = _whole(tables["errors"], role)
        if row is None:
            continue
        believed, recognised = (
            _rate(row, column) for column in (f"{UNFAITHFUL} believed", f"{FAITHFUL} believed")
        )
        said.append(
            f"On {named}: {believed} of {row[UNFAITHFUL]} unfaithful models were called "
            f"believable, where at most {BELIEVED_AT_MOST:.0%} are asked for; {recognised} of "
            f"{row[FAITHFUL]} faithful ones were recognised, where at least "
            f"{RECOGNISED_AT_LEAST:.0%} are."
        )
    wrong = tables["wrong"]
    for truth, what in ((UNFAITHFUL, "called believable"), (FAITHFUL, "not recognised")):
        cases = wrong[(wrong["role"] == CONFIRMING) & (wrong["label"] == truth)]
        if len(cases):
            where = cases["model"] + " (" + cases["version"] + ") on " + cases["rule"]
            parts = (f"{name}: {n}" for name, n in where.value_counts().items())
            said.append(f"Models that are {truth} and were {what}: {'; '.join(parts)}.")
    return said


def wrong(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The models of which the verdict was wrong, or did not recognise that they are faithful."""
    whole = verdicts[verdicts["measured users"] == ALL_USERS]
    shown = whole["conclusion"] == SHOWN
    missed = (whole["label"] == FAITHFUL) & ~shown | (whole["label"] == UNFAITHFUL) & shown
    columns = ["role", "rule", "users", "difficulty", "model", "version", "reduction", "label"]
    return whole.loc[missed, [*columns, "conclusion", "found", "hit@1", "names what matters most"]]


def evidence(measured: pd.DataFrame) -> pd.DataFrame:
    """How often each importance ranks a cause first: a row per rule and importance, by model.

    Parameters
    ----------
    measured : a row per trained model of the base data and importance, with `top1`.
    """
    table = measured.pivot_table(
        index=["rule", "importance"], columns="model", values="top1", sort=False
    )
    return table.reset_index().rename_axis(columns=None)


def _whole(errors: pd.DataFrame, role: str) -> pd.Series | None:
    rows = errors[(errors["seeds"] == role) & (errors["group"] == ALL_MAPS)]
    return rows.iloc[0] if len(rows) else None


def _rate(row: pd.Series, column: str) -> str:
    if np.isnan(row[column]):
        return "none"
    low, high = (number(100 * row[f"{column} {end}"], 0) for end in ("low", "high"))
    return f"{number(100 * row[column], 0)} % [{low}, {high}]"


def _by_truth(verdicts: pd.DataFrame) -> Summary:
    rows = []
    whole = verdicts[verdicts["measured users"] == ALL_USERS]
    for (role, truth), part in whole.groupby(["role", "label"]):
        for conclusion in CONCLUSIONS:
            share = exact_share((part["conclusion"] == conclusion).to_numpy())
            rows.append(
                {"panel": SEEDS[str(role)], "series": truth, "row": conclusion, "n": share.n}
                | {"estimate": share.estimate, "low": share.low, "high": share.high}
            )
    title = "What the verdict says of faithful and of unfaithful attention"
    return Summary("dots", title, "share of models", LABELS, pd.DataFrame(rows))


def _by_case(errors: pd.DataFrame) -> Summary:
    rows = []
    for row in errors[errors["seeds"] == CONFIRMING].to_dict("records"):
        for column, series in RATES.items():
            truth = column.split()[0]
            rows.append(
                {"panel": "", "series": series, "row": _case(row), "n": row[truth]}
                | {"estimate": row[column], "low": row[f"{column} low"]}
                | {"high": row[f"{column} high"]}
            )
    title = "How often the verdict believes attention, by case"
    return Summary("dots", title, "share of models", tuple(RATES.values()), _table(rows))


def _case(row: Mapping[Any, Any]) -> str:
    if not row["value"]:
        return "all models"
    value = {"True": "yes", "False": "no"}.get(row["value"], row["value"])
    return f"{row['group']}: {value}"


def _by_users(errors: pd.DataFrame) -> Summary:
    rows = []
    for row in errors[errors["group"] == "measured users"].to_dict("records"):
        for truth in (FAITHFUL, UNFAITHFUL):
            column = f"{truth} undecided"
            rows.append(
                {"panel": SEEDS[row["seeds"]], "series": truth, "n": row[truth]}
                | {"at": USERS if row["value"] == ALL_USERS else int(row["value"])}
                | {"estimate": row[column], "low": row[f"{column} low"]}
                | {"high": row[f"{column} high"]}
            )
    table = _table(rows)
    table = table.sort_values(["panel", "series", "at"]) if len(table) else table
    title = "How often the verdict cannot tell"
    return Summary("lines", title, "share of models", (FAITHFUL, UNFAITHFUL), table, "test users")


def _numbers(signals: pd.DataFrame) -> Summary:
    nothing = {"panel": "", "low": np.nan, "high": np.nan}
    rows = [
        nothing
        | {"series": SEEDS[row["seeds"]], "row": row["number"], "estimate": row["auc"]}
        | {"n": row[FAITHFUL] + row[UNFAITHFUL]}
        for row in signals.to_dict("records")
    ]
    title = "How well each number tells faithful from unfaithful models"
    return Summary("dots", title, "AUC", tuple(SEEDS.values()), _table(rows))


def heatmap(table: pd.DataFrame) -> Figure:
    """How often each importance ranks the cause first, by rule and model; heads are left out.

    Parameters
    ----------
    table : what `evidence` gives.
    """
    import seaborn as sns  # which brings scipy.stats and takes a second

    shown = table[~table["importance"].str.contains(" head ")]
    wide = shown.pivot_table(index="importance", columns="rule", sort=False)
    wide = wide.swaplevel(axis=1)[list(in_order(shown["rule"]))].dropna(axis=1, how="all")
    with style.context():
        size = (3.2 + 0.42 * wide.shape[1], 2.6 + 0.27 * len(wide))
        figure = Figure(figsize=size, layout="constrained")
        panel = figure.subplots()
        sns.heatmap(
            wide.to_numpy(float),
            vmin=0,
            vmax=1,
            cmap=style.SEQUENTIAL,
            annot=True,
            fmt=".2f",
            annot_kws={"fontsize": 8},
            cbar=False,
            xticklabels=[style.wrapped(model, 26) for model in wide.columns.get_level_values(1)],
            yticklabels=list(wide.index),
            ax=panel,
        )
        panel.tick_params(axis="x", rotation=90)
        rules = list(wide.columns.get_level_values(0))
        for rule in in_order(rules):
            first, count = rules.index(rule), rules.count(rule)
            panel.text(first + count / 2, -0.3, rule, ha="center", va="bottom")
            panel.axvline(first, color="white", linewidth=4)
        best = wide.mean(axis=1)
        seen = (
            f"{best.idxmax()} ranks the cause first most often ({best.max():.2f} on average)",
            "How often each importance ranks the planted cause first, share of cases",
        )
        figure.suptitle("\n".join(style.wrapped(text, int(12 * size[0])) for text in seen))
        return figure


def _table(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Rows as a table, without those that have no estimate."""
    columns = ["panel", "series", "row", "at", "estimate", "low", "high", "n"]
    table = pd.DataFrame(rows, columns=columns)
    return table[table["estimate"].notna()]
