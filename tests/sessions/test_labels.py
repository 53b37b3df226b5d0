"""No label of a drawing covers another."""

import math
from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.sessions.labels import Box, Discs, free_place, rows


def discs_of(*discs: tuple[float, float, float]) -> Discs:
    """Return discs by centre and radius."""
    x, y, radius = np.array(discs, dtype=np.float64).reshape(-1, 3).T
    return Discs(x=x, y=y, radius=radius)


PLACES = st.tuples(st.floats(0, 500), st.floats(5, 60))


@given(st.lists(PLACES, max_size=40), st.integers(1, 6))
def test_labels_of_a_row_stand_side_by_side(labels: list[tuple[float, float]], most: int) -> None:
    found = rows(labels, most=most)
    for one, other in combinations(range(len(labels)), 2):
        if found[one] is not None and found[one] == found[other]:
            (a, width), (b, other_width) = labels[one], labels[other]
            assert abs(a - b) >= (width + other_width) / 2 - 1e-9


def test_labels_at_one_place_stand_above_one_another_as_far_as_there_are_rows() -> None:
    assert rows([(10.0, 8.0)] * 4 + [(30.0, 8.0)], most=3) == [0, 1, 2, None, 0]


@given(
    st.tuples(st.floats(0, 200), st.floats(0, 200)),
    st.lists(st.tuples(st.floats(0, 200), st.floats(0, 200), st.floats(1, 60)), max_size=6),
    st.lists(st.tuples(st.floats(0, 200), st.floats(0, 200), st.floats(1, 60)), max_size=4),
)
def test_a_free_place_is_free(
    home: tuple[float, float],
    labels: list[tuple[float, float, float]],
    circles: list[tuple[float, float, float]],
) -> None:
    wanted = Box(x=home[0], y=home[1], width=20.0, height=10.0)
    taken = [Box(x=x, y=y, width=width, height=10.0) for x, y, width in labels]
    discs = discs_of(*circles)
    found = free_place(wanted, taken=taken, discs=discs, within=200, far=60)
    if found is None:
        return
    assert not any(map(found.overlaps, taken))
    assert not discs.cover(found)
    assert 10 <= found.x <= 190
    assert 5 <= found.y <= 195
    assert math.dist(home, (found.x, found.y)) <= 60 + 1e-9


def test_a_label_stays_where_it_is_free_and_goes_no_further_than_it_may() -> None:
    home = Box(x=50.0, y=50.0, width=20.0, height=10.0)
    assert free_place(home, taken=[], within=100, far=60) == home
    everywhere = discs_of((0.0, 0.0, 1.0), (50.0, 50.0, 300.0))
    assert free_place(home, taken=[], discs=everywhere, within=100, far=60) is None
    moved = free_place(home, taken=[home], within=100, far=60)
    assert moved is not None
    assert 10.0 <= math.dist((moved.x, moved.y), (50.0, 50.0)) <= 12.0 + 1e-9


def test_a_disc_covers_what_it_touches() -> None:
    box = Box(x=0.0, y=0.0, width=20.0, height=10.0)
    assert discs_of((13.0, 9.0, 5.1)).cover(box)
    assert not discs_of((13.0, 9.0, 4.9)).cover(box)
    assert not discs_of().cover(box)
