"""Which tracks an owner is asked about, and in which order."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.library.checking.drawing import drawn
from realtime_mer.library.tracks import Point

ratings = st.floats(-1, 1)
places = st.lists(st.builds(Point, valence=ratings, arousal=ratings), max_size=60)


@given(places, st.integers(1, 30), st.integers(0, 5))
def test_every_track_comes_once_and_a_seed_gives_one_order(tracks, count, seed) -> None:
    order = list(drawn(tracks, count=count, seed=seed))
    assert sorted(order) == [*range(len(tracks))]
    assert order == list(drawn(tracks, count=count, seed=seed))


def test_rare_moods_are_asked_about_as_well_as_common_ones() -> None:
    common = [Point(valence=0.3 + n / 10_000, arousal=0.3) for n in range(1000)]
    rare = [Point(valence=-0.8, arousal=-0.8), Point(valence=0.9, arousal=-0.7)]
    first = [*drawn([*common, *rare], count=20, seed=0)][:3]
    assert {1000, 1001} <= {*first}


def test_the_order_tells_nothing_of_where_a_track_lies() -> None:
    """Whichever of 16 tracks of 16 cells it is, it comes first about as often as any other."""
    tracks = [Point(valence=v / 4, arousal=a / 4) for v in range(4) for a in range(4)]
    first = Counter(next(drawn(tracks, count=16, seed=seed)) for seed in range(1600))
    assert len(first) == 16
    assert all(60 <= times <= 145 for times in first.values())  # 4.4 standard deviations of 100


def test_no_track_is_no_draw() -> None:
    assert list(drawn([], count=20, seed=0)) == []


@pytest.mark.parametrize("count", [1, 20])
def test_tracks_at_one_place_are_drawn_too(count: int) -> None:
    tracks = [Point(valence=0.1, arousal=0.1)] * 3
    assert sorted(drawn(tracks, count=count, seed=0)) == [0, 1, 2]
