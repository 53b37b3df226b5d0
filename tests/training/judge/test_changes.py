"""The judge of turns, on made songs whose spectra are as unlike or as like as is wanted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realtime_mer.features.config import FeatureConfig
from training.corpora import Clip
from training.corpora.splits import Split
from training.features.cache import FeatureStore
from training.judge.changes import WITHIN_S, changes

SECONDS = 30
FRAMES = 50 * SECONDS
_COLOURS = np.random.default_rng(7).uniform(1.0, 4.0, (24, 64))


def _judged(song: Callable[[int, np.random.Generator], np.ndarray]) -> dict[tuple[str, ...], Any]:
    """Return the values of songs with these frames, by splices, by whom and figure."""
    clips = [
        Clip(corpus="made", id=str(n), path=Path("none"), seconds=SECONDS, group=f"a{n}")
        for n in range(12)
    ]
    generator = np.random.default_rng(0)
    frames = np.concatenate([song(n, generator) for n in range(len(clips))]).clip(0)
    spans = {clip.key: (0, FRAMES * n, FRAMES * (n + 1)) for n, clip in enumerate(clips)}
    features = FeatureStore((frames.astype(np.float16),), spans, {})
    split = Split(folds=2, seed=0, fold_of={clip.key: n % 2 for n, clip in enumerate(clips)})
    rows = changes(clips, features, FeatureConfig(), split, resamples=20)
    assert {row["n"] for row in rows} == {6}  # those of the other fold
    return {(row["splices"], row["by"], row["metric"]): row["value"] for row in rows}


def _wavering(shape: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return shape + generator.normal(0.0, 0.1, (FRAMES, 64))


def test_songs_of_other_colours_are_told_at_every_splice_and_nowhere_else() -> None:
    found = _judged(lambda n, generator: _wavering(_COLOURS[n], generator))
    ways = {way for way, *_ in found}
    assert len(ways) == 4
    for way in ways:
        assert found[way, "spectrum", "recall"] == 1.0
        assert found[way, "spectrum", "false alarms a minute"] == 0.0
        assert 0 < found[way, "spectrum", "delay, median (s)"] <= 5.0
        assert found[way, "random", "recall"] < 0.3
    level = found["equally loud", "level alone", "recall"]
    assert level is not None
    assert level < 0.5


def test_songs_alike_but_for_their_level_are_told_by_the_level_alone() -> None:
    found = _judged(lambda n, generator: _wavering(np.full(64, 2.0 + n % 4 // 2), generator))
    way = "as loud as they are"
    assert found[way, "spectrum", "recall"] == 0.0
    assert found[way, "spectrum", "delay, median (s)"] is None
    assert found[way, "level alone", "recall"] > 0.2


def test_what_changes_within_a_song_is_a_false_alarm() -> None:
    def song(n: int, generator: np.random.Generator) -> np.ndarray:
        frames = _wavering(_COLOURS[0], generator)
        frames[20 * 50 :] += _COLOURS[1] - _COLOURS[0]
        return frames

    found = _judged(song)["equally loud", "spectrum", "false alarms a minute"]
    # Of each pair one amid the old song and one amid the new one, in as many minutes as count.
    assert found == pytest.approx(2 / ((2 * SECONDS - 13 - WITHIN_S) / 60), rel=0.01)
