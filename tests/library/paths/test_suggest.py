"""``suggest``: what to play next, from the command line."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from mutagen.flac import FLAC

from realtime_mer.errors import InputError
from realtime_mer.library.playlist import write_m3u8
from realtime_mer.library.tables import write_table
from tests.command_line import Result, call
from tests.library.made import made_track, moving

LINE = [round(-0.5 + i / 10, 1) for i in range(11)]  # valence of the tracks, from sad to happy


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    tracks = [
        made_track(str(tmp_path / "music" / f"song {i:02}.flac"), valence=v, seconds=61.5 + i)
        for i, v in enumerate(LINE)
    ]
    write_table(tmp_path / "table.csv", tracks)
    return tmp_path


@pytest.fixture
def suggest(folder: Path, capsys: pytest.CaptureFixture[str]):
    def run(*args: object) -> Result:
        return call(capsys, "suggest", "table.csv", *args)

    return run


def songs(result: Result) -> list[int]:
    assert (result.code, result.remarks()) == (0, [])
    return [int(Path(one["path"]).stem.removeprefix("song ")) for one in json.loads(result.out)]


def test_without_a_wanted_mood_the_present_one_goes_on(suggest) -> None:
    assert songs(suggest("--from", "song 03", "--count", 2, "--json")) == [2, 4]
    assert songs(suggest("--at", "-0.5,0", "--count", 3, "--json")) == [0, 1, 2]


def test_the_end_of_the_present_track_is_where_it_goes_on(folder, suggest) -> None:
    course = moving([-0.5 + i / 19 for i in range(20)], [0.0] * 20)
    rising = made_track(str(folder / "rising.flac"), course=course)
    write_table(folder / "table.csv", [rising, *(made_track(f"/{v}", valence=v) for v in LINE)])
    (first,) = json.loads(suggest("--from", "rising", "--count", 1, "--json").out)
    assert first["path"] == "/0.5"


def test_a_record_says_what_there_is_to_know(folder, suggest) -> None:
    (first,) = json.loads(suggest("--at", "0.1,0", "--count", 1, "--json").out)
    assert first == {
        "path": str(folder / "music" / "song 06.flac"),
        "seconds": 67.5,
        "valence": 0.1,
        "arousal": 0.0,
        "mood": "neutral",
        "beginning": {"valence": 0.1, "arousal": 0.0},
        "ending": {"valence": 0.1, "arousal": 0.0},
        "distance": 0.0,
    }


def test_for_people_there_is_a_line_for_each(folder, suggest) -> None:
    result = suggest("--at", "0.1,0", "--count", 1)
    assert result.out == f"  1  +0.10 +0.00  neutral    1:08  {folder}/music/song 06.flac\n"


def test_a_playlist_names_the_files_from_where_it_lies(folder, suggest) -> None:
    (folder / "lists").mkdir()
    suggest("--at", "-0.5,0", "--count", 2, "--m3u8", "lists/set.m3u8")
    assert (folder / "lists" / "set.m3u8").read_bytes().decode() == (
        "#EXTM3U\n"
        "#EXTINF:62,song 00\n../music/song 00.flac\n"
        "#EXTINF:62,song 01\n../music/song 01.flac\n"
    )


def test_every_name_in_a_playlist_leads_to_its_file(tmp_path: Path) -> None:
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real" / "deep", target_is_directory=True)
    tracks = []
    for name in ("#1 hit.flac", "ä ö.flac", "a/b.flac"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
        tracks.append(made_track(str(path)))
    for place in (tmp_path / "set.m3u8", tmp_path / "link" / "set.m3u8"):
        write_m3u8(place, tracks)
        lines = place.read_text(encoding="utf-8").splitlines()
        named = [line for line in lines if not line.startswith("#")]
        for name, track in zip(named, tracks, strict=True):
            assert (place.parent / name).samefile(track.path)


def test_a_name_with_a_line_break_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line break"):
        write_m3u8(tmp_path / "set.m3u8", [made_track("/a\nb.flac")])
    assert not (tmp_path / "set.m3u8").exists()


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        ((), "Say where you are: --from TRACK or --at V,A"),
        (("--at", "0,0", "--from", "song 01"), "one of the two"),
        (("--at", "0"), "--at 0 is no place"),
        (("--at", "0,0,0"), "--at 0,0,0 is no place"),
        (("--at", "2,0"), "--at 2,0 is no place: give valence and arousal from -1 to 1"),
        (("--at", "nan,0"), "--at nan,0 is no place"),
        (("--at", "here"), "--at here is no place"),
        (("--from", "tango"), "No track of the table has 'tango' in its path"),
        (("--from", "song 0"), "song 02.flac and 7 more: type more of it"),
        (("--at", "0,0", "--min-lufs", "-5"), "--min-lufs alone keeps out 11 of all tracks"),
        (("--at", "0,0", "--m3u8", "no/such/set.m3u8"), "--m3u8 no/such/set.m3u8 cannot be"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(suggest, args, complaint: str) -> None:
    result = suggest(*args)
    assert complaint in result.complaint()
    assert result.out == ""


def test_a_missing_table_is_refused_in_one_line(folder, capsys) -> None:
    result = call(capsys, "suggest", "none.parquet", "--at", "0,0")
    assert "none.parquet does not exist" in result.complaint()


def test_what_does_not_suit_the_track_that_plays_is_left_out(folder, suggest) -> None:
    for number, (tempo, key) in enumerate([("120", "8A"), ("150", "8A"), ("122", "9A")]):
        sound = soundfile.SoundFile(
            folder / f"tagged {number}.flac", "w", samplerate=8000, channels=1
        )
        with sound:
            sound.write(np.zeros(8000))
        tags = FLAC(sound.name)
        tags["bpm"], tags["initialkey"], tags["artist"] = tempo, key, f"A{number % 2}"
        tags.save()
    tracks = [made_track(str(folder / f"tagged {n}.flac"), valence=n / 10) for n in range(3)]
    write_table(folder / "table.csv", [*tracks, made_track("/untagged", valence=0.9)])

    def found(*args: object) -> list[str]:
        result = suggest("--from", "tagged 0", "--json", *args)
        return [Path(one["path"]).stem for one in json.loads(result.out)]

    assert found() == ["tagged 1", "tagged 2", "untagged"]
    assert found("--tempo", 6) == ["tagged 2", "untagged"]
    assert found("--tempo", 6, "--keys") == ["tagged 2", "untagged"]
    assert found("--artist-once", 2) == ["tagged 1", "untagged"]
    result = suggest("--from", "tagged 0", "--tempo", 6, "--json")
    assert result.remarks() == [
        "realtime-mer: 1 of 2 tracks have no tempo in their tags: --tempo cannot hold for them"
    ]
    first, second = json.loads(result.out)
    assert (first["tempo"], first["key"], first["artist"]) == (122.0, "9A", "A0")
    assert (second["tempo"], second["key"], second["artist"]) == (None, None, None)


def test_a_library_of_one_has_nothing_to_go_on_with(folder, suggest) -> None:
    write_table(folder / "table.csv", [made_track(os.path.abspath("only.flac"))])
    assert "holds no other track" in suggest("--from", "only").complaint()
