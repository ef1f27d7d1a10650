"""Hit, NDCG and MRR: by full ranking over every item, or on request among sampled ones."""

import re
import warnings
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import torch

from workbench.data.address import where_is
from workbench.data.batches import iterate, make_batch
from workbench.data.readers.columns import bare
from workbench.data.sequences import SequenceData
from workbench.data.splits import (
    Cases,
    Split,
    cases,
    cases_at,
    split_seconds,
    written_time,
)
from workbench.data.times import UNITS
from workbench.errors import WorkbenchError, WorkbenchWarning, check_split, whole
from workbench.matching import checksum_of, matched
from workbench.metrics import metrics_of, ranks_kept_and_removed, target_ranks
from workbench.mode import evaluation_mode
from workbench.model import Model
from workbench.phrases import counted

if TYPE_CHECKING:
    from lightning_fabric import Fabric

KEPT, REMOVED = "seen kept", "seen removed"  # what becomes of items of the history in a ranking
SHOWN = re.compile(r"(hit|ndcg|mrr)@10\b")  # the metrics of an evaluation in a line

AT_ONCE = {"cpu": 256, "cuda": 2048}  # histories in a pass

NOT_COMPARABLE = (
    "figures of sampled negatives are not comparable with those of full ranking, and may order "
    "models otherwise (Krichene & Rendle, KDD 2020)"
)


@dataclass(frozen=True)
class Evaluation:
    """What a model reached, and on whom.

    Attributes
    ----------
    metrics : name -> mean over users, 0 to 1: "hit@k", "ndcg@k" and "mrr@k" for each k of
        `workbench.metrics.CUTOFFS`, 1 to 50; with 100 sampled negatives "ndcg@10 of 101 sampled".
    by_policy : the metrics with seen items kept and with them removed, `metrics` being one of the
        two, by `KEPT` and `REMOVED`; sampled negatives are never seen ones.
    ranks : [n], 1 is best.
    ranks_by_policy : the ranks of both, [n] each.
    users : [n] indices.
    split : "test", "valid", or "global time split at 2020-01-01T00:00:00Z".
    seen_removed : whether items of the history were no competitors in `metrics` and `ranks`.
    left_out : users of the data without a case.
    sampled_negatives : how many items each target was ranked against, None for all.
    """

    metrics: dict[str, float]
    by_policy: dict[str, dict[str, float]]
    ranks: np.ndarray
    ranks_by_policy: dict[str, np.ndarray]
    users: np.ndarray
    split: str
    seen_removed: bool
    left_out: int = 0
    sampled_negatives: int | None = None

    def __repr__(self) -> str:
        """One line, for ranks of all users say little in a notebook."""
        parts = [f"{self.split}, {counted(len(self.users), 'user')}"]
        for policy, metrics in self.by_policy.items():
            # those at 10, or where fewer items are ranked, all
            of_10 = {name: mean for name, mean in metrics.items() if SHOWN.match(name)} or metrics
            means = ", ".join(f"{name} {mean:.4f}" for name, mean in of_10.items())
            parts.append(f"{policy}: {means}")
        return f"Evaluation({'; '.join(parts)})"


def evaluate(
    model: Model,
    data: SequenceData,
    split: Split = "test",
    *,
    split_time: str | float | date | None = None,
    remove_seen: bool = False,
    sampled_negatives: int | None = None,
    seed: int = 0,
    batch_size: int | None = None,
    fabric: "Fabric | None" = None,
) -> Evaluation:
    """Rank every item for each user's held-out one.

    Ties count against the model by half. The data are matched to the model by the tokens of items
    and users, see `workbench.matching.matched`.

    Parameters
    ----------
    model : what ranks. It is in evaluation mode meanwhile.
    data : where the users are from.
    split : of leave-one-out: "test" or "valid".
    split_time : a date or date-time (UTC), or seconds since 1970, for a global time split instead:
        the first interaction at or after it is held out, and the history is everything before.
        Users without both are left out and counted.
    remove_seen : whether items of the history, however long ago, are no competitors. The target
        always stays. Both come from one pass, and `by_policy` has the metrics of both.
    sampled_negatives : rank the target among itself and this many others only, drawn uniformly and
        without replacement from the items that are neither the target nor in the history. The names
        of the metrics say so, because they do not compare with full ranking (Krichene & Rendle, KDD
        2020).
    seed : of the negatives; they do not depend on the batch size.
    batch_size : histories in a pass, at most; see `iterate`, which bounds their scores. By default
        256, or 2,048 on a CUDA device, which waits for its launches and not for numbers.
    fabric : of `workbench.processes.fabric`: its ranks share the passes, and each is given all
        ranks.

    Returns
    -------
    Evaluation
        The metrics, and the rank of each user's target.

    Warns
    -----
    WorkbenchWarning
        If the model does not know some items or users, may not have learned from these data,
        learned from the items that are held out at a time, or gives a held-out item a score that is
        no number.

    Raises
    ------
    WorkbenchError
        If nobody can be evaluated, the model was made for another catalogue, it or the split needs
        times that the data do not have, the split is another one, `split_time` is no time, or there
        are too few negatives.
    """
    check_split(split)
    if sampled_negatives is not None:
        _check_sampling(sampled_negatives, seed)
    data, complete, split_name, warning = _held_out(model, data, split, split_time)
    if warning:
        warnings.warn(warning, WorkbenchWarning, stacklevel=2)
    if sampled_negatives is not None:
        _check_unseen(data, complete, sampled_negatives)
    if batch_size is None:
        batch_size = AT_ONCE.get(model.device.type, AT_ONCE["cpu"])
    share = (0, 1) if fabric is None else (fabric.global_rank, fabric.world_size)
    ranks = _ranks(model, data, complete, sampled_negatives, seed, batch_size, share)
    if fabric is not None and fabric.world_size > 1:  # the passes of others left zeros
        mine = torch.from_numpy(ranks).to(fabric.device)
        ranks = fabric.all_reduce(mine, reduce_op="sum").cpu().numpy()  # type: ignore[union-attr]
    label = "" if sampled_negatives is None else f" of {sampled_negatives + 1} sampled"
    ranks_by_policy = dict(zip((KEPT, REMOVED), ranks, strict=True))
    if sampled_negatives is not None:
        del ranks_by_policy[KEPT]
    by_policy = {
        policy: {name + label: value for name, value in metrics_of(of_policy).items()}
        for policy, of_policy in ranks_by_policy.items()
    }
    removed = remove_seen or sampled_negatives is not None
    policy = REMOVED if removed else KEPT
    return Evaluation(
        metrics=by_policy[policy],
        by_policy=by_policy,
        ranks=ranks_by_policy[policy],
        ranks_by_policy=ranks_by_policy,
        users=complete.users,
        split=split_name,
        seen_removed=removed,
        left_out=data.n_users - len(complete),
        sampled_negatives=sampled_negatives,
    )


