"""What is tried of teachers, how one is chosen, and that what chose does not confirm."""

import datetime
import json
from pathlib import Path

import numpy as np
import pytest

from training.corpora import Clip
from training.corpora.splits import draw_split
from training.judge.evaluate import HOP_COLUMNS, Predictions
from training.judge.yardsticks.probe import Combination, combinations, probe
from training.learn.committee import Voter
from training.learn.config import TrainingConfig
from training.learn.ridge import LINEAR
from training.learn.run import Run
from training.report.probe import write_probe

FIGURES = {("grekow", "R² valence"), ("grekow", "R² arousal")}
ALONE, BOTH, TAGGER = (
    Combination(heard, LINEAR, (Voter(tuple(heard.split(" + ")), LINEAR),))
    for heard in ("musicnn", "musicnn + tagger", "tagger")
)


@pytest.fixture
def run() -> Run:
    clips = [
        Clip(
            corpus="grekow",
            id=str(n),
            path=Path(),
            seconds=9.0,
            group=f"group {n}",
            valence=float(np.sin(n)),
            arousal=float(np.cos(2 * n)),
        )
        for n in range(60)
    ]
    split = draw_split(clips, folds=3, seed=1)
    return Run(folder=Path(), config=TrainingConfig(), split=split, clips=clips)


def _said(run: Run, error: dict[int, float]) -> Predictions:
    """Ratings that are off by a fold's noise."""
    random = np.random.default_rng(0)
    hops = {}
    for clip in run.clips:
        row = np.full((1, len(HOP_COLUMNS)), np.nan, np.float32)
        noise = error[run.split.fold_of[clip.key]] * random.standard_normal(2)
        row[0, :2] = np.array([clip.valence, clip.arousal]) + noise
        hops[clip.key] = row
    return Predictions(hops, run.split.fold_of)


def steadily(error: float) -> dict[int, float]:
    return dict.fromkeys(range(3), error)


def test_teachers_are_tried_alone_side_by_side_and_by_the_mean_of_their_answers() -> None:
    tried = combinations(["musicnn", "tagger"])
    assert len({each.name for each in tried}) == len(tried) == 15
    by_name = {each.name: each.voters for each in tried}
    assert by_name["musicnn: linear"] == (Voter(("musicnn",), "linear"),)
    assert by_name["musicnn + tagger: Gaussian"] == (Voter(("musicnn", "tagger"), "Gaussian"),)
    assert by_name["musicnn and tagger: linear and Gaussian"] == tuple(
        Voter((teacher,), kernel)
        for teacher in ("musicnn", "tagger")
        for kernel in ("linear", "Gaussian")
    )


def test_what_is_best_on_the_folds_that_choose_is_confirmed_on_the_others(run: Run) -> None:
    said = {
        ALONE: _said(run, {0: 0.5, 1: 0.5, 2: 0.5}),
        BOTH: _said(run, {0: 0.1, 1: 0.1, 2: 1.0}),
        # The best of all on the fold that must not choose.
        TAGGER: _said(run, {0: 0.9, 1: 0.9, 2: 0.01}),
    }
    found = probe(run, said, figures=FIGURES, chosen_on=[0, 1], resamples=200)
    assert (found.chosen, found.alone) == (BOTH, ALONE)
    assert found.confirmed_on == [2]
    chosen = {row["metric"]: row for row in found.confirmed if row["model"] == BOTH.name}
    assert chosen["R² valence"]["n"] == 20
    # Turned round the lead says that what was chosen is worse where it did not choose.
    assert chosen["R² valence"]["lead_low"] > 0
    in_folds = {
        (row["fold"], row["model"]): row["value"]
        for row in found.folds
        if row["metric"] == "R² arousal"
    }
    assert len(in_folds) == 6
    assert in_folds[0, BOTH.name] > in_folds[0, ALONE.name]
    assert in_folds[2, BOTH.name] < in_folds[2, ALONE.name]


def test_the_page_names_what_was_tried_on_which_folds_and_who_may_know_the_songs(
    run: Run, tmp_path: Path
) -> None:
    said = {
        ALONE: _said(run, dict.fromkeys(range(3), 0.5)),
        BOTH: _said(run, dict.fromkeys(range(3), 0.1)),
    }
    found = probe(run, said, figures=FIGURES, chosen_on=[0, 1], resamples=100)
    page = write_probe(
        found, run, tmp_path, teachers=["musicnn", "tagger"], day=datetime.date(2026, 1, 2)
    ).read_text(encoding="utf-8")
    assert "2 combinations were tried" in page
    assert "chose **musicnn + tagger: linear** on folds 0, 1" in page
    assert "both on fold 2, which chose nothing" in page
    assert "- tagger may have learnt from recordings of grekow" in page
    assert "2026-01-02" in page
    confirmed = page.partition("## Chosen on")[2].partition("\n## ")[0]
    assert confirmed.count("**+") == 2
    kept = json.loads((tmp_path / "probe.json").read_text(encoding="utf-8"))
    assert kept["chosen"] == BOTH.name
    assert len(kept["rows"]) == 4


def test_one_that_leads_nowhere_is_set_beside_itself(run: Run, tmp_path: Path) -> None:
    said = {
        ALONE: _said(run, dict.fromkeys(range(3), 0.1)),
        BOTH: _said(run, dict.fromkeys(range(3), 0.5)),
    }
    found = probe(run, said, figures=FIGURES, chosen_on=[0, 1], resamples=50)
    assert found.chosen == found.alone == ALONE
    page = write_probe(found, run, tmp_path, teachers=["musicnn"], day=datetime.date(2026, 1, 2))
    assert "+0.000 (+0.000 … +0.000)" in page.read_text(encoding="utf-8").replace("−0", "+0")
