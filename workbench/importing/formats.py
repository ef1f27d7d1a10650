"""How other software names the parameters of the models it trains, in terms of ours."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from models.config import Backbone

Numbering = Literal["appearance", "ids"]
PENALTY = "penalty"  # lambda, where it was trained: a parameter there, an option here
Renames = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Format:
    """One family of software.

    mark: a pattern some name must match for a file to be of this family. renames: patterns of
    whole names, with what they are called here. ignored: patterns of names that take no part in
    scoring. settings: our options by the name of the setting saved beside the weights. extra_rows:
    rows that the item table usually has after the last item. numbering: how items get their ids, by
    first appearance in the interactions file, or as the file has them. notes: what a reader should
    know.
    """

    name: str
    mark: str
    renames: Renames
    ignored: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    extra_rows: int = 0
    left_padded: bool = False
    numbering: Numbering = "appearance"
    notes: tuple[str, ...] = ()

    def rename(self, name: str) -> str | None:
        """Our name of a parameter; None for one that is of no use, or unknown."""
        for pattern, ours in self.renames:
            if found := re.fullmatch(pattern, name):
                return found.expand(ours)
        return None

    def ignores(self, name: str) -> bool:
        """Whether a parameter takes no part in scoring."""
        return any(re.fullmatch(pattern, name) for pattern in self.ignored)


_LAYER = r"(?:ti_)?trm_encoder\.layer\.(\d+)"
_ATTENTION = _LAYER + r"\.(?:multi_head_attention|attack_attention)"
_KIND = r"(weight|bias)"
_RECBOLE: Renames = (
    (r"(item|position|user)_embedding\.weight", r"\1_embedding.weight"),
    (r"absolute_pos_K_embedding\.weight", "key_positions.weight"),
    (r"absolute_pos_V_embedding\.weight", "value_positions.weight"),
    (r"time_matrix_emb_K_embedding\.weight", "key_intervals.weight"),
    (r"time_matrix_emb_V_embedding\.weight", "value_intervals.weight"),
    (rf"LayerNorm\.{_KIND}", r"norm.\1"),
    (rf"output_ffn\.{_KIND}", r"head.dense.\1"),
    (rf"output_ln\.{_KIND}", r"head.norm.\1"),
    (r"output_bias", "head.bias"),
    (rf"{_ATTENTION}\.(query|key|value|dense)\.{_KIND}", r"encoder.layers.\1.\2.\3"),
    (rf"{_ATTENTION}\.LayerNorm\.{_KIND}", r"encoder.layers.\1.norm.\2"),
    (rf"{_LAYER}\.feed_forward\.(dense_[12])\.{_KIND}", r"encoder.layers.\1.feed_forward.\2.\3"),
    (rf"{_LAYER}\.feed_forward\.LayerNorm\.{_KIND}", r"encoder.layers.\1.feed_forward.norm.\2"),
)
_CALIBRATION: Renames = (
    (rf"{_ATTENTION}\.scalar", r"encoder.layers.\1.weights.spatial.theta"),
    (
        rf"{_ATTENTION}\.(order|distance)_affine\.{_KIND}",
        r"encoder.layers.\1.weights.spatial.\2.\3",
    ),
    (
        rf"{_ATTENTION}\.attack_(query|key)_transform\.{_KIND}",
        r"encoder.layers.\1.weights.adversarial.\2.\3",
    ),
    (rf"{_LAYER}\.gate\.{_KIND}", r"encoder.layers.\1.weights.correction.gate.\2"),
    (rf"{_LAYER}\.rich_calibrated_combine_ratio", r"encoder.layers.\1.weights.ratio"),
    (r"mask_loss_weight", PENALTY),
)
_S3_LAYER = r"item_encoder\.layer\.(\d+)"
_S3: Renames = (
    (r"(item|position)_embeddings\.weight", r"\1_embedding.weight"),
    (rf"LayerNorm\.{_KIND}", r"norm.\1"),
    (rf"{_S3_LAYER}\.attention\.(query|key|value|dense)\.{_KIND}", r"encoder.layers.\1.\2.\3"),
    (rf"{_S3_LAYER}\.attention\.LayerNorm\.{_KIND}", r"encoder.layers.\1.norm.\2"),
    (rf"{_S3_LAYER}\.intermediate\.(dense_[12])\.{_KIND}", r"encoder.layers.\1.feed_forward.\2.\3"),
    (rf"{_S3_LAYER}\.intermediate\.LayerNorm\.{_KIND}", r"encoder.layers.\1.feed_forward.norm.\2"),
)
_RECBOLE_SETTINGS = {
    "n_heads": "n_heads",
    "max_length": "MAX_ITEM_LIST_LENGTH",
    "hidden_dropout": "hidden_dropout_prob",
    "attention_dropout": "attn_dropout_prob",
    "layer_norm_eps": "layer_norm_eps",
    "initializer_range": "initializer_range",
}
_CALIBRATION_SETTINGS = {
    "correction": "combine_option",
    "two_level": "two_level",
    "penalty": "mask_loss_weight",
}
_S3_SETTINGS = {
    "n_heads": "num_attention_heads",
    "hidden_dropout": "hidden_dropout_prob",
    "attention_dropout": "attention_probs_dropout_prob",
    "initializer_range": "initializer_range",
}
_UNSCORED = (r"user_test_embedding\.weight",)  # SSE-PT's, on which no ranking depends
FORMATS = (
    Format(
        "AC-TSR",
        rf"{_LAYER}\.attack_attention\..*",
        _RECBOLE + _CALIBRATION,
        ignored=_UNSCORED,
        settings=_RECBOLE_SETTINGS | _CALIBRATION_SETTINGS,
    ),
    Format("RecBole", rf"{_LAYER}\..*", _RECBOLE, _UNSCORED, _RECBOLE_SETTINGS),
    Format(
        "S3-Rec family",
        rf"{_S3_LAYER}\.intermediate\..*",
        _S3,
        # heads of its pretraining objectives
        ignored=(r"(aap|mip|map|sp)_norm\..*", r"attribute_embeddings\.weight", r"criterion\..*"),
        settings=_S3_SETTINGS,
        extra_rows=1,
        left_padded=True,
        numbering="ids",
        notes=("Trained on left-padded histories: position embeddings count from the last item.",),
    ),
)

# what tells a backbone from SASRec: a name it has, or what RecBole calls the model
BACKBONE_MARKS: dict[Backbone, str] = {
    "TiSASRec": r"time_matrix_emb_[KV]_embedding\.weight",
    "SSE-PT": r"user_(test_)?embedding\.weight",
    "BERT4Rec": r"output_(ffn|ln)\..*|output_bias",
}
BACKBONE_NAMES: dict[str, Backbone] = {
    "sasrec": "SASRec",
    "bert4rec": "BERT4Rec",
    "ssept": "SSE-PT",
    "tisasrec": "TiSASRec",
}
# software that is told from others, but whose layers the workbench does not have
STRANGERS = {
    "SASRec.pytorch": r"attention_layers\.\d+\.in_proj_weight",
    "gSASRec-pytorch": r"transformer_blocks\.\d+\.multihead_attention\.query_proj\.(weight|bias)",
}
