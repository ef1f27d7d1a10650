import io

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from analyses.report.page import images, readable, readable_width, slug


def test_an_estimate_and_its_ends_share_a_cell():
    table = pd.DataFrame(
        {"model": ["a"], "n users": [1943], "tau": [-0.25], "tau low": [-0.5], "tau high": [0.0]}
        | {"delta": [np.nan]}
    )
    header, rows = readable(table)
    assert header == ["model", "n users", "tau", "delta"]
    assert rows == [["a", "1,943", "−0.2500 [−0.5000, 0.0000]", "—"]]


def test_figures_are_the_same_bytes_every_time():
    def drawn():
        figure = Figure(figsize=(3, 2), layout="constrained")
        figure.subplots().plot([1, 2], label="a <b>")
        return images(figure)

    first, second = drawn(), drawn()
    assert first == second
    picture = Image.open(io.BytesIO(first[0]))
    assert picture.format == "PNG"
    assert readable_width(first[0]) == picture.width * 4 // 5
    assert first[1].lstrip().startswith(b"<?xml")


def test_a_name_of_a_file_has_no_slash_and_is_not_too_long():
    assert slug("max_attention_removal", "effect on NDCG@10") == (
        "max-attention-removal-effect-on-ndcg-at-10"
    )
    assert slug("stages of AC (runs/$$ x)") == "stages-of-ac-(runs-$$-x)"
    first, second = (slug("stages of", 400 * "\N{GRINNING FACE}", k) for k in "12")
    assert first != second
    assert len(first.encode()) <= 255
