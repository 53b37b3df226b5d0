"""Whether an estimate drifts: music that is looped for an hour, minute 60 against minute 2."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from rich.progress import track

from realtime_mer.audio.files import load_audio
from realtime_mer.errors import InputError
from realtime_mer.recognizer.reference import Recognizer

from ..corpora import Clip
from .metrics import AFFECT, bootstrap, interval_note, mean_of, row

LOOP_S = 30
"""Seconds of a loop: a minute holds whole loops, so that all minutes hear the same sound."""


def minute_means(
    recognizer: Recognizer, loop: NDArray[np.float32], *, minutes: int
) -> NDArray[np.float64]:
    """Return mean valence and arousal of every minute of a loop, (minutes, 2), state carried.

    Args:
        recognizer: the checkpoint.
        loop: float32 (n,) of ``LOOP_S`` seconds at the recogniser's rate.
        minutes: how long it is played.

    Raises:
        InputError: the loop has another length.
    """
    if len(loop) != LOOP_S * recognizer.sample_rate:
        raise InputError(f"a loop has {LOOP_S} s; {len(loop) / recognizer.sample_rate:.1f} s given")
    minute = torch.from_numpy(np.tile(loop, 60 // LOOP_S))[None]
    state = recognizer.initial_state(1)
    means = []
    for _ in range(minutes):
        said, state = recognizer.step(minute, state)
        means.append([float(said.valence.mean()), float(said.arousal.mean())])
    return np.array(means)


def endurance(
    recognizer: Recognizer,
    clips: Sequence[Clip],
    *,
    minutes: int = 60,
    most: int = 10,
    seed: int = 0,
    resamples: int = 1000,
) -> list[dict[str, Any]]:
    """Return how far the last minute's means lie from the second minute's.

    Args:
        recognizer: the checkpoint.
        clips: whose first ``LOOP_S`` seconds are looped; shorter ones are left out.
        minutes: how long.
        most: clips, drawn with ``seed``.
        seed: of the draw.
        resamples: draws behind an interval.

    Raises:
        InputError: no clip is long enough.
    """
    long_enough = [clip for clip in clips if clip.seconds >= LOOP_S + 1]
    if not long_enough:
        raise InputError(f"no clip is as long as a loop of {LOOP_S} s")
    drawn = np.random.default_rng(seed).permutation(len(long_enough))[:most]
    chosen = [long_enough[n] for n in sorted(drawn)]
    rows = []
    for clip in track(chosen, description="hearing loops"):
        loop = load_audio(clip.path, sample_rate=recognizer.sample_rate)
        means = minute_means(recognizer, loop[: LOOP_S * recognizer.sample_rate], minutes=minutes)
        rows.append(
            {"group": clip.group, **dict(zip(AFFECT, abs(means[-1] - means[1]), strict=True))}
        )
    table = pd.DataFrame(rows)
    protocol = (
        f"first {LOOP_S} s of {len(table)} sounds drawn with seed {seed}, looped for {minutes} "
        "minutes by the refit, which learnt from them: only drift is judged; state carried; means "
        f"over a minute; {interval_note(resamples)}"
    )
    return [
        row(
            table,
            bootstrap(table, mean_of(axis), resamples=resamples),
            data=", ".join(sorted({clip.corpus for clip in chosen})),
            metric=f"mean |minute {minutes} − minute 2| of {axis}",
            protocol=protocol,
            digits=6,
        )
        for axis in AFFECT
    ]
