"""What a route makes of its value: within its target, calm, at its rate. No clock, no wire."""

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.outlets.mapping.routes import Shaped
from tests.outlets.plans import plan_of


def shaped(**route: Any) -> Shaped:
    return Shaped(plan_of({"from": "valence", **route}).routes[0])


@pytest.mark.parametrize(
    ("route", "given", "sent"),
    [
        ({}, 0.25, 0.25),
        ({"range": [-1, 1], "target": [0, 255]}, 0.0, 127.5),
        ({"range": [-0.5, 0.5], "target": [0, 10]}, 0.9, 10.0),
        ({"target": [0, 127]}, -1.0, 0.0),
        ({"target": [100, 0]}, 1.0, 0.0),
        ({"target": [0, 100], "invert": True}, 1.0, 0.0),
        ({"target": [0, 100], "curve": 2}, 0.0, 25.0),
        ({"target": [0, 100], "curve": 0.5}, -0.5, 50.0),
        ({"target": [0, 100], "curve": "s"}, -0.5, 15.625),
        ({"target": [-20, -10]}, 0.0, -15.0),
    ],
)
def test_a_value_is_brought_from_its_range_to_the_target(
    route: dict[str, Any], given: float, sent: float
) -> None:
    assert shaped(**route).step(given, t=0.1) == pytest.approx(sent)


def test_a_word_becomes_what_stands_for_it_and_others_send_nothing() -> None:
    route = shaped(**{"from": "status", "words": {"music": 1, "silence": 0}})
    assert [route.step(word, t=0.1) for word in ("music", "gap", "silence")] == [1, 1, 0]
    fresh = shaped(**{"from": "status", "words": {"music": 1}})
    assert fresh.step("gap", t=0.1) is None


def test_after_its_attack_time_a_value_has_gone_63_percent_of_the_way_in_any_steps() -> None:
    for hops in (1, 7, 50):
        route = shaped(target=[0, 1], attack_s=0.5, release_s=2)
        route.step(-1.0, t=0.0)
        for hop in range(1, hops + 1):
            value = route.step(1.0, t=0.5 * hop / hops)
        assert value == pytest.approx(1 - math.exp(-1))
        for hop in range(1, hops + 1):
            value = route.step(-1.0, t=0.5 + 2.0 * hop / hops)
        assert value == pytest.approx((1 - math.exp(-1)) * math.exp(-1))


FINITE = st.floats(-10, 10)
STEPS = st.lists(
    st.tuples(
        st.none() | FINITE,
        st.floats(0, 5),
        st.floats(0, 2),
        st.sampled_from(["music", "silence", "no_music", "too_quiet", "no_signal", "gap"]),
    ),
    max_size=30,
)
SHAPES = st.fixed_dictionaries(
    {
        "target": st.tuples(FINITE, FINITE).map(list),
        "attack_s": st.floats(0, 5),
        "release_s": st.floats(0, 5),
        "curve": st.sampled_from(["linear", "s", 0.5, 2, 7.0]),
        "invert": st.booleans(),
        "unsure": st.sampled_from(["pass", "slow", "hold"]),
        "silence": st.sampled_from(["pass", "hold", "home"]),
        "no_music": st.sampled_from(["pass", "hold", "home"]),
        "too_quiet": st.sampled_from(["pass", "hold", "home"]),
    }
)


@given(SHAPES, STEPS, st.floats(0, 1), st.booleans())
def test_whatever_comes_what_is_sent_lies_within_the_target(
    shape: dict[str, Any],
    steps: list[tuple[float | None, float, float, str]],
    at: float,
    home: bool,
) -> None:
    low, high = sorted(shape["target"])
    if home:
        shape = {**shape, "home": min(high, max(low, low + at * (high - low)))}
    route = shaped(**shape)
    sent = [route.begin()]
    t = 0.0
    for value, dt, sd, status in steps:
        t += dt
        sent.append(route.step(value, t=t, sd=sd, status=status))
    sent.append(route.end())
    for value in sent:
        assert value is None or low <= float(value) <= high


@given(
    st.floats(-1, 1),
    st.lists(st.tuples(st.floats(0, 3), st.floats(0, 2)), min_size=1, max_size=20),
    st.floats(0, 4),
    st.floats(0, 4),
    st.sampled_from(["pass", "slow", "hold"]),
)
def test_on_its_way_to_a_goal_a_value_never_turns_back_and_never_overshoots(
    start: float, steps: list[tuple[float, float]], attack: float, release: float, unsure: str
) -> None:
    route = shaped(target=[0, 100], attack_s=attack, release_s=release, unsure=unsure)
    route.step(start, t=0.0)
    t = 0.0
    for goal, place in ((1.0, 100.0), (-1.0, 0.0)):
        for dt, sd in steps:
            before = float(route.value or 0.0)
            t += dt
            route.step(goal, t=t, sd=sd)
            assert route.value is not None
            assert min(before, place) <= float(route.value) <= max(before, place)


