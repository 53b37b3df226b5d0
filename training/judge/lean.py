"""Let point and quadrants lean on each other, until a hop's likeliest quadrant is its point's.

The quadrants have a head of their own, and people read it as a contradiction where the likeliest
lies on the other side of neutral than valence or arousal beside it. So to what goes into the tanh
of valence and of arousal the quadrants' logits are added, each with its sign, and to each
quadrant's logit what goes into the two tanh, likewise: each a little, times one number, the lean.
Each costs something that the other does not, so both give way. All of that is linear: a leaning
head is a head with other weights, and running costs nothing more. The lean is the least that
suffices on songs that the network never heard.

Dimensions: H hops of a clip.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax

from realtime_mer.emotion import QUADRANTS, quadrant_of
from realtime_mer.model.network import EmotionNetwork
from realtime_mer.model.tied import SIGNS

from .rescale import FARTHEST

CLEAR = 0.15
"""A hop is clear where valence and arousal both lie further from neutral: nearer to an axis both
quadrants beside it are as good an answer."""

LEANS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0)


@dataclass(frozen=True)
class Pull:
    """How strongly the two lean on each other at a lean of 1.

    Attributes:
        point: the point on the quadrants.
        quadrants: the quadrants on the point.
    """

    point: float = 0.03
    quadrants: float = 0.25


OF_NETWORK = Pull()
OF_MEAN = Pull(quadrants=0.9)
"""Of the mean of what a committee and a network say: a mean is less sure of its quadrant, so that
it leans farther before its point would."""

ENOUGH = 0.975
"""Which share of clear hops must agree; half a hundredth above what is wanted."""

TINY = 1e-7

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


def leaning_point(
    point: _Floats, quadrants: _Floats, lean: float, *, pull: Pull = OF_NETWORK
) -> _Floats:
    """Return a point that leans on quadrants, (H, 2).

    Args:
        point: (H, 2), valence and arousal before.
        quadrants: (H, 4), their probabilities.
        lean: 0 changes nothing.
        pull: of what they are.
    """
    if lean == 0.0:
        return point
    odds = np.log(np.maximum(quadrants.astype(np.float64), TINY)) @ np.array(SIGNS).T
    found: _Floats = np.tanh(_into_tanh(point) + lean * pull.point * odds).astype(point.dtype)
    return found


def leaning_quadrants(
    point: _Floats, quadrants: _Floats, lean: float, *, pull: Pull = OF_NETWORK
) -> _Floats:
    """Return the probabilities of quadrants that lean on a point, (H, 4).

    Args:
        point: (H, 2), valence and arousal.
        quadrants: (H, 4), their probabilities before.
        lean: 0 changes nothing.
        pull: of what they are.
    """
    if lean == 0.0:
        return quadrants
    odds = lean * pull.quadrants * _into_tanh(point) @ np.array(SIGNS)
    shares: _Floats = softmax(np.log(np.maximum(quadrants, TINY)) + odds, 1)
    return shares.astype(quadrants.dtype)


def _into_tanh(point: _Floats) -> NDArray[np.float64]:
    inside: NDArray[np.float64] = np.arctanh(np.clip(point.astype(np.float64), -FARTHEST, FARTHEST))
    return inside


def fit_leans(
    counts: NDArray[np.integer[Any]], folds: NDArray[np.integer[Any]], parts: int
) -> tuple[list[float], float]:
    """Fit a lean for each fold on the clips of the others, and one on all.

    Args:
        counts: (leans, clips, 2), under each of ``LEANS`` what ``agreeing`` says of each clip, by
            the network that held it out.
        folds: which fold held each clip out.
        parts: number of folds.

    Returns:
        The folds' leans and that of all clips: the least with which ``ENOUGH`` of the clear hops
        agree, the greatest where none does.
    """

    def least(chosen: NDArray[np.bool_]) -> float:
        for lean, found in zip(LEANS, counts, strict=True):
            same, asked = found[chosen].sum(0)
            if same >= ENOUGH * asked:
                return lean
        return LEANS[-1]

    everyone = np.ones(len(folds), bool)
    others = [folds != fold for fold in range(parts)]
    return [least(chosen if chosen.any() else everyone) for chosen in others], least(everyone)


def lean_point(network: EmotionNetwork, lean: float) -> None:
    """Add a lean to the weights of a network's point, before they are rescaled."""
    if lean == 0.0:
        return
    affect, quadrants = network.affect_head, network.quadrant_head
    with torch.no_grad():
        signs = quadrants.weight.new_tensor(SIGNS)  # (2, 4)
        affect.weight[:2].add_(signs @ quadrants.weight, alpha=lean * OF_NETWORK.point)
        affect.bias[:2].add_(signs @ quadrants.bias, alpha=lean * OF_NETWORK.point)


def lean_quadrants(network: EmotionNetwork, lean: float) -> None:
    """Add a lean to the weights of a network's quadrants, once its point is rescaled."""
    if lean == 0.0:
        return
    affect, quadrants = network.affect_head, network.quadrant_head
    with torch.no_grad():
        signs = quadrants.weight.new_tensor(SIGNS)
        quadrants.weight.add_(signs.T @ affect.weight[:2], alpha=lean * OF_NETWORK.quadrants)
        quadrants.bias.add_(signs.T @ affect.bias[:2], alpha=lean * OF_NETWORK.quadrants)
