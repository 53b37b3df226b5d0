import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import training.learn.train
from realtime_mer.errors import InputError
from realtime_mer.model.network import EmotionNetwork
from training.corpora import Clip, Curve, read_clips
from training.features.cache import FeatureStore, feature_store
from training.judge.evaluate import run_clip
from training.learn.config import DEFAULT_SETTINGS, TrainingConfig, read_config
from training.learn.learner import Learner
from training.learn.run import open_run
from training.learn.sequences import Segment, Streams
from training.learn.train import train_part


@pytest.fixture
def training_set(
    corpora_root: Path, cache_root: Path, tiny_config: Path
) -> tuple[list[Clip], FeatureStore, TrainingConfig]:
    config = read_config(tiny_config)
    clips = read_clips(corpora_root)
    return clips, feature_store(clips, config.features, cache_root), config


def test_a_killed_training_goes_on_to_the_very_weights_of_one_that_was_not(
    training_set: tuple[list[Clip], FeatureStore, TrainingConfig],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clips, features, config = training_set
    train_part(clips, features, None, config, tmp_path / "whole", stream_key=0)

    steps = []
    step = training.learn.train._losses

    def killed(*args: object, **keywords: object) -> object:
        steps.append(1)
        if len(steps) == 4:  # amid the second epoch
            raise KeyboardInterrupt
        return step(*args, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(training.learn.train, "_losses", killed)
        with pytest.raises(KeyboardInterrupt):
            train_part(clips, features, None, config, tmp_path / "killed", stream_key=0)
    assert not (tmp_path / "killed" / "weights.safetensors").exists()
    train_part(clips, features, None, config, tmp_path / "killed", stream_key=0)

    whole, resumed = (
        load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "killed")
    )
    assert whole.keys() == resumed.keys()
    for name in whole:
        assert torch.equal(whole[name], resumed[name]), name
    epochs = [
        json.loads(line)["epoch"]
        for line in (tmp_path / "killed" / "log.jsonl").read_text().splitlines()
    ]
    assert epochs == [0, 1, 2]


def test_another_part_hears_other_streams(
    training_set: tuple[list[Clip], FeatureStore, TrainingConfig], tmp_path: Path
) -> None:
    clips, features, config = training_set
    for key in (0, 1):
        train_part(clips, features, None, config, tmp_path / str(key), stream_key=key)
    one, other = (load_file(tmp_path / str(key) / "weights.safetensors") for key in (0, 1))
    assert not torch.equal(one["network.conv1.weight"], other["network.conv1.weight"])


def test_a_stream_that_begins_anew_remembers_nothing_and_the_others_go_on_where_they_were(
    training_set: tuple[list[Clip], FeatureStore, TrainingConfig],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clips, features, config = training_set
    config = replace(
        config,
        epochs=1,
        steps_per_epoch=12,
        sequences=replace(config.sequences, streams=4, cold_start=0.4),
    )
    fresh: list[Tensor] = []
    given: list[tuple[Tensor, Tensor]] = []
    left: list[tuple[Tensor, Tensor]] = []
    segment, forward = Streams.segment, EmotionNetwork.forward

    def drawn(streams: Streams) -> Segment:
        made = segment(streams)
        fresh.append(torch.from_numpy(made.fresh))
        return made

    def heard(network: EmotionNetwork, frames: Tensor, state: Any, *, pitches: Tensor) -> Any:
        output, after = forward(network, frames, state, pitches=pitches)
        if state is not None:
            assert not any(memory.requires_grad for memory in state)
            given.append(state)
        left.append(after)
        return output, after

    monkeypatch.setattr(Streams, "segment", drawn)
    monkeypatch.setattr(EmotionNetwork, "forward", heard)
    train_part(clips, features, None, config, tmp_path / "part", stream_key=0)
    assert {bool(row) for rows in fresh[1:] for row in rows} == {True, False}
    assert len(given) == 11
    for anew, before, after in zip(fresh[1:], left, given, strict=False):
        for ended, begun in zip(before, after, strict=True):
            assert ended.abs().amax() > 0
            assert torch.equal(begun[0], ended[0] * ~anew[:, None])


@pytest.mark.slow
def test_every_loss_falls_when_a_small_set_is_learnt(
    training_set: tuple[list[Clip], FeatureStore, TrainingConfig], tmp_path: Path
) -> None:
    clips, features, config = training_set
    config = replace(
        config,
        epochs=6,
        steps_per_epoch=10,
        teacher_epochs=2,
        learning_rate=0.01,
        sequences=replace(config.sequences, streams=8),
        losses=replace(config.losses, teacher=1.0, relations=0.5),
    )
    generator = np.random.default_rng(0)
    rows = (generator.standard_normal((2 * len(clips), 8)).astype(np.float16),)
    spans = {clip.key: (0, 2 * n, 2 * n + 2) for n, clip in enumerate(clips)}
    train_part(
        clips, features, FeatureStore(rows, spans, {}), config, tmp_path / "part", stream_key=0
    )
    log = [json.loads(line) for line in (tmp_path / "part" / "log.jsonl").read_text().splitlines()]
    assert log[1].keys() == {"epoch", "seconds", "teacher", "relations"}
    assert log[-1]["teacher"] < log[0]["teacher"]
    assert min(entry["relations"] for entry in log) > 0  # of rows drawn at random: no more to say
    for name in ("concordance", "quadrants", "gems"):
        assert log[-1][name] < log[2][name], name


@pytest.mark.slow
def test_every_teacher_of_a_committee_is_learnt_alike(
    training_set: tuple[list[Clip], FeatureStore, TrainingConfig], tmp_path: Path
) -> None:
    clips, features, config = training_set
    config = replace(
        config,
        teachers=("musicnn", "tagger"),
        epochs=1,
        steps_per_epoch=1,
        teacher_epochs=1,
        losses=replace(config.losses, teacher=1.0),
    )
    generator = np.random.default_rng(0)
    every = generator.standard_normal((2 * len(clips), 200 + 512 + 527)).astype(np.float16)
    spans = {clip.key: (0, 2 * n, 2 * n + 2) for n, clip in enumerate(clips)}
    said = {}
    for name, rows in (("both", every), ("one", every[:, :200])):
        own = config if name == "both" else replace(config, teachers=("musicnn",))
        store = FeatureStore((rows,), spans, {})
        train_part(clips, features, store, own, tmp_path / name, stream_key=0)
        log = (tmp_path / name / "log.jsonl").read_text().splitlines()
        said[name] = json.loads(log[0])["teacher"]
    # Noise is as far away from a tagger's thousand numbers as from MusiCNN's two hundred: the mean
    # over teachers is what one of them costs, and not five times as much.
    assert said["both"] == pytest.approx(said["one"], rel=0.1)


def _half_loud(count: int) -> tuple[list[Clip], FeatureStore]:
    """Clips of 16 s of which one half is loud, rated as aroused there and as calm in the other."""
    generator = np.random.default_rng(0)
    clips, frames = [], []
    for n in range(count):
        loud = (np.arange(800) < 400) == (n % 2 == 0)
        frames.append(
            np.where(loud, 3.0, 0.5)[:, None] + 0.1 * generator.standard_normal((800, 64))
        )
        times = tuple(0.5 * step for step in range(32))
        rated = tuple(0.7 if loud[round(50 * time)] else -0.7 for time in times)
        curve = Curve(times=times, valence=tuple(0.1 * rating for rating in rated), arousal=rated)
        clips.append(
            Clip(
                corpus="grekow",
                id=str(n),
                path=Path(),
                seconds=16.0,
                group=str(n),
                valence=0.0,
                arousal=0.0,
                curve=curve,
            )
        )
    spans = {clip.key: (0, 800 * n, 800 * (n + 1)) for n, clip in enumerate(clips)}
    return clips, FeatureStore((np.concatenate(frames).astype(np.float16),), spans, {})


@pytest.mark.slow
def test_a_network_follows_ratings_that_move_although_all_means_are_alike(
    tiny_config: Path, tmp_path: Path
) -> None:
    clips, features = _half_loud(6)
    config = read_config(tiny_config)
    config = replace(
        config,
        epochs=4,
        steps_per_epoch=15,
        learning_rate=0.01,
        ema_decay=0.9,
        sequences=replace(config.sequences, streams=6, shares={"grekow": 1.0}),
    )
    train_part(clips, features, None, config, tmp_path / "part", stream_key=0)
    network = EmotionNetwork(config.network)
    weights = load_file(tmp_path / "part" / "weights.safetensors")
    network.load_state_dict({name.removeprefix("network."): weights[name] for name in weights})
    for n, clip in enumerate(clips):
        arousal = run_clip(network.eval(), features[clip.key])[:, 1]
        # Hops whose window holds one half alone.
        first, second = arousal[30:80].mean(), arousal[115:].mean()
        assert (first - second) * (1 if n % 2 == 0 else -1) > 0.5


def test_what_is_recorded_again_is_not_written_again(
    corpora_root: Path, tiny_config: Path, tmp_path: Path
) -> None:
    run = open_run(tmp_path / "run", read_clips(corpora_root), tiny_config)
    run.record(device="cpu", also=[{"name": "made"}])
    assert run.provenance()["device"] == "cpu"
    assert run.provenance()["seed"] == 1
    before = (tmp_path / "run" / "provenance.json").stat()
    run.record(also=[{"name": "made"}])
    after = (tmp_path / "run" / "provenance.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    run.record(device="cuda")
    assert run.provenance()["device"] == "cuda"


def test_a_step_in_which_nobody_rated_anything_teaches_nothing_and_stops_nothing(
    training_set: tuple[list[Clip], FeatureStore, TrainingConfig], tmp_path: Path
) -> None:
    clips, features, config = training_set
    silent = [
        replace(clip, valence=None, arousal=None, quadrant=None, gems=None, answers=0)
        for clip in clips
    ]
    train_part(silent, features, None, config, tmp_path / "part", stream_key=0)
    found = load_file(tmp_path / "part" / "learner.safetensors")
    torch.manual_seed(config.seed)
    for name, begun in Learner(config, (), 1).named_parameters():
        assert torch.equal(found[name], begun), name


def test_a_run_folder_keeps_its_settings_folds_and_data(
    corpora_root: Path, tiny_config: Path, tmp_path: Path
) -> None:
    clips = read_clips(corpora_root)
    folder = tmp_path / "run"
    with pytest.raises(InputError, match="--config"):
        open_run(folder, clips, None)
    first = open_run(folder, clips, tiny_config)
    assert open_run(folder, clips, None).split == first.split
    assert first.provenance()["split_sha256"] == first.split.hash
    with pytest.raises(InputError, match="labels changed"):
        open_run(folder, clips[1:], None)
    tiny_config.write_text(tiny_config.read_text().replace("epochs = 3", "epochs = 4"))
    with pytest.raises(InputError, match="differs"):
        open_run(folder, clips, tiny_config)


def test_no_part_but_the_refit_learns_from_what_it_holds_out(
    corpora_root: Path, tiny_config: Path, tmp_path: Path
) -> None:
    run = open_run(tmp_path / "run", read_clips(corpora_root), tiny_config)
    assert run.parts == ["fold-0", "fold-1", "all"]
    for part in run.parts:
        learnt = {clip.group for clip in run.training_clips(part)}
        assert learnt.isdisjoint(clip.group for clip in run.held_out_clips(part))
    assert len(run.training_clips("all")) == 36
    with pytest.raises(InputError, match="fold-7"):
        run.training_clips("fold-7")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("epochz = 3", "epochz"),
        ("epochs = 'many'", "epochs"),
        ("epochs = ", "TOML"),
        ("[sequences]\ngain = 3", "sequences.gain"),
        ("annotation_lag_s = { deam = -1 }", "annotation_lag_s.deam"),
        ("longest_s = { emopia = 0 }", "longest_s.emopia"),
        ("[sequences]\nshares = { deam = -1 }", "sequences.shares.deam"),
        ("[losses]\nteacher = 0\nrelations = 1", "losses.relations 1.0 asks for a teacher"),
        ("shared_epochs = 3\n[losses]\nteacher = 0", "shared_epochs 3 asks for a teacher"),
        ("[network]\nn_mels = 32", "network.n_mels is 32, but features.n_mels is 64"),
        ("[network]\nharmonic = [2, 2, 3]", "features.pitch is not there, but network.harmonic is"),
        ("[losses]\nmusic = 0.5", "losses.music is 0.5 and network.music is false"),
        ("[network]\nmusic = true", "losses.music is 0.0 and network.music is true"),
        ("[features.pitch]", "network.harmonic is not there, but features.pitch is"),
    ],
)
def test_settings_that_do_not_fit_are_refused_by_name(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=told):
        read_config(path)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("shares = {", "shares = { deam = 0.1,", r"sequences\.shares names deam.*take deam out"),
        ("folds", "annotation_lag_s = { deam = 2 }\nfolds", "annotation_lag_s names deam"),
        ("teacher", "affect_shares = { deam = 2 }\nteacher", r"affect_shares names deam"),
        ("folds", 'corpora = ["emotify", "panda4q"]\nfolds', r"sequences\.shares names grekow"),
        # What a run is judged by is heard in full.
        ("folds", "longest_s = { grekow = 30 }\nfolds", "longest_s names grekow.*these are: none"),
        ("folds", 'also = ["emopia"]\nfolds', r"emopia.*sequences\.shares gives it no share"),
        ("panda4q = 0.4, emotify = 0.3, grekow = 0.3", "", "no corpus a share.*grekow"),
    ],
)
def test_settings_of_a_corpus_that_a_run_does_not_use_are_refused_before_it_is_begun(
    before: str, after: str, told: str, corpora_root: Path, tiny_config: Path, tmp_path: Path
) -> None:
    tiny_config.write_text(tiny_config.read_text().replace(before, after, 1))
    with pytest.raises(InputError, match=told):
        open_run(tmp_path / "run", read_clips(corpora_root), tiny_config)
    assert not (tmp_path / "run").exists()


