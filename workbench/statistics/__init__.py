"""Statistics over users: rank correlation, intervals, divergence, entropy, planted truth."""

from workbench.statistics.distributions import (
    calibrated_entropy_bound,
    calibrated_weight_bound,
    entropy,
    entropy_bound,
    jensen_shannon,
    later_maximum,
    normalised_entropy,
)
from workbench.statistics.intervals import (
    Interval,
    bootstrap_mean,
    bootstrap_means,
    bootstrap_median,
    exact_share,
    paired_bootstrap,
)
from workbench.statistics.planted_truth import CauseScores, cause_scores, chance_scores
from workbench.statistics.rank_correlation import kendall_p_value, kendall_tau_b

__all__ = [
    "CauseScores",
    "Interval",
    "bootstrap_mean",
    "bootstrap_means",
    "bootstrap_median",
    "calibrated_entropy_bound",
    "calibrated_weight_bound",
    "cause_scores",
    "chance_scores",
    "entropy",
    "entropy_bound",
    "exact_share",
    "jensen_shannon",
    "kendall_p_value",
    "kendall_tau_b",
    "later_maximum",
    "normalised_entropy",
    "paired_bootstrap",
]
