"""Where the pages of a step go between steps, of training or of a report."""

import ctypes
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # malloc.h of the GNU C library


def keep_pages() -> None:
    """Let the C allocator keep what is freed, because the next step needs it again at once.

    By default it hands large blocks back to the system and gets them again page by page, which
    costs a tenth of a training step on a CPU, and a twentieth of a report. This has no effect
    without glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(M_TOP_PAD, 64 * 2**20)
