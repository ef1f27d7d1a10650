"""The software whose checkpoints are opened: each has a file, and its name is listed here."""

from importlib import import_module

from workbench.importing.format import Format

NAMES = (
    "ac_tsr",
    "recbole_models",
    "s3_rec",
    "sasrec_pytorch",
    "gsasrec_pytorch",
    "rectools",
    "replay",
)  # a file is of the first one whose mark it bears
FORMATS: tuple[Format, ...] = tuple(import_module(f"{__name__}.{name}").FORMAT for name in NAMES)
