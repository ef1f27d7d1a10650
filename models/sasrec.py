"""SASRec (Kang & McAuley, ICDM 2018), plain, uniform, or with calibrated attention."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from models.batch import Batch
from models.config import ModelConfig
from models.dropout import Dropout
from models.fused import MaskPenalty
from models.loss import catalogue_cross_entropy
from models.taps import AttentionTap
from models.transformer import Encoded, Encoder, TransformerLayer


@dataclass(frozen=True)
class Losses:
    """recommendation: for all parameters but the adversarial ones. adversarial: for those only."""

    recommendation: Tensor
    adversarial: Tensor | None = None


class SASRec(nn.Module):
    """A causal transformer over the items of a history."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.card: dict[str, Any] = {}
        self.item_embedding = nn.Embedding(config.n_items + 1, config.hidden_size, padding_idx=0)
        self.position_embedding = (
            nn.Embedding(config.max_length, config.hidden_size)
            if config.position_embedding
            else None
        )
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout)
        self.encoder = Encoder(config)
        self.apply(self._initialize)

    def _initialize(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=self.config.initializer_range)
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
        if isinstance(module, nn.Embedding) and module.padding_idx is not None:
            with torch.no_grad():
                module.weight[module.padding_idx].zero_()

    @property
    def stages(self) -> tuple[str, ...]:
        """The names of the taps of a layer, in the order the weights pass them."""
        layer = self.encoder.layers[0]
        assert isinstance(layer, TransformerLayer)
        return layer.weights.stages

    def taps(self) -> list[AttentionTap]:
        """Every tap, by layer and then by stage."""
        return [module for module in self.modules() if isinstance(module, AttentionTap)]

    def allowed(self, batch: Batch) -> Tensor:
        """[B, 1, L, L]: True where row i may attend to key j: no padding, nothing later."""
        length = batch.items.shape[1]
        causal = torch.ones(length, length, dtype=torch.bool, device=batch.items.device).tril()
        return (causal & batch.valid[:, None, :])[:, None]

    def positions(self, batch: Batch) -> Tensor:
        """Rows of the position table, [L], or [B, L] where they count from the end."""
        at = torch.arange(batch.items.shape[1], device=batch.items.device)
        if self.config.position_from == "start":
            return at
        return (at + self.config.max_length - batch.lengths[:, None]).clamp(
            max=self.config.max_length - 1  # padding
        )

    def embed(self, batch: Batch) -> Tensor:
        """Item embeddings [B, L, d], before positions: where attributions start."""
        return self.item_embedding(batch.items)

    def encode(
        self,
        batch: Batch,
        embeddings: Tensor | None = None,
        *,
        every_row: bool = False,
        adversarial: bool = False,
        noise: Tensor | None = None,
    ) -> Encoded:
        """The hidden states [B, 1, d] at the prediction rows, or [B, L, d] at every row."""
        x = self.embed(batch) if embeddings is None else embeddings
        if x.shape[1] > self.config.max_length:
            raise ValueError(
                f"a history of {x.shape[1]} items is longer than max_length "
                f"{self.config.max_length}; keep the last {self.config.max_length}"
            )
        if self.position_embedding is not None:
            x = x + self.position_embedding(self.positions(batch))
        rows = None if every_row else batch.rows
        return self.encoder(
            self.dropout(self.norm(x)),
            self.allowed(batch),
            rows,
            adversarial=adversarial,
            noise=noise,
        )

    def forward(self, batch: Batch, embeddings: Tensor | None = None) -> Tensor:
        """Hidden states at the prediction rows, [B, d]."""
        return self.encode(batch, embeddings).hidden[:, 0]

    def score(self, hidden: Tensor, items: Tensor | None = None) -> Tensor:
        """Scores of all items, [B, n_items + 1] with -inf for padding, or of items [B, K]."""
        if items is not None:
            return (self.item_embedding(items) @ hidden[:, :, None])[:, :, 0]
        scores = hidden @ self.item_embedding.weight.T
        scores[:, 0] = -torch.inf
        return scores

    def scores(self, batch: Batch, embeddings: Tensor | None = None) -> Tensor:
        """Scores of all items for each history, [B, n_items + 1]."""
        return self.score(self(batch, embeddings))

    @property
    def is_adversarial(self) -> bool:
        """Whether there is a second loss."""
        return self.config.calibration is not None and self.config.calibration.adversarial

    def adversarial_parameters(self) -> list[nn.Parameter]:
        """W_aq and W_ak of every layer: all that the adversarial loss teaches."""
        names = ("adversarial.query.", "adversarial.key.")
        return [p for name, p in self.named_parameters() if any(n in name for n in names)]

    def losses(self, batch: Batch, targets: Tensor, noise: Tensor | None = None) -> Losses:
        """Cross-entropy over all items, and the adversary's loss where there is one (AC-TSR).

        targets: [B], the item after each history; or [B, L], the item after every row, 0 where
        there is none. noise: the last layer's eps, [B, H, L, L].
        """
        every_row = targets.dim() == 2
        encoded = self.encode(
            batch, every_row=every_row, adversarial=self.is_adversarial, noise=noise
        )
        wanted = targets.flatten() > 0
        target, table = targets.flatten()[wanted], self.item_embedding.weight

        def loss_of(hidden: Tensor, table: Tensor) -> Tensor:
            return catalogue_cross_entropy(hidden.flatten(0, 1)[wanted], table, target)

        recommendation = loss_of(encoded.hidden, table)
        if encoded.attacked is None:
            return Losses(recommendation)
        assert self.config.calibration is not None
        penalty = torch.stack([MaskPenalty.apply(mask) for mask in encoded.masks]).mean()
        attacked = loss_of(encoded.attacked, table.detach())
        return Losses(recommendation, self.config.calibration.penalty * penalty - attacked)