def _held_out(
    model: Model, data: SequenceData, split: Split, split_time: str | float | date | None
) -> tuple[SequenceData, Cases, str, str | None]:
    """The data as the model numbers items, the cases, what the split is called, and a warning.

    The cases have all of their histories, however much of these the model reads.
    """
    if split_time is None:
        data, warning = matched(model, data, held_out=2 if split == "valid" else 1)
        complete = cases(data, split, _longest(data))
        if not len(complete):
            raise WorkbenchError(
                f"{data.name}: no user has enough interactions for a {split} case; "
                "two are needed for test, three for valid."
            )
        return data, complete, split, warning
    if split != "test":
        raise WorkbenchError(
            f"a global time split has no {split} part; leave out the time of the split, or the "
            f"split {split!r}."
        )
    time = split_seconds(split_time)
    data, complete, warning = _matched_cases_at(model, data, time)
    return data, complete, f"global time split at {written_time(time)}", warning


@torch.no_grad()
def _ranks(
    model: Model,
    data: SequenceData,
    complete: Cases,
    sampled_negatives: int | None,
    seed: int,
    batch_size: int,
    share: tuple[int, int],
) -> np.ndarray:
    """The ranks of the targets with seen items kept and removed, int64 [2, n].

    Of the passes of others, by `share` as `iterate` takes it, the ranks are 0. Among sampled
    negatives, which are never seen ones, both are the same.
    """
    starts = np.maximum(complete.starts, complete.ends - model.config.max_length)
    read = replace(complete, starts=starts)
    device = model.device
    ranks = np.zeros((2, len(read)), dtype=np.int64)
    unscored = 0
    with evaluation_mode(model):
        for index, batch, targets in iterate(data, read, batch_size, share=share):
            scores, targets = model.scores(batch.to(device)), targets.to(device)
            unscored += int(scores.gather(1, targets[:, None]).isnan().sum())
            if sampled_negatives is not None:
                negatives = draw_negatives(data, complete.take(index), sampled_negatives, seed)
                others = torch.from_numpy(negatives).to(device)
                scores = scores.gather(1, torch.cat([targets[:, None], others], dim=1))
                both = target_ranks(scores, torch.zeros_like(targets)).expand(2, -1)
            else:
                seen = make_batch(data, complete.take(index)).items.to(device)
                both = torch.stack(ranks_kept_and_removed(scores, targets, seen))
            ranks[:, index] = both.cpu().numpy()
    if unscored:
        warnings.warn(
            f"{model.config.name} gives no number (NaN) as the score of the held-out item of "
            f"{counted(unscored, 'user')}, who count as missed; half precision that runs over does "
            "so, or a row of attention without an item.",
            WorkbenchWarning,
            stacklevel=3,
        )
    return ranks


