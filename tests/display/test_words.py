"""The words of the plane: none over another and none under the point, wherever that goes."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.display.plots.plane import Plane
from realtime_mer.display.plots.words import WordPlaces
from realtime_mer.display.theme import THEMES, LayoutName
from realtime_mer.emotion import MOOD_WORDS
from tests.samples import sample_estimate

COORDINATES = st.floats(min_value=-1.0, max_value=1.0)
WORDS = [mood.word for mood in MOOD_WORDS]


def rectangles(
    places: WordPlaces, sizes: dict[str, tuple[float, float]]
) -> list[tuple[float, ...]]:
    corners = []
    for word, (width, height) in sizes.items():
        x, y = places.place(word)
        corners.append((x - width / 2, y - height / 2, x + width / 2, y + height / 2))
    return corners


@given(
    steps=st.lists(st.tuples(COORDINATES, COORDINATES), min_size=1, max_size=30),
    side=st.integers(250, 1000),
    widths=st.lists(st.integers(30, 160), min_size=len(WORDS), max_size=len(WORDS)),
    height=st.integers(14, 34),
    radius=st.integers(10, 26),
)
def test_no_two_words_intersect_and_none_is_under_the_point_on_any_way_of_it(
    steps: list[tuple[float, float]], side: int, widths: list[int], height: int, radius: int
) -> None:
    homes = {m.word: ((m.valence + 1) * side / 2, (1 - m.arousal) * side / 2) for m in MOOD_WORDS}
    sizes = dict(zip(WORDS, ((float(width), float(height)) for width in widths), strict=True))
    places = WordPlaces(homes, sizes, radius=radius)
    for valence, arousal in steps:
        x, y = (valence + 1) * side / 2, (1 - arousal) * side / 2
        places.make_way(x, y)
        drawn = rectangles(places, sizes)
        for (l1, t1, r1, b1), (l2, t2, r2, b2) in itertools.combinations(drawn, 2):
            assert r1 <= l2 or r2 <= l1 or b1 <= t2 or b2 <= t1
        for left, top, right, bottom in drawn:
            beside = max(left - x, x - right, 0.0)
            over = max(top - y, y - bottom, 0.0)
            assert max(beside, over) >= radius - 0.3  # it does not move for less


@pytest.mark.parametrize("layout", list(THEMES))
@settings(max_examples=15, deadline=None)
@given(
    steps=st.lists(st.tuples(COORDINATES, COORDINATES), min_size=1, max_size=8),
    size=st.sampled_from([320, 480, 640]),
)
def test_no_two_labels_intersect_on_the_plane_for_any_point_and_mood(
    qapp: object, layout: LayoutName, steps: list[tuple[float, float]], size: int
) -> None:
    plane = Plane(THEMES[layout])
    plane.resize(size, size)
    plane.grab()
    for number, (valence, arousal) in enumerate(steps):
        estimate = sample_estimate(t=0.1 * (number + 1), valence=valence, arousal=arousal)
        plane.show_estimate(estimate, now=float(number))
        plane.show_mood(estimate.words)
        for moment in (0.3, 0.6, 1.0):
            plane.advance(number + moment)
            rects = [plane.word_rect(word) for word in WORDS]
            for one, other in itertools.combinations(rects, 2):
                assert not one.intersects(other)


def test_words_with_room_stand_at_their_own_place_and_come_back_to_it() -> None:
    homes = {"up": (100.0, 50.0), "down": (100.0, 120.0), "aside": (400.0, 60.0)}
    places = WordPlaces(homes, dict.fromkeys(homes, (80.0, 20.0)), radius=15.0)
    assert {word: places.place(word) for word in homes} == homes
    assert places.make_way(100.0, 60.0) == ["up"]
    assert places.place("up")[1] == pytest.approx(60.0 - 25.0)
    places.make_way(700.0, 300.0)
    assert {word: places.place(word) for word in homes} == homes


def test_a_word_that_makes_way_pushes_the_next_one_on() -> None:
    homes = {"a": (100.0, 100.0), "b": (110.0, 126.0)}
    places = WordPlaces(homes, dict.fromkeys(homes, (80.0, 20.0)), radius=15.0)
    places.make_way(100.0, 95.0)  # between them and above: both go down
    assert places.place("a")[1] == pytest.approx(95.0 + 25.0)
    assert places.place("b")[1] >= places.place("a")[1] + 20.0
