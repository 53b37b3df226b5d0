"""A committee on folds: it learns from the others alone, and answers all that it was taught."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.corpora import Clip
from training.corpora.splits import draw_split
from training.features.cache import FeatureStore
from training.features.teacher import EMBEDDING
from training.judge.evaluate import HOP_COLUMNS, Predictions, evaluate
from training.judge.yardsticks.committee import hearing, predict_committee, told_figures
from training.learn.committee import Voter
from training.learn.config import TrainingConfig
from training.learn.ridge import GAUSSIAN
from training.learn.run import Run

OF = (Voter(("musicnn",), GAUSSIAN),)


@pytest.fixture
def run() -> Run:
    """Two folds of rated songs of two corpora."""
    clips = []
    for n in range(32):
        common = {"id": str(n), "path": Path(), "seconds": 9.0, "group": f"group {n // 2}"}
        clips += [
            Clip(corpus="grekow", valence=np.sin(n), arousal=np.cos(2 * n), **common),
            Clip(corpus="panda4q", quadrant=n % 4, **common),
        ]
    split = draw_split(clips, folds=2, seed=1)
    return Run(folder=Path(), config=TrainingConfig(), split=split, clips=clips)


def _store(clips: list[Clip]) -> FeatureStore:
    rows = np.zeros((2 * len(clips), EMBEDDING), np.float16)
    for number, clip in enumerate(clips):
        own = rows[2 * number : 2 * number + 2]
        own[:, :2] = 1 + (clip.valence or 0.0), 1 + (clip.arousal or 0.0)
        own[:, 2:6] = np.arange(4) == clip.quadrant
    spans = {clip.key: (0, 2 * n, 2 * n + 2) for n, clip in enumerate(clips)}
    return FeatureStore((rows,), spans, {})


def _said(run: Run, store: FeatureStore) -> Predictions:
    return predict_committee(run, store, teachers=["musicnn"], of=OF)


def test_it_answers_for_every_clip_all_that_any_corpus_taught_it(run: Run) -> None:
    said = _said(run, _store(list(run.clips)))
    assert said.hops.keys() == {clip.key for clip in run.clips}
    for hops in said.hops.values():
        known = dict(zip(HOP_COLUMNS, hops[0], strict=True))
        assert sum(known[f"quadrant_{n}"] for n in range(4)) == pytest.approx(1, abs=1e-5)
        assert np.isfinite((known["valence"], known["arousal"])).all()
        assert np.isnan((known["valence_sd"], known["sadness"])).all()
    told = told_figures(said)
    assert {"macro-F1", "AUC valence, from valence", "R² arousal"} <= told
    assert "mean r over nine items" not in told
    judged = {
        (row["data"], row["metric"]): row
        for row in evaluate(run, said, resamples=5, hearing=hearing(["musicnn"]))
    }
    assert judged["grekow", "R² valence"]["value"] > 0.5
    assert judged["panda4q", "macro-F1"]["value"] > 0.5
    assert "ridge regressions on musicnn" in judged["panda4q", "macro-F1"]["protocol"]


def test_it_never_sees_the_labels_of_the_clips_it_is_judged_by(run: Run) -> None:
    store = _store(list(run.clips))
    before = _said(run, store)
    lies = [
        replace(clip, valence=-clip.valence)
        if clip.valence is not None and run.split.fold_of[clip.key] == 0
        else clip
        for clip in run.clips
    ]
    after = _said(replace(run, clips=lies), store)
    for clip in run.clips:
        same = before.hops[clip.key][0, 0] == after.hops[clip.key][0, 0]
        assert same == (run.split.fold_of[clip.key] == 0)
