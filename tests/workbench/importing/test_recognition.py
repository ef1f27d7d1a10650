"""Software, model and configuration told from names and shapes; scores as theirs."""

import math

import pytest
import torch
from torch.nn import functional as F

from models import Batch
from tests.models.variants import batch_of
from tests.workbench.importing.files import golden, recbole_config, s3_state
from workbench import import_checkpoint
from workbench.errors import WorkbenchError
from workbench.importing import recognize

NAMES = ["sasrec"] + [
    f"acsasrec-{kind}" for kind in ("gate", "fixed", "one-level", "order-only", "distance-only")
]


def told(path, **options):
    with pytest.raises(WorkbenchError) as caught:
        recognize(path, **options)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert message.endswith(".")
    return message


@pytest.fixture
def file(tmp_path):
    return tmp_path / "model.pth"


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("name", NAMES)
def test_a_recbole_checkpoint_scores_as_the_reference_does(name, protocol, file):
    parameters, rest, settings = golden(name)
    with recbole_config(settings) as config:
        saved = {"config": config, "epoch": 3, "state_dict": parameters, "optimizer": {}}
        torch.save(saved, file, pickle_protocol=protocol)
    found = recognize(file)
    assert found.format == ("RecBole" if name == "sasrec" else "AC-TSR")
    assert found.model == ("SASRec" if name == "sasrec" else "AC-SASRec")
    assert not {"n_heads", "max_length", "two_level", "correction"} & found.assumed.keys()
    assert any("recbole.config.configurator.Config" in note for note in found.notes)
    model = import_checkpoint(file)
    assert model.config == found.config
    batch = Batch(rest["input.item_seq"], rest["input.item_seq_len"])
    scores = model.scores(batch)[:, 1:]
    torch.testing.assert_close(scores, rest["scores"][:, 1:].float(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_a_bare_state_dict_needs_options_for_what_no_shape_tells(name, file):
    parameters, rest, settings = golden(name)
    torch.save(parameters, file)
    found = recognize(file)
    assert ("n_heads" in found.assumed) == (name == "sasrec")  # the calibrators tell by their width
    assert found.config.n_heads == settings["n_heads"]
    assert found.config.hidden_size == settings["hidden_size"]
    assert found.config.inner_size == settings["inner_size"]
    assert found.config.n_layers == settings["n_layers"]
    assert found.config.n_items == settings["n_items"] - 1
    assert found.config.position_embedding == ("position_embedding.weight" in parameters)
    told_by_shape = name in ("acsasrec-gate", "acsasrec-one-level")
    assert ("max_length" in found.assumed) != told_by_shape
    options = {} if told_by_shape else {"max_length": settings["MAX_ITEM_LIST_LENGTH"]}
    model = import_checkpoint(file, **options)
    scores = model.scores(Batch(rest["input.item_seq"], rest["input.item_seq_len"]))[:, 1:]
    torch.testing.assert_close(scores, rest["scores"][:, 1:].float(), rtol=1e-4, atol=1e-4)
    if name == "sasrec":
        assert recognize(file, n_heads=4).config.n_heads == 4


def left_padded(state, history, n_heads=2):
    """The scores of the S3-Rec family for one history, padded on its left to the full length."""
    positions = state["position_embeddings.weight"]
    length, size = positions.shape
    items = torch.tensor([0] * (length - len(history)) + history)
    norm = lambda x, name: F.layer_norm(  # noqa: E731
        x, (size,), state[f"{name}LayerNorm.weight"], state[f"{name}LayerNorm.bias"], 1e-12
    )
    affine = lambda x, name: F.linear(  # noqa: E731
        x, state[f"{name}.weight"], state[f"{name}.bias"]
    )
    x = norm(state["item_embeddings.weight"][items] + positions, "")
    allowed = torch.ones(length, length).tril() * (items > 0)
    for layer in range(2):
        own = f"item_encoder.layer.{layer}."
        heads = [
            affine(x, f"{own}attention.{n}").view(length, n_heads, -1).transpose(0, 1)
            for n in ("query", "key", "value")
        ]
        scores = heads[0] @ heads[1].transpose(-1, -2) / math.sqrt(size // n_heads)
        weights = torch.softmax(scores + (1 - allowed) * -10000.0, -1)
        mixed = (weights @ heads[2]).transpose(0, 1).reshape(length, size)
        x = norm(affine(mixed, f"{own}attention.dense") + x, f"{own}attention.")
        inner = F.gelu(affine(x, f"{own}intermediate.dense_1"))
        x = norm(affine(inner, f"{own}intermediate.dense_2") + x, f"{own}intermediate.")
    return x[-1] @ state["item_embeddings.weight"].T


def test_a_left_padded_model_scores_as_in_its_own_padding(file):
    positions = torch.randn(12, 16, generator=torch.Generator().manual_seed(0))
    state = s3_state(golden("sasrec")[0] | {"position_embedding.weight": positions})
    torch.save(state, file, _use_new_zipfile_serialization=False)
    found = recognize(file)
    assert (found.format, found.model) == ("S3-Rec family", "SASRec")
    assert found.config.n_items == 40
    assert found.assumed["n_heads"] == 2
    assert any("left-padded" in note for note in found.notes)
    model = import_checkpoint(file)
    histories = [[7], [3, 1, 4, 1, 5], list(range(1, 13))]
    scores = model.scores(batch_of(*histories))
    for row, history in zip(scores, histories, strict=True):
        torch.testing.assert_close(row[1:], left_padded(state, history)[1:41], rtol=1e-4, atol=1e-5)
    lone = model.scores(batch_of(histories[1], width=9))
    torch.testing.assert_close(lone[0, 1:], scores[1, 1:])


def test_pretraining_heads_of_s3rec_are_left_out(file):
    positions = {"position_embedding.weight": torch.ones(12, 16)}
    state = s3_state(golden("sasrec")[0] | positions) | {"aap_norm.weight": torch.ones(16, 16)}
    torch.save(state, file)
    assert recognize(file).config.n_items == 40


def test_annealing_asks_for_its_steps(file):
    parameters, _, settings = golden("acsasrec-fixed")
    with recbole_config(settings | {"combine_option": "annealing"}) as config:
        torch.save({"config": config, "state_dict": parameters}, file)
    assert "annealing_step" in told(file)
    model = import_checkpoint(file, annealing_step=700)
    assert model.encoder.layers[1].weights.correction.step == 700


def test_an_annealing_correction_scores_as_the_reference_does(file):
    parameters, rest, settings = golden("acsasrec-annealing")
    with recbole_config(settings) as config:
        torch.save({"config": config, "state_dict": parameters}, file)
    step = int(rest["buffer.trm_encoder.layer.0.anneal_step"])
    model = import_checkpoint(file, annealing_step=step)
    scores = model.scores(Batch(rest["input.item_seq"], rest["input.item_seq_len"]))[:, 1:]
    torch.testing.assert_close(scores, rest["scores"][:, 1:].float(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize(
    "name", ["acsasrec-gate", "acbert4rec-fixed", "acssept-gate", "actisasrec-gate"]
)
def test_a_penalty_that_was_trained_is_the_parameter_not_the_setting(name, bare, file):
    """As in the configurations published for Sports, Toys and Yelp, whose setting is 0.03."""
    parameters, _, settings = golden(name)
    saved = parameters | {"mask_loss_weight": torch.tensor([0.3])}
    with recbole_config(settings | {"trainable_mask_loss_weight": True}) as config:
        torch.save(saved if bare else {"config": config, "state_dict": saved}, file)
    found = recognize(file)
    assert found.config.calibration.penalty == pytest.approx(0.3)
    assert "penalty" not in found.assumed
    assert "penalty is no option here or is told by" in told(file, penalty=0.1)
    model = import_checkpoint(file)
    torch.save(parameters, file)
    without = import_checkpoint(file).state_dict()
    assert without.keys() == model.state_dict().keys()
    assert all(torch.equal(tensor, without[n]) for n, tensor in model.state_dict().items())


def test_a_penalty_of_two_numbers_is_told(file):
    parameters = golden("acsasrec-gate")[0]
    torch.save(parameters | {"mask_loss_weight": torch.tensor([0.3, 0.1])}, file)
    assert "its mask_loss_weight is [2], where one is expected" in told(file)


def test_one_head_is_assumed_where_the_usual_number_cannot_be(file):
    size = len(golden("sasrec")[0]["LayerNorm.weight"])
    state = {
        name: tensor[tuple(slice(n - 1 if n == size else n) for n in tensor.shape)]
        for name, tensor in golden("sasrec")[0].items()
    }
    torch.save(state, file)
    recognized = recognize(file)
    assert recognized.config.hidden_size == size - 1
    assert recognized.config.n_heads == recognized.assumed["n_heads"] == 1
    assert "not a multiple of n_heads 2" in told(file, n_heads=2)


def test_other_models_of_recbole_by_name_and_activations_are_told(file):
    parameters, _, settings = golden("sasrec")
    for change, reason in (
        ({"hidden_act": "swish"}, "use swish"),
        ({"n_heads": 3}, "not a multiple"),
        ({"n_heads": "two"}, "n_heads is 'two'"),
        ({"layer_norm_eps": True}, "layer_norm_eps is True"),
    ):
        with recbole_config(settings | change) as config:
            torch.save({"config": config, "state_dict": parameters}, file)
        assert reason in told(file)
    with recbole_config(settings | {"model": "DuoRec"}) as config:
        torch.save({"config": config, "state_dict": parameters}, file)
    assert any("calls its model DuoRec" in note for note in recognize(file).notes)


def without(state, *names):
    return {k: v for k, v in state.items() if k not in names}


def test_states_that_do_not_fit_are_told(file):
    state = golden("sasrec")[0]
    dense = "trm_encoder.layer.1.feed_forward.dense_1.bias"
    cases = {
        "it lacks": without(state, dense),
        "is [3] where [24] is expected": state | {dense: torch.ones(3)},
        "colour.weight": state | {"colour.weight": torch.ones(3)},
        "layers are numbered": {k.replace("layer.1", "layer.7"): v for k, v in state.items()},
        "item_embedding": without(state, "item_embedding.weight"),
        "expected": state | {"item_embedding.weight": torch.ones(41, 10**4)},
    }
    for reason, changed in cases.items():
        torch.save(changed, file)
        assert reason in told(file)


@pytest.mark.parametrize(
    ("name", "more", "reason"),
    [
        ("sasrec", {"n_layers": 3}, "say n_layers 3, and its weights have 2"),
        ("sasrec", {"hidden_size": 64}, "say hidden_size 64, and its weights have 16"),
        ("sasrec", {"inner_size": 64}, "say inner_size 64, and its weights have 24"),
        ("bert4rec", {"n_layers": 3}, "say n_layers 3, and its weights have 2"),
        ("acsasrec-gate", {"combine_option": "fixed"}, "say combine_option fixed, and"),
        ("acsasrec-gate", {"MAX_ITEM_LIST_LENGTH": 9}, "say MAX_ITEM_LIST_LENGTH 9, and its"),
        ("acsasrec-one-level", {"two_level": True}, "say two_level True, and its weights have Fal"),
        ("acsasrec-one-level", {"use_position_embedding": False}, "its weights have positions"),
        ("acsasrec-order-only", {"use_distance": True}, "say use_distance True, and its"),
        (
            "acsasrec-fixed",
            {"two_level": False, "rich_calibrated_combine": "trainable"},
            "it lacks 'rich_calibrated_combine_ratio'",
        ),
        ("acsasrec-fixed", {"use_position_embedding": True}, "it lacks 'position_embedding"),
    ],
)
def test_settings_that_contradict_the_weights_are_told(name, more, reason, file):
    parameters, _, settings = golden(name)
    with recbole_config(settings | more) as config:
        torch.save({"config": config, "state_dict": parameters}, file)
    assert reason in told(file)


def test_positions_are_missed_where_a_model_has_them(file):
    """AC-TSR's models have none unless a setting says so, nor has its SASRec."""
    for name, table, settings in (
        ("sasrec", "", {"n_layers": 2}),  # RecBole knows no such setting
        ("bert4rec", "position_embedding.weight", {"model": "BERT4Rec"}),
        ("ssept", "position_embedding.weight", {}),
        ("tisasrec", "absolute_pos_K_embedding.weight", {}),
    ):
        state = without(golden(name)[0], table)
        torch.save({"config": settings, "state_dict": state}, file)
        assert "it lacks '" in told(file)
    torch.save(s3_state(golden("sasrec")[0]), file)
    assert "it lacks 'position_embedding.weight'" in told(file)
    torch.save(golden("sasrec")[0], file)
    assert any("It has no positions" in note for note in recognize(file).notes)


@pytest.mark.parametrize("kind", [torch.int8, torch.int64, torch.bool])
def test_weights_that_are_whole_numbers_are_told(kind, file):
    torch.save(golden("sasrec")[0] | {"LayerNorm.bias": torch.ones(16, dtype=kind)}, file)
    assert f"LayerNorm.bias holds whole numbers ({kind}), as quantised" in told(file)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("LayerNorm.weight", []),
        ("LayerNorm.weight", [0]),
        ("item_embedding.weight", [0, 16]),
        ("item_embedding.weight", [41]),
        ("trm_encoder.layer.0.feed_forward.dense_1.weight", []),
    ],
)
def test_shapes_that_no_parameter_has_are_told_by_name(name, shape, file):
    torch.save(golden("sasrec")[0] | {name: torch.ones(shape)}, file)
    assert f"{name} has the shape {shape}, where rows" in told(file)


def test_what_stands_beside_a_model_is_told(file):
    state = {f"model.{name}": tensor for name, tensor in golden("sasrec")[0].items()}
    torch.save({"state_dict": state | {"loss_fct.weight": torch.ones(3)}}, file)
    message = told(file)
    assert "parameters of RecBole whose names begin with model., and beside them loss" in message


def test_other_architectures_are_told(file):
    torch.save({"conv1.weight": torch.ones(2), "fc.bias": torch.ones(2)}, file)
    assert "(conv1.weight, fc.bias) are of no model" in told(file)


def test_options_are_for_what_the_file_cannot_tell(file):
    parameters, _, settings = golden("sasrec")
    with recbole_config(settings) as config:
        torch.save({"config": config, "state_dict": parameters}, file)
    assert "n_heads is no option here or is told by" in told(file, n_heads=4)
    torch.save(parameters, file)
    message = told(file, colour="red")
    assert "colour is no option" in message
    assert "n_heads" in message
    assert "n_layers is no option" in told(file, n_layers=2)


def test_a_file_that_tells_everything_takes_no_options(file):
    parameters, _, settings = golden("sasrec")
    dropout = {"hidden_dropout_prob": 0.1, "attn_dropout_prob": 0.1}
    with recbole_config(settings | dropout | {"initializer_range": 0.02}) as config:
        torch.save({"config": config, "state_dict": parameters}, file)
    assert not recognize(file).assumed
    assert told(file, foo=7).endswith("; it tells everything, so leave options out.")


LATER = {
    "bert4rec": ("RecBole", "BERT4Rec"),
    "ssept": ("RecBole", "SSE-PT"),
    "tisasrec": ("RecBole", "TiSASRec"),
    "acbert4rec-fixed": ("AC-TSR", "AC-BERT4Rec"),
    "acssept-gate": ("AC-TSR", "AC-SSE-PT"),
    "actisasrec-gate": ("AC-TSR", "AC-TiSASRec"),
}


@pytest.mark.parametrize("name", LATER)
def test_the_other_backbones_compute_what_the_reference_does(name, file):
    parameters, rest, settings = golden(name)
    with recbole_config(settings) as config:
        if name == "acbert4rec-fixed":  # its correction counts positions; none was appended there
            config.final_config_dict = settings | {"MAX_ITEM_LIST_LENGTH": 11}
        torch.save({"config": config, "state_dict": parameters}, file)
    found = recognize(file)
    assert (found.format, found.model) == LATER[name]
    assert found.config.n_items == 40
    users = rest["input.user"] - 1 if "input.user" in rest else None
    items, lengths = rest["input.item_seq"], rest["input.item_seq_len"]
    batch = Batch(items, lengths, rest.get("input.time"), users)
    model = import_checkpoint(file)
    wanted = rest.get("output.hidden", rest.get("output.calibrated")).float()
    hidden = model.encode(batch, every_row=wanted.dim() == 3)
    if wanted.dim() == 3:
        hidden, wanted = hidden[batch.valid], wanted[batch.valid]
    else:
        hidden = hidden[:, 0]
    torch.testing.assert_close(hidden, wanted, rtol=1e-4, atol=1e-4)


def later_recbole() -> dict[str, torch.Tensor]:
    """BERT4Rec of RecBole 1.2: an output head, and no position for an appended token."""
    generator = torch.Generator().manual_seed(0)
    state = {name: t.float() for name, t in golden("bert4rec")[0].items()}
    state["position_embedding.weight"] = state["position_embedding.weight"][:12]
    for name, *shape in (
        ("output_ffn.weight", 16, 16),
        ("output_ffn.bias", 16),
        ("output_ln.weight", 16),
        ("output_ln.bias", 16),
        ("output_bias", 41),
    ):
        state[name] = torch.randn(shape, generator=generator)
    return state


def test_an_output_head_scores_as_recbole_does(file):
    """RecBole drops the oldest item to make room for the mask token, however short the history."""
    state = later_recbole()
    torch.save(state, file)
    found = recognize(file)
    assert (found.model, found.config.n_items, found.config.max_length) == ("BERT4Rec", 40, 11)
    assert any("oldest item" in note for note in found.notes)
    model = import_checkpoint(file)
    own = [name for name in model.state_dict() if name.startswith("head.")]
    assert len(own) == 5
    histories = [[7, 3], [9, 3, 1, 4, 1, 5], list(range(1, 13))]
    scores = model.scores(batch_of(*(history[1:] for history in histories)))
    for row, history in zip(scores, histories, strict=True):
        items = torch.tensor([*history[1:], 41])  # as RecBole's reconstruct_test_data leaves them
        wanted = hidden_by_hand(state, items)[-1]
        wanted = F.gelu(F.linear(wanted, state["output_ffn.weight"], state["output_ffn.bias"]))
        wanted = F.layer_norm(wanted, (16,), state["output_ln.weight"], state["output_ln.bias"])
        wanted = state["item_embedding.weight"][:41] @ wanted + state["output_bias"]
        torch.testing.assert_close(row[1:], wanted[1:], rtol=1e-4, atol=1e-4)


def hidden_by_hand(state, items, n_heads=2):
    """RecBole's bidirectional encoder for one history as it is, [L, d]."""
    affine = lambda x, name: F.linear(  # noqa: E731
        x, state[f"{name}.weight"], state[f"{name}.bias"]
    )
    norm = lambda x, name: F.layer_norm(  # noqa: E731
        x, (16,), state[f"{name}LayerNorm.weight"], state[f"{name}LayerNorm.bias"], 1e-12
    )
    positions = state["position_embedding.weight"][: len(items)]
    x = norm(state["item_embedding.weight"][items] + positions, "")
    for layer in range(2):
        own = f"trm_encoder.layer.{layer}."
        q, k, v = (
            affine(x, f"{own}multi_head_attention.{n}").view(len(x), n_heads, -1).transpose(0, 1)
            for n in ("query", "key", "value")
        )
        weights = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), -1)
        mixed = (weights @ v).transpose(0, 1).reshape(len(x), -1)
        x = norm(
            affine(mixed, f"{own}multi_head_attention.dense") + x, f"{own}multi_head_attention."
        )
        inner = F.gelu(affine(x, f"{own}feed_forward.dense_1"))
        x = norm(affine(inner, f"{own}feed_forward.dense_2") + x, f"{own}feed_forward.")
    return x


def test_half_an_output_head_is_told(file):
    torch.save(without(later_recbole(), "output_bias"), file)
    assert "RecBole, but cannot be taken as a model of it: it lacks what is here head.bias" in told(
        file
    )
