"""The streaming network's rows in the papers' table."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.training.made_corpora import can_render
from training.__main__ import app
from training.corpora import read_clips
from training.corpora.splits import draw_split
from training.features.cache import feature_store
from training.judge.evaluate import HOP_COLUMNS, load_network, run_clip, whole_hops
from training.learn.run import REFIT, Run, open_run
from training.papers.trials.records import read_records
from training.papers.trials.streaming import unseen_rows


@pytest.fixture
def run(trained: Path, corpora_root: Path) -> Run:
    return open_run(trained, read_clips(corpora_root), None)


def test_its_rows_say_of_held_out_clips_what_the_evaluation_says(
    run: Run, corpora_root: Path, tmp_path: Path
) -> None:
    command = ["papers", "--run", str(run.folder), "--data", str(corpora_root)]
    command += ["--out", str(tmp_path / "papers"), "--resamples", "20"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    rows = {
        (row.asked.corpus, row.asked.task): row
        for row in read_records(tmp_path / "papers" / "records")
    }
    assert {("emotify", "gems"), ("panda4q", "quadrants"), ("grekow", "affect")} <= set(rows)
    told = json.loads((run.folder / "report.json").read_text(encoding="utf-8"))["metrics"]
    evaluated = {(row["data"], row["metric"]): row for row in told}
    for name in ("CCC valence", "CCC arousal", "R² valence"):
        (own,) = [row for row in rows["grekow", "affect"].metrics if row["metric"] == name]
        assert own["value"] == pytest.approx(evaluated["grekow", name]["value"], abs=1e-3)
        assert own["n"] == evaluated["grekow", name]["n"]
    for row in rows.values():
        assert row.asked.split == run.split.hash
        assert not row.asked.unheard
    page = (tmp_path / "papers.md").read_text(encoding="utf-8")
    assert "**streaming** valence" in page
    assert "learnt nothing of this corpus" not in page


def test_of_a_corpus_that_it_never_learnt_its_refit_is_asked(
    run: Run, corpora_root: Path, cache_root: Path, tmp_path: Path
) -> None:
    learnt = [clip for clip in run.clips if clip.corpus == "grekow"]
    clips = [replace(clip, corpus="own") for clip in learnt]
    features = feature_store(clips, run.config.features, cache_root)
    split = draw_split(clips, folds=3, seed=0)
    rows = unseen_rows(run, clips, split, features, tmp_path, resamples=5)
    assert {row.asked.task for row in rows} == {"quadrants", "affect"}
    (affect,) = [row for row in rows if row.asked.task == "affect"]
    assert affect.asked.unheard is True
    assert affect.asked.split == split.hash
    network, clip = load_network(run, REFIT), clips[0]
    said = dict(
        zip(HOP_COLUMNS, whole_hops(run_clip(network, features[clip.key])).mean(0), strict=True)
    )
    (kept,) = affect.predictions[clip.id]
    np.testing.assert_allclose(kept, [said["valence"], said["arousal"]], atol=6e-4)
    # The plain answer is learnt from other folds, as that of the systems' rows is.
    (mae,) = [row for row in affect.metrics if row["metric"] == "MAE valence"]
    valence = np.array([clip.valence for clip in clips], float)
    fold = np.array([split.fold_of[clip.key] for clip in clips])
    plain = np.array([valence[fold != own].mean() for own in fold])
    assert mae["baseline"] == pytest.approx(np.abs(valence - plain).mean(), abs=1e-4)


@pytest.mark.slow
@can_render
def test_of_notes_that_are_asked_for_it_says_that_it_learnt_nothing_of_them(
    run: Run, corpora_root: Path, notes_root: Path, cache_root: Path, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(corpora_root, tmp_path / "data"))
    pieces = shutil.copytree(notes_root / "vgmidi", data / "vgmidi") / "pieces.csv"
    every = pd.read_csv(pieces)
    six = [every.assign(piece_id=every["piece_id"] + letter) for letter in "ab"]
    for copy in six:
        copy["series"] = copy["piece_id"]
    pd.concat(six).to_csv(pieces, index=False)
    command = ["papers", "--run", str(run.folder), "--data", str(data), "--corpus", "vgmidi"]
    command += ["--system", "svm", "--cache", str(cache_root), "--out", str(tmp_path / "papers")]
    command += ["--resamples", "20"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    page = (tmp_path / "papers.md").read_text(encoding="utf-8")
    notes = page.partition("## vgmidi")[2].partition("\n## ")[0]
    assert "not what people heard" in notes
    assert "**streaming** valence" in notes
    assert "learnt nothing of this corpus" in notes
    assert "other folds" not in notes
    assert "- **emopia**" in page.partition("## Corpora that are not here")[2]
