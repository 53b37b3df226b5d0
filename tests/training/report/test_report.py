import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from realtime_mer.errors import InputError
from realtime_mer.model.checkpoint import save_checkpoint
from realtime_mer.recognizer.light import LightRecognizer
from tests.networks import random_recognizer
from tests.training.made_teacher import head_arrays, tagger_arrays, teacher_arrays
from training.__main__ import app
from training.corpora import Clip, read_clips
from training.export.network import network_file
from training.export.shipping import checkpoint
from training.features.cache import FeatureStore, feature_store
from training.features.conditions import conditions
from training.judge.compare import compare, leads
from training.judge.cost import cost, cost_beside_teacher
from training.judge.endurance import LOOP_S, endurance, minute_means
from training.judge.evaluate import (
    Predictions,
    evaluate,
    fingerprint,
    load_network,
    load_predictions,
    run_clip,
    save_predictions,
)
from training.judge.robustness import CLEAN, GAINS_DB, robustness
from training.judge.splices import splices
from training.judge.unseen_corpora import CONSTANT, judge_unseen
from training.judge.yardsticks.baselines import AFFECT_HEAD, MOOD_HEADS
from training.judge.yardsticks.heads import Heads
from training.learn.run import Run, open_run
from training.report.kept import KEPT, read
from training.report.measure import Bench, measure, measured
from training.report.page import write_report
from training.report.targets import JUDGED


@pytest.fixture
def run(trained: Path, corpora_root: Path) -> Run:
    return open_run(trained, read_clips(corpora_root), None)


@pytest.mark.slow
def test_a_report_shows_every_metric_with_interval_baseline_and_n(
    run: Run, corpora_root: Path, cache_root: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = ["report", "--run", str(run.folder), "--out", str(out), "--data", str(corpora_root)]
    command += ["--cache", str(cache_root), "--part", "ceilings", "--part", "splices"]
    done = CliRunner().invoke(app, [*command, "--resamples", "20"])
    assert done.exit_code == 0, done.output
    text = (out / "report.md").read_text(encoding="utf-8")
    held_out = text.partition("## Held-out songs")[2].partition("\n## ")[0]
    for row in json.loads((run.folder / "report.json").read_text())["metrics"]:
        name = row["metric"].replace("|", "\\|")
        (line,) = (
            line for line in held_out.splitlines() if line.startswith(f"| {row['data']} | {name} |")
        )
        assert f"{row['n']} / {row['groups']}" in line
        assert "…" in line
        assert row["protocol"] in text
    for name in ("confusion", "valence-arousal", "gems", "calibration", "learning-curves"):
        assert f"({name}.png)" in text
        plot = (out / f"{name}.png").read_bytes()
        assert plot.startswith(b"\x89PNG")
        assert len(plot) < 150_000
    assert read(out / KEPT).predictions.fold == dict(run.split.fold_of)
    missing = text.partition("## Not measured")[2]
    assert "python -m training report --part baselines" in missing
    assert "python -m training report --part robustness" in missing
    # The made corpus has no table of answers, which is a reason and no failure of the rest.
    assert "- ceilings: the table" in missing
    assert "splices" not in missing


def test_losses_on_the_training_songs_are_never_shown_without_that_word(
    run: Run, tmp_path: Path
) -> None:
    text = write_report(run, tmp_path, resamples=5).read_text(encoding="utf-8")
    curves = text.partition("## Learning curves")[2].partition("##")[0]
    assert "**on the training songs**" in curves
    assert "loss" not in text.partition("## Learning curves")[0]


@pytest.mark.slow
def test_what_other_commands_left_stands_beside_the_network(run: Run, tmp_path: Path) -> None:
    row = json.loads((run.folder / "report.json").read_text())["metrics"][0]
    rival = {**row, "model": "a rival", "value": 0.123, "low": 0.1, "high": 0.2}
    rival |= {"lead_value": 0.4, "lead_low": 0.3, "lead_high": 0.5}
    kept = {"run": fingerprint(run), "rows": [rival]}
    (tmp_path / "baselines.json").write_text(json.dumps(kept))
    text = write_report(run, tmp_path, resamples=5).read_text(encoding="utf-8")
    (line,) = (
        line
        for line in text.partition("## Held-out songs")[2].partition("\n## ")[0].splitlines()
        if line.startswith(f"| {row['data']} | {row['metric']} |")
    )
    assert "0.123 (0.100 … 0.200)" in line
    assert "**+0.400 (+0.300 … +0.500)**" in text
    assert "--part baselines" not in text


@pytest.mark.slow
def test_what_was_measured_of_other_weights_is_not_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "baselines.json").write_text(json.dumps({"run": "another", "rows": [{}]}))
    assert measured(run, tmp_path, "baselines") is None
    text = write_report(run, tmp_path, resamples=5).read_text(encoding="utf-8")
    assert "--part baselines" in text.partition("## Not measured")[2]


