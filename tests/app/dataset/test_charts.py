"""Charts of summaries: their scales hold every estimate, with or without an interval."""

import numpy as np
import pandas as pd
import pytest

from analyses.telling.summaries import Summary
from workbench.app.dataset.charts import charts

ROWS = {"panel": "p", "row": ["a", "b"], "series": "SASRec", "at": [0.0, 1.0], "n": 200}


def tops(tree) -> list[float]:
    """Where every scale of numbers of a chart ends."""
    if isinstance(tree, list):
        return [top for each in tree for top in tops(each)]
    if not isinstance(tree, dict):
        return []
    ends = [tree[key][-1] for key in ("domain",) if isinstance(tree.get(key), list)]
    ends += [tree["domainMax"]] if "domainMax" in tree else []
    ends = [top for top in ends if isinstance(top, float)]
    return ends + [top for each in tree.values() for top in tops(each)]


@pytest.mark.parametrize("kind", ["dots", "lines"])
@pytest.mark.parametrize("low", [[np.nan, np.nan], [np.nan, -0.1]])
def test_an_estimate_without_ends_is_within_the_scale(kind, low):
    ends = {"estimate": [0.5, 0.1], "low": low, "high": [-x * 2 for x in low]}
    summary = Summary(kind, "Title", "measure", ("SASRec",), pd.DataFrame(ROWS | ends), at="steps")
    ends = tops(charts(summary)["p"].spec)
    assert ends
    assert all(top >= 0.5 for top in ends)  # a NaN is not
