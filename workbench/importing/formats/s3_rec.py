"""The S3-Rec family, such as ICLRec: RecBole's mathematics on left-padded histories."""

from torch import Tensor

from models import ModelConfig
from workbench.importing.format import KIND, Facts, Format
from workbench.importing.formats import recbole_models

LAYER = r"item_encoder\.layer\.(\d+)"


def configure(state: dict[str, Tensor], facts: Facts) -> ModelConfig:
    """As RecBole's SASRec, with positions from the end and a mask token that is left out.

    Raises
    ------
    KeyError
        If the state lacks positions.
    """
    if "position_embedding.weight" not in state:
        raise KeyError("position_embedding.weight")
    return recbole_models.configuration(state, facts, usual_extra_rows=1, position_from="end")


FORMAT = Format(
    "S3-Rec family",
    rf"{LAYER}\.intermediate\..*",
    (
        (r"(item|position)_embeddings\.weight", r"\1_embedding.weight"),
        (rf"LayerNorm\.{KIND}", r"norm.\1"),
        (rf"{LAYER}\.attention\.(query|key|value|dense)\.{KIND}", r"encoder.layers.\1.\2.\3"),
        (rf"{LAYER}\.attention\.LayerNorm\.{KIND}", r"encoder.layers.\1.norm.\2"),
        (rf"{LAYER}\.intermediate\.(dense_[12])\.{KIND}", r"encoder.layers.\1.feed_forward.\2.\3"),
        (rf"{LAYER}\.intermediate\.LayerNorm\.{KIND}", r"encoder.layers.\1.feed_forward.norm.\2"),
    ),
    configure,
    # heads of its pretraining objectives
    ignored=(r"(aap|mip|map|sp)_norm\..*", r"attribute_embeddings\.weight", r"criterion\..*"),
    spelling={
        "n_heads": "num_attention_heads",
        "hidden_dropout": "hidden_dropout_prob",
        "attention_dropout": "attention_probs_dropout_prob",
        "initializer_range": "initializer_range",
        "n_layers": "num_hidden_layers",
        "hidden_size": "hidden_size",
        "max_length": "max_seq_length",
    },
    numbering="ids",
)
