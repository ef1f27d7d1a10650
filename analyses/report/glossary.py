"""What the terms of the report mean, for a reader who does not work on recommenders."""

import re

from markupsafe import Markup, escape

from workbench.statistics.moments import FEWEST_NONZERO

PAPER = (
    "Attention Calibration for Transformer-based Sequential Recommendation (AC-TSR, CIKM 2023, "
    "arXiv 2308.09419). It reports that in plain models the largest attention weights often belong "
    "to items that do not matter: removing them hardly hurts the ranking, or improves it, and "
    "attention agrees little with gradients; and that calibrated models (AC) rank better, are hurt "
    "more by that removal, and agree more."
)
PAPER_ADDRESS = "https://arxiv.org/abs/2308.09419"
GLOSSARY = {
    "The paper": PAPER,
    "Sequential recommender": "A model that reads a user's items in order and scores every item of "
    "the catalogue as the next one.",
    "Held-out item": "The last item of a user's sequence; the models see everything before it and "
    "are asked for it (leave-one-out). Every item is ranked; items already seen are not removed.",
    "Recommended item": "The item that a model scores highest among those that the user has not "
    "had before. What moves it is what a reason is shown for.",
    "Hit@10": "1 if the held-out item is among a user's ten highest scored items, else 0; over "
    "users, the share of hits.",
    "NDCG@10": "1 / log2(rank + 1) if the held-out item is among the ten highest scored, else 0: "
    "1 for the first place, 0.63 for the second, 0.29 for the tenth.",
    "Change of Hit@10, change of NDCG@10": "A user's metric after an edit minus before; below 0, "
    "the edit hurt.",
    "Attention weight": "How much of one item's value enters another's new representation; a row's "
    "weights add up to 1.",
    "Prediction row": "The row of attention that belongs to the last item of the history, from "
    "which the next item is predicted.",
    "Layer, head": "Attention is computed several times one after the other (layers, counted from "
    "the input up) and side by side (heads).",
    "Uniform attention": "Every allowed item gets the same weight. SASRec-uniform was trained so.",
    "AC, calibration": "Attention calibration: a spatial calibrator adds the order and distance of "
    "items to the scores before the softmax; an adversarial calibrator learns a mask that "
    "leaves uncovered the weights whose perturbation hurts, and strengthens these. AC-SASRec has "
    "both, AC-SASRec-light the spatial one alone, AC-SASRec-light-positions that one and position "
    "embeddings, AC-SASRec-direct these two and attention that mixes the items' own states.",
    "Stages": "Where a calibrated model's weights are read: before spatial (plain scores), after "
    "spatial, mask (near 1 where the adversary leaves a weight as it is, near 0 where it puts "
    "noise), calibrated (corrected by it), attention "
    "(what finally multiplies the values).",
    "Entropy": "How evenly a row spreads its weight, in nats; at most log n over n items, which is "
    "uniform attention, and 0 when one item has it all.",
    "Taking an item away, replacement, masking": "The model runs again without an item of the "
    "history: with the mean embedding of the catalogue in its place (replacement), or with no row "
    "attending to it (masking). What the score loses is what it owed to the item.",
    "Removal of a weight, removal": "A weight of attention is set to 0, the rest of its row is "
    "scaled to add up to 1, and the whole model runs again. A row with a single allowed item keeps "
    "it, and one whose weights are all equal has no largest one.",
    "Control of a removal": "As much attention is taken from other items, in the same pattern over "
    "heads and layers, so that only where it is taken differs; where the others hold less than the "
    "largest, all they have.",
    "Importance": "A number for each item of a history that is to say how much the prediction owes "
    "to it: a weight of attention, a gradient, or the effect of taking the item away.",
    "Control, controls": "What knows nothing of how the model reads a history and yet may name the "
    "right items: recency, similarity and random.",
    "Recency, the latest items": "The later an item is in the history, the more important it is "
    "called.",
    "Similarity": "The more alike the embeddings of an item and of the recommended one are, the "
    "more important the item is called.",
    "Nats": "Units of the natural logarithm of a probability: one nat less is 2.7 times less "
    "likely.",
    "Weights shuffled": "The same model with its weights in random order: what it then still does "
    "was not learned.",
    "Planted data": "Sequences made by a rule, in which the item that caused each next one is "
    "known.",
    "Power": "How often a difference of such a size would have been detected on as many users.",
    "JSD": "Jensen-Shannon divergence between two score distributions (softmax over all items), in "
    "nats: 0 if equal, at most 0.693.",
    "Top-1 change": "The share of users whose highest scored item is another after the edit.",
    "Gradient importance, input x gradient, saliency, integrated gradients": "How much the score "
    "of an item would change with the embedding of each item of the history. Input x gradient: "
    "the sum of gradient times embedding. Saliency: length of the gradient. Integrated gradients: "
    "gradients gathered on the way from a zero embedding.",
    "Attention and norms held": "Of a gradient: attention weights, and the scales by which layers "
    "normalise, are taken for constants, so that what is left is what the items add by themselves.",
    "tau-b": "Kendall's rank correlation, corrected for ties: 1 if two orders are the same, 0 if "
    "unrelated, -1 if reversed. Undefined where one side is constant.",
    "Interval": "95 %, over users: of 100 crowds of such users about 95 give an interval with the "
    "mean over all such users in it. Of a mean: Student's t, corrected for skewness and for values "
    "that are mostly zero; of a share or a median: exact. Paired where the same users stand on "
    "both sides. It says nothing about training the models again. Where fewer than "
    f"{FEWEST_NONZERO} users have a value other than 0, a mean is given no interval: any would be "
    "far too narrow.",
    "Detected": "The difference stands among all that the report compares: its p value, corrected "
    "by Holm's method, is below the share of 5 % that its diagnostic has. An interval alone may "
    "leave out 0 by chance. 'Not detected' is not proof of no difference.",
}


def _meanings() -> dict[str, str]:
    """The meaning of each way to say a term, lower case."""
    return {
        part.strip().lower(): meaning
        for term, meaning in GLOSSARY.items()
        for part in term.split(",")
    }


_MEANINGS = _meanings()
_LONGEST_FIRST = sorted(map(re.escape, _MEANINGS), key=len, reverse=True)
# a name such as AC-SASRec is no term
_TERMS = re.compile(rf"(?<![\w-])(?:{'|'.join(_LONGEST_FIRST)})(?![\w-])", re.IGNORECASE)


def explained(text: str, known: set[str]) -> Markup:
    """Text as HTML, in which each term shows its meaning where it stands first.

    Parameters
    ----------
    text : plain text.
    known : meanings that are not explained again; those that are explained here are added.
    """
    made, end = Markup(), 0
    for match in _TERMS.finditer(text):
        meaning = _MEANINGS[match[0].lower()]
        if meaning not in known:
            known.add(meaning)
            made += escape(text[end : match.start()]) + _TERM.format(match[0], meaning)
            end = match.end()
    return made + escape(text[end:])


_TERM = Markup('<span class="term" tabindex="0">{}<span role="tooltip">{}</span></span>')
