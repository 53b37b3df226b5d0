import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import softmax
from typer.testing import CliRunner

from realtime_mer.errors import InputError
from realtime_mer.model.card import Calibration
from realtime_mer.model.checkpoint import Checkpoint, load_checkpoint
from realtime_mer.model.config import NetworkConfig
from realtime_mer.model.network import EmotionNetwork
from realtime_mer.recognizer.reference import Recognizer
from tests.networks import random_recognizer
from tests.training.conftest import TINY
from training.__main__ import app
from training.corpora import Clip, read_clips
from training.corpora.splits import draw_split
from training.export.shipping import export
from training.features.cache import feature_store
from training.judge.calibration import calibrate, calibration_error, held_quadrants
from training.judge.evaluate import (
    FIRST_WHOLE_HOP,
    Predictions,
    clip_table,
    evaluate,
    load_network,
    run_clip,
)
from training.judge.metrics import bootstrap, coverage, mean_of
from training.judge.transfer import fit, keep_widenings, transfer
from training.learn.config import TrainingConfig
from training.learn.run import Run, open_run
from training.learn.train import train_part
from training.report.intervals import heard_corpora


def _predictions(run: Run, *, truthful: bool, seed: int = 0) -> Predictions:
    """Predictions that know every label, or are noise."""
    generator = np.random.default_rng(seed)
    hops = {}
    for clip in run.clips:
        said = generator.uniform(0.01, 0.99, (50, 17))
        if truthful:
            said[:, 4:8] = np.eye(4)[clip.quadrant] if clip.quadrant is not None else 0.25
            if clip.valence is not None:
                said[:, 0], said[:, 1] = clip.valence, clip.arousal
            if clip.gems is not None:
                said[:, 8:] = clip.gems
            # What warming up said must not count.
            said[:FIRST_WHOLE_HOP] = -9.0
        hops[clip.key] = said.astype(np.float32)
    return Predictions(hops, run.split.fold_of)


def test_a_hop_comes_every_tenth_of_a_second_of_sound() -> None:
    network = EmotionNetwork(NetworkConfig(channels=(4, 4, 8), column_channels=8, embedding=8))
    for frames, hops in ((5, 1), (9, 1), (302, 60)):
        assert run_clip(network.eval(), np.zeros((frames, 64), np.float16)).shape == (hops, 17)


def test_the_first_whole_hop_is_the_first_that_hears_nothing_of_before_the_start() -> None:
    network = EmotionNetwork(NetworkConfig())
    first_frame = (FIRST_WHOLE_HOP + 1) * network.config.hop_frames - network.config.window_frames
    assert 0 <= first_frame < network.config.hop_frames


@pytest.mark.slow
def test_who_knows_every_label_scores_best_and_noise_no_better_than_the_baseline(run: Run) -> None:
    best = {
        (m["data"], m["metric"]): m
        for m in evaluate(run, _predictions(run, truthful=True), resamples=50)
    }
    assert best["panda4q", "accuracy"]["value"] == 1.0
    assert best["panda4q", "macro-F1"]["value"] == 1.0
    assert best["emotify", "binomial deviance explained"]["value"] == pytest.approx(1.0, abs=1e-4)
    assert best["grekow", "R² valence"]["value"] == pytest.approx(1.0, abs=1e-6)
    assert best["grekow", "MAE valence"]["value"] == pytest.approx(0.0, abs=1e-6)
    assert best["grekow", "r arousal"]["value"] == pytest.approx(1.0, abs=1e-6)
    assert best["panda4q", "r valence"]["value"] == pytest.approx(1.0, abs=1e-6)
    assert best["grekow", "CCC arousal"]["value"] == pytest.approx(1.0, abs=1e-6)
    assert best["grekow", "sign of arousal where |arousal| > .5"]["value"] == 1.0
    noise = {
        (m["data"], m["metric"]): m
        for m in evaluate(run, _predictions(run, truthful=False), resamples=50)
    }
    for key in (("panda4q", "accuracy"), ("grekow", "R² valence")):
        assert noise[key]["low"] <= noise[key]["baseline"]
        assert noise[key]["low"] <= noise[key]["value"] <= noise[key]["high"]
    json.dumps(list(best.values()), allow_nan=False)


def test_baselines_come_from_the_training_side_of_each_fold_alone(run: Run) -> None:
    table = clip_table(run, _predictions(run, truthful=True))
    grekow = table[table["corpus"] == "grekow"]
    for fold, own in grekow.groupby("fold"):
        learnt = [c.valence for c in run.training_clips(f"fold-{fold}") if c.corpus == "grekow"]
        np.testing.assert_allclose(own["mean_valence"], np.mean(learnt))


def test_the_bootstrap_draws_groups_not_clips() -> None:
    table = pd.DataFrame({"group": ["a"] * 50 + ["b"] * 50, "x": [0.0] * 50 + [1.0] * 50})
    interval = bootstrap(table, mean_of("x"))
    assert interval == (0.5, 0.0, 1.0)


