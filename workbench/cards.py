"""What the card of a model tells of its evaluations."""

from collections.abc import Mapping
from typing import Any

from workbench.evaluation import KEPT, REMOVED, Evaluation

# the metrics that are shown of a card, and how a reader knows them
HEADLINE = {"hit@10": "Hit@10", "ndcg@10": "NDCG@10", "mrr@10": "MRR@10"}


def on_card(found: Mapping[str, Evaluation]) -> dict[str, Any]:
    """What the card of a model tells of evaluations by split, with seen items kept and removed."""
    return {
        "seen_items_removed": False,  # in the first of the two
        "metrics": {split: each.by_policy[KEPT] for split, each in found.items()},
        "metrics_seen_removed": {split: each.by_policy[REMOVED] for split, each in found.items()},
    }


def chosen_by(card: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """The metrics by split, on a card, of the policy by which its training chose the epoch."""
    return card["metrics_seen_removed" if card["training"]["remove_seen"] else "metrics"]


def from_card(card: Mapping[str, Any]) -> list[tuple[str, str, dict[str, float]]]:
    """Every split, policy and metrics that a card tells of."""
    return [
        (split, policy, metrics)
        for policy, name in ((KEPT, "metrics"), (REMOVED, "metrics_seen_removed"))
        for split, metrics in card.get(name, {}).items()
    ]
