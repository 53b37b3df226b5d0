"""What is said of an estimate never contradicts what is shown beside it."""

import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from realtime_mer.emotion import MIDDLE_RADIUS, MOOD_WORDS, NEUTRAL, QUADRANTS, MoodWord
from realtime_mer.mood import Held, Said, Words, contradictions, mood_text, mood_words
from realtime_mer.wording import mostly
from tests.samples import sample_estimate

QUADRANT = {mood.word: mood.quadrant for mood in MOOD_WORDS}
COORDINATES = st.floats(-1, 1) | st.sampled_from([0.0, -0.0, 1.0, -1.0])
DEVIATIONS = st.floats(0, exclude_min=True, allow_infinity=False)


def shares(*parts: float) -> dict[str, float]:
    return dict(zip(QUADRANTS, (part / sum(parts) for part in parts), strict=True))


PROBABILITIES = st.tuples(*[st.floats(0, 1)] * 4).filter(lambda p: sum(p) > 0.1).map(
    lambda parts: shares(*parts)
) | st.sampled_from([shares(1, 1, 1, 1), shares(1, 0, 1, 0), shares(0, 0, 0, 1)])


def said(valence: float, arousal: float, quadrants: dict[str, float], **sds: float) -> Words:
    sds = {"valence_sd": 0.3, "arousal_sd": 0.3, **sds}
    return mood_words(valence, arousal, quadrants=quadrants, **sds)


@given(COORDINATES, COORDINATES, DEVIATIONS, DEVIATIONS, PROBABILITIES)
@example(-0.05, 0.62, 0.4, 0.27, shares(69, 25, 3, 3))  # from a window: "astonished", in Q2
@example(0.05, -0.1, 0.3, 0.3, shares(6, 2, 8, 84))  # from a report: "neutral", Q4 84 %
def test_words_contradict_neither_the_point_nor_the_quadrants(
    valence: float,
    arousal: float,
    valence_sd: float,
    arousal_sd: float,
    quadrants: dict[str, float],
) -> None:
    words = said(valence, arousal, quadrants, valence_sd=valence_sd, arousal_sd=arousal_sd)
    assert not contradictions(words, valence=valence, arousal=arousal, quadrants=quadrants)
    assert len(set(words)) == len(words) in {1, 2}
    assert set(words) <= QUADRANT.keys()


@given(COORDINATES, COORDINATES, PROBABILITIES)
def test_it_is_said_that_a_point_is_near_the_middle(
    valence: float, arousal: float, quadrants: dict[str, float]
) -> None:
    near = math.hypot(valence, arousal) < MIDDLE_RADIUS
    assert (said(valence, arousal, quadrants)[0] == NEUTRAL.word) == near


@pytest.mark.parametrize("mood", MOOD_WORDS[1:], ids=lambda mood: mood.word)
def test_where_all_agree_the_word_at_the_point_is_said(mood: MoodWord) -> None:
    sure = {name: float(name == mood.quadrant) for name in QUADRANTS}
    off_axis = mood.valence - 0.01 * (mood.word == "tired")
    assert said(off_axis, mood.arousal, sure, valence_sd=0.01, arousal_sd=0.01) == (mood.word,)


@pytest.mark.parametrize(
    ("valence", "arousal", "quadrants", "words"),
    [
        (0.05, -0.5, shares(5, 5, 40, 50), ("tired", "calm")),  # hardly right of the axis
        (0.4, -0.4, shares(5, 5, 10, 80), ("calm",)),
        (0.4, -0.4, shares(5, 5, 50, 40), ("tired", "calm")),  # the network says Q3, the point Q4
        (-0.05, 0.62, shares(69, 25, 3, 3), ("astonished", "tense")),
        (0.3, 0.3, shares(20, 20, 40, 20), ("excited", "tired")),  # at odds altogether
        (0.0, 0.0, shares(1, 1, 1, 1), ("neutral",)),
        (0.1, -0.1, shares(5, 5, 6, 84), ("neutral", "calm")),
        (0.1, -0.1, shares(20, 20, 20, 40), ("neutral",)),
    ],
)
def test_what_is_uncertain_is_said_with_two_words(
    valence: float, arousal: float, quadrants: dict[str, float], words: Words
) -> None:
    assert said(valence, arousal, quadrants) == words


def test_the_less_certain_the_point_the_sooner_two_words_are_said() -> None:
    quadrants = shares(60, 30, 5, 5)
    lengths = [len(said(0.2, 0.5, quadrants, valence_sd=sd)) for sd in (0.01, 0.1, 0.3, 1.0)]
    assert lengths == sorted(lengths)
    assert (lengths[0], lengths[-1]) == (1, 2)


def test_an_sd_of_zero_is_a_sure_point() -> None:
    assert said(0.4, 0.5, shares(7, 1, 1, 1), valence_sd=0.0, arousal_sd=0.0) == ("excited",)


