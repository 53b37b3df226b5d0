"""The parts of the display that need no Qt."""

import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer import display
from realtime_mer.display.history import History, runs
from realtime_mer.display.latest import Latest
from realtime_mer.display.reader import Reader
from realtime_mer.display.snapshot import Link, Snapshot
from realtime_mer.display.words import STATUS_NOTES, STATUS_WORDS, clock, signed
from realtime_mer.errors import ServiceError
from realtime_mer.estimate import Status
from realtime_mer.protocol import Bye, Hello, LevelMessage, ServerMessage, StatusMessage
from tests.samples import sample_estimate

HELLO = Hello(server_version="1", model="default", hop=0.1, window=3.0, sample_rate=24_000)


def test_importing_the_display_does_not_import_qt() -> None:
    code = (
        "import sys, realtime_mer.display, realtime_mer.display.snapshot, realtime_mer.terminal;"
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


def test_every_status_has_words_of_its_own() -> None:
    assert set(STATUS_WORDS) == set(STATUS_NOTES) == set(Status)
    assert len(set(STATUS_WORDS.values())) == len(Status)


def test_numbers_are_written_for_people() -> None:
    assert (signed(0.424), signed(-0.5), signed(0.0)) == ("+0.42", "−0.50", "+0.00")
    assert (clock(0.9), clock(61), clock(3 * 3600 + 62)) == ("0:00", "1:01", "3:01:02")


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
    assert (snapshot.link, snapshot.model) == (Link.CONNECTED, "default")
    assert (snapshot.estimate, snapshot.status) == (estimate, Status.MUSIC)

    held = snapshot.after(away)
    assert held.estimate is estimate
    assert (held.status, held.source) == (Status.RECONNECTING, "USB microphone")
    assert held.after(sample_estimate(status=Status.RECONNECTING)).detail == away.detail
    assert held.after(estimate).detail == ""
    assert held.after(LevelMessage(t=5, level_dbfs=-9, peak_dbfs=-3)) == held

    gone = held.after(Bye(reason="stopped by the user"))
    assert (gone.link, gone.estimate) == (Link.RECONNECTING, estimate)
    assert "stopped by the user" in gone.problem
    assert gone.after(HELLO).problem == ""


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

    def subscribe() -> Iterator[ServerMessage]:
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

    reader = Reader(subscribe, latest=Recorder(Snapshot()), waits=(0.0,))
    reader.start()
    assert done.wait(30)
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
