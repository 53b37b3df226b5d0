"""How far a clock is ahead of the steady one."""

import time
from collections.abc import Iterator

import pytest

from realtime_mer.wire.clocks import ahead


def test_a_clock_is_as_far_ahead_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0

    def read() -> float:
        nonlocal now
        now += 0.25  # that a reading takes
        return now

    monkeypatch.setattr(time, "monotonic", read)
    assert ahead(lambda: read() + 7.5) == 7.5


def test_a_look_that_was_disturbed_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    # Seconds that pass at each reading; somebody else runs during the first look and the third.
    passing: Iterator[float] = iter((0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.25))
    now = 100.0

    def read() -> float:
        nonlocal now
        now += next(passing)
        return now

    monkeypatch.setattr(time, "monotonic", read)
    assert ahead(lambda: read() + 7.5) == 7.5
