"""What planted data are made with, and how likely chance makes each item."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from workbench.errors import WorkbenchError, one_of

Rule = Literal["content", "distance", "content-and-distance", "conjunction"]
RULES: tuple[Rule, ...] = get_args(Rule)
NOISE_BLOCK = 0.25  # share of the catalogue that is noise items


@dataclass(frozen=True)
class PlantedSettings:
    """What a planted data set is made with.

    Ids of items: causes come first, then plain items, then noise.

    Attributes
    ----------
    rule : see `workbench.data.planted`.
    n_users, n_items : counts.
    length : items in the longest sequences.
    shortest : items in the shortest sequences, `length` where that is less.
    signal : how often the rule, rather than popularity, produces an item that is not noise.
    noise : share of noise items among all.
    n_causes : items that are causes, in the rules where only some are.
    cause_share : share of causes in the popularity, equal for all causes; the other items follow
        Zipf's law.
    lag : positions between a cause and its effect, in the rules with a distance.
    seed : of all random numbers.

    Raises
    ------
    WorkbenchError
        If the rule is not known or a value lies outside its range.
    """

    rule: Rule = "content"
    n_users: int = 2000
    n_items: int = 200
    length: int = 30
    shortest: int = 10
    signal: float = 0.8
    noise: float = 0.5
    n_causes: int = 20
    cause_share: float = 0.5
    lag: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("rule", self.rule, RULES)
        for name in ("signal", "noise", "cause_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise WorkbenchError(f"{name}={getattr(self, name)} must lie between 0 and 1.")
        for name, least, most, why in (
            ("n_users", 1, 10**8, ""),
            ("length", 3, 1_000, ""),
            ("shortest", 3, 1_000, ""),
            ("seed", 0, 2**63, ""),
            ("n_items", 8, 5_000 if self.rule == "conjunction" else 10**6, ""),
            ("n_causes", 4, self.n_items // 2, f", half of the {self.n_items} items"),
            ("lag", 1, self.length - 1, ", one less than the length"),
        ):
            if not least <= getattr(self, name) <= most:
                raise WorkbenchError(
                    f"{name}={getattr(self, name)} must lie between {least} and {most}{why}."
                )

    @property
    def n_noise(self) -> int:
        """Items that are noise: the share `NOISE_BLOCK` of the catalogue, at least one."""
        return max(1, int(NOISE_BLOCK * self.n_items))

    def sequence_lengths(self) -> np.ndarray:
        """Probability of each number of items in a sequence, [length+1].

        Each has the smaller of two even draws from `shortest` to `length`. The item that predicts
        in a test stands two places behind the last one that is an input in training, so that if all
        sequences were equally long, every test would be at a position that was never trained, in a
        model that counts positions from the start. As it is, nearly every user stands where longer
        sequences were trained.
        """
        least = min(self.shortest, self.length)
        n = np.arange(self.length + 2)
        at_least = np.clip((self.length + 1 - n) / (self.length + 1 - least), 0, 1) ** 2
        return at_least[:-1] - at_least[1:]

    def popularity(self) -> np.ndarray:
        """Probability of each item under popularity, [n_items+1], 0 for padding and noise."""
        n_plain = self.n_items - self.n_noise
        shares = np.zeros(self.n_items + 1)
        if self.rule == "distance":  # causes are no kind of their own
            shares[1 : n_plain + 1] = 1 / np.arange(1, n_plain + 1)
            return shares / shares.sum()
        plain = slice(self.n_causes + 1, n_plain + 1)
        shares[plain] = 1 / np.arange(1, n_plain - self.n_causes + 1)
        shares[plain] *= (1 - self.cause_share) / shares[plain].sum()
        shares[1 : self.n_causes + 1] = self.cause_share / self.n_causes
        return shares

    def chance(self, signal: float = 0.0) -> np.ndarray:
        """Probability of each item by chance alone, [n_items+1].

        The share that a rule takes is left out, so that the sum is 1 - (1 - noise) * signal.

        Parameters
        ----------
        signal : how often the rule, rather than popularity, produces an item that is not noise.
        """
        mixture = (1 - self.noise) * (1 - signal) * self.popularity()
        mixture[-self.n_noise :] = self.noise / self.n_noise
        return mixture
