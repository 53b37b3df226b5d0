from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.corpora import Clip, read_clips
from training.features.cache import FeatureStore, handcrafted_store
from training.features.handcrafted import WIDTH, handcrafted_features
from training.judge.evaluate import HOP_COLUMNS, evaluate
from training.judge.yardsticks.baselines import MODELS, clip_rows, fit, predict_baseline
from training.learn.run import Run

RATE = 24_000


def _telling(clips: list[Clip]) -> dict[str, np.ndarray]:
    """Rows in which loudness and height of a clip, and so its labels, stand plainly."""
    rows = {}
    for n, clip in enumerate(clips):
        noise = 0.05 * np.random.default_rng(n).standard_normal(6)
        quadrant = -1 if clip.quadrant is None else clip.quadrant
        plain = np.array([quadrant in (0, 3), quadrant in (0, 1), *(clip.gems or (0,) * 9)[3:7]])
        rows[clip.key] = plain + noise
    return rows


@pytest.mark.parametrize("model", MODELS)
def test_a_model_learns_what_its_rows_tell_of_groups_it_never_saw(model: str) -> None:
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((160, 8))
    quadrants = 2 * (rows[:, 0] > 0) + (rows[:, 1] > 0)
    ratings = 0.5 * rows[:, 0] - 0.3 * rows[:, 1]
    learnt, judged = slice(0, 120), slice(120, 160)
    groups = [f"artist {n // 3}" for n in range(120)]
    kind = fit(rows[learnt], quadrants[learnt], groups, model=model, classes=True)
    assert np.mean(kind.predict(rows[judged]) == quadrants[judged]) > 0.7
    rating = fit(rows[learnt], ratings[learnt], groups, model=model, classes=False)
    assert np.corrcoef(rating.predict(rows[judged]), ratings[judged])[0, 1] > 0.9


@pytest.mark.slow
def test_a_baseline_says_nothing_that_its_corpus_did_not_ask(run: Run) -> None:
    predictions = predict_baseline(run, _telling(list(run.clips)), model="linear")
    assert predictions.fold == run.split.fold_of
    judged = evaluate(run, predictions, resamples=5, hearing="rows that tell")
    assert {row["data"] for row in judged} == {"emotify", "grekow", "panda4q"}
    assert all("rows that tell" in row["protocol"] for row in judged)
    for clip in run.clips:
        (row,) = predictions.hops[clip.key]
        known = dict(zip(HOP_COLUMNS, row, strict=True))
        assert np.isnan(known["sadness"]) == (clip.gems is None)
        assert np.isnan(known["valence"]) == (clip.valence is None)
        assert np.isnan(known["valence_sd"])
        if clip.quadrant is not None:
            assert row[4:8].sum() == pytest.approx(1, abs=1e-5)


def test_a_baseline_never_sees_the_labels_of_the_clips_it_is_judged_by(run: Run) -> None:
    run = replace(run, clips=[clip for clip in run.clips if clip.corpus == "grekow"])
    rows = _telling(list(run.clips))
    before = predict_baseline(run, rows, model="linear")
    lies = [
        replace(clip, valence=-clip.valence)
        if clip.valence is not None and run.split.fold_of[clip.key] == 0
        else clip
        for clip in run.clips
    ]
    after = predict_baseline(replace(run, clips=lies), rows, model="linear")
    at = HOP_COLUMNS.index("valence")
    for clip in run.clips:
        same = before.hops[clip.key][0, at] == after.hops[clip.key][0, at]
        assert same == (run.split.fold_of[clip.key] == 0)


def test_a_row_is_the_mean_of_a_clips_windows(run: Run) -> None:
    clip = run.clips[0]
    store = FeatureStore((np.array([[1, 2], [3, 2]], np.float16),), {clip.key: (0, 0, 2)}, {})
    np.testing.assert_array_equal(clip_rows(store, [clip])[clip.key], [2, 2])


@pytest.mark.slow
def test_hand_made_features_are_the_same_from_one_process_and_from_two(
    corpora_root: Path, tmp_path: Path
) -> None:
    clips = [clip for clip in read_clips(corpora_root) if clip.corpus == "grekow"][:3]
    one = handcrafted_store(clips, tmp_path / "one")
    two = handcrafted_store(clips, tmp_path / "two", jobs=2)
    for clip in clips:
        assert one[clip.key].shape == (1, WIDTH)
        np.testing.assert_array_equal(one[clip.key], two[clip.key])


def test_hand_made_features_are_numbers_even_of_silence() -> None:
    row = handcrafted_features(np.zeros(3 * RATE, np.float32))
    assert row.shape == (1, WIDTH)
    assert np.isfinite(row.astype(np.float16)).all()