def test_a_run_that_is_not_evaluated_is_refused(
    corpora_root: Path, tiny_config: Path, tmp_path: Path
) -> None:
    fresh = open_run(tmp_path / "fresh", read_clips(corpora_root), tiny_config)
    with pytest.raises(InputError, match="run evaluate first"):
        write_report(fresh, tmp_path / "out")


def test_the_predictions_that_are_kept_are_those_of_the_networks_that_are_loaded(
    run: Run, cache_root: Path
) -> None:
    features = feature_store(run.clips, run.config.features, cache_root)
    read = load_predictions(run)
    for part in ("fold-0", "fold-1"):
        network = load_network(run, part)
        for clip in run.held_out_clips(part):
            assert f"fold-{read.fold[clip.key]}" == part
            said = run_clip(network, features[clip.key])
            np.testing.assert_allclose(said, read.hops[clip.key], rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_the_clean_condition_is_the_evaluation_itself(
    run: Run, cache_root: Path, tmp_path: Path
) -> None:
    rows = robustness(run, load_predictions(run), cache_root, resamples=20)
    judged = {
        (row["data"], row["metric"]): row["value"]
        for row in evaluate(run, load_predictions(run), resamples=5)
    }
    clean = [row for row in rows if row["condition"] == CLEAN]
    assert {row["data"] for row in clean} == {"emotify", "grekow", "panda4q"}
    for row in clean:
        assert row["value"] == pytest.approx(judged[row["data"], row["metric"]], abs=2e-3)
        assert row["relative_value"] == 1.0
        assert row["n"] == 12
    assert {row["condition"] for row in rows} == {CLEAN, *conditions(), *GAINS_DB}
    kept = {"run": fingerprint(run), "rows": rows}
    (tmp_path / "robustness.json").write_text(json.dumps(kept, allow_nan=False))
    text = write_report(run, tmp_path, resamples=5).read_text(encoding="utf-8")
    assert "![Robustness](robustness.png)" in text


def test_frames_under_a_condition_are_computed_once_and_follow_from_the_sound(
    run: Run, tmp_path: Path
) -> None:
    clips = [clip for clip in run.clips if clip.corpus == "grekow"][:2]
    name = "white noise, 10 dB SNR"
    condition = (name, conditions()[name])
    stores = [
        feature_store(clips, run.config.features, tmp_path / place, condition=condition)
        for place in ("one", "two")
    ]
    plain = feature_store(clips, run.config.features, tmp_path / "one")
    for clip in clips:
        np.testing.assert_array_equal(stores[0][clip.key], stores[1][clip.key])
        assert stores[0][clip.key].shape == plain[clip.key].shape
        assert (stores[0][clip.key] != plain[clip.key]).any()
    written = {path.stat().st_mtime_ns for path in (tmp_path / "one").iterdir()}
    feature_store(clips, run.config.features, tmp_path / "one", condition=condition)
    assert {path.stat().st_mtime_ns for path in (tmp_path / "one").iterdir()} == written


def test_a_report_tells_of_every_level_beside_what_each_fold_moved(
    run: Run, tmp_path: Path
) -> None:
    protocol = {"data": "emotify, grekow", "n": 24, "groups": 20, "protocol": "made"}
    names = ("valence moved, mean", "moved, mean")
    rows = [
        {**protocol, "metric": name, "value": 0.01 * -gain, "low": 0.0, "high": 0.5}
        | {"gain_db": gain, "fold": fold}
        for gain in (-30, -6)
        for name, fold in ((names[0], None), (names[1], None), ("moved, mean, one fold", 1))
    ]
    (tmp_path / "level.json").write_text(json.dumps({"run": fingerprint(run), "rows": rows}))
    text = write_report(run, tmp_path, resamples=5).read_text(encoding="utf-8")
    told = text.partition("## The same music, louder and quieter")[2].partition("\n## ")[0]
    assert "n = 24 clips of emotify, grekow" in told
    interval = "0.300 (0.000 … 0.500)"
    assert f"| −30 dB | {interval} | {interval} | 0.300 |" in told


@pytest.mark.slow
def test_a_clip_entered_with_another_state_is_judged_on_the_hops_that_hear_it_alone(
    run: Run, cache_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The made clips are too short for what precedes a real one.
    monkeypatch.setattr("training.judge.splices.BEFORE_S", 5)
    features = feature_store(run.clips, run.config.features, cache_root)
    # As read, in half precision: a tiny network says so much the same of all that this counts.
    fresh = load_predictions(run)
    rows = splices(run, features, fresh, resamples=10)
    judged = {
        (row["data"], row["metric"]): row["value"] for row in evaluate(run, fresh, resamples=1)
    }
    carried = [row for row in rows if "cost" in row]
    assert {row["data"] for row in carried} == {"emotify", "grekow", "panda4q"}
    for row in carried:
        assert row["n"] <= 12
        if row["n"] == 12:
            assert row["fresh"] == judged[row["data"], row["metric"]]
        if row["fresh"] is not None and row["value"] is not None:
            assert row["cost"]["value"] == pytest.approx(row["fresh"] - row["value"], abs=2e-3)
    json.dumps(rows, allow_nan=False)


def test_a_part_is_measured_once_for_the_same_weights(
    run: Run, corpora_root: Path, cache_root: Path, tmp_path: Path
) -> None:
    bench = Bench(root=corpora_root, cache=cache_root, teachers=tmp_path / "none", resamples=5)
    rows = measure(run, tmp_path / "out", "curves", bench)
    assert rows == []  # none of the made corpora has ratings that move
    assert measured(run, tmp_path / "out", "curves") == []
    with pytest.raises(InputError, match="--teachers"):
        measure(run, tmp_path / "out", "baselines", bench)
    assert measured(run, tmp_path / "out", "baselines") is None


@pytest.mark.slow
def test_runs_of_the_same_folds_are_compared_by_paired_differences(
    run: Run, tmp_path: Path
) -> None:
    other = tmp_path / "better"
    shutil.copytree(run.folder, other)
    said = load_predictions(run)
    truth = {clip.key: clip for clip in run.clips}
    better = {}
    for key, hops in said.hops.items():
        better[key] = hops.copy()
        if truth[key].valence is not None:
            better[key][:, 0] = truth[key].valence
    save_predictions(Predictions(better, said.fold), other / "predictions.npz")
    text = compare([run, replace(run, folder=other)], resamples=50)
    lines = [line for line in text.splitlines() if line.startswith("| grekow")]
    valence = next(line for line in lines if "R² valence" in line)
    assert "1.000<br>**+" in valence
    arousal = next(line for line in lines if "R² arousal" in line)
    assert "+0.000 (+0.000 … +0.000)" in arousal.replace("−", "+")
    with pytest.raises(InputError, match="two or more"):
        compare([run], resamples=5)


def test_runs_of_other_folds_are_not_compared(run: Run, corpora_root: Path, tmp_path: Path) -> None:
    settings = tmp_path / "other.toml"
    text = (run.folder / "config.toml").read_text()
    settings.write_text(text.replace('name = "tiny"', 'name = "tiny"\nseed = 7'))
    other = open_run(tmp_path / "other", read_clips(corpora_root), settings)
    with pytest.raises(InputError, match="other folds"):
        compare([run, other], resamples=5)


def test_a_run_may_leave_a_corpus_out(corpora_root: Path, run: Run, tmp_path: Path) -> None:
    settings = tmp_path / "less.toml"
    text = (run.folder / "config.toml").read_text()
    text = text.replace(", grekow = 0.3", "")
    settings.write_text(text.replace('name = "tiny"', 'corpora = ["panda4q", "emotify"]'))
    clips = read_clips(corpora_root)
    for _ in range(2):
        less = open_run(tmp_path / "less", clips, settings)
        assert {clip.corpus for clip in less.clips} == {"panda4q", "emotify"}
        assert set(less.split.fold_of) == {clip.key for clip in less.clips}
    settings.write_text(text.replace('name = "tiny"', 'corpora = ["deam"]'))
    with pytest.raises(InputError, match="deam"):
        open_run(tmp_path / "none", clips, settings)


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


def _store(clips: list[Clip], rows: list[np.ndarray]) -> FeatureStore:
    starts = np.cumsum([0, *map(len, rows)])
    spans = {clip.key: (0, int(starts[n]), int(starts[n + 1])) for n, clip in enumerate(clips)}
    return FeatureStore((np.concatenate(rows).astype(np.float16),), spans, {})


def test_a_corpus_never_trained_on_is_judged_beside_an_embedding_that_knows(run: Run) -> None:
    pieces = _pieces()
    generator = np.random.default_rng(0)

    def knowing(clips: list[Clip]) -> FeatureStore:
        told = [
            np.repeat([[clip.valence or 0.0, clip.arousal or 0.0]], 2, axis=0) for clip in clips
        ]
        return _store(clips, told)

    rows = judge_unseen(
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


def test_listeners_who_use_their_scale_otherwise_are_told_from_a_model_that_is_wrong(
    run: Run,
) -> None:
    # All pieces sound as Grekow's experts would rate them; these listeners rate .4 higher.
    pieces = [replace(clip, arousal=(clip.arousal or 0.0) + 0.4) for clip in _pieces()]
    experts = [np.array([[clip.valence, (clip.arousal or 0.0) - 0.4]]) for clip in pieces]
    generator = np.random.default_rng(0)
    rows = judge_unseen(
        run,
        pieces,
        features=_store(pieces, [generator.random((400, 64)) for _ in pieces]),
        own_embeddings=_store(pieces, experts),
        embeddings=_store(
            list(run.clips),
            [np.array([[clip.valence or 0.0, clip.arousal or 0.0]]) for clip in run.clips],
        ),
        longest_s=8,
        resamples=50,
    )
    found = {(row["model"], row["metric"]): row for row in rows}
    ridge = "MusiCNN + ridge on grekow"
    assert found[ridge, "mean error, arousal"]["value"] == pytest.approx(-0.4, abs=0.1)
    assert found[ridge, "mean error, arousal"]["high"] < -0.2
    assert found[ridge, "mean error, valence"]["value"] == pytest.approx(0, abs=0.1)
    rated = np.std([clip.arousal or 0.0 for clip in pieces], ddof=1)
    assert found[CONSTANT, "sd of errors, arousal"]["value"] == pytest.approx(rated, abs=1e-3)
    assert found[ridge, "sd of errors, arousal"]["value"] < rated / 2


def test_a_head_that_is_plugged_in_is_judged_beside_but_by_no_corpus_that_it_learnt_from(
    run: Run,
) -> None:
    pieces = _pieces()
    # A head that rates by two numbers as they are, and an embedding that knows valence alone.
    head = Heads(
        {
            "emomusic_va.input_scale": np.ones(2),
            "emomusic_va.input_shift": np.zeros(2),
            "emomusic_va.weight": 4 * np.eye(2),
            "emomusic_va.bias": np.full(2, 5.0),
        }
    )
    generator = np.random.default_rng(0)

    def judged(pieces: list[Clip], heads: Heads | None) -> dict[tuple[str, str], dict[str, Any]]:
        known = [np.array([[clip.valence, n % 3]]) for n, clip in enumerate(pieces)]
        rows = judge_unseen(
            run,
            pieces,
            features=_store(pieces, [generator.random((400, 64)) for _ in pieces]),
            own_embeddings=_store(pieces, known),
            embeddings=_store(list(run.clips), [generator.random((2, 2)) for _ in run.clips]),
            heads=heads,
            longest_s=8,
            resamples=20,
        )
        return {(row["model"], row["metric"]): row for row in rows}

    found = judged(pieces, head)
    assert found[AFFECT_HEAD, "r valence"]["value"] == pytest.approx(1, abs=1e-4)
    own = found["the network, refit on every clip", "r valence"]["value"]
    lead = found[AFFECT_HEAD, "r valence, the network's lead"]
    assert lead["value"] == pytest.approx(own - 1, abs=1e-3)
    assert lead["low"] <= lead["value"] <= lead["high"]
    assert "Essentia's head as published, nothing fitted" in lead["protocol"]
    learnt_from = [replace(clip, corpus="deam") for clip in pieces]
    for without in (judged(pieces, None), judged(learnt_from, head)):
        assert not [model for model, _ in without if "Essentia" in model]
        assert not [row for row in without.values() if "Essentia" in row["protocol"]]


@pytest.fixture
def plugged(corpora_root: Path, tmp_path: Path) -> Bench:
    """A bench with a made teacher and made heads."""
    place = tmp_path / "teachers"
    place.mkdir()
    np.savez(place / "msd_musicnn.npz", **teacher_arrays())
    np.savez(place / "essentia_heads.npz", **head_arrays())
    np.savez(place / "audioset_mn04.npz", **tagger_arrays())
    return Bench(root=corpora_root, cache=tmp_path / "cache", teachers=place, resamples=5)


@pytest.mark.slow
def test_heads_are_judged_beside_the_network_as_they_are_published(
    run: Run, plugged: Bench, tmp_path: Path
) -> None:
    rows = measure(run, tmp_path / "out", "heads", plugged)
    found = {(row["model"], row["data"], row["metric"]): row for row in rows}
    affect = {name for model, corpus, name in found if (model, corpus) == (AFFECT_HEAD, "grekow")}
    moods = {name for model, corpus, name in found if (model, corpus) == (MOOD_HEADS, "grekow")}
    assert {"R² valence", "CCC arousal", "macro-F1", "AUC valence, from valence"} <= affect
    aucs = {"AUC valence, from quadrants", "AUC arousal, from quadrants"}
    assert moods == {"accuracy", "macro-F1", *aucs}
    # The tags of panda4q are on a scale of their own, and emotify asks nothing of either head.
    assert (AFFECT_HEAD, "panda4q", "r valence") in found
    assert (AFFECT_HEAD, "panda4q", "R² valence") not in found
    assert {corpus for _, corpus, _ in found} == {"grekow", "panda4q"}
    # As read, in half precision: a tiny network says so much the same of all that this counts.
    judged = {
        (row["data"], row["metric"]): row["value"]
        for row in evaluate(run, load_predictions(run), resamples=1)
    }
    for (model, corpus, name), row in found.items():
        assert row["protocol"].startswith("zero-shot")
        assert "out of fold; mean" not in row["protocol"]
        if row["value"] is not None and judged[corpus, name] is not None:
            lead = judged[corpus, name] - row["value"]
            assert row["lead_value"] == pytest.approx(lead, abs=2e-4), (model, corpus, name)
    text = write_report(run, tmp_path / "out", resamples=5).read_text(encoding="utf-8")
    for title in ("## Held-out songs", "## The network less each baseline"):
        told = text.partition(title)[2].partition("\n## ")[0]
        assert f"| {AFFECT_HEAD} | {MOOD_HEADS} |" in told
    missing = text.partition("## Not measured")[2]
    assert "--part baselines" in missing
    assert "- heads" not in missing


def test_heads_are_not_judged_by_a_corpus_that_they_learnt_from(
    run: Run, plugged: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.report.measure.LEARNT_FROM", frozenset({"grekow"}))
    rows = measure(run, tmp_path / "out", "heads", plugged)
    assert {row["data"] for row in rows} == {"panda4q"}


def test_a_report_says_in_one_sentence_that_heads_are_not_there(
    run: Run, corpora_root: Path, cache_root: Path, tmp_path: Path
) -> None:
    command = ["report", "--run", str(run.folder), "--out", str(tmp_path / "out")]
    command += ["--data", str(corpora_root), "--cache", str(cache_root), "--part", "heads"]
    done = CliRunner().invoke(app, [*command, "--resamples", "5"])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "- heads: no heads of Essentia at" in text.partition("## Not measured")[2]
    assert "Essentia" not in text.partition("## Not measured")[0]


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


def test_runs_that_were_tried_are_told_with_their_settings_and_what_this_one_leads_by(
    run: Run, tmp_path: Path
) -> None:
    other = tmp_path / "earlier"
    shutil.copytree(run.folder, other)
    settings = replace(run.config, epochs=7)
    rows = leads(run, [replace(run, folder=other, config=settings)], only=JUDGED, resamples=10)
    assert {(row["data"], row["metric"]) for row in rows} <= JUDGED
    assert {row["settings"] for row in rows} == {"epochs 7 (3)"}
    assert all(row["lead_value"] in (0.0, None) for row in rows)  # the same predictions
    kept = {"run": fingerprint(run), "rows": rows}
    (tmp_path / "tried.json").write_text(json.dumps(kept, allow_nan=False))
    text = write_report(run, tmp_path, resamples=5).read_text(encoding="utf-8")
    told = text.partition("## What was tried")[2].partition("\n## ")[0]
    assert "- `earlier`: epochs 7 (3)" in told
    assert "| grekow | R² valence |" in told
    with pytest.raises(InputError, match="--tried"):
        leads(run, [], resamples=5)


def test_a_report_begins_with_what_was_wanted_and_says_by_how_much_it_is_missed(
    run: Run, tmp_path: Path
) -> None:
    text = write_report(run, tmp_path, resamples=5).read_text(encoding="utf-8")
    assert text.index("## Wanted and measured") < text.index("## Held-out songs")
    wanted = text.partition("## Wanted and measured")[2].partition("\n## ")[0]
    (row,) = (
        row
        for row in json.loads((run.folder / "report.json").read_text())["metrics"]
        if (row["data"], row["metric"]) == ("panda4q", "macro-F1")
    )
    assert row["value"] < 0.75
    assert f"**missed by {0.75 - row['value']:.3f}**" in wanted
    assert "not measured" in wanted
    assert "of 5 bootstrap draws" in text.partition("## Calibration")[2].partition("\n## ")[0]


def test_a_hop_and_a_checkpoint_cost_what_is_told(run: Run, tmp_path: Path) -> None:
    made = checkpoint(run)
    told = {row["metric"]: row["value"] for row in cost(made, hops=20)}
    assert 0 < told["one hop, median (ms)"] <= told["one hop, 99th percentile (ms)"]
    save_checkpoint(tmp_path / "made", made.network, made.card)
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert told["checkpoint (MB)"] == pytest.approx(size / 1e6, abs=1e-3)


def test_a_hop_is_timed_beside_a_teachers_window(run: Run) -> None:
    made = checkpoint(run)
    light = LightRecognizer(made.card, network_file(made))
    rows = cost_beside_teacher(light, teacher_arrays(), windows=3)
    hop, window, ratio = (row["value"] for row in rows)
    assert hop > 0
    assert ratio == pytest.approx(window / hop, rel=0.05)
    assert [row["n"] for row in rows] == [30, 3, 3]


def test_figures_of_other_weights_reach_neither_a_card_nor_a_report(
    run: Run, tmp_path: Path
) -> None:
    other = tmp_path / "run"
    shutil.copytree(run.folder, other)
    later = replace(run, folder=other)
    shutil.copyfile(later.weights("fold-0"), later.weights("all"))
    for ask in (lambda: checkpoint(later), lambda: write_report(later, tmp_path / "out")):
        with pytest.raises(InputError, match="other weights"):
            ask()


def test_predictions_that_were_cut_off_are_refused(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "run"
    shutil.copytree(run.folder, other)
    path = other / "predictions.npz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="run evaluate again"):
        load_predictions(replace(run, folder=other))


@pytest.mark.slow
def test_the_network_is_measured_by_its_committee_on_the_same_clips(
    run: Run, plugged: Bench, tmp_path: Path
) -> None:
    rows = measure(run, tmp_path / "out", "committee", plugged)
    assert {row["model"] for row in rows} == {"committee of musicnn and tagger"}
    judged = {
        (row["data"], row["metric"]): row["value"]
        for row in evaluate(run, load_predictions(run), resamples=1)
    }
    found = {(row["data"], row["metric"]): row for row in rows}
    for axis in ("valence", "arousal"):
        row = found["grekow", f"R² {axis}"]
        lead = judged["grekow", f"R² {axis}"] - row["value"]
        assert row["lead_value"] == pytest.approx(lead, abs=2e-4)
    text = write_report(run, tmp_path / "out", resamples=5).read_text(encoding="utf-8")
    wanted = text.partition("## Wanted and measured")[2].partition("\n## ")[0]
    assert "| grekow | R² valence, the network less its committee | ≥ -0.02 |" in wanted
    for title in ("## Held-out songs", "## The network less each baseline"):
        assert "committee of musicnn and tagger" in text.partition(title)[2].partition("\n## ")[0]
