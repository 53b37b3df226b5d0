"""Whether music sounds: a gate with hysteresis over what the network says hop by hop."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.errors import InputError
from realtime_mer.hops import StreamPolicy
from realtime_mer.presence import MusicGate

POLICY = StreamPolicy(no_music_below=0.4, music_above=0.6, no_music_after_s=1.5, music_after_s=0.5)
CLOSES, OPENS = 15, 5  # hops of 0.1 s


def gate(policy: StreamPolicy = POLICY) -> MusicGate:
    return MusicGate(policy, hop_s=0.1)


def closed(gate: MusicGate, *music: float) -> list[bool]:
    found = []
    for one in music:
        gate.take(one)
        found.append(gate.closed)
    return found


def test_it_begins_open_and_closes_after_the_stated_time_without_music() -> None:
    assert closed(gate(), *[0.1] * 16) == [False] * 14 + [True] * 2


def test_it_opens_after_the_stated_time_with_music() -> None:
    made = gate()
    closed(made, *[0.1] * 15)
    assert closed(made, *[0.9] * 6) == [True] * 4 + [False] * 2


def test_what_lies_between_the_thresholds_speaks_for_neither() -> None:
    made = gate()
    assert closed(made, *[0.1] * 14, 0.5, *[0.1] * 15)[-2:] == [False, True]
    assert closed(made, *[0.5] * 100) == [True] * 100
    assert closed(made, *[0.9] * 4, 0.5, *[0.9] * 5)[-2:] == [True, False]


def test_the_thresholds_themselves_lie_between_them() -> None:
    made = gate()
    assert not any(closed(made, *[POLICY.no_music_below] * 50))
    closed(made, *[0.0] * 15)
    assert all(closed(made, *[POLICY.music_above] * 50))


def test_a_model_that_does_not_tell_never_closes_it() -> None:
    made = gate()
    assert not any(closed(made, *[math.nan] * 100))
    assert not made.doubtful
    closed(made, *[0.1] * 15)
    assert closed(made, *[math.nan] * 5)[-1] is False


def test_times_of_nothing_are_at_once() -> None:
    made = gate(StreamPolicy(no_music_after_s=0.0, music_after_s=0.0))
    assert closed(made, 0.9, 0.1, 0.3, 0.9, 0.1) == [False, True, True, False, True]


def test_music_is_doubted_as_soon_as_it_is_unlikely() -> None:
    made = gate()
    for music, doubtful in ((0.9, False), (0.39, True), (0.5, False), (0.1, True)):
        made.take(music)
        assert (made.closed, made.doubtful) == (False, doubtful)


def test_a_restart_is_a_new_gate() -> None:
    made = gate()
    closed(made, *[0.1] * 20)
    made.restart()
    assert (made.closed, made.doubtful) == (False, False)
    closed(made, *[0.1] * 14)
    made.restart()
    assert closed(made, *[0.1] * 15) == [False] * 14 + [True]


@given(
    runs=st.lists(
        st.tuples(st.sampled_from([0.0, 0.39, 0.4, 0.5, 0.6, 0.61, 1.0]), st.integers(1, 20))
    )
)
def test_it_turns_where_and_only_where_hops_in_a_row_spoke_for_it(
    runs: list[tuple[float, int]],
) -> None:
    music = [value for value, count in runs for _ in range(count)]
    was, turned = False, 0  # the hop from which on the present state is
    for at, now in enumerate(closed(gate(), *music)):
        if was:
            since = music[max(turned, at + 1 - OPENS) : at + 1]
            turns = len(since) == OPENS and min(since) > 0.6
        else:
            since = music[max(turned, at + 1 - CLOSES) : at + 1]
            turns = len(since) == CLOSES and max(since) < 0.4
        assert (now != was) is turns
        if turns:
            turned = at + 1
        was = now


def test_thresholds_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"music_above 0\.3 must not lie under no_music_below 0\.4"
    ):
        StreamPolicy(no_music_below=0.4, music_above=0.3)
