import os
import shutil
from pathlib import Path

import pytest

from realtime_mer.errors import InputError
from training.corpora import data_root, label_hash, read_clips


def test_every_corpus_of_the_layout_is_read_with_its_own_labels(corpora_root: Path) -> None:
    clips = read_clips(corpora_root)
    assert len(clips) == 36
    by_key = {clip.key: clip for clip in clips}
    felt = by_key["emotify/001"]
    assert felt.gems is not None
    assert felt.gems[4] == 0.7
    assert felt.answers == 13
    assert felt.valence is None
    assert felt.quadrant is None
    assert by_key["panda4q/MT2"].quadrant == 1
    assert by_key["panda4q/MT2"].valence == -0.4
    assert by_key["grekow/blues_00000"].arousal == 0.7


def test_an_artist_is_one_group_across_corpora_however_it_is_spelt(corpora_root: Path) -> None:
    by_key = {clip.key: clip for clip in read_clips(corpora_root)}
    assert by_key["emotify/004"].group == by_key["panda4q/MT4"].group
    assert by_key["emotify/004"].group != by_key["emotify/006"].group


def test_a_copy_of_a_recording_is_in_the_group_of_the_recording(corpora_root: Path) -> None:
    by_key = {clip.key: clip for clip in read_clips(corpora_root)}
    assert by_key["grekow/blues_00000_copy"].group == by_key["grekow/blues_00000"].group


def test_a_clip_without_an_artist_is_a_group_of_its_own(corpora_root: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(corpora_root / "panda4q", tmp_path / "panda4q")
    table = folder / "clips.csv"
    table.write_text(table.read_text().replace("The Singer-0", ""))
    groups = [clip.group for clip in read_clips(tmp_path)]
    assert len(set(groups[:2])) == 2


def test_a_table_without_a_needed_column_is_refused_by_name(
    corpora_root: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(corpora_root / "grekow", tmp_path / "grekow")
    table = folder / "clips.csv"
    table.write_text(table.read_text().replace("recording", "take"))
    with pytest.raises(InputError, match="recording"):
        read_clips(tmp_path)


def test_missing_audio_is_refused_by_name(corpora_root: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(corpora_root / "grekow", tmp_path / "grekow")
    (folder / "audio" / "blues_00003.opus").unlink()
    with pytest.raises(InputError, match="blues_00003"):
        read_clips(tmp_path)


def test_a_corpus_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'deam'"):
        read_clips(tmp_path, ["deam"])
    with pytest.raises(InputError, match=r"grekow/clips\.csv"):
        read_clips(tmp_path, ["grekow"])
    with pytest.raises(InputError, match="no known corpus"):
        read_clips(tmp_path)


def test_the_folder_of_corpora_must_be_named_and_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REALTIME_MER_DATA", raising=False)
    with pytest.raises(InputError, match="--data"):
        data_root(None)
    with pytest.raises(InputError, match="does not exist"):
        data_root(tmp_path / "nowhere")
    monkeypatch.setenv("REALTIME_MER_DATA", str(tmp_path))
    assert data_root(None) == tmp_path


def test_the_label_hash_tells_changed_labels(corpora_root: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(corpora_root / "grekow", tmp_path / "grekow")
    before = label_hash(read_clips(tmp_path))
    table = folder / "clips.csv"
    table.write_text(table.read_text().replace("-0.6", "-0.5"))
    assert label_hash(read_clips(tmp_path)) != before


@pytest.mark.skipif(
    "REALTIME_MER_DATA" not in os.environ, reason="REALTIME_MER_DATA names no folder of corpora"
)
def test_copies_in_the_real_data_stand_in_the_group_of_their_original() -> None:
    clips = {clip.key: clip for clip in read_clips(data_root(None), ["grekow"])}
    copies = [key for key in clips if key.endswith("_copy")]
    assert copies
    for key in copies:
        assert clips[key].group == clips[key.removesuffix("_copy")].group
