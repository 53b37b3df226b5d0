"""What is accounted for: estimates that came twice, too late or never, and gaps that are marked."""

from dataclasses import replace

import pytest
from _accounting import Account, Hole, account, faults, joined
from _accounting import Heard as Estimate
from hypothesis import given
from hypothesis import strategies as st


def heard(*numbers: int, connection: int = 0) -> list[Estimate]:
    return [Estimate(0.1 * number, number, "music", 0, 0, connection) for number in numbers]


def wrong(estimates: list[Estimate], *, begins: int = 0, ends: int = 5) -> list[str]:
    return faults("hall", account(estimates), begins=begins, ends=ends)


def test_each_once_and_in_order_is_well() -> None:
    found = account(heard(0, 1, 2, 3, 4))
    assert (found.first, found.last, found.told, found.holes) == (0, 4, 5, ())
    assert faults("hall", found, begins=0, ends=5) == []


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ((0, 1, 1, 2, 3, 4), "hall: 1 came twice"),
        ((0, 1, 2, 1, 3, 4), "hall: 1 came twice"),
        ((0, 2, 1, 3, 4), "hall: 1 came behind a later one"),
        ((0, 1, 4), "hall: 2 to 3 are missing, and nothing says so"),
        ((1, 2, 3, 4), "hall: 0 to 0 are missing at the beginning"),
        ((0, 1, 2), "hall: 3 to 4 are missing at the end"),
        ((0, 1, 2, 3, 4, 5), "hall: 5 came, and sound was sent for 5 only"),
        ((), "hall: nothing came"),
    ],
)
def test_what_must_not_be_is_told(numbers: tuple[int, ...], told: str) -> None:
    assert wrong(heard(*numbers)) == [told]


def test_a_hole_is_marked_by_as_many_skipped_hops_by_lost_sound_or_by_a_gap_beside_it() -> None:
    before, after = heard(0, 1), heard(4)[0]
    for marked in (
        replace(after, skipped=2),
        replace(after, xruns=1),
        replace(after, status="gap"),
    ):
        assert account([*before, marked]).holes == (Hole(2, 2, marked=True),)
        assert wrong([*before, marked]) == []
    too_few = replace(after, skipped=1)
    assert account([*before, too_few]).holes == (Hole(2, 2, marked=False),)


def test_a_new_connection_begins_with_the_latest_and_that_is_no_repetition() -> None:
    assert wrong([*heard(0, 1, 2), *heard(2, 3, 4, connection=1)]) == []
    again = [*heard(0, 1, 2), *heard(2, 3, 3, 4, connection=1)]
    assert wrong(again) == ["hall: 3 came twice"]


def test_silence_is_the_longest_time_between_two_that_came() -> None:
    late = [
        replace(each, at=each.at + (2.0 if each.seq > 2 else 0.0)) for each in heard(0, 1, 2, 3)
    ]
    assert account(late).longest_silence_s == pytest.approx(2.1)
    assert account([]).longest_silence_s == 0.0


def test_what_two_heard_fills_the_holes_of_each() -> None:
    one, other = heard(0, 1, 4), heard(1, 2, 3)
    assert [each.seq for each in joined(one, other)] == [0, 1, 2, 3, 4]
    assert wrong(joined(one, other)) == []


NUMBERS = st.lists(st.integers(0, 40), min_size=1, max_size=60)


@given(NUMBERS)
def test_nothing_is_lost_from_the_account(numbers: list[int]) -> None:
    """Each number between both ends was told or lies in one hole, each that came is told of."""
    found: Account = account(heard(*numbers))
    assert found.first is not None
    assert found.last is not None
    missing = [seq for hole in found.holes for seq in range(hole.start, hole.start + hole.hops)]
    assert sorted([*missing, *set(numbers)]) == list(range(found.first, found.last + 1))
    assert found.told + len(found.repeated) + len(found.disordered) >= len(set(numbers))
    assert bool(found.repeated or found.disordered) == (sorted(set(numbers)) != numbers)


@given(st.lists(st.integers(0, 40), unique=True, max_size=40), st.integers(0, 40))
def test_what_is_split_over_two_is_whole_when_joined(numbers: list[int], cut: int) -> None:
    ordered = sorted(numbers)
    parts = [heard(*(n for n in ordered if n < cut)), heard(*(n for n in ordered if n >= cut))]
    assert account(joined(*parts)) == account(heard(*ordered))
