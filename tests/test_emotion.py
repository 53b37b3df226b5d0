import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.emotion import (
    GEMS,
    MIDDLE_RADIUS,
    MOOD_WORDS,
    NEUTRAL,
    QUADRANTS,
    MoodWord,
    quadrant_of,
)

COORDINATES = st.floats(-1, 1)


def test_every_word_lies_on_the_plane_and_is_named_once() -> None:
    assert all(abs(mood.valence) <= 1 and abs(mood.arousal) <= 1 for mood in MOOD_WORDS)
    assert len({mood.word for mood in MOOD_WORDS}) == len(MOOD_WORDS)


@pytest.mark.parametrize("mood", MOOD_WORDS, ids=lambda mood: mood.word)
def test_a_word_claims_the_quadrant_in_which_it_lies(mood: MoodWord) -> None:
    if mood is NEUTRAL:
        assert mood.quadrant is None
    elif mood.word == "tired":  # on the axis: people hear no pleasure in it
        assert (mood.valence, mood.quadrant) == (0.0, "Q3")
    else:
        assert mood.quadrant == quadrant_of(mood.valence, mood.arousal)


@given(valence=COORDINATES, arousal=COORDINATES)
def test_a_point_lies_in_the_quadrant_of_its_signs(valence: float, arousal: float) -> None:
    signs = {"Q1": (1, 1), "Q2": (-1, 1), "Q3": (-1, -1), "Q4": (1, -1)}
    right, up = signs[quadrant_of(valence, arousal)]
    assert valence * right >= 0
    assert arousal * up >= 0


def test_the_middle_ends_half_way_to_the_words() -> None:
    assert MIDDLE_RADIUS == 0.3


def test_labels_come_in_the_order_of_the_networks_outputs() -> None:
    assert QUADRANTS == ("Q1", "Q2", "Q3", "Q4")
    assert " ".join(GEMS) == (
        "amazement solemnity tenderness nostalgia calmness power joyful_activation tension sadness"
    )
