import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file, save_file

from realtime_mer.errors import InputError
from tests.training.made_corpora import can_render, made_sounds, midi
from training.corpora import label_hash, read_clips
from training.corpora.not_music import read_sounds
from training.features.cache import FeatureStore
from training.judge.not_music import judge_run
from training.learn.augment import AugmentConfig
from training.learn.config import TrainingConfig
from training.learn.run import REFIT, SHARED, Run, begin_from, open_run
from training.learn.train import train_part
from training.learn.training_set import FREE_MUSIC, TrainingSet, free_music, gather

RATE = 24_000


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache with two pieces of free music of 25 s, and a jingle too short to be one."""
    package = tmp_path / "cache" / "music" / "made-music"
    package.mkdir(parents=True)
    sounds = []
    for number, seconds in enumerate((25.0, 25.0, 2.0)):
        noise = np.random.default_rng(number).standard_normal(round(seconds * RATE))
        soundfile.write(package / f"{number}.wav", 0.1 * noise, RATE)
        sounds.append({"path": f"{number}.wav", "seconds": seconds})
    record = {"package": "made-music", "version": "1.0", "sounds": sounds}
    (package / "package.json").write_text(json.dumps(record))
    return tmp_path / "cache"


@pytest.fixture
def run(corpora_root: Path, tiny_config: Path, tmp_path: Path) -> Run:
    settings = tiny_config.read_text()
    tiny_config.write_text(
        f'also = ["{FREE_MUSIC}"]\nlongest_s = {{ {FREE_MUSIC} = 10 }}\nshared_epochs = 1\n'
        + settings.replace("teacher = 0.0", "teacher = 1.0").replace(
            "shares = {", f"shares = {{ {FREE_MUSIC} = 1.0,"
        )
    )
    return open_run(tmp_path / "run", read_clips(corpora_root), tiny_config)


def test_free_music_is_what_is_long_enough_and_bears_no_label(cache: Path) -> None:
    clips = free_music(cache / "music")
    assert [clip.id for clip in clips] == ["made-music/0.wav", "made-music/1.wav"]
    assert all(clip.valence is clip.quadrant is clip.gems is None for clip in clips)


def test_without_free_music_the_command_that_fetches_it_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="fetch-music"):
        free_music(tmp_path)


def test_every_part_learns_from_what_is_besides_and_none_is_judged_by_it(
    run: Run, corpora_root: Path, cache: Path
) -> None:
    training_set = gather(run, corpora_root, cache, None)
    free = {clip.key for clip in training_set.run.also}
    assert len(free) == 2
    for part in run.parts:
        assert free <= {clip.key for clip in training_set.run.training_clips(part)}
        assert free.isdisjoint(clip.key for clip in run.held_out_clips(part))
    # No longer than was asked for.
    assert all(len(training_set.features[key]) == 500 for key in free)


@pytest.mark.slow
def test_changed_sound_gives_as_many_frames_of_the_same_clips_and_only_where_it_is_drawn(
    run: Run, corpora_root: Path, cache: Path
) -> None:
    config = run.config.sequences
    names = ("MP3, 24 kbit/s", "clipped by 6 to 18 dB")

    def gathered(augment: AugmentConfig) -> TrainingSet:
        settings = replace(run.config, sequences=replace(config, augment=augment))
        return gather(replace(run, config=settings), corpora_root, cache, None)

    assert len(gathered(AugmentConfig()).changed) == 0
    training_set = gathered(AugmentConfig(changed=0.2, changes=names))
    assert len(training_set.changed) == 2
    for store in training_set.changed:
        for clip in [*run.clips, *training_set.run.also]:
            assert store[clip.key].shape == training_set.features[clip.key].shape
            assert (store[clip.key] != training_set.features[clip.key]).any()


@pytest.mark.slow
@can_render
def test_notes_become_sound_no_longer_than_is_heard_and_their_labels_are_learnt_from(
    run: Run, notes_root: Path, cache: Path
) -> None:
    for path in (notes_root / "emopia" / "midi").iterdir():
        midi(path, notes=24)
    shares = {"emopia": 1.0}
    settings = replace(
        run.config,
        also=("emopia",),
        longest_s={"emopia": 8},
        sequences=replace(run.config.sequences, shares=shares),
        epochs=1,
        losses=replace(run.config.losses, teacher=0.0),
    )
    training_set = gather(replace(run, config=settings), notes_root, cache, None)
    also = training_set.run.also
    assert [clip.quadrant for clip in also] == [0, 1, 2, 3]
    assert {clip.seconds for clip in also} == {8.0}
    assert {len(training_set.features[clip.key]) for clip in also} == {400}
    (described,) = run.described()
    assert described["hours"] == pytest.approx(4 * 8 / 3600, abs=0.005)
    assert "rendered with one of" in described["sound"]
    train_part(
        training_set.run.training_clips("fold-0"),
        training_set.features,
        None,
        settings,
        run.folder / "fold-0",
        stream_key=0,
    )
    line = json.loads((run.folder / "fold-0" / "log.jsonl").read_text())
    assert line.keys() == {"epoch", "seconds", "quadrants"}


def test_a_card_is_told_what_was_learnt_from_besides(
    run: Run, corpora_root: Path, cache: Path
) -> None:
    gather(run, corpora_root, cache, None)
    (described,) = run.described()
    assert described["name"] == FREE_MUSIC
    assert described["clips"] == 2
    assert "made-music 1.0" in described["licence"]
    assert "none of people" in described["labels"]


def _repacked(cache: Path, **changes: object) -> None:
    path = cache / "music" / "made-music" / "package.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_what_was_learnt_from_besides_is_told_by_the_hash_of_its_sound_and_of_its_clips(
    run: Run, corpora_root: Path, cache: Path
) -> None:
    gather(run, corpora_root, cache, None)
    (described,) = run.described()
    clips = free_music(cache / "music")
    own = {clip.key: hashlib.sha256(clip.path.read_bytes()).hexdigest() for clip in clips}
    text = json.dumps(own, sort_keys=True)
    assert described["audio_sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert described["labels_sha256"] == label_hash(clips)
    # Another version of the package with the same sound is the same training_set.
    _repacked(cache, version="1.1")
    gather(run, corpora_root, cache, None)
    (again,) = run.described()
    assert "made-music 1.1" in again["licence"]
    assert again["audio_sha256"] == described["audio_sha256"]


def test_a_run_does_not_go_on_with_other_music_than_it_was_begun_with(
    run: Run, corpora_root: Path, cache: Path
) -> None:
    gather(run, corpora_root, cache, None)
    before = run.provenance()
    path = cache / "music" / "made-music" / "1.wav"
    kept = path.read_bytes()
    soundfile.write(path, np.zeros(25 * RATE), RATE)
    with pytest.raises(InputError, match=r"sound of free-music changed.*--run"):
        gather(run, corpora_root, cache, None)
    path.write_bytes(kept)
    _repacked(cache, sounds=[{"path": "1.wav", "seconds": 25.0}])
    with pytest.raises(InputError, match="2 clips then, 1 now"):
        gather(run, corpora_root, cache, None)
    assert run.provenance() == before


def test_a_run_of_before_the_hashes_goes_on_and_is_described_as_it_is(
    run: Run, corpora_root: Path, cache: Path
) -> None:
    old = {"name": FREE_MUSIC, "clips": 3, "licence": "free"}
    run.record(also=[old])
    assert run.described() == [old]
    gather(run, corpora_root, cache, None)
    (described,) = run.described()
    assert described["clips"] == 2
    assert len(described["audio_sha256"]) == 64


def test_all_parts_begin_from_the_shared_one(run: Run, corpora_root: Path, cache: Path) -> None:
    training_set = gather(run, corpora_root, cache, None)
    assert run.parts[0] == SHARED
    assert {clip.corpus for clip in training_set.run.training_clips(SHARED)} == {FREE_MUSIC}
    clips = training_set.run.training_clips(REFIT)
    # A teacher of the test's own: two windows a clip, of two numbers.
    rows = np.random.default_rng(0).standard_normal((2 * len(clips), 2)).astype(np.float16)
    spans = {clip.key: (0, 2 * n, 2 * n + 2) for n, clip in enumerate(clips)}
    teacher = FeatureStore((rows,), spans, {})
    still = replace(run.config, learning_rate=1e-9, weight_decay=0.0)
    for name, config, start in (
        (SHARED, replace(run.config, learning_rate=0.05, steps_per_epoch=8), None),
        (REFIT, still, run.folder / SHARED),
        ("fold-0", still, None),
    ):
        train_part(
            training_set.run.training_clips(name),
            training_set.features,
            teacher,
            config,
            run.folder / name,
            stream_key=run.parts.index(name),
            labelled=name != SHARED,
            start=start,
        )
    lines = [
        json.loads(line) for line in (run.folder / SHARED / "log.jsonl").read_text().splitlines()
    ]
    assert [line.keys() for line in lines] == [{"epoch", "seconds", "teacher"}]
    shared, begun, alone = (
        load_file(run.weights(name))["network.conv1.weight"] for name in (SHARED, REFIT, "fold-0")
    )
    assert torch.allclose(begun, shared, atol=1e-4)
    assert not torch.allclose(alone, shared, atol=1e-4)


def test_a_run_goes_on_from_the_parts_of_another_on_its_folds(
    run: Run, corpora_root: Path, cache: Path, tmp_path: Path
) -> None:
    """As from the shared part, but with what joins the corpora, and each part from its own."""
    training_set = gather(run, corpora_root, cache, None)
    bare = replace(run.config, losses=replace(run.config.losses, teacher=0.0))

    def train(run: Run, part: str, config: TrainingConfig) -> dict[str, torch.Tensor]:
        train_part(
            training_set.run.training_clips(part),
            training_set.features,
            None,
            config,
            run.folder / part,
            stream_key=0,
        )
        return load_file(run.folder / part / "learner.safetensors")

    parts = [part for part in run.parts if part != SHARED]
    learnt = {
        part: train(run, part, replace(bare, learning_rate=0.05, steps_per_epoch=8))
        for part in parts[-2:]
    }
    learnt[REFIT]["joins.offset"] += 0.25  # as of corpora that rate apart
    save_file(learnt[REFIT], run.folder / REFIT / "learner.safetensors")
    folder = tmp_path / "on"
    with pytest.raises(InputError, match="is not trained yet"):
        begin_from(folder, run)
    assert not folder.exists()
    for part in parts[:-2]:
        shutil.copytree(run.folder / parts[-1], run.folder / part, dirs_exist_ok=True)
    recorded = begin_from(folder, run)
    assert recorded["begun"]["split_sha256"] == run.split.hash
    (tmp_path / "on.toml").write_text((run.folder / "config.toml").read_text() + "\n# other\n")
    begun = open_run(folder, run.clips, tmp_path / "on.toml")
    assert begun.split.hash == run.split.hash
    still = replace(bare, learning_rate=1e-9, weight_decay=0.0)
    for part, before in learnt.items():
        after = train(begun, part, still)
        for name in ("network.conv1.weight", "joins.offset"):
            assert torch.allclose(after[name], before[name], atol=1e-4), name
    first, second = (tensors["network.conv1.weight"] for tensors in learnt.values())
    assert not torch.allclose(first, second, atol=1e-4)
    with pytest.raises(InputError, match="is a run already"):
        begin_from(folder, run)


# -- what is no music ------------------------------------------------------------------------------


@pytest.fixture
def hearing(corpora_root: Path, tiny_config: Path, tmp_path: Path) -> tuple[Run, Path]:
    """A run that learns what is no music, and the folder of its corpora."""
    root = tmp_path / "corpora"
    root.mkdir()
    for folder in corpora_root.iterdir():
        (root / folder.name).symlink_to(folder)
    made_sounds(root / "not_music", artists=("Singer 0", "The Singer-5"))
    tiny_config.write_text(
        'also = ["not_music"]\n'
        + tiny_config.read_text()
        .replace("shares = {", "shares = { not_music = 1.0,")
        .replace("teacher = 0.0", "teacher = 0.0\nmusic = 1.0")
        .replace("[network]", "[network]\nmusic = true")
    )
    return open_run(tmp_path / "run", read_clips(root), tiny_config), root


def test_a_fold_hears_no_speaker_and_no_artist_of_a_mixture_that_it_holds_out(
    hearing: tuple[Run, Path], tmp_path: Path
) -> None:
    run, root = hearing
    learnt = gather(run, root, tmp_path / "cache", None).run
    for part in ("fold-0", "fold-1"):
        beside = [clip for clip in learnt.training_clips(part) if clip.corpus == "not_music"]
        unheard = learnt.unheard(part)
        held_out = {clip.group for clip in learnt.held_out_clips(part)}
        held_out |= {clip.group for clip in unheard}
        for clip in beside:
            assert held_out.isdisjoint({clip.group, *clip.inside})
        for clip in unheard:
            assert {clip.group, *clip.inside} <= held_out
    refit = {clip.key for clip in learnt.training_clips(REFIT)}
    assert {clip.key for clip in learnt.also} <= refit
    assert learnt.training_clips(SHARED) == []


def test_a_run_does_not_go_on_with_other_sounds_than_it_was_begun_with(
    hearing: tuple[Run, Path],
) -> None:
    run, root = hearing
    sounds = read_clips(root, ["not_music"])
    first = run.with_besides(sounds)
    assert run.with_besides(sounds) == first
    with pytest.raises(InputError, match="there are 8 or others now"):
        run.with_besides(sounds[1:])


@pytest.mark.slow
def test_a_network_learns_to_tell_music_and_is_judged_by_what_its_fold_holds_out(
    hearing: tuple[Run, Path], tmp_path: Path
) -> None:
    run, root = hearing
    config = replace(run.config, epochs=12, steps_per_epoch=20, learning_rate=0.01)
    run = replace(run, config=config)
    gathered = gather(run, root, tmp_path / "cache", None)
    for number, part in enumerate(("fold-0", "fold-1")):
        train_part(
            gathered.run.training_clips(part),
            gathered.features,
            None,
            config,
            run.folder / part,
            stream_key=number,
        )
    log = (run.folder / "fold-0" / "log.jsonl").read_text().splitlines()
    assert json.loads(log[-1])["music"] < 0.75 * json.loads(log[0])["music"]
    sounds = read_sounds(root / "not_music")
    report = judge_run(gathered.run, gathered.features, sounds, [0, 1])
    # Music is tones here, and all else is noise.
    assert report["auc"] > 0.95
    assert report["left_out"] == ["not_music/crowd_0", "not_music/tone_0"]
    assert {row["kind"] for row in report["kinds"]} == {"music", "speech", "noise", "mix"}
    assert "refit" not in report
