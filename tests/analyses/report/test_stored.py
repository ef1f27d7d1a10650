import hashlib
import json
import re
import shutil

import numpy as np
import pytest

from analyses.report.exports import as_json
from analyses.report.folder import NUMBERS
from analyses.report.stored import StoredRun, open_run, runs_in
from analyses.run_all import main
from analyses.running.comparison import Comparison
from analyses.running.inputs import read_inputs
from analyses.telling.wording import change
from tests.analyses.report.invented import report
from workbench import build_model, load_data, save_model
from workbench.errors import WorkbenchError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("stored")
    rows = [f"u{u},i{(u * 5 + t) % 11},{t}" for u in range(12) for t in range(8)]
    (place / "small.csv").write_text("\n".join(["user,item,time", *rows, ""]))
    data = load_data(place / "small.csv")
    save_model(build_model("SASRec", data, hidden_size=8, max_length=10), place / "SASRec")
    arguments = ["--data", str(place / "small.csv"), "--models", str(place / "SASRec")]
    arguments += ["--only", "attention_worth", "--out", str(place / "runs" / "one")]
    return main(arguments, cache=place / "cache")


def test_what_was_written_is_read_back(folder, tmp_path):
    run = open_run(folder)
    data, models = folder.parents[1] / "small.csv", [str(folder.parents[1] / "SASRec")]
    users = read_inputs(str(data), models, None, 0, tmp_path).users
    np.testing.assert_array_equal(run.results("attention_worth").frame["user"], users)
    assert run.findings("attention_worth")[0].startswith("What attention is worth was not measured")
    assert runs_in(folder.parent) == [folder]


def test_a_model_called_like_a_formula_is_none_in_its_tables(folder, tmp_path):
    shutil.copytree(folder.parents[1] / "SASRec", tmp_path / "model")
    card = json.loads((tmp_path / "model" / "card.json").read_text())
    card["config"]["name"] = "=1+1"
    (tmp_path / "model" / "card.json").write_text(json.dumps(card))
    arguments = [
        "--data",
        str(folder.parents[1] / "small.csv"),
        "--models",
        str(tmp_path / "model"),
    ]
    arguments += ["--only", "attention_worth", "--out", str(tmp_path / "run")]
    main(arguments, cache=tmp_path / "cache")
    text = (tmp_path / "run" / "tables" / "attention-worth-models.csv").read_text()
    assert "'=1+1" in text
    assert not re.search(r"(^|,)=", text, re.MULTILINE)


def test_a_changed_table_is_refused(folder):
    path = folder / "raw" / "attention_worth.parquet"
    before = path.read_bytes()
    path.write_bytes(before[:-9])
    try:
        with pytest.raises(WorkbenchError, match="another checksum"):
            open_run(folder).results("attention_worth")
    finally:
        path.write_bytes(before)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "no report here"),
        ("{", "cannot be read"),
        ("[]", "is no manifest of a report"),
        (json.dumps({"created": 1}), "'created' is missing or malformed"),
        ("[" * 100_000, "cannot be read"),
    ],
)
def test_a_damaged_or_foreign_folder_ends_in_one_sentence(tmp_path, content, sentence):
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(WorkbenchError, match=sentence) as caught:
        open_run(tmp_path)
    assert "\n" not in str(caught.value)


def test_verdicts_and_the_example_are_those_that_were_written(tmp_path):
    """Every field but those of an interval that no sentence needs."""
    written = report()
    (tmp_path / NUMBERS).write_text(as_json(written))
    digest = hashlib.sha256((tmp_path / NUMBERS).read_bytes()).hexdigest()
    run = StoredRun(tmp_path, {"files": {NUMBERS: digest}}, Comparison({}))
    read = run.verdicts()
    assert [verdict.headline for verdict in read] == [v.headline for v in written.verdicts]
    for one, other in zip(read, written.verdicts, strict=True):
        plain = [
            [(q.key, q.asked, q.answer, q.sentence) for q in v.questions] for v in (one, other)
        ]
        assert plain[0] == plain[1]
        assert (one.why, one.shown_instead, one.to_do, one.cannot_tell) == (
            other.why,
            other.shown_instead,
            other.to_do,
            other.cannot_tell,
        )
        few = [
            [change(i) for i in (*(q.estimate for q in v.questions), v.gain, v.beyond) if i]
            for v in (one, other)
        ]
        assert few[0] == few[1]
    assert run.example() == written.example
    (tmp_path / NUMBERS).write_text('{"verdicts": {"a": 1}}')
    digest = hashlib.sha256((tmp_path / NUMBERS).read_bytes()).hexdigest()
    broken = StoredRun(tmp_path, {"files": {NUMBERS: digest}}, Comparison({}))
    with pytest.raises(WorkbenchError, match="holds no verdicts that can be read"):
        broken.verdicts()
    assert StoredRun(tmp_path, {"files": {}}, Comparison({})).verdicts() == ()