def draw_negatives(data: SequenceData, complete: Cases, count: int, seed: int) -> np.ndarray:
    """Items that are neither the target nor in the history.

    Parameters
    ----------
    data : the catalogue, and what histories hold.
    complete : n cases with all of their histories.
    count : how many for each.
    seed : what a user is given depends on it, the user's index and these items alone.

    Returns
    -------
    ndarray
        [n, count] int64, distinct in a row.
    """
    drawn = np.empty((len(complete), count), dtype=np.int64)
    for row, user in enumerate(complete.users):
        known = _known_items(data, complete, row)
        rng = np.random.default_rng([seed, int(user)])
        places = rng.choice(data.n_items - len(known), count, replace=False)  # among the unknown
        unknown_before = known - 1 - np.arange(len(known))  # how many are below each known item
        drawn[row] = places + 1 + np.searchsorted(unknown_before, places, side="right")
    return drawn


def _known_items(data: SequenceData, complete: Cases, row: int) -> np.ndarray:
    """The distinct items of a case, history and target, by number."""
    return np.unique(data.items[complete.starts[row] : complete.ends[row] + 1])


def _longest(data: SequenceData) -> int:
    return int(data.lengths.max())


def _matched_cases_at(
    model: Model, data: SequenceData, time: int
) -> tuple[SequenceData, Cases, str | None]:
    """The data as the model numbers items, the cases of a time split, and what speaks against it.

    A user whose target the model does not know is left out: the next item that it knows is not
    what came first.
    """
    asked = cases_at(data, time, _longest(data))
    if not len(asked):
        clock = np.asarray(data.times)
        first, last = written_time(int(clock.min())), written_time(int(clock.max()))
        raise WorkbenchError(
            f"{data.name}: no user has interactions both before {written_time(time)} and at or "
            f"after it; choose a time within those of the data, {first} to {last}."
        )
    matched_data, warning = matched(model, data, held_out=0)
    targets = np.full(data.n_users, "", dtype=object)
    targets[asked.users] = data.item_ids[asked.targets]
    complete = cases_at(matched_data, time, _longest(matched_data))
    if model.item_ids is not None:
        complete = complete.take(
            np.flatnonzero(matched_data.item_ids[complete.targets] == targets[complete.users])
        )
    lost = len(asked) - len(complete)
    if not len(complete):
        raise WorkbenchError(
            f"{data.name}: of no user does {model.config.name} know the item to be predicted at "
            f"{written_time(time)} and one before it; choose an earlier time, or a model trained "
            "on these data."
        )
    if lost:
        warning = (
            f"{lost:,} of {len(asked):,} users of the time split are left out, of whom "
            f"{model.config.name} does not know the item to be predicted, or any before it; "
            f"besides, {warning}"
        )
    learned = _learned(model, data, asked, time)
    return matched_data, complete, " ".join(filter(None, (learned, warning))) or None


def _learned(model: Model, data: SequenceData, asked: Cases, time: int) -> str | None:
    """That a model learned from what is asked of it, or may have; None where it did not.

    That is known of a model whose data end before the time, and, as training takes all but the last
    two items of a user, of these very data. Nobody says that a model without origin learned at all.
    """
    card = model.card
    learned_from = card.get("data")
    if not isinstance(learned_from, dict):
        if "origin" not in card and "training" not in card:
            return None
        learned_from = {}
    span, how = learned_from.get("span"), "may have learned from"
    of = f"the items to be predicted at {written_time(time)}"
    if checksum_of(model) == data.checksum_as_read:
        learned = int((asked.ends < data.offsets[asked.users + 1] - 2).sum())
        if not learned:
            return None
        how = "learned from"
        of = f"{learned:,} of the {len(asked):,} {of.removeprefix('the ')}"
    elif span is None:
        of += ", for its card does not say when the data that it learned from end"
    elif span[1] < time:
        return None
    else:
        of += f", for the data that it learned from end at {written_time(span[1])}"
    return (
        f"{model.config.name} {how} {of}, which flatters it; train it on the part of {data.name} "
        f"before that time{_condition(data, time)}."
    )


def _condition(data: SequenceData, time: int) -> str:
    """How a part of a file is read, in brackets; nothing where data come from elsewhere."""
    column = data.provenance.get("columns", {}).get("time")
    if column is None:
        return ""
    unit = data.provenance.get("time_unit")
    numbers = {unit: int(scale) for unit, (scale, _) in UNITS.items()}
    value = str(time * numbers[unit]) if unit in numbers else "TIME"
    written = "" if unit in numbers else "; TIME as the file writes it"
    return f" {where_is(f'{bare(column)}<{value}')}{written}"


def _check_sampling(count: int, seed: int) -> None:
    whole("sampled_negatives", count)
    whole("seed", seed, 0)


def _check_unseen(data: SequenceData, complete: Cases, count: int) -> None:
    unseen = [data.n_items - len(_known_items(data, complete, row)) for row in range(len(complete))]
    fewest = int(np.argmin(unseen))
    if unseen[fewest] < count:
        most = (
            f"give at most {unseen[fewest]:,} sampled negatives, or leave them out for full ranking"
            if unseen[fewest]
            else "leave sampled negatives out, which ranks all items"
        )
        raise WorkbenchError(
            f"{data.name}: user {data.user_ids[complete.users[fewest]]} lacks only "
            f"{unseen[fewest]:,} of {data.n_items:,} items, too few to draw {count:,} from; {most}."
        )
