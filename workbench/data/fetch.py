"""MovieLens 100k at first use: from GroupLens, else out of RecBole's wheel; checked and cached."""

import hashlib
import http.client
import io
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from workbench.data.readers.movielens import flagged
from workbench.data.readers.text import with_year
from workbench.errors import WorkbenchError
from workbench.files import expanded, replaced_folder

OFFICIAL = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
WHEEL = "recbole==1.2.1"
IN_WHEEL = "recbole/dataset_example/ml-100k/ml-100k"
HEADER = b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
# of u.data as GroupLens publishes it; the .inter file of the wheel is HEADER and the same bytes
ROWS_SHA256 = "06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490"
CACHE_VARIABLE = "ATTENTION_WORKBENCH_CACHE"
WINDOW = 4.0  # seconds in which a download has to bring PROGRESS bytes, connecting included
PROGRESS = 100_000
LARGEST = 50_000_000
BLOCKED = 9.0  # seconds both attempts may take together where nothing answers
FAILURES = (
    *(OSError, ValueError, KeyError, http.client.HTTPException),
    *(zipfile.BadZipFile, subprocess.SubprocessError),
)


class DataUnavailable(WorkbenchError):
    """The data can be had neither from the cache nor from the network."""


def cache_folder() -> Path:
    """`~/.cache/attention-workbench`, or $ATTENTION_WORKBENCH_CACHE."""
    return expanded(os.environ.get(CACHE_VARIABLE) or "~/.cache/attention-workbench")


def fetch_ml_100k() -> Path:
    """Folder with `ml-100k.inter` and `ml-100k.item`, fetched once and verified every time.

    It is kept in `cache_folder()`. A network that does not answer costs at most ten seconds. Both
    sources (GroupLens, and RecBole's wheel) give the same bytes of interactions.

    Raises
    ------
    DataUnavailable
        If neither source can be reached, or the cache cannot be used.
    """
    cache = cache_folder()
    folder = cache / "ml-100k"
    try:
        if _intact(folder):
            return folder
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _no_cache(folder, error) from error
    started = time.monotonic()
    reasons = []
    for source, attempt in ((OFFICIAL, _from_grouplens), (f"the wheel {WHEEL}", _from_wheel)):
        try:
            inter, item = attempt(started + BLOCKED)
            if not _is_genuine(inter):
                raise ValueError("the interactions are not those published (checksum)")
        except FAILURES as error:
            reasons.append(f"{source}: {_reason(error)}")
            continue
        try:
            _store(folder, inter, item)
        except OSError as error:
            raise _no_cache(folder, error) from error
        return folder
    raise DataUnavailable(
        f"MovieLens 100k could not be fetched ({'; '.join(reasons)}); connect to the network once, "
        f"or put RecBole's ml-100k.inter into {folder}."
    )


def _from_grouplens(_deadline: float) -> tuple[bytes, bytes]:
    with zipfile.ZipFile(io.BytesIO(_download(OFFICIAL))) as archive:
        rows = archive.read("ml-100k/u.data")
        items = archive.read("ml-100k/u.item").decode("latin-1")
    lines = (line.split("|") for line in items.splitlines() if "|" in line)
    return HEADER + rows, _item_file((line[0], line[1], flagged(line)) for line in lines)


def _download(url: str) -> bytes:
    """A file's bytes; given up when a WINDOW passes without PROGRESS.

    It runs in a thread, because neither name resolution nor a slow stream obeys a socket's timeout.
    """
    received = bytearray()
    failure: list[Exception] = []

    def work() -> None:
        try:
            with urllib.request.urlopen(url, timeout=WINDOW) as reply:
                while len(received) <= LARGEST and (chunk := reply.read1(1 << 16)):
                    received.extend(chunk)
        except Exception as error:  # handed to the caller, whatever it is
            failure.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    before = 0
    while True:
        thread.join(WINDOW)
        if not thread.is_alive():
            break
        if len(received) - before < PROGRESS:
            raise TimeoutError("no answer" if not received else "too slow")
        before = len(received)
    if failure:
        raise failure[0]
    return bytes(received)


def _from_wheel(deadline: float) -> tuple[bytes, bytes]:
    with tempfile.TemporaryDirectory() as temporary:
        command = [
            *(sys.executable, "-m", "pip", "download", WHEEL, "--no-deps", "--only-binary=:all:"),
            *("--quiet", "--disable-pip-version-check", "--no-input"),
            *("--retries", "0", "--timeout", "3.5", "--dest", temporary),
        ]
        subprocess.run(
            command,
            check=True,
            timeout=max(deadline - time.monotonic(), 1.0),
            capture_output=True,
            stdin=subprocess.DEVNULL,
        )
        (wheel,) = Path(temporary).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            rows = archive.read(f"{IN_WHEEL}.inter")
            items = archive.read(f"{IN_WHEEL}.item").decode()
    # here the year has a column of its own, and one title is misspelt
    lines = (line.split("\t") for line in items.splitlines()[1:])
    described = (
        (i, with_year(title.replace("unkonwn", "unknown"), year), genres.split())
        for i, title, year, genres in lines
    )
    return rows, _item_file(described)


def _item_file(items: Iterable[tuple[str, str, Sequence[str]]]) -> bytes:
    """Ids, titles and genres as RecBole's file of items."""
    lines = (f"{item}\t{title}\t{', '.join(genres)}" for item, title, genres in items)
    head = "item_id:token\ttitle:token_seq\tgenres:token_seq"
    return "\n".join([head, *lines, ""]).encode()


def _is_genuine(inter: bytes) -> bool:
    rows = inter.removeprefix(HEADER)
    return len(rows) < len(inter) and hashlib.sha256(rows).hexdigest() == ROWS_SHA256


def _intact(folder: Path) -> bool:
    file = folder / "ml-100k.inter"
    return file.exists() and _is_genuine(file.read_bytes())


def _store(folder: Path, inter: bytes, item: bytes) -> None:
    """Put both files in place at once; another process may be doing the same."""
    try:
        with replaced_folder(folder) as fresh:
            (fresh / "ml-100k.inter").write_bytes(inter)
            (fresh / "ml-100k.item").write_bytes(item)
    except OSError:
        if not _intact(folder):
            raise


def _no_cache(folder: Path, error: OSError) -> DataUnavailable:
    return DataUnavailable(
        f"{folder} cannot be used ({_reason(error)}); set {CACHE_VARIABLE} to a folder that can."
    )


def _reason(error: BaseException) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return "no answer"
    if isinstance(error, subprocess.CalledProcessError):
        lines = error.stderr.decode(errors="replace").strip().splitlines()
        return lines[-1].removeprefix("ERROR: ")[:200] if lines else "pip failed"
    if isinstance(error, urllib.error.URLError):
        return str(error.reason)
    return str(error) or type(error).__name__
