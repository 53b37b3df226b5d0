"""What was made of some files is made anew when they have changed."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

import pytest

from realtime_mer.errors import InputError
from realtime_mer.library.spotify.features import own_id
from realtime_mer.library.spotify.following import Following
from realtime_mer.library.store import TrackStore
from realtime_mer.library.tables import read_table, write_table
from realtime_mer.library.walk import AudioFile
from tests.command_line import start
from tests.library.made import made_sound, made_track
from tests.patience import PATIENCE_S


class Reader:
    """Tells in a queue how many tracks a table holds, each time that it is read."""

    def __init__(self, table: Path) -> None:
        self.table = table
        self.counts: Queue[int] = Queue()
        self.said: Queue[str] = Queue()

    def read(self) -> None:
        self.counts.put(len(read_table(self.table)))

    @contextmanager
    def following(self) -> Iterator[None]:
        with Following([self.table], self.read, tell=self.said.put, every_s=0.01):
            yield


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    write_table(tmp_path / "table.csv", [made_track("/a.mp3")])
    return Reader(tmp_path / "table.csv")


def test_a_table_is_read_anew_when_it_has_changed_and_not_before(reader: Reader) -> None:
    with reader.following():
        write_table(reader.table, [made_track("/a.mp3"), made_track("/b.mp3")])
        assert reader.counts.get(timeout=PATIENCE_S) == 2
    assert reader.counts.empty()


def test_a_table_that_is_away_is_told_once_and_taken_up_when_it_is_back(reader: Reader) -> None:
    with reader.following():
        away = reader.table.rename(reader.table.with_suffix(".away"))
        said = reader.said.get(timeout=PATIENCE_S)
        assert "does not exist" in said
        assert said.endswith("(what was there before stays)")
        write_table(away.with_suffix(".csv"), [made_track(f"/{n}.mp3") for n in range(3)])
        assert reader.counts.get(timeout=PATIENCE_S) == 3
    assert reader.said.empty()


def test_what_is_written_into_a_store_that_stays_open_is_seen(tmp_path: Path) -> None:
    """As by a watch: in WAL mode the file itself does not change at first."""
    table = tmp_path / "table.sqlite"

    def put(store: TrackStore, name: str) -> None:
        file = AudioFile(path=f"/{name}", size=1, mtime_ns=1)
        store.put(file, made_track(f"/{name}"), made_sound(name))

    with TrackStore(table) as store:
        put(store, "a.mp3")
        reader = Reader(table)
        with reader.following():
            put(store, "b.mp3")
            while reader.counts.get(timeout=PATIENCE_S) != 2:
                continue  # it looked while that was being written, and looks again


def test_the_thread_ends_with_whoever_started_it(reader: Reader) -> None:
    with reader.following():
        assert "following" in {thread.name for thread in threading.enumerate()}
    assert "following" not in {thread.name for thread in threading.enumerate()}


def test_a_fault_that_comes_again_and_again_is_told_once(tmp_path: Path) -> None:
    tried, said = Queue(), []
    path = tmp_path / "table.csv"

    def make() -> None:
        tried.put(None)
        raise InputError("broken")

    with Following([path], make, tell=said.append, every_s=0.001):
        path.write_text("x")
        for _ in range(5):
            tried.get(timeout=PATIENCE_S)
    assert said == ["broken (what was there before stays)"]


@pytest.mark.slow
def test_the_service_answers_from_a_table_that_changes_while_it_runs(tmp_path: Path) -> None:
    table, other = tmp_path / "table.csv", made_track("/b.mp3", valence=0.5)
    write_table(table, [made_track("/a.mp3")])
    with start("library", "serve", table, "--port", 0) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            url = process.stdout.readline().split()[3].rstrip(";")
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(f"{url}audio-features/{own_id(other)}")
            write_table(table, [made_track("/a.mp3"), other])
            while "2 tracks now" not in (said := process.stderr.readline()):
                assert said
            with urllib.request.urlopen(f"{url}audio-features/{own_id(other)}") as answer:
                assert json.load(answer)["valence"] == 0.75
        finally:
            process.kill()
