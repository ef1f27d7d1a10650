"""Texts that ask Markdown, HTML and the reader's eye for more than to be shown; data full of them.

`other.example` is a host that nobody may be asked for anything.
"""

import hashlib
import json
import shutil
from pathlib import Path

import pandas as pd
import torch

from workbench import build_model, load_data, save_model

PARTS = (
    *("![x](http://other.example/i.png)", "[text](http://other.example)", "[ref]"),
    *("http://other.example/a", "https://other.example", "www.other.example", "me@other.example"),
    *("<script>window.ran = 1</script>", "</script></style></title></textarea>"),
    *("<svg onload=window.ran=1>", "' onmouseover='window.ran=1", "javascript:window.ran=1"),
    *("<http://other.example>", "<img src=http://other.example/i.png>", "<b>b</b>", "&amp;"),
    *(":material/home:", ":streamlit:", ":smile:", ":red[x]", ":blue-badge[x]", ":small[x]"),
    *("$x^2$", "$$y$$", "`code`", "**bold**", "*it*", "__b__", "~~gone~~", "| a | b |"),
    *("# head", "1. one", "- item", "> q", "a -> b <- c <-> d -- e", ">= <= ~=", "12:30"),
    *("abc\u202edef", "\u2066x\u2069", "bell\x07", "zero\u200bwidth", "\\u0041", "C:\\new"),
)
TEXT = " ".join(PARTS)
UNSEEN = ("\u202e", "\u2066", "\u2069", "\x07", "\u200b")
N_USERS, N_ITEMS, LENGTH = 4, 12, 8


def seen(text: str) -> str:
    """What a reader sees of it."""
    for c in UNSEEN:
        text = text.replace(c, c.encode("unicode_escape").decode())
    return text


def write_data(folder: Path) -> Path:
    """A folder of RecBole files, whose name, users, items and titles are hostile."""
    folder = folder / "www.other.example $x$ :smile: [a](b) *c*"
    folder.mkdir()
    rows = ["user_id:token\titem_id:token\ttimestamp:float"]
    for user in range(N_USERS):
        rows += [f"{user} {TEXT}\t{TEXT} {(user + k) % N_ITEMS}\t{k}" for k in range(LENGTH)]
    (folder / "a.inter").write_text("\n".join([*rows, ""]))
    titles = [f"{TEXT} {k}\t{TEXT} title {k}" for k in range(N_ITEMS)]
    (folder / "a.item").write_text("\n".join(["item_id:token\ttitle:token_seq", *titles, ""]))
    return folder


def write_table(folder: Path) -> Path:
    """A table whose headings are hostile."""
    heads = ",".join(f'"{TEXT} {role}"' for role in ("who", "what"))
    rows = [f"u{k},i{k % 3}" for k in range(6)] * 2
    (folder / "a.csv").write_text("\n".join([heads, *rows, ""]))
    return folder / "a.csv"


def write_model(folder: Path, data: Path) -> Path:
    """A model whose card calls it by a hostile name and has hostile notes."""
    loaded = load_data(data)
    torch.manual_seed(0)
    model = build_model("SASRec", loaded, hidden_size=8, inner_size=8, max_length=4)
    origin = {"origin": {"notes": [TEXT]}}
    save_model(model, folder / "model", {"data": {"checksum": "other"}, **origin})
    card = json.loads((folder / "model" / "card.json").read_text())
    card["config"]["name"] = TEXT
    (folder / "model" / "card.json").write_text(json.dumps(card))
    return folder / "model"


def write_run(folder: Path, run: Path) -> Path:
    """A stored run with hostile names of models, findings and notices."""
    copy = folder / "run"
    shutil.copytree(run, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    names = {name: name.replace("SASRec", TEXT) for name in manifest["models"]}
    manifest["models"] = {names[name]: about for name, about in manifest["models"].items()}
    manifest["data"]["name"] = manifest["created"] = TEXT
    manifest["notices"] = [TEXT]
    for name, diagnostic in manifest["diagnostics"].items():
        diagnostic["findings"] = [TEXT, f"{TEXT} 2"]
        path = f"raw/{name}.parquet"
        frame = pd.read_parquet(copy / path)
        frame["model"] = frame["model"].astype(str).map(names).astype("category")
        frame.to_parquet(copy / path)
        manifest["files"][path] = hashlib.sha256((copy / path).read_bytes()).hexdigest()
    (copy / "manifest.json").write_text(json.dumps(manifest))
    return copy
