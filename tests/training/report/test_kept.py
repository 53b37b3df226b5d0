from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime_mer.errors import InputError
from training.judge.evaluate import (
    HOP_COLUMNS,
    Predictions,
    evaluate,
    fingerprint,
    load_predictions,
    save_predictions,
)
from training.learn.run import Run
from training.report import paired
from training.report.kept import KEPT, Kept, leads_over, of_run, read, write


@pytest.fixture
def judged(run: Run) -> Run:
    """A run whose folds said something of every clip."""
    generator = np.random.default_rng(0)
    hops = {
        clip.key: generator.uniform(0.01, 0.99, (50, len(HOP_COLUMNS))).astype(np.float32)
        for clip in run.clips
    }
    save_predictions(Predictions(hops, run.split.fold_of), run.folder / "predictions.npz")
    return run


def _knowing_valence(run: Run) -> Kept:
    said = of_run(run).predictions
    hops = {key: rows.copy() for key, rows in said.hops.items()}
    for clip in run.clips:
        if clip.valence is not None:
            hops[clip.key][:, HOP_COLUMNS.index("valence")] = clip.valence
    return Kept(name="better", run="another", predictions=Predictions(hops, said.fold))


@pytest.mark.slow
def test_what_is_kept_scores_as_the_hops_it_was_made_of_and_is_small(
    judged: Run, tmp_path: Path
) -> None:
    write(of_run(judged), tmp_path / KEPT)
    again = read(tmp_path / KEPT)
    assert (again.name, again.run) == ("tiny", fingerprint(judged))
    assert again.predictions.fold == dict(judged.split.fold_of)
    assert (tmp_path / KEPT).stat().st_size < 80 * len(judged.clips) + 2000
    whole = evaluate(judged, load_predictions(judged), resamples=1)
    for row, kept in zip(whole, evaluate(judged, again.predictions, resamples=1), strict=True):
        if row["value"] is not None:
            assert kept["value"] == pytest.approx(row["value"], abs=2e-3), row["metric"]


@pytest.mark.slow
def test_a_run_is_set_beside_what_was_kept_of_another_by_paired_draws(
    judged: Run, tmp_path: Path
) -> None:
    write(_knowing_valence(judged), tmp_path / KEPT)
    rows = leads_over(judged, read(tmp_path / KEPT), resamples=50)
    found = {(row["data"], row["metric"]): row for row in rows}
    valence, arousal = found["grekow", "R² valence"], found["grekow", "R² arousal"]
    assert valence["value"] == pytest.approx(1.0, abs=1e-3)
    assert valence["lead_high"] < 0
    # Of arousal both say the same, so that no draw tells them apart.
    assert [arousal[f"lead_{name}"] for name in ("value", "low", "high")] == pytest.approx(
        [0.0, 0.0, 0.0], abs=2e-3
    )
    judged_now = evaluate(judged, load_predictions(judged), resamples=5)
    own = [{"model": "network"} | row for row in judged_now]
    text = paired.against(own, rows)
    assert text.startswith("## Beside `better, another`")
    (line,) = (line for line in text.splitlines() if line.startswith("| grekow | R² valence"))
    assert "| 1.000 | −" in line
    assert "| **−" in line


def test_a_run_is_not_compared_with_itself_nor_with_other_folds(judged: Run) -> None:
    with pytest.raises(InputError, match="this very run"):
        leads_over(judged, of_run(judged))
    other = _knowing_valence(judged)
    moved = {key: 1 - fold for key, fold in other.predictions.fold.items()}
    strange = replace(other, predictions=replace(other.predictions, fold=moved))
    with pytest.raises(InputError, match="better, another has other folds"):
        leads_over(judged, strange)


def test_a_number_that_was_not_told_then_is_none_now(
    judged: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(of_run(judged), tmp_path / KEPT)
    monkeypatch.setattr("training.report.kept.HOP_COLUMNS", (*HOP_COLUMNS, "music"))
    hops = read(tmp_path / KEPT).predictions.hops
    assert all(np.isnan(rows[0, -1]) and not np.isnan(rows[0, :-1]).any() for rows in hops.values())


@pytest.mark.parametrize("content", [None, b"", b"PK\x05\x06" + bytes(18), b"{}"])
def test_a_file_that_is_missing_or_holds_something_else_is_refused(
    content: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / KEPT
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"clip-predictions\.npz"):
        read(path)
