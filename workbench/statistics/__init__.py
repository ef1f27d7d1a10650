"""Statistics over users: rank correlation, intervals and their tests, divergence, entropy."""

from workbench.statistics.distributions import (
    calibrated_entropy_bound,
    calibrated_weight_bound,
    entropy,
    entropy_bound,
    jensen_shannon_of_scores,
    normalised_entropy,
)
from workbench.statistics.intervals import (
    Interval,
    exact_share,
    mean_interval,
    mean_intervals,
    median_interval,
)
from workbench.statistics.over_seeds import (
    Part,
    SeedSpread,
    difference_over_seeds,
    seed_spread,
    sum_over_seeds,
)
from workbench.statistics.planted_truth import CauseScores, cause_scores, chance_scores
from workbench.statistics.rank_correlation import kendall_p_value, kendall_tau_b, spearman
from workbench.statistics.significance import detectable, holm

__all__ = [
    "CauseScores",
    "Interval",
    "Part",
    "SeedSpread",
    "calibrated_entropy_bound",
    "calibrated_weight_bound",
    "cause_scores",
    "chance_scores",
    "detectable",
    "difference_over_seeds",
    "entropy",
    "entropy_bound",
    "exact_share",
    "holm",
    "jensen_shannon_of_scores",
    "kendall_p_value",
    "kendall_tau_b",
    "mean_interval",
    "mean_intervals",
    "median_interval",
    "normalised_entropy",
    "seed_spread",
    "spearman",
    "sum_over_seeds",
]