def test_a_run_begun_with_settings_that_did_nothing_still_opens(
    corpora_root: Path, tiny_config: Path, tmp_path: Path
) -> None:
    clips = read_clips(corpora_root)
    folder = open_run(tmp_path / "run", clips, tiny_config).folder
    text = tiny_config.read_text().replace("folds", "longest_s = { deam = 9 }\nfolds", 1)
    (folder / "config.toml").write_text(text)
    assert open_run(folder, clips, None).config.longest_s == {"deam": 9}


def test_the_network_that_leaves_a_corpus_out_is_the_default_ones() -> None:
    """What its figures are compared with is what the default would say of a corpus never met."""
    default = read_config(DEFAULT_SETTINGS)
    left_out = read_config(DEFAULT_SETTINGS.with_name("without-grekow.toml"))
    assert left_out.network == replace(default.network, music=False)
    assert left_out.features == default.features
    assert left_out.teachers == default.teachers
    assert left_out.epochs == default.epochs
    assert left_out.shared_epochs == default.shared_epochs
    assert "grekow" not in left_out.corpora


def test_settings_that_are_missing_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_config(tmp_path / "none.toml")


def test_the_cache_is_computed_once_and_anew_for_other_sound(
    corpora_root: Path, tiny_config: Path, tmp_path: Path
) -> None:
    clips = read_clips(corpora_root, ["grekow"])
    config = read_config(tiny_config).features
    store = feature_store(clips, config, tmp_path)
    files = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = feature_store(clips, config, tmp_path)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == files
    for clip in clips:
        assert np.array_equal(store[clip.key], again[clip.key])
        # 6.04 s at 50 frames a second, the first from the clip's very start.
        assert store[clip.key].shape == (302, 64)
    feature_store(clips[1:], config, tmp_path)
    assert len(os.listdir(tmp_path)) > len(files)


