"""ml-100k: fetched, verified, cached; and what happens where it cannot be had."""

import hashlib
import io
import shutil
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from workbench.data import DataUnavailable, fetch, load_data
from workbench.data.load import item_categories
from workbench.errors import WorkbenchWarning

ROWS = b"196\t242\t3\t881250949\n186\t242\t3\t891717742\n196\t51\t1\t878887116\n186\t51\t2\t4\n"
FLAGS = "|".join("1" if at in (5, 8) else "0" for at in range(19))  # Comedy and Drama
ITEMS = f"242|Misérables, Les (1995)|d||u|{FLAGS}\n51|unknown|y\n".encode("latin-1")
WHEEL_ITEMS = (
    "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
    "242\tMisérables, Les\t1995\tComedy Drama\n51\tunkonwn\tunkonwn\tunknown\n"
).encode()


def archive(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


OFFICIAL = archive(**{"ml-100k/u.data": ROWS, "ml-100k/u.item": ITEMS})
WHEEL = archive(
    **{f"{fetch.IN_WHEEL}.inter": fetch.HEADER + ROWS, f"{fetch.IN_WHEEL}.item": WHEEL_ITEMS}
)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv(fetch.CACHE_VARIABLE, str(folder))
    monkeypatch.setattr(fetch, "ROWS_SHA256", hashlib.sha256(ROWS).hexdigest())
    return folder


@pytest.fixture
def site(monkeypatch):
    """A web server in place of GroupLens; `reply` is what it sends, None for silence."""
    done = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        reply: bytes | None = OFFICIAL

        def do_GET(self):
            Handler.visits += 1
            if self.reply is None:
                done.wait()
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.reply)
            if self.reply.startswith(b"trickle"):
                while not done.wait(0.01):
                    self.wfile.write(b".")

        def log_message(self, *_):
            pass

    Handler.visits = 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(fetch, "OFFICIAL", f"http://127.0.0.1:{server.server_port}/ml-100k.zip")
    monkeypatch.setattr(fetch, "WINDOW", 0.3)
    yield Handler
    done.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def pip(monkeypatch):
    """In place of `pip download`: puts the wheel where asked, or fails when there is none."""

    class Pip:
        wheel: bytes | None = WHEEL
        calls = 0

    def run(command, **_):
        Pip.calls += 1
        assert "recbole==1.2.1" in command
        if Pip.wheel is None:
            raise fetch.subprocess.CalledProcessError(1, command, stderr=b"ERROR: no such thing\n")
        (fetch.Path(command[-1]) / "recbole-1.2.1-py3-none-any.whl").write_bytes(Pip.wheel)

    monkeypatch.setattr(fetch.subprocess, "run", run)
    return Pip


def test_both_sources_give_the_same_data(cache, site, pip):
    official, genres = load_data("ml-100k"), item_categories("ml-100k")
    assert genres == {"242": ("Comedy", "Drama")}
    assert (site.visits, pip.calls) == (1, 0)
    load_data("ml-100k")
    assert site.visits == 1  # the cache served
    shutil.rmtree(cache)
    site.reply = b"no zip at all"
    wheel = load_data("ml-100k")
    assert (site.visits, pip.calls) == (2, 1)
    assert official.checksum == wheel.checksum
    assert item_categories("ml-100k") == genres | {"51": ("unknown",)}
    assert official.titles == wheel.titles == ["[pad]", "Misérables, Les (1995)", "unknown"]
    assert official.name == "ml-100k"
    assert official.provenance["source"] == "ml-100k"
    assert [entry.name for entry in cache.iterdir()] == ["ml-100k"]
    assert load_data("ml-100k?min_item=2").provenance["filters"]["min_item"] == 2


def test_a_file_that_is_called_like_the_known_data_is_not_taken_in_silence(
    cache, site, pip, tmp_path, monkeypatch
):
    rows = "".join(f"u{user},i{item}\n" for user in range(3) for item in range(5))
    (tmp_path / "ml-100k").write_text("user,item\n" + rows)
    monkeypatch.chdir(tmp_path)
    with pytest.warns(WorkbenchWarning, match=r"is the known data set; .* write \./ml-100k\."):
        assert load_data("ml-100k").n_users == 2
    assert load_data("./ml-100k?format=table").n_users == 3


@pytest.mark.parametrize("reply", [None, b"trickle"])
def test_a_silent_or_trickling_site_is_given_up(cache, site, pip, reply):
    site.reply = reply
    assert load_data("ml-100k").n_interactions == 4
    assert pip.calls == 1


def test_rows_that_are_not_those_published_are_refused(cache, site, pip):
    site.reply = archive(**{"ml-100k/u.data": ROWS[:-1] + b"5\n", "ml-100k/u.item": ITEMS})
    pip.wheel = None
    with pytest.raises(DataUnavailable, match=r"checksum.*no such thing") as caught:
        load_data("ml-100k")
    assert "\n" not in str(caught.value)
    assert not list(cache.iterdir())


def test_a_damaged_cache_is_fetched_again(cache, site, pip):
    load_data("ml-100k")
    file = cache / "ml-100k" / "ml-100k.inter"
    file.write_bytes(file.read_bytes()[:-7])
    assert load_data("ml-100k").n_interactions == 4
    assert site.visits == 2
    assert file.read_bytes() == fetch.HEADER + ROWS


def test_planted_data_stand_in_when_asked_for(cache, site, pip):
    site.reply, pip.wheel = b"", None
    with pytest.raises(DataUnavailable):
        load_data("ml-100k")
    data = load_data("ml-100k", fallback="planted")
    assert data.name == "planted-content"
    assert data.checksum == load_data("planted").checksum
    assert "could not be fetched" in data.provenance["fallback"]
    assert "fallback" not in load_data("planted").provenance


def test_a_cache_that_cannot_be_used_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(fetch.CACHE_VARIABLE, str(tmp_path / "file"))
    with pytest.raises(DataUnavailable, match=fetch.CACHE_VARIABLE):
        load_data("ml-100k")


def test_the_real_thing():
    """From the cache or the network; where neither is to be had the test is skipped."""
    try:
        data = load_data("ml-100k")
    except DataUnavailable as error:
        pytest.skip(str(error))
    assert (data.n_users, data.n_items, data.n_interactions) == (943, 1682, 100_000)
    # the first line of u.data: user 196, item 242
    assert (data.user_ids[0], data.item_ids[1], data.title(1)) == ("196", "242", "Kolya (1996)")
    assert data.provenance["tie_share"] == pytest.approx(0.510, abs=0.001)
