"""Which tracks go on from here."""

import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.library.paths.columns import Columns
from realtime_mer.library.paths.plane import squared_distances
from realtime_mer.library.paths.rules import Rules
from realtime_mer.library.paths.search import Search
from realtime_mer.library.tracks import Point, Track
from tests.library.made import made_track, moving
from tests.library.paths.libraries import counts, libraries, points, untagged

HERE = Point(valence=0.0, arousal=0.0)


def continuing(tracks: list[Track], here: Point, count: int) -> list[str]:
    columns = Columns.of(tracks)
    found = Search(columns, Rules(), music_of=untagged).next_ones(here, count)
    return [columns.paths[track] for track, _ in found]


def test_distance_is_the_root_mean_square_of_the_step_and_of_the_track() -> None:
    track = made_track(
        valence=0.3,
        arousal=0.4,
        course=moving([0.1] * 2 + [0.5] * 18, [0.0] * 2 + [0.5] * 18),
        valence_spread=0.1,
        arousal_spread=0.2,
    )
    (squared,) = squared_distances(Columns.of([track]), HERE)
    assert squared == pytest.approx((0.1**2 + (0.5**2 + 0.1**2 + 0.2**2)) / 2)


def test_a_steady_track_continues_a_mood_better_than_one_that_wanders() -> None:
    steady, wandering = made_track("/steady"), made_track("/a", valence_spread=0.3)
    assert continuing([wandering, steady], HERE, 2) == ["/steady", "/a"]


def test_a_track_that_begins_here_comes_before_one_that_only_ends_here() -> None:
    towards = np.linspace(-0.5, 0.0, 20).tolist()
    away = towards[::-1]
    tracks = [
        made_track("/ends", valence=-0.25, course=moving(towards, [0.0] * 20)),
        made_track("/goes on", valence=-0.25, course=moving(away, [0.0] * 20)),
    ]
    assert continuing(tracks, HERE, 2) == ["/goes on", "/ends"]


@settings(deadline=None, max_examples=30)
@given(tracks=libraries(), here=points, count=counts)
def test_what_continues_is_the_nearest_each_once_the_best_first(tracks, here, count) -> None:
    columns = Columns.of(tracks)
    squared = squared_distances(columns, here).tolist()
    found = Search(columns, Rules(), music_of=untagged).next_ones(here, count)
    music = [far for far, share in zip(squared, columns.music_share, strict=True) if share != 0]
    assert [far for _, far in found] == sorted(music)[:count]
    assert all(far == squared[track] for track, far in found)
    assert len({track for track, _ in found}) == len(found)


@settings(deadline=None, max_examples=30)
@given(tracks=libraries(), here=points, count=counts)
def test_fewer_are_the_first_of_more(tracks, here, count) -> None:
    assert continuing(tracks, here, count) == continuing(tracks, here, count + 3)[:count]


@settings(deadline=None, max_examples=30)
@given(tracks=libraries(), here=points, count=counts, seed=st.integers(0, 99))
def test_the_order_of_the_table_does_not_matter(tracks, here, count, seed) -> None:
    shuffled: list[Any] = random.Random(seed).sample(tracks, len(tracks))
    assert continuing(tracks, here, count) == continuing(shuffled, here, count)


def test_of_many_more_than_are_sorted_at_once_all_come_and_in_order() -> None:
    tracks = [
        made_track(
            f"/{number:05}",
            valence=round(math.sin(number), 3),
            course=None,
            beginning=HERE,
            ending=HERE,
        )
        for number in range(5000)
    ]
    columns = Columns.of(tracks)
    found = Search(columns, Rules(), music_of=untagged).next_ones(HERE, 5000)
    far = [squared for _, squared in found]
    assert far == sorted(far)
    assert sorted(track for track, _ in found) == list(range(5000))
