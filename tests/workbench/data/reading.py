"""What tests of reading share: small files, histories as written, and remedies carried out."""

import gzip
import re

import pytest

from workbench.data import load_data
from workbench.errors import WorkbenchError


def write(path, text, encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text.encode(encoding)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def write_frame(path, frame):
    """A table in the format that its ending names."""
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_parquet(path)
    return path


def tokens(data):
    """user -> items as written, oldest first."""
    return {
        user: data.item_ids[data.history(number)].tolist()
        for number, user in enumerate(data.user_ids)
    }


def refused(source, **options):
    """The sentence by which a source is refused."""
    with pytest.raises(WorkbenchError) as caught:
        load_data(source, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def remedied(file, message):
    """The data by each remedy a sentence names, which reads the same in Python as in an address."""
    ways = re.findall(r"\((\?\S+) behind the path, (.*?) in Python\)", message)
    assert ways, message
    found = []
    for query, python in ways:
        found.append(load_data(f"{file}{query}"))
        again = load_data(file, **eval(f"dict({python})"))
        assert again.checksum == found[-1].checksum
    return found
