"""Models other software trained, opened without executing anything in their files."""

from workbench.importing.conversion import import_checkpoint
from workbench.importing.recognition import Recognized, recognize

__all__ = ["Recognized", "import_checkpoint", "recognize"]
