"""How far tracks lie from a place on the valence-arousal plane (pure)."""

import numpy as np
from numpy.typing import NDArray

from realtime_mer.library.paths.columns import Columns
from realtime_mer.library.tracks import Point

Numbers = NDArray[np.float64]


def squared_distances(columns: Columns, point: Point) -> Numbers:
    """Return how far from a mood that is which one hears when a track comes, squared.

    It is ``(tracks,)``, the mean of two squared distances: that of the track's beginning, which is
    the step heard at the transition, and that of its hops, which follows from its mean and spread::

        d² = ½ |beginning − point|² + ½ (|mean − point|² + valence_spread² + arousal_spread²)

    So a track that begins here and then wanders off is as bad as one that lies elsewhere.
    """
    beginning = _squared(columns.beginning_valence, columns.beginning_arousal, point)
    mean = _squared(columns.valence, columns.arousal, point)
    spread = columns.valence_spread**2 + columns.arousal_spread**2
    return np.asarray((beginning + mean + spread) / 2)


def from_mean(columns: Columns, point: Point) -> Numbers:
    """Return how far the means of tracks lie from a place, ``(tracks,)``."""
    return np.asarray(np.sqrt(_squared(columns.valence, columns.arousal, point)))


def _squared(valence: Numbers, arousal: Numbers, point: Point) -> Numbers:
    return np.asarray((valence - point.valence) ** 2 + (arousal - point.arousal) ** 2)
