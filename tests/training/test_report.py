import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from realtime_mer.errors import InputError
from tests.networks import random_recognizer
from training.__main__ import app
from training.cache import Store, feature_store
from training.conditions import conditions
from training.corpora import Clip, read_clips
from training.endurance import LOOP_S, endurance, minute_means
from training.evaluate import load_predictions, predict
from training.report import write_report
from training.robustness import chosen_clips, robustness
from training.run import Run, open_run
from training.train import train_part
from training.unheard import unheard


@pytest.fixture(scope="module")
def trained(corpora_root: Path, cache_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder whose tiny networks are trained and evaluated."""
    from tests.training.conftest import TINY

    place = tmp_path_factory.mktemp("report")
    (place / "tiny.toml").write_text(TINY)
    run = open_run(place / "run", read_clips(corpora_root), place / "tiny.toml")
    features = feature_store(run.clips, run.config.features, cache_root)
    for number, part in enumerate(run.parts):
        train_part(
            run.training_clips(part),
            features,
            None,
            run.config,
            run.folder / part,
            stream_key=number,
        )
    places = ["--run", str(run.folder), "--data", str(corpora_root), "--cache", str(cache_root)]
    done = CliRunner().invoke(app, ["evaluate", *places, "--resamples", "20"])
    assert done.exit_code == 0, done.output
    return run.folder


@pytest.fixture
def run(trained: Path, corpora_root: Path) -> Run:
    return open_run(trained, read_clips(corpora_root), None)


def test_a_report_shows_every_metric_with_interval_baseline_and_n(
    run: Run, corpora_root: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = ["report", "--run", str(run.folder), "--out", str(out), "--data", str(corpora_root)]
    done = CliRunner().invoke(app, [*command, "--resamples", "20"])
    assert done.exit_code == 0, done.output
    text = (out / "report.md").read_text(encoding="utf-8")
    for row in json.loads((run.folder / "report.json").read_text())["metrics"]:
        name = row["metric"].replace("|", "\\|")
        (line,) = (
            line for line in text.splitlines() if line.startswith(f"| {row['data']} | {name} |")
        )
        assert f"{row['n']} / {row['groups']}" in line
        assert "…" in line
        assert row["protocol"] in text
    for name in ("confusion", "valence-arousal", "gems", "calibration", "learning-curves"):
        assert f"({name}.png)" in text
        plot = (out / f"{name}.png").read_bytes()
        assert plot.startswith(b"\x89PNG")
        assert len(plot) < 150_000
    missing = text.partition("## Not measured")[2]
    assert "python -m training baselines" in missing
    assert "python -m training robustness" in missing


def test_losses_on_the_training_songs_are_never_shown_without_that_word(
    run: Run, tmp_path: Path
) -> None:
    text = write_report(run, tmp_path, resamples=5).read_text(encoding="utf-8")
    curves = text.partition("## Learning curves")[2].partition("##")[0]
    assert "**on the training songs**" in curves
    assert "loss" not in text.partition("## Learning curves")[0]


def test_what_other_commands_left_stands_beside_the_network(run: Run, tmp_path: Path) -> None:
    row = json.loads((run.folder / "report.json").read_text())["metrics"][0]
    rival = {**row, "model": "a rival", "value": 0.123, "low": 0.1, "high": 0.2}
    (tmp_path / "baselines.json").write_text(json.dumps({"rows": [rival]}))
    text = write_report(run, tmp_path, resamples=5).read_text(encoding="utf-8")
    (line,) = (
        line
        for line in text.splitlines()
        if line.startswith(f"| {row['data']} | {row['metric']} |")
    )
    assert "0.123 (0.100 … 0.200)" in line
    assert "python -m training baselines" not in text


def test_a_run_that_is_not_evaluated_is_refused(
    corpora_root: Path, tiny_config: Path, tmp_path: Path
) -> None:
    fresh = open_run(tmp_path / "fresh", read_clips(corpora_root), tiny_config)
    with pytest.raises(InputError, match="run evaluate first"):
        write_report(fresh, tmp_path / "out")


def test_predictions_are_read_as_they_were_written(run: Run, cache_root: Path) -> None:
    features = feature_store(run.clips, run.config.features, cache_root)
    said, read = predict(run, features, range(2)), load_predictions(run)
    assert said.fold == read.fold
    for key, hops in said.hops.items():
        np.testing.assert_allclose(hops, read.hops[key], rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_the_clean_condition_is_the_evaluation_itself(run: Run, tmp_path: Path) -> None:
    rows = robustness(run, most_s=3600, resamples=20)
    judged = {
        (row["data"], row["metric"]): row["value"]
        for row in json.loads((run.folder / "report.json").read_text())["metrics"]
    }
    clean = [row for row in rows if row["condition"] == "clean"]
    assert {row["data"] for row in clean} == {"emotify", "grekow", "panda4q"}
    for row in clean:
        assert row["value"] == pytest.approx(judged[row["data"], row["metric"]], abs=2e-3)
        assert row["relative_value"] == 1.0
    assert {row["condition"] for row in rows} == set(conditions())
    (tmp_path / "robustness.json").write_text(json.dumps({"rows": rows}, allow_nan=False))
    text = write_report(run, tmp_path, resamples=5).read_text(encoding="utf-8")
    assert "![Robustness](robustness.png)" in text


def test_clips_are_drawn_by_seed_until_the_time_is_full(run: Run) -> None:
    drawn = chosen_clips(run, 30.0, 0)
    for corpus in ("emotify", "grekow", "panda4q"):
        seconds = [clip.seconds for clip in drawn if clip.corpus == corpus]
        assert 22 <= sum(seconds) <= 30
    assert chosen_clips(run, 30.0, 0) == drawn
    assert chosen_clips(run, 30.0, 1) != drawn
    assert set(chosen_clips(run, 3600.0, 0)) == set(run.clips)


def _pieces() -> list[Clip]:
    """Twelve pieces of four series whose valence rises and whose arousal turns."""
    return [
        Clip(
            corpus="vgmidi",
            id=f"vg{n:03}@Font",
            path=Path("none"),
            group=f"series {n % 4}",
            seconds=8.0,
            valence=n / 6 - 1,
            arousal=float(np.sin(n)),
        )
        for n in range(12)
    ]


def _store(clips: list[Clip], rows: list[np.ndarray]) -> Store:
    starts = np.cumsum([0, *map(len, rows)])
    spans = {clip.key: (0, int(starts[n]), int(starts[n + 1])) for n, clip in enumerate(clips)}
    return Store((np.concatenate(rows).astype(np.float16),), spans, {})


def test_a_corpus_never_trained_on_is_judged_beside_an_embedding_that_knows(run: Run) -> None:
    pieces = _pieces()
    generator = np.random.default_rng(0)

    def knowing(clips: list[Clip]) -> Store:
        told = [
            np.repeat([[clip.valence or 0.0, clip.arousal or 0.0]], 2, axis=0) for clip in clips
        ]
        return _store(clips, told)

    rows = unheard(
        run,
        pieces,
        features=_store(pieces, [generator.random((400, 64)) for _ in pieces]),
        own_embeddings=knowing(pieces),
        embeddings=knowing(list(run.clips)),
        longest_s=8,
        resamples=50,
    )
    found = {(row["model"], row["metric"]): row for row in rows}
    embedding = found["MusiCNN + ridge on grekow", "r valence"]
    assert embedding["value"] > 0.95
    assert (embedding["n"], embedding["groups"]) == (12, 4)
    lead = found["MusiCNN + ridge on grekow", "r valence, the network's lead"]
    own = found["the network, refit on every clip", "r valence"]
    assert lead["value"] == pytest.approx(own["value"] - embedding["value"], abs=1e-3)
    assert ("MusiCNN + ridge on grekow and panda4q, joined", "r arousal") in found
    assert "rendered with Font" in lead["protocol"]


def test_a_minute_of_a_loop_is_said_alike_every_minute_once_warm() -> None:
    recognizer = random_recognizer()
    loop = np.random.default_rng(0).standard_normal(LOOP_S * recognizer.sample_rate)
    means = minute_means(recognizer, (0.1 * loop).astype(np.float32), minutes=3)
    assert means.shape == (3, 2)
    np.testing.assert_allclose(means[1], means[2], atol=1e-4)
    with pytest.raises(InputError, match="s given"):
        minute_means(recognizer, np.zeros(10, np.float32), minutes=3)


def test_endurance_wants_clips_as_long_as_a_loop(run: Run) -> None:
    with pytest.raises(InputError, match="no clip is as long"):
        endurance(random_recognizer(), run.clips)
    short = [replace(clip, seconds=2.0) for clip in run.clips]
    with pytest.raises(InputError):
        endurance(random_recognizer(), short)
