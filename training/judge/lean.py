"""Let the quadrants lean on the point, until a hop's likeliest quadrant is that of its point.

The quadrants have a head of their own, and people read it as a contradiction where the likeliest
lies on the other side of neutral than valence or arousal beside it. To each quadrant's logit is
added what goes into the tanh of valence and of arousal, each with the quadrant's sign, times one
number, the lean. All of that is linear, so that a leaning head is a head with other weights and
running costs nothing more. The lean is the least that suffices on songs that the network never
heard.

Dimensions: H hops of a clip.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax

from realtime_mer.emotion import QUADRANTS, quadrant_of
from realtime_mer.model.network import EmotionNetwork
from realtime_mer.model.tied import SIGNS

CLEAR = 0.15
"""A hop is clear where valence and arousal both lie further from neutral: nearer to an axis both
quadrants beside it are as good an answer."""

LEANS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)

ENOUGH = 0.975
"""Which share of clear hops must agree in each corpus; half a hundredth above what is wanted."""

_TINY = 1e-7
_FARTHEST = 0.999  # as of ``rescale``

# Which quadrant holds valence and arousal of these signs, as quadrant_of has it: [0 for below].
_OF_SIGNS = np.array(
    [[QUADRANTS.index(quadrant_of(v, a)) for a in (-1.0, 1.0)] for v in (-1.0, 1.0)]
)

_Floats = NDArray[np.floating[Any]]


def agreeing(point: _Floats, quadrants: _Floats) -> tuple[int, int]:
    """Return how many clear hops have the likeliest quadrant of their point, of how many.

    Args:
        point: (H, 2), valence and arousal.
        quadrants: (H, 4), probabilities or logits.
    """
    clear = (np.abs(point) > CLEAR).all(1)
    valence, arousal = (point > 0).astype(int).T
    same = quadrants.argmax(1) == _OF_SIGNS[valence, arousal]
    return int((same & clear).sum()), int(clear.sum())


def leaning(point: _Floats, quadrants: _Floats, lean: float) -> _Floats:
    """Return the probabilities of quadrants that lean on a point, (H, 4).

    Args:
        point: (H, 2), valence and arousal.
        quadrants: (H, 4), their probabilities before.
        lean: 0 changes nothing.
    """
    if lean == 0.0:
        return quadrants
    inside = np.clip(point.astype(np.float64), -_FARTHEST, _FARTHEST)
    logits = np.log(np.maximum(quadrants, _TINY)) + lean * np.arctanh(inside) @ np.array(SIGNS)
    shares: _Floats = softmax(logits, 1).astype(quadrants.dtype)
    return shares


def fit_leans(
    clips: Sequence[tuple[str, _Floats, _Floats]],
    folds: NDArray[np.integer[Any]],
    parts: int,
) -> tuple[list[float], float]:
    """Fit a lean for each fold on the clips of the others, and one on all.

    Args:
        clips: of each its corpus, its points (H, 2) and its quadrants (H, 4), by the network that
            held it out.
        folds: which fold held each clip out.
        parts: number of folds.

    Returns:
        The folds' leans and that of all clips: the least of ``LEANS`` with which ``ENOUGH`` clear
        hops of every corpus agree, the greatest where none does.
    """
    corpora, corpus = np.unique([name for name, _, _ in clips], return_inverse=True)
    # (leans, clips, 2): hops that agree, hops that are asked.
    counts = np.array(
        [
            [agreeing(point, leaning(point, quadrants, lean)) for _, point, quadrants in clips]
            for lean in LEANS
        ]
    ).reshape(len(LEANS), len(clips), 2)

    def least(chosen: NDArray[np.bool_]) -> float:
        for lean, found in zip(LEANS, counts, strict=True):
            sums = [found[chosen & (corpus == number)].sum(0) for number in range(len(corpora))]
            if all(same >= ENOUGH * asked for same, asked in sums):
                return lean
        return LEANS[-1]

    everyone = np.ones(len(clips), bool)
    others = [folds != fold for fold in range(parts)]
    return [least(chosen if chosen.any() else everyone) for chosen in others], least(everyone)


def lean_head(network: EmotionNetwork, lean: float) -> None:
    """Add a lean to the weights of a network's quadrants; its point is as it was when rescaled."""
    if lean == 0.0:
        return
    affect, quadrants = network.affect_head, network.quadrant_head
    with torch.no_grad():
        signs = quadrants.weight.new_tensor(SIGNS)  # (2, 4)
        quadrants.weight.add_(signs.T @ affect.weight[:2], alpha=lean)
        quadrants.bias.add_(signs.T @ affect.bias[:2], alpha=lean)
