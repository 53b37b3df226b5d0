"""Rows of numbers and the times of their windows."""

import math
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.outlets.rows import Rows, Stamps

HOP_S = 0.1


def test_values_of_one_moment_are_a_row_once_all_that_came_before_are_there() -> None:
    rows = Rows(3)
    assert rows.put(0, 1.0, t=0.1, captured_at=7.0) is None
    assert rows.put(1, 2.0, t=0.1, captured_at=7.0) is None
    assert rows.take_whole() is None  # of the first nobody knows
    first = rows.put(0, 3.0, t=0.2, captured_at=7.1)
    assert first is not None
    assert first[:2] == (0.1, 7.0)
    assert first[2] == pytest.approx([1.0, 2.0, math.nan], nan_ok=True)
    assert rows.take_whole() is None
    rows.put(1, 4.0, t=0.2, captured_at=7.1)
    whole = rows.take_whole()
    assert whole is not None
    assert whole[2][:2] == [3.0, 4.0]
    assert rows.take() is None


def test_what_does_not_come_keeps_its_value_and_holds_no_row_up_for_longer_than_one() -> None:
    rows = Rows(2)
    for channel in (0, 1):
        rows.put(channel, 1.0, t=0.1, captured_at=None)
    ended = [rows.put(0, t, t=t, captured_at=None) for t in (0.2, 0.3)]
    assert [row and row[2] for row in ended] == [[1.0, 1.0], [0.2, 1.0]]
    whole = rows.take_whole()
    assert whole is not None
    assert whole[2] == [0.3, 1.0]


def test_the_first_channel_sets_the_pace_and_what_is_of_other_moments_begins_no_row() -> None:
    rows = Rows(2)
    rows.put(0, 0.1, t=0.1, captured_at=None)
    assert rows.put(1, 9.0, t=2.1, captured_at=None) is None
    row = rows.put(0, 0.2, t=0.2, captured_at=None)
    assert row == (0.1, None, [0.1, 9.0])


def test_a_home_position_is_no_row() -> None:
    rows = Rows(1)
    assert rows.put(0, 0.5, t=None, captured_at=None) is None
    assert rows.take() is None


lateness = st.lists(
    st.floats(min_value=0, max_value=0.2, allow_nan=False), min_size=1, max_size=300
)


@given(lateness, st.integers(min_value=0, max_value=20))
def test_a_stamp_is_never_late_by_more_than_the_least_late_of_the_last_ten_seconds(
    late: list[float], first: int
) -> None:
    stamps = Stamps()
    for number, by in enumerate(late):
        t = (first + number) * HOP_S
        found = stamps.at(t, 1000 + t + by)
        assert found - (1000 + t) == pytest.approx(
            min(late[max(0, number - 99) : number + 1]), abs=1e-6
        )


def test_a_sound_card_whose_clock_is_slow_is_followed() -> None:
    stamps = Stamps()
    for number in range(36_000):  # an hour
        t, true = number * HOP_S, number * HOP_S * (1 + 1e-4)
        assert stamps.at(t, true) == pytest.approx(true, abs=0.0011)


@given(st.lists(st.floats(min_value=0.3, max_value=50), min_size=1, max_size=5))
def test_after_a_pause_stamps_are_right_at_once(pauses: list[float]) -> None:
    stamps = Stamps()
    number = 0
    for pause in accumulate(pauses):
        for _ in range(20):
            t = number * HOP_S
            number += 1
            assert stamps.at(t, t + pause) == pytest.approx(t + pause, abs=1e-6)
