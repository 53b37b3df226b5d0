"""The parts of the display that need no Qt."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer import display
from realtime_mer.display.latest import Latest
from realtime_mer.display.pipe import SessionPipe
from realtime_mer.display.plots.history import History, Spectrum, runs, thinned, turned
from realtime_mer.display.plots.words import evasion
from realtime_mer.display.reader import Reader
from realtime_mer.display.snapshot import Link, Snapshot
from realtime_mer.display.window.turns import Turns
from realtime_mer.errors import ServiceError
from realtime_mer.estimate import Status
from realtime_mer.wire.control import Failed, Pause, Record, parse_command
from realtime_mer.wire.protocol import (
    Bye,
    Hello,
    LevelMessage,
    Marker,
    ServerMessage,
    StatusMessage,
)
from realtime_mer.wording import STATUS_NOTES, STATUS_WORDS, clock, signed, turned_words
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate

HELLO = Hello(server_version="1", model="default", hop=0.1, window=3.0, sample_rate=24_000)


def test_importing_the_display_does_not_import_qt() -> None:
    code = (
        "import sys, realtime_mer.display, realtime_mer.display.snapshot;"
        "import realtime_mer.live.terminal;"
        "print([name for name in sys.modules if name.startswith(('PySide6', 'pyqtgraph'))])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("platform", "environ", "seen"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ""}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("darwin", {}, True),
        ("darwin", {"SSH_CONNECTION": "1 2 3 4"}, False),
        ("win32", {"SESSIONNAME": "Console"}, True),
        ("win32", {"SESSIONNAME": "Services"}, False),
    ],
)
def test_a_screen_is_told_from_the_environment(
    platform: str, environ: dict[str, str], seen: bool
) -> None:
    assert display.has_screen(environ=environ, platform=platform) is seen


def test_the_slot_keeps_the_latest_value_and_counts_versions() -> None:
    slot = Latest("a")
    assert slot.get() == (0, "a")
    slot.put("b")
    slot.put("c")
    assert slot.get() == (2, "c")


@given(
    capacity=st.integers(1, 20),
    count=st.integers(0, 70),
)
def test_history_keeps_exactly_the_last_estimates_in_order(capacity: int, count: int) -> None:
    history = History(capacity=capacity)
    for number in range(count):
        history.add(sample_estimate(t=0.1 * (number + 1), valence=number / 100))
    kept = np.arange(count)[-capacity:]
    assert len(history) == len(kept)
    np.testing.assert_array_equal(history.rows()[:, 0], 0.1 * (kept + 1))
    np.testing.assert_array_equal(history.rows()[:, 1], kept / 100)


def test_history_gives_only_the_seconds_asked_for() -> None:
    history = History(capacity=100)
    for number in range(50):
        history.add(sample_estimate(t=number / 2))
    assert history.rows(seconds=2.0)[:, 0].tolist() == [22.5, 23.0, 23.5, 24.0, 24.5]


def test_a_hole_in_time_is_kept_as_a_hole() -> None:
    history = History(capacity=100)
    for t in (1.0, 1.1, 9.0, 9.1):
        history.add(sample_estimate(t=t))
    assert [run[:, 0].tolist() for run in runs(history.rows())] == [[1.0, 1.1], [9.0, 9.1]]


def test_a_step_back_in_time_starts_a_new_history() -> None:
    history = History(capacity=100)
    for t in (5.0, 5.1, 0.1):
        history.add(sample_estimate(t=t))
    assert history.rows()[:, 0].tolist() == [0.1]


@given(st.lists(st.tuples(st.sampled_from([0.1, 5.0]), st.integers(0, 2)), max_size=40))
def test_the_music_turned_wherever_the_count_rose_also_behind_a_hole(
    steps: list[tuple[float, int]],
) -> None:
    history = History(capacity=200)
    t, turns, expected = 0.0, 7, []
    for seconds, more in steps:
        t += seconds
        turns += more
        known = len(history) > 0  # what was before the first is not known
        history.add(sample_estimate(t=t, turns=turns))
        expected += [t] * (known and more > 0)
    assert turned(history.rows()) == expected


def test_every_status_has_words_of_its_own() -> None:
    assert set(STATUS_WORDS) == set(STATUS_NOTES) == set(Status)
    assert len(set(STATUS_WORDS.values())) == len(Status)


def test_numbers_are_written_for_people() -> None:
    assert (signed(0.424), signed(-0.5), signed(0.0)) == ("+0.42", "−0.50", "+0.00")
    assert (clock(0.9), clock(61), clock(3 * 3600 + 62)) == ("0:00", "1:01", "3:01:02")
    assert turned_words([]) == ""
    assert turned_words(["0:41"]) == "▴ the music turned at 0:41"
    assert turned_words(["0:10", "0:41", "1:20", "2:05"]) == (
        "▴ the music turned at 0:41, 1:20, 2:05"
    )


def test_a_snapshot_follows_the_messages() -> None:
    estimate = sample_estimate()
    away = StatusMessage(
        status=Status.RECONNECTING,
        detail="the USB microphone is gone",
        t=5,
        wall_time=None,
        source="USB microphone",
    )
    snapshot = Snapshot().after(HELLO).after(estimate)
    assert (snapshot.link, snapshot.hello) == (Link.CONNECTED, HELLO)
    assert (snapshot.estimate, snapshot.status) == (estimate, Status.MUSIC)

    held = snapshot.after(away)
    assert held.estimate is estimate
    assert (held.status, held.source) == (Status.RECONNECTING, "USB microphone")
    assert held.after(sample_estimate(status=Status.RECONNECTING)).detail == away.detail
    assert held.after(estimate).detail == ""
    level, marker = LevelMessage(t=5, level_dbfs=-9, peak_dbfs=-3), Marker(label="drop", t=5.0)
    for _ in range(1000):
        held = held.after(level).after(marker)
    assert set(held.levels) == {level}
    assert set(held.markers) == {marker}
    assert len(held.levels) == len(held.markers) == 64

    gone = held.after(Bye(reason="stopped by the user"))
    assert (gone.link, gone.estimate) == (Link.RECONNECTING, estimate)
    assert "stopped by the user" in gone.problem
    assert gone.after(HELLO).problem == ""


def test_the_reader_stops_without_waiting_for_a_service_that_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listening, release = threading.Event(), threading.Event()

    class Messages:
        def __iter__(self) -> Iterator[ServerMessage]:
            listening.set()
            release.wait()
            yield HELLO

        def mark(self, label: str, *, id: str = "") -> None:
            raise ServiceError("not in this test")

    def waited(*arguments: object, **options: object) -> None:
        raise AssertionError("it waited")

    reader = Reader(Messages, latest=Latest(Snapshot()))
    reader.start()
    assert listening.wait(PATIENCE_S)
    monkeypatch.setattr(threading.Thread, "join", waited)
    reader.stop()
    monkeypatch.undo()
    release.set()


def test_the_reader_says_that_the_service_is_away_and_goes_on_when_it_returns() -> None:
    second = sample_estimate(t=0.1)
    seen: list[Snapshot] = []
    done, release = threading.Event(), threading.Event()

    class Recorder(Latest[Snapshot]):
        def put(self, value: Snapshot) -> None:
            super().put(value)
            seen.append(value)
            if value.estimate is second:
                done.set()

    calls = iter(range(10))

    class Messages:
        def __iter__(self) -> Iterator[ServerMessage]:
            return messages()

        def mark(self, label: str, *, id: str = "") -> None:
            raise ServiceError("not in this test")

    def messages() -> Iterator[ServerMessage]:
        match next(calls):
            case 0:
                raise ServiceError("nobody answers at ws://x")
            case 1:
                yield HELLO
                yield sample_estimate(t=7.0)
            case 2:
                yield HELLO
                yield second
                release.wait()

    reader = Reader(Messages, latest=Recorder(Snapshot()), waits=(0.0,))
    reader.start()
    assert done.wait(PATIENCE_S)
    links = [snapshot.link for snapshot in seen]
    release.set()
    reader.stop()
    assert links == [
        Link.RECONNECTING,
        Link.CONNECTED,
        Link.CONNECTED,
        Link.RECONNECTING,
        Link.CONNECTED,
        Link.CONNECTED,
    ]
    assert seen[0].problem == "nobody answers at ws://x"
    assert seen[3].problem == "the connection ended"


def test_a_thinned_line_holds_the_means_of_fixed_cells_and_the_newest_row() -> None:
    history = History(capacity=100)
    for number in range(9):
        history.add(sample_estimate(t=number / 4, valence=number / 10))
    cells = thinned(history.rows(), step=1.0)
    np.testing.assert_allclose(cells[:, 1], [0.15, 0.55, 0.8])
    history.add(sample_estimate(t=2.25, valence=0.9))
    np.testing.assert_allclose(thinned(history.rows(), step=1.0)[:2, 1], [0.15, 0.55])


def test_a_thinned_line_keeps_a_hole() -> None:
    history = History(capacity=100)
    for t in (1.0, 1.1, 9.0, 9.1):
        history.add(sample_estimate(t=t))
    assert len(runs(thinned(history.rows(), step=0.5))) == 2


@given(capacity=st.integers(1, 9), count=st.integers(1, 40))
def test_the_spectrum_keeps_exactly_the_last_columns(capacity: int, count: int) -> None:
    spectrum = Spectrum(capacity=capacity, bands=2)
    for number in range(count):
        assert spectrum.add(0.1 * (number + 1), (number, 255), hop=0.1)
    kept = list(range(count))[-capacity:]
    columns = spectrum.columns()
    assert columns.shape == (capacity, 2)
    assert columns[-len(kept) :, 0].tolist() == kept


def test_hops_that_never_came_are_empty_columns() -> None:
    spectrum = Spectrum(capacity=5, bands=1)
    spectrum.add(0.1, (7,), hop=0.1)
    spectrum.add(0.4, (9,), hop=0.1)
    assert spectrum.columns()[:, 0].tolist() == [0, 7, 0, 0, 9]
    assert not spectrum.add(0.4, (9,), hop=0.1)
    assert not spectrum.add(0.5, (9, 9), hop=0.1)
    spectrum.add(0.1, (3,), hop=0.1)  # begun anew
    assert spectrum.columns()[:, 0].tolist() == [0, 0, 0, 0, 3]


def test_one_part_is_drawn_at_a_time_and_each_at_most_so_often() -> None:
    turns, drawn = Turns(), list[str]()
    turns.add("fast", lambda: drawn.append("fast"), period=0.0)
    turns.add("slow", lambda: drawn.append("slow"), period=1.0)
    for frame in range(20):
        turns.want("fast", "slow")
        turns.take(frame / 10)
    assert drawn.count("slow") == 2
    assert drawn.count("fast") == 18
    turns.take(9.0)
    turns.take(9.0)
    assert not turns.take(9.0)


def test_a_slow_part_has_as_many_turns_in_a_row_as_it_takes() -> None:
    turns, drawn = Turns(), list[str]()

    def slow() -> Iterator[None]:
        for step in "abc":
            drawn.append(step)
            yield

    turns.add("slow", slow, period=0.0)
    turns.add("fast", lambda: drawn.append("fast"), period=0.0)
    turns.want("slow", "fast")
    taken = []
    while turns.take(1.0):
        taken.append(len(drawn))
    assert drawn == ["a", "b", "c", "fast"]
    assert taken == [1, 2, 3, 4]


@given(across=st.floats(-60, 60), down=st.floats(-60, 60), side=st.sampled_from([-1, 0, 1]))
def test_a_word_is_never_under_the_point(across: float, down: float, side: int) -> None:
    reach, radius = (40.0, 8.0), 15.0
    shift, _ = evasion(across, down, reach=reach, radius=radius, side=side)
    beside = abs(across) >= reach[0] + radius
    assert beside or abs(down - shift) >= reach[1] + radius - 1e-9


def test_a_word_does_not_flutter_about_a_point_that_trembles() -> None:
    side, sides = 0, set()
    for number in range(100):
        _, side = evasion(0.0, (-1) ** number * 2.0, reach=(40.0, 8.0), radius=15.0, side=side)
        sides.add(side)
    assert len(sides) == 1


def test_the_pipe_carries_commands_one_way_and_reports_the_other() -> None:
    from_session, to_window = os.pipe()
    from_window, to_session = os.pipe()
    pipe = SessionPipe(from_session, to_session)
    assert pipe.send(Pause())
    assert parse_command(os.read(from_window, 4096)) == Pause()
    failed = Failed(do="source", message="no such device")
    os.write(to_window, b"noise\n" + failed.to_json().encode()[:9])
    os.write(to_window, failed.to_json().encode()[9:] + b"\n")
    os.close(to_window)
    reports = []
    while not pipe.ended:
        threading.Event().wait(0.005)
    reports += pipe.take()
    assert reports == [failed]


def test_a_session_that_reads_nothing_holds_up_nobody_and_is_told() -> None:
    from_session, _to_window = os.pipe()
    _from_window, to_session = os.pipe()
    pipe = SessionPipe(from_session, to_session)
    asked = Record(name="x" * 200, sound=False)
    assert not all(pipe.send(asked) for _ in range(100_000))
