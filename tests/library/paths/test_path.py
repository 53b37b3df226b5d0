"""``path``: tracks that lead elsewhere by rules, from the command line."""

import json
from pathlib import Path

import pytest

from realtime_mer.library.tables import write_table
from tests.command_line import Result, call
from tests.library.made import made_track, moving

LINE = [round(-0.5 + i / 10, 1) for i in range(11)]  # valence of the tracks, from sad to happy


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    tracks = [
        made_track(f"/song {i:02}.flac", valence=v, seconds=200.0, loudness_lufs=-10.0 - i)
        for i, v in enumerate(LINE)
    ]
    write_table(tmp_path / "table.csv", tracks)
    return tmp_path


@pytest.fixture
def path(folder: Path, capsys: pytest.CaptureFixture[str]):
    def run(*args: object) -> Result:
        return call(capsys, "path", "table.csv", *args)

    return run


def songs(result: Result) -> list[int]:
    assert (result.code, result.remarks()) == (0, [])
    return [int(Path(one["path"]).stem.removeprefix("song ")) for one in json.loads(result.out)]


def test_a_wanted_mood_is_approached_step_by_step(path) -> None:
    found = path("--at", "-0.5,0", "--to", "0.5,0", "--count", 5, "--json")
    assert songs(found) == [2, 4, 6, 8, 10]


def test_a_wanted_track_is_the_last(path) -> None:
    args = ("--from", "song 10", "--to", "/song 00.flac", "--count", 5, "--json")
    assert songs(path(*args)) == [8, 6, 4, 2, 0]


def test_without_a_wanted_mood_the_path_stays_and_no_track_comes_twice(path) -> None:
    assert sorted(songs(path("--at", "-0.5,0", "--count", 3, "--json"))) == [0, 1, 2]


def test_a_path_lasts_as_long_as_it_is_to(path) -> None:
    found = json.loads(path("--at", "-0.5,0", "--to", "0.5,0", "--minutes", 21, "--json").out)
    assert [one["starts_s"] for one in found] == [200.0 * i for i in range(7)]
    places = [one["wanted"]["valence"] for one in found]
    assert places == sorted(places)
    assert places[-1] == 0.5


def test_steps_of_a_stated_size_last_a_stated_time(path) -> None:
    args = ("--at", "-0.5,0", "--to", "0.5,0", "--step", 0.5, "--step-minutes", 10, "--json")
    found = json.loads(path(*args).out)
    assert [one["step"] for one in found] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert [one["wanted"]["valence"] for one in found[::3]] == [-0.5, 0.0, 0.5]


def test_a_step_without_a_time_is_a_track(path) -> None:
    found = path("--at", "-0.5,0", "--to", "0.5,0", "--step", 0.25, "--json")
    assert [one["step"] for one in json.loads(found.out)] == [1, 2, 3, 4, 5]


def test_steps_share_the_minutes_of_a_path(path) -> None:
    args = ("--at", "-0.5,0", "--to", "0.5,0", "--step", 0.5, "--minutes", 20, "--json")
    assert [one["step"] for one in json.loads(path(*args).out)] == [1, 1, 2, 2, 3, 3]


def test_with_steps_no_track_lies_farther_off_than_one(path) -> None:
    args = ("--at", "-0.5,0.2", "--to", "0.5,0.2", "--step", 0.15)
    assert "--within alone keeps out" in path(*args).complaint()
    assert path(*args, "--within", 0.25).code == 0


def test_rules_hold_of_every_track(path) -> None:
    args = ("--at", "-0.5,0", "--to", "0.5,0", "--count", 3, "--json")
    assert songs(path(*args, "--min-lufs", -15, "--max-lufs", -12)) == [3, 4, 5]


def test_for_people_there_is_a_line_for_each(path) -> None:
    result = path("--at", "0,0", "--to", "0.2,0", "--count", 2)
    assert result.out == (
        "  1      0:00  +0.10 +0.00  neutral    3:20  /song 06.flac\n"
        "  2      3:20  +0.20 +0.00  neutral    3:20  /song 07.flac\n"
    )


def test_a_playlist_has_the_tracks_in_order(folder, path) -> None:
    path("--at", "-0.5,0", "--to", "0.5,0", "--count", 2, "--m3u8", "set.m3u8")
    named = (folder / "set.m3u8").read_text().splitlines()[1::2]
    assert named == ["#EXTINF:200,song 05", "#EXTINF:200,song 10"]


def test_the_end_of_the_present_track_is_where_it_goes_on(folder, path) -> None:
    course = moving([-0.5 + i / 19 for i in range(20)], [0.0] * 20)
    rising = made_track("/rising", course=course)
    write_table(folder / "table.csv", [rising, *(made_track(f"/{v}", valence=v) for v in LINE)])
    (first,) = json.loads(path("--from", "rising", "--count", 1, "--json").out)
    assert first["path"] == "/0.5"


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        ((), "Say where the path begins: --from TRACK or --at V,A"),
        (("--at", "0,0", "--from", "song 01"), "one of the two"),
        (("--at", "2,0"), "--at 2,0 is no place"),
        (("--at", "0,0", "--to", "0,inf"), "--to 0,inf is no place"),
        (("--at", "0,0", "--to", "tango"), "No track of the table has 'tango' in its path"),
        (("--from", "song 01", "--to", "song 01"), "is the track that plays"),
        (("--at", "0,0", "--minutes", 0), "--minutes 0: give more than 0"),
        (("--at", "0,0", "--step", "nan"), "--step nan: give more than 0"),
        (("--at", "0,0", "--count", 2, "--minutes", 3), "leave --minutes and --step out"),
        (("--at", "0,0", "--step-minutes", 3), "--step-minutes goes with --step"),
        (("--at", "0,0", "--count", 12), "track 12"),
        (("--at", "0,0", "--m3u8", "no/such/set.m3u8"), "--m3u8 no/such/set.m3u8 cannot be"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(path, args, complaint: str) -> None:
    result = path(*args)
    assert complaint in result.complaint()
    assert result.out == ""
