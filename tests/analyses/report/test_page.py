import base64
import io
import re

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from analyses.report.folder import slug
from analyses.report.page import readable, readable_width, render
from analyses.telling.drawing import images
from tests.analyses.report.invented import report


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


def test_a_page_opens_with_the_verdict_and_folds_the_rest():
    page = render(report())
    places = [page.index(f'id="{part}"') for part in ("verdict", "short", "findings", "models")]
    assert places == sorted(places)
    assert page.index("must") < page.index('id="findings"')
    assert page.count('class="answer') == 2 * 6
    assert "By NDCG@10 &lt;used&gt; it is" in page
    finding = page.index("&lt;falls&gt;")
    assert finding < page.index("1 more finding, 1 picture and 1 table") < page.index("<figure")
    assert "arXiv 2308.09419" in page[: page.index("1 more finding")]
    assert "<old>" not in page
    assert page.count("Whether another seed says the same.") == 1


def test_what_a_page_links_to_is_on_it_wherever_it_lies():
    page = render(report())
    assert "docs/" not in page  # which is not where the page is
    links = re.findall(r'href="([^"]*)"', page)
    assert "#judged" in links
    for link in links:
        assert link.startswith("https://") or f'id="{link.removeprefix("#")}"' in page
    assert "finds at least 90 % of the causes" in page


def test_a_page_without_verdicts_begins_with_the_findings():
    page = render(report(verdicts=False, failing=True))
    assert 'id="verdict"' not in page
    assert 'id="short"' not in page
    assert page.index('id="findings"') < page.index("It failed.") < page.index("&lt;falls&gt;")


def test_a_picture_is_in_the_page_once():
    made = report()
    page = render(made)
    (picture,) = made.sections[0].pictures.values()
    assert page.count("<img") == 1
    assert page.count("data:image/svg+xml;base64,") == 1
    assert base64.b64encode(picture[1]).decode() in page
