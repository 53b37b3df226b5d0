"""A path that a running session corrects: what is told, and when."""

import io
import itertools
import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from realtime_mer.client.streams import Gap
from realtime_mer.library.paths.columns import Columns, read_columns
from realtime_mer.library.paths.lead import ENOUGH, SETTLING_S
from realtime_mer.library.paths.path import PathOptions, asked_of
from realtime_mer.library.tables import write_table
from realtime_mer.live.leading import Room, Telling
from realtime_mer.live.plan_view import PlanView
from realtime_mer.printing.console import console
from realtime_mer.service.server import Service
from realtime_mer.wire.protocol import Bye
from tests.command_line import start
from tests.library.made import made_track
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate
from tests.subscribers import HELLO

GRID = [
    made_track(f"/music/{v:+.1f}{a:+.1f}.flac", valence=v, arousal=a, seconds=100.0)
    for v in (-0.4, -0.2, 0.0, 0.2, 0.4)
    for a in (-0.2, 0.0, 0.2)
]


def heard(number: int, *, valence: float, arousal: float = 0.0) -> Any:
    """Return an estimate half a second after the one before."""
    return sample_estimate(seq=5 * number, valence=valence, arousal=arousal)


def row(records: list[dict[str, Any]]) -> list[str]:
    return [Path(one["path"]).stem for one in records]


# -- in this process, by a clock of the test's -----------------------------------------------------


class Told:
    """A path that is told while a clock goes as the test wants."""

    def __init__(self, folder: Path, view: PlanView | None = None) -> None:
        table = folder / "table.parquet"
        write_table(table, GRID)
        columns: Columns = read_columns(table)
        self.m3u8 = folder / "now.m3u8"
        options = PathOptions(
            table=table, at="-0.4,0", to="0.4,0", step=0.2, m3u8=self.m3u8, as_json=view is None
        )
        self.now = 0.0
        asked = asked_of(options, columns)
        self.telling = Telling(
            options, columns, asked, room=Room(), view=view, clock=lambda: self.now
        )

    def until(self, now: float) -> None:
        self.now = now
        self.telling.tell()

    def hear(self, *, valence: float, arousal: float) -> None:
        self.now += SETTLING_S
        for number in range(ENOUGH):
            self.telling.take(heard(number, valence=valence, arousal=arousal))


@pytest.fixture
def told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    return Told(tmp_path)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_plan_is_told_first_and_then_each_track_when_it_is_due(told, capsys) -> None:
    (plan,) = lines(capsys)
    assert plan["type"] == "plan"
    assert row(plan["tracks"]) == ["-0.4+0.0", "-0.2+0.0", "+0.0+0.0", "+0.2+0.0", "+0.4+0.0"]
    told.until(0.0)
    (first,) = lines(capsys)
    assert (first["type"], first["in_s"], first["step"]) == ("next", 0.0, 1)
    told.until(85.0)
    assert lines(capsys) == []
    assert told.telling.wait_s() == 5.0
    told.until(90.0)
    (second,) = lines(capsys)
    assert (second["type"], second["in_s"], second["starts_s"]) == ("next", 10.0, 100.0)
    assert row([second]) == ["-0.2+0.0"]
    told.until(500.0)
    assert [one["type"] for one in lines(capsys)] == ["next", "next", "next", "end"]
    assert told.telling.ended


def test_what_is_heard_changes_the_plan_and_the_playlist(told, capsys) -> None:
    told.until(0.0)
    before = told.m3u8.read_text()
    lines(capsys)
    told.hear(valence=-0.4, arousal=-0.2)
    told.until(60.0)
    (plan,) = lines(capsys)
    assert plan["room"] == {"valence": -0.4, "arousal": -0.2}
    assert plan["correction"] == {"valence": pytest.approx(0.0), "arousal": pytest.approx(0.2)}
    assert row(plan["tracks"]) == ["-0.2+0.2", "+0.0+0.2", "+0.2+0.2", "+0.4+0.2"]
    after = told.m3u8.read_text()
    assert after != before
    assert after.splitlines()[1] == "#EXTINF:100,-0.4+0.0"


def test_what_is_no_music_corrects_nothing(told, capsys) -> None:
    told.until(0.0)
    lines(capsys)
    told.now = 50.0
    for number in range(ENOUGH):
        silent = sample_estimate(seq=number, valence=1.0, arousal=1.0, status="silence")
        told.telling.take(silent)
    told.until(60.0)
    assert lines(capsys) == []


