"""What a verdict asks of a model, and what was measured answers: six questions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analyses.conclusions import Answer
from analyses.diagnostics import attention_worth
from analyses.diagnostics.faithfulness.importance_choices import (
    HALVES,
    OWN,
    TRAINED,
    attentions,
    by_importance,
    chosen_elsewhere,
    conditions,
    controls,
    of_model,
)
from analyses.diagnostics.max_attention_removal import removal_findings as removal
from analyses.diagnostics.order import ALONE, UNCHANGED, UNIFORM
from analyses.diagnostics.seeds.seed_pairs import Trainings
from analyses.running.results import Results
from analyses.telling.conditions import means_by
from analyses.telling.decisions import WORTH
from analyses.telling.wording import change, people, span
from workbench.phrases import counted
from workbench.statistics import Interval, exact_share, mean_interval


class Limits(NamedTuple):
    """Where the rule draws its lines; judged on planted data, see docs/judge.md.

    Attributes
    ----------
    named : share of users for whom attention must name the item that matters most, to be shown by
        itself.
    margin : a share of users so small that an advantage over controls within it is none.
    worth : a share of a model's NDCG@10 so small that a difference within it is none.
    chance : by what share of the control's effect the largest weight exceeds it where weights were
        dealt to items at random.
    kept : share of users for whom another training must attend most to the same item.
    """

    named: float = 0.5
    margin: float = 0.05
    worth: float = WORTH
    chance: float = 0.1
    kept: float = 0.5


LIMITS = Limits()


class Asked(NamedTuple):
    """One of the six questions in words.

    Attributes
    ----------
    question : itself.
    line : what the number behind its answer is, and from where on it is a yes or a no.
    """

    question: str
    line: str


_GAIN = f"in NDCG@10; yes above 0, no below {100 * LIMITS.worth:.0f} % of the model's own"
QUESTIONS: Mapping[str, Asked] = {
    "used": Asked("Does ranking need learned attention?", _GAIN),
    "history": Asked("Does ranking need more than the last item?", _GAIN),
    "necessary": Asked(
        "Do the largest weights matter more than as much attention elsewhere?",
        f"how much further scores move; yes above {100 * LIMITS.chance:.0f} % of how far elsewhere "
        "moves them, no below",
    ),
    "pointing": Asked(
        "Do the items that attention names move the prediction more than controls do?",
        "share of users for whom it names the item that matters most; yes if above a control's, no "
        f"if less than {LIMITS.margin:.2f} above",
    ),
    "learned": Asked(
        "Did it learn to point there?",
        "share of users lost when what the model learned is taken out; yes above 0, no below "
        f"{LIMITS.margin:.2f}",
    ),
    "stable": Asked(
        "Does another training attend most to the same item?",
        f"share of users; yes above {LIMITS.kept:.2f}, no below",
    ),
}
DIFFERENCES = ("used", "history", "necessary", "learned")  # questions by what is more or less
UNMEASURED = "It was not measured."
NO_OTHERS = "It takes two users or more, of whom each half chooses for the other."
NO_CONTROL = (
    "There is no control to compare with: beside the largest weight of a row no other item has "
    "attention that could be taken."
)


@dataclass(frozen=True)
class Question:
    """One of the six questions, and its answer for one model.

    Attributes
    ----------
    key : of `QUESTIONS`.
    answer : of it.
    sentence : the answer with its number, interval, control and users.
    estimate, control : what is measured, and what it is compared with; None where nothing is. In
        `DIFFERENCES` the former is a difference, to the control where there is one.
    """

    key: str
    answer: Answer
    sentence: str
    estimate: Interval | None = None
    control: Interval | None = None

    @property
    def asked(self) -> str:
        """The question in words."""
        return QUESTIONS[self.key].question

    @property
    def line(self) -> str:
        """What its number is, and from where on it is a yes or a no."""
        return QUESTIONS[self.key].line

    @property
    def numbers(self) -> tuple[str, ...]:
        """The numbers behind the answer, as a table shows them, with the users they stand on."""
        if self.estimate is None:
            return ()
        difference = self.key in DIFFERENCES
        measured = span(self.estimate, 3, sign=difference)
        control = None if self.control is None else span(self.control, 3)
        if control is not None:
            control = f"{'against' if difference else 'control'} {control}"
        return tuple(filter(None, (measured, control, people(self.estimate.n))))


@dataclass(frozen=True)
class Evidence:
    """What was measured, by diagnostic, and of it what a verdict is about.

    Attributes
    ----------
    measured : results by the name of their diagnostic.
    faithfulness : those of them without which there is no verdict.
    """

    measured: Mapping[str, Results]
    faithfulness: Results
    _read: dict[tuple[Any, ...], pd.DataFrame] = field(default_factory=dict, init=False)

    def rows(self, model: str, **which: Any) -> pd.DataFrame:
        """What moves what the model recommends, which is what a reason is shown for; read once."""
        key = (model, *sorted(which.items()))
        if key not in self._read:
            self._read[key] = of_model(self.faithfulness.rows, model, OWN, **which)
        return self._read[key]

    @cached_property
    def controls(self) -> list[str]:
        """What was taken out of the models."""
        every = self.faithfulness.rows.once(["control"])["control"]
        return [str(control) for control in every if control != TRAINED]

    @cached_property
    def trainings(self) -> Trainings | None:
        """How often the trainings of each model attend most to another item."""
        results = self.measured.get("seeds")
        return None if results is None else Trainings(results, ["attended"])

    def used(self, model: str) -> Question:
        """Does ranking need learned attention?"""
        worth, order = self.measured.get("attention_worth"), self.measured.get("order")
        pairs = dict(worth.comparison.uniform_pairs) if worth is not None else {}
        if worth is not None and model in pairs:
            values = attention_worth.by_training(worth, "ndcg")[model]
            pair = (model, pairs[model])
            gain = attention_worth.compare(worth, [pair])[pair]["ndcg"]
            margin = LIMITS.worth * float(np.nanmean(values))
            answer = _answer(gain, margin)
            against = f"its backbone trained with uniform attention, {pairs[model]}"
        elif order is not None and (shown := _change(order, model, UNIFORM)) is not None:
            gain, margin = shown
            answer = _answer(gain, margin)
            against = "itself with its attention made uniform at inference"
            if order.comparison.parts[model].role == "uniform" and gain.n and not gain.nonzero:
                answer = "no"  # by construction
                against += ", which it was before"
        else:
            return Question("used", "cannot tell", UNMEASURED)
        sentence = f"{change(gain, what='NDCG@10')} against {against} ({people(gain.n)})."
        return Question("used", answer, sentence, gain)

    def history(self, model: str) -> Question:
        """Does ranking need more than the last item?"""
        order = self.measured.get("order")
        shown = _change(order, model, ALONE) if order is not None else None
        if shown is None:
            return Question("history", "cannot tell", UNMEASURED)
        gain, margin = shown
        told = change(gain, what="NDCG@10")
        sentence = f"{told} against the last item alone ({people(gain.n)})."
        return Question("history", _answer(gain, margin), sentence, gain)

    def necessary(self, model: str) -> Question:
        """Do the largest weights matter more than as much attention elsewhere?"""
        results = self.measured.get("max_attention_removal")
        if results is None:
            return Question("necessary", "cannot tell", UNMEASURED)
        lacking = Question("necessary", "cannot tell", "It has no largest weight to lose.")
        rows = results.rows.where(model=model, k=removal.CLAIMED[0]).map(removal.headline)
        means, masses = means_by(rows, ["operator"], ["per_size", "mass"]).values()
        if not any(mean.n for mean in means.values()):
            return lacking
        differences = rows.map(removal.largest_minus_control)
        more = means_by(differences, ["k"], ["per_size"])["per_size"][removal.CLAIMED[0],]
        control = means["control",]
        if not more.n:
            return Question("necessary", "cannot tell", NO_CONTROL)
        nothing = LIMITS.chance * abs(control.estimate)
        answer: Answer = "cannot tell"
        if more.has_ends and more.low > nothing:
            answer = "yes"
        elif more.has_ends and more.high < nothing:
            answer = "no"
        as_far = removal.as_far(masses["largest",], masses["control",])
        sentence = (
            "How much further scores move without the largest weight than without as much elsewhere"
            f"{as_far}, or less far where below 0: {change(more)}; the latter moves them "
            f"{span(control)} (for how far weights change; {people(more.n)}). Up to "
            f"{nothing:.4f}, a tenth of that, counts as no further."
        )
        return Question("necessary", answer, sentence, more, control)

    def pointing(self, model: str) -> Question:
        """Do the items that attention names move the prediction more than controls' do?

        Its estimate is the share of users for whom attention names the item that matters most, each
        half of them judged by the part that does best for the other half. With the last item kept
        another way of taking items away must agree; that is asked of the users for whom another
        item than the last matters most, since in others nothing that matters is left to be named.
        """
        first, *kept = conditions(self.faithfulness.rows.where(model=model))
        wide = by_importance(self.rows(model, condition=first), "align")
        mine, theirs = self._chosen(model, wide)
        theirs_first = theirs.to_numpy(np.float64)
        main = mean_interval(mine.to_numpy(np.float64) - theirs_first)
        named, control = (exact_share(each.to_numpy()) for each in (mine, theirs))
        others = wide[wide["recency"] == 0] if "recency" in wide else wide
        if not main.n:
            return Question("pointing", "cannot tell", NO_OTHERS, named, control)
        further = {}
        for condition in kept if len(others) > 1 else ():
            part = by_importance(self.rows(model, condition=condition), "align")
            mine, theirs = self._chosen(model, part[part.index.isin(others.index)])
            further[condition[0]] = mean_interval((mine - theirs).to_numpy(np.float64))
        answer = agreed(main, list(further.values()))
        kept_too = "; ".join(
            f"{change(interval, 3)} by {operator}" for operator, interval in further.items()
        )
        sentence = (
            f"It names the item of the history without which the recommended item loses most for "
            f"{span(named, 3)} of users, a control for {span(control, 3)}: {change(main, 3)} "
            f"({people(main.n)}, {HALVES})."
        )
        if answer != "yes" and not mean_interval(1 - theirs_first).low > 0:
            sentence += (
                " No importance could have been seen to name it more often than that control does."
            )
        if further:
            sentence += (
                f" Of the {counted(len(others), 'user')} for whom another item than the last "
                f"matters most, with the last item kept: {kept_too}."
            )
        return Question("pointing", answer, sentence, named, control)

    def _chosen(self, model: str, wide: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
        """What the best attention and the best control have, each chosen by other users."""
        rows = self.rows(model)
        mine, theirs = (
            chosen_elsewhere(wide, names) for names in (attentions(rows), controls(rows))
        )
        return mine, theirs

    def learned(self, model: str) -> Question:
        """Does it point at what matters less often when what the model learned is taken out?"""
        wide = by_importance(self.rows(model), "align")
        mine = chosen_elsewhere(wide, attentions(self.rows(model)))
        found = []
        for name in self.controls:
            rows = self.rows(model, control=name)
            if len(rows):
                theirs = chosen_elsewhere(by_importance(rows, "align"), attentions(rows))
                found.append((mean_interval((mine - theirs).to_numpy(np.float64)), name, theirs))
        if not found:
            return Question("learned", "cannot tell", "It has no weights to shuffle.")
        if not any(difference.n for difference, *_ in found):
            return Question("learned", "cannot tell", NO_OTHERS)
        less, name, theirs = min(found, key=lambda each: each[0].estimate)
        control = exact_share(theirs.to_numpy())
        sentence = (
            f"With {name} it names what matters most to the model as it is then for "
            f"{span(control, 3)} of users; for what was learned, {change(less, 3)} "
            f"({people(less.n)}, each half of them judged by the part of attention that does best "
            "for the other half)."
        )
        return Question("learned", _answer(less, LIMITS.margin), sentence, less, control)

    def stable(self, model: str) -> Question:
        """Does another training attend most to the same item?"""
        trainings = self.trainings
        other = None if trainings is None else trainings.within("attended", model)
        if trainings is None or other is None or np.isnan(other).all():
            if trainings is None:
                why = UNMEASURED
            elif len(trainings.comparison.trainings(model)) > 1:
                why = "It has no most attended item."
            else:
                why = "No other training of it was given."
            return Question("stable", "cannot tell", why)
        same = mean_interval(1 - other).within(0, 1)
        answer: Answer = "cannot tell"
        if same.low > LIMITS.kept:
            answer = "yes"
        elif same.high < LIMITS.kept:
            answer = "no"
        n = len(trainings.comparison.trainings(model))
        sentence = (
            f"Two of its {n} trainings share the most attended item, by the mean over layers and "
            f"heads, for {span(same, 3)} of users ({people(same.n)})."
        )
        return Question("stable", answer, sentence, same)


def agreed(main: Interval, further: Sequence[Interval]) -> Answer:
    """Whether attention names what matters more often than controls, by every way to take it away.

    What contradicts makes a "yes" open, never a "no": that is what is shown to be too little.

    Parameters
    ----------
    main : how much more often it does.
    further : the same by other ways, those of which have a say that have ends.
    """
    if main.high < LIMITS.margin:
        return "no"
    answer = _answer(main, LIMITS.margin)
    contradicted = not all(interval.low > 0 for interval in further if interval.has_ends)
    return "cannot tell" if answer == "yes" and contradicted else answer


def _answer(difference: Interval, margin: float) -> Answer:
    """Whether a difference is above 0; "no" needs it to be shown to be below the margin."""
    if not difference.n or not difference.has_ends:
        return "cannot tell"
    if difference.low > 0:
        return "yes"
    return "no" if difference.high < margin else "cannot tell"


def _change(order: Results, model: str, condition: str) -> tuple[Interval, float] | None:
    """What NDCG@10 loses in a condition, and how much of it counts as nothing."""

    def lost(rows: pd.DataFrame) -> pd.DataFrame:
        return rows[["model", "user", "condition", "ndcg"]].assign(lost=-rows["d_ndcg"])

    rows = order.rows.map(lost).where(model=model)
    means = means_by(rows, ["condition"], ["ndcg", "lost"])
    if (condition,) not in means["lost"]:
        return None
    level = means["ndcg"][UNCHANGED,].estimate
    return means["lost"][condition,], LIMITS.worth * level
