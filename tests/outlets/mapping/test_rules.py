"""When a rule fires: once for each dwell, with hysteresis, and never faster than it may."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.outlets.mapping.conditions import Happening
from realtime_mer.outlets.mapping.rules import Watched
from tests.outlets.plans import plan_of


def watched(**rule: Any) -> Watched:
    return Watched(plan_of(rules=[rule]).rules[0])


def fired(rule: Watched, values: list[float | None], *, hop: float = 0.1) -> list[int]:
    """Return at which hops a rule fires for these values of arousal."""
    return [
        number
        for number, value in enumerate(values)
        if rule.look(lambda _name, value=value: value, t=round(hop * number, 6))  # type: ignore[misc]
    ]


def test_a_rule_fires_when_it_has_been_so_for_its_time() -> None:
    rule = watched(when="arousal > 0.2", for_s=2)
    assert fired(rule, [0.0] * 5 + [0.3] * 40) == [25]


def test_a_hop_in_which_it_is_not_so_begins_the_time_anew() -> None:
    rule = watched(when="arousal > 0.2", for_s=1)
    assert fired(rule, [0.3] * 9 + [0.1] + [0.3] * 20) == [20]


def test_it_fires_again_only_after_what_stands_behind_until() -> None:
    rule = watched(when="arousal > 0.2", until="arousal < 0")
    values: list[float | None] = [0.3, 0.1, 0.3, 0.1, -0.1, 0.1, 0.3, 0.3]
    assert fired(rule, values) == [0, 6]


def test_without_until_it_fires_again_when_it_has_not_been_so() -> None:
    assert fired(watched(when="arousal > 0.2"), [0.3, 0.3, 0.1, 0.3, 0.3]) == [0, 3]


def test_what_is_not_known_neither_fires_nor_ends_a_rule() -> None:
    assert fired(watched(when="arousal > 0.2"), [None, 0.3, None, 0.3, 0.1, 0.3]) == [1, 5]
    slow = watched(when="arousal > 0.2", for_s=0.2)
    assert fired(slow, [0.3, 0.3, None, 0.3, 0.3, 0.3]) == [5]


def test_a_rule_rests_between_two_times() -> None:
    rule = watched(when="arousal > 0.2", rest_s=1)
    assert fired(rule, [0.3, 0.1] * 12) == [0, 10, 20]


ARENA = st.lists(st.none() | st.floats(-1, 1), max_size=120)


@given(ARENA, st.integers(0, 15), st.integers(0, 30))
def test_a_rule_fires_once_for_each_dwell(
    values: list[float | None], dwell: int, rest: int
) -> None:
    """Said by what must lie before each time: nothing that a rule remembers is asked."""
    rule = watched(when="arousal > 0.2", for_s=dwell / 10, until="arousal < 0", rest_s=rest / 10)
    hops = fired(rule, values)
    assert rule.fired == len(hops)
    for hop in hops:
        assert hop >= dwell
        assert all(value is not None and value > 0.2 for value in values[hop - dwell : hop + 1])
    for one, other in pairwise(hops):
        assert other - one >= rest
        assert any(value is not None and value < 0 for value in values[one + 1 : other])
    if rest == 0:  # and none is missing: after the last, or from the start, no dwell is whole
        waiting = 0
        armed = not hops
        for value in values[hops[-1] + 1 if hops else 0 :]:
            armed = armed or (value is not None and value < 0)
            waiting = waiting + 1 if armed and value is not None and value > 0.2 else 0
            assert waiting <= dwell


def test_how_long_it_has_been_so_can_be_seen() -> None:
    rule = watched(when="arousal > 0.2", for_s=2)
    fired(rule, [0.3] * 11)
    assert rule.waited_s == pytest.approx(1.0)
    fired(rule, [0.0])
    assert rule.waited_s is None


def test_a_stream_that_begins_anew_begins_the_time_anew() -> None:
    rule = watched(when="arousal > 0.2", for_s=1, rest_s=100)
    assert fired(rule, [0.3] * 10) == []
    assert fired(rule, [0.3] * 12) == [10]
    assert fired(rule, [0.0, *[0.3] * 12]) == [11]


@pytest.mark.parametrize(
    ("when", "happening", "fires"),
    [
        ("marker", Happening("marker", "drop"), True),
        ('marker "drop"', Happening("marker", "drop"), True),
        ('marker "drop"', Happening("marker", "rise"), False),
        ("mood changes", Happening("mood changes"), True),
        ("mood changes", Happening("status changes"), False),
        ("arousal > 0", Happening("marker", "drop"), False),
    ],
)
def test_a_rule_takes_what_happens(when: str, happening: Happening, fires: bool) -> None:
    assert watched(when=when).happens(happening, t=1.0) is fires


def test_what_happens_a_thousand_times_a_second_fires_as_often_as_the_rule_may() -> None:
    rule = watched(when="marker", rest_s=0.5)
    times = [rule.happens(Happening("marker", "x"), t=hop / 1000) for hop in range(2000)]
    assert sum(times) == 4
