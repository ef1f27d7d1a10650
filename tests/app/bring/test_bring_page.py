"""Bring your own, without a browser: what is recognised, asked for, shown and imported."""

import shutil
from urllib.parse import quote

import pytest
import torch
from streamlit.testing.v1 import AppTest

from models import CalibrationConfig, ModelConfig
from tests.app.brought import COLUMNS, LENGTH, N_ITEMS, N_USERS, Call
from tests.app.shown import metrics, read, sentences, tables
from tests.workbench.importing.files import recbole_config
from tests.workbench.importing.test_sasrec_pytorch import state_of
from workbench import load_data, load_model
from workbench.app import resources, uploads
from workbench.app.bring import brought_data, brought_model
from workbench.data.fetch import CACHE_VARIABLE
from workbench.evaluation import evaluate

SCRIPT = """
from workbench.app.failures import errors_shown
from workbench.app.bring.bring_page import page
with errors_shown("This page"):
    page()
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))


def page(**address) -> AppTest:
    shown = AppTest.from_string(SCRIPT, default_timeout=60)
    for key, value in address.items():
        shown.query_params[key] = str(value)
    return shown.run()


def recognised(shown: AppTest) -> dict[str, tuple[str, str]]:
    """What the page knows of the model: name -> value, source."""
    facts = next(table for table in tables(shown) if table.label == "What was recognised")
    return {what: (value, source) for what, value, source in facts.rows}


def files_kept():
    return [path for path in uploads.folder().rglob("*") if path.is_file()]


def test_an_empty_page_says_what_to_do():
    shown = page()
    assert sentences(shown) == []
    assert "Choose interactions and a model" in shown.info[0].value
    assert "200 MB of interactions" in shown.caption[0].value


def test_planted_data_are_described_without_being_asked_for_columns():
    shown = page(interactions="planted:distance?users=20&items=40")
    assert sentences(shown) == []
    assert metrics(shown, "Users") == ["20"]
    assert metrics(shown, "Items") == ["40"]


def test_columns_are_asked_for_and_found(walks):
    shown = page(interactions=walks / "walks.csv")
    assert sentences(shown) == []
    assert shown.info[0].value.startswith("Choose the columns")
    for key, column in COLUMNS.items():
        shown.selectbox(key=key).select(column)
    shown.run()
    assert sentences(shown) == []
    assert metrics(shown, "Users") == [str(N_USERS)]
    assert metrics(shown, "Items") == [str(N_ITEMS)]
    assert metrics(shown, "Interactions") == [str(N_USERS * LENGTH)]
    share = 100 * (LENGTH // 2) / (LENGTH - 1)  # every second neighbour
    assert metrics(shown, "Ties in time")[0].startswith(f"{share:.1f}")
    again = page(interactions=walks / "walks.csv", **COLUMNS)
    assert metrics(again, "Ties in time") == metrics(shown, "Ties in time")


def test_usual_names_need_no_choice(tmp_path):
    (tmp_path / "a.csv").write_text("item_id;user_id;x\ni;u;7\nj;u;8\n")
    shown = page(interactions=tmp_path / "a.csv")
    assert sentences(shown) == []
    assert [s.value for s in shown.selectbox][2:6] == ["user_id", "item_id", None, None]
    assert metrics(shown, "Ties in time") == ["no times"]


CLOCKED = "user_id,item_id,{}\nu,i,978300760\nu,j,978300761\nv,i,978300762\nv,j,978300763\n"


@pytest.mark.parametrize("name", ["at", "timestamp"])
def test_times_are_left_out_as_the_error_says(tmp_path, name):
    file = tmp_path / "a.csv"
    file.write_text(CLOCKED.format(name))
    shown = page(interactions=file)
    assert len(sentences(shown)) == (name == "at")
    shown.text_input(key="interactions").set_value(f"{file}?time=").run()
    assert sentences(shown) == []
    assert shown.selectbox(key="time_column").value == "(none)"
    assert metrics(shown, "Ties in time") == ["no times"]
    assert "&time='" in shown.code[0].value  # the command


@pytest.mark.parametrize("name", ["at", "timestamp"])
def test_times_are_left_out_by_their_box(tmp_path, name):
    (tmp_path / "a.csv").write_text(CLOCKED.format(name))
    shown = page(interactions=tmp_path / "a.csv")
    shown.selectbox(key="time_column").select("(none)").run()
    assert sentences(shown) == []
    assert metrics(shown, "Ties in time") == ["no times"]
    again = page(interactions=tmp_path / "a.csv", time_column="(none)")
    assert metrics(again, "Ties in time") == ["no times"]


def test_sequences_without_times_are_asked_for_no_columns(tmp_path):
    (tmp_path / "a.txt").write_text("1 7 8 9\n2 8 9\n")
    shown = page(interactions=f"{tmp_path / 'a.txt'}?time=")
    assert sentences(shown) == []
    assert metrics(shown, "Items") == ["3"]


def test_a_file_without_header(tmp_path):
    (tmp_path / "a.csv").write_text("1,1,5\n1,2,6\n2,1,5\n2,3,7\n")
    shown = page(interactions=tmp_path / "a.csv")
    assert shown.info[0].value.startswith("Choose the columns")
    shown.toggle(key="headerless").set_value(True).run()
    for key, column in zip(COLUMNS, ("#0", "#1", "#2"), strict=True):
        shown.selectbox(key=key).select(column)
    shown.run()
    assert sentences(shown) == []
    assert metrics(shown, "Interactions") == ["4"]
    assert metrics(shown, "Items") == ["3"]


def test_the_places_of_columns_are_called_alike_and_as_the_error_says(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("1,1,5,978300760\n1,2,4,978300761\n2,1,5,978300762\n2,3,3,978300763\n")
    shown = page(interactions=file, headerless="true", user_column="#0", item_column="#1")
    (sentence,) = sentences(shown)
    assert "#3 looks like times; say so (?time=#3 behind the path, columns={'time': 3} " in sentence
    shown.text_input(key="interactions").set_value(f"{file}?user=#0&item=#1&time=#3").run()
    assert sentences(shown) == []
    assert [shown.selectbox(key=key).value for key in COLUMNS] == ["#0", "#1", "#3"]
    assert any("Columns: user from #0, item from #1" in read(m.value) for m in shown.markdown)
    assert metrics(shown, "Interactions") == ["4"]
    shown.text_input(key="interactions").set_value(f"{file}?user=#0&item=#1&time=").run()
    assert metrics(shown, "Ties in time") == ["no times"]


def test_another_file_is_read_as_its_own_choices_say(tmp_path):
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("1,1\n1,2\n2,1\n2,3\n", encoding="utf-16")
    second.write_text("user_id,item_id,time\nu,i,5\nu,j,6\nv,i,7\nv,j,8\n")
    choices = {"headerless": "true", "encoding": "utf-16", "format": "table"}
    columns = {"user_column": "#1", "item_column": "#0"}
    shown = page(interactions=first, **choices, **columns)
    assert metrics(shown, "Users") == ["1"]  # of two interactions or more
    shown.text_input(key="interactions").set_value(f"{first}?min_user=1").run()
    assert metrics(shown, "Users") == ["3"]  # the same file
    shown.text_input(key="interactions").set_value(str(second)).run()
    assert sentences(shown) == []
    boxes = [box.value for box in shown.selectbox][:6]
    assert boxes == [brought_data.DETECTED, "utf-8", "user_id", "item_id", "time", None]
    assert not shown.toggle(key="headerless").value
    assert metrics(shown, "Users") == ["2"]
    assert not {*choices, *columns} & {*shown.query_params}
    shown.toggle(key="headerless").set_value(True).run()
    assert shown.info[0].value.startswith("Choose the columns")
    shown.toggle(key="headerless").set_value(False).run()
    assert [box.value for box in shown.selectbox][:6] == boxes


def test_nothing_is_kept_over_a_path_that_cannot_be_read(tmp_path):
    file, other = tmp_path / "a.csv", tmp_path / "b.csv"
    file.write_text("user_id,item_id,who\nu,i,5\nu,j,5\nv,i,5\nv,j,5\n")
    other.write_text("user_id,item_id,who\nü,i,6\nü,j,6\nv,i,6\nv,j,6\n", encoding="latin-1")
    shown = page(interactions=file)
    shown.selectbox(key="user_column").select("who").run()
    assert metrics(shown, "Users") == ["1"]
    shown.text_input(key="interactions").set_value("nowhere.csv").run()
    assert "nowhere.csv" in sentences(shown)[0]
    shown.text_input(key="interactions").set_value(str(other)).run()
    assert "not utf-8 text" in sentences(shown)[0]
    shown.selectbox(key="encoding").select("latin-1").run()
    assert sentences(shown) == []
    assert metrics(shown, "Users") == ["2"]


def test_one_column_for_both_is_refused(walks):
    shown = page(interactions=walks / "walks.csv", user_column="who", item_column="who")
    assert "'who' cannot hold both" in sentences(shown)[0]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"user,item,time\nu,i,3\nu,j,x\n", "line 3"),
        (b"user,item\nu,\xff\n", "line 2: not utf-8 text"),
        (b"", "is empty"),
        (b"user,item\n", "no interactions"),
    ],
)
def test_a_broken_file_is_refused(content, reason):
    shown = page()
    shown.file_uploader[0].set_value(("mine.csv", content, "text/csv")).run()
    (sentence,) = sentences(shown)
    assert reason in sentence
    assert sentence.startswith("The uploaded file (mine.csv)")


def test_a_model_is_recognised_before_it_is_imported(walks):
    query = {"interactions": walks / "walks.csv", "checkpoint": walks / "walks.pth", **COLUMNS}
    shown = page(**query)
    assert sentences(shown) == []
    known = recognised(shown)
    assert known["Items"] == (str(N_ITEMS), "the file")
    assert known["Heads"] == ("2", "assumed")
    assert files_kept() == []
    shown.number_input(key="n_heads").set_value(4).run()
    assert recognised(shown)["Heads"] == ("4", "assumed")
    next(b for b in shown.button if b.label == "Import").click().run()
    assert sentences(shown) == []
    assert "Open in Inspect" in [b.label for b in shown.button]
    (folder,) = (uploads.folder() / "models").iterdir()
    model = load_model(folder)
    assert model.config.n_heads == 4
    columns = "&".join(f"{k.removesuffix('_column')}={v}" for k, v in COLUMNS.items())
    data = load_data(f"{walks / 'walks.csv'}?{columns}")
    assert evaluate(model, data).metrics["hit@1"] == 1
    (quality,) = (table for table in tables(shown) if table.label == "Quality")
    assert quality.column(1) == ["1.0000"] * 4
    # a reload finds what was imported, and other choices need another import
    again = page(**query, n_heads=4)
    assert "Open in Inspect" in [b.label for b in again.button]
    again.number_input(key="n_heads").set_value(1).run()
    assert "Open in Inspect" not in [b.label for b in again.button]


def test_what_a_file_holds_is_not_asked(walks):
    state = torch.load(walks / "walks.pth", weights_only=True)["state_dict"]
    with recbole_config({"model": "SASRec", "n_heads": 8, "layer_norm_eps": 1e-12}) as config:
        torch.save({"state_dict": state, "config": config}, walks / "settings.pth")
    shown = page(checkpoint=walks / "settings.pth")
    assert sentences(shown) == []
    assert recognised(shown)["Heads"] == ("8", "the file")
    assert not any(field.key == "n_heads" for field in shown.number_input)
    assert shown.info[0].value.startswith("Choose the interactions")


def test_a_model_that_does_not_belong_is_refused(walks, films):
    shown = page(interactions=films, checkpoint=walks / "walks.pth")
    next(b for b in shown.button if b.label == "Import").click().run()
    (sentence,) = sentences(shown)
    assert "knows 20 items and films has 30" in sentence
    assert files_kept() == []


def test_nothing_of_an_upload_is_executed(walks):
    place = walks / "executed"
    state = torch.load(walks / "walks.pth", weights_only=True)["state_dict"]
    torch.save({"state_dict": state, "config": Call(place)}, walks / "hostile.pth")
    shown = page(interactions=walks / "walks.csv", **COLUMNS)
    content = (walks / "hostile.pth").read_bytes()
    shown.file_uploader[1].set_value(("hostile.pth", content, "")).run()
    next(b for b in shown.button if b.label == "Import").click().run()
    assert sentences(shown) == []
    assert "Open in Inspect" in [b.label for b in shown.button]
    assert not place.exists()
    torch.load(walks / "hostile.pth", weights_only=False)  # the trap works
    assert place.exists()


def test_a_truncated_upload_is_refused(walks):
    content = (walks / "walks.pth").read_bytes()
    shown = page()
    shown.file_uploader[1].set_value(("a.pth", content[: len(content) // 2], "")).run()
    (sentence,) = sentences(shown)
    assert sentence.startswith("The uploaded file (checkpoint) is a zip archive and no whole")


def test_a_folder_that_train_wrote_is_a_model(films, models):
    shown = page(interactions=films, checkpoint=models[1])
    assert sentences(shown) == []
    assert recognised(shown)["Correction"] == ("gate", "its card")
    labels = [b.label for b in shown.button]
    assert "Open in Inspect" in labels
    assert "Import" not in labels


def test_a_folder_without_a_model_is_refused(films):
    (sentence,) = sentences(page(checkpoint=films))
    assert "no model here" in sentence


def test_sources_are_addresses_that_load_data_reads(walks):
    """The source that is passed to Inspect is all it needs."""
    given = []
    script = AppTest.from_function(_remember, args=(given,))
    for key, value in {"interactions": walks / "walks.csv", **COLUMNS}.items():
        script.query_params[key] = str(value)
    script.run()
    assert not script.exception
    source, data = given[0]
    assert source.startswith(f"{walks / 'walks.csv'}?")
    assert quote("who") in source
    assert load_data(source).checksum == data.checksum


def _remember(given):
    from workbench.app.bring import brought_data

    given.append(brought_data.choose())


def test_facts_leave_out_what_a_model_does_not_depend_on(models):
    names = {name for name, _ in brought_model.facts(load_model(models[0]).config)}
    assert {"n_items", "n_heads", "max_length"} <= names
    assert not names & {"hidden_dropout", "time_span", "n_users", "name"}
    assert brought_data.NONE not in names
    light = ModelConfig("light", n_items=7, calibration=CalibrationConfig(adversarial=False))
    names = {name for name, _ in brought_model.facts(light)}
    assert {"order", "distance", "adversarial"} <= names
    assert not names & {"correction", "alpha", "two_level", "mix", "normalization"}


def test_which_of_several_models_it_is_can_be_chosen(walks):
    """A later SASRec.pytorch without its args.txt, which could be of three kinds."""
    torch.save(state_of(7), walks / "SASRec.head=2.maxlen=6.pth")
    shown = page(
        checkpoint=walks / "SASRec.head=2.maxlen=6.pth", interactions=walks / "walks.csv", **COLUMNS
    )
    assert sentences(shown) == []
    known = recognised(shown)
    assert known["Norm"] == ("query", "assumed")
    assert known["Heads"] == ("2", "the file")
    shown.selectbox(key="norm").set_value("pre").run()
    assert recognised(shown)["Norm"] == ("pre", "assumed")


def test_the_first_rows_are_seen_while_columns_are_chosen(walks):
    shown = page(interactions=walks / "walks.csv")
    (rows,) = (table for table in tables(shown) if table.label == "The first 4 rows")
    lines = (walks / "walks.csv").read_text().splitlines()
    assert rows.heads == lines[0].split(",")
    assert rows.rows == [line.split(",") for line in lines[1:5]]
    shown.toggle(key="headerless").set_value(True).run()
    (rows,) = (table for table in tables(shown) if table.label == "The first 4 rows")
    assert rows.heads == ["#0", "#1", "#2"]
    assert rows.rows == [line.split(",") for line in lines[:4]]


def test_a_model_that_was_imported_or_trained_is_known_by_its_name(films, models):
    folder = uploads.models() / "SASRec-mine"
    shutil.copytree(models[0], folder)
    assert resources.own() == ["SASRec-mine"]
    assert resources.own_of(load_data(films)) == ["SASRec-mine"]
    assert resources.model("SASRec-mine").source == str(folder)
    (folder / "training.pt").touch()  # not trained to its end
    assert resources.own() == []
