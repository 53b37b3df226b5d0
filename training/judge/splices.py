"""An abrupt change of music: how soon the estimate follows, and what of the old song stays.

Each held-out clip is entered with the state that another held-out clip left, as live when a track
ends. *Reaction time* is the seconds of the new sound until the estimate has gone 63 % (1 - 1/e) of
the way from where it stood (mean of the last second of the old clip) to where it settles (mean of
the last 2 s of the new one), the first time it does; it is asked only where that way is longer than
``LEAST_WAY``. *Carry-over* is what the old state costs: the same figures over the hops whose window
holds the new clip alone, entered so and from a fresh state.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.progress import track

from realtime_mer.model.config import NetworkConfig

from ..corpora import Clip
from ..features.cache import FeatureStore
from ..learn.run import Run
from ..learn.sequences import hop_s as seconds_of_hop
from .curves import SMOOTHINGS_S, smoothed, smoothing_note
from .evaluate import (
    FIRST_WHOLE_HOP,
    HOP_COLUMNS,
    Predictions,
    judge,
    load_network,
    run_clip,
)
from .metrics import AFFECT, Interval, bootstrap, interval_note, quantile_of, row

BEFORE_S = 12
"""Seconds of the old clip that are heard; shorter ones precede no other."""

LEAST_WAY = 0.4
"""How far an estimate must go for its reaction to be timed: a fifth of the scale."""

_SETTLED_S = 2.0
_STOOD_S = 1.0
_SHARE = 1 - math.exp(-1)
_HOP_FRAMES = NetworkConfig.hop_frames


def pairs(clips: Sequence[Clip], *, seed: int) -> list[tuple[Clip, Clip]]:
    """Return every clip after one of another group, drawn with a seed from those long enough."""
    generator = np.random.default_rng(seed)
    drawn = []
    for clip in clips:
        others = [
            other
            for other in clips
            if other.seconds >= BEFORE_S + 0.1 and other.group != clip.group
        ]
        if others:
            drawn.append((others[generator.integers(len(others))], clip))
    return drawn


def reaction_s(
    before: NDArray[np.floating[Any]], after: NDArray[np.floating[Any]], *, hop_s: float
) -> float:
    """Return the seconds until an estimate has gone 63 % of its way.

    Args:
        before: (H,) at the hops of the old sound.
        after: (H',) at the hops of the new sound, at least 2 s.
        hop_s: seconds from one hop to the next.

    Returns:
        No number where the way is shorter than ``LEAST_WAY``.
    """
    stood = before[-round(_STOOD_S / hop_s) :].mean()
    settled = after[-round(_SETTLED_S / hop_s) :].mean()
    if abs(settled - stood) < LEAST_WAY:
        return math.nan
    gone = (after - stood) / (settled - stood) >= _SHARE
    return float((np.argmax(gone) + 1) * hop_s)


def splices(
    run: Run, features: FeatureStore, alone: Predictions, *, seed: int = 0, resamples: int = 1000
) -> list[dict[str, Any]]:
    """Return reaction times, and every figure of clips entered with another clip's state.

    Args:
        run: a trained run.
        features: log-mel frames of its clips.
        alone: what its folds said of the clips from a fresh state.
        seed: of the pairs.
        resamples: draws behind an interval.
    """
    carried: dict[str, NDArray[np.float32]] = {}
    timed: list[dict[str, Any]] = []
    hop_s = seconds_of_hop(run.config.features)
    hops_before = round(BEFORE_S / hop_s)
    for fold in range(run.split.folds):
        part = f"fold-{fold}"
        network = load_network(run, part)
        drawn = pairs(run.held_out_clips(part), seed=seed)
        for old, new in track(drawn, description=f"splicing {part}"):
            left, right = features.heard(old.key), features.heard(new.key)
            # A file that ends before it says must not shift the border between two hops.
            border = min(hops_before, len(left.frames) // _HOP_FRAMES)
            joined = map(np.concatenate, zip(left.hops(0, border), right, strict=True))
            hops = run_clip(network, *joined)
            after = hops[border:]
            if len(after) <= FIRST_WHOLE_HOP:
                continue
            carried[new.key] = after
            timed.append(
                {"corpus": new.corpus, "group": new.group}
                | {
                    f"{axis}{smoothing_note(smoothing_s)}": _timed(
                        smoothed(hops, smoothing_s, hop_s=hop_s), border, axis, hop_s
                    )
                    for axis in AFFECT
                    for smoothing_s in SMOOTHINGS_S
                }
            )
    return [
        *_reactions(pd.DataFrame(timed), resamples),
        *_carry_over(run, alone, carried, resamples),
    ]


def _timed(hops: NDArray[np.floating[Any]], border: int, axis: str, hop_s: float) -> float:
    before, after = np.split(hops[:, HOP_COLUMNS.index(axis)], [border])
    # What has settled must have heard the new sound alone for a while.
    if len(after) < FIRST_WHOLE_HOP + 2 * round(_SETTLED_S / hop_s):
        return math.nan
    return reaction_s(before, after, hop_s=hop_s)


def _reactions(timed: pd.DataFrame, resamples: int) -> list[dict[str, Any]]:
    rows = []
    for axis, smoothing_s in product(AFFECT, SMOOTHINGS_S):
        column = f"{axis}{smoothing_note(smoothing_s)}"
        own = timed[timed[column].notna()].reset_index(drop=True) if len(timed) else timed
        if own.empty:
            continue
        protocol = (
            f"out of fold; every held-out clip after {BEFORE_S} s of another one of its fold, "
            f"drawn by seed, where the estimate moves by {LEAST_WAY} or more; seconds until it has "
            f"gone 63 % of the way, the first time; {interval_note(resamples)}"
        )
        for name, share in (("lower quartile", 0.25), ("median", 0.5), ("upper quartile", 0.75)):
            found = bootstrap(own, quantile_of(column, share), resamples=resamples)
            metric = f"reaction time, {axis}, {name} (s){smoothing_note(smoothing_s)}"
            data = ", ".join(sorted(own["corpus"].unique()))
            told = row(own, found, data=data, metric=metric, protocol=protocol)
            rows.append(told | {"axis": axis, "smoothing_s": smoothing_s, "share": share})
    return rows


def _carry_over(
    run: Run,
    alone: Predictions,
    carried: Mapping[str, NDArray[np.float32]],
    resamples: int,
) -> list[dict[str, Any]]:
    """Return every figure of the clips that were entered so, beside the fresh one."""
    if not carried:
        return []
    fold = {key: alone.fold[key] for key in carried}
    hearing = f"hops whose window holds the clip alone, after {BEFORE_S} s of another clip"
    fresh = Predictions({key: alone.hops[key] for key in carried}, fold)
    judged = judge(
        run,
        {
            "fresh": (fresh, "the same hops from a fresh state"),
            "carried": (Predictions(carried, fold), hearing),
        },
        resamples=resamples,
    )
    values = {(each["data"], each["metric"], each["model"]): each for each in judged}
    rows = []
    for (data, metric, model), found in values.items():
        if model == "carried":
            cost = Interval(*(found[f"lead_{name}"] for name in ("value", "low", "high")))
            known = values[data, metric, "fresh"]
            rows.append(found | {"fresh": known["value"], "cost": cost._asdict()})
    return rows
