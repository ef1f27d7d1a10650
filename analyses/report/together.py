"""Verdicts that say the same are told together: in one card, with a row for each model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analyses.conclusions import SHOWN, Conclusion
from analyses.diagnostics.faithfulness.importance_choices import HALVES
from analyses.reliability import reliability
from analyses.telling.wording import percent
from analyses.verdict import VERB, Verdict
from workbench.phrases import listing

NAMED_HEADS = (
    "Model",
    "Attention names what matters most for",
    "The best control does for",
    "Part of attention that all users choose",
)


@dataclass(frozen=True)
class Together:
    """Models of which the same is concluded, for the same reason, and as surely.

    Attributes
    ----------
    verdicts : of each, one or more.
    often : how often such a verdict is wrong, in a sentence; "" where nothing is known, or it was
        told before.
    """

    verdicts: tuple[Verdict, ...]
    often: str = ""

    @property
    def single(self) -> Verdict | None:
        """The verdict, where it is one."""
        return self.verdicts[0] if len(self.verdicts) == 1 else None

    @property
    def conclusion(self) -> Conclusion:
        """What is concluded."""
        return self.verdicts[0].conclusion

    @property
    def headline(self) -> str:
        """The conclusion as a sentence."""
        if self.single:
            return self.single.headline
        models = listing([verdict.model for verdict in self.verdicts])
        return f"{models}: attention {VERB[self.conclusion]}."

    @property
    def why(self) -> str:
        """The reason; of one model also how often its attention names what matters most."""
        if self.single:
            return f"{self.single.why} {self.single.found}".rstrip()
        return self.verdicts[0].why

    @property
    def instead(self) -> str:
        """What to show instead of attention, or does better: of one model, with its numbers."""
        if self.single:
            return self.single.shown_instead
        models: dict[str, list[str]] = {}
        if self.conclusion == SHOWN:
            for verdict in self.verdicts:
                if verdict.beats_attention:
                    models.setdefault(verdict.instead, []).append(verdict.model)
            if not models:
                return "Nothing else does detectably better."
            return f"What does better still: {_each(models)}."
        for verdict in self.verdicts:
            models.setdefault(verdict.to_show, []).append(verdict.model)
        one = len(models) == 1
        return f"Show instead: {self.verdicts[0].to_show if one else _each(models)}."

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """A row of `NAMED_HEADS` for each model, where there are several."""
        return [] if self.single else [_row(verdict) for verdict in self.verdicts]

    @property
    def note(self) -> str:
        """What the rows say, and on how many users they stand."""
        pointing = (verdict.pointing for verdict in self.verdicts)
        measured = sorted({each.estimate.n for each in pointing if each and each.estimate})
        users = " to ".join(f"{n:,}" for n in dict.fromkeys([*measured[:1], *measured[-1:]]))
        return (
            "What matters most is the item of the history without which the recommended item (the "
            "model's first among those that the user has not had) loses most"
            + (
                f"; percentages are of {users} users, {HALVES}. The part that does best for all "
                "users was chosen by these, so that its share is flattered."
                if users
                else "."
            )
        )


def together(verdicts: Sequence[Verdict]) -> list[Together]:
    """The verdicts, those together that say the same, in the order of the first of each.

    How often verdicts are wrong is told with the first of those of which it is the same.
    """
    groups: dict[tuple[str, str, str], list[Verdict]] = {}
    for verdict in verdicts:
        known = reliability(verdict)
        often = "" if known is None else known.sentence
        groups.setdefault((verdict.conclusion, verdict.why, often), []).append(verdict)
    told: set[str] = set()
    made = []
    for (_, _, often), alike in groups.items():
        made.append(Together(tuple(alike), "" if often in told else often))
        told.add(often)
    return made


def _each(models: Mapping[str, Sequence[str]]) -> str:
    """What is said of which models."""
    return "; ".join(f"for {listing(names)}, {said}" for said, names in models.items())


def _row(verdict: Verdict) -> tuple[str, ...]:
    pointing = verdict.pointing
    shares = (None, None) if pointing is None else (pointing.estimate, pointing.control)
    named, control = ("" if share is None else percent(share, 0) for share in shares)
    chosen = verdict.part
    if verdict.part_share is not None:
        chosen += f": {percent(verdict.part_share, 0)}"
    return verdict.model, named, control, chosen
