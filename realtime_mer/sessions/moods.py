"""What is said of many estimates at once: ``mood_words`` of each, in a fraction of the time."""

import math

import numpy as np
from numpy.typing import NDArray

from realtime_mer.emotion import MIDDLE_RADIUS, MOOD_WORDS, NEUTRAL, QUADRANTS
from realtime_mer.mood import CLEAR, MAJORITY, Words, mood_words

_DOUBT = 1e-9  # how near a bound distances are compared number by number, as ``mood_words`` does
_WORDS = tuple(mood.word for mood in MOOD_WORDS)
_PLACES = np.array([(mood.valence, mood.arousal) for mood in MOOD_WORDS])
_CLAIMED = tuple(
    np.array([place for place, mood in enumerate(MOOD_WORDS) if mood.quadrant == name])
    for name in QUADRANTS
)
_NEUTRAL = MOOD_WORDS.index(NEUTRAL)

_Numbers = NDArray[np.float64]


def words_of(
    valence: _Numbers,
    arousal: _Numbers,
    *,
    valence_sd: _Numbers,
    arousal_sd: _Numbers,
    quadrants: _Numbers,
) -> tuple[Words, ...]:
    """Return the words of each of n estimates, the very ones of ``mood_words``.

    Args:
        valence, arousal, valence_sd, arousal_sd: ``(n,)``, as for ``mood_words``.
        quadrants: ``(n, 4)``, in the order of ``QUADRANTS``.
    """
    every = np.arange(len(valence))
    here = np.where(arousal >= 0, np.where(valence >= 0, 0, 1), np.where(valence < 0, 2, 3))
    likeliest = quadrants.argmax(axis=1)
    likeliest = np.where(quadrants[every, here] == quadrants.max(axis=1), here, likeliest)
    # The nearest word of each quadrant, and whether another one is as near.
    right, up = valence[:, None] - _PLACES[:, 0], arousal[:, None] - _PLACES[:, 1]
    distances = np.hypot(right, up)
    nearest, doubtful = np.empty((2, len(valence), len(QUADRANTS)), dtype=np.intp)
    for quadrant, places in enumerate(_CLAIMED):
        near = distances[:, places]
        nearest[:, quadrant] = places[near.argmin(axis=1)]
        doubtful[:, quadrant] = np.sum(near < near.min(axis=1, keepdims=True) + _DOUBT, axis=1) > 1
    centre = np.hypot(valence, arousal)
    middle = centre < MIDDLE_RADIUS
    one = np.where(middle, _NEUTRAL, nearest[every, here])
    two = nearest[every, likeliest]
    alone = middle & (quadrants[every, likeliest] < MAJORITY)
    outside = np.flatnonzero(~middle & (here == likeliest))
    second, clear = _second(
        here[outside],
        right=_above_zero(valence[outside], valence_sd[outside]),
        up=_above_zero(arousal[outside], arousal_sd[outside]),
        quadrants=quadrants[outside],
    )
    two[outside] = nearest[outside, second]
    alone[outside] = clear
    low = np.where(alone, one, np.minimum(one, two))
    high = np.where(alone, one, np.maximum(one, two))
    said: list[Words] = [
        (_WORDS[a],) if a == b else (_WORDS[a], _WORDS[b])
        for a, b in zip(low.tolist(), high.tolist(), strict=True)
    ]
    for at in np.flatnonzero(doubtful.any(axis=1) | (abs(centre - MIDDLE_RADIUS) < _DOUBT)):
        said[at] = mood_words(
            float(valence[at]),
            float(arousal[at]),
            valence_sd=float(valence_sd[at]),
            arousal_sd=float(arousal_sd[at]),
            quadrants=dict(zip(QUADRANTS, quadrants[at].tolist(), strict=True)),
        )
    return tuple(said)


def _second(
    here: NDArray[np.intp], *, right: _Numbers, up: _Numbers, quadrants: _Numbers
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the likelier neighbour of each point's quadrant, and whether it is far less likely."""
    every, count = np.arange(len(here)), len(QUADRANTS)
    point = np.stack(
        (right * up, (1 - right) * up, (1 - right) * (1 - up), right * (1 - up)), axis=1
    )
    likely = (point + quadrants) / 2
    before, after = (here - 1) % count, (here + 1) % count
    other = np.where(likely[every, after] > likely[every, before], after, before)
    return other, likely[every, other] < CLEAR * likely[every, here]


def _above_zero(mean: _Numbers, sd: _Numbers) -> _Numbers:
    """Return the part of each normal distribution that lies above zero."""
    sure = sd <= 0
    with np.errstate(over="ignore", invalid="ignore"):  # of a tiny deviation
        scaled = mean / np.where(sure, 1.0, sd) / math.sqrt(2)
    above = np.fromiter(map(math.erf, scaled.tolist()), dtype=np.float64, count=len(scaled))
    return np.where(sure, (mean >= 0).astype(np.float64), (1 + above) / 2)
