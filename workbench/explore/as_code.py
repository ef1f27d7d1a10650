"""The lines of Python that make what a page shows."""

from collections.abc import Sequence

from workbench.explore.shown import View


def code(
    source: str,
    models: Sequence[str],
    user: str,
    item: str | None,
    methods: Sequence[str],
    views: Sequence[View],
    *,
    hide_seen: bool,
) -> str:
    """A program that explains the held-out case of a user by `explain_user`.

    Parameters
    ----------
    source : of the data, as in `load_data`.
    models : their sources, as in `load_model`.
    user, item, methods, hide_seen : as in `explain_user`.
    views : the weights shown of each model.
    """
    usual = View("attention")
    needs_view = any(view != usual for view in views)
    given = [f"    {user!r},", *([] if item is None else [f"    item={item!r},"])]
    given += [f"    methods={list(methods)!r},", "    held_out=True,"]
    given += [] if hide_seen else ["    hide_seen=False,"]
    lines = [
        f"from workbench import {'View, ' * needs_view}explain_user, load_data, load_model",
        "",
        f"data = load_data({source!r})",
    ]
    for number, (model, view) in enumerate(zip(models, views, strict=True), 1):
        seen = [] if view == usual else [f"    view={view!r},"]
        name = "explanation" if len(models) == 1 else f"explanation_{number}"
        lines += [f"{name} = explain_user(", f"    load_model({model!r}),", "    data,"]
        lines += [*given, *seen, ")"]
    last = "explanation" if len(models) == 1 else "explanation_1"
    lines += [f"print({last}.columns, {last}.inspection.top(10))  # a notebook shows the object"]
    return "\n".join([*lines, ""])
