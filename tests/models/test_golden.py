"""Weights, stages, losses and gradients against the numbers of the AC-TSR reference.

`param.*` are its parameters, `buffer.*` what else its layers hold: the steps an annealing
correction has counted.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from models import Batch, CalibrationConfig, ModelConfig, Recommender, make_model
from tests.models.variants import attack_on, losses_of

FOLDER = Path(__file__).parents[1] / "golden"
STAGES = {
    "attention": "attention",
    "before_spatial": "before_spatial",
    "after_spatial": "after_spatial",
    "perturbed_mask": "mask",
    "calibrated_attention": "calibrated",
}
TOP = {
    "norm": "LayerNorm",
    "key_positions": "absolute_pos_K_embedding",
    "value_positions": "absolute_pos_V_embedding",
    "key_intervals": "time_matrix_emb_K_embedding",
    "value_intervals": "time_matrix_emb_V_embedding",
}
TRAINED_PENALTY = "param.mask_loss_weight"  # a number of the configuration here
UNUSED = {"param.user_test_embedding.weight"}  # SSE-PT's, of which no score or ranking depends


def theirs(ours: str, attention: str) -> str:
    """The reference's name of one of our parameters."""
    head, _, rest = ours.partition("encoder.layers.")
    if not rest:
        name, _, kind = head.partition(".")
        return f"{TOP.get(name, name)}.{kind}"
    number, _, rest = rest.partition(".")
    if rest.startswith("feed_forward."):
        rest = rest.replace("norm.", "LayerNorm.")
    elif rest.startswith("weights.spatial"):
        rest = rest.replace("weights.spatial.theta", f"{attention}.scalar")
        rest = rest.replace("weights.spatial.order", f"{attention}.order_affine")
        rest = rest.replace("weights.spatial.distance", f"{attention}.distance_affine")
    elif rest.startswith("weights.adversarial."):
        _, _, which, kind = rest.split(".")
        rest = f"{attention}.attack_{which}_transform.{kind}"
    elif rest.startswith("weights.correction."):
        rest = rest.removeprefix("weights.correction.").replace("step", "anneal_step")
    elif rest == "weights.ratio":
        rest = "rich_calibrated_combine_ratio"
    else:
        rest = f"{attention}." + rest.replace("norm.", "LayerNorm.")
    return f"layer.{number}.{rest}"


class Golden:
    """One file: its tensors, and our model with its weights."""

    def __init__(self, name: str) -> None:
        with safe_open(FOLDER / f"{name}.safetensors", "pt") as file:
            c = {k: json.loads(v) for k, v in file.metadata().items()}
            self.t: dict[str, Tensor] = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
        calibrated = c["model"].lower().startswith("ac")
        kind = c["model"].upper().removeprefix("AC")
        backbone = {"BERT4REC": "BERT4Rec", "SSEPT": "SSE-PT", "TISASREC": "TiSASRec"}
        normalized = c["model"] not in ("ACSSEPT", "ACTiSASRec")
        length = self.t["input.item_seq"].shape[1]
        options: dict[str, Any] = {}
        if kind == "SSEPT":
            options = {"swap_users": 0.0, "swap_items": 0.0, "swap_targets": 0.0}
            options |= {"n_users": c["n_users"] - 1, "user_size": c["user_hidden_size"]}
        if kind == "TISASREC":
            options = {"time_span": c["time_span"], "time_unit": "second"}
        # no mask token was appended: where a width enters the numbers, it is that of the input
        positions = "param.position_embedding.weight" in self.t
        penalty = c["mask_loss_weight"]
        if TRAINED_PENALTY in self.t:
            penalty = self.t[TRAINED_PENALTY].item()
        self.model = make_model(
            ModelConfig(
                name=c["model"],
                backbone=backbone.get(kind, "SASRec"),
                n_items=c["n_items"] - 1,
                max_length=length - (kind == "BERT4REC" and not positions),
                n_layers=c["n_layers"],
                n_heads=c["n_heads"],
                hidden_size=c["hidden_size"],
                inner_size=c["inner_size"],
                hidden_dropout=0.0,
                attention_dropout=0.0,
                position_embedding=positions or kind == "TISASREC",
                calibration=CalibrationConfig(
                    order=c["use_order"],
                    distance=c["use_distance"],
                    correction=c["combine_option"],
                    two_level=c["two_level"],
                    mix="learned" if c["rich_calibrated_combine"] == "trainable" else "half",
                    normalization="softmax" if normalized else "none",
                    penalty=penalty,
                )
                if calibrated
                else None,
                **options,
            )
        ).double()
        self.attention = "attack_attention" if calibrated else "multi_head_attention"
        self.encoder = "ti_trm_encoder." if kind == "TISASREC" else "trm_encoder."
        self.parameters = {n: "param." + self.theirs(n) for n, _ in self.model.named_parameters()}
        buffers = {n: "buffer." + self.theirs(n) for n, _ in self.model.named_buffers()}
        self.buffers = {n: key for n, key in buffers.items() if key in self.t}  # else as they begin
        keys = self.parameters | self.buffers
        given = {n: self.t[key] for n, key in keys.items()}
        self.model.load_state_dict(self.model.state_dict() | given)
        self.batch = Batch(
            self.t["input.item_seq"],
            self.t["input.item_seq_len"],
            self.t.get("input.time"),
            self.t["input.user"] - 1 if "input.user" in self.t else None,
        )
        self.valid_rows = self.batch.valid[:, None, :, None]

    def of(self, plain: str, calibrated: str) -> str:
        """Whichever of two keys the file has."""
        return plain if plain in self.t else calibrated

    def theirs(self, ours: str) -> str:
        name = theirs(ours, self.attention)
        return self.encoder + name if name.startswith("layer.") else name

    def noise(self) -> Tensor | None:
        """What the last layer's perturbed branch was given."""
        return self.t.get(f"noise.layer{self.model.config.n_layers - 1}")


