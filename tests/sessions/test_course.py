"""Segments, change points and shares."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.estimate import Estimate, Status
from realtime_mer.sessions.course import SHORTEST_SEGMENT_S, Course, segments
from tests.samples import sample_estimate

Stretch = tuple[float, float, float, Status]  # seconds, valence, arousal


def course_of(*stretches: Stretch, noise: float = 0.0) -> Course:
    rng = np.random.default_rng(0)
    estimates: list[Estimate] = []
    for seconds, valence, arousal, status in stretches:
        for _ in range(round(seconds * 10)):
            estimates.append(
                sample_estimate(
                    seq=len(estimates),
                    valence=valence + noise * rng.standard_normal(),
                    arousal=arousal + noise * rng.standard_normal(),
                    status=status,
                )
            )
    return Course.of(estimates, hop=0.1)


MUSIC, SILENCE, GAP = Status.MUSIC, Status.SILENCE, Status.GAP


def test_music_that_stays_the_same_is_one_segment_however_long() -> None:
    (one,) = segments(course_of((1800, 0.4, 0.1, MUSIC), noise=0.05))
    assert (one.start, one.end, one.mood) == (0.0, 1800.0, "happy")
    assert one.valence == pytest.approx(0.4, abs=0.01)
    assert one.valence_sd == pytest.approx(0.2)


def test_changes_are_found_where_they_are() -> None:
    found = segments(
        course_of((40, 0.5, 0.3, MUSIC), (30, -0.4, -0.3, MUSIC), (50, 0.4, -0.4, MUSIC), noise=0.1)
    )
    assert [one.mood for one in found] == ["delighted", "sad", "calm"]
    assert [one.start for one in found] == pytest.approx([0, 40, 70], abs=0.5)


def test_a_change_of_one_coordinate_alone_counts_too() -> None:
    assert len(segments(course_of((20, 0.0, 0.5, MUSIC), (20, 0.0, -0.5, MUSIC)))) == 2


def test_a_flicker_shorter_than_the_shortest_segment_makes_none() -> None:
    found = segments(course_of((40, 0.3, 0, MUSIC), (1, -0.3, 0, MUSIC), (40, 0.3, 0, MUSIC)))
    assert all(one.end - one.start >= SHORTEST_SEGMENT_S - 0.05 for one in found)


def test_silence_is_a_segment_without_a_mood_and_a_short_gap_is_none() -> None:
    found = segments(
        course_of((20, 0.3, 0.3, MUSIC), (5, 0.3, 0.3, SILENCE), (20, 0.3, 0.3, MUSIC))
    )
    assert [one.status for one in found] == [MUSIC, SILENCE, MUSIC]
    assert (found[1].mood, found[1].valence) == ("", None)
    (one,) = segments(course_of((20, 0.3, 0, MUSIC), (0.5, 1, 1, GAP), (20, 0.3, 0, MUSIC)))
    assert one.valence == pytest.approx(0.3)  # the gap's estimates are not of music


def test_the_music_turned_where_the_count_rose_and_nobody_says_so_where_none_compared() -> None:
    def course(*turns: int, changed: float | None = 0.1) -> Course:
        told = [
            sample_estimate(seq=seq, turns=count, changed=changed)
            for seq, count in enumerate(turns, start=600)  # amid a session
        ]
        return Course.of(told, hop=0.1)

    assert course(7, 7, 8, 8, 10).turned == (60.3, 60.5)
    assert course(7, 7).turned == ()
    assert course(0, 1, changed=None).turned is None


def test_nothing_at_all_is_no_segment() -> None:
    empty = Course.of([], hop=0.1)
    assert segments(empty) == []
    assert empty.seconds == 0.0
    assert set(empty.said.quadrants.values()) == {0.0}
    assert empty.said.most() is None


@given(
    st.lists(
        st.tuples(
            st.floats(0.1, 30), st.floats(-1, 1), st.floats(-1, 1), st.sampled_from(list(Status))
        ),
        min_size=1,
        max_size=8,
    )
)
def test_segments_follow_one_another_and_cover_the_session(stretches: list[Stretch]) -> None:
    course = course_of(*stretches)
    found = segments(course)
    assert found[0].start == 0.0
    assert found[-1].end == course.seconds
    for one, following in pairwise(found):
        assert one.end == pytest.approx(following.start)
        assert one.start < one.end
    for one in found:
        assert bool(one.words) == (one.status is MUSIC)


def test_time_in_quadrants_and_moods_counts_music_alone() -> None:
    course = Course.of(
        [
            *(sample_estimate(seq=seq, mood="calm") for seq in range(10)),
            *(
                sample_estimate(
                    seq=seq, mood="happy", quadrants={"Q1": 0.7, "Q2": 0.1, "Q3": 0.1, "Q4": 0.1}
                )
                for seq in range(10, 40)
            ),
            *(sample_estimate(seq=seq, mood="sad", status=SILENCE) for seq in range(40, 90)),
        ],
        hop=0.1,
    )
    assert dict(course.said.words) == pytest.approx({"happy": 3.0, "calm": 1.0})
    assert dict(course.said.quadrants) == pytest.approx(
        {"Q1": 3.0, "Q2": 0.0, "Q3": 0.0, "Q4": 1.0, None: 0.0}
    )
    assert dict(course.seconds_of_status()) == pytest.approx({SILENCE: 5.0, MUSIC: 4.0})


def test_which_estimates_are_music_is_found_once_however_many_segments() -> None:
    asked = 0

    class Counted(tuple):  # type: ignore[type-arg]
        def __iter__(self) -> Iterator[Status]:
            nonlocal asked
            asked += 1
            return super().__iter__()

    whole = course_of(*[(10, (-1) ** i * 0.5, 0.3, MUSIC) for i in range(12)])
    course = replace(whole, statuses=Counted(whole.statuses))
    assert len(segments(course)) == 12
    once = asked
    for _ in range(3):
        segments(course)
    assert once <= 2
    assert asked - once <= 3  # each time the stretches are sought
