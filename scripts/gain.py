#!/usr/bin/env python3
"""Measures how the estimate of music moves when the very same music is turned down.

Each clip's first 30 s are estimated at their own level and 3, 6, … 66 dB quieter. What is written
to `docs/results/gain.json`: by gain, and by the level that the clip then has, how far the mean
valence and arousal after the warm-up lie from those at the clip's own level; the level at which
each clip has moved by .1; and how much of the music, as loud as it is, lies under a gate. Where
half of the clips have moved by .1, music is too quiet to judge
(`StreamPolicy.too_quiet_below_dbfs`). It needs what training needs (`scripts/run.py --with train`).

    .venv/bin/python scripts/gain.py $REALTIME_MER_DATA/{emotify,grekow,panda4q}/audio/*[05].opus
"""

import argparse
import json
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime_mer import load_audio
from realtime_mer.hops import StreamPolicy
from realtime_mer.recognizer.contract import StreamingRecognizer
from realtime_mer.recognizer.loading import load_recognizer
from training.judge.level import MOVED_BY, crossing, farthest

SECONDS = 30.0
STEP_DB = 3
GAINS_DB = range(0, -67, -STEP_DB)
GATES_DBFS = range(-36, -55, -2)
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)

Moved = tuple[float, float]  # valence and arousal, from their values at the clip's own level


def main() -> None:
    """Measure the clips that were named and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/results/gain.json"))
    arguments = parser.parse_args()
    recognizer = load_recognizer(compute="cpu")
    by_gain: dict[int, list[Moved]] = defaultdict(list)
    by_level: dict[int, list[Moved]] = defaultdict(list)
    crossings: list[float] = []
    windows: list[NDArray[np.float64]] = []
    for path in arguments.clips:
        samples = load_audio(path, sample_rate=recognizer.sample_rate, longest_s=SECONDS)
        own = 10 * math.log10(max(float(np.mean(np.square(samples, dtype=np.float64))), 1e-12))
        moves = curve(recognizer, samples)
        for gain, moved in zip(GAINS_DB, moves, strict=True):
            by_gain[gain].append(moved)
            by_level[STEP_DB * round((own + gain) / STEP_DB)].append(moved)
        crossings.append(own + crossing(GAINS_DB, np.array(moves)))
        windows.append(levels(samples, size=recognizer.window_samples))
        print(path.name, f"{own:.1f} dBFS", flush=True)
    policy = StreamPolicy()
    result = {
        "data": f"{len(arguments.clips)} clips, their first {SECONDS:g} s",
        "model": recognizer.card.name,
        "protocol": "each clip against itself at its own level, means of its hops after 3 s",
        "too_quiet_below_dbfs": policy.too_quiet_below_dbfs,
        "level_where_moved_by_.1_dbfs": {
            f"{100 * share:.0f} % of clips": round(float(np.quantile(crossings, 1 - share)), 1)
            for share in QUANTILES
        },
        "windows_under_gate_dbfs": {gate: under(windows, gate) for gate in GATES_DBFS},
        "by_gain_db": {gain: row(moved) for gain, moved in by_gain.items()},
        "by_level_dbfs": {level: row(by_level[level]) for level in sorted(by_level, reverse=True)},
    }
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def curve(recognizer: StreamingRecognizer, samples: NDArray[np.float32]) -> list[Moved]:
    """Return how far a clip's valence and arousal move at each of ``GAINS_DB``."""
    means = []
    for gain in GAINS_DB:
        quieter = (samples * np.float32(10 ** (gain / 20)))[np.newaxis]
        estimates, _ = recognizer.step(quieter, recognizer.initial_state(1))
        warm = recognizer.window_samples // recognizer.hop_samples
        means.append(
            (float(estimates.valence[0, warm:].mean()), float(estimates.arousal[0, warm:].mean()))
        )
    valence, arousal = means[0]
    return [(one - valence, other - arousal) for one, other in means]


def levels(samples: NDArray[np.float32], *, size: int) -> NDArray[np.float64]:
    """Return the levels in dBFS of a clip's windows that follow one another."""
    whole = np.reshape(samples[: len(samples) // size * size], (-1, size))
    power = np.mean(np.square(whole, dtype=np.float64), axis=1)
    return np.asarray(10 * np.log10(np.maximum(power, 1e-12)), dtype=np.float64)


def under(windows: list[NDArray[np.float64]], gate: float) -> dict[str, float]:
    """Return how much of the music lies under a gate at its own level."""
    shares = [float((clip < gate).mean()) for clip in windows if len(clip)]
    return {
        "share_of_windows": round(float((np.concatenate(windows) < gate).mean()), 4),
        "clips_with_one": sum(share > 0 for share in shares),
        "clips_mostly": sum(share > 0.5 for share in shares),
    }


def row(moved: list[Moved]) -> dict[str, float]:
    """Return the means of how far clips moved, and how many moved by more than .1."""
    values = np.abs(np.array(moved))
    return {
        "clips": len(moved),
        "valence_moved": round(float(values[:, 0].mean()), 4),
        "arousal_moved": round(float(values[:, 1].mean()), 4),
        "arousal_change": round(float(np.array(moved)[:, 1].mean()), 4),
        "median_moved": round(float(np.median(farthest(values))), 4),
        "share_over_.1": round(float((farthest(values) > MOVED_BY).mean()), 3),
    }


if __name__ == "__main__":
    main()
