"""How far the estimate of music moves when the very same music is played louder or quieter.

*Moved* is how far the mean over a clip's hops lies from that at its own level, for valence, for
arousal, or for whichever of the two moved farther. A gain is exact on log-mel frames.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.progress import track

from ..features.cache import FeatureStore
from ..learn.augment import with_gain
from ..learn.run import Run
from .evaluate import AS_LIVE, HOP_COLUMNS, clip_mean, load_network, run_clip
from .metrics import AFFECT, Metric, bootstrap, interval_note, mean_of, quantile_of, row

GAINS_DB = (-30, -24, -18, -12, -6, 6, 12)

MOVED_BY = 0.1
"""How far an estimate may move before its level counts as heard."""

HEARD_S = 30
"""Seconds of each clip that are heard at every level."""


def farthest(moved: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return how far whichever of valence and arousal moved farther did, (n,) of (n, 2)."""
    found: NDArray[np.float64] = np.abs(moved).max(axis=1)
    return found


def crossing(gains_db: Sequence[float], moved: NDArray[np.floating[Any]]) -> float:
    """Return the gain in dB at which a clip's estimate has first moved by ``MOVED_BY``.

    Between two gains in a line; -inf where no gain does it.

    Args:
        gains_db: descending from 0.
        moved: (n, 2) of valence and arousal, a row for each gain.
    """
    values = farthest(moved)
    over = np.flatnonzero(values > MOVED_BY)
    if not len(over):
        return -math.inf
    at = int(over[0])
    part = (MOVED_BY - values[at - 1]) / (values[at] - values[at - 1])
    return float(gains_db[at - 1] + (gains_db[at] - gains_db[at - 1]) * part)


def level(run: Run, features: FeatureStore, *, resamples: int = 1000) -> list[dict[str, Any]]:
    """Return how far held-out clips moved at each of ``GAINS_DB``.

    Args:
        run: a trained run.
        features: log-mel frames of its clips.
        resamples: draws behind an interval.

    Returns:
        Rows as ``metrics.row`` gives, with ``gain_db`` besides, and ``fold``: which fold's clips,
        None for all.
    """
    hop_frames = run.config.network.hop_frames
    frame_s = run.config.features.hop_length / run.config.features.sample_rate
    hops = int(HEARD_S / frame_s) // hop_frames
    found: list[dict[str, Any]] = []
    for fold in range(run.split.folds):
        part = f"fold-{fold}"
        network = load_network(run, part)
        for clip in track(run.held_out_clips(part), description=f"playing {part} at other levels"):
            own_level = features.heard(clip.key).hops(0, hops)
            own = _affect(run_clip(network, *own_level))
            for gain in GAINS_DB:
                there = with_gain(own_level, gain, run.config.features)
                moved = _affect(run_clip(network, *there)) - own
                found.append(
                    {"corpus": clip.corpus, "group": clip.group, "fold": fold, "gain_db": gain}
                    | dict(zip(AFFECT, np.abs(moved), strict=True))
                    | {"farthest": float(farthest(moved[np.newaxis])[0])}
                )
    return _rows(pd.DataFrame(found), resamples)


def _affect(hops: NDArray[np.float32]) -> NDArray[np.float64]:
    mean = clip_mean(hops)
    return np.array([mean[HOP_COLUMNS.index(axis)] for axis in AFFECT], np.float64)


def _rows(table: pd.DataFrame, resamples: int) -> list[dict[str, Any]]:
    if table.empty:
        return []
    of_all: dict[str, Metric] = {
        **{f"{axis} moved, mean": mean_of(axis) for axis in AFFECT},
        "moved, mean": mean_of("farthest"),
        "moved, median": quantile_of("farthest", 0.5),
        "moved, 90 % quantile": quantile_of("farthest", 0.9),
        f"moved by more than {MOVED_BY:g}, share of clips": mean_of("over"),
    }
    of_fold = {"moved, mean, one fold": of_all["moved, mean"]}
    table = table.assign(over=table["farthest"] > MOVED_BY)
    protocol = (
        f"out of fold; each clip's first {HEARD_S} s against themselves at their own level; "
        f"{AS_LIVE}; moved: valence or arousal, whichever did farther; {interval_note(resamples)}"
    )
    rows: list[dict[str, Any]] = []
    for fold, metrics in ((None, of_all), *((n, of_fold) for n in sorted(set(table["fold"])))):
        own = table if fold is None else table[table["fold"] == fold]
        data = ", ".join(sorted(set(own["corpus"])))
        for gain in GAINS_DB:
            there = own[own["gain_db"] == gain].reset_index(drop=True)
            for name, metric in metrics.items():
                told = row(
                    there,
                    bootstrap(there, metric, resamples=resamples),
                    data=data,
                    metric=name,
                    protocol=protocol,
                )
                rows.append(told | {"gain_db": gain, "fold": None if fold is None else int(fold)})
    return rows
