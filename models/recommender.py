"""What all backbones share: scores, losses, taps, and the way from a history to hidden states."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.adversary import adversarial_losses, adversarial_parameters
from models.attention import AttentionTap
from models.batch import Batch
from models.config import ModelConfig
from models.kept_pass import KeptPass
from models.kernels import Dropout, catalogue_cross_entropy, large_products
from models.negatives import Negatives
from models.time_intervals import Intervals
from models.transformer import Context, Encoder


@dataclass(frozen=True)
class Losses:
    """What a step of training minimises.

    Attributes
    ----------
    recommendation : a scalar, for all parameters but the adversarial ones.
    adversarial : a scalar, for those alone; None where there are none.
    """

    recommendation: Tensor
    adversarial: Tensor | None = None


class Recommender(nn.Module):
    """A transformer over the items of a history; a backbone says only what is particular to it.

    A history is embedded (`embed`, `inputs`), passes the layers (`encoder`), and what comes out at
    its last token is multiplied by every item's embedding (`score`). Attention runs over T tokens:
    the L items of a history and, in BERT4Rec, a mask token after them. `rows` and `history` say
    which token predicts and which are items.

    Parameters
    ----------
    config : sizes and options; `config.backbone` becomes the name of the class.

    Attributes
    ----------
    name : of the backbone.
    causal : whether a row sees no later one.
    needs_times, needs_users : whether it is nothing without the times or the users of a batch.
    extra_tokens : tokens that are added to a history, with embeddings after the last item's.
    objectives : what it may learn from, by default the first: "positions" (for a causal model
        alone), "prefixes", "masking" (with a mask token).
    options : fields of `ModelConfig` that mean something to this backbone and not to all.
    keeps_positions : whether positions are embedded beside the calibrators, too, as published.
    card : what is known of trained weights; empty for new ones.
    item_ids, user_ids : raw tokens of items, [n_items + 1] with padding first, and of users
        [n_users], as object arrays; None where they are not known.
    """

    name: ClassVar[str]
    causal: ClassVar[bool] = True
    needs_times: ClassVar[bool] = False
    needs_users: ClassVar[bool] = False
    extra_tokens: ClassVar[int] = 0
    objectives: ClassVar[tuple[str, ...]] = ("positions", "prefixes")
    options: ClassVar[tuple[str, ...]] = ()
    keeps_positions: ClassVar[bool] = False

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config = replace(config, backbone=self.name)
        self.card: dict[str, Any] = {}
        self.item_ids: Any = None
        self.user_ids: Any = None
        n_embeddings = 1 + config.n_items + self.extra_tokens  # padding comes first
        self.item_embedding = nn.Embedding(n_embeddings, self.item_size, padding_idx=0)
        self.add_embeddings()
        self.norm = (
            nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
            if config.input_norm
            else nn.Identity()
        )
        self.dropout = Dropout(config.hidden_dropout)
        self.encoder = Encoder(config, self.n_tokens)
        self.apply(self._initialize)
        if config.initializer == "torch":
            for layer in self.encoder.layers:
                layer.draw_as_torch()

    def add_embeddings(self) -> None:
        """What is embedded beside items: positions."""
        self.position_embedding = (
            nn.Embedding(self.n_tokens, self.config.hidden_size)
            if self.config.position_embedding
            else None
        )

    def _initialize(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            if self.config.initializer_range is None:
                nn.init.xavier_normal_(module.weight)
            else:
                nn.init.normal_(module.weight, std=self.config.initializer_range)
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
        if isinstance(module, nn.Embedding) and module.padding_idx is not None:
            with torch.no_grad():
                module.weight[module.padding_idx].zero_()

    @property
    def n_tokens(self) -> int:
        """The largest T: what attention runs over at most."""
        return self.config.max_length + self.extra_tokens

    @property
    def item_size(self) -> int:
        """Width of an item embedding."""
        return self.config.hidden_size

    @property
    def mask_token(self) -> int | None:
        """The id that stands for a masked item; None in a model without one."""
        return None

    @property
    def device(self) -> torch.device:
        """Where the parameters are, and batches have to be."""
        return self.item_embedding.weight.device

    @property
    def stages(self) -> tuple[str, ...]:
        """The names of the taps of a layer, in the order the weights pass them."""
        return self.encoder.layers[0].weights.stages

    def taps(self) -> list[AttentionTap]:
        """Every tap, by layer and then by stage."""
        return [module for module in self.modules() if isinstance(module, AttentionTap)]

    def tokens(self, batch: Batch) -> Batch:
        """What attention runs over, [B, T]: the history itself."""
        return batch

    def rows(self, batch: Batch) -> Tensor:
        """[B]: the token each prediction is made at."""
        return self.tokens(batch).rows

    def history(self, batch: Batch) -> Tensor:
        """[B, T]: True where a token is an item of the history; the others are no explanation."""
        added = self.tokens(batch).items.shape[1] - batch.items.shape[1]
        return F.pad(batch.valid, (0, added))

    def allowed(self, batch: Batch) -> Tensor:
        """[B, 1, T, T]: True where row i may attend to key j: no padding, nor later if causal."""
        return self._allowed(self.tokens(batch))

    def _allowed(self, tokens: Batch) -> Tensor:
        length = tokens.items.shape[1]
        seen = torch.ones(length, length, dtype=torch.bool, device=tokens.items.device)
        if self.causal:
            seen = seen.tril()
        allowed = seen & tokens.valid[:, None, :]  # [B, T, T]
        if tokens.hidden is not None:  # nobody reads a hidden row, and a row needs some key
            allowed = allowed | torch.diag_embed(tokens.hidden)
        return allowed[:, None]

    def embed(self, batch: Batch) -> Tensor:
        """Item embeddings [B, L, item_size]: where attributions start."""
        return self.item_embedding(batch.items)

    def positions(self, tokens: Batch) -> Tensor:
        """Rows of the position table, [T], or [B, T] where they count from the end."""
        at = torch.arange(tokens.items.shape[1], device=tokens.items.device)
        if self.config.position_from == "start":
            return at
        last = self.n_tokens - 1
        return (at + last + 1 - tokens.lengths[:, None]).clamp(max=last)  # padding

    def inputs(self, tokens: Batch, x: Tensor) -> Tensor:
        """From item embeddings [B, L, item_size] to tokens [B, T, d], with positions.

        What becomes of an item depends on no other item's embedding.
        """
        if self.config.scale_embeddings:
            x = x * self.config.hidden_size**0.5
        if self.position_embedding is None:
            return x
        return x + self.position_embedding(self.positions(tokens))

    def intervals(self, tokens: Batch) -> Intervals | None:
        """What position and time add to keys and values."""
        return None

    def context(self, tokens: Batch, rows: Tensor | None) -> Context:
        """Where tokens may look, and which of them predict: `rows` [B], or all."""
        return Context(self._allowed(tokens), rows, self.causal, self.intervals(tokens))

    def prepare(
        self, batch: Batch, embeddings: Tensor | None = None, *, every_row: bool = False
    ) -> tuple[Tensor, Context]:
        """What the encoder takes: tokens [B, T, d], and where they may look.

        Parameters and errors as in `encode`.
        """
        if self.needs_times and batch.times is None:
            raise ValueError(f"{self.name} needs the time of every item, and the batch has none")
        if self.needs_times and batch.times.is_floating_point():  # type: ignore[union-attr]
            raise ValueError(f"{self.name} needs times as whole seconds; convert them by .long()")
        tokens = batch if every_row else self.tokens(batch)
        if tokens.items.shape[1] > self.n_tokens:
            raise ValueError(
                f"a history of {batch.items.shape[1]} items is longer than max_length "
                f"{self.config.max_length}; keep the last {self.config.max_length}"
            )
        x = self.inputs(tokens, self.embed(batch) if embeddings is None else embeddings)
        x = self.dropout(self.norm(x))  # [B, T, d]
        return x, self.context(tokens, None if every_row else tokens.rows)

    def encode(
        self, batch: Batch, embeddings: Tensor | None = None, *, every_row: bool = False
    ) -> Tensor:
        """Hidden states.

        Parameters
        ----------
        batch : histories.
        embeddings : [B, L, item_size], in place of `embed(batch)`.
        every_row : whether at every row of the batch as it is, without a mask token after it.

        Returns
        -------
        Tensor
            [B, 1, d] at the rows that predict, or [B, L, d] at every row.

        Raises
        ------
        ValueError
            For histories longer than `max_length`, or without the times the model needs.
        """
        hidden = self.encoder(*self.prepare(batch, embeddings, every_row=every_row))
        return hidden[:, : batch.items.shape[1]]  # without a token that stands for padding

    def forward(self, batch: Batch, embeddings: Tensor | None = None) -> Tensor:
        """Hidden states at the prediction rows, [B, d]; see `encode`."""
        return self.encode(batch, embeddings)[:, 0]

    @property
    def table(self) -> Tensor:
        """What `output` is multiplied by, [n_items + 1, item_size]; row 0 is padding."""
        weight = self.item_embedding.weight
        return weight[: self.config.n_items + 1] if self.extra_tokens else weight

    def item_rows(self, items: Tensor) -> Tensor:
        """Rows of `table` for ids [...], [..., item_size], without the rest of it."""
        return self.item_embedding(items)

    @property
    def row_tables(self) -> list[nn.Embedding]:
        """Embeddings of items, of which a step over sampled items teaches few rows."""
        return [self.item_embedding]

    def output(self, hidden: Tensor) -> Tensor:
        """What of hidden states [..., d] is multiplied by `table`: all of it."""
        return hidden

    def keep(self, batch: Batch, embeddings: Tensor | None = None) -> KeptPass | None:
        """A pass of which everything is kept, so that others go on from it, see `KeptPass`.

        None in a class whose pass is not that of this one.
        """
        passes = ("encode", "forward", "scores")
        if any(getattr(type(self), each) is not getattr(Recommender, each) for each in passes):
            return None
        return KeptPass(self, batch, embeddings)

    def score(self, hidden: Tensor, items: Tensor | None = None) -> Tensor:
        """Scores from hidden states.

        Parameters
        ----------
        hidden : [B, d], what `forward` gave.
        items : [B, K] ids; None for all items.

        Returns
        -------
        Tensor
            [B, K], or [B, n_items + 1] with -inf for padding.
        """
        output = self.output(hidden)
        if items is not None:
            return (self.item_rows(items) @ output[:, :, None])[:, :, 0]  # [B, K]
        with large_products(self.table, len(output)):
            scores = output @ self.table.T  # [B, n_items + 1]
        scores[:, 0] = -torch.inf
        return scores

    def scores(
        self, batch: Batch, items: Tensor | None = None, embeddings: Tensor | None = None
    ) -> Tensor:
        """Scores of all items for each history, [B, n_items + 1], or of `items` [B, K].

        `embeddings` as in `encode`; -inf for padding.
        """
        return self.score(self(batch, embeddings), items)

    @property
    def is_adversarial(self) -> bool:
        """Whether there is a second loss."""
        return self.config.calibration is not None and self.config.calibration.adversarial

    def adversarial_parameters(self) -> list[nn.Parameter]:
        """All that the second loss teaches, and the first one does not."""
        return adversarial_parameters(self)

    def losses(self, batch: Batch, targets: Tensor, negatives: Negatives | None = None) -> Losses:
        """The loss of the predictions, and the adversary's where there is one.

        Parameters
        ----------
        batch : histories.
        targets : [B], the item after each history; or [B, L], the item to be found at every row of
            the batch as it is, 0 where there is none.
        negatives : the items that stand for the catalogue; None for all of it.
        """
        if self.is_adversarial:
            return Losses(*adversarial_losses(self, batch, targets, negatives=negatives))
        hidden = self.encode(batch, every_row=targets.dim() == 2)
        return Losses(self.prediction_loss(hidden, targets, negatives))

    def prediction_loss(
        self,
        hidden: Tensor,
        targets: Tensor,
        negatives: Negatives | None = None,
        *,
        items_learn: bool = True,
    ) -> Tensor:
        """Mean cross-entropy over all items, or the loss over sampled ones, a scalar.

        Parameters
        ----------
        hidden : [B, 1 or L, d], see `encode`.
        targets : [B] or [B, L], see `losses`.
        negatives : see `losses`.
        items_learn : whether what items are scored by gets a gradient.
        """
        has_target = targets.flatten() > 0  # [B] or [B L]
        output = self.output(hidden.flatten(0, 1)[has_target])  # [N, item_size]
        targets = targets.flatten()[has_target]  # [N]
        if negatives is None:
            table = self.table if items_learn else self.table.detach()
            return catalogue_cross_entropy(output, table, targets)
        rows = self.item_rows(torch.cat([targets, negatives.items]))  # [N + K, item_size]
        of_targets, of_items = (rows if items_learn else rows.detach()).split(
            [len(targets), len(negatives.items)]
        )
        positive = (output * of_targets).sum(-1)
        negative = (output @ of_items.T).to(positive)  # under autocast in lower precision
        return negatives.loss(positive, negative, targets)
