"""How the app writes numbers and outside text, and what it says about each measure."""

import math
import re
import string

from workbench.explore.history_table import COLUMNS
from workbench.explore.inspection import RowAgreement
from workbench.explore.ranks import Ranking
from workbench.faithfulness.agreement import SHORTEST
from workbench.phrases import MARK, counted
from workbench.writing import (  # noqa: F401, written as words.plain by the pages
    MINUS,
    PERCENT,
    ago,
    decimal,
    figure,
    numbers,
    plain,
)

ONE_USER = "One user shows what can happen, not what usually does."
DATA = (
    "A known name, planted data such as `planted:distance?noise=.3&users=500`, or the path of an "
    "interactions file or folder on this machine."
)
MODELS = (
    "Shipped models, those imported or trained in this app, or the path of a folder that "
    "`python -m workbench train` wrote."
)
IMPORTANCES = (
    "What stands beside attention in the history: controls, which know nothing of the model "
    "(random, recency, similarity); parts of attention; gradients; and the effect of taking an "
    "item away, by several meanings of away. The first one is compared with attention. Until you "
    "choose, what the verdict on each model says to show instead is among them."
)
VANISHES = (
    "{} is zero in this model (up to rounding): where the model normalises the embedding of every "
    "item first, its length has no effect. Choose another importance."
)
TAU = (
    "Kendall's rank correlation, corrected for ties, of attention and the first importance (its "
    "magnitude) over the history: 1 for the same order, 0 for unrelated ones, -1 for the reverse."
)
SCALE = (
    "Per panel: from 0 to the largest weight of the later half of its rows, because the weights "
    "of a row with few items are always large. Calibrated weights are close to each other, so "
    "that they all look the same from 0 to 1. Common: one end for all maps of both models, the "
    "largest of these."
)
ORDER = "How the rows are ordered: by time, or by a measure with its highest value first."
POSITION = COLUMNS["#"]
CAUSE = f"Green, and marked {MARK}in the maps: what caused the held-out item, as it was planted."
TARGET = (
    "The item whose score is explained: what the model ranks first, what the user really chose "
    "next, or any other."
)
HIDE_SEEN = (
    "Items of the whole history, also those too old for the model to read, are not recommended "
    "again: rankings leave them out. Off, all items are ranked, as `evaluate` does."
)
LISTS = (
    "Users worth looking at. Agreement: Kendall's tau-b of attention (mean of layers and heads) "
    "and saliency for the held-out item. Flip: another item comes first once the largest weight "
    "of the prediction row is removed in every layer and head; the user with the largest change "
    "of the scores is first. Items already seen are left out of these ranks, too, while **Hide "
    f"seen** is on. {ONE_USER}"
)
SAVED = (
    "A list of users under a name, such as those shown now. The address keeps it, and nothing "
    "else: a bookmark or a link has it, here and in **Whole data set**."
)
IDS = "Separated by lines, commas or blanks."
SLICES = (
    "Only some of the users measured: quarters by how often the held-out item occurs in the data, "
    "or by the items of the history; right where a model has the held-out item among its ten best "
    "of all items, those already seen included; "
    "categories of the held-out item, where the data tell them. Users who are alike share a "
    "quarter, so quarters may differ in size."
)
TOP_TEN = (
    "A click on an item explains it. Items already seen are left out while **Hide seen** is on. "
    "Scores are the model's own and have no unit: compare within one model."
)
EDITS = (
    "The edits, made one after the other. Positions count from 1, the oldest item, in the history "
    "after the edits before. The text can be typed, copied and shared."
)
MUTE = (
    "The prediction row gives the item no weight, and the others are renormalised; the item stays "
    "in the history."
)
LARGEST = (
    "The largest weight of the prediction row is removed in each head, and the others are "
    "renormalised. Press again to remove the next largest."
)
PLACE = (
    "Attention is edited at the prediction row, before it multiplies the values. The last weight "
    "of a row always stays."
)
WAS = "Its position before the edits."
MEAN_WEIGHT = (
    "Weight that the prediction row gives to the item, mean of layers and heads. The bars of each "
    "column have a scale of their own."
)
WHAT_IF = (
    "The model predicts again from what the edits left. A large change shows that the prediction "
    "depends on what was edited; it does not show that attention explains it. Removing weights "
    "can leave the model with inputs that it never saw in training. If a history is longer than "
    "the model can read, removing an item makes room for an older one. *Inspect* takes an item "
    "away by putting the mean of all item embeddings in its place; here it is gone and later ones "
    "move up, so that the numbers differ."
)
NO_EDITS = "Nothing is edited yet: choose an item and an edit, or edit the attention."
CHOOSE = "A click on an item chooses it for the next edit; the chosen one is in bold."
FOLLOW = "A click on an item follows it as target, which buttons put in the history."
DIVERGENCE = (
    "Jensen-Shannon divergence of the softmax of all scores before and after, in nats: 0 if "
    "nothing changed, 0.69 at most."
)
MAPS = (
    "Each row is an item that attends to itself and to the items before it (in BERT4Rec, to all "
    "items). The prediction is made from the framed last row (in BERT4Rec, the row of the mask "
    "token after the history). Attention is not allowed in blank cells. A bright cell shows where "
    "a weight went, not what caused the recommendation."
)
NO_DIFFERENCE = (
    "One of the models predicts at a token after the history and the other at the last item, so "
    "that their rows and columns do not stand for the same items."
)
TIES = (
    "Share of a user's neighbouring interactions that have the same time; they stay in the order "
    "of the file. If the share is high, the order in a history means little."
)
NUMBERING = (
    "How its items got their numbers. RecBole and AC-TSR number them by first appearance in the "
    "interactions file; the S3-Rec family, SASRec.pytorch and gSASRec use the ids in it; RePlay "
    "numbers them in the order of their ids; RecTools keeps the ids themselves."
)
IMPORT = (
    "Puts the items of the model in the order of the data, measures the model's quality on these "
    "data, and writes it to a new folder. A model that ranks no better than chance is refused, "
    "because its items are then not the items of these data."
)
KINDS = (
    "Learned attention, frozen to uniform (-uniform), calibrated (AC-), calibrated by the spatial "
    "calibrator alone (-light), by that with positions embedded beside it (-light-positions), or "
    "so with attention that mixes the items' own states (-direct). Two at once, for comparison."
)
MODEL_NAME = "Models are called by their kind and this name, under Models on every page."
RECIPE = (
    "Options of the model and of its training that belong together. tuned: by which SASRec ranks "
    "as well as the best of its kind on Amazon Beauty; paper: the AC-TSR paper's, slower. Left "
    "empty, sizes are RecBole's, which suit small data."
)
EPOCHS = (
    "Passes over the data; left empty, 100, or as many as the recipe has. Training stops earlier "
    "after some without a better validation NDCG@10. It goes on while you use other pages."
)
CAUTION = "This is agreement, not faithfulness: two explanations can agree and both mislead."

