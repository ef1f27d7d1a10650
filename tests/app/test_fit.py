"""A page says what `matched` says of a model and data."""

from streamlit.testing.v1 import AppTest

from workbench import load_data, load_model, save_model
from workbench.app import choices, words
from workbench.matching import matched

SCRIPT = "from workbench.app.inspect.inspect_page import page; page()"


def test_a_model_of_unknown_data_is_questioned(films, models, tmp_path, monkeypatch):
    untold = load_model(models[0])
    untold.item_ids = None
    folder = str(save_model(untold, tmp_path / "unknown", {"origin": {}}))
    monkeypatch.setattr(choices, "BUILT_IN", (*choices.BUILT_IN, str(films)))
    page = AppTest.from_string(SCRIPT, default_timeout=120)
    page.query_params["data"] = str(films)
    page.query_params["models"] = [folder, models[1]]
    page.run()
    assert not page.exception
    _, sentence = matched(load_model(folder), load_data(films))
    assert sentence is not None
    assert [warning.value for warning in page.warning] == [words.literal(sentence)]
