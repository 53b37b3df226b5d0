"""Own recordings."""

from pathlib import Path

import pytest

from realtime_mer.errors import InputError
from tests.training.made_corpora import sound, table
from training.corpora import read_clips


def test_a_folder_for_each_label_gives_quadrants(tmp_path: Path) -> None:
    sound(tmp_path / "mine" / "Happy" / "a.wav")
    sound(tmp_path / "mine" / "sad" / "live" / "b.mp3", artist="The Band")
    sound(tmp_path / "mine" / "Q2" / "c.wav")
    (tmp_path / "mine" / "sad" / "notes.txt").touch()
    clips = {clip.id: clip for clip in read_clips(tmp_path)}
    assert {name: clip.quadrant for name, clip in clips.items()} == {
        "mine/Happy/a.wav": 0,
        "mine/Q2/c.wav": 1,
        "mine/sad/live/b.mp3": 2,
    }
    assert clips["mine/sad/live/b.mp3"].group == "artist:band"
    assert clips["mine/Happy/a.wav"].group != clips["mine/Q2/c.wav"].group


def _own_table(folder: Path, **more: object) -> None:
    sound(folder / "songs" / "a.wav", seconds=0.5)
    table(folder / "labels.csv", [{"path": "songs/a.wav", **more}])


def test_a_table_gives_what_its_cells_hold(tmp_path: Path) -> None:
    shares = {
        f"gems_{n}": 0.25
        for n in (
            "amazement",
            "solemnity",
            "tenderness",
            "nostalgia",
            "calmness",
            "power",
            "joyful_activation",
            "tension",
            "sadness",
        )
    }
    _own_table(
        tmp_path,
        Valence=-0.5,
        arousal=0.25,
        valence_sd=0.1,
        arousal_sd="",
        quadrant="q2",
        answers=8,
        group="session 1",
        **shares,
    )
    (clip,) = read_clips(tmp_path)
    assert (clip.valence, clip.arousal, clip.quadrant) == (-0.5, 0.25, 1)
    assert (clip.valence_sd, clip.arousal_sd) == (0.1, None)
    assert clip.gems == (0.25,) * 9
    assert clip.answers == 8
    assert clip.group == "own:session 1"
    assert clip.seconds == 0.5


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        ({"valence": 0.5}, "only one of valence and arousal"),
        ({"valence": 5, "arousal": 0}, "valence is 5, outside -1 to 1"),
        ({"group": "x"}, "no label"),
        ({"quadrant": "Q5"}, "'Q5'"),
        ({"gems_power": 0.5}, "only 1 of the nine"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_with_the_reason(
    tmp_path: Path, labels: dict[str, object], complaint: str
) -> None:
    _own_table(tmp_path, **labels)
    with pytest.raises(InputError, match=complaint):
        read_clips(tmp_path)


def test_a_table_with_semicolons_is_refused_with_what_it_begins_with(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("path;quadrant\nsongs/a.wav;Q1\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"begins with 'path;quadrant'.* commas"):
        read_clips(tmp_path)


def test_a_row_without_its_file_is_refused_by_name(tmp_path: Path) -> None:
    _own_table(tmp_path, quadrant="Q1")
    (tmp_path / "songs" / "a.wav").unlink()
    with pytest.raises(InputError, match=r"songs/a\.wav"):
        read_clips(tmp_path)


def test_several_folders_of_own_recordings_stand_side_by_side(tmp_path: Path) -> None:
    for name in ("first", "second"):
        _own_table(tmp_path / name, quadrant="Q1")
    assert {clip.key for clip in read_clips(tmp_path)} == {
        "own/first/songs/a.wav",
        "own/second/songs/a.wav",
    }
