"""Weights, stages, losses and gradients against the numbers of the AC-TSR reference."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from models import Batch, CalibrationConfig, ModelConfig, SASRec
from workbench.recording import record_attention

FOLDER = Path(__file__).parents[1] / "golden"
STAGES = {
    "attention": "attention",
    "before_spatial": "before_spatial",
    "after_spatial": "after_spatial",
    "perturbed_mask": "mask",
    "calibrated_attention": "calibrated",
}


def theirs(ours: str, attention: str) -> str:
    """The reference's name of one of our parameters."""
    head, _, rest = ours.partition("encoder.layers.")
    if not rest:
        return head.replace("norm.", "LayerNorm.") if head.startswith("norm.") else head
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
        rest = rest.removeprefix("weights.correction.")
    elif rest == "weights.ratio":
        rest = "rich_calibrated_combine_ratio"
    else:
        rest = f"{attention}." + rest.replace("norm.", "LayerNorm.")
    return f"trm_encoder.layer.{number}.{rest}"


class Golden:
    """One file: its tensors, and our model with its weights."""

    def __init__(self, name: str) -> None:
        with safe_open(FOLDER / f"{name}.safetensors", "pt") as file:
            c = {k: json.loads(v) for k, v in file.metadata().items()}
            self.t: dict[str, Tensor] = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
        calibrated = c["model"] == "ACSASRec"
        self.model = SASRec(
            ModelConfig(
                name=c["model"],
                n_items=c["n_items"] - 1,
                max_length=c["MAX_ITEM_LIST_LENGTH"],
                n_layers=c["n_layers"],
                n_heads=c["n_heads"],
                hidden_size=c["hidden_size"],
                inner_size=c["inner_size"],
                hidden_dropout=0.0,
                attention_dropout=0.0,
                position_embedding="param.position_embedding.weight" in self.t,
                calibration=CalibrationConfig(
                    order=c["use_order"],
                    distance=c["use_distance"],
                    correction=c["combine_option"],
                    two_level=c["two_level"],
                    mix="learned" if c["rich_calibrated_combine"] == "trainable" else "half",
                    penalty=c["mask_loss_weight"],
                )
                if calibrated
                else None,
            )
        ).double()
        self.attention = "attack_attention" if calibrated else "multi_head_attention"
        self.model.load_state_dict(
            {n: self.t["param." + self.theirs(n)] for n, _ in self.model.named_parameters()}
        )
        self.batch = Batch(self.t["input.item_seq"], self.t["input.item_seq_len"])
        self.valid_rows = self.batch.valid[:, None, :, None]

    def of(self, plain: str, calibrated: str) -> str:
        """Whichever of two keys the file has."""
        return plain if plain in self.t else calibrated

    def theirs(self, ours: str) -> str:
        return theirs(ours, self.attention)


@pytest.fixture(params=sorted(p.stem for p in FOLDER.glob("*.safetensors")))
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(request.param)


def assert_near(ours: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(ours, wanted, rtol=0, atol=1e-9)


def test_every_parameter_of_the_file_is_used(golden: Golden) -> None:
    used = {"param." + golden.theirs(n) for n, _ in golden.model.named_parameters()}
    assert used == {k for k in golden.t if k.startswith("param.")}


def test_stages(golden: Golden) -> None:
    golden.model.eval()
    recorded = record_attention(golden.model, golden.batch, stages=golden.model.stages, rows="all")
    seen = 0
    for key, wanted in golden.t.items():
        if not key.startswith("stage."):
            continue
        _, layer, stage = key.split(".")
        if stage == "perturbed_attention":
            continue  # needs the noise of every layer; only the last one's reaches a result
        ours = recorded[STAGES[stage]][:, int(layer.removeprefix("layer"))]
        assert_near(ours * golden.valid_rows, wanted * golden.valid_rows)
        seen += 1
    assert seen >= 2


def test_scores(golden: Golden) -> None:
    golden.model.eval()
    hidden = golden.t[golden.of("output.hidden", "output.calibrated")]
    assert_near(golden.model(golden.batch), hidden)
    assert_near(golden.model.scores(golden.batch)[:, 1:], golden.t["scores"][:, 1:])


@pytest.mark.parametrize("every_row", [False, True])
def test_losses_and_gradients(golden: Golden, every_row: bool) -> None:
    """At the prediction row alone, and with every row computed, the loss being at that row."""
    target = golden.t["input.target"]
    if every_row:
        at = torch.zeros_like(golden.batch.items)
        at[torch.arange(len(at)), golden.batch.rows] = target
        target = at
    last = golden.model.config.n_layers - 1
    losses = golden.model.losses(golden.batch, target, noise=golden.t.get(f"noise.layer{last}"))
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
    if losses.adversarial is not None:
        assert_near(losses.adversarial, golden.t["loss.attacked"])
        attack = {n: p for n, p in names.items() if id(p) in adversarial}
        found = torch.autograd.grad(losses.adversarial, list(attack.values()))
        grads |= dict(zip(attack, found, strict=True))
    wanted = {k for k in golden.t if k.startswith("grad.")}
    assert wanted == {"grad." + golden.theirs(n) for n in grads}
    for name, grad in grads.items():
        if name == "item_embedding.weight":  # ours never moves padding
            grad, key = grad[1:], "grad." + golden.theirs(name)
            assert_near(grad, golden.t[key][1:])
            continue
        assert_near(grad, golden.t["grad." + golden.theirs(name)])
