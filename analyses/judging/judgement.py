"""The judge at work: models trained, judged one by one, and the page of it."""

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from analyses.judging import PAGE
from analyses.judging.cells import BASE_USERS, CONFIRMING, VARIANTS, Cell, ZooModel
from analyses.judging.entries import AS_TRAINED, Entry, entries
from analyses.judging.labels import CASES, label
from analyses.judging.map_rows import REDUCTION, map_rows
from analyses.judging.scoring import confusion, error_rates, told_apart
from analyses.judging.signals import DECISIONS, NUMBERS, SAYS
from analyses.judging.verdict_rows import ALL_USERS, VERDICT_NUMBERS, Surroundings, verdict_rows
from analyses.judging.zoo import train_zoo
from analyses.reliability import COUNTED, LABELS, SUMMARY
from analyses.report.folder import slug
from analyses.running.code import code_hash
from analyses.running.keeping import check_keeping
from analyses.running.store import Store, piece_key
from workbench.data.sequences import SequenceData
from workbench.devices import choose_device
from workbench.errors import WorkbenchError
from workbench.files import check_writable, write_file
from workbench.model import weights_hash
from workbench.phrases import without
from workbench.processes import Ranks, joined
from workbench.progress_bars import progress_bar
from workbench.training.variants import UNIFORM

KINDS = ("rule", "users", "difficulty", "model", "version")  # of what is judged
GROUPS = ("obvious", *KINDS)  # by which errors are counted
ENTRY = (*KINDS, "data seed", "role", "seed")  # what tells an entry from the others


def judged(
    options: argparse.Namespace, planned: Sequence[ZooModel], given: Sequence[str], cache: Path
) -> Path:
    """Train, judge and write; and return the folder of the page, its pictures and tables.

    Parameters
    ----------
    options : as the parser of `analyses.judge` makes them.
    planned : the models.
    given : the words that the options were made of.
    cache : where what is measured is kept.

    Raises
    ------
    WorkbenchError
        If the folder cannot be written to, or there is no model to judge.
    """
    with joined(["analyses.judge", *given], options.processes) as ranks:
        return _judge(options, planned, given, cache, ranks)


def _judge(
    options: argparse.Namespace,
    planned: Sequence[ZooModel],
    given: Sequence[str],
    cache: Path,
    ranks: Ranks,
) -> Path:
    from analyses.judging import judge_page  # matplotlib, while the other processes start

    check_writable(options.out)
    check_keeping(cache)
    device = choose_device(options.device)
    zoo = options.zoo or options.out / "zoo"
    if not options.no_training:
        train_zoo(planned, zoo, ranks=ranks, device=options.device)
    found = list(entries(planned, zoo))
    if not found:
        raise WorkbenchError(f"{zoo} holds no trained model; leave out --no-training.")
    judge = Judge(zoo, Store(cache), device)
    if ranks.size > 1:  # what each makes is kept, and collected below
        for entry in ranks.share("entries", found):
            judge.rows(entry)
        if not ranks.first:
            sys.exit()
    measured, verdict = _judged(found, judge)
    made = tables(measured, verdict)
    for name, table in made.items():
        write_file(options.out / f"{name}.csv", table.to_csv(index=False).encode())
    command = shlex.join(["python", "-m", "analyses.judge", *without(given, "--processes")])
    summaries = judge_page.figures(made)
    pictures = judge_page.drawn(made, summaries)
    for name, (pixels, _) in pictures.items():
        write_file(options.out / f"{slug(name)}.png", pixels)
    page = judge_page.render(made, summaries, pictures, command)
    write_file(options.out / PAGE, page.encode())
    if options.summary:
        text = json.dumps(summarised(made["verdicts"], command), indent=1)
        write_file(SUMMARY, f"{text}\n".encode())
    return options.out