def test_a_session_that_goes_and_comes_back_is_told(told, capsys) -> None:
    told.telling.take(Bye(reason="connection lost"))
    told.telling.take(Gap(offline_s=3.0, missed_s=None))
    said = capsys.readouterr().err.splitlines()
    assert said[0].endswith("connection lost; the path goes on by its plan")
    assert "is back" in said[1]


def test_off_a_terminal_people_get_lines(tmp_path: Path) -> None:
    file = io.StringIO()
    with PlanView(console(file=file)) as view:
        told = Told(tmp_path, view)
        told.until(0.0)
        told.until(90.0)
    assert file.getvalue().splitlines() == [
        "planned: -0.4+0.0, -0.2+0.0, +0.0+0.0, +0.2+0.0, +0.4+0.0",
        "next, now: /music/-0.4+0.0.flac",
        "next, in 10 s: /music/-0.2+0.0.flac",
    ]


def test_on_a_terminal_the_plan_is_a_table_that_changes(tmp_path: Path) -> None:
    file = io.StringIO()
    shown = Console(file=file, force_terminal=True, width=100, color_system=None)
    with PlanView(shown) as view:
        told = Told(tmp_path, view)
        told.until(0.0)
        told.hear(valence=-0.4, arousal=-0.2)
        told.until(95.0)
    last = file.getvalue().rpartition("from")[2]
    (now, then, later) = [line.split() for line in last.splitlines()[1:4]]
    assert (now[0], now[1], now[-1]) == ("now", "0:00", "-0.4+0.0")
    assert (then[0], then[1], then[2], then[-1]) == ("next", "1:40", "2/5", "-0.2+0.2")
    assert later[0] == "planned"
    assert "1:35 of 8:20; music in the room at -0.40,-0.20; places moved by +0.00,+0.20" in last


def test_the_room_is_where_its_last_seconds_were_and_nothing_of_a_session_before() -> None:
    room = Room()
    for number in range(40):
        room.add(heard(number, valence=-0.5 if number < 20 else 0.5))
        assert (room.mean is None) == (number < 9)
    assert room.mean is not None
    assert room.mean.valence == pytest.approx(0.5)
    room.add(heard(0, valence=0.0))
    assert room.mean is None


# -- as a process, by a real service ---------------------------------------------------------------


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(hello=HELLO, port=0) as service:
        yield service


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    write_table(path, [made_track(f"/{v}", valence=v / 10, seconds=0.2) for v in range(-4, 5)])
    return path


@contextmanager
def sounding(service: Service, **place: float) -> Iterator[None]:
    """Let music sound in the room; whoever subscribes hears it from then on."""
    ended = threading.Event()

    def sound() -> None:
        for number in itertools.count():
            service.publish(heard(number, **place))
            if ended.wait(0.01):
                return

    thread = threading.Thread(target=sound)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_a_path_is_told_to_its_end(service: Service, table: Path) -> None:
    args = ("--at", "-0.4,0", "--to", "0.4,0", "--count", 3, "--json", "--follow", service.url)
    with start("path", table, *args) as process:
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert [json.loads(line)["type"] for line in out.splitlines()] == [
        "plan",
        *["next"] * 3,
        "end",
    ]


def test_it_begins_where_the_room_is_outlives_its_service_and_ends_at_ctrl_c(
    service: Service, tmp_path: Path
) -> None:
    table = tmp_path / "grid.csv"
    write_table(table, GRID)
    args = ("--to", "0.4,0", "--step", 0.2, "--json", "--follow", service.url)
    with start("path", table, *args) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert any("listening for 10 s of music" in line for line in process.stderr)
        with sounding(service, valence=-0.2, arousal=0.2):
            plan = json.loads(process.stdout.readline())
        assert plan["tracks"][0]["wanted"]["valence"] == pytest.approx(-0.2, abs=1e-6)
        assert row(plan["tracks"])[0] == "-0.2+0.2"
        assert json.loads(process.stdout.readline())["type"] == "next"
        service.close("new cable")
        assert any("new cable; the path goes on by its plan" in line for line in process.stderr)
        with Service(hello=HELLO, port=service.port) as successor:
            successor.publish(heard(3, valence=0.0))
            assert any("the session is back" in line for line in process.stderr)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out, err) == (0, "", "")


def test_nobody_at_the_address_is_one_line(table: Path) -> None:
    with Service(hello=HELLO, port=0) as gone:
        url = gone.url
    with start("path", table, "--at", "0,0", "--follow", url) as process:
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (1, "")
    assert "nothing answers" in err.splitlines()[-1]
    assert "Traceback" not in err
