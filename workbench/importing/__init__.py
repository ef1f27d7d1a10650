"""Models that other software trained, opened without executing anything in their files."""

from workbench.importing.conversion import import_checkpoint
from workbench.importing.recognition import Recognized, Undecided, recognize

__all__ = ["Recognized", "Undecided", "import_checkpoint", "recognize"]
