"""States of rooms outlive the process, and a full disk ends nothing."""

import asyncio
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from realtime_mer.batch import StreamBatch, StreamState
from realtime_mer.errors import InputError
from realtime_mer.rooms.checkpoints import STATES, Checkpoints, forget_state
from realtime_mer.rooms.names import Right
from realtime_mer.rooms.nodes.alone import Alone
from realtime_mer.rooms.service import RoomsOptions, RoomsService
from realtime_mer.rooms.tokens.file import TOKENS, TokenFile
from tests.command_line import call
from tests.rooms.serving import Feeder, Watcher, serving, until
from tests.tones import HOP, ToneRecognizer, tones


def a_state(hops: int) -> StreamState:
    batch = StreamBatch(ToneRecognizer())
    stream = batch.join()
    batch.step([stream], tones(hops / 10, music=0.9)[np.newaxis])
    return batch.state(stream)


def test_the_latest_state_of_each_room_is_kept(tmp_path: Path) -> None:
    said: list[str] = []
    first = Checkpoints(tmp_path / STATES, model="m", say=said.append)
    for room in ("hall", "attic"):
        for hops in (1, 2, 3):
            first.put(room, hops, a_state(hops))
    first.close()
    assert (first.kept("hall"), first.kept("cellar")) == (3, 0)
    second = Checkpoints(tmp_path / STATES, model="m", say=said.append)
    assert [(kept.room, kept.seq) for kept in second.load()] == [("attic", 3), ("hall", 3)]
    second.close()
    other = Checkpoints(tmp_path / STATES, model="another", say=said.append)
    assert list(other.load()) == []
    other.close()
    assert said == []


def test_a_room_that_is_forgotten_leaves_nothing_and_the_others_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / STATES
    assert not forget_state(path, "hall")
    assert not path.exists()
    states = Checkpoints(path, model="m", say=print)
    for room in ("hall", "attic"):
        states.put(room, 3, a_state(3))
    until(lambda: states.kept("hall") and states.kept("attic"))
    with pytest.raises(InputError, match="and would write room hall again"):
        forget_state(path, "hall")
    states.close()
    told = call(capsys, "rooms", "forget", "hall", "--folder", str(tmp_path))
    assert (told.code, "Removed from" in told.out) == (0, True)
    assert "are sessions, which stay" in told.err
    assert all(b"hall" not in file.read_bytes() for file in tmp_path.iterdir())
    again = call(capsys, "rooms", "forget", "hall", "--folder", str(tmp_path))
    assert "nothing is kept of room hall" in again.complaint()
    states = Checkpoints(path, model="m", say=print)
    assert [(kept.room, kept.seq) for kept in states.load()] == [("attic", 3)]
    states.close()


def test_where_the_disk_is_full_one_line_says_so_and_what_was_kept_stays(tmp_path: Path) -> None:
    said: list[str] = []
    full = Checkpoints(tmp_path / STATES, model="m", say=said.append, every_s=0, most_pages=12)
    rooms = [f"room-{number}" for number in range(200)]
    for room in rooms:
        full.put(room, 5, a_state(5))
        until(lambda room=room: full.kept(room) == 5 or full.failing)
        if full.failing:
            break
    kept = [room for room in rooms if full.kept(room)]
    assert kept
    assert full.failing
    before = full.failures
    full.put(rooms[-1], 6, a_state(6))
    until(lambda: full.failures > before)
    assert len(said) == 1
    assert "full" in said[0]
    gone = kept[1:6]
    with closing(sqlite3.connect(tmp_path / STATES)) as database, database:
        database.executemany("DELETE FROM rooms WHERE name = ?", [(room,) for room in gone])
    full.put(kept[0], 7, a_state(5))  # there is room again
    until(lambda: not full.failing)
    assert len(said) == 2
    full.close()
    again = Checkpoints(tmp_path / STATES, model="m", say=said.append)
    left = {**dict.fromkeys(kept, 5), kept[0]: 7}
    found = {each.room: each.seq for each in again.load()}
    assert found == {room: seq for room, seq in left.items() if room not in gone}
    again.close()


def test_a_file_that_is_none_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / STATES).write_bytes(b"no database at all, whatever it is called" * 100)
    with pytest.raises(InputError, match="move it away"):
        Checkpoints(tmp_path / STATES, model="m", say=lambda line: None)


def test_a_state_that_cannot_be_read_begins_a_room_anew(tmp_path: Path) -> None:
    with (
        serving(tmp_path, rooms=("hall", "attic")) as at,
        Watcher(at, "hall") as watcher,
        Feeder(at, "hall") as feeder,
    ):
        feeder.open()
        feeder.send(tones(0.5, music=0.9))
        watcher.wait(4)
    with closing(sqlite3.connect(tmp_path / STATES)) as database, database:
        database.execute("UPDATE rooms SET state = x'00' WHERE name = 'hall'")
    with serving(tmp_path) as at, Feeder(at, "hall") as feeder:
        assert feeder.open()["next"] == 0
        assert any("hall begins anew" in line for line in at.said)


