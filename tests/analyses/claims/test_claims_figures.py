"""What the figures of the study say above them."""

import pandas as pd

from analyses.claims.claims_figures import figures


def test_planted_trainings_are_told_of_however_few_they_are():
    planted = pd.DataFrame(
        {
            "model": ["A", "A", "B", "B"],
            "hit@1": [0.62, 0.64, 0.3, 0.36],
            "best possible": [0.64] * 4,
        }
    )
    seen = figures([], planted)["planted"].seen
    assert seen == "Highest: A (0.630); lowest: B (0.330); best possible: 0.640"
    assert not figures([], pd.DataFrame())
