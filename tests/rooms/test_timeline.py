"""Chunks lie where their indices say, whatever is missing or comes twice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.errors import ProtocolError
from realtime_mer.rooms.clock import SenderClock
from realtime_mer.rooms.limits import Allowance
from realtime_mer.rooms.timeline import Timeline

CHUNKS = st.lists(st.tuples(st.integers(-50, 50), st.integers(0, 40)), max_size=60)


@given(chunks=CHUNKS, first=st.integers(0, 10_000))
def test_every_sample_of_the_time_is_heard_once_or_counted_as_lost(chunks, first: int) -> None:
    timeline = Timeline(rate=8000, next_index=first)
    heard: list[int] = []
    for off, length in chunks:
        index = max(0, timeline.next + off)
        before = timeline.next
        place = timeline.take(index, length)
        kept = list(range(index + place.repeated, index + length))
        assert len(kept) + place.missing == timeline.next - before
        assert not kept or kept[0] == before + place.missing
        heard += kept
    assert len(heard) == len(set(heard))
    assert heard == sorted(heard)
    assert len(heard) + timeline.lost == timeline.next - first


@pytest.mark.parametrize("index", [0, 9_000, 10_000 + 8 * 86400 * 100, 2**64 - 1])
def test_an_index_that_means_nothing_here_is_refused_and_changes_nothing(index: int) -> None:
    timeline = Timeline(rate=100, next_index=20_000)
    with pytest.raises(ProtocolError, match="next"):
        timeline.take(index, 10)
    assert (timeline.next, timeline.lost, timeline.repeated) == (20_000, 0, 0)


# A day of a sender's clock.


def a_day(*, ppm: float, jitter_s: float, gone: tuple[float, float] = (0, 0)) -> SenderClock:
    """A day of chunks of 10 s, which came with jitter and, for a while, all at once after it."""
    clock, chance = SenderClock(), np.random.default_rng(0)
    for second in np.arange(10.0, 86_401.0, 10.0):
        arrives = second + float(chance.exponential(jitter_s))
        if gone[0] <= second < gone[1]:
            arrives = gone[1]
        clock.take(float(second * (1 + ppm / 1e6)), arrives)
    return clock


@pytest.mark.parametrize("ppm", [1000.0, 0.0, -1000.0])
def test_a_clock_that_is_off_for_a_day_is_told_and_shifts_no_time(ppm: float) -> None:
    clock = a_day(ppm=ppm, jitter_s=0.02)
    assert clock.drift_ppm == pytest.approx(ppm, abs=3)
    sound_s = 86_400 * (1 + ppm / 1e6)  # 86 s more or less than the day had
    assert clock.captured_at(sound_s) == pytest.approx(86_400, abs=0.15)


def test_sound_that_comes_late_in_a_burst_was_captured_when_it_was() -> None:
    clock = a_day(ppm=0, jitter_s=0.001, gone=(86_360, 86_399))
    assert clock.captured_at(86_380.0) == pytest.approx(86_380, abs=0.05)


def test_no_drift_is_told_before_a_minute_has_passed() -> None:
    clock = SenderClock()
    assert clock.captured_at(1.0) is None
    for second in range(60):
        clock.take(float(second), second + 0.01)
        assert clock.drift_ppm is None
    assert clock.captured_at(10.0) == pytest.approx(10.01)


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 2)), max_size=50))
def test_who_waits_as_told_never_spends_more_than_grows_back(spent) -> None:
    allowance = Allowance(per_second=2.0, burst=3.0)
    now = total = 0.0
    for amount, pause in spent:
        now += pause
        wait = allowance.spend(amount, now)
        total += amount
        assert total <= 3.0 + 2.0 * (now + wait) + 1e-6
        now += wait
