"""What is shown of one user as HTML that needs nothing from outside: a cell of a notebook, a file.

A browser that opens the file is told to ask for nothing (its content security policy), and all text
of data and models is escaped by `markup`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from workbench.data.sequences import SequenceData
from workbench.explore import maps, markup
from workbench.explore.history_table import history_frame, history_html
from workbench.explore.markup import lit, text_of
from workbench.explore.ranking_table import ranking_frame, ranking_html
from workbench.explore.shown import LAST, Shown
from workbench.explore.user_sentences import for_this_user, question, smallest_told
from workbench.faithfulness.counterfactual import SmallestChange
from workbench.phrases import counted
from workbench.writing import decimal

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
STYLE = f"""{markup.STYLE}{maps.STYLE}<style>
.aw-page {{ font-family: system-ui, sans-serif; line-height: 1.5; max-width: 75rem; margin: auto; }}
.aw-page h1 {{ font-size: 1.6rem; }} .aw-page h2 {{ font-size: 1.2rem; margin-bottom: .4rem; }}
.aw-page .c {{ display: grid; gap: 1.5rem; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); }}
.aw-page .c > * {{ min-width: 0; }}
.aw-page p {{ overflow-wrap: anywhere; }}
.aw-page pre {{ white-space: pre-wrap; overflow-wrap: anywhere; font-size: .8rem; }}
.aw-page button {{ cursor: default; pointer-events: none; }}
</style>"""


class Beside(NamedTuple):
    """What stands beside one model's numbers.

    Attributes
    ----------
    said : about the model, such as the verdict of a report; plain text.
    change : the smallest change of the history, where it was asked for.
    """

    said: str = ""
    change: SmallestChange | None = None


def strong(text: str) -> str:
    """Outside text in bold, as HTML."""
    return f"<b>{text_of(text)}</b>"


def body(
    data: SequenceData,
    user: int,
    shown: Sequence[Shown],
    helps: Mapping[str, str],
    *,
    held_out: bool,
    recommended: bool,
    beside: Mapping[str, Beside] | None = None,
    told: Sequence[str] = (),
    code: str = "",
) -> str:
    """The page without its frame.

    Parameters
    ----------
    data, user : the data as the models number items, and an index in them.
    shown : the models, in columns.
    helps : what the columns of the history mean, by heading.
    held_out : whether the user's last item follows the history, and is none of it.
    recommended : whether the targets are what the models rank first.
    beside : what else there is of each model, by label.
    told : of what all this was made, in lines of plain text.
    code : that makes it again.
    """
    beside = beside or {}
    n = int(data.lengths[user]) - held_out
    rows = history_frame(data, user, list(shown), held_out=held_out)
    follows = f", then {strong(data.title(int(data.history(user)[-1])))}" if held_out else ""
    targets = dict.fromkeys(data.title(one.inspection.target) for one in shown)
    parts = [
        f"<h1>{question(list(targets), strong, recommended=recommended)}</h1>",
        f"<p>User {strong(str(data.user_ids[user]))} of {text_of(data.name)}: "
        f"{counted(n, 'item')} of history{follows}.</p>",
        _columns(_answer(data, one, beside.get(one.label, Beside())) for one in shown),
        "<h2>History</h2>",
        history_html(rows, dict(helps)),
        "<h2>Top 10</h2>",
        _columns(_ranking(data, one, user, held_out) for one in shown),
    ]
    attentive = [one for one in shown if one.inspection.weights]
    if attentive:
        parts.append("<h2>Layers and heads</h2>")
        parts.append(_columns(_maps(data, one, n) for one in attentive))
    if code:
        parts.append(f"<h2>As code</h2><pre>{_lines(code)}</pre>")
    if told:
        parts.append("<h2>Made of</h2><p>" + "<br>".join(map(text_of, told)) + "</p>")
    positions = rows["", "#"].tolist()
    return f'{STYLE}<div class="aw-page">{"".join(parts)}{lit(positions, ".aw-page")}</div>'


def page(title: str, content: str) -> str:
    """`body` as a file that a browser opens, offline."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text_of(title)}</title></head><body>{content}</body></html>\n"
    )


def _columns(parts: Iterable[str]) -> str:
    return '<div class="c">' + "".join(f"<div>{part}</div>" for part in parts) + "</div>"


def _lines(code: str) -> str:
    return "\n".join(text_of(line) for line in code.split("\n"))


def _answer(data: SequenceData, shown: Shown, beside: Beside) -> str:
    inspection = shown.inspection
    titles = [data.title(int(item)) for item in inspection.items]
    said = [text_of(beside.said)] if beside.said else []
    if inspection.weights:
        said.append(for_this_user(shown, titles, strong))
    target = inspection.target
    said.append(
        f"{strong(data.title(target))} is {inspection.told(target)}, with a score of "
        f"{decimal(float(inspection.scores[target]))}."
    )
    if beside.change is not None:
        said.append(smallest_told(beside.change, data, inspection, strong))
    paragraphs = "".join(f"<p>{one}</p>" for one in said)
    return f"<h2>{text_of(shown.label)}</h2>{paragraphs}"


def _ranking(data: SequenceData, shown: Shown, user: int, held_out: bool) -> str:
    frame = ranking_frame(data, shown, user, held_out=held_out)
    return f"<p>{strong(shown.label)}</p>{ranking_html(frame, shown.label)}"


def _maps(data: SequenceData, shown: Shown, n: int) -> str:
    titles, first = shown.titles(data), n - len(shown.inspection.items) + 1
    view = shown.view
    weights = shown.inspection.weights[view.stage]
    return (
        f"<p>{strong(shown.label)}, opened: {text_of(view.name)}</p>"
        + maps.small_maps(weights, (view.layer, view.head), first)
        + maps.large_map(shown.matrix, titles, first, LAST, label=f"Attention of {shown.label}")
    )
