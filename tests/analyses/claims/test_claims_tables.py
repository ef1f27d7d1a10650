"""Tables of the page, on users who are made up."""

import numpy as np
import pandas as pd

from analyses.claims.claims_tables import Findings, means
from analyses.claims.record import Record
from analyses.claims.study import Planned
from analyses.claims.user_table import ATTENTION
from workbench.training.variants import PLAIN


def findings(users):
    none = pd.DataFrame()
    planned = [Planned("made", PLAIN)]
    return Findings(planned, (), {}, {"made": users}, (), {}, none, Record(), 0, 0, (), "")


def test_no_interval_goes_beyond_what_can_be():
    frames = []
    for seed, count in enumerate((20, 2, 0, 0)):  # of 128 users, otherwise than all others
        few = (np.arange(128) < count).astype(float)
        values = {"recency names": 1 - few, "names": few, "tau": few - 1, "removal": -few}
        known = {"model": "SASRec", "seed": seed, "user": np.arange(128)}
        frames.append(pd.DataFrame(known | values))
    table = means(findings(pd.concat(frames, ignore_index=True)), ATTENTION)
    low, high = (
        {name: table.loc[0, f"{ATTENTION[name]} {end}"] for name in values}
        for end in ("low", "high")
    )
    assert (high["recency names"], low["names"], low["tau"]) == (1, 0, -1)
    assert low["recency names"] < 1 - 22 / 512 < 1
    assert low["removal"] < 0 < high["removal"]  # a change may have both signs
