"""What a worse microphone costs: the same held-out clips, clean and under every condition."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from ..features.cache import FeatureStore, feature_store
from ..features.conditions import conditions
from ..learn.augment import with_gain
from ..learn.run import Run
from .evaluate import AS_LIVE, Predictions, clip_table, load_network, run_clip
from .metrics import (
    Metric,
    affect_metrics,
    draws,
    gems_metrics,
    interval,
    interval_note,
    quadrant_metrics,
    rounded,
    row,
)

CLEAN = "clean"
GAINS_DB = {"+12 dB": 12.0, "−12 dB": -12.0}
"""Other levels, by name: exact on log-mel frames, so that they need no sound."""


def robustness(
    run: Run, clean: Predictions, folder: Path, *, jobs: int = 1, resamples: int = 1000
) -> list[dict[str, Any]]:
    """Return a row for every corpus' main figures and condition, beside the clean figure.

    ``relative`` is the figure over the clean one, its interval from draws of groups that pair.

    Args:
        run: a trained run.
        clean: what its folds said of the clips they held out.
        folder: the cache, where every condition's frames are kept.
        jobs: processes that compute frames side by side.
        resamples: draws behind an interval.
    """
    tables = {CLEAN: clip_table(run, clean)} | {
        name: clip_table(run, predictions)
        for name, predictions in _predictions(run, folder, jobs).items()
    }
    rows: list[dict[str, Any]] = []
    for corpus, name, metric in _figures():
        own = {
            condition: table[table["corpus"] == corpus].reset_index(drop=True)
            for condition, table in tables.items()
        }
        if own[CLEAN].empty:
            continue
        value, drawn = metric(own[CLEAN]), draws(own[CLEAN], metric, resamples=resamples)
        for condition, table in own.items():
            again = draws(table, metric, resamples=resamples)
            with np.errstate(divide="ignore", invalid="ignore"):
                relative = interval(metric(table) / value, again / drawn)
            protocol = f"all clips, out of fold; {AS_LIVE}; {interval_note(resamples)}"
            if condition in run.config.sequences.augment.changes:
                protocol += f"; {condition}: trained on other clips that were changed just so"
            found = interval(metric(table), again)
            told = row(table, found, data=corpus, metric=name, protocol=protocol)
            rows.append({**told, "condition": condition, **rounded(relative, "relative_")})
    return rows


def _figures() -> list[tuple[str, str, Metric]]:
    return [
        ("panda4q", "macro-F1", quadrant_metrics()["macro-F1"][0]),
        ("emotify", "mean r over nine items", gems_metrics()["mean r over nine items"][0]),
        *(
            ("grekow", name, affect_metrics()[name][0])
            for name in ("R² valence", "R² arousal", "CCC valence", "CCC arousal")
        ),
    ]


def _predictions(run: Run, folder: Path, jobs: int) -> Mapping[str, Predictions]:
    config = run.config.features
    heard = {}
    for name, condition in conditions().items():
        store = feature_store(run.clips, config, folder, condition=(name, condition), jobs=jobs)
        heard[name] = _predict(run, store, name, decibels=0.0)
    clean = feature_store(run.clips, config, folder)
    for name, decibels in GAINS_DB.items():
        heard[name] = _predict(run, clean, name, decibels=decibels)
    return heard


def _predict(run: Run, features: FeatureStore, name: str, *, decibels: float) -> Predictions:
    networks = [load_network(run, f"fold-{fold}") for fold in range(run.split.folds)]
    hops: dict[str, NDArray[np.float32]] = {}
    for clip in track(run.clips, description=f"hearing {name}"):
        heard = with_gain(features.heard(clip.key), decibels, run.config.features)
        hops[clip.key] = run_clip(networks[run.split.fold_of[clip.key]], *heard)
    return Predictions(hops, run.split.fold_of)
