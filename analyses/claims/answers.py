"""What is said of every claim: its cells on every data set, decided together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from analyses.claims.paper_claims import (
    CLAIMS,
    OF_ATTENTION,
    OF_DIRECT,
    OF_THE_VARIANT,
    SLOWER,
    Claim,
    Contrast,
)
from analyses.claims.record import COUNT, Record, effect_columns
from analyses.claims.relative_speed import keeps_speed
from analyses.claims.rule import (
    DECIDED,
    HOLDS,
    OPEN,
    UNMEASURED,
    ClaimAnswer,
    Decided,
    Effect,
    Lines,
    decide,
)
from analyses.claims.seed_spreads import Spreads, spread_table, spreads_by_data
from analyses.claims.study import Planned
from analyses.claims.user_table import METRICS, VALID
from workbench.statistics import Interval

NO_GAIN = "no gain was shown that could be kept"
ONCE = "too few were trained again, so that other trainings might say the opposite"


@dataclass(frozen=True)
class ClaimCell:
    """A comparison on a data set, and what is said of the claim there.

    Attributes
    ----------
    claim : the claim.
    data : the data set.
    contrast : what is compared; None for the speed of a model.
    name : the same in words.
    found : what was measured; None where it was not yet.
    lines : where the effect has to lie.
    decided : the answer.
    note : why nothing can be told, where the interval does not say.
    kept : whether it stands as an earlier run published it.
    """

    claim: Claim
    data: str
    contrast: Contrast | None
    name: str
    found: Effect | None
    lines: Lines
    decided: Decided = field(default_factory=lambda: Decided(UNMEASURED))
    note: str = ""
    kept: bool = False

    @property
    def answer(self) -> ClaimAnswer:
        """What is said."""
        return self.decided.answer

    @property
    def interval(self) -> Interval | None:
        """Of the effect."""
        return None if self.found is None else self.found.interval


def answered(
    planned: Sequence[Planned],
    users: Mapping[str, pd.DataFrame],
    times: Mapping[str, pd.DataFrame],
    claims: Sequence[Claim] = (*CLAIMS, *OF_ATTENTION, *OF_THE_VARIANT, *OF_DIRECT),
    record: Record | None = None,
) -> list[ClaimCell]:
    """All cells, decided claim by claim.

    Parameters
    ----------
    planned : every training of the study, trained or not.
    users : what was measured, by data set; see `Measurements`.
    times : CPU seconds, by data set; see `relative_speed.speeds`.
    claims : what is claimed.
    record : what earlier runs published; it stands until as much is measured.

    Raises
    ------
    WorkbenchError
        If a comparison that was published is none of these.
    """
    record = record or Record()
    spreads = spreads_by_data(planned, spread_table(planned, users, record))
    validated = validation(users, record)
    names = dict.fromkeys(each.data for each in planned)
    of_data = {name: [each for each in planned if each.data == name] for name in names}
    answers: list[ClaimCell] = []
    told: set[tuple[str, str, str]] = set()
    for claim in claims:
        cells = [
            cell
            for name, trainings in of_data.items()
            for cell in _cells(
                claim,
                trainings,
                users.get(name),
                times.get(name),
                spreads[name],
                validated.get(name, {}),
                record,
                told,
            )
        ]
        decisions = decide([(cell.found, cell.lines) for cell in cells])
        answers += [
            replace(cell, decided=each) for cell, each in zip(cells, decisions, strict=True)
        ]
    record.check_all_told(told)
    return [_explained(cell, answers) for cell in answers]


def validation(users: Mapping[str, pd.DataFrame], record: Record) -> dict[str, dict[str, float]]:
    """NDCG@10 on validation cases by data set and model, the mean of its trainings."""
    means = {
        name: table.groupby("model").agg(
            **{COUNT: ("seed", "nunique"), METRICS[VALID]: (VALID, "mean")}
        )
        for name, table in users.items()
        if VALID in table
    }
    found = pd.concat(means, names=["data"]).reset_index() if means else pd.DataFrame()
    known: dict[str, dict[str, float]] = {}
    for row in record.joined("ranking", found).to_dict("records"):
        known.setdefault(row["data"], {})[row["model"]] = row[METRICS[VALID]]
    return known


def _cells(
    claim: Claim,
    planned: Sequence[Planned],
    users: pd.DataFrame | None,
    times: pd.DataFrame | None,
    spreads: Spreads,
    validated: Mapping[str, float],
    record: Record,
    told: set[tuple[str, str, str]],
) -> list[ClaimCell]:
    """The cells of a claim on a data set, of which these are the trainings; adds them to `told`."""
    made, data = [], planned[0].data

    def cell(contrast: Contrast | None, name: str, found: Effect | None, lines: Lines) -> ClaimCell:
        told.add((claim.title, data, name))
        kept = record.cell(claim.title, data, name, lines.tests)
        if kept is None or (found is not None and as_good(found, kept[0])):
            return ClaimCell(claim, data, contrast, name, found, lines)
        return ClaimCell(claim, data, contrast, name, *kept, kept=True)

    for contrast in claim.contrasts:
        if not contrast.is_planned(planned):
            continue
        choices = contrast.choices(planned)
        contrast = contrast.among(validated, planned)
        found = None if users is None else contrast.effect(users, spreads)
        lines = contrast.lines(None if found is None else users)
        if found is None:  # what was chosen before stands until what is chosen now is measured
            known = [c for c in choices if record.cell(claim.title, data, c.name, lines.tests)]
            contrast = known[0] if known and contrast not in known else contrast
        made.append(cell(contrast, contrast.name, found, lines))
        told |= {(claim.title, data, choice.name) for choice in choices}
        if contrast.kind == "most":
            words = f"speed of {contrast.model}, in that of {contrast.other}"
            speed: tuple[Effect | None, Lines] = (None, Lines.at(1 / SLOWER))
            if times is not None and contrast.model in times:
                speed = keeps_speed(times, contrast.model, SLOWER)
            made.append(cell(None, words, *speed))
    return made


def as_good(found: Effect, kept: Effect) -> bool:
    """Whether what was found now stands on as much as what was published."""
    trainings = zip(found.trainings, kept.trainings, strict=True)
    return all(now >= before for now, before in trainings) and found.over_seeds >= kept.over_seeds


def _explained(cell: ClaimCell, cells: Sequence[ClaimCell]) -> ClaimCell:
    """The cell with why nothing can be told; of a gain that was not shown, no part can be kept."""
    if cell.contrast is not None and cell.contrast.kind == "most" and cell.found is not None:
        gain = Contrast(cell.contrast.measure, cell.contrast.whole, cell.contrast.other)
        gains = [
            other.answer for other in cells if other.data == cell.data and other.contrast == gain
        ]
        if HOLDS not in gains:
            return replace(cell, decided=replace(cell.decided, answer=OPEN), note=NO_GAIN)
    once = cell.contrast is not None and cell.found is not None and not cell.found.over_seeds
    return replace(cell, note=ONCE) if once else cell


def undone(cells: Sequence[ClaimCell]) -> list[ClaimCell]:
    """Those whose answers would not stand if all tests of the study were decided together."""
    together = decide([(cell.found, cell.lines) for cell in cells])
    pairs = zip(cells, together, strict=True)
    return [cell for cell, d in pairs if cell.answer in DECIDED and cell.answer != d.answer]


def table(cells: Sequence[ClaimCell]) -> pd.DataFrame:
    """A row per cell, for whoever reads on with a program."""
    return pd.DataFrame(
        [
            {
                "claim": cell.claim.title,
                "data": cell.data,
                "comparison": cell.name,
                "measure": "speed" if cell.contrast is None else cell.contrast.measure,
                "answer": cell.answer,
                "holds above": cell.lines.upper,
                "fails below": cell.lines.lower,
                **effect_columns(cell.found),
                "adjusted p at upper line": cell.decided.upper,
                "adjusted p at lower line": cell.decided.lower,
                "note": cell.note,
            }
            for cell in cells
        ]
    )
