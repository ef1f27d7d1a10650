import numpy as np
import pandas as pd
import pytest

from analyses.diagnostics.attention_worth import DIAGNOSTIC
from analyses.running.comparison import Comparison
from analyses.running.measuring import measure_in_memory
from analyses.running.results import Results, Rows
from tests.analyses.handmade import PARTS, Handmade, data_of, rank_by_hand, results_of


def test_metrics_are_those_of_ranks_computed_by_hand():
    data = data_of([1, 2, 3, 5], [2, 5], [4, 4, 1])
    models = {"SASRec": Handmade([8.0, 4, 2, 1, 16]), "SASRec-uniform": Handmade([1.0] * 5)}
    frame = measure_in_memory(DIAGNOSTIC, models, data, np.array([0, 1])).frame
    rows = frame.set_index(["model", "user"])
    for model, weights in (
        ("SASRec", {1: 8.0, 2: 4.0, 3: 2.0}),
        ("SASRec-uniform", {1: 1.0, 2: 1.0, 3: 1.0}),
    ):
        rank = rank_by_hand(weights, 5)
        assert rows.loc[(model, 0), "rank"] == rank
        assert rows.loc[(model, 0), "ndcg"] == pytest.approx(1 / np.log2(1 + rank))
        assert rows.loc[(model, 1), "rank"] == rank_by_hand({2: 1.0}, 5)
    assert set(frame["user"]) == {0, 1}


def worth(n=100, hits: float = 0.5, **levels: float) -> pd.DataFrame:
    """Mean NDCG@10 as given; `hits` is about the first model's Hit@10, the others' is 0.5."""
    generator = np.random.default_rng(0)
    return pd.concat(
        pd.DataFrame(
            {"model": model.replace("_", "-"), "user": np.arange(n), "length": 9, "rank": 3}
            | {"hit": 0.5 if k else hits + generator.normal(0, 0.05, n)}
            | {"ndcg": level + generator.normal(0, 0.05, n)}
        )
        for k, (model, level) in enumerate(levels.items())
    )


@pytest.mark.parametrize(
    ("level", "hits", "sentence"),
    [
        (0.4, 0.5, "SASRec has a higher NDCG@10 than SASRec-uniform"),
        (0.4, 0.5, "no difference was detected in Hit@10"),
        (0.2, 0.9, "SASRec has a higher Hit@10 than SASRec-uniform"),
        (0.2, 0.9, "no difference was detected in NDCG@10"),
        (0.4, 0.9, "SASRec has a higher Hit@10 and a higher NDCG@10 than"),
        (0.4, 0.1, "SASRec has a lower Hit@10 and a higher NDCG@10 than"),
        (0.0, 0.1, "so its weights explain nothing that helps"),
        (0.2, 0.5, "No difference was detected between SASRec and SASRec-uniform"),
    ],
)
def test_the_first_sentence_compares_learned_with_uniform(level, hits, sentence):
    frame = worth(hits=hits, SASRec=level, SASRec_uniform=0.2)
    first = DIAGNOSTIC.findings(results_of(frame))[0]
    assert sentence in first
    assert "n = 100 users" in first


def test_without_a_uniform_model_it_says_so():
    results = results_of(worth(SASRec=0.2, AC_SASRec=0.3))
    assert "not measured" in DIAGNOSTIC.findings(results)[0]


def test_where_too_few_users_changed_nothing_is_said_of_worth():
    frame = worth(n=200, SASRec=0.0, SASRec_uniform=0.0)
    hits = (frame["user"] < 2) & (frame["model"] == "SASRec")
    frame = frame.assign(hit=1.0 * hits, ndcg=0.5 * hits)
    results = results_of(frame)
    sentence, means = DIAGNOSTIC.findings(results)
    assert sentence == (
        "Whether SASRec ranks otherwise than SASRec-uniform, the same kind of model trained with "
        "its attention frozen to uniform: Hit@10 changed for too few users to tell (2 of 200), "
        "NDCG@10 changed for too few users to tell (2 of 200)."
    )
    assert "SASRec-uniform 0.0000 [for each of 200 users]" in means
    # where the other metric is decided, it is said which of the two changed for few
    ndcg = np.where(frame["model"] == "SASRec", 0.3 + 0.1 * (frame["user"] % 2), 0.0)
    sentence = DIAGNOSTIC.findings(results_of(frame.assign(ndcg=ndcg)))[0]
    assert "(paired difference: Hit@10 changed for too few users to tell (2 of 200), " in sentence
    table = DIAGNOSTIC.tables(results)["models"].set_index("model")
    assert table.loc["SASRec-uniform", "Hit@10 high"] == pytest.approx(0.0183, abs=1e-4)


def seeds(shift: float, n: int = 300) -> Results:
    """Three trainings of each model; those of one model are apart by about 0.02."""
    generator = np.random.default_rng(0)
    siblings = {m: [f"{m} seed {k}" for k in (1, 2)] for m in ("SASRec", "SASRec-uniform")}
    rows = []
    for model, level in (("SASRec", 0.2 + shift), ("SASRec-uniform", 0.2)):
        for training, apart in zip((model, *siblings[model]), (0.02, -0.02, 0.0), strict=True):
            up = level + (apart if model == "SASRec" else -apart)
            values = {m: up + generator.normal(0, 0.02, n) for m in ("hit", "ndcg")}
            rows.append(pd.DataFrame({"model": training, "user": range(n), **values}))
    parts = {name: PARTS[name] for name in siblings}
    return Results(Rows([pd.concat(rows, ignore_index=True)]), Comparison(parts, siblings))


@pytest.mark.parametrize("name", ["SASRec", "SASRec-uniform"])
def test_without_a_pair_it_is_not_said_which_of_the_two_is_lacking(name):
    results = seeds(0.0)
    alone = Results(results.rows.where(model=name), results.comparison.only([name]))
    assert DIAGNOSTIC.findings(alone) == [
        "What attention is worth was not measured: that takes a learned model and one of its kind "
        f"with uniform attention, and there is no such pair in {name}."
    ]


def test_a_difference_of_two_trainings_that_seeds_can_make_is_no_claim():
    results = seeds(0.0)
    first, levels = DIAGNOSTIC.findings(results)
    assert first.startswith("No difference was detected between SASRec and SASRec-uniform")
    assert "3 and 3 trainings, users and seeds in the interval" in first
    assert levels.count("in 3 trainings") == 2
    alone = Results(results.rows, Comparison(results.comparison.parts))
    first = DIAGNOSTIC.findings(alone)[0]
    assert "SASRec has a higher Hit@10 and a higher NDCG@10 than" in first  # on one seed
    assert "one training of each, so users and not seeds are in the interval" in first


def test_a_difference_beyond_seeds_is_claimed_on_the_mean_of_all():
    results = seeds(0.2)
    assert "SASRec has a higher Hit@10 and a higher NDCG@10 than" in DIAGNOSTIC.findings(results)[0]
    table = DIAGNOSTIC.tables(results)["differences"]
    assert table["trainings"].tolist() == ["3 and 3"]
    assert table["difference of NDCG@10"][0] == pytest.approx(0.2, abs=0.01)
    assert len(DIAGNOSTIC.tables(results)["models"]) == 6
