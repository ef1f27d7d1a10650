from html.parser import HTMLParser

import torch

from analyses.report.glossary import GLOSSARY, PAPER, explained
from models.calibration import AdversarialCalibrator


def terms(text: str, known: set[str] | None = None) -> list[str]:
    """The words that show a meaning."""

    class Reader(HTMLParser):
        found: list[str]
        inside = False

        def handle_starttag(self, tag, attrs):
            self.inside = ("class", "term") in attrs

        def handle_data(self, data):
            if self.inside:
                self.found.append(data)

    reader = Reader()
    reader.found = []
    reader.feed(explained(text, set() if known is None else known))
    return reader.found


def test_a_term_is_explained_where_it_stands_first():
    known: set[str] = set()
    text = "NDCG@10 and then ndcg@10; as the paper says, Hit@10."
    assert terms(text, known) == ["NDCG@10", "the paper", "Hit@10"]
    assert terms(text, known) == []
    assert known == {GLOSSARY["NDCG@10"], PAPER, GLOSSARY["Hit@10"]}


def test_names_are_no_terms_and_longer_terms_go_first():
    assert terms("AC-SASRec layers") == []
    assert terms("change of NDCG@10") == ["change of NDCG@10"]


def test_text_is_no_markup():
    assert explained("<b> & NDCG@10", set()).startswith("&lt;b&gt; &amp; <span")
    assert explained("<i>", set()) == "&lt;i&gt;"


def test_a_mask_is_near_one_where_noise_is_kept_out():
    weights, noise = torch.tensor([[[[0.7, 0.2, 0.1]]]]), torch.tensor([[[[0.0, 5.0, 9.0]]]])
    allowed, mask = torch.ones(1, 1, 1, 3, dtype=torch.bool), torch.ones_like(weights)
    left = AdversarialCalibrator.perturbed(weights, mask, allowed, noise)
    torch.testing.assert_close(left, weights.softmax(-1))
    assert "near 1 where the adversary leaves a weight as it is" in GLOSSARY["Stages"]
