"""A small model with weights far from their start, and one case of small data for it."""

import torch

from models import Batch, Recommender
from workbench import SequenceData, build_model
from workbench.data import planted
from workbench.data.batches import make_batch
from workbench.data.splits import held_out_cases


def small_data() -> SequenceData:
    return planted(n_users=6, n_items=40, length=12, n_causes=4).data


def small_model(name: str, data: SequenceData, **options) -> Recommender:
    torch.manual_seed(1)
    model = build_model(name, data, hidden_size=8, inner_size=8, max_length=9, **options)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


def case_of(model: Recommender, data: SequenceData, user: int) -> Batch:
    return make_batch(data, held_out_cases(data, model.config.max_length, [user]))
