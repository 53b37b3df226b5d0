"""Rescale valence and arousal until they reach as far as people's ratings do.

A network that must answer for augmented sound and for every few seconds learns to be careful, and
the mean over a clip of careful answers lies nearer to neutral than listeners' rating of the clip.
One factor for each axis, on what goes into the head's tanh, undoes that. It is fitted on songs that
the network never heard and multiplied into the head's weights, so that running costs nothing more.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from realtime_mer.model.network import EmotionNetwork

from .metrics import AFFECT

Rescaling = Mapping[str, float]
"""By axis: what the head's number is multiplied with before its tanh, > 0; 1 changes nothing. By
``LEAN``: how far point and quadrants lean on each other, see ``lean``."""

LEAN = "lean"

UNCHANGED: Rescaling = dict.fromkeys(AFFECT, 1.0)

FARTHEST = 0.999  # float32's tanh is 1 from 9 on, whose inverse is infinite
_LOG_BOUNDS = (-1.0, 1.0)

_Floats = NDArray[np.floating[Any]]


def rescaled(values: _Floats, factor: float) -> _Floats:
    """Return what tanh would have given of numbers a factor as large; any shape."""
    if factor == 1.0:
        return values
    inside = np.clip(values.astype(np.float64), -FARTHEST, FARTHEST)
    return np.tanh(factor * np.arctanh(inside)).astype(values.dtype)


def fit_factors(
    predicted: Sequence[_Floats], ratings: _Floats, folds: NDArray[np.integer[Any]], parts: int
) -> tuple[list[float], float]:
    """Fit a factor for each fold on the clips of the others, and one on all.

    Args:
        predicted: for each clip by the network that held it out, (H,) in -1 to 1.
        ratings: of the clips, -1 to 1.
        folds: which fold held each clip out.
        parts: number of folds.

    Returns:
        The folds' factors and that of all clips. All are 1 unless the folds' made the squared error
        of the clips they were not fitted on smaller.
    """
    if len(np.unique(folds)) < 2:
        return [1.0] * parts, 1.0
    held = [_fit(predicted, ratings, np.flatnonzero(folds != fold)) for fold in range(parts)]
    squares = [
        _square(predicted[clip], ratings[clip], factor)
        for clip, factor in enumerate(held[fold] for fold in folds)
    ]
    unchanged = [
        _square(hops, rating, 1.0) for hops, rating in zip(predicted, ratings, strict=True)
    ]
    if np.mean(squares) >= np.mean(unchanged):
        return [1.0] * parts, 1.0
    return held, _fit(predicted, ratings, np.arange(len(ratings)))


def rescale_head(network: EmotionNetwork, rescaling: Rescaling) -> None:
    """Multiply a rescaling into the weights of a network's head; its quadrants stay as they are."""
    with torch.no_grad():
        for row, axis in enumerate(AFFECT):
            network.affect_head.weight[row] *= rescaling[axis]
            network.affect_head.bias[row] *= rescaling[axis]
            if network.tied is not None:
                network.tied.stretch[row] *= rescaling[axis]


def _fit(predicted: Sequence[_Floats], ratings: _Floats, clips: NDArray[np.integer[Any]]) -> float:
    def error(log_factor: float) -> float:
        factor = float(np.exp(log_factor))
        return float(np.mean([_square(predicted[clip], ratings[clip], factor) for clip in clips]))

    return float(np.exp(minimize_scalar(error, bounds=_LOG_BOUNDS, method="bounded").x))


def _square(hops: _Floats, rating: float, factor: float) -> float:
    return float((rescaled(hops, factor).mean() - rating) ** 2)
