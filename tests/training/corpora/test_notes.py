"""Corpora of notes (MIDI), and their sound."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from realtime_mer.errors import InputError
from tests.training.made_corpora import can_render, midi, sound
from training.corpora import data_root, read_clips
from training.corpora.midi import midi_seconds, rendered, sound_fonts
from training.corpora.splits import check_split, draw_split


def test_curves_run_on_the_time_of_the_notes_not_of_what_the_raters_heard(notes_root: Path) -> None:
    clip = read_clips(notes_root, ["vgmidi"])[0]
    assert clip.seconds == 2.0
    assert clip.curve is not None
    assert clip.curve.times == (0.0, 1.0)
    assert clip.curve.arousal_sd == (0.4, 0.4)
    assert clip.answers == 30
    assert clip.is_midi


def test_pieces_are_grouped_by_series_and_clips_by_song(notes_root: Path) -> None:
    clips = read_clips(notes_root, ["vgmidi", "emopia"])
    assert [clip.group for clip in clips] == [
        "series:zelda",
        "series:zelda",
        "series:mario",
        *["emopia:a"] * 2,
        *["emopia:b"] * 2,
    ]
    split = draw_split(clips, folds=2, seed=0)
    check_split(split, clips)
    assert split.fold_of["vgmidi/vg001"] == split.fold_of["vgmidi/vg002"]


def test_emopia_carries_its_official_split_and_the_length_of_its_notes(notes_root: Path) -> None:
    clips = read_clips(notes_root, ["emopia"])
    assert [clip.official for clip in clips] == ["train", "train", "test", "test"]
    assert [clip.quadrant for clip in clips] == [0, 1, 2, 3]
    assert clips[0].seconds == pytest.approx(3.0)


def test_notes_are_read_only_when_they_are_named(notes_root: Path) -> None:
    with pytest.raises(InputError, match="no known corpus with sound"):
        read_clips(notes_root)
    sound(notes_root / "mine" / "Q1" / "a.wav")
    sound(notes_root / "mine" / "Q2" / "b.wav")
    assert {clip.corpus for clip in read_clips(notes_root)} == {"own"}


def test_a_file_that_is_no_midi_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "broken.mid"
    path.write_bytes(b"MThd is not all of it")
    with pytest.raises(InputError, match=r"broken\.mid"):
        midi_seconds(path)


@can_render
def test_every_sound_font_gives_a_clip_as_long_as_the_notes(
    notes_root: Path, tmp_path: Path
) -> None:
    clip = read_clips(notes_root, ["vgmidi"])[0]
    font = sound_fonts()[-1]
    other = shutil.copy(font, tmp_path / f"Other{font.suffix}")
    clips = rendered([clip], folder=tmp_path / "cache", fonts=[font, other])
    assert [each.id for each in clips] == [f"vg001@{font.stem}", "vg001@Other"]
    assert clips[0].path != clips[1].path
    assert {each.group for each in clips} == {clip.group}
    samples, rate = soundfile.read(clips[0].path)
    assert (rate, len(samples)) == (24_000, 48_000)
    assert abs(samples).max() > 0.01


@can_render
def test_what_was_rendered_once_is_taken_from_the_cache(notes_root: Path, tmp_path: Path) -> None:
    clips = read_clips(notes_root, ["vgmidi"])[:1]
    fonts = sound_fonts()[-1:]
    first = rendered(clips, folder=tmp_path / "cache", fonts=fonts)[0].path
    written = first.stat().st_mtime_ns
    assert rendered(clips, folder=tmp_path / "cache", fonts=fonts)[0].path == first
    assert first.stat().st_mtime_ns == written
    midi(clips[0].path, notes=3)
    assert rendered(clips, folder=tmp_path / "cache", fonts=fonts)[0].path != first


@can_render
def test_notes_that_sound_like_nothing_are_refused(notes_root: Path, tmp_path: Path) -> None:
    clips = read_clips(notes_root, ["vgmidi"])[:1]
    midi(clips[0].path, notes=0)
    with pytest.raises(InputError, match="silence"):
        rendered(clips, folder=tmp_path / "cache", fonts=sound_fonts()[-1:])


def test_without_fluidsynth_it_says_what_to_install(
    notes_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    font = tmp_path / "Some.sf2"
    font.touch()
    with pytest.raises(InputError, match="apt-get install fluidsynth"):
        rendered(read_clips(notes_root, ["vgmidi"]), folder=tmp_path / "cache", fonts=[font])


def test_without_a_sound_font_it_says_what_to_install(notes_root: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="timgm6mb-soundfont"):
        rendered(read_clips(notes_root, ["vgmidi"]), folder=tmp_path / "cache", fonts=[])


def test_clips_that_are_sound_already_pass_through(tmp_path: Path) -> None:
    sound(tmp_path / "Q1" / "a.wav")
    sound(tmp_path / "Q2" / "b.wav")
    clips = read_clips(tmp_path)
    assert rendered(clips, folder=tmp_path / "cache", fonts=[]) == clips


@pytest.mark.skipif(
    "REALTIME_MER_DATA" not in os.environ, reason="REALTIME_MER_DATA names no folder of corpora"
)
def test_no_song_of_the_real_emopia_is_in_two_parts_of_its_official_split() -> None:
    clips = read_clips(data_root(None), ["emopia"])
    parts: dict[str, set[str | None]] = {}
    for clip in clips:
        parts.setdefault(clip.group, set()).add(clip.official)
    assert {len(part) for part in parts.values()} == {1}


@can_render
def test_what_is_rendered_of_a_piece_ends_where_hearing_does_and_is_the_same_until_there(
    notes_root: Path, tmp_path: Path
) -> None:
    clip = read_clips(notes_root, ["vgmidi"])[0]
    # A slower second half, and a chord that is held over the end of what is heard.
    file = mido.MidiFile(clip.path)
    file.tracks[0].insert(4, mido.MetaMessage("set_tempo", tempo=1_000_000, time=0))
    file.tracks[0].insert(5, mido.Message("note_on", note=72, velocity=90, time=0))
    file.save(clip.path)
    clip = replace(clip, seconds=3.0)
    (font,) = sound_fonts()[-1:]
    (whole,) = rendered([clip], folder=tmp_path / "cache", fonts=[font])
    (first,) = rendered([clip], folder=tmp_path / "cache", fonts=[font], longest_s=2)
    assert (whole.seconds, first.seconds) == (3.0, 2.0)
    assert whole.path != first.path
    every, rate = soundfile.read(whole.path)
    heard, _ = soundfile.read(first.path)
    assert (len(every), len(heard)) == (3 * rate, 2 * rate)
    assert abs(heard[-rate // 2 :]).max() > 0.01
    np.testing.assert_allclose(heard, every[: len(heard)], atol=1e-4)
    # A piece that is shorter is the one that was rendered whole.
    (same,) = rendered([clip], folder=tmp_path / "cache", fonts=[font], longest_s=5)
    assert same == whole


@can_render
def test_different_clips_are_rendered_with_different_fonts_and_always_with_the_same(
    notes_root: Path, tmp_path: Path
) -> None:
    font = sound_fonts()[-1]
    fonts = [Path(shutil.copy(font, tmp_path / f"{name}{font.suffix}")) for name in ("A", "B")]
    clips = read_clips(notes_root, ["vgmidi", "emopia"])
    some = rendered(clips, folder=tmp_path / "cache", fonts=fonts, one_font_each=True, jobs=2)
    assert [clip.id.partition("@")[0] for clip in some] == [clip.id for clip in clips]
    assert {clip.path.parent.name for clip in some} == {"A", "B"}
    again = rendered(
        clips[::-1], folder=tmp_path / "cache", fonts=fonts, one_font_each=True, jobs=2
    )
    assert again[::-1] == some
    assert set((tmp_path / "cache").rglob("*.flac")) == {clip.path for clip in some}
