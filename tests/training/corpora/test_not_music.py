"""Sounds that are not music: what is read of them, and which folds may learn from them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.errors import InputError
from tests.training.made_corpora import made_sounds
from training.corpora import Clip, label_hash, read_clips
from training.corpora.not_music import read_sounds
from training.corpora.splits import draw_split, held_out_beside


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with nine sounds, of which two are mixtures and one is a babble."""
    made_sounds(tmp_path / "not_music", artists=("Singer 0", "The Singer-5"))
    return tmp_path


def test_a_clip_says_from_when_to_when_music_sounds_in_it(root: Path) -> None:
    music = {clip.id: clip.music for clip in read_clips(root, ["not_music"])}
    assert music["speech_0"] == music["noise_0"] == music["crowd_0"] == (0.0, 0.0)
    assert music["mix_0"] == (0.0, 8.0)
    assert music["mix_1"] == (3.5, 8.0)
    assert music["tone_0"] is None  # a bell: nobody can say


def test_a_clip_names_whoever_else_is_heard_in_it(root: Path) -> None:
    inside = {clip.id: clip.inside for clip in read_clips(root, ["not_music"])}
    assert inside["speech_0"] == ()
    assert inside["mix_1"] == ("artist:singer 5",)
    assert inside["crowd_0"] == ("sound:anna", "sound:bert", "sound:carl")


def test_a_sound_has_a_kind_and_is_recorded_or_made(root: Path) -> None:
    made = {
        sound.clip.id: (sound.kind, sound.synthetic) for sound in read_sounds(root / "not_music")
    }
    assert made["noise_0"] == ("noise", True)
    assert made["speech_0"] == ("speech", False)


def test_it_is_no_corpus_to_learn_emotion_from_unless_it_is_named(
    root: Path, corpora_root: Path
) -> None:
    with pytest.raises(InputError, match="no known corpus with sound"):
        read_clips(root)
    assert {clip.corpus for clip in read_clips(corpora_root)} == {"emotify", "panda4q", "grekow"}


def test_when_music_sounds_is_part_of_the_labels_hash(root: Path) -> None:
    clips = read_clips(root, ["not_music"])
    before = label_hash(clips)
    table = root / "not_music" / "clips.csv"
    table.write_text(table.read_text().replace("3.5", "4.0"))
    assert label_hash(read_clips(root, ["not_music"])) != before


def test_a_mixture_without_its_times_is_refused(root: Path) -> None:
    table = root / "not_music" / "clips.csv"
    table.write_text(table.read_text().replace("3.5", ""))
    with pytest.raises(InputError, match="no number"):
        read_clips(root, ["not_music"])


def _clip(name: str, group: str, *inside: str) -> Clip:
    return Clip(corpus="x", id=name, path=Path(), seconds=1, group=group, inside=inside)


@given(
    music=st.lists(st.sampled_from("abcdefgh"), min_size=12, max_size=30),
    beside=st.lists(
        st.tuples(
            st.sampled_from("stuvw"), st.lists(st.sampled_from("abcdefghstuvw?"), max_size=3)
        ),
        max_size=20,
    ),
)
def test_no_fold_learns_from_a_clip_in_which_a_group_is_heard_that_it_holds_out(
    music: list[str], beside: list[tuple[str, list[str]]]
) -> None:
    music = [*"abcdefgh", *music]
    clips = [_clip(f"m{n}", group) for n, group in enumerate(music)]
    sounds = [_clip(f"s{n}", group, *inside) for n, (group, inside) in enumerate(beside)]
    split = draw_split(clips, folds=3, seed=0)
    held = held_out_beside(sounds, split, clips)
    fold_of = {clip.group: split.fold_of[clip.key] for clip in clips}
    fold_of |= {sound.group: held[sound.key][0] for sound in sounds}
    for sound in sounds:
        heard = {sound.group, *sound.inside}
        assert set(held[sound.key]) == {fold_of[group] for group in heard if group in fold_of}
        assert len(held[sound.key]) == len(set(held[sound.key]))


def test_a_speaker_goes_into_the_fold_that_holds_out_the_music_he_speaks_over(
    root: Path, corpora_root: Path
) -> None:
    clips = read_clips(corpora_root)
    split = draw_split(clips, folds=2, seed=0)
    fold_of = {clip.group: split.fold_of[clip.key] for clip in clips}
    held = held_out_beside(read_clips(root, ["not_music"]), split, clips)
    assert held["not_music/mix_0"] == [fold_of["artist:singer 0"]]
    assert held["not_music/mix_1"] == [fold_of["artist:singer 5"]]
    # Where his other clips are heard they are held out with it.
    assert held["not_music/speech_0"][0] == held["not_music/mix_0"][0]


def test_groups_without_music_are_spread_evenly() -> None:
    clips = [_clip(f"m{n}", f"m{n}") for n in range(8)]
    sounds = [_clip(f"s{n}", f"s{n // 2}") for n in range(24)]
    held = held_out_beside(sounds, draw_split(clips, folds=4, seed=0), clips)
    assert sorted(fold for (fold,) in held.values()) == sorted([0, 1, 2, 3] * 6)
    assert all(held[a.key] == held[b.key] for a, b in zip(sounds[::2], sounds[1::2], strict=True))
