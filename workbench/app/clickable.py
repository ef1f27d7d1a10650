"""HTML whose parts can be clicked, without another session for it as a link would need."""

from collections.abc import Callable

import streamlit as st

# what is shown was escaped by `workbench.explore.markup`
JS = """export default function ({ parentElement, data, setTriggerValue }) {
  const place = parentElement.querySelector('.aw-clickable');
  if (place.made !== data) {
    place.innerHTML = data;
    place.made = data;
  }
  place.onclick = (event) => {
    const picked = event.target.closest('[data-pick]');
    if (picked) setTriggerValue('picked', picked.dataset.pick);
  };
}"""
_component = st.components.v2.component(
    "attention_workbench_clickable",
    html='<div class="aw-clickable"></div>',
    js=JS,
    isolate_styles=False,  # the page's styles are for it, too
)


def show_as_it_is(html: str, key: str) -> None:
    """Show HTML of `maps` that is large: `st.html` would have each part of it examined again.

    Parameters
    ----------
    html, key : as in `show_clickable`.
    """
    _component(key=key, data=html, height="content")


def show_clickable(html: str, key: str, take: Callable[[str], object]) -> None:
    """Show HTML of `markup` or `maps`; `take` gets the `data-pick` of what is clicked.

    Parameters
    ----------
    html : what is shown, escaped.
    key : under which the session keeps the element.
    take : called before the page runs again.
    """

    def picked() -> None:
        value = st.session_state[key].picked
        if value is not None:
            take(str(value))

    _component(key=key, data=html, on_picked_change=picked, height="content")
