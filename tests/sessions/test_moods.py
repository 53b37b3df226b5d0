"""Words said of many estimates at once are those said of each."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.emotion import MIDDLE_RADIUS, MOOD_WORDS, QUADRANTS
from realtime_mer.mood import mood_words
from realtime_mer.sessions.moods import words_of

# Places of words, bounds and their like beside those that fall anywhere.
_PLACES = sorted({abs(mood.valence) for mood in MOOD_WORDS} | {MIDDLE_RADIUS, 0.18, 0.24, 1.0})
COORDINATES = st.floats(-1, 1) | st.sampled_from([0.0, -0.0, *_PLACES, *(-x for x in _PLACES)])
DEVIATIONS = st.floats(0, 1) | st.sampled_from([0.0, 5e-324, 0.2])
SHARES = st.tuples(*[st.floats(0, 1) | st.sampled_from([0.0, 0.25, 0.5])] * len(QUADRANTS))
ESTIMATES = st.tuples(COORDINATES, COORDINATES, DEVIATIONS, DEVIATIONS, SHARES)


@settings(max_examples=200)
@given(st.lists(ESTIMATES, max_size=30))
def test_the_words_of_many_are_those_of_each(
    estimates: list[tuple[float, float, float, float, tuple[float, ...]]],
) -> None:
    table = np.array([(*numbers, *shares) for *numbers, shares in estimates]).reshape(-1, 8)
    valence, arousal, valence_sd, arousal_sd = table[:, :4].T
    each = tuple(
        mood_words(
            v, a, valence_sd=sd, arousal_sd=other, quadrants=dict(zip(QUADRANTS, p, strict=True))
        )
        for v, a, sd, other, p in estimates
    )
    together = words_of(
        valence, arousal, valence_sd=valence_sd, arousal_sd=arousal_sd, quadrants=table[:, 4:]
    )
    assert together == each


def test_the_words_of_a_dense_plane_are_those_of_each() -> None:
    random = np.random.default_rng(0)
    points = random.uniform(-1, 1, (20_000, 2)).round(6)
    sds = random.uniform(0.05, 0.5, (20_000, 2)).round(6)
    shares = random.dirichlet(np.ones(4), 20_000).round(6)
    together = words_of(*points.T, valence_sd=sds[:, 0], arousal_sd=sds[:, 1], quadrants=shares)
    for (valence, arousal), (valence_sd, arousal_sd), parts, words in zip(
        points.tolist(), sds.tolist(), shares.tolist(), together, strict=True
    ):
        quadrants = dict(zip(QUADRANTS, parts, strict=True))
        assert words == mood_words(
            valence, arousal, valence_sd=valence_sd, arousal_sd=arousal_sd, quadrants=quadrants
        )
    assert len(set(together)) > 40