def test_settings_are_the_same_by_what_they_say_under_their_older_name_too(
    corpora_root: Path, tiny_config: Path, tmp_path: Path
) -> None:
    clips = read_clips(corpora_root)
    older = tmp_path / "older.toml"
    newer = tmp_path / "newer.toml"
    other = tmp_path / "other.toml"
    text = tiny_config.read_text()
    older.write_text(text + "[sequences.spoil]\nroom = 0.2\n")
    newer.write_text("# the same\n" + text + "[sequences.augment]\nroom = 0.2\n")
    other.write_text(text + "[sequences.augment]\nroom = 0.3\n")
    begun = open_run(tmp_path / "run", clips, older)
    assert begun.config.sequences.augment.room == 0.2
    assert open_run(tmp_path / "run", clips, newer).config == begun.config
    with pytest.raises(InputError, match="differs from the settings"):
        open_run(tmp_path / "run", clips, other)


def test_settings_under_both_names_are_refused_by_the_older_one(tiny_config: Path) -> None:
    tables = "[sequences.spoil]\nroom = 0.2\n[sequences.augment]\nroom = 0.2\n"
    tiny_config.write_text(tiny_config.read_text() + tables)
    with pytest.raises(InputError, match=r"sequences\.spoil"):
        read_config(tiny_config)
