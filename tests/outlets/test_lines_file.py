"""Lines to real files, named pipes and a full disk."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from realtime_mer.errors import InputError
from realtime_mer.outlets.lines_file import FILE, LinePlace, LinesConnection, LinesOptions
from realtime_mer.outlets.mapped import MappedOutlet
from realtime_mer.outlets.mapping.tables import read_plan
from realtime_mer.outlets.wires import Message, Url
from realtime_mer.wire.protocol import Marker
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate

fifos = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")


def place(name: str) -> LinePlace:
    return LinePlace(name=name)


def moment(t: float | None, **values: Any) -> list[Message[LinePlace]]:
    return [Message(place=place(name), value=value, t=t) for name, value in values.items()]


@contextmanager
def writing_to(path: Path, **options: Any) -> Iterator[LinesConnection]:
    url = Url.parse(f"file:{path}")
    FILE.check(url)
    with closing(LinesConnection(url, LinesOptions(**options))) as connection:
        yield connection


def rows(text: str) -> list[Mapping[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_an_output_writes_a_line_for_each_estimate(tmp_path: Path) -> None:
    path = tmp_path / "mood.jsonl"
    plan = read_plan({"output": [{"to": f"file:{path}"}]}, file="test.toml")
    with closing(MappedOutlet(plans=[plan])) as outlet:
        for seq in range(3):
            outlet.publish(sample_estimate(seq=seq, music=0.9))
    written = rows(path.read_text())
    assert [(row["t"], row["seq"]) for row in written] == [(0.1, 0), (0.2, 1), (0.3, 2)]
    assert written[0]["valence"] == 0.25
    assert written[0]["quadrants.Q4"] == 0.4
    assert written[0]["music"] == 0.9
    assert written[0]["mood"] == sample_estimate().mood
    assert outlet.states()[0].failed == outlet.states()[0].dropped == 0


def test_what_a_rule_or_a_marker_sends_stands_alone(tmp_path: Path) -> None:
    path = tmp_path / "scenes"
    send = [{"to": f"file:{path}", "name": "scene", "value": value} for value in ("on", 1, True)]
    plan = read_plan({"rule": [{"when": 'marker "drop"', "send": send}]}, file="test.toml")
    with closing(MappedOutlet(plans=[plan])) as outlet:
        outlet.publish(Marker(label="drop", t=7.5, wall_time=None))
    assert [row["scene"] for row in rows(path.read_text())] == ["on", 1, True]


def test_a_line_may_hold_one_value(tmp_path: Path) -> None:
    path = tmp_path / "values"
    with writing_to(path, lines="values") as connection:
        assert connection.send(moment(0.1, valence=0.25, mood="between\ntwo", music=True)) == 0
    assert path.read_text() == "valence 0.25\nmood between two\nmusic true\n"


def test_what_was_there_stays_and_a_torn_line_is_ended_first(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text('{"t": 1}\n{"t": 2, "val')
    for t in (3, 4):
        with writing_to(path) as connection:
            connection.send(moment(t, a=1))
    assert path.read_text().splitlines() == [
        '{"t": 1}',
        '{"t": 2, "val',
        '{"t": 3, "a": 1}',
        '{"t": 4, "a": 1}',
    ]


@fifos
def test_a_pipe_without_a_reader_takes_nothing_and_holds_up_nobody(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with writing_to(path) as connection:
        assert connection.send(moment(1, a=1, b=2)) == 2
        with closing(_Reader(path)) as reader:
            assert connection.send(moment(2, a=1)) == 0
            assert reader.text() == '{"t": 2, "a": 1}\n'
        assert connection.send(moment(3, a=1)) == 1
        with closing(_Reader(path)) as reader:
            assert connection.send(moment(4, a=1)) == 0
            assert reader.text() == '{"t": 4, "a": 1}\n'


@fifos
@pytest.mark.parametrize("length", [10, 1500, 9000])
def test_a_reader_that_never_reads_holds_up_nobody_and_gets_whole_lines(
    tmp_path: Path, length: int
) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with closing(_Reader(path)) as reader, writing_to(path) as connection:
        t = taken = 0
        while not connection.send(moment(t, text="x" * length)):
            t, taken = t + 1, taken + 1
        for _ in range(100):
            assert connection.send(moment(t, text="x" * length)) == 1
        got = reader.text()
        assert connection.send(moment(-1, end=True)) == 0
        got += reader.text()
    whole = rows(got)
    assert [row["t"] for row in whole[:-1]] == list(range(taken))
    assert whole[-1] == {"t": -1, "end": True}


class _Reader:
    """The other side of a pipe, which reads when it is told to."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def text(self) -> str:
        """All that is there."""
        data = b""
        while True:
            try:
                more = os.read(self._file, 65536)
            except BlockingIOError:
                return data.decode()
            if not more:
                return data.decode()
            data += more

    def close(self) -> None:
        os.close(self._file)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full disk at hand")
def test_a_full_disk_is_told_once_and_counted() -> None:
    told: Queue[str] = Queue()
    plan = read_plan({"output": [{"to": "file:/dev/full"}]}, file="test.toml")
    with closing(MappedOutlet(plans=[plan], tell=told.put)) as outlet:
        for seq in range(3):
            outlet.publish(sample_estimate(seq=seq))
        line = told.get(timeout=PATIENCE_S)
    assert outlet.states()[0].failed > 0
    assert "file:/dev/full: No space left on device" in line
    assert told.empty()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        LinesConnection(Url.parse(f"file:{tmp_path}/none/x"), LinesOptions())


@pytest.mark.parametrize("text", ["file:", "file:/tmp/", "file://host/x", "file:/tmp/x?y=1"])
def test_addresses_that_can_never_work_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        FILE.check(Url.parse(text))


@pytest.mark.parametrize("name", ["", "two words", "a\nb", "x" * 101])
def test_a_name_is_one_word(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        place(name)
