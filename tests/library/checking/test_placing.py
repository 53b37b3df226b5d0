"""A place on the plane that is moved with keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.errors import InputError
from realtime_mer.library.checking.placing import COLUMNS, Place, keys, plane, read_point
from realtime_mer.library.tracks import Point

UP, DOWN, RIGHT, LEFT = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D"


def after(pressed: str) -> Point:
    place = Place()
    for key in keys(pressed):
        place = place.moved(key)
    return place.point


@pytest.mark.parametrize(
    ("pressed", "valence", "arousal"),
    [
        (UP * 3 + RIGHT * 5, 0.5, 0.3),
        ("\x1bOA\x1bOD", -0.1, 0.1),
        ("\xe0H\xe0M\x00M", 0.2, 0.1),
        ("kkl", 0.1, 0.2),
        (LEFT * 14, -1.0, 0.0),
        (DOWN * 30 + UP, 0.0, -0.9),
        ("xyz", 0.0, 0.0),
    ],
    ids="arrows application windows letters edge back others".split(),
)
def test_keys_move_by_a_tenth_and_not_off_the_plane(pressed, valence, arousal) -> None:
    assert after(pressed) == Point(valence=valence, arousal=arousal)


@given(st.lists(st.sampled_from([UP, DOWN, RIGHT, LEFT, "s", "\r"]), max_size=20))
def test_keys_that_came_at_once_are_told_apart(pressed: list[str]) -> None:
    assert list(keys("".join(pressed))) == pressed


@given(st.integers(-10, 10), st.integers(-10, 10))
def test_the_plane_shows_the_one_place_and_says_it_in_numbers(right: int, up: int) -> None:
    place = Place(right, up)
    lines = plane(place)
    rows = [line for line in lines[1:-2] if "O" in line]
    assert len(rows) == 1
    assert rows[0].count("O") == 1
    assert Place.at(place.point) == place
    column = rows[0].index("O") - len("unpleasant ")
    assert column == round((right / 10 + 1) / 2 * (COLUMNS - 1))
    assert f"{abs(right) / 10:.1f}" in lines[-1]


def test_the_plane_as_it_looks() -> None:
    lines = plane(Place(5, -6))
    assert [line.rstrip() for line in lines[5:10]] == [
        "           " + " " * 20 + "|",
        "unpleasant " + "-" * 20 + "+" + "-" * 20 + " pleasant",
        "           " + " " * 20 + "|",
        "           " + " " * 20 + "|",
        "           " + " " * 20 + "|" + " " * 9 + "O",
    ]


@pytest.mark.parametrize("typed", ["0.3 -0.5", "0.3,-0.5", " .3, −.5 "])
def test_numbers_are_read_as_people_type_them(typed: str) -> None:
    assert read_point(typed) == Point(valence=0.3, arousal=-0.5)


@pytest.mark.parametrize("typed", ["", "0.3", "1 2", "a b", "nan nan", "0 0 0"])
def test_what_is_no_place_is_told(typed: str) -> None:
    with pytest.raises(InputError, match="is no place"):
        read_point(typed)
