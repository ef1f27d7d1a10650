"""How the app words numbers, and what it says of each measure."""

import math
import re
import string
import unicodedata
from collections.abc import Callable, Iterable

from workbench.explore.inspection import RowAgreement
from workbench.faithfulness.agreement import SHORTEST

ATTENTION = (
    "Weight the prediction row gives to the item, in the stage, layer and head chosen for the "
    "model. It says where a weight went, not what caused the recommendation."
)
GRADIENT = (
    "How much the target's score leans on the item's embedding, to first order, with attention "
    "held constant. Saliency is the length of the gradient; input x gradient is its product with "
    "the embedding, without sign. No unit: compare within one model."
)
VANISHES = (
    "Input x gradient vanishes in this model by construction: it normalises every item's embedding "
    "first, so that its length has no effect. Choose saliency."
)
LEAVE_ONE_OUT = (
    "The target's score with the whole history minus the score without this item: positive means "
    "that the item raises it. The model runs again without the item; two items that stand in for "
    "each other can both seem to matter little."
)
TAU = (
    "Kendall's rank correlation, corrected for ties, of attention and gradient importance over the "
    "history: 1 for the same order, 0 for unrelated ones, -1 for the reverse."
)
SCALE = (
    "Per panel: from 0 to the largest weight of the later half of its rows, since a row with few "
    "items to look at has large weights by necessity. Calibrated weights are close to each other, "
    "so that they look flat from 0 to 1."
)
ORDER = "By what the rows are ordered: time, or the highest of a measure first."
POSITION = "Position in the history, from 1, the oldest item."
AGO = "Time from the item to the held-out one."
TARGET = (
    "The item whose score is explained: what the user really chose next, what the model ranks "
    "first, or any other."
)
LISTS = (
    "Users worth looking at. Agreement: Kendall's tau-b of attention (mean of layers and heads) "
    "and saliency for the held-out item. Flip: another item comes first once the largest weight "
    "of the prediction row is removed in every layer and head; the greatest change of the scores "
    "first. One user shows what can happen, not what usually does."
)
TOP_TEN = (
    "Every item is ranked; items already seen are not removed. Scores are the model's own, without "
    "unit: compare within one model."
)
EDITS = (
    "What is changed, one after the other; positions count from 1, the oldest item, in the history "
    "as the edits before have left it. It can be typed, copied and shared."
)
MUTE = (
    "The prediction row gives the item no weight, and the others are renormalised; the item stays "
    "in the history."
)
LARGEST = (
    "The largest weight of the prediction row is removed in each head, and the others are "
    "renormalised; once more removes the next."
)
PLACE = (
    "Attention is edited at the prediction row, before it multiplies the values. The last weight "
    "of a row always stays."
)
WAS = "Its position before the edits."
MEAN_WEIGHT = (
    "Weight the prediction row gives to the item, mean of layers and heads; two columns share no "
    "scale of bars."
)
WHAT_IF = (
    "The whole model runs again on the edited history. A large move says that the prediction "
    "depends on what was edited; it does not say that attention explains it. Removing weights can "
    "leave the model with inputs it never learned from. Where a history is longer than the model "
    "sees, an item removed lets an older one in."
)
NO_EDITS = "Nothing is edited yet: choose an item and what becomes of it, or edit the attention."
DIVERGENCE = (
    "Jensen-Shannon divergence of the softmax of all scores before and after, in nats: 0 where "
    "nothing changed, 0.69 at most."
)
MAPS = (
    "Each row is an item looking at itself and at those before it, in BERT4Rec at all of them; the "
    "prediction is made from the framed last row, in BERT4Rec that of the mask token after the "
    "history. Blank cells are not allowed to be looked at. A bright cell is where a weight went, "
    "not what caused the recommendation."
)
MASK = "[mask]"
TIES = (
    "Share of a user's neighbouring interactions that carry the same time; these keep the order of "
    "the file. Where it is high, the order in a history means little."
)
NUMBERING = (
    "How its items got their numbers. RecBole and AC-TSR number them by first appearance in the "
    "interactions file; the S3-Rec family takes the ids in it."
)
IMPORT = (
    "Puts the items of the model in the order of the data, measures its quality on them, and "
    "writes it to a folder of its own. It is refused where it is at chance level, since its items "
    "are then not these."
)
CAUTION = "This is agreement, not faithfulness: two explanations can agree and both mislead."

UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # controls, directions, halves of a pair, line ends
JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"  # of scripts and of emoji
APART = "\N{WORD JOINER}"
# followed by the rest of what Markdown finds in text: :x:, http://, www., a@b, -- and arrows
MADE_UP = re.compile(r":(?=\S)|@(?=\S)|www(?=\.)|[-<>~](?=[-=>])", re.IGNORECASE)
NO_BREAK = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
PERCENT = "\N{NO-BREAK SPACE}%"
SPANS = (("y", 365.25 * 86400), ("mo", 30.44 * 86400), ("d", 86400.0), ("h", 3600.0), ("min", 60.0))


def ago(seconds: float) -> str:
    """`3 d`, `5 min`: a span in the largest unit that fits."""
    if math.isnan(seconds):
        return ""
    for unit, size in SPANS:
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def numbers(values: Iterable[float], *, sign: bool = False) -> Callable[[float], str]:
    """How to write numbers of one column: three digits of the largest, a true minus, no -0."""
    largest = max((abs(v) for v in values if not math.isnan(v)), default=0.0)
    digits = min(max(2 - math.floor(math.log10(largest or 1.0)), 0), 9)

    def write(value: float) -> str:
        if math.isnan(value):
            return ""
        text = f"{value:{'+' if sign else ''}.{digits}f}"
        return f"{0:.{digits}f}" if float(text) == 0 else text.replace("-", MINUS)

    return write


def decimal(value: float, *, sign: bool = False) -> str:
    """A number with two decimals, a true minus; nothing for NaN."""
    return numbers([1.0], sign=sign)(value)


def cut(title: str, width: int) -> str:
    """A title of at most `width` characters."""
    return title if len(title) <= width else title[: width - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def plain(text: str) -> str:
    """Text of a file, an address or a card, where no Markdown is read: one line, as it is written.

    Characters that are not seen, or turn the direction of others, are written as their escapes
    (`\\n`, `\\u202e`); all that shows outside text goes through here or through `literal`.
    """
    return "".join(
        c.encode("unicode_escape").decode()
        if unicodedata.category(c) in UNSEEN and c not in JOINERS
        else c
        for c in text
    )


def literal(text: str) -> str:
    """`plain` text that Markdown leaves as it is.

    What is found in the text after Markdown was read (bare addresses, shortcodes of icons and
    emoji, arrows) is not stopped by a backslash but by a character without width.
    """
    apart = MADE_UP.sub(lambda match: match[0] + APART, plain(text))
    indent = len(apart) - len(apart.lstrip(" "))  # else it might be a block of code
    return NO_BREAK * indent + "".join(
        f"\\{c}" if c in string.punctuation else c for c in apart[indent:]
    )


def agreement(found: RowAgreement) -> str:
    """What a tau-b means, in words."""
    if math.isnan(found.tau):
        if found.n < SHORTEST:
            return f"No tau-b: a history of {found.n} is too short to rank, {SHORTEST} are needed."
        return "No tau-b: all weights, or all importances, are equal, so there is no order."
    share = (1 + found.tau) / 2  # concordant, among the pairs tied in neither
    chance = "less than 1" if found.p_value < 0.01 else f"{100 * found.p_value:.0f}"
    return (
        f"Attention and gradient importance put about {100 * share:.0f}{PERCENT} of all pairs of "
        f"items in the same order; orders drawn by chance come as far from 50{PERCENT} in {chance}"
        f"{PERCENT} of cases. {CAUTION}"
    )
