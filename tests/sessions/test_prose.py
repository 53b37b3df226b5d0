"""Sentences of a report say what its numbers say, and no two of them say opposite things."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.emotion import MOOD_WORDS, QUADRANTS
from realtime_mer.estimate import Status
from realtime_mer.mood import mood_words
from realtime_mer.sessions.course import Course, Segment, segments
from realtime_mer.sessions.prose import duration, sentence, summary
from realtime_mer.wording import QUADRANT_WORDS, quadrant_words
from tests.samples import sample_estimate

QUADRANT = {mood.word: mood.quadrant for mood in MOOD_WORDS}
PARTS = st.tuples(*[st.floats(0.01, 1)] * 4)


def segment(valence: float, arousal: float, *parts: float, sd: float = 0.2) -> Segment:
    quadrants = {q: part / sum(parts) for q, part in zip(QUADRANTS, parts, strict=True)}
    return Segment(
        start=0.0,
        end=60.0,
        status=Status.MUSIC,
        words=mood_words(valence, arousal, valence_sd=sd, arousal_sd=sd, quadrants=quadrants),
        quadrants=quadrants,
        valence=valence,
        arousal=arousal,
        valence_sd=sd,
        arousal_sd=sd,
    )


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (segment(0.5, -0.4, 1, 1, 1, 9), "Calm: very pleasant, with little energy"),
        (
            segment(0.03, -0.5, 1, 1, 4, 5),
            "Between tired and calm: neither clearly pleasant nor unpleasant, "
            "with very little energy",
        ),
        (segment(0.0, 0.02, 1, 1, 1, 1), "Near the middle: no mood stood out"),
        (
            segment(0.2, -0.08, 1, 1, 1, 9),
            "Near the middle, if anything serene: pleasant, with rather little energy",
        ),
        (Segment(start=0.0, end=5.0, status=Status.TOO_QUIET), "Too quiet"),
        (Segment(start=0.0, end=5.0, status=Status.NO_MUSIC), "No music"),
    ],
)
def test_a_segment_is_told_as_somebody_would_say_it(one: Segment, said: str) -> None:
    assert sentence(one) == said


@given(st.floats(-1, 1), st.floats(-1, 1), PARTS, st.floats(0.01, 1))
def test_a_sentence_takes_no_side_that_its_words_or_numbers_do_not_take(
    valence: float, arousal: float, parts: tuple[float, ...], sd: float
) -> None:
    one = segment(valence, arousal, *parts, sd=sd)
    said = sentence(one)
    claims = {QUADRANT[word] for word in one.words} - {None}
    if "neither clearly" not in said and "no mood" not in said:
        unpleasant = bool(re.search(r"\bunpleasant", said))
        assert unpleasant == (valence < 0)
        assert claims <= ({"Q2", "Q3"} if unpleasant else {"Q1", "Q4"})
    if "neither much" not in said and "no mood" not in said:
        little = "little energy" in said
        assert little == (arousal < 0)
        assert claims <= ({"Q3", "Q4"} if little else {"Q1", "Q2"})


@given(
    st.lists(st.tuples(st.integers(1, 200), st.floats(-1, 1), st.floats(-1, 1), PARTS), max_size=5)
)
def test_what_a_summary_says_of_the_whole_time_is_one_claim_with_a_word_of_it(
    stretches: list[tuple[int, float, float, tuple[float, ...]]],
) -> None:
    estimates = []
    for count, valence, arousal, parts in stretches:
        quadrants = {q: part / sum(parts) for q, part in zip(QUADRANTS, parts, strict=True)}
        estimates += [
            sample_estimate(
                seq=len(estimates) + i, valence=valence, arousal=arousal, quadrants=quadrants
            )
            for i in range(count)
        ]
    course = Course.of(estimates, hop=0.1)
    said = summary(course, segments(course))
    names = {quadrant_words(quadrant): quadrant for quadrant in QUADRANT_WORDS}
    told = re.findall(r"(\w+ and \w+) \((\d+)%\), above all (\w+) \((\d+)%\)", said)
    for claim, part, word, word_part in told:
        assert QUADRANT[word] == names[claim]
        assert int(word_part) <= int(part)
    if estimates:
        parts_told = map(int, re.findall(r"(?:and \w+|middle) \((\d+)%\)", said))
        assert sum(parts_told) >= 49  # in whole percents


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (1.0, "1 second"),
        (59.0, "59 seconds"),
        (60.0, "1 minute"),
        (150.0, "2 minutes"),
        (3600.0, "1 hour"),
        (7500.0, "2 hours 5 minutes"),
    ],
)
def test_a_duration_is_told_as_people_say_it(seconds: float, said: str) -> None:
    assert duration(seconds) == said
