"""The verdict of a model: can its attention be shown as a reason? Six questions, one conclusion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analyses.conclusions import BESIDE, DECISIVE, NOT, OPEN, SHOWN, Answer, Conclusion
from analyses.diagnostics import (
    attention_worth,
    faithfulness,
    max_attention_removal,
    order,
    seeds,
)
from analyses.diagnostics.faithfulness.importance_choices import (
    HALVES,
    LOST,
    advantage,
    attentions,
    by_importance,
    chosen,
    controls,
    explanations,
)
from analyses.questions import LIMITS, Evidence, Question
from analyses.running.measuring import measure_in_memory
from analyses.running.results import Results
from analyses.telling.wording import people, percent, span
from workbench.data.sequences import SequenceData
from workbench.errors import WorkbenchError, loaded
from workbench.explaining.attention_weights import AttentionPart
from workbench.model import Model, with_attention
from workbench.phrases import counted, listing
from workbench.statistics import Interval, exact_share
from workbench.writing import number


@dataclass(frozen=True)
class Verdict:
    """What can be said of the attention of one model on these data.

    Attributes
    ----------
    model : by its name in the report.
    reduction : the attention it is about, a method of `explain`, as "attention layer 1": the part
        that names the item that matters most for the most users.
    conclusion : in the words that a page shows.
    why : the reason for it, in a sentence.
    questions : the six, in order.
    instead : the importance beside attention that does best on all users, a method of `explain`.
    found : how often attention names the item that matters most, and a control, in words.
    gain : by how much the best importance does better than the best attention, for each half of the
        users those that are best for the other half; None where it was not measured.
    control : the best of the controls that know nothing of the model, a method of `explain`.
    beyond : the same as `gain`, against the best control.
    lost : nats of log probability that the prediction loses without what `control` names.
    alike : the share of users for whom both name the item that matters most, and so the same one.
    part_share : the share of users for whom `reduction` names the item that matters most, which
        flatters, for the same users chose it; None where it was not stored.
    cannot_tell : what these data cannot tell, a sentence each.
    """

    model: str
    reduction: str
    conclusion: Conclusion
    why: str
    questions: tuple[Question, ...]
    instead: str
    found: str = ""
    gain: Interval | None = None
    control: str = ""
    beyond: Interval | None = None
    lost: float | None = None
    alike: Interval | None = None
    part_share: Interval | None = None
    cannot_tell: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """The conclusion as a sentence."""
        return f"{self.model}: its attention ({self.part}) {VERB[self.conclusion]}."

    @property
    def pointing(self) -> Question | None:
        """How often attention, and a control, name what matters most; None where not asked."""
        return next((q for q in self.questions if q.key == "pointing"), None)

    @property
    def part(self) -> str:
        """Which part of attention it is about, in words."""
        return part_in_words(self.reduction)

    @property
    def to_do(self) -> str:
        """What follows for whoever shows reasons to users."""
        told = _TO_DO[self.conclusion].format(reduction=self.reduction, instead=self.to_show)
        if self.conclusion == NOT and self._mostly_alike:
            told += f" For most users what it names first is {self._first}."
        return told

    @property
    def beats_controls(self) -> bool:
        """Whether an importance is known to do better than every control, and not hardly so.

        So taken where it was not measured.
        """
        return self.beyond is None or (self.beyond.low > 0 and not self._hardly)

    @property
    def beats_attention(self) -> bool:
        """Whether an importance is known to do better than attention."""
        return self.gain is not None and self.gain.low > 0

    @property
    def _hardly(self) -> bool:
        """Whether it is known that no more than a margin of what controls reach is gained."""
        if self.beyond is None or self.lost is None:
            return False
        return self.beyond.high < LIMITS.margin * self.lost

    @property
    def to_show(self) -> str:
        """What to show, in words: attention that can be shown, `instead`, or what controls name."""
        if self.conclusion == SHOWN:
            return f"attention ({self.part})"
        return _CONTROLS.get(self.method, self.method)

    @property
    def method(self) -> str:
        """The method of `explain` that is to stand in the place of attention, or beside it."""
        return self.instead if self.beats_controls else self.control

    @property
    def shown_instead(self) -> str:
        """What to show instead of attention, or what does better still, with what it stands on."""
        return self._better_still if self.conclusion == SHOWN else self._in_its_place

    @property
    def _better_still(self) -> str:
        """Whether something does better than attention that can be shown."""
        if self.gain is None or not self.gain.n:
            return f"Whether {self.instead} does better than attention could not be measured."
        by = self._by(self.gain)
        if self.beats_attention:
            return f"What does better still: {self.instead}, by {by}."
        return f"Nothing else does detectably better: {self.instead}, the best of it, by {by}."

    @property
    def _in_its_place(self) -> str:
        """What to show instead of attention that cannot be shown by itself."""
        said = f"Show instead: {self.to_show}"
        if self.beyond is None:
            return f"{said}."
        if not self.beyond.n:
            return f"{said}. Whether {self.instead} does better could not be measured."
        where = "" if self.lost is None else f" (by the control's it loses {number(self.lost, 3)})"
        further = self._by(self.beyond, where)
        if not self.beats_controls:
            better = "hardly" if self.beyond.low > 0 else "not detectably"
            return (
                f"{said}. What knows more of the model does {better} better: {self.instead}, the "
                f"best of it, by {further}."
            )
        beside = self.gain is not None and self.gain.n > 0
        gain = "" if self.gain is None else span(self.gain, 3, sign=True)
        attention = f"attention by {gain} and than " if self.beats_attention else ""
        told = f"{said}, which does better than {attention}{self._control} by {further}."
        if beside and not self.beats_attention:
            told += f" It was not seen to do better than attention ({gain})."
        if self.alike is not None and self._mostly_alike:
            told += (
                f" For {percent(self.alike, 0)} of users the item that matters most is "
                f"{self._first}, and it names that first; it differs in what follows."
            )
        return told

    @staticmethod
    def _by(difference: Interval, beside: str = "") -> str:
        """By how much something does better, in what, and for whom."""
        return (
            f"{span(difference, 3, sign=True)} nats of log probability that the prediction loses "
            f"without what is named{beside}, {people(difference.n)}; for each half of them, of "
            "what is best for the other half"
        )

    @property
    def _control(self) -> str:
        return _CONTROLS.get(self.control, self.control)

    @property
    def _first(self) -> str:
        """What the control names first, in words."""
        return _NAMED_FIRST.get(self.control, f"that of {self.control}")

    @property
    def _mostly_alike(self) -> bool:
        """Whether what to show instead is seen to name for most users what a control names."""
        return self.beats_controls and self.alike is not None and self.alike.estimate >= ALIKE


VERB: dict[Conclusion, str] = {
    SHOWN: "can be shown as a reason",
    BESIDE: "can be shown only with what stands beside it",
    NOT: "must not be shown as a reason",
    OPEN: "is not judged, for these data cannot tell",
}

ASKED = (faithfulness, attention_worth, order, max_attention_removal, seeds)
NONE: Mapping[str, Any] = {}
ALIKE = 0.5  # from here on a reader is told how often a control names the same item first


def verdict(
    model: Model,
    data: SequenceData,
    *,
    beside: Mapping[str, Model] = NONE,
    siblings: Mapping[str, Model] = NONE,
    users: Sequence[int] | np.ndarray | None = None,
    seed: int = 0,
) -> Verdict:
    """The verdict of one model on these data, as a report gives it.

    Parameters
    ----------
    model : what is judged.
    data : where the test cases come from.
    beside : other models by name; one of the same kind trained with uniform attention tells whether
        ranking needs learned attention.
    siblings : the same training with other seeds, by name; they tell whether it attends alike.
    users : [n] indices; by default all who have a test case.
    seed : of what is drawn at random.

    Raises
    ------
    WorkbenchError
        If the model has no attention, does not fit the data, or has the name of another; if there
        are no such users, or nothing can be measured of them.
    """
    loaded(model, "workbench.load_model or adapt", "config")
    for option, given in (("beside", beside), ("siblings", siblings)):
        if not isinstance(given, Mapping):
            raise WorkbenchError(
                f"{option} are a dict of models by name, and no {type(given).__name__}."
            )
    name = model.config.name
    with_attention(model)
    others = {own: other for own, other in beside.items() if other is not model}
    if name in others:
        raise WorkbenchError(f"two models are called {name}; name the one in `beside` otherwise.")
    models = {name: model, **others}
    measured = {
        asked.DIAGNOSTIC.name: measure_in_memory(
            asked.DIAGNOSTIC,
            models if asked is attention_worth else {name: model},
            data,
            None if users is None else np.asarray(users),
            seed,
            siblings={name: siblings} if siblings else NONE,
        )
        for asked in ASKED
    }
    judged = verdicts(measured)
    if not judged:
        raise WorkbenchError(unjudged(name))
    return judged[0]


def unjudged(model: str) -> str:
    """Why a model whose attention was asked about has no verdict."""
    return (
        f"{model} has no verdict: none of these users has a history, as far as it is read, of "
        "several items of which one may matter more; give other users or data, or a model of a "
        "larger max_length."
    )


def verdicts(measured: Mapping[str, Results]) -> tuple[Verdict, ...]:
    """The verdict of each model whose attention could be measured.

    Parameters
    ----------
    measured : results by the name of their diagnostic; what is lacking answers nothing.
    """
    if DECISIVE not in measured:
        return ()
    names = [asked.DIAGNOSTIC.name for asked in ASKED]
    gathered = {name: measured[name].gathered() for name in names if name in measured}
    results = gathered[DECISIVE]
    evidence = Evidence(gathered, results)
    every = (_verdict(model, evidence) for model in results.comparison.names)
    return tuple(judged for judged in every if judged is not None)


def part_in_words(reduction: str) -> str:
    """The part of attention that a reduction is, in words: "layer 2, head 2"."""
    part = AttentionPart.of(reduction)
    assert part is not None
    return part.name


RULE = (
    f"Attention {VERB[NOT]} if the items that it names do not move the prediction more than those "
    "that controls name, or if it did not learn to point there.",
    f"It {VERB[OPEN]}, if either of these two questions was left unanswered, or the one whether "
    "ranking needs more than the last item.",
    f"It {VERB[BESIDE]} if ranking needs no more than the last item (a model that was broken may "
    "point at what moves it, and moves it nowhere), if attention names the item that matters most "
    f"for less than {100 * LIMITS.named:.0f} % of users by the lower end of the interval, if the "
    "largest weights are known to matter no more than as much elsewhere, or if another training is "
    "known to attend most to another item.",
    f"Else it {VERB[SHOWN]}.",
    "Whether ranking needs learned attention says what there is to explain, and decides nothing: "
    "where any attention ranks as well, it may still be right.",
)  # the first that applies counts


def conclude(answers: Mapping[str, Answer], named: Interval) -> tuple[Conclusion, str]:
    """The rule: from the answers to the six questions to the conclusion, and why; see `RULE`.

    Parameters
    ----------
    answers : by the key of the question.
    named : the share of users for whom attention names the item that matters most.
    """
    pointing, learned = answers["pointing"], answers["learned"]
    if pointing == "no":
        return NOT, (
            "what it names moves the prediction no more than what is named by controls that know "
            "nothing of the model, such as the last item."
        )
    if learned == "no":
        return NOT, "the same model without what it learned points at what matters as often."
    if "cannot tell" in (pointing, learned):
        what = "points at what moves the prediction" if pointing != "yes" else "learned to point"
        return OPEN, f"whether it {what}, more than controls do, was not detected on these users."
    if answers["history"] == "cannot tell":
        return OPEN, "whether ranking needs more than the last item was not detected."
    if answers["history"] == "no":
        return BESIDE, "it points at what moves the prediction, which needs only the last item."
    if not named.low >= LIMITS.named:
        return BESIDE, (
            "it points at what moves the prediction more often than controls, but not for most "
            "users."
        )
    if answers["necessary"] == "no":
        return BESIDE, "it points at what moves the prediction, which does not need those weights."
    if answers["stable"] == "no":
        return BESIDE, "it points at what moves the prediction, at other items in another training."
    return SHOWN, "it points at what moves the prediction, and the model learned to."


def _verdict(model: str, evidence: Evidence) -> Verdict | None:
    rows = evidence.rows(model)
    if not len(rows) or not attentions(rows):
        return None
    pointing = evidence.pointing(model)
    assert pointing.estimate is not None
    assert pointing.control is not None
    questions = (
        evidence.used(model),
        evidence.history(model),
        evidence.necessary(model),
        pointing,
        evidence.learned(model),
        evidence.stable(model),
    )
    answers = {question.key: question.answer for question in questions}
    conclusion, why = conclude(answers, pointing.estimate)
    lost, align = (by_importance(rows, value) for value in (LOST, "align"))
    instead, control = (chosen(rows, names, LOST) for names in (explanations(rows), controls(rows)))
    reduction, rival = (chosen(rows, names) for names in (attentions(rows), controls(rows)))
    part_share, rival_share = (exact_share(align[name].to_numpy()) for name in (reduction, rival))
    both = (align[instead] * align[control]).to_numpy(np.float64)
    open_questions = [q for q in questions if q.answer == "cannot tell"]
    return Verdict(
        model=model,
        reduction=reduction,
        conclusion=conclusion,
        why=why[0].upper() + why[1:],
        found=_found(
            pointing.estimate,
            pointing.control,
            {
                part_in_words(reduction): part_share,
                _NAMED_FIRST.get(rival, rival): rival_share,
            },
        ),
        questions=questions,
        instead=instead,
        gain=advantage(lost, explanations(rows), attentions(rows)),
        control=control,
        beyond=advantage(lost, explanations(rows), controls(rows)),
        lost=float(lost[control].mean()),
        alike=exact_share(both),
        part_share=part_share,
        cannot_tell=(
            *(f"{model}: {q.asked} {q.sentence}" for q in open_questions),
            "What a user takes for a reason: all of this is about the model.",
        ),
    )


def _found(named: Interval, by_control: Interval, of_all: Mapping[str, Interval]) -> str:
    """How often attention names the item that matters most, beside the best control.

    Parameters
    ----------
    named, by_control : of each half of the users the share of what does best for the other half.
    of_all : the shares of what all users choose: a part of attention, and a control, in words.
    """
    names = "names the item of the history that the recommended item depends on most"
    if not named.n:
        return f"How often its attention {names} could not be measured."
    these = listing([f"{what} with {percent(share, 0)}" for what, share in of_all.items()])
    return (
        f"Its attention {names} for {percent(named, 0)} of {counted(named.n, 'user')}, a control "
        f"for {percent(by_control, 0)}, {HALVES}. Chosen by all of them, which flatters, these are "
        f"{these}."
    )


# what controls name first
_NAMED_FIRST: dict[str, str] = {
    "random": "an item drawn at random",
    "recency": "the last item of the history",
    "similarity": "the item most like the recommended one",
}
# what it is to show what a control names
_CONTROLS: dict[str, str] = {
    "random": "nothing (items drawn at random)",
    "recency": "the latest items (recency)",
    "similarity": "the items most like the recommended one (similarity)",
}
_TO_DO: dict[Conclusion, str] = {
    SHOWN: "Show {reduction} where a reason is asked for, and run this report "
    "again after each training: another seed is another model.",
    BESIDE: "Show {reduction} only together with {instead}, and say "
    "that the model attended to these items, not that it recommended because of them.",
    NOT: "Do not show attention to users as a reason. Show {instead} "
    "instead, and run this report again after each training.",
    OPEN: "Show no attention before this report was run on more users, or on "
    "a model that ranks better; until then show {instead}.",
}
