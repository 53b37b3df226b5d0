import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.emotion import GEMS, MOOD_WORDS, QUADRANTS, MoodWord, nearest_mood

COORDINATES = st.floats(-1, 1)


@pytest.mark.parametrize("mood", MOOD_WORDS, ids=lambda mood: mood.word)
def test_the_word_at_its_own_place_is_that_word(mood: MoodWord) -> None:
    assert nearest_mood(mood.valence, mood.arousal) == mood.word


@given(valence=COORDINATES, arousal=COORDINATES)
def test_no_other_word_is_nearer(valence: float, arousal: float) -> None:
    def distance(mood: MoodWord) -> float:
        return math.dist((mood.valence, mood.arousal), (valence, arousal))

    (found,) = (mood for mood in MOOD_WORDS if mood.word == nearest_mood(valence, arousal))
    assert distance(found) == min(map(distance, MOOD_WORDS))


@pytest.mark.parametrize(
    ("valence", "arousal", "words"),
    [
        (1, 1, {"excited"}),
        (-1, 1, {"distressed"}),
        (-1, -1, {"sad", "bored"}),  # as near to one as to the other
        (1, -1, {"calm"}),
    ],
)
def test_a_corner_of_the_plane_has_a_mood_of_its_quadrant(
    valence: float, arousal: float, words: set[str]
) -> None:
    assert nearest_mood(valence, arousal) in words


def test_the_middle_is_neutral() -> None:
    assert nearest_mood(0, 0) == "neutral"


def test_every_word_lies_on_the_plane_and_is_named_once() -> None:
    assert all(abs(mood.valence) <= 1 and abs(mood.arousal) <= 1 for mood in MOOD_WORDS)
    assert len({mood.word for mood in MOOD_WORDS}) == len(MOOD_WORDS)


def test_labels_come_in_the_order_of_the_networks_outputs() -> None:
    assert QUADRANTS == ("Q1", "Q2", "Q3", "Q4")
    assert " ".join(GEMS) == (
        "amazement solemnity tenderness nostalgia calmness power joyful_activation tension sadness"
    )
