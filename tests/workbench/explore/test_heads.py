"""The table of heads, against SciPy and a single pass for each row."""

import numpy as np
import pytest
from scipy.stats import entropy, kendalltau

from tests.workbench.explore.cases import case_of, small_data, small_model
from workbench import explain, inspect_case, record_attention
from workbench.explore.heads import head_table


@pytest.mark.parametrize("name", ["SASRec", "AC-SASRec", "BERT4Rec"])
def test_each_row_is_what_its_head_does(name):
    data = small_data()
    model = small_model(name, data)
    case = case_of(model, data, 3)
    inspection = inspect_case(model, case, "top", methods=["replacement"])
    table = head_table(inspection)
    n = int(case.lengths[0])
    weights = record_attention(model, case)["attention"][0, ..., :n].numpy()
    effects = explain(model, case, case.items.new_tensor([inspection.target]))[0].numpy()
    assert table[["layer", "head"]].to_numpy().tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]
    for row in table.itertuples():
        given = weights[row.layer - 1, row.head - 1]
        assert row.entropy == pytest.approx(entropy(given) / np.log(n), rel=1e-5)
        back = n - 1 - np.arange(n)
        assert row.distance == pytest.approx((given * back).sum() / given.sum(), rel=1e-5)
        assert row.tau == pytest.approx(kendalltau(given, effects).statistic, abs=1e-6)
        assert (row.top, row.weight) == (given.argmax(), pytest.approx(given.max(), rel=1e-5))
