"""Models by name: what each is, and one sentence for what there is not."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch

from models import CalibrationConfig, ModelConfig, make_model
from tests.models.variants import stamped
from tests.workbench.tiny import data_of
from workbench import RECIPES, evaluate, explain, held_out, recommend, save_model, train
from workbench.errors import WorkbenchError
from workbench.registry import NAMES, build_model, variant, warn_of_idle

DATA = data_of([1, 2, 3], n_items=7, times=[5, 6, 9])
SMALL = {"hidden_size": 8, "inner_size": 8, "max_length": 6}
ADVERSARIAL_ALONE: list[dict[str, Any]] = [
    {"correction": "annealing"},
    {"alpha": 0.1},
    {"two_level": False},
    {"mix": "learned"},
    {"normalization": "renormalize"},
    {"penalty": 0.5},
]


@pytest.mark.parametrize("name", NAMES)
def test_each_name_builds_a_model_for_the_data(name):
    model = build_model(name, DATA, **SMALL)
    assert model.config.name == name
    assert model.config.n_items == 7
    scores = model.eval().scores(stamped([1, 7], [3]))
    assert scores.shape == (2, 8)
    assert torch.isfinite(scores[:, 1:]).all()


def test_what_the_names_stand_for():
    configs = (build_model(name, DATA, **SMALL).config for name in NAMES[:6])
    plain, uniform, ac, light, placed, direct = configs
    assert (plain.attention, plain.calibration, plain.position_embedding) == ("learned", None, True)
    assert (uniform.attention, uniform.calibration) == ("uniform", None)
    # as published: no position embedding, gate, two levels, order and distance, lambda 0.03
    assert ac.calibration is not None
    assert not ac.position_embedding
    assert (ac.calibration.correction, ac.calibration.two_level) == ("gate", True)
    assert (ac.calibration.order, ac.calibration.distance) == (True, True)
    assert (ac.calibration.adversarial, ac.calibration.penalty) == (True, 0.03)
    assert light.calibration is not None
    assert not light.calibration.adversarial
    assert replace(placed, name=light.name, position_embedding=False) == light
    assert (direct.value_projection, direct.output_projection) == (False, False)
    mapped = {"value_projection": True, "output_projection": True}
    assert replace(direct, name=placed.name, **mapped) == placed


@pytest.mark.parametrize("backbone", ["SASRec", "BERT4Rec", "SSE-PT", "TiSASRec"])
def test_each_backbone_has_the_same_kinds(backbone):
    configs = [build_model(name, DATA, **SMALL).config for name in NAMES]
    configs = [c for c in configs if c.backbone == backbone]
    # as published, calibrators take the place of positions, but for TiSASRec's own
    kept = backbone == "TiSASRec"
    names = [backbone, f"{backbone}-uniform", f"AC-{backbone}", f"AC-{backbone}-light"]
    placed = [f"AC-{backbone}-light-positions"] * (not kept)
    assert [c.name for c in configs] == [*names, *placed, f"AC-{backbone}-direct"]
    assert [c.attention for c in configs[:4]] == ["learned", "uniform", "learned", "learned"]
    adversarial = [c.calibration and c.calibration.adversarial for c in configs[:4]]
    assert adversarial == [None, None, True, False]
    positions = [True, True, kept, kept, *[True] * (not kept), True]
    assert [c.position_embedding for c in configs] == positions
    assert {c.n_users for c in configs} == {DATA.n_users if backbone == "SSE-PT" else 0}


def test_a_variant_is_called_by_what_its_name_does_not_say():
    light, placed = (
        build_model(f"AC-SASRec-light{end}", DATA, **SMALL).config for end in ("", "-positions")
    )
    assert (variant(light), variant(placed)) == (light.name, placed.name)
    by_option = build_model("AC-SASRec-light", DATA, **SMALL, position_embedding=True).config
    assert variant(by_option) == "AC-SASRec-light position_embedding=True"
    direct = build_model("AC-SASRec-direct", DATA, **SMALL).config
    assert variant(direct) == "AC-SASRec-direct"
    mapped = build_model("AC-SASRec-direct", DATA, **SMALL, value_projection=True).config
    assert variant(mapped) == "AC-SASRec-direct value_projection=True"


def test_tisasrec_without_times_is_told():
    with pytest.raises(WorkbenchError, match="tiny has no times; give data with a time column"):
        build_model("AC-TiSASRec", data_of([1, 2, 3]), **SMALL)


def test_options_reach_the_model_and_its_calibration():
    model = build_model("AC-SASRec", DATA, **SMALL, n_layers=3, correction="fixed", order=False)
    assert len(model.encoder.layers) == 3
    assert model.config.calibration is not None
    assert (model.config.calibration.correction, model.config.calibration.order) == ("fixed", False)
    assert model.config.calibration.distance  # the others keep their defaults
    assert model.item_embedding.weight.shape == (8, 8)


@pytest.mark.parametrize("option", ADVERSARIAL_ALONE)
def test_options_of_the_adversarial_calibrator_change_nothing_without_one(option):
    calibration = CalibrationConfig(adversarial=False)
    batch = stamped([1, 2, 3], [4, 5])
    scores = []
    for each in (calibration, replace(calibration, **option)):
        torch.manual_seed(0)
        config = ModelConfig("light", n_items=7, calibration=each, **SMALL)
        scores.append(make_model(config).eval().scores(batch))
    assert torch.equal(*scores)


def test_options_that_are_as_by_default_may_be_said():
    usual = {"correction": "gate", "alpha": 0.5, "two_level": True, "penalty": 0.03}
    build_model("AC-SASRec-light", DATA, **SMALL, **usual)
    build_model("AC-SASRec", DATA, **SMALL, two_level=False, mix="learned", correction="annealing")


@pytest.mark.parametrize(
    ("name", "options", "idle"),
    [
        ("AC-SASRec-light", {"position_from": "end"}, "position_from=end"),
        ("AC-SASRec", {"scale_embeddings": True}, "scale_embeddings=True"),
        ("TiSASRec", {"position_from": "end"}, "position_from=end"),
        ("AC-SASRec", {"position_from": "end", "position_embedding": True}, None),
        ("AC-SASRec", {"scale_embeddings": True, "input_norm": False}, None),
        ("AC-SASRec", {"position_from": "start"}, None),
        ("SASRec", {"position_from": "end"}, None),
        ("AC-SASRec", {}, None),  # though a recipe has it
    ],
)
def test_what_changes_nothing_without_positions_is_told_who_chose_it(name, options, idle):
    others: Mapping[str, Any] = {} if options else RECIPES["tuned"].model
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        warn_of_idle(name, DATA, options, {**others, **SMALL})
    assert [idle in str(each.message) for each in told] == [True] * (idle is not None)


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("SASrec", {}, "no model 'SASrec'; choose from .*did you mean SASRec"),
        (
            "transformer",
            {},
            "no model 'transformer'; choose from SASRec, SASRec-uniform, AC-SASRec",
        ),
        ("SASRec", {"hiden_size": 8}, "no option 'hiden_size'; .*did you mean hidden_size"),
        ("AC-SASRec", {"corection": "gate"}, "'corection'; .*did you mean correction"),
        ("SASRec", {"name": "x"}, "SASRec: there is no option 'name'; choose from max_length"),
        ("SASRec", {"n_items": 8}, "SASRec: there is no option 'n_items'; choose from max_length"),
        (
            "SASRec",
            {"correction": "gate"},
            "SASRec has no calibration, so 'correction' means nothing",
        ),
        ("AC-SASRec", {"alpha": 0.1}, "its correction is 'gate', so 'alpha' means nothing; leave"),
        ("AC-SASRec", {"mix": "learned"}, "two levels, so 'mix' means nothing; .* two_level=False"),
        *(
            (
                name,
                option,
                f"has no adversarial calibrator, so '{next(iter(option))}' means nothing",
            )
            for name in ("AC-SASRec-light", "AC-BERT4Rec-direct")
            for option in ADVERSARIAL_ALONE
        ),
        (
            "AC-SASRec",
            {"correction": "sum"},
            "correction is 'sum'; choose from fixed, gate, annealing",
        ),
        ("AC-SASRec", {"mix": "third"}, "mix is 'third'; choose from half, learned"),
        (
            "AC-SASRec",
            {"normalization": "l2"},
            "normalization is 'l2'; choose from softmax, renorm",
        ),
        ("AC-SASRec-light", {"order": False, "distance": False}, "without order, distance or adv"),
        ("SASRec", {"attention": "linear"}, "attention is 'linear'; choose from learned, uniform"),
        ("SASRec", {"hidden_size": 10, "n_heads": 4}, "10 is not a multiple of n_heads 4"),
        ("SASRec", {"n_layers": 0}, "n_layers is 0; it must be 1 or more"),
        ("SASRec", {"max_length": -1}, "max_length is -1; it must be 1 or more"),
        ("SASRec", {"hidden_size": "abc"}, "hidden_size is 'abc', where a whole number is exp"),
        ("SASRec", {"hidden_size": 8.0}, "hidden_size is 8.0, where a whole number is expected"),
        ("SASRec", {"n_layers": True}, "n_layers is True, where a whole number is expected"),
        ("SASRec", {"hidden_dropout": "0,5"}, "hidden_dropout is '0,5', where a number is expect"),
        ("SASRec", {"hidden_dropout": math.nan}, "hidden_dropout is nan, where a number is expec"),
        ("SASRec", {"max_length": 10**11}, "no memory holds a model of these sizes"),
        ("SASRec", {"hidden_size": 2**70}, "no memory holds a model of these sizes"),
        ("AC-SASRec", {"order": 0}, "order is 0, where True or False is expected"),
        ("SSE-PT", {"user_size": "half"}, "user_size is 'half', where a whole number is expected"),
        ("SASRec", {"time_span": 9}, "'time_span' is an option of TiSASRec and means nothing to S"),
        ("TiSASRec", {"time_span": 0}, "time_span is 0; it must be 1 or more"),
        ("SASRec", {"hidden_dropout": -1.0}, "hidden_dropout is -1.0; it must be from 0 to less"),
        ("SASRec", {"attention_dropout": 8.5}, "attention_dropout is 8.5; it must be from 0 to"),
        ("SASRec", {"attention_dropout": 1}, "attention_dropout is 1; it must be from 0 to less"),
        ("SASRec", {"initializer_range": -1.0}, "initializer_range is -1.0; it must be above 0, "),
        ("SASRec", {"layer_norm_eps": 0.0}, "layer_norm_eps is 0.0; it must be above 0"),
        ("SASRec-uniform", {"attention": "learned"}, "uniform, by its name; SASRec has learned"),
        ("SASRec", {"attention": "uniform"}, "learned, by its name; SASRec has learned attention"),
        ("AC-SASRec", {"attention": "uniform"}, "learned, by its name; SASRec has learned attent"),
        ("AC-SASRec", {"alpha": -5.0}, "alpha is -5.0; it must be from 0 to 1"),
        ("AC-SASRec", {"penalty": -0.1}, "penalty is -0.1; it must be 0 or more"),
        (
            "TiSASRec",
            {"time_unit": "day"},
            "time_unit is 'day'; choose from smallest, second, rounded",
        ),
        ("SSE-PT", {"swap_users": 2}, "swap_users is 2; it must be from 0 to 1"),
        ("SSE-PT", {"user_size": 64}, "room for items in hidden_size 64; choose from 0 to 63"),
        (
            "AC-SASRec",
            {"normalization": "none", "correction": "fixed"},
            "fixed correction without normalization",
        ),
    ],
)
def test_what_there_is_not_is_told_in_one_sentence(name, options, told):
    with pytest.raises(WorkbenchError, match=told) as caught:
        build_model(name, DATA, **options)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_path_in_place_of_what_is_loaded_from_it_is_told(tmp_path):
    data = data_of(*[[1, 2, 3, 4]] * 4)
    model: Any = "runs/SASRec"
    for asked in (
        lambda: evaluate(model, data),
        lambda: evaluate(build_model("SASRec", data), tmp_path),
        lambda: build_model("SASRec", "shop.csv"),
        lambda: train(model, data),
    ):
        with pytest.raises(WorkbenchError, match="is a name or a path; give what workbench"):
            asked()


def test_swapped_arguments_are_told(tmp_path):
    data: Any = data_of(*[[1, 2, 3, 4]] * 4)
    model: Any = build_model("SASRec", data)
    for asked in (
        lambda: evaluate(data, model),
        lambda: train(data, model),
        lambda: recommend(data, model),
        lambda: save_model(data, tmp_path),
        lambda: explain(data, model, data),
        lambda: held_out(data, model, [0]),
    ):
        with pytest.raises(WorkbenchError, match="SequenceData was given in the place of what"):
            asked()
    with pytest.raises(WorkbenchError, match=r"SASRec was given in .* workbench.load_data makes"):
        build_model("SASRec", model)
    users: Any = [0]
    with pytest.raises(WorkbenchError, match=r"a list was given in .* workbench.load_data makes"):
        held_out(model, users, data)
