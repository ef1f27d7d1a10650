"""What a report is about where nothing is named."""

from workbench.model_folders import shipped_names
from workbench.registry import NAMES

DEFAULT_DATA = "ml-100k"
SASREC = NAMES[:4]  # one backbone, within two minutes


def shipped() -> list[str]:
    """Names of SASRec's models that come with the workbench, in the order of `NAMES`."""
    return [name for name in SASREC if name in shipped_names()] or [NAMES[0]]
