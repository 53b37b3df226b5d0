"""Which tracks go on from here."""

import itertools
import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.library.plane import continuing, distances, leading
from realtime_mer.library.tracks import Point, Track
from tests.library.made import made_track, moving

# A coarse grid, so that equal places and equal distances happen often.
coordinates = st.integers(-10, 10).map(lambda tenths: tenths / 10)
points = st.builds(Point, valence=coordinates, arousal=coordinates)
counts = st.integers(1, 12)


@st.composite
def libraries(draw: Any, *, min_size: int = 0) -> list[Track]:
    size = draw(st.integers(min_size, 25))
    tracks = []
    for number in range(size):
        ends = [draw(coordinates) for _ in range(4)]
        valence, arousal = draw(coordinates), draw(coordinates)
        tracks.append(
            made_track(
                f"/music/{number:02}.flac",
                valence=valence,
                arousal=arousal,
                course=moving(
                    np.linspace(ends[0], ends[1], 20).tolist(),
                    np.linspace(ends[2], ends[3], 20).tolist(),
                ),
                valence_spread=draw(st.sampled_from([0.0, 0.1, 0.4])),
                arousal_spread=draw(st.sampled_from([0.0, 0.1, 0.4])),
            )
        )
    return tracks


def gap(place: Track | Point, point: Point) -> float:
    valence, arousal = place.valence - point.valence, place.arousal - point.arousal
    # Not hypot: it rounds otherwise, and places on the grid may be equally far to the last bit.
    return math.sqrt(valence * valence + arousal * arousal)


def names(found: list[Any]) -> list[str]:
    return [one.track.path for one in found]


# -- the measure -----------------------------------------------------------------------------------


def test_distance_is_the_root_mean_square_of_the_step_and_of_the_track() -> None:
    track = made_track(
        valence=0.3,
        arousal=0.4,
        course=moving([0.1] * 2 + [0.5] * 18, [0.0] * 2 + [0.5] * 18),
        valence_spread=0.1,
        arousal_spread=0.2,
    )
    (distance,) = distances([track], Point(valence=0.0, arousal=0.0))
    assert distance == pytest.approx(math.sqrt((0.1**2 + (0.5**2 + 0.1**2 + 0.2**2)) / 2))


# -- continuing a mood -----------------------------------------------------------------------------


def test_a_steady_track_continues_a_mood_better_than_one_that_wanders() -> None:
    steady, wandering = made_track("/steady"), made_track("/a", valence_spread=0.3)
    found = continuing([wandering, steady], here=Point(valence=0, arousal=0), count=2)
    assert names(found) == ["/steady", "/a"]


def test_a_track_that_begins_here_comes_before_one_that_only_ends_here() -> None:
    towards = np.linspace(-0.5, 0.0, 20).tolist()
    away = towards[::-1]
    tracks = [
        made_track("/ends", valence=-0.25, course=moving(towards, [0.0] * 20)),
        made_track("/goes on", valence=-0.25, course=moving(away, [0.0] * 20)),
    ]
    found = continuing(tracks, here=Point(valence=0, arousal=0), count=2)
    assert names(found) == ["/goes on", "/ends"]


@given(tracks=libraries(), here=points, count=counts)
def test_what_continues_is_the_nearest_each_once_the_best_first(tracks, here, count) -> None:
    found = continuing(tracks, here=here, count=count)
    far = [one.distance for one in found]
    assert len(found) == min(count, len(tracks))
    assert len(set(names(found))) == len(found)
    assert far == sorted(far)
    rest = [track for track in tracks if track.path not in names(found)]
    if rest:
        assert far[-1] <= distances(rest, here).min()


@given(tracks=libraries(), here=points, count=counts)
def test_fewer_are_the_first_of_more(tracks, here, count) -> None:
    more = continuing(tracks, here=here, count=count + 3)
    assert continuing(tracks, here=here, count=count) == more[:count]


# -- leading elsewhere -----------------------------------------------------------------------------


@given(tracks=libraries(), here=points, there=points, count=counts)
def test_a_path_comes_strictly_nearer_with_every_track(tracks, here, there, count) -> None:
    found = leading(tracks, here=here, there=there, count=count)
    start = gap(here, there)
    gaps = [start, *(gap(one.track, there) for one in found)]
    assert all(later < earlier for earlier, later in itertools.pairwise(gaps))
    assert len(set(names(found))) == len(found)
    assert len(found) <= count
    assert bool(found) == any(gap(track, there) < start for track in tracks)


@given(tracks=libraries(min_size=2), here=points, count=counts)
def test_a_path_to_a_track_ends_with_it(tracks, here, count) -> None:
    *rest, target = tracks
    found = leading(rest, here=here, there=target, count=count)
    assert found[-1].track == target
    assert len(set(names(found))) == len(found) <= count
    start = gap(here, target.mean)
    gaps = [gap(one.track, target.mean) for one in found]
    assert all(later < earlier for earlier, later in itertools.pairwise(gaps))
    assert all(distance < start for distance in gaps[:-1])


@given(tracks=libraries(), here=points, there=points, count=counts, seed=st.integers(0, 99))
def test_the_order_of_the_table_does_not_matter(tracks, here, there, count, seed) -> None:
    shuffled = random.Random(seed).sample(tracks, len(tracks))
    for one, other in (
        (
            leading(tracks, here=here, there=there, count=count),
            leading(shuffled, here=here, there=there, count=count),
        ),
        (
            continuing(tracks, here=here, count=count),
            continuing(shuffled, here=here, count=count),
        ),
    ):
        assert one == other


@given(tracks=libraries(), here=points, there=points, count=st.integers(1, 3))
def test_no_other_path_fits_its_places_better(tracks, here, there, count) -> None:
    tracks = tracks[:9]
    found = leading(tracks, here=here, there=there, count=count)
    start = gap(here, there)
    places = len(found)
    wanted = [
        Point(
            valence=here.valence + i / places * (there.valence - here.valence),
            arousal=here.arousal + i / places * (there.arousal - here.arousal),
        )
        for i in range(1, places + 1)
    ]
    costs = [
        sum(distances([t], p)[0] ** 2 for t, p in zip(path, wanted, strict=True))
        for path in itertools.permutations(tracks, places)
        if all(
            later < earlier
            for earlier, later in itertools.pairwise([start, *(gap(t, there) for t in path)])
        )
    ]
    if places:
        assert sum(one.distance**2 for one in found) == pytest.approx(min(costs), abs=1e-12)


def test_through_a_dense_library_the_steps_are_equal() -> None:
    grid = np.linspace(-1, 1, 41).tolist()
    tracks = [made_track(f"/{v:+.2f}{a:+.2f}", valence=v, arousal=a) for v in grid for a in grid]
    here, there = Point(valence=-0.5, arousal=-0.5), Point(valence=0.5, arousal=0.5)
    found = leading(tracks, here=here, there=there, count=10)
    assert [one.track.valence for one in found] == pytest.approx(np.linspace(-0.4, 0.5, 10))
    assert [one.track.arousal for one in found] == pytest.approx(np.linspace(-0.4, 0.5, 10))