def test_a_second_service_in_one_folder_is_refused_and_tokens_are_made_beside_it(
    tmp_path: Path,
) -> None:
    with serving(tmp_path, rooms=("hall",)) as at:
        second = RoomsService(
            ToneRecognizer(),
            RoomsOptions(port=0),
            computer=Alone(ToneRecognizer(), folder=tmp_path, rooms=4, say=lambda line: None),
            tokens=TokenFile(tmp_path / TOKENS),
            say=lambda line: None,
        )
        with pytest.raises(InputError, match="--folder"):
            asyncio.run(second.run())
        TokenFile(tmp_path / TOKENS).make("hall", Right.FEED)
        with serving(tmp_path, keep=False):  # it keeps nothing that the other could lose
            pass
        with Feeder(at, "hall") as feeder, Watcher(at, "hall") as watcher:
            feeder.open()
            feeder.send(tones(0.1, music=0.9))
            assert watcher.wait(0)
    with serving(tmp_path) as again, Feeder(again, "hall") as feeder:
        assert feeder.open()["next"] == HOP


def test_what_stops_tells_senders_and_watchers(tmp_path: Path) -> None:
    with serving(tmp_path, rooms=("hall",)) as at:
        watcher, feeder = Watcher(at, "hall", "estimates"), Feeder(at, "hall")
        feeder.open()
        feeder.send(tones(0.55, music=0.9))
        watcher.wait(4)
        at.stop()
        assert feeder.until("bye")[-1]["next"] == 5.5 * HOP
        assert feeder.close_code() == 1001
        assert watcher.until("bye")[-1]["reason"] == "the service of rooms stops"
        assert watcher.close_code() == 1001
    with serving(tmp_path) as at, Feeder(at, "hall") as feeder:
        assert feeder.open()["next"] == 5 * HOP  # what was no whole hop comes again


PROGRAM = """
import asyncio, sys
from pathlib import Path
from realtime_mer.rooms.nodes.alone import Alone
from realtime_mer.rooms.service import RoomsOptions, RoomsService
from realtime_mer.rooms.tokens.file import TOKENS, TokenFile
from tests.tones import ToneRecognizer

folder = Path(sys.argv[1])
service = RoomsService(
    ToneRecognizer(),
    RoomsOptions(port=0),
    computer=Alone(ToneRecognizer(), folder=folder, rooms=64, say=lambda line: None),
    tokens=TokenFile(folder / TOKENS),
    say=lambda line: None,
)
asyncio.run(service.run(lambda: print(service.url, flush=True)))
"""


class Process:
    """A service in a process of its own, which a test may kill."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(folder)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert self._process.stdout is not None
        self.service = self
        self.url_of_it = self._process.stdout.readline().strip()

    def url(self, room: str, rest: str = "") -> str:
        return f"{self.url_of_it}/rooms/{room}{rest}"

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.mark.slow
def test_rooms_go_on_after_a_kill_with_at_most_the_last_second_asked_for_again(
    tmp_path: Path,
) -> None:
    rooms = [f"room-{number}" for number in range(6)]
    first = Process(tmp_path)
    reached = {}
    try:
        feeders = {room: Feeder(first, room) for room in rooms}  # type: ignore[arg-type]
        for feeder in feeders.values():
            feeder.open()
        for _ in range(30):
            for feeder in feeders.values():
                feeder.send(tones(0.1, music=0.9))
            time.sleep(0.1)  # sound comes by the clock, and so do states
        for room, feeder in feeders.items():
            taken = [m for m in feeder.until("taken") if m["type"] == "taken"][-1]
            while taken["next"] < 30 * HOP:
                taken = feeder.until("taken")[-1]
            reached[room] = taken["next"], taken["kept"]
    finally:
        first.kill()
    second = Process(tmp_path)
    try:
        for room in rooms:
            with Feeder(second, room) as feeder:  # type: ignore[arg-type]
                expected = feeder.open()["next"]
                until_then, kept = reached[room]
                assert kept <= expected <= until_then
                assert expected >= until_then - 2 * 10 * HOP  # a second, and a commit's time
                with Watcher(second, room) as watcher:  # type: ignore[arg-type]
                    feeder.send(tones(0.3, music=0.9), index=until_then)
                    last = watcher.wait(until_then // HOP + 2)
                assert last["state_age_s"] == pytest.approx(until_then / 24_000 + 0.3)
                assert last["status"] == "warming_up" or last["status"] == "music"
    finally:
        second.kill()
