from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime_mer.features.config import FeatureConfig
from training.corpora import Clip
from training.corpora.splits import draw_split
from training.features.cache import FeatureStore
from training.judge.evaluate import HOP_COLUMNS, Predictions
from training.judge.splices import BEFORE_S, LEAST_WAY, pairs, reaction_s, splices
from training.learn.run import Run
from training.learn.sequences import hop_s

HOP_S = hop_s(FeatureConfig())


def _clip(n: int, seconds: float) -> Clip:
    return Clip(corpus="made", id=str(n), path=Path("none"), seconds=seconds, group=f"a{n // 2}")


@pytest.mark.parametrize("tau", [0.5, 2.0])
def test_what_approaches_its_end_exponentially_reacts_within_its_time_constant(tau: float) -> None:
    before = np.full(120, -0.5)
    time = (np.arange(300) + 1) * HOP_S
    after = 0.5 - 1.0 * np.exp(-time / tau)
    assert reaction_s(before, after, hop_s=HOP_S) == pytest.approx(tau, abs=HOP_S)
    assert reaction_s(-before, -after, hop_s=HOP_S) == pytest.approx(tau, abs=HOP_S)


def test_an_estimate_that_hardly_moves_is_not_timed() -> None:
    still = np.zeros(100)
    assert np.isnan(reaction_s(still, still + 0.9 * LEAST_WAY, hop_s=HOP_S))
    assert reaction_s(still, still + 1.1 * LEAST_WAY, hop_s=HOP_S) == pytest.approx(HOP_S)


def test_every_clip_follows_one_of_another_group_that_is_long_enough() -> None:
    clips = [_clip(n, 30.0 if n % 3 else 6.0) for n in range(12)]
    drawn = pairs(clips, seed=0)
    assert [new for _, new in drawn] == clips
    assert all(old.group != new.group and old.seconds > BEFORE_S for old, new in drawn)
    assert pairs(clips, seed=0) == drawn
    assert pairs(clips, seed=1) != drawn


def test_smoothing_is_paid_for_in_reaction_and_told_beside_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Songs that are each heard as one number, of which the network says at once what it is.
    clips = [_clip(n, 30.0) for n in range(12)]
    said = {clip.key: 0.4 if n % 4 < 2 else -0.4 for n, clip in enumerate(clips)}
    spans = {key: (0, 1500 * n, 1500 * (n + 1)) for n, key in enumerate(said)}
    frames = np.repeat(np.array([*said.values()], np.float16), 1500)[:, None] * np.ones(64)
    features = FeatureStore((frames.astype(np.float16),), spans, {})

    def heard(_: object, frames: np.ndarray, _pitches: object = None) -> np.ndarray:
        return np.repeat(frames[::5, :1].astype(np.float32), len(HOP_COLUMNS), axis=1)

    monkeypatch.setattr("training.judge.splices.load_network", lambda *_: None)
    monkeypatch.setattr("training.judge.splices.run_clip", heard)
    made = replace(run, clips=clips, split=draw_split(clips, folds=2, seed=1))
    alone = {clip.key: heard(None, features[clip.key]) for clip in clips}
    rows = splices(made, features, Predictions(alone, made.split.fold_of), resamples=5)
    medians = {
        row["smoothing_s"]: row["value"]
        for row in rows
        if row["metric"].startswith("reaction time, arousal, median (s)")
    }
    assert medians == pytest.approx({0.0: HOP_S, 1.0: 1.0, 3.0: 3.0}, abs=1.5 * HOP_S)
    (plain,) = (row for row in rows if row["metric"] == "reaction time, arousal, median (s)")
    assert plain["smoothing_s"] == 0.0


def test_nothing_is_spliced_where_no_clip_is_long_enough() -> None:
    assert pairs([_clip(n, 6.0) for n in range(6)], seed=0) == []
