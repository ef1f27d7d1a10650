"""The part of a model is that of its configuration, whatever it is called."""

from dataclasses import asdict
from typing import Any

import pytest
import torch

from analyses.running.comparison import Comparison, Part, part_of
from models import BACKBONES, CalibrationConfig, ModelConfig, make_model
from tests.workbench.tiny import data_of
from workbench import adapt, build_model
from workbench.errors import WorkbenchError
from workbench.registry import NAMES

SIZES: dict[str, Any] = {"hidden_size": 8, "inner_size": 8, "n_layers": 1, "max_length": 6}


def model_of(name: str, **options):
    return make_model(ModelConfig(name, 12, **SIZES, **options))


@pytest.fixture(scope="module")
def mixed() -> Comparison:
    """Models called what they are not."""
    calibrated = {"calibration": CalibrationConfig(), "position_embedding": False}
    return Comparison.of(
        {
            "AC-SASRec": model_of("AC-SASRec"),
            "mine": model_of("mine", **calibrated),
            "plain": model_of("plain", attention="uniform"),
            "SASRec-uniform": model_of("SASRec-uniform", backbone="BERT4Rec", **calibrated),
            "SASRec": model_of("SASRec"),
            "other": model_of("other", backbone="BERT4Rec"),
        }
    )


def test_roles_and_families_are_those_of_configurations(mixed):
    assert [(part.role, part.family) for part in mixed.parts.values()] == [
        ("plain", "SASRec"),
        ("calibrated", "SASRec"),
        ("uniform", "SASRec"),
        ("calibrated", "BERT4Rec"),
        ("plain", "SASRec"),
        ("plain", "BERT4Rec"),
    ]
    assert {name: family.names for name, family in mixed.families.items()} == {
        "SASRec": ["AC-SASRec", "mine", "plain", "SASRec"],
        "BERT4Rec": ["SASRec-uniform", "other"],
    }


def test_models_are_compared_within_their_family(mixed):
    assert mixed.baseline == "AC-SASRec"
    assert mixed.calibrated_pairs == [("mine", "AC-SASRec"), ("SASRec-uniform", "other")]
    assert mixed.uniform_pairs == [("AC-SASRec", "plain"), ("mine", "plain")]
    calibrated = mixed.only(["mine"])
    assert calibrated.baseline == "mine"
    assert calibrated.calibrated_pairs == []


@pytest.mark.parametrize("name", NAMES)
def test_models_of_the_registry_play_the_part_they_are_named_after(name):
    data = data_of([1, 2, 3, 4], times=[1, 2, 3, 4])
    part = part_of(build_model(name, data, hidden_size=8, inner_size=8))
    role = "calibrated" if name.startswith("AC-") else "plain"
    assert part.role == ("uniform" if name.endswith("-uniform") else role)
    backbone = max((b for b in BACKBONES if b in name), key=len)  # SASRec is in TiSASRec
    assert (part.family, part.variant) == (backbone, name)


def test_an_adapted_model_is_a_family_of_its_own():
    model = adapt(lambda batch: torch.zeros(len(batch.items), 13), n_items=12, max_length=6)
    assert part_of(model) == Part("plain", "Adapted alone", "Adapted")


def test_models_of_one_part_are_one_variant_and_others_are_not():
    same = Part("calibrated", "SASRec", "mine")
    comparison = Comparison(
        {"a": same, "b": same, "c": Part("plain", "SASRec", "x"), "d": Part("uniform", "Y", "x")}
    )
    assert comparison.variants == {
        "a": "mine",
        "b": "mine",
        "c": "x (plain, SASRec)",
        "d": "x (uniform, Y)",
    }


def test_models_of_other_options_are_no_trainings_of_one_variant():
    """As `sweep --vary hidden_size=8,4` trains them; seeds and devices tell nothing apart."""
    calibrated = {"calibration": CalibrationConfig(), "position_embedding": False}
    sizes = {"a": {"hidden_size": 8}, "b": {"hidden_size": 4}}
    models = {
        **{f"plain {k}": make_model(ModelConfig("S", 12, **SIZES | v)) for k, v in sizes.items()},
        **{
            f"AC {k}": make_model(ModelConfig("AC", 12, **SIZES | v, **calibrated))
            for k, v in sizes.items()
        },
        **{f"even {k}": model_of("even", attention="uniform") for k in "ab"},
    }
    models["even a"].card = {"training": {"seed": 0, "device": "cpu", "epochs": 2, "loss": "bce"}}
    models["even b"].card = {"training": {"seed": 1, "device": "auto", "epochs": 2}}
    comparison = Comparison.of(models)
    assert comparison.variants == {
        "plain a": "S, hidden_size=8",
        "plain b": "S, hidden_size=4",
        "AC a": "AC, hidden_size=8",
        "AC b": "AC, hidden_size=4",
        "even a": "even",
        "even b": "even",
    }
    assert comparison.calibrated_pairs == [("AC a", "plain a"), ("AC b", "plain b")]
    assert comparison.uniform_pairs[-1] == ("AC b", "even a")  # there is none of its options
    models["even b"].card["training"]["epochs"] = 3
    assert Comparison.of(models).variants["even b"] == "even, epochs=3"
    stored = Comparison.stored(
        {name: {"part": asdict(part)} for name, part in comparison.parts.items()}
    )
    assert stored.variants == comparison.variants


def test_two_adapted_models_are_told_apart_by_what_they_are_called():
    """Though neither was given a name of its own."""
    adapted = [
        adapt(lambda batch: torch.zeros(len(batch.items), 13), n_items=12, max_length=6)
        for _ in range(2)
    ]
    comparison = Comparison.of(dict(zip("ab", adapted, strict=True)))
    assert comparison.variants == {"a": "a", "b": "b"}
    assert [*comparison.families] == ["a alone", "b alone"]


def test_a_light_model_of_any_name_is_another_variant_than_a_full_one():
    parts = [
        part_of(model_of("mine", calibration=CalibrationConfig(adversarial=adversarial)))
        for adversarial in (True, False)
    ]
    assert parts[0] != parts[1]


@pytest.mark.parametrize("entry", [{}, None, {"part": {"role": "plain"}}, {"part": 3}])
def test_a_manifest_without_parts_is_refused(entry):
    with pytest.raises(WorkbenchError, match="which part mine plays; run the report again"):
        Comparison.stored({"mine": entry})


def test_a_manifest_with_an_unknown_role_is_refused():
    part = {"role": "star", "family": "SASRec", "variant": "mine"}
    with pytest.raises(WorkbenchError, match="which part mine plays"):
        Comparison.stored({"mine": {"part": part}})


def test_siblings_belong_to_a_model_and_are_none_themselves(mixed):
    comparison = Comparison(mixed.parts, {"mine": ["mine seed 1", "mine seed 2"]})
    assert comparison.names == mixed.names
    assert comparison.calibrated_pairs == mixed.calibrated_pairs
    assert comparison.trainings("mine") == ["mine", "mine seed 1", "mine seed 2"]
    assert comparison.families["SASRec"].trainings("mine") == comparison.trainings("mine")
    some = comparison.only(["mine", "mine seed 2", "plain"])
    assert some.names == ["mine", "plain"]
    assert some.trainings("mine") == ["mine", "mine seed 2"]
    entries = {
        name: {"part": asdict(part), "siblings": dict.fromkeys(comparison.trainings(name)[1:])}
        for name, part in comparison.parts.items()
    }
    stored = Comparison.stored(entries)
    assert stored.parts == comparison.parts
    assert stored.trainings("mine") == comparison.trainings("mine")
