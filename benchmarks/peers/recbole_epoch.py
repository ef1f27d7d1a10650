"""Time a training epoch of RecBole's SASRec; run it inside the environment of recbole.txt.

RecBole's own data set, data loader, model and `Trainer._train_epoch`, in RecBole's default way of
training SASRec: every prefix of a user's history a sample, cross-entropy over all items at its last
position. Data preparation and validation are not timed. No shim is needed: with the pinned numpy
and pandas, RecBole 1.2.1 runs as it is.
"""

import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import common
import torch

warnings.filterwarnings("ignore", category=FutureWarning)

import recbole  # noqa: E402
from recbole.config import Config  # noqa: E402
from recbole.data import create_dataset, data_preparation  # noqa: E402
from recbole.data.dataloader import TrainDataLoader  # noqa: E402
from recbole.data.interaction import Interaction  # noqa: E402
from recbole.model.sequential_recommender import SASRec  # noqa: E402
from recbole.trainer import Trainer  # noqa: E402
from recbole.utils import init_seed  # noqa: E402


class TimedBatches:
    """The first `limit` batches of a loader, as `_train_epoch` iterates over them, timed."""

    def __init__(self, loader: TrainDataLoader, limit: int | None) -> None:
        self.loader = loader
        self.limit = limit
        self.clock = common.BatchClock()

    def __iter__(self) -> Iterator[Interaction]:
        self.clock.start()
        for batch in islice(self.loader, self.limit):
            yield batch  # the trainer asks for the next one after its optimizer step
            self.clock.lap(len(batch))


def configuration(options: dict[str, object], folder: Path) -> Config:
    """Return RecBole's configuration: its defaults, our sizes, a leave-one-out split."""
    return Config(
        model="SASRec",
        dataset="peer",
        config_dict={
            "data_path": str(folder),
            "load_col": {"inter": list(common.COLUMNS)},
            "eval_args": {
                "split": {"LS": "valid_and_test"},
                "order": "TO",
                "mode": "full",
                "group_by": "user",
            },
            "train_neg_sample_args": None,  # the cross-entropy is over all items
            "loss_type": "CE",
            "show_progress": False,
            **options,
        },
    )


def main() -> None:
    """Prepare the data, warm up, time the batches and print the JSON line."""
    parser = common.arguments("Time a training epoch of RecBole's SASRec.")
    parser.add_argument("--inner", type=common.positive, default=256, help="feed-forward width")
    parser.add_argument("--cuda", action="store_true", help="on the first CUDA device")
    args = parser.parse_args()
    del sys.argv[1:]  # RecBole reads them too, and would take some for its own settings
    source = common.interactions_file(args.data)

    with tempfile.TemporaryDirectory() as scratch:
        # RecBole wants FOLDER/NAME/NAME.inter, and writes logs into the working directory.
        os.chdir(scratch)
        folder = Path(scratch) / "data"
        (folder / "peer").mkdir(parents=True)
        (folder / "peer" / "peer.inter").symlink_to(source)
        settings = {
            "n_layers": args.layers,
            "n_heads": args.heads,
            "hidden_size": args.hidden,
            "inner_size": args.inner,
            "hidden_dropout_prob": args.dropout,
            "attn_dropout_prob": args.dropout,
            "learning_rate": args.lr,
            "MAX_ITEM_LIST_LENGTH": args.max_length,
            "train_batch_size": args.batch_size,
            "seed": args.seed,
        }
        config = configuration({**settings, "use_gpu": args.cuda}, folder)
        init_seed(config["seed"], config["reproducibility"])
        loader, _, _ = data_preparation(config, create_dataset(config))
        model = SASRec(config, loader.dataset).to(config["device"])
        trainer = Trainer(config, model)

        trainer._train_epoch(TimedBatches(loader, common.WARMUP_BATCHES), 0)
        timed = TimedBatches(loader, args.batches)
        trainer._train_epoch(timed, 1)
        os.chdir("/")

    common.Epoch(
        peer="RecBole SASRec",
        version=recbole.__version__,
        torch=torch.__version__,
        threads=torch.get_num_threads(),
        device=str(config["device"]),
        items=model.n_items - 1,
        batches_per_epoch=len(loader),
        samples_per_epoch=len(loader.dataset),
        targets_per_epoch=len(loader.dataset),
        settings=settings,
    ).print_line(timed.clock)


if __name__ == "__main__":
    main()
