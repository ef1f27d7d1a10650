import re

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import kendalltau

from analyses.diagnostics.calibration_variants import DIAGNOSTIC, attention
from analyses.running.held_out import held_out_batches
from analyses.running.measuring import measure_in_memory
from tests.analyses.handmade import SALIENCE, Handmade, data_of, results_of
from tests.workbench.tiny import data_of as tiny_data
from workbench import build_model, record_attention


def measured_attention(model, cases):
    return attention(model, cases, record_attention(model, cases.batch)["attention"])


def test_attention_is_described_as_computed_by_hand():
    data = data_of([1, 2, 3, 5], [2, 5])
    model = Handmade(SALIENCE)
    (cases,) = held_out_batches(model, data, np.array([0, 1]))
    assert cases.users.tolist() == [1, 0]  # histories of like length together
    described = {name: values[[1, 0]] for name, values in measured_attention(model, cases).items()}
    weights = np.array([8, 4, 2]) / 14
    assert described["evenness"][0] == pytest.approx(-(weights * np.log(weights)).sum() / np.log(3))
    # one-hot embeddings: every item's saliency is its weight times the same length
    assert described["tau"][0] == pytest.approx(kendalltau(weights, weights).statistic)
    assert np.isnan(described["evenness"][1])
    assert np.isnan(described["tau"][1])
    even = measured_attention(Handmade([1.0] * 5), cases)
    assert even["evenness"][1] == pytest.approx(1)
    assert np.isnan(even["tau"][1])


def test_variants_are_named_after_their_options_and_seeds_are_averaged():
    data = tiny_data([1, 2, 3, 4], [5, 6, 7, 8])
    sizes = {"hidden_size": 8, "inner_size": 8, "max_length": 6}
    torch.manual_seed(0)
    models = {
        "SASRec": build_model("SASRec", data, **sizes),
        "one": build_model("AC-SASRec", data, order=False, **sizes),
        "other": build_model("AC-SASRec", data, order=False, **sizes),
    }
    results = measure_in_memory(DIAGNOSTIC, models, data)
    frame, tables = results.frame.astype({"model": str}), DIAGNOSTIC.tables(results)
    assert tables["variants"]["variant"].tolist() == ["SASRec", "AC-SASRec order=False"]
    assert tables["variants"]["trained"].tolist() == [1, 2]
    table = tables["differences"].set_index("variant")
    mean = frame.groupby("model")["ndcg"].mean()
    expected = (mean["one"] + mean["other"]) / 2 - mean["SASRec"]
    assert table.loc["AC-SASRec order=False", "difference of NDCG@10"] == pytest.approx(
        expected, abs=1e-4
    )


def frame_of(**ndcg: float) -> pd.DataFrame:
    """A hundred users; the mean NDCG@10 of each variant as given."""
    noise = np.random.default_rng(0).normal(0, 0.05, (len(ndcg), 100))
    return pd.concat(
        pd.DataFrame(
            {"model": name, "user": np.arange(100), "length": 9, "rank": 3}
            | {"hit": 0.5, "ndcg": level + noise[k], "evenness": 0.9 - k / 10, "tau": 0.1}
        )
        for k, (name, level) in enumerate(ndcg.items())
    )


def test_the_sentences_say_what_was_detected_and_what_was_not():
    levels = {"SASRec": 0.2, "AC-SASRec": 0.4, "AC-SASRec-light": 0.1, "AC-SASRec order=False": 0.2}
    quality, even = DIAGNOSTIC.findings(results_of(frame_of(**levels)))
    assert "AC-SASRec (+0.19" in quality.split("a higher NDCG@10")[0]
    assert "AC-SASRec-light (\N{MINUS SIGN}0.1" in quality.split("a lower NDCG@10")[0]
    assert "no difference in NDCG@10 was detected for AC-SASRec order=False" in quality
    assert "n = 100 users, who would have shown 0.0" in quality
    assert "SASRec, whose attention of the prediction has an entropy of 0.900 [" in even
    assert "AC-SASRec (−0.1" in even.split("have more concentrated attention")[0]


def test_one_variant_of_several_is_no_finding_though_its_interval_leaves_out_0():
    frame = frame_of(**dict.fromkeys(["SASRec", "AC-SASRec", "AC-SASRec-light"], 0.2))
    values = frame.set_index("model")["ndcg"]
    noise = values["AC-SASRec-light"].to_numpy() - 0.2
    nearly = (noise - noise.mean()) / noise.std() * 0.1 + 0.022  # t = 2.2
    frame["ndcg"] = np.concatenate([values["SASRec"], values["AC-SASRec"], values["SASRec"]])
    frame.loc[frame["model"] == "AC-SASRec-light", "ndcg"] += nearly
    quality, _ = DIAGNOSTIC.findings(results_of(frame))
    assert "a higher NDCG@10" not in quality
    assert re.search(r"light \(\+0\.0220 \[\+.*, p 0\.034, 0\.68 corrected for 4 comp", quality)


def test_without_a_pair_it_says_so():
    assert "not compared" in DIAGNOSTIC.findings(results_of(frame_of(SASRec=0.2)))[0]


def test_where_too_few_users_changed_it_says_so():
    frame = frame_of(**{"SASRec": 0.2, "AC-SASRec": 0.2})
    frame["ndcg"] = np.where((frame["user"] < 3) & (frame["model"] == "SASRec"), 0.5, 0.0)
    assert DIAGNOSTIC.findings(results_of(frame))[0] == (
        "Against SASRec, paired by user: AC-SASRec: NDCG@10 changed for too few users to tell "
        "(3 of 100) (n = 100 users)."
    )
