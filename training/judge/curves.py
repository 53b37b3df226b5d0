"""Agreement with ratings that move along a piece: between songs, within a song, and how far.

Between songs the means of a piece's curve are compared; within a song what is left when each
piece's mean is taken off both sides. A prediction at a rated time is the mean of the hops that end
from there to the next rated time, or earlier than these by the annotation lag; times before the
first whole window, or without a hop, are left out.

A ceiling is told of songs' means alone. Within a song listeners differ by a constant each, which
their spread at a moment does not tell from noise, so that nothing follows from it about movement.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..corpora import Clip, holding
from . import weighted
from .evaluate import FIRST_WHOLE_HOP, HOP_COLUMNS
from .metrics import AFFECT, Metric, bootstrap, correlation, row
from .weighted import Floats


def at_times(
    hops: NDArray[np.floating[Any]], times: Sequence[float], *, hop_s: float
) -> NDArray[np.float64]:
    """Return the mean of the hops that end in [time, next time), no number where there is none.

    Args:
        hops: (H, C); hop i ends at (i + 1) * ``hop_s``.
        times: ascending, K >= 1; the last lasts as long as the one before it.
        hop_s: seconds from one hop to the next.

    Returns:
        (K, C).
    """
    place = holding(times, (np.arange(len(hops)) + 1) * hop_s)
    place[:FIRST_WHOLE_HOP] = -1
    means = np.full((len(times), hops.shape[1]), math.nan)
    for n in np.unique(place[place >= 0]):
        means[n] = hops[place == n].mean(0)
    return means


def curve_agreement(
    clips: Sequence[Clip],
    hops: Mapping[str, NDArray[np.floating[Any]]],
    *,
    hop_s: float,
    protocol: str,
    lag_s: float = 0.0,
    resamples: int = 1000,
) -> list[dict[str, Any]]:
    """Return correlations between and within songs, how far both move, and listeners' ceiling.

    Args:
        clips: of one corpus; those without a curve or predictions are left out. Several renderings
            of a piece (``ID@FONT``) count as one, their predictions averaged.
        hops: by ``Clip.key``, (H, 17).
        hop_s: seconds from one hop to the next.
        protocol: how they were heard; the lag is told after it.
        lag_s: how much later than the sound the curves answer, in seconds: ``annotation_lag_s`` of
            the settings. A rating of time t judges the hops that end from t minus this.
        resamples: draws behind an interval.
    """
    pieces: dict[str, list[Clip]] = {}
    for clip in clips:
        if clip.curve is not None and clip.key in hops:
            pieces.setdefault(clip.id.partition("@")[0], []).append(clip)
    report: list[dict[str, Any]] = []
    for axis in AFFECT:
        rows = [
            _sums(heard, [hops[clip.key] for clip in heard], axis, hop_s, lag_s)
            for heard in pieces.values()
        ]
        table = pd.DataFrame([each for each in rows if each is not None])
        if len(table) < 2:
            continue
        for metric, score in _scores(table).items():
            report.append(
                row(
                    table,
                    bootstrap(table, score, resamples=resamples),
                    data=clips[0].corpus,
                    metric=f"{metric}, {axis}",
                    protocol=f"{protocol}; annotation lag {lag_s:g} s",
                )
            )
    return report


def _sums(
    heard: Sequence[Clip],
    hops: Sequence[NDArray[np.floating[Any]]],
    axis: str,
    hop_s: float,
    lag_s: float,
) -> dict[str, Any] | None:
    """Return a piece's means, sums of squares about them and noise; None where too little is."""
    curve = heard[0].curve
    if curve is None:
        return None
    column = HOP_COLUMNS.index(axis)
    times = [time - lag_s for time in curve.times]
    said = np.mean([at_times(own, times, hop_s=hop_s)[:, column] for own in hops], axis=0)
    there = np.isfinite(said)
    if there.sum() < 2:
        return None
    said, rated = said[there], np.asarray(getattr(curve, axis), float)[there]
    spread = getattr(curve, f"{axis}_sd")
    noise = math.nan
    if spread is not None and heard[0].answers > 0:
        noise = float(np.mean(np.square(np.asarray(spread, float)[there])) / heard[0].answers)
    a, b = said - said.mean(), rated - rated.mean()
    return {
        "group": heard[0].group,
        "said": said.mean(),
        "rated": rated.mean(),
        "n": len(said),
        "said_square": float(a @ a),
        "rated_square": float(b @ b),
        "product": float(a @ b),
        "noise": noise,
    }


def _scores(table: pd.DataFrame) -> dict[str, Metric]:
    def summed(rows: pd.DataFrame, column: str, weights: Floats) -> Floats:
        return weighted.total(rows[column].to_numpy(np.float64), weights)

    def within(rows: pd.DataFrame, weights: Floats) -> Floats:
        power = summed(rows, "said_square", weights) * summed(rows, "rated_square", weights)
        return weighted.ratio(summed(rows, "product", weights), np.sqrt(power))

    def movement(column: str) -> Metric:
        return Metric(
            lambda rows, weights: np.sqrt(
                weighted.ratio(summed(rows, column, weights), summed(rows, "n", weights))
            )
        )

    # What a perfect prediction correlates with a panel's mean of such noise.
    def between_ceiling(rows: pd.DataFrame, weights: Floats) -> Floats:
        noise = weighted.mean(rows["noise"].to_numpy(np.float64), weights)
        variance = weighted.variance(rows["rated"].to_numpy(np.float64), weights, ddof=1)
        return np.sqrt(np.maximum(1 - weighted.ratio(noise, variance), 0.0))

    scores: dict[str, Metric] = {
        "r between songs": correlation("said", "rated"),
        "r within a song": Metric(within),
        "movement within a song (sd), predicted": movement("said_square"),
        "movement within a song (sd), rated": movement("rated_square"),
    }
    if table["noise"].notna().all():
        scores["ceiling of r between songs, by the raters' sd"] = Metric(between_ceiling)
    return scores