APART = "\N{WORD JOINER}"
# the beginnings of what Markdown replaces in text: :x:, http://, www., a@b, -- and arrows
MADE_UP = re.compile(r":(?=\S)|@(?=\S)|www(?=\.)|[-<>~](?=[-=>])", re.IGNORECASE)
NO_BREAK = "\N{NO-BREAK SPACE}"


def literal(text: str) -> str:
    """Outside text as `plain` writes it, for places with Markdown, which leaves it unchanged.

    Bare addresses, shortcodes of icons and emoji, and arrows are replaced after Markdown has been
    read. A backslash does not prevent that; a character without width does.
    """
    apart = MADE_UP.sub(lambda match: match[0] + APART, plain(text))
    indent = len(apart) - len(apart.lstrip(" "))  # otherwise it may become a block of code
    return NO_BREAK * indent + "".join(
        f"\\{c}" if c in string.punctuation else c for c in apart[indent:]
    )


def typed(text: object) -> str:
    """What was typed, or copied from a page, without what `literal` put between its characters."""
    return str(text or "").replace(APART, "")


def strong(text: str) -> str:
    """Outside text in bold, for places with Markdown."""
    return f"**{literal(text)}**"


def rank(place: int | None) -> str:
    """A rank as `Ranking.place` gives it."""
    return "none" if place is None else f"{place:,}"


def target(item: int, title: str, ranking: Ranking) -> str:
    """The title of an item, and that it is not ranked, where it is not."""
    told = f", {ranking.told(item)}" if item in ranking.hidden else ""
    return f"{literal(title)}{told}"


def agreement(row: RowAgreement, method: str) -> str:
    """What a tau-b of attention and another importance means, in a sentence."""
    if math.isnan(row.tau):
        if row.n < SHORTEST:
            few = counted(row.n, "item")
            return f"No tau-b: a history of {few} is too short; {SHORTEST} are needed."
        return "No tau-b: all weights or all importances are equal, so that there is no order."
    share = (1 + row.tau) / 2  # concordant, among the pairs tied in neither
    chance = "less than 1" if row.p_value < 0.01 else f"{100 * row.p_value:.0f}"
    return (
        f"Attention and the size of what {method} gives, whatever its sign, put about "
        f"{100 * share:.0f}{PERCENT} of all pairs of items in the same order; random orders are as "
        f"far from 50{PERCENT} in {chance}"
        f"{PERCENT} of cases. {CAUTION}"
    )