def test_calibration_makes_intervals_hold_as_many_ratings_as_they_say(run: Run) -> None:
    generator = np.random.default_rng(1)
    hops = {}
    for clip in run.clips:
        said = np.full((130, 17), 0.1, np.float32)
        if clip.corpus == "grekow":
            for axis in (0, 1):
                truth = (clip.valence, clip.arousal)[axis]
                said[:, axis] = truth + 0.3 * generator.standard_normal(130)
        hops[clip.key] = said  # says an sd of 0.1 where it errs by 0.3
    fitted = calibrate(run, Predictions(hops, run.split.fold_of))
    assert fitted["hop_valence"] == pytest.approx(3.0, rel=0.1)
    assert fitted["coverage"]["hop_arousal"]["90%"] == pytest.approx(0.9, abs=0.04)
    # A clip's mean errs by less than its hops, so its sd must be smaller than theirs.
    assert fitted["clip_valence"]["scale"] < 0.3


def _sure(run: Run, *, temperature: float, clips: int) -> tuple[Run, Predictions]:
    """Clips whose quadrant is drawn by the probabilities that were said, sharpened."""
    generator = np.random.default_rng(2)
    made = [clip for clip in run.clips if clip.corpus == "grekow"]
    hops = {clip.key: np.full((40, 17), 0.1, np.float32) for clip in made}
    for n in range(clips):
        logits = generator.standard_normal(4) * 1.5
        quadrant = int(generator.choice(4, p=softmax(logits)))
        clip = Clip(
            corpus="panda4q",
            id=str(n),
            path=Path("none"),
            seconds=6.0,
            group=f"artist {n}",
            quadrant=quadrant,
        )
        made.append(clip)
        said = np.full((40, 17), 0.1, np.float32)
        said[:, 4:8] = softmax(logits / temperature)
        hops[clip.key] = said
    fold_of = {clip.key: n % 2 for n, clip in enumerate(made)}
    split = replace(run.split, fold_of=fold_of)
    return replace(run, clips=made, split=split), Predictions(hops, fold_of)


def test_a_temperature_makes_an_oversure_network_as_sure_as_it_is_right(run: Run) -> None:
    run, said = _sure(run, temperature=0.4, clips=800)
    assert calibrate(run, said)["quadrant_temperature"] == pytest.approx(2.5, rel=0.15)
    held = held_quadrants(run, said)
    assert calibration_error("held_")(held) < 0.5 * calibration_error()(held)
    assert (held["right"] == held["held_right"]).all()


def test_no_temperature_ships_that_does_not_help_songs_it_was_not_fitted_on(run: Run) -> None:
    # What the folds want is opposite, so that each one's temperature harms the other.
    first, sharp = _sure(run, temperature=0.4, clips=400)
    _, flat = _sure(run, temperature=2.5, clips=400)
    hops = {key: (sharp if sharp.fold[key] else flat).hops[key] for key in sharp.hops}
    mixed = Predictions(hops, sharp.fold)
    held = held_quadrants(first, mixed)
    assert calibration_error("held_")(held) > calibration_error()(held)
    assert calibrate(first, mixed)["quadrant_temperature"] == 1.0


def test_a_cards_temperature_reaches_the_estimates_and_old_cards_mean_one() -> None:
    plain = random_recognizer()
    assert Calibration().quadrant_temperature == 1.0
    network = EmotionNetwork(plain.card.network).eval()
    samples = 0.1 * torch.randn(
        1, 4 * plain.sample_rate, generator=torch.Generator().manual_seed(0)
    )
    said = {}
    for temperature in (1.0, 2.0):
        calibration = Calibration(quadrant_temperature=temperature)
        card = plain.card.model_copy(update={"calibration": calibration})
        recognizer = Recognizer(Checkpoint(network=network, card=card), device="cpu")
        said[temperature] = recognizer.step(samples, recognizer.initial_state(1))[0].quadrants
    again = torch.softmax(said[1.0].log() / 2, dim=-1)
    torch.testing.assert_close(said[2.0], again, atol=1e-5, rtol=1e-4)


def test_own_recordings_that_bear_quadrants_alone_are_judged_and_nothing_else_is_calibrated(
    tmp_path: Path,
) -> None:
    clips = [
        Clip(corpus="own", id=str(n), path=tmp_path, seconds=6.0, group=f"song {n}", quadrant=n % 4)
        for n in range(16)
    ]
    split = draw_split(clips, folds=2, seed=1)
    own = Run(folder=tmp_path, config=TrainingConfig(folds=2), split=split, clips=clips)
    said = _predictions(own, truthful=True)
    told = {row["metric"]: row["value"] for row in evaluate(own, said, resamples=5)}
    assert told["macro-F1"] == 1.0
    assert not any("R²" in metric or metric.startswith("r ") for metric in told)
    fitted = calibrate(own, said)
    assert set(fitted) == {"quadrant_temperature", "coverage"}
    assert fitted["coverage"] == {}