@pytest.mark.parametrize(
    ("words", "valence", "arousal", "quadrants", "count"),
    [
        (("astonished",), -0.05, 0.6, shares(69, 25, 3, 3), 1),  # the point
        (("tense",), -0.05, 0.6, shares(69, 25, 3, 3), 1),  # the quadrants
        (("sad",), 0.4, 0.5, shares(7, 1, 1, 1), 2),  # both
        (("tired",), 0.3, -0.4, shares(5, 3, 8, 84), 2),
        (("neutral",), 0.1, -0.1, shares(5, 3, 8, 84), 1),
        (("neutral",), 0.5, -0.5, shares(1, 1, 1, 1), 1),
        (("tired", "calm"), 0.3, -0.4, shares(5, 3, 8, 84), 0),
        (("tired", "calm"), -0.3, -0.4, shares(5, 3, 8, 84), 0),
        (("excited",), 0.0, 0.5, shares(1, 1, 0, 0), 0),  # on the axis, of two equals
        (("tense",), 0.0, 0.5, shares(1, 1, 0, 0), 0),
        (("calm",), 0.1, -0.1, shares(1, 1, 1, 2), 0),  # near the middle, on its side
        (("calm",), -0.1, -0.1, shares(1, 1, 1, 2), 1),
    ],
)
def test_a_contradiction_is_recognised(
    words: Words, valence: float, arousal: float, quadrants: dict[str, float], count: int
) -> None:
    found = contradictions(words, valence=valence, arousal=arousal, quadrants=quadrants)
    assert len(found) == count


def test_a_mood_is_said_in_words_or_in_ones_own() -> None:
    assert mood_text(("calm",)) == "calm"
    assert mood_text(("tired", "calm")) == "between tired and calm"
    own = {"calm": "ruhig", "tired": "{}"}
    assert mood_text(("tired", "calm"), own=own, short=True) == "{} \N{EN DASH} ruhig"
    assert mood_text(()) == ""


# -- live ----------------------------------------------------------------------------------------


def test_words_are_held_until_their_successors_have_stood() -> None:
    held = Held(0.4)
    calm = sample_estimate(valence=0.42, arousal=-0.42)
    serene = sample_estimate(valence=0.52, arousal=-0.3)
    heard = [(calm, 0.0), (serene, 0.1), (calm, 0.2), (serene, 0.3), (serene, 0.6), (serene, 0.8)]
    shown = [held.offer(estimate, now=now) for estimate, now in heard]
    assert shown == [("calm",)] * 5 + [("serene",)]


def test_words_that_would_contradict_give_way_at_once() -> None:
    held = Held(10.0)
    held.offer(sample_estimate(mood="calm"), now=0.0)
    assert held.offer(sample_estimate(mood="tense"), now=0.1) == ("tense",)


def test_a_clock_that_begins_anew_holds_nothing() -> None:
    held = Held(10.0)
    held.offer(sample_estimate(mood="calm"), now=50.0)
    held.offer(sample_estimate(mood="serene"), now=51.0)
    assert held.offer(sample_estimate(mood="serene"), now=0.1) == ("serene",)


@given(
    st.lists(st.tuples(COORDINATES, COORDINATES, PROBABILITIES, st.floats(0, 1)), max_size=30),
    st.floats(0, 5),
)
def test_held_words_contradict_nothing_either(moments: list[tuple[Any, ...]], hold: float) -> None:
    held, now = Held(hold), 0.0
    for valence, arousal, quadrants, step in moments:
        now += step
        estimate = sample_estimate(valence=valence, arousal=arousal, quadrants=quadrants)
        words = held.offer(estimate, now=now)
        assert not contradictions(words, valence=valence, arousal=arousal, quadrants=quadrants)


# -- over a time ---------------------------------------------------------------------------------

WORDS = st.lists(st.sampled_from(list(QUADRANT)), min_size=1, max_size=2, unique=True).map(tuple)


@given(st.lists(st.tuples(WORDS, st.floats(0.1, 100))))
def test_the_quadrants_of_a_time_are_the_sums_of_their_words(
    moments: list[tuple[Words, float]],
) -> None:
    counted = Said()
    for words, amount in moments:
        counted.add(words, amount=amount)
    quadrants = counted.quadrants
    assert sum(quadrants.values()) == pytest.approx(sum(amount for _, amount in moments))
    for quadrant, amount in quadrants.items():
        mine = (a for word, a in counted.words.items() if QUADRANT[word] == quadrant)
        assert amount == pytest.approx(sum(mine))


@given(st.lists(st.tuples(WORDS, st.floats(0.1, 100)), min_size=1))
def test_what_was_said_most_is_one_claim_and_a_word_of_it(
    moments: list[tuple[Words, float]],
) -> None:
    counted = Said()
    for words, amount in moments:
        counted.add(words, amount=amount)
    most = counted.most()
    assert most is not None
    assert QUADRANT[most.word] == most.quadrant
    assert 0 < most.word_part <= most.part * (1 + 1e-9)
    assert most.part >= 1 / 5 - 1e-9  # of four quadrants and the middle


def test_what_was_said_most_is_told_in_one_breath() -> None:
    counted = Said()
    counted.add(("calm",), amount=4)
    counted.add(("tired",), amount=5)  # the most frequent word, and yet not what prevails
    counted.add(("serene",), amount=3)
    most = counted.most()
    assert most is not None
    assert mostly(most) == "pleasant and calm (58%), above all calm (33%)"
    counted.add(("neutral",), amount=88)
    most = counted.most()
    assert most is not None
    assert mostly(most) == "near the middle (88%)"


def test_nothing_was_said_most_of_nothing() -> None:
    assert Said().most() is None
