"""What the server does before the first visit."""

import subprocess
import sys

from tests.app.browser import ROOT

# seconds to import, each of them, and not needed by the first page
DEAR = ("altair", "captum", "matplotlib", "scipy.stats", "seaborn", "torch._dynamo")


def printed(program: str) -> list[str]:
    command = [sys.executable, "-c", f"import sys\n{program}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_the_first_page_imports_nothing_that_is_only_drawn_with():
    program = f"from workbench.app import main; print([n for n in {DEAR} if n in sys.modules])"
    assert printed(program) == ["[]"]


def test_what_pages_need_is_ready_and_not_looked_through_for_garbage():
    program = """
import gc
from app import getting_ready
from attention_workbench import LATER, NEEDED, get_ready
get_ready()
imported = set(sys.modules)
print(gc.isenabled(), gc.get_freeze_count() > len(gc.get_objects()))
print("workbench.app.links" in imported)  # pages can only be made during a visit
from workbench.app import main
print(sorted(n for n in set(sys.modules) - imported if not n.startswith(("workbench", "analyses"))))
"""
    assert printed(program) == ["True True", "False", "[]"]
