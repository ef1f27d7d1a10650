"""Training with early stopping, resumable after a kill; devices and ranks through Fabric."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models import Batch, Recommender
from models.negatives import Negatives
from workbench.cards import on_card
from workbench.checkpoint import check_class, save_model
from workbench.data.batches import shuffled
from workbench.data.sequences import SequenceData
from workbench.data.splits import Cases, Split
from workbench.devices import choose_device, device_label
from workbench.errors import WorkbenchError, WorkbenchWarning, loaded
from workbench.evaluation import Evaluation, evaluate
from workbench.files import check_writable
from workbench.matching import matched
from workbench.memory import keep_pages
from workbench.model import with_layers
from workbench.processes import fabric
from workbench.progress_bars import progress_bar, write_line
from workbench.training.alone import alone_in
from workbench.training.avoidance import avoidance
from workbench.training.objectives import Samples, samples
from workbench.training.optimizers import decayed, optimizers
from workbench.training.sampling import Sampler
from workbench.training.settings import LARGEST_SEED
from workbench.training.shared_gradients import mean_over_targets
from workbench.training.state import (
    STATE,
    History,
    Progress,
    finished_model,
    read_state,
    settled,
    write_state,
)

MONITOR = "ndcg@10"
SPLITS: tuple[Split, ...] = ("valid", "test")  # that cards tell of


def train(
    model: Recommender,
    data: SequenceData,
    out: str | Path | None = None,
    *,
    command: str = "",
    alone: bool = False,
    watch: Callable[[History], object] | None = None,
    **options: Any,
) -> Recommender:
    """Train until validation NDCG@10 stops rising; the best weights are loaded at the end.

    Items of the history are ranked as well in it, unless `remove_seen` leaves them out.

    Under torchrun each rank takes its share of every batch, unless it trains `alone`.

    Parameters
    ----------
    model : the model to train, in place.
    data : what to train it on.
    out : a folder for the best weights, their card, and the state from which a killed run
        continues; without it everything stays in memory. If the folder holds what the same options
        made of the same data, that is loaded and nothing is trained.
    command : the command that trains this model, for its card.
    alone : whether this process trains by itself, whatever other ranks of torchrun do.
    watch : called after each epoch with a list of all that are done, for each a dict of `epoch`,
        from 1, `loss`, its mean over steps, `seconds`, and the validation metrics, as in
        `Evaluation.metrics`.
    options : fields of `Training`.

    Returns
    -------
    Recommender
        The same model, ready for inference, with its tokens and its `card`: `config`, `training`
        (the fields of `Training`), `data` (as `SequenceData.identity` tells of them), `best_epoch`,
        `seconds` of all epochs, on which `device`, `metrics` and `metrics_seen_removed` (split ->
        metrics, with items of the history ranked and left out), and `command`.

    Raises
    ------
    WorkbenchError
        If an option is unknown or out of range, the device is not on this machine or
        cannot compute in the precision, the objective does not go with the model, the model was
        adapted or does not fit the data, no user has the four interactions that training needs,
        the loss is not finite, or the folder holds another model, would be loaded as another
        class, cannot be written to, or is one that another process trains into.

    Warns
    -----
    WorkbenchWarning
        If some items of the data do not match those of the model, or it is not known whether they
        do, see `workbench.matching.matched`.
    """
    loaded(model, "workbench.build_model", "config")
    loaded(data, "workbench.load_data", "offsets")
    with_layers(model, "train it by its own code, and adapt it then")
    folder = Path(out) if out is not None else None
    return _Trainer(model, data, options, folder, command, alone, watch).run()


class _Trainer:
    def __init__(
        self,
        model: Recommender,
        data: SequenceData,
        options: Mapping[str, Any],
        out: Path | None,
        command: str,
        alone: bool = False,
        watch: Callable[[History], object] | None = None,
    ) -> None:
        from lightning_fabric import seed_everything  # which takes seconds to import

        how = settled(options, model, data.n_items)
        self.fabric = fabric(choose_device(how.device), how.precision, alone=alone)
        keep_pages()
        data, warning = matched(model, data, held_out=2)
        if warning:
            warnings.warn(warning, WorkbenchWarning, stacklevel=3)
        self.told_loss = options.get("loss") is not None or how.loss == "exact"
        self.how, self.data, self.out, self.command, self.watch = how, data, out, command, watch
        seed_everything((how.seed + self.fabric.global_rank) % (LARGEST_SEED + 1), verbose=False)
        self.model = model.to(self.fabric.device)
        adversarial = {id(p) for p in model.adversarial_parameters()}
        self.adversarial = model.adversarial_parameters()
        self.main = [p for p in model.parameters() if id(p) not in adversarial]
        assert how.loss is not None
        sampled = how.loss != "exact"
        self.optimizers = optimizers(model, how.learning_rate, how.weight_decay, by_row=sampled)
        self.at = Progress()
        self.best = {k: v.detach().clone() for k, v in model.state_dict().items()}
        self.avoidance = None if how.avoid is None else avoidance(model, data, how)
        self.samples = self._samples(np.random.default_rng(how.seed))
        if not len(self.samples.cases):
            raise WorkbenchError(
                f"{data.name}: no user has the four interactions that training needs, of which the "
                "last two are held out; give data with longer histories, or leave out fewer rows "
                "(see min_item, duplicates and where)."
            )
        like = model.item_embedding.weight
        self.sampler = Sampler(how.loss, data, how.negatives, how.gbce_t, like) if sampled else None
        if out is not None and self.fabric.is_global_zero:
            check_class(model)
            check_writable(out)

    def run(self) -> Recommender:
        if not self._finished():
            writes = self.out if self.fabric.is_global_zero else None
            with nullcontext() if writes is None else alone_in(writes):
                if not self._finished():  # by another process, meanwhile
                    self._fit()
        return self.model.eval()

    def _fit(self) -> None:
        self._resume()
        self._tell_loss()
        while self.at.epoch < self.how.epochs and not self._stopped():
            self._epoch()
        self.model.load_state_dict(self.best)
        for table in self.model.row_tables:
            table.sparse = False
        self._name_tokens()
        self.model.card = self._card()
        if self.out is not None and self.fabric.is_global_zero:
            save_model(self.model, self.out)
            (self.out / STATE).unlink(missing_ok=True)
        self.fabric.barrier()

    def _finished(self) -> bool:
        """Whether nothing is left to do; the model in the folder is then taken."""
        if self.out is None:
            return False
        finished = finished_model(self.out, self.model.config, self.how, self.data)
        if finished is None:
            return False
        if self.how.progress and self.fabric.is_global_zero:
            write_line(f"{self.out}: this model is there already, so that nothing is trained.")
        self.model.load_state_dict(finished.state_dict())
        self.model.card = finished.card
        self._name_tokens()
        return True

    def _name_tokens(self) -> None:
        """A model made by hand learns what its items, and users, are called."""
        self.model.item_ids = self.data.item_ids
        if self.model.needs_users and self.model.user_ids is None:
            self.model.user_ids = self.data.user_ids

    def _samples(self, rng: np.random.Generator) -> Samples:
        assert self.how.objective is not None
        return samples(
            self.how.objective,
            self.model,
            self.data,
            rng,
            mask_ratio=self.how.mask_ratio,
            mask_last=self.how.mask_last,
        )

    def _stopped(self) -> bool:
        return self.at.epoch - self.at.best_epoch >= self.how.patience

    def _epoch(self) -> None:
        number = self.at.epoch + 1
        start = perf_counter()
        self.model.train()
        total = torch.zeros((), device=self.fabric.device)
        rng = np.random.default_rng([self.how.seed, number])
        draws = np.random.default_rng([self.how.seed, number, 1])  # the same on every rank
        self.samples = self._samples(rng)
        batches = self._batches(rng)
        for part, batch, targets in self._bar(batches, number):
            negatives = None if self.sampler is None else self.sampler.draw(draws)
            total += self._step(part, batch, targets, negatives)
        seconds = perf_counter() - start
        learnt = bool(torch.isfinite(total))
        if not learnt or not all(bool(p.isfinite().all()) for p in self.model.parameters()):
            what = "weights are no finite numbers" if learnt else f"the loss is {float(total)}"
            raise WorkbenchError(
                f"epoch {number}: {what}; lower the learning rate ({self.how.learning_rate:g})."
            )
        removed = self.how.remove_seen
        metrics = self._evaluated("valid", remove_seen=removed).metrics
        self.at.epoch = number
        self.at.history.append(
            {"epoch": number, "loss": float(total) / len(batches), "seconds": seconds, **metrics}
        )
        if metrics[MONITOR] > self.at.best:
            self.at.best, self.at.best_epoch = metrics[MONITOR], number
            self.best = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self._tell(metrics, float(total) / len(batches), seconds)
        self._save()
        if self.watch is not None and self.fabric.is_global_zero:
            self.watch(self.at.history)

    def _batches(self, rng: np.random.Generator) -> list[np.ndarray]:
        """The cases of every step of an epoch."""
        return shuffled(self.samples.cases, self.how.batch_size, rng, self.samples.targets)

    def _bar(self, batches: list[np.ndarray], number: int) -> Iterator[tuple[Cases, Batch, Tensor]]:
        """This rank's share of every batch, on its device."""
        rank, ranks = self.fabric.global_rank, self.fabric.world_size
        quiet = not (self.how.progress and self.fabric.is_global_zero)
        label = f"epoch {number}"
        with progress_bar(len(batches), label, "batch", passing=True, quiet=quiet) as bar:
            for index in batches:
                share = index[rank::ranks] if len(index) >= ranks else index
                part = self.samples.cases.take(share)
                batch, targets = self.samples.batch(part)
                yield part, batch.to(self.fabric.device), targets.to(self.fabric.device)
                bar.update()

    def _step(
        self, part: Cases, batch: Batch, targets: Tensor, negatives: Negatives | None
    ) -> Tensor:
        """One update; each loss reaches its own parameters only."""
        with self.fabric.autocast():
            if self.avoidance is None:
                losses = self.model.losses(batch, targets, negatives)
            else:
                losses = self.avoidance.losses(self.model, part, batch, targets, negatives)
        more = losses.adversarial is not None
        grads: Sequence[Tensor] = (
            torch.autograd.grad(  # zeros for what uniform attention leaves out
                losses.recommendation, self.main, retain_graph=more, materialize_grads=True
            )
        )
        parameters = list(self.main)
        if losses.adversarial is not None:
            grads = [*grads, *torch.autograd.grad(losses.adversarial, self.adversarial)]
            parameters += self.adversarial
        if self.fabric.world_size > 1:
            grads = mean_over_targets(grads, int(torch.count_nonzero(targets)), self.fabric)
        for parameter, grad in zip(parameters, grads, strict=True):
            decay = self.how.weight_decay
            parameter.grad = decayed(grad, parameter, decay) if grad.is_sparse else grad
        for optimizer in self.optimizers:
            optimizer.step()
        return losses.recommendation.detach()

    def _tell_loss(self) -> None:
        if not self.told_loss and self.how.progress and self.fabric.is_global_zero:
            write_line(
                f"{self.data.n_items:,} items are many: each step compares its targets with "
                f"{self.how.negatives:,} sampled ones (--loss sampled; exact for all of them)."
            )

    def _tell(self, metrics: dict[str, float], loss: float, seconds: float) -> None:
        if self.how.progress and self.fabric.is_global_zero:
            mark = " *" if self.at.best_epoch == self.at.epoch else ""
            write_line(
                f"epoch {self.at.epoch:3d}  loss {loss:.4f}  valid hit@10 "
                f"{metrics['hit@10']:.4f}  ndcg@10 {metrics[MONITOR]:.4f}  {seconds:.1f} s{mark}"
            )

    def _identity(self) -> dict[str, Any]:
        """What must be the same for a killed run to be continued."""
        how = {k: v for k, v in asdict(self.how).items() if k not in ("epochs", "progress")}
        return {
            "data": self.data.checksum,
            "config": self.model.config.to_dict(),
            "training": how,
        }

    def _save(self) -> None:
        if self.out is None or not self.fabric.is_global_zero:
            return
        tensors = {
            "model": self.model.state_dict(),
            "best": self.best,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }
        write_state(self.out, self._identity(), self.at, tensors)

    def _resume(self) -> None:
        if self.out is None:
            return
        kept = read_state(self.out, self._identity(), self.fabric.device)
        if kept is None:
            return
        self.at, state = kept
        self.model.load_state_dict(state["model"])
        for optimizer, kept_state in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept_state)
        self.best = state["best"]
        if self.fabric.world_size == 1:
            torch.set_rng_state(state["random"].cpu())

    def _card(self) -> dict[str, Any]:
        """What is worth knowing of the best weights."""
        return {
            "config": self.model.config.to_dict(),
            "training": asdict(self.how),
            "data": self.data.identity(),
            "best_epoch": self.at.best_epoch,
            "seconds": round(sum(e["seconds"] for e in self.at.history), 1),
            "device": device_label(self.fabric.device),
            **on_card({split: self._evaluated(split) for split in SPLITS}),
            "command": self.command,
        }

    def _evaluated(self, split: Split, *, remove_seen: bool = False) -> Evaluation:
        return evaluate(self.model, self.data, split, remove_seen=remove_seen, fabric=self.fabric)
