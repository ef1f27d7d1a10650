"""Time a training epoch of RecTools' SASRec; run it inside the environment of rectools.txt.

RecTools' own data preparation, model and Lightning trainer, with its softmax loss: every user one
sample, cross-entropy over all items at each of the history's positions. The two held-out
interactions of each user are taken away first. Data preparation and validation are not timed.
"""

import logging
import warnings
from importlib.metadata import version
from pathlib import Path

import common
import numpy as np
import pandas as pd
import torch
from pytorch_lightning import Callback, LightningModule, Trainer, seed_everything
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel

HELD_OUT = 2  # per user: the validation and the test item


class Timer(Callback):
    """Times every batch of Lightning's training epoch."""

    def __init__(self) -> None:
        self.clock = common.BatchClock()

    def on_train_epoch_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Start the clock."""
        self.clock.start()

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: object, batch: dict, index: int
    ) -> None:
        """End a batch: its optimizer step is done."""
        self.clock.lap(len(batch["x"]))


def one_epoch(timer: Timer, batches: int | None) -> Trainer:
    """Return RecTools' default trainer for one epoch, on the CPU, cut to `batches` if given."""
    return Trainer(
        max_epochs=1,
        min_epochs=1,
        limit_train_batches=batches,
        callbacks=[timer],
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
    )


def training_set(folder: Path) -> Dataset:
    """Read the `.inter` file and drop each user's held-out interactions."""
    names = dict(zip(common.COLUMNS, (Columns.User, Columns.Item, Columns.Datetime), strict=True))
    frame = pd.read_csv(common.interactions_file(folder), sep="\t")
    frame.columns = [column.split(":")[0] for column in frame.columns]
    frame = frame[list(names)].rename(columns=names).sort_values(Columns.Datetime, kind="stable")
    frame[Columns.Datetime] = pd.to_datetime(frame[Columns.Datetime], unit="s")
    frame[Columns.Weight] = 1.0
    from_the_end = frame.groupby(Columns.User).cumcount(ascending=False)
    return Dataset.construct(frame[from_the_end >= HELD_OUT])


def main() -> None:
    """Prepare the data, warm up, time the batches and print the JSON line."""
    args = common.arguments("Time a training epoch of RecTools' SASRec.").parse_args()
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    seed_everything(args.seed)

    settings = {
        "n_blocks": args.layers,
        "n_heads": args.heads,
        "n_factors": args.hidden,
        "dropout_rate": args.dropout,
        "lr": args.lr,
        "session_max_len": args.max_length,
        "batch_size": args.batch_size,
        "loss": "softmax",
    }
    dataset = training_set(args.data)
    model = SASRecModel(
        **settings, get_trainer_func=lambda: one_epoch(Timer(), common.WARMUP_BATCHES)
    ).fit(dataset)

    timer = Timer()
    loader = model.data_preparator.get_dataloader_train()
    one_epoch(timer, args.batches).fit(model.lightning_model, loader)

    sessions = np.array([len(session) for session in loader.dataset.sessions])
    common.Epoch(
        peer="RecTools SASRec",
        version=version("rectools"),
        torch=torch.__version__,
        threads=torch.get_num_threads(),
        device="cpu",
        items=model.data_preparator.train_dataset.item_id_map.size - 1,
        batches_per_epoch=len(loader),
        samples_per_epoch=len(sessions),
        targets_per_epoch=int((sessions - 1).sum()),
        settings=settings,
    ).print_line(timer.clock)


if __name__ == "__main__":
    main()
