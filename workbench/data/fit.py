"""Whether a model and data belong together: asked here, wherever the two meet."""

from workbench.data.sequences import SequenceData
from workbench.errors import WorkbenchError
from workbench.model import Model


def check_fit(model: Model, data: SequenceData, name: str | None = None) -> str | None:
    """A warning in one sentence where a model may not have learned from these data, else None.

    To a model an item is a number, and other data of equally many items may number them otherwise;
    the card of a model tells the checksum of the data it learned from. An empty card is that of a
    model made by hand (built and not yet trained, or adapted), whose maker is not warned; with
    `model.card = {"data": {"checksum": data.checksum}}` an adapted one is questioned as well.

    name: what to call the model, by default as its configuration does. Raises WorkbenchError where
    the catalogue is of another size, or the model needs times that the data have not.
    """
    name = name or model.config.name
    if model.config.n_items != data.n_items:
        raise WorkbenchError(
            f"{name} knows {model.config.n_items:,} items and {data.name} has {data.n_items:,}; "
            "give the data it was trained on, or a model trained on these "
            "(python -m workbench train)."
        )
    if data.times is None and model.needs_times:
        raise WorkbenchError(
            f"{name} needs the time of every item, and {data.name} has no times; give data with a "
            "time column, or choose another model."
        )
    card = model.card
    learned = card.get("data")
    checksum = learned.get("checksum") if isinstance(learned, dict) else None
    if not card or checksum == data.checksum:
        return None
    if checksum is None:
        return (
            f"which data {name} learned from is not known (its card holds no checksum): where "
            f"{data.name} numbers items otherwise, no result means anything; import the model "
            "together with its data, or train it here."
        )
    return (
        f"{name} learned from other data than {data.name} (the checksums differ): where items are "
        "numbered otherwise, no result means anything; give the data it was trained on."
    )
