"""The next session of a room begins when the clock on the wall says so."""

import sys
import time as clocks
from collections.abc import Iterator
from datetime import datetime, time, timedelta

import pytest

from realtime_mer.errors import InputError
from realtime_mer.rooms.recording.days import next_break, time_of_day


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if sys.platform == "win32":
        pytest.skip("Windows cannot be told of another place")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    clocks.tzset()
    yield
    monkeypatch.undo()
    clocks.tzset()


@pytest.mark.parametrize(
    ("now", "at", "found"),
    [
        ("2026-11-30T23:59:59", "00:00", "2026-12-01T00:00:00+01:00"),
        ("2026-12-01T00:00:00", "00:00", "2026-12-02T00:00:00+01:00"),
        ("2026-12-01T03:00:00", "06:30", "2026-12-01T06:30:00+01:00"),
        ("2026-12-01T06:30:00", "06:30", "2026-12-02T06:30:00+01:00"),
        ("2026-10-24T12:00:00", "00:00", "2026-10-25T00:00:00+02:00"),  # clocks are changed then
        ("2026-10-25T00:00:00", "00:00", "2026-10-26T00:00:00+01:00"),
        ("2026-03-29T00:00:00", "00:00", "2026-03-30T00:00:00+02:00"),
    ],
)
def test_it_is_at_the_next_such_time_of_day(berlin: None, now: str, at: str, found: str) -> None:
    asked = time_of_day(at)
    assert asked is not None
    assert next_break(datetime.fromisoformat(now).astimezone(), asked).isoformat() == found


def test_a_day_on_which_clocks_are_put_back_is_longer(berlin: None) -> None:
    first = next_break(datetime(2026, 10, 24, 12).astimezone(), time(0))
    assert next_break(first, time(0)) - first == timedelta(hours=25)


@pytest.mark.parametrize("text", ["24:00", "noon", "", "7", "12:60", "-1:00"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    assert time_of_day("never") is None
    with pytest.raises(InputError, match="00:00 to 23:59, or never"):
        time_of_day(text)
