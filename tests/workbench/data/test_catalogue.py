"""Known names, places, descriptions and conversions."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from workbench.data import KNOWN, convert, describe, from_interactions, load_data
from workbench.errors import WorkbenchError

SHARED = Path(__file__).parents[4] / "shared"
NAMED = "user,item\nu,a\nu,b\n"


def small(**options):
    users, items = np.array(list("vuvuv")), np.array(["x", "y", "z 1", "x", "y"])
    return from_interactions(users, items, np.array([5, 4, 3, 3, 3]), name="small", **options)


def test_mistyped_names_get_a_sentence_with_what_looks_alike(tmp_path):
    with pytest.raises(WorkbenchError, match="did you mean ml-100k") as caught:
        load_data("ml100k")
    assert all(name in str(caught.value) for name in KNOWN)
    (tmp_path / "visits.csv").write_text(NAMED)
    with pytest.raises(WorkbenchError, match=r"did you mean .*/visits\.csv\?"):
        load_data(tmp_path / "visit.csv")
    for odd in ("", "x\0y", "a" * 5000, "~nobody/x"):
        with pytest.raises(WorkbenchError):
            load_data(odd)


def test_a_tilde_of_nobody_is_part_of_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for source in ("~x-nobody.csv", "~x-nobody.csv?min_user=1"):
        with pytest.raises(
            WorkbenchError, match="is neither a file nor a known data set"
        ) as caught:
            load_data(source)
        assert not str(caught.value).endswith("..")
    Path("~x-nobody.csv").write_text(NAMED)
    assert load_data("~x-nobody.csv").checksum == load_data("~x-nobody.csv?min_user=2").checksum
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_data("~/~x-nobody.csv").name == "~x-nobody"


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    for source in (tmp_path / "pipe.csv", "/dev/zero?format=table"):
        with pytest.raises(WorkbenchError, match=r"is neither a file nor a folder; save its lines"):
            load_data(source)


def test_a_link_to_what_is_gone_is_called_so(tmp_path):
    (tmp_path / "log.csv").symlink_to(tmp_path / "moved.csv")
    with pytest.raises(WorkbenchError, match=r"log\.csv is a link to .*moved\.csv, which is not"):
        load_data(tmp_path / "log.csv")
    with pytest.raises(WorkbenchError, match=r"data set \([^)]*\)\.$"):  # and is not proposed
        load_data(tmp_path / "logs.csv")


def test_names_are_looked_for_in_the_data_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WorkbenchError, match="ATTENTION_WORKBENCH_DATA"):
        load_data("amazon-beauty")
    folder = tmp_path / "elsewhere" / "amazon-beauty"
    folder.mkdir(parents=True)
    text = "user_id:token\titem_id:token\nu\ta\nu\tb\n"
    (folder / "amazon-beauty.inter").write_text(text)
    monkeypatch.setenv("ATTENTION_WORKBENCH_DATA", str(tmp_path / "elsewhere"))
    assert load_data("amazon-beauty").n_interactions == 2
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.csv").write_text(NAMED)
    assert load_data("mine.csv").name == "mine"


def test_unknown_fallback():
    with pytest.raises(WorkbenchError, match="fallback"):
        load_data("planted", fallback="prayer")


def test_planted_is_as_listed():
    data, known = load_data("planted"), KNOWN["planted"]
    assert (data.n_users, data.n_items, data.n_interactions) == (
        known.n_users,
        known.n_items,
        known.n_interactions,
    )


def test_description_of_a_hand_counted_case():
    told = json.loads(json.dumps(describe(small())))
    assert (told["users"], told["items"], told["interactions"]) == (2, 3, 5)
    assert told["density"] == pytest.approx(5 / 6)
    assert told["history_length"] == {
        "min": 2, "q25": 2.25, "median": 2.5, "q75": 2.75, "max": 3, "mean": 2.5
    }  # fmt: skip
    assert told["span"] == ["1970-01-01", "1970-01-01"]
    assert told["tie_share"] == pytest.approx(1 / 3)
    assert told["titles"] is False


def test_density_counts_a_pair_that_is_repeated_once():
    data = from_interactions(np.array(list("uuuuvv")), np.array(list("xyxxxx")))
    told = describe(data)
    assert told["density"] == 3 / 4
    assert told["repeats"] == 1 / 2


@pytest.mark.parametrize("name", ["out", "out.parquet"])
@pytest.mark.parametrize("titles", [None, {"x": 'An "X"\tof\n old', "y": "Y"}])
def test_converted_data_read_back_are_the_same_histories(tmp_path, name, titles):
    data = small(titles=titles)
    written = convert(data, tmp_path / name)
    again = load_data(tmp_path / name)
    assert sorted(path.name for path in written) == sorted(
        path.name for path in (written[0].parent).iterdir()
    )
    told = {
        user: data.item_ids[data.history(number)].tolist()
        for number, user in enumerate(data.user_ids)
    }
    for number, user in enumerate(again.user_ids):
        assert again.item_ids[again.history(number)].tolist() == told[user]
    assert again.times.tolist() == data.times.tolist()
    if titles is not None:
        title = again.title(again.item_ids.tolist().index("x"))
        assert title.split() == titles["x"].split()
    convert(again, tmp_path / "twice")
    assert load_data(tmp_path / "twice").checksum == again.checksum


def test_what_cannot_be_written_is_told_and_leaves_nothing(tmp_path):
    tab = from_interactions(np.array(["u", "u"]), np.array(["a\tb", "c"]))
    with pytest.raises(WorkbenchError, match="parquet"):
        convert(tab, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert load_data(convert(tab, tmp_path / "x.parquet")[0]).item_ids[1] == "a\tb"
    for name in ("c.csv", "c.inter"):
        with pytest.raises(WorkbenchError, match=rf"{name}: data are written as .*\.parquet"):
            convert(small(), tmp_path / name)
        assert not (tmp_path / name).exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkbenchError, match="cannot be written"):
        convert(small(), tmp_path / "file" / "x.parquet")
    (tmp_path / "folder.parquet").mkdir()
    with pytest.raises(WorkbenchError, match="cannot be written"):
        convert(small(), tmp_path / "folder.parquet")
    assert not list(tmp_path.glob(".*"))


@pytest.mark.skipif(not SHARED.exists(), reason="../shared is not here")
class TestRealFiles:
    @pytest.mark.parametrize(
        ("name", "ties"),
        [
            ("amazon-beauty", 0.44),
            ("amazon-sports-outdoors", 0.48),
            ("amazon-toys-games", 0.48),
            ("yelp", 0),
        ],
    )
    def test_counts_and_ties(self, name, ties):
        data, known = load_data(SHARED / "data" / name), KNOWN[name]
        assert (data.n_users, data.n_items, data.n_interactions) == (
            known.n_users,
            known.n_items,
            known.n_interactions,
        )
        assert data.provenance["tie_share"] == pytest.approx(ties, abs=0.005)
        # the published ids are numbers by first appearance already
        assert data.item_ids[1:].tolist() == [str(i) for i in range(1, data.n_items + 1)]
        assert data.titles is not None

    def test_beauty_is_its_sequence_file(self):
        lines = (SHARED / "data" / "Beauty.sequences.txt").read_text().splitlines()
        data = load_data(SHARED / "data" / "amazon-beauty")
        for number, line in enumerate(lines):
            assert data.history(number).tolist() == [int(item) for item in line.split()[1:]]

    def test_ml_100k_is_numbered_as_in_recbole(self):
        """RecBole keeps times as float32, so its order is compared up to its ties."""
        try:
            data = load_data("ml-100k")
        except WorkbenchError as error:
            pytest.skip(str(error))
        file = SHARED / "checkpoints" / "ml-100k-in-recbole-1.2.1-order.txt"
        for line in file.read_text().splitlines():
            user, *last = (int(word) for word in line.split())
            items, span = data.history(user - 1), slice(*data.offsets[user - 1 : user + 1])
            coarse = dict(zip(items.tolist(), data.times[span].astype(np.float32), strict=True))
            expected = sorted(coarse.values())[-len(last) :]
            assert [coarse[item] for item in last] == expected