@given(st.floats(0, 2), st.floats(0, 2), st.floats(0, 3))
def test_the_wider_the_interval_the_slower_a_value_moves(
    one: float, other: float, attack: float
) -> None:
    moved = []
    for sd in sorted((one, other)):
        route = shaped(target=[0, 1], attack_s=attack, unsure="slow")
        route.step(-1.0, t=0.0)
        moved.append(route.step(1.0, t=0.1, sd=sd))
    assert moved[0] >= moved[1]


def test_a_value_holds_while_it_is_unsure_and_goes_on_afterwards() -> None:
    route = shaped(unsure="hold", unsure_sd=0.4)
    assert route.step(0.1, t=0.1, sd=0.3) == 0.1
    assert route.step(0.9, t=0.2, sd=0.5) == 0.1
    assert route.step(0.9, t=0.3, sd=0.4) == 0.9


@pytest.mark.parametrize(
    ("key", "status"),
    [
        ("silence", "silence"),
        ("silence", "no_signal"),
        ("no_music", "no_music"),
        ("too_quiet", "too_quiet"),
    ],
)
def test_what_it_does_in_silence_and_the_like_is_for_the_route_to_say(
    key: str, status: str
) -> None:
    for treatment, value in (("pass", 0.75), ("hold", 0.5), ("home", 0.125)):
        route = shaped(target=[0, 1], home=0.125, **{key: treatment})
        route.step(0.0, t=0.1, status="music")
        assert route.step(0.5, t=0.2, status=status) == value
        assert route.step(1.0, t=0.3, status="music") == 1.0


def test_home_is_sent_at_the_start_and_the_end_unless_otherwise_said() -> None:
    route = shaped(target=[0, 255], home=0)
    assert (route.begin(), type(route.begin())) == (0.0, float)
    assert route.end() == 0.0
    waits = shaped(target=[0, 255], home=0, start="wait", end="hold")
    assert (waits.begin(), waits.end()) == (None, None)
    homeless = shaped(target=[0, 255])
    assert (homeless.begin(), homeless.end()) == (None, None)


def test_from_home_a_value_moves_as_calmly_as_from_anywhere() -> None:
    route = shaped(target=[0, 1], home=0, attack_s=1)
    route.begin()
    assert route.step(1.0, t=5.0) == 0.0  # no time has passed since the start
    assert route.step(1.0, t=6.0) == pytest.approx(1 - math.exp(-1))


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=50), st.floats(0.01, 50))
def test_of_a_value_nothing_is_sent_that_differs_by_less_than_its_step(
    values: list[float], step: float
) -> None:
    route = shaped(target=[0, 100], step=step)
    sent = [route.step(value, t=0.1 * hop) for hop, value in enumerate(values)]
    told = [float(value) for value in sent if value is not None]
    assert all(abs(b - a) >= step for a, b in pairwise(told))
    assert abs(told[-1] - 50 * (values[-1] + 1)) <= step


@given(st.integers(1, 20), st.integers(1, 200))
def test_no_more_are_sent_than_the_rate_allows(rate: int, hops: int) -> None:
    route = shaped(max_rate=rate)
    sent = [route.step(0.5, t=hop / 10) for hop in range(hops)]
    assert sum(value is not None for value in sent) <= hops / 10 * rate + 1


def test_what_a_rate_holds_back_comes_later() -> None:
    route = shaped(max_rate=5)
    assert [route.step(value, t=t) for value, t in ((0.1, 0.0), (0.2, 0.1), (0.3, 0.2))] == [
        0.1,
        None,
        0.3,
    ]


def test_only_changes_are_sent_where_that_is_wished() -> None:
    route = shaped(**{"from": "mood", "only_changes": True})
    words = ["calm", "calm", "sad", "sad", "calm"]
    assert [route.step(word, t=0.1) for word in words] == ["calm", None, "sad", None, "calm"]


def test_what_is_not_there_sends_nothing() -> None:
    route = shaped(**{"from": "familiar", "target": [0, 1]})
    assert route.step(None, t=0.1) is None
    assert route.step(0.5, t=0.2) == 0.5
    assert route.step(None, t=0.3) == 0.5  # it stands


def test_a_stream_that_begins_anew_moves_nothing_backwards_in_time() -> None:
    route = shaped(target=[0, 1], attack_s=1)
    route.step(-1.0, t=100.0)
    assert route.step(1.0, t=0.1) == 0.0
    assert route.step(1.0, t=1.1) == pytest.approx(1 - math.exp(-1))