def tables(measured: pd.DataFrame, verdict: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """All tables.

    Parameters
    ----------
    measured : what is true and said of every entry and importance.
    verdict : of every entry and number of users.
    """
    from analyses.judging import judge_page  # matplotlib, as above

    maps = measured[measured["importance"].str.startswith(REDUCTION)]
    judged = verdict.merge(
        maps.rename(columns={"importance": "reduction"}), on=[*ENTRY, "reduction"], how="left"
    )
    return {
        "measured": measured,
        "models": _models(measured),
        "importances": _importances(measured),
        "labels": maps.groupby(["rule", "model", "version", "label"]).size().unstack(fill_value=0)
        .reset_index(),
        "evidence": judge_page.evidence(_of_base(measured)),
        "verdicts": judged,
        "wrong": judge_page.wrong(judged),
        **scores(judged),
    }  # fmt: skip


def scores(judged: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """How well verdicts, and the numbers behind them, tell faithful from unfaithful models.

    Seeds on which the rule was chosen and those that confirm it are apart. A model counts once, by
    the reduction of its attention that its verdict names; what is told of fewer users stands in
    `errors` alone.
    """
    says = {SAYS.format(name): judged[f"{name} low"] > 0 for name in VERDICT_NUMBERS}
    judged = judged.assign(**says)
    decisions = dict(DECISIONS) | {name: SAYS.format(name) for name in VERDICT_NUMBERS[1:]}
    made: dict[str, list[pd.DataFrame]] = {"confusion": [], "errors": [], "signals": []}
    for role, part in judged.groupby("role"):
        whole = part[part["measured users"] == ALL_USERS]
        every = {
            "confusion": confusion(whole),
            "errors": pd.concat(
                [
                    error_rates(whole, GROUPS),
                    error_rates(part, ["measured users"]).iloc[1:],
                ]
            ),
            "signals": told_apart(whole, [*VERDICT_NUMBERS, *NUMBERS], decisions),
        }
        for name, table in every.items():
            table.insert(0, "seeds", role)
            made[name].append(table)
    return {name: pd.concat(parts, ignore_index=True) for name, parts in made.items()}


def _of_base(measured: pd.DataFrame) -> pd.DataFrame:
    """Models that learn attention, as they were trained on the base of the plan, or all of them."""
    trained = measured[measured["version"] == AS_TRAINED]
    names = [variant.label for variant in VARIANTS if variant != UNIFORM]
    size, difficulty = trained["users"] == BASE_USERS, trained["difficulty"] == "default"
    base = trained[size & difficulty & trained["model"].isin(names)]
    return base if len(base) else trained


def _models(measured: pd.DataFrame) -> pd.DataFrame:
    """A row per trained model: its Hit@1 in all test cases beside the best possible."""
    trained = measured[measured["version"] == AS_TRAINED]
    names = ["rule", "users", "difficulty", "data seed", "model", "seed"]
    numbers = ["test hit@1", "best possible hit@1", "hit@1"]
    return (
        trained[names + numbers].drop_duplicates(names)
        .rename(columns={"hit@1": "hit@1 in caused cases"})
    )  # fmt: skip


def _importances(measured: pd.DataFrame) -> pd.DataFrame:
    """How well each importance finds the causes, in what was learned as it is."""
    trained = measured[(measured["version"] == AS_TRAINED) & (measured["n"] > 0)]
    by = trained.groupby(["rule", "difficulty", "users", "model", "importance"], sort=False)
    numbers = ["hit@1", "found", "found where right", "top1", "rank", "average precision"]
    table = by[[*numbers, "chance", "recency"]].mean()
    table.insert(0, "trainings", by.size())
    return table.reset_index()


def summarised(verdicts: pd.DataFrame, command: str) -> dict[str, Any]:
    """What is kept of the verdicts of a zoo, of the seeds that confirm the rule.

    Parameters
    ----------
    verdicts : the table of that name of `analyses.judge`.
    command : that made it.
    """
    confirming = verdicts[verdicts["role"] == CONFIRMING]
    counted = confirming.groupby([*COUNTED, "label"]).size().unstack(fill_value=0)
    counted = counted.reindex(columns=list(LABELS), fill_value=0).reset_index()
    models = int((confirming["measured users"] == ALL_USERS).sum())
    return {"command": command, "models": models, "cases": counted.to_dict("records")}


class Judge:
    """Says what is true and what is said of entries, as far as it is not stored."""

    def __init__(self, zoo: Path, store: Store, device: torch.device) -> None:
        self.zoo, self.store, self.device = zoo, store, device
        self.truth_code = code_hash([map_rows], ["models"])
        self.verdict_code = code_hash([verdict_rows], ["models"])
        self._data: tuple[Cell, SequenceData] | None = None  # of the cell that came last

    def rows(self, entry: Entry) -> tuple[pd.DataFrame, pd.DataFrame]:
        """What is true and said of an entry by importance, and its verdict by number of users."""
        data = self._data_of(entry.trained.cell)
        model = entry.model(self.zoo).to(self.device)
        around = Surroundings.of(entry, self.zoo, self.device)
        key = partial(piece_key, data=data, users=np.array([CASES]), seed=0)
        weights = {entry.version: weights_hash(model)}
        frame = self.store.made(
            key("judge", weights, code=self.truth_code),
            partial(map_rows, model, data, every=entry.version == AS_TRAINED),
        )
        card = model.card.get("metrics", {}).get("test", {})
        reached = {
            "test hit@1": card.get("hit@1", np.nan),
            "best possible hit@1": data.provenance["bayes_hit@1"],
        }
        verdict = self.store.made(
            key("verdict", {**weights, **around.hashes()}, code=self.verdict_code),
            partial(verdict_rows, entry, model, around, data, self.store),
        )
        return frame.assign(**entry.columns(), **reached), verdict.assign(**entry.columns())

    def _data_of(self, cell: Cell) -> SequenceData:
        if self._data is None or self._data[0] != cell:
            self._data = cell, cell.data()
        return self._data[1]


def _judged(judged: Sequence[Entry], judge: Judge) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What is true and said of all entries, and their verdicts."""
    everything, verdict = [], []
    with progress_bar(len(judged), "judging", "model") as bar:
        for entry in judged:
            rows, told = judge.rows(entry)
            everything.append(rows)
            verdict.append(told)
            bar.update()
    measured = pd.concat(everything, ignore_index=True)
    measured["label"] = measured.apply(label, axis=1)
    return measured, pd.concat(verdict, ignore_index=True)