def test_coverage_of_normal_errors_is_the_level() -> None:
    z = np.random.default_rng(0).standard_normal(100_000)
    assert coverage(z, 0.5) == pytest.approx(0.5, abs=0.01)
    assert coverage(z, 0.9) == pytest.approx(0.9, abs=0.01)


def test_an_untrained_part_is_told_by_name(run: Run) -> None:
    with pytest.raises(InputError, match="fold-1"):
        load_network(run, "fold-1")
    with pytest.raises(InputError, match="part all"):
        export(run, run.folder / "model")


@pytest.mark.slow
def test_the_commands_train_evaluate_and_export_a_checkpoint_that_runs_as_it_was_judged(
    corpora_root: Path, cache_root: Path, tiny_config: Path, tmp_path: Path
) -> None:
    cli, folder, stem = CliRunner(), tmp_path / "run", tmp_path / "out" / "tiny"
    data = ["--data", str(corpora_root), "--run", str(folder)]
    cache = ["--cache", str(cache_root)]
    few = ["--resamples", "20"]
    trained = cli.invoke(app, ["train", *data, *cache, "--config", str(tiny_config)])
    assert trained.exit_code == 0, trained.output
    one_fold = cli.invoke(app, ["evaluate", *data, *cache, *few, "--fold", "1"])
    assert one_fold.exit_code == 0, one_fold.output
    refused = cli.invoke(app, ["export", *data, "--out", str(stem)])
    assert isinstance(refused.exception, InputError)
    assert "evaluate all" in str(refused.exception)
    assert cli.invoke(app, ["evaluate", *data, *cache, *few]).exit_code == 0
    exported = cli.invoke(app, ["export", *data, "--out", str(stem)])
    assert exported.exit_code == 0, exported.output

    checkpoint = load_checkpoint(stem)
    run = open_run(folder, read_clips(corpora_root), None)
    frames = feature_store(run.clips, run.config.features, cache_root)["grekow/blues_00003"]
    np.testing.assert_array_equal(
        run_clip(checkpoint.network, frames), run_clip(load_network(run, "all"), frames)
    )
    card = checkpoint.card
    assert {entry["name"] for entry in card.corpora} == {"emotify", "panda4q", "grekow"}
    assert all(entry["licence"] for entry in card.corpora)
    assert card.training["refit_on_all_clips"] is True
    assert card.training["split_sha256"] == run.split.hash
    told = json.loads((folder / "report.json").read_text())["metrics"]
    assert card.metrics[: len(told)] == told
    assert card.metrics[-1]["metric"] == "coverage of the 90% interval, clip arousal"
    assert card.calibration.prior_arousal_sd == pytest.approx(0.7)

    # Once a report has fitted its sd across corpora, it is this that ships.
    heard = heard_corpora(run, [], root=corpora_root, folder=cache_root, longest_s=6)
    keep_widenings(run, heard, transfer(heard, resamples=5))
    widened = export(run, stem)
    fitted = fit(heard, axis="arousal")
    assert widened.calibration.hop_arousal == pytest.approx(fitted.factor)
    assert widened.calibration.clip_arousal.scale == pytest.approx(fitted.clip)
    held = [row for row in widened.metrics if row["metric"].startswith("coverage")]
    assert {row["data"] for row in held} == {"grekow", "panda4q"}
    assert all("the sd's factor fitted on" in row["protocol"] for row in held)
    kept = json.loads((folder / "widening.json").read_text())
    (folder / "widening.json").write_text(json.dumps(kept | {"run": "of other weights"}))
    assert export(run, stem).calibration == card.calibration


def test_the_corpora_are_listed_with_counts_and_licences(corpora_root: Path) -> None:
    listed = CliRunner().invoke(app, ["corpora", "--data", str(corpora_root)])
    assert listed.exit_code == 0
    assert "grekow" in listed.output
    assert "12" in listed.output
    assert "GTZAN" in listed.output


def test_a_network_hears_the_same_in_a_run_and_in_a_stream(
    corpora_root: Path, cache_root: Path, tmp_path: Path
) -> None:
    config = tmp_path / "harmonic.toml"
    config.write_text(f"{TINY}harmonic = [2, 3, 4]\n[features.pitch]\n")
    run = open_run(tmp_path / "run", read_clips(corpora_root), config)
    features = feature_store(run.clips, run.config.features, cache_root)
    train_part(run.clips, features, None, run.config, run.folder / "all", stream_key=2)
    network = load_network(run, "all")
    heard = features.heard("grekow/blues_00002")
    frames, pitches = (torch.from_numpy(rows.astype(np.float32))[None] for rows in heard)
    hops = pitches.shape[1]
    with torch.inference_mode():
        said, _ = network.advance(frames[:, : hops * 5], network.initial_state(1), pitches=pitches)
    np.testing.assert_allclose(run_clip(network, *heard)[:, 0], said.valence[0], atol=1e-4)
    with pytest.raises(InputError, match="give it log-pitch rows"):
        run_clip(network, heard.frames)