@contextmanager
def taps_of(model: Recommender) -> Iterator[dict[str, list[Tensor]]]:
    """What passes the taps, as it is."""
    found: dict[str, list[Tensor]] = {stage: [] for stage in model.stages}
    handles = [
        tap.register_forward_hook(lambda tap, _, w: found[tap.stage].append(w))
        for tap in model.taps()
    ]
    yield found
    for handle in handles:
        handle.remove()


@pytest.fixture(params=sorted(p.stem for p in FOLDER.glob("*.safetensors")))
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(request.param)


def assert_near(ours: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(ours, wanted, rtol=0, atol=1e-9)


def test_all_that_the_model_of_the_file_holds_is_used(golden: Golden) -> None:
    held = {k for k in golden.t if k.startswith(("param.", "buffer."))}
    used = {*golden.parameters.values(), *golden.buffers.values()}
    assert used == held - UNUSED - {TRAINED_PENALTY}


def test_annealing_and_a_trained_penalty_are_among_the_files() -> None:
    golden = Golden("acsasrec-annealing")
    calibration = golden.model.config.calibration
    assert calibration is not None
    assert calibration.penalty == pytest.approx(0.3)  # where the settings say 0.03
    assert {buffer.item() for buffer in golden.model.buffers()} == {50_000}


def test_stages(golden: Golden) -> None:
    golden.model.eval()
    with taps_of(golden.model) as passed:
        golden.model.encode(golden.batch, every_row=True)
    seen = 0
    for key, wanted in golden.t.items():
        if not key.startswith("stage."):
            continue
        _, layer, stage = key.split(".")
        if stage == "perturbed_attention":
            continue  # needs the noise of every layer; only the last one's reaches a result
        ours = passed[STAGES[stage]][int(layer.removeprefix("layer"))]
        assert_near(ours * golden.valid_rows, wanted * golden.valid_rows)
        seen += 1
    assert seen >= 2


def test_hidden_states_and_scores(golden: Golden) -> None:
    golden.model.eval()
    hidden = golden.t[golden.of("output.hidden", "output.calibrated")]
    if hidden.dim() == 3:  # BERT4Rec, at every position
        assert "scores" not in golden.t
        valid = golden.batch.valid
        assert_near(golden.model.encode(golden.batch, every_row=True)[valid], hidden[valid])
        if golden.model.is_adversarial:
            attacked = attack_on(
                golden.model, golden.batch, golden.noise(), every_row=True
            ).attacked
            assert_near(attacked[valid], golden.t["output.attacked"][valid])
        return
    assert_near(golden.model(golden.batch), hidden)
    assert_near(golden.model.scores(golden.batch)[:, 1:], golden.t["scores"][:, 1:])


@pytest.mark.parametrize("every_row", [False, True])
def test_losses_and_gradients(golden: Golden, every_row: bool) -> None:
    """At the prediction row alone, and with every row computed, the loss being at that row."""
    if "loss" not in golden.t and "loss.calibrated" not in golden.t:
        pytest.skip("the file has no losses")
    target = golden.t["input.target"]
    if every_row:
        at = torch.zeros_like(golden.batch.items)
        at[torch.arange(len(at)), golden.batch.rows] = target
        target = at
    if "loss.mask_penalty" in golden.t:
        golden.model.eval()  # in training, passes are counted by an annealing correction
        masks = attack_on(golden.model, golden.batch, golden.noise()).masks
        norms = torch.stack([(1 - mask).norm() for mask in masks])
        assert_near(norms.mean(), golden.t["loss.mask_penalty"])
        golden.model.train()
    losses = losses_of(golden.model, golden.batch, target, golden.noise())
    assert_near(losses.recommendation, golden.t[golden.of("loss", "loss.calibrated")])
    adversarial = set(map(id, golden.model.adversarial_parameters()))
    names = dict(golden.model.named_parameters())
    main = {n: p for n, p in names.items() if id(p) not in adversarial}
    grads = dict(
        zip(
            main,
            torch.autograd.grad(losses.recommendation, list(main.values()), retain_graph=True),
            strict=True,
        )
    )
    if "loss.attacked" in golden.t:
        assert losses.adversarial is not None
        assert_near(losses.adversarial, golden.t["loss.attacked"])
        attack = {n: p for n, p in names.items() if id(p) in adversarial}
        found = torch.autograd.grad(losses.adversarial, list(attack.values()))
        grads |= dict(zip(attack, found, strict=True))
    wanted = {k for k in golden.t if k.startswith("grad.")}
    assert wanted == {"grad." + golden.theirs(n) for n in grads}
    for name, grad in grads.items():
        if name in ("item_embedding.weight", "user_embedding.weight"):  # ours never moves padding
            grad, key = grad[1:], "grad." + golden.theirs(name)
            assert_near(grad, golden.t[key][1:])
            continue
        assert_near(grad, golden.t["grad." + golden.theirs(name)])
