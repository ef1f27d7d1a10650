"""What the browser does beside Streamlit.

One step of its history per action, columns of maps that light where a row is pointed at, and a last
word.
"""

from collections.abc import Iterable

import streamlit as st
from streamlit.navigation.page import Page

from workbench.explore.markup import lights

LOST = (
    "The server does not answer. Start the app again, or wait: this page goes on when it is back."
)
# shown some time after the connection is lost, so that a page that opens or reloads does not flash
STYLE = f"""
[data-testid=stApp]:not([data-test-connection-state=CONNECTED])::after {{
  content: "{LOST}"; position: fixed; inset: auto 0 0 0; z-index: 1000000; padding: .9rem 1.2rem;
  font: 600 1rem system-ui, sans-serif; color: #fff; background: #8c2f00; text-align: center;
  animation: lost 5s step-end; }}
@keyframes lost {{ from {{ visibility: hidden; }} to {{ visibility: visible; }} }}
.stApp [data-testid=stCaptionContainer] {{ opacity: .8; }}
.stApp [data-testid=stMultiSelectTagsContainer] :is(span, button),
.stApp [data-testid^=stBaseButton-primary]:enabled,
.stApp [data-testid^=stBaseButton-primary]:enabled * {{
  color: light-dark(#fff, #0e1117); }} /* on the theme's primary colour */
.st-key-pages {{ display: none; }}
@media (max-width: 767.98px) {{ .st-key-pages {{ display: flex; }} }}"""
# Streamlit changes the address several times where a click changes several of its parts: with a
# step for each, Back leads to what nobody has seen, such as one user with the edits of another. And
# it makes no step for what is chosen in a box.
SCRIPT = """
if (!window.oneStepPerAction) {
  window.oneStepPerAction = true;
  let acted = false;
  const push = history.pushState.bind(history), replace = history.replaceState.bind(history);
  const go = (state, title, url) => {
    const stays = url == null || new URL(url, location.href).href === location.href;
    (acted && !stays ? push : replace)(state, title, url);
    acted = acted && stays;
  };
  history.pushState = history.replaceState = go;
  for (const action of ["pointerdown", "keydown"])
    addEventListener(action, () => { acted = true; }, true);
  addEventListener("popstate", () => { acted = false; }, true);
}"""
# one rule, put there when it is needed; see `markup.lit`
LIGHTING = f"""
if (!window.lit) {{
  window.lit = document.head.appendChild(document.createElement("style"));
  addEventListener("pointerover", ({{ target }}) => {{
    const at = /\\bp(\\d+)/.exec(target.closest?.(".aw tr")?.className)?.[1];
    const rule = at ? `{lights("${at}")}` : "";
    if (lit.textContent !== rule) lit.textContent = rule;
  }});
}}"""


def name_pages(pages: Iterable[Page]) -> None:
    """Links to the pages where the window is too narrow for the bar at the top, which folds."""
    with st.container(horizontal=True, key="pages"):
        for page in pages:
            st.page_link(page, width="content")


def show() -> None:
    """Put style and script into the page; nothing of an address or a file is in them."""
    scripts = f"<script>{SCRIPT}{LIGHTING}</script>"
    st.html(f"<style>{STYLE}</style>{scripts}", unsafe_allow_javascript=True)
