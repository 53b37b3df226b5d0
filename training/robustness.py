"""What a worse microphone costs: the same held-out clips, clean and under every condition."""

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from realtime_mer.audio.files import load_audio
from realtime_mer.features import LogMel
from training.cache import log_mel
from training.conditions import conditions
from training.corpora import Clip
from training.evaluate import AS_LIVE, Predictions, clip_table, load_network, run_clip
from training.metrics import (
    Metric,
    affect_metrics,
    draws,
    gems_metrics,
    interval,
    quadrant_metrics,
)
from training.run import Run


def chosen_clips(run: Run, most_s: float, seed: int) -> list[Clip]:
    """Return clips of each corpus, drawn with a seed, as many as fit into so many seconds."""
    chosen = []
    for corpus in sorted({clip.corpus for clip in run.clips}):
        own = [clip for clip in run.clips if clip.corpus == corpus]
        order = np.random.default_rng(seed).permutation(len(own))
        total = np.cumsum([own[n].seconds for n in order])
        chosen += [own[n] for n in sorted(order[total <= most_s])]
    return chosen


def robustness(
    run: Run, *, most_s: float, seed: int = 0, resamples: int = 1000
) -> list[dict[str, Any]]:
    """Return a row for every corpus' main figures and condition, beside the clean figure.

    ``relative`` is the figure over the clean one, its interval from draws of groups that pair.

    Args:
        run: a trained run.
        most_s: seconds of sound of each corpus, drawn by clips with ``seed``.
        seed: of the draw.
        resamples: draws behind an interval.
    """
    clips = chosen_clips(run, most_s, seed)
    tables = {
        name: clip_table(run, predictions) for name, predictions in _predict(run, clips).items()
    }
    rows: list[dict[str, Any]] = []
    for corpus, name, metric in _figures():
        own = {
            condition: table[table["corpus"] == corpus].reset_index(drop=True)
            for condition, table in tables.items()
        }
        if own["clean"].empty:
            continue
        clean, clean_draws = metric(own["clean"]), draws(own["clean"], metric, resamples=resamples)
        for condition, table in own.items():
            value, own_draws = metric(table), draws(table, metric, resamples=resamples)
            with np.errstate(divide="ignore", invalid="ignore"):
                ratios = own_draws / clean_draws
            rows.append(
                {
                    "data": corpus,
                    "metric": name,
                    "condition": condition,
                    **_numbers("", interval(value, own_draws)),
                    **_numbers("relative_", interval(value / clean, ratios)),
                    "n": len(table),
                    "groups": int(table["group"].nunique()),
                    "protocol": f"{len(table)} clips drawn with seed {seed}, "
                    f"out of fold; {AS_LIVE}; 95 % interval by bootstrap over groups",
                }
            )
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


def _predict(run: Run, clips: list[Clip]) -> dict[str, Predictions]:
    heard: dict[str, dict[str, NDArray[np.float32]]] = {name: {} for name in conditions()}
    transform = LogMel(run.config.features).eval()
    rate = run.config.features.sample_rate
    networks = {fold: load_network(run, f"fold-{fold}") for fold in range(run.split.folds)}
    for clip in track(clips, description="hearing under conditions"):
        samples = load_audio(clip.path, sample_rate=rate)
        network = networks[run.split.fold_of[clip.key]]
        for name, condition in conditions().items():
            # A clip's noise and room are its own, and the same at every call.
            generator = np.random.default_rng(zlib.crc32(f"{clip.key} {name}".encode()))
            frames = log_mel(transform, condition(samples, rate, generator))
            heard[name][clip.key] = run_clip(network, frames)
    fold = {clip.key: run.split.fold_of[clip.key] for clip in clips}
    return {name: Predictions(hops, fold) for name, hops in heard.items()}


def _numbers(prefix: str, found: tuple[float, float, float]) -> dict[str, float | None]:
    return {
        f"{prefix}{name}": round(number, 4) if np.isfinite(number) else None
        for name, number in zip(("value", "low", "high"), found, strict=True)
    }
