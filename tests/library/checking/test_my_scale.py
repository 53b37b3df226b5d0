"""Every command that shows numbers can show them on the owner's scale; the table stays."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from realtime_mer.library.exporting.export import TARGETS
from realtime_mer.library.spotify.features import own_id
from realtime_mer.library.store import TrackStore
from realtime_mer.library.tables import read_table
from realtime_mer.library.tagging.fields import Outcome
from realtime_mer.library.tagging.files import planned
from realtime_mer.library.walk import AudioFile
from tests.command_line import call
from tests.library.checking.made_answers import write_scale
from tests.library.exporting.test_exports import sure
from tests.library.made import made_sound
from tests.library.tagging.made_files import make

WORDS = "own scale: valence +0.20 +0.50 m"


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Path]:
    """A table of one real file and twenty others, which no command may change."""
    path = tmp_path / "music.sqlite"
    song = tmp_path / "song.mp3"
    make(song)
    tracks = [sure(f"/music/{n}.mp3", n / 10 - 1, 0.3) for n in range(20)]
    with TrackStore(path) as store:
        for track in (*tracks, sure(str(song), -0.6, 0.3)):
            file = AudioFile(path=track.path, size=1, mtime_ns=1)
            store.put(file, track, made_sound(track.path))
    before = path.read_bytes()
    yield path
    assert path.read_bytes() == before


@pytest.fixture
def scale(table: Path, tmp_path: Path) -> Path:
    return write_scale(tmp_path / "music.check.json", read_table(table), offset=0.2, slope=0.5)


def test_suggest_takes_places_and_shows_numbers_on_it(
    capsys, table: Path, scale: Path, tmp_path: Path
) -> None:
    words = ("suggest", table, "--at", "-0.1,0.3", "--count", 1, "--my-scale", scale)
    result = call(capsys, *words, "--m3u8", tmp_path / "next.m3u8")
    assert "-0.10 +0.30" in result.out
    assert f"Numbers are on your {WORDS}" in result.err
    assert (tmp_path / "next.m3u8").read_text().splitlines()[1] == f"# {WORDS}"
    (found,) = json.loads(call(capsys, *words, "--json").out)
    assert (found["valence"], found["scale"]) == (pytest.approx(-0.1), WORDS)


def test_a_path_leads_over_it_and_is_no_ones_whom_a_session_corrects(
    capsys, table: Path, scale: Path
) -> None:
    words = ("path", table, "--my-scale", scale, "--at", "-0.3,0.3", "--count", 2, "--json")
    result = call(capsys, *words, "--to", "0.6,0.3")
    found = json.loads(result.out)
    assert [one["valence"] for one in found] == [pytest.approx(0.15), pytest.approx(0.6)]
    assert {one["scale"] for one in found} == {WORDS}
    assert f"Numbers are on your {WORDS}" in result.err
    complaint = call(capsys, *words, "--follow", "ws://127.0.0.1:1").complaint()
    assert "leave --my-scale out" in complaint


def test_features_say_so(capsys, table: Path, scale: Path) -> None:
    theirs = json.loads(call(capsys, "features", table).out)["audio_features"]
    ours = json.loads(call(capsys, "features", table, "--my-scale", scale).out)["audio_features"]
    assert [one["id"] for one in theirs] == [one["id"] for one in ours]
    assert {one.get("scale") for one in theirs} == {None}
    assert {one["scale"] for one in ours} == {WORDS}
    by_id = {one["id"]: one for one in ours}
    for track in read_table(table):
        expected = (0.2 + 0.5 * track.valence + 1) / 2
        assert by_id[own_id(track)]["valence"] == pytest.approx(expected, abs=0.001)


def test_tags_note_it_and_are_taken_back(capsys, table: Path, scale: Path, tmp_path: Path) -> None:
    song = tmp_path / "song.mp3"
    before = song.read_bytes()
    result = call(capsys, "tag", table, song, "--my-scale", scale, "--write")
    assert (result.code, result.remarks()) == (0, [])
    assert "MER_VALENCE -0.100" in result.out
    now = planned(song, lambda now: Outcome(fields=now)).now
    assert json.loads(now["MER_WRITTEN"][0])["scale"] == WORDS
    call(capsys, "tag", table, song, "--remove", "--write")
    assert song.read_bytes() == before
    complaint = call(capsys, "tag", table, "--remove", "--my-scale", scale).complaint()
    assert "leave --energy, --replace and --my-scale" in complaint


@pytest.mark.parametrize(
    ("to", "file", "says"),
    [
        ("csv", "", WORDS),
        ("beets", "realtime_mer.csv", WORDS),
        ("m3u8", "Energy 08.m3u8", WORDS),
        ("rekordbox", "", "(own scale)"),
        ("traktor", "", "(own scale)"),
    ],
)
def test_exports_say_so(capsys, table: Path, scale: Path, tmp_path: Path, to, file, says) -> None:
    for options, expected in (((), False), (("--my-scale", scale), True)):
        out = tmp_path / f"{to}{expected}{TARGETS[to].extension}"
        words = ("library", "export", table, "--to", to, "--out", out, *options)
        assert call(capsys, *words).code == 0
        text = (out / file).read_text(encoding="utf-8") if file else out.read_text(encoding="utf-8")
        assert (says in text) == expected
    if to == "csv":
        rows = list(csv.DictReader(text.splitlines()))
        assert {row["mer_scale"] for row in rows} == {WORDS}
        assert all(-0.31 <= float(row["mer_valence"]) <= 0.66 for row in rows)


def test_annotate_takes_it_for_playlists_alone(capsys, scale: Path, tmp_path: Path) -> None:
    words = ("annotate", tmp_path, "--out", tmp_path / "new.csv", "--my-scale", scale)
    assert "The table always holds what the model says" in call(capsys, *words).complaint()
    complaint = call(capsys, *words, "--playlists", tmp_path / "no" / "moods").complaint()
    assert "make it first" in complaint
    scale.write_text("{}")
    complaint = call(capsys, *words, "--playlists", tmp_path / "moods").complaint()
    assert "holds no answers" in complaint
    assert not (tmp_path / "new.csv").exists()


def test_a_file_that_is_heard_has_no_scale_of_an_owner(capsys, scale: Path, tmp_path: Path) -> None:
    complaint = call(capsys, "features", tmp_path / "song.mp3", "--my-scale", scale).complaint()
    assert "are for a table" in complaint
