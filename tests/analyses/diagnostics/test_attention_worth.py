import numpy as np
import pandas as pd
import pytest

from analyses.diagnostics.attention_worth import DIAGNOSTIC
from tests.analyses.handmade import Handmade, data_of, rank_by_hand


def test_metrics_are_those_of_ranks_computed_by_hand():
    data = data_of([1, 2, 3, 5], [2, 5], [4, 4, 1])
    models = {"SASRec": Handmade([8.0, 4, 2, 1, 16]), "SASRec-uniform": Handmade([1.0] * 5)}
    done: list[int] = []
    frame = DIAGNOSTIC.measure(models, data, users=np.array([0, 1]), seed=0, progress=done.append)
    assert sum(done) == 4
    found = frame.set_index(["model", "user"])
    for model, weights in (
        ("SASRec", {1: 8.0, 2: 4.0, 3: 2.0}),
        ("SASRec-uniform", {1: 1.0, 2: 1.0, 3: 1.0}),
    ):
        rank = rank_by_hand(weights, 5)
        assert found.loc[(model, 0), "rank"] == rank
        assert found.loc[(model, 0), "ndcg"] == pytest.approx(1 / np.log2(1 + rank))
        assert found.loc[(model, 1), "rank"] == rank_by_hand({2: 1.0}, 5)
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
    ("level", "hits", "told"),
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
def test_the_first_sentence_compares_learned_with_uniform(level, hits, told):
    sentence = DIAGNOSTIC.conclude(worth(hits=hits, SASRec=level, SASRec_uniform=0.2))[0]
    assert told in sentence
    assert "n = 100 users" in sentence


def test_without_a_uniform_model_it_says_so():
    assert "not measured" in DIAGNOSTIC.conclude(worth(SASRec=0.2, AC_SASRec=0.3))[0]


def test_where_too_few_users_changed_nothing_is_told_of_worth():
    frame = worth(n=200, SASRec=0.0, SASRec_uniform=0.0)
    hits = (frame["user"] < 2) & (frame["model"] == "SASRec")
    frame = frame.assign(hit=1.0 * hits, ndcg=0.5 * hits)
    sentence, means = DIAGNOSTIC.conclude(frame)
    assert sentence == (
        "Whether SASRec ranks otherwise than SASRec-uniform, the same kind of model trained with "
        "its attention frozen to uniform: Hit@10 too few users changed to tell (2 of 200), NDCG@10 "
        "too few users changed to tell (2 of 200)."
    )
    assert "SASRec-uniform 0.0000 [too few users to tell: 0 of 200 not 0]" in means
    table = DIAGNOSTIC.tables(frame)["models"].set_index("model")
    assert table.loc["SASRec-uniform", "Hit@10 high"] == pytest.approx(0.0183, abs=1e-4)
