"""Agreement with ratings that move along a piece: between songs, within a song, and how far.

Between songs the means of a piece's curve are compared; within a song what is left when each
piece's mean is taken off both sides. A prediction at a rated time is the mean of the hops that end
from there to the next rated time, or earlier than these by the annotation lag; times before the
first whole window, or without a hop, are left out.

How far an estimate moves within a song is the standard deviation about the song's mean, over all
songs' rated times; over that of the ratings it is 1 at best. It is told with the smoothing of
``realtime_mer.shaping`` too, beside which ``splices`` tells what that costs in reaction.

A ceiling is told of songs' means alone. Within a song listeners differ by a constant each, which
their spread at a moment does not tell from noise, so that nothing follows from it about movement.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.signal import lfilter

from ..corpora import Clip, holding
from . import weighted
from .evaluate import FIRST_WHOLE_HOP, HOP_COLUMNS
from .metrics import AFFECT, Metric, bootstrap, correlation, row
from .weighted import Floats

SMOOTHINGS_S = (0.0, 1.0, 3.0)
"""Time constants of live smoothing, in seconds, under which movement and reaction are told."""

MOVEMENT = "movement within a song, predicted over rated"


def smoothed(
    hops: NDArray[np.floating[Any]], seconds: float, *, hop_s: float
) -> NDArray[np.floating[Any]]:
    """Return hops as ``realtime_mer.shaping.Shaper`` smooths them from the first one on.

    Args:
        hops: (H, ...).
        seconds: time constant; 0 changes nothing.
        hop_s: seconds from one hop to the next.
    """
    if seconds == 0 or not len(hops):
        return hops
    kept = math.exp(-hop_s / seconds)
    found, _ = lfilter([1 - kept], [1, -kept], hops, axis=0, zi=kept * hops[:1])
    return np.asarray(found, hops.dtype)


def smoothing_note(seconds: float) -> str:
    """Return what is added to a figure's name under a smoothing."""
    return f", smoothed over {seconds:g} s" if seconds else ""


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

    Returns:
        Rows as ``metrics.row`` gives, with ``axis`` and ``smoothing_s`` besides. Under a smoothing
        only agreement within a song and movement are told.
    """
    pieces: dict[str, list[Clip]] = {}
    for clip in clips:
        if clip.curve is not None and clip.key in hops:
            pieces.setdefault(clip.id.partition("@")[0], []).append(clip)
    report: list[dict[str, Any]] = []
    for axis in AFFECT:
        for smoothing_s in SMOOTHINGS_S:
            rows = [
                _sums(
                    heard,
                    [smoothed(hops[clip.key], smoothing_s, hop_s=hop_s) for clip in heard],
                    axis,
                    hop_s,
                    lag_s,
                )
                for heard in pieces.values()
            ]
            table = pd.DataFrame([each for each in rows if each is not None])
            if len(table) < 2:
                continue
            for metric, score in _scores(table).items():
                if smoothing_s and metric not in _OF_SMOOTHED:
                    continue
                told = row(
                    table,
                    bootstrap(table, score, resamples=resamples),
                    data=clips[0].corpus,
                    metric=f"{metric}, {axis}{smoothing_note(smoothing_s)}",
                    protocol=f"{protocol}; annotation lag {lag_s:g} s",
                )
                report.append(told | {"axis": axis, "smoothing_s": smoothing_s})
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


_WITHIN = "r within a song"
_OF_SMOOTHED = (_WITHIN, MOVEMENT)


def _scores(table: pd.DataFrame) -> dict[str, Metric]:
    def summed(rows: pd.DataFrame, column: str, weights: Floats) -> Floats:
        return weighted.total(rows[column].to_numpy(np.float64), weights)

    def within(rows: pd.DataFrame, weights: Floats) -> Floats:
        power = summed(rows, "said_square", weights) * summed(rows, "rated_square", weights)
        return weighted.ratio(summed(rows, "product", weights), np.sqrt(power))

    def ratio_of_movements(rows: pd.DataFrame, weights: Floats) -> Floats:
        said = summed(rows, "said_square", weights)
        return np.sqrt(weighted.ratio(said, summed(rows, "rated_square", weights)))

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
        _WITHIN: Metric(within),
        "movement within a song (sd), predicted": movement("said_square"),
        "movement within a song (sd), rated": movement("rated_square"),
        MOVEMENT: Metric(ratio_of_movements),
    }
    if table["noise"].notna().all():
        scores["ceiling of r between songs, by the raters' sd"] = Metric(between_ceiling)
    return scores
