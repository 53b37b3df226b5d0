"""A library written for other programs, and opened again by libraries and programs of others."""

import csv
import io
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrekordbox.rbxml import RekordboxXml
from traktor_nml_utils import TraktorCollection

from realtime_mer.emotion import QUADRANTS, quadrant_of
from realtime_mer.errors import InputError
from realtime_mer.library.exporting.entries import Names, crates, entries
from realtime_mer.library.exporting.export import TARGETS, export
from realtime_mer.library.exporting.rekordbox import rekordbox_xml
from realtime_mer.library.exporting.table import table as table_of
from realtime_mer.library.exporting.traktor import _place, traktor_nml
from realtime_mer.library.tables import write_table
from realtime_mer.library.tagging.tagging import TagOptions, tag
from realtime_mer.library.tracks import Track
from tests.command_line import call
from tests.library.made import made_track
from tests.library.tagging.made_files import make


def sure(path: str, valence: float, arousal: float, **changes: float) -> Track:
    """Return a track of which the network is sure, so that one word is said of it."""
    quadrants = dict.fromkeys(QUADRANTS, 0.0) | {quadrant_of(valence, arousal): 1.0}
    sds = {"valence_sd": 0.001, "arousal_sd": 0.001}
    ratings = {"valence": valence, "arousal": arousal}
    return made_track(path, quadrants=quadrants, **sds, **ratings, **changes)


TRACKS = [
    sure("/music/a & b/ä #1.mp3", 0.5, 0.5, seconds=61.4),
    made_track("/music/<c>.flac", valence=-0.01, arousal=-0.6),
    made_track("/music/d.aif", valence=0.02, arousal=0.01),
]
NAMES = {TRACKS[0].path: Names(title='"Ä" & <b>', artist="One", album="Two", comment="for you")}
ENTRIES = entries(TRACKS, NAMES)
CRATES = crates(ENTRIES)


def test_every_track_is_in_the_crates_of_its_words_and_of_its_energy() -> None:
    assert [(crate.group, crate.name, crate.places) for crate in CRATES] == [
        ("Mood", "neutral", (2,)),
        ("Mood", "excited", (0,)),
        ("Mood", "tired", (1,)),
        ("Mood", "calm", (1,)),
        ("Energy", "Energy 01", (1,)),
        ("Energy", "Energy 06", (2,)),
        ("Energy", "Energy 10", (0,)),
    ]
    for place, entry in enumerate(ENTRIES):
        words = {crate.name for crate in CRATES if crate.group == "Mood" and place in crate.places}
        assert words == set(entry.track.words)


def test_of_a_track_without_music_no_mood_and_no_energy_is_told() -> None:
    said = Names(title="Talk", comment="Energy 6 - for you")
    (talk,) = entries([made_track("/t.mp3", music_share=0.0)], {"/t.mp3": said})
    assert crates([talk]) == []
    assert talk.comment == "for you"
    (row,) = csv.DictReader(io.StringIO(table_of([talk]).decode()))
    numbers = [row[name] for name in ("mer_valence", "mer_arousal", "mer_energy", "mer_mood")]
    assert numbers == [""] * 4
    # Where a table does not tell, because it is of before, all is told.
    (old,) = entries([made_track("/t.mp3", music_share=None)], {})
    assert crates([old]) != []


def test_a_comment_begins_with_energy_and_mood_once() -> None:
    assert ENTRIES[0].comment == "Energy 10 - excited - for you"
    (entry,) = entries(TRACKS[:1], {TRACKS[0].path: Names(comment="Energy 9 - for you")})
    assert entry.comment == "Energy 10 - excited - for you"
    assert ENTRIES[2].comment == "Energy 6 - neutral"


def test_rekordbox_xml_is_opened_by_pyrekordbox(tmp_path: Path) -> None:
    path = tmp_path / "moods.xml"
    path.write_bytes(rekordbox_xml(ENTRIES, CRATES))
    opened = RekordboxXml(path)
    assert opened.num_tracks == len(TRACKS)
    assert [f"/{track['Location']}" for track in opened.get_tracks()] == [t.path for t in TRACKS]
    first = opened.get_track(0)
    assert (first["Name"], first["Artist"], first["TotalTime"]) == ('"Ä" & <b>', "One", 61)
    assert first["Comments"] == ENTRIES[0].comment
    assert opened.get_track(2)["Kind"] == "AIFF File"
    for crate in CRATES:
        playlist = opened.get_playlist("realtime-mer", crate.group, crate.name)
        assert playlist.get_tracks() == [place + 1 for place in crate.places]


def test_traktor_nml_is_opened_by_traktor_nml_utils(tmp_path: Path) -> None:
    path = tmp_path / "moods.nml"
    path.write_bytes(traktor_nml(ENTRIES, CRATES))
    nml = TraktorCollection(path).nml
    assert [entry.info.comment for entry in nml.collection.entry] == [e.comment for e in ENTRIES]
    first = nml.collection.entry[0]
    assert (first.title, first.artist, first.album.title) == ('"Ä" & <b>', "One", "Two")
    assert (first.location.dir, first.location.file) == ("/:music/:a & b/:", "ä #1.mp3")
    assert (first.info.playtime, first.info.playtime_float) == (61, 61.4)
    (ours,) = nml.playlists.node.subnodes.node
    found = [
        (group.name, node.name, tuple(one.primarykey.key for one in node.playlist.entry))
        for group in ours.subnodes.node
        for node in group.subnodes.node
    ]
    keys = [f"{e.location.volume or ''}{e.location.dir}{e.location.file}" for e in
            nml.collection.entry]  # fmt: skip
    assert found == [
        (crate.group, crate.name, tuple(keys[place] for place in crate.places)) for crate in CRATES
    ]


@pytest.mark.parametrize(
    ("path", "boot", "place"),
    [
        ("C:\\Music\\House\\a.mp3", "", ("C:", "/:Music/:House/:", "a.mp3")),
        ("/Users/me/a.mp3", "Macintosh HD", ("Macintosh HD", "/:Users/:me/:", "a.mp3")),
        ("/Volumes/USB/x/a.mp3", "Macintosh HD", ("USB", "/:x/:", "a.mp3")),
        ("/home/me/a.mp3", "", ("", "/:home/:me/:", "a.mp3")),
    ],
)
def test_a_file_is_named_as_traktor_names_it(path, boot, place) -> None:
    assert _place(path, boot) == place


names = st.text(min_size=1, max_size=20).map(lambda name: "/" + name.replace("\0", ""))


@given(st.lists(names, min_size=1, max_size=4, unique=True), st.text(max_size=20))
def test_whatever_files_and_titles_are_called_both_are_xml(paths, title) -> None:
    told = entries([made_track(path) for path in paths], {paths[0]: Names(title=title)})
    for document in (rekordbox_xml(told, crates(told)), traktor_nml(told, crates(told))):
        root = ET.fromstring(document)
        held = root.find("COLLECTION")
        assert held is not None
        assert len(held) == int(held.get("Entries") or held.get("ENTRIES") or -1)


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    for name in ("a.mp3", "b.flac", "c.ogg"):
        make(folder / name, comment="mine")
    return folder


@pytest.fixture
def table(music: Path, tmp_path: Path) -> Path:
    ratings = ((0.5, 0.5), (-0.4, -0.2), (0.4, -0.4))
    tracks = [
        sure(str(path), *rating)
        for path, rating in zip(sorted(music.iterdir()), ratings, strict=True)
    ]
    write_table(tmp_path / "table.csv", tracks)
    return tmp_path / "table.csv"


def test_the_commands_say_what_to_do_next(capsys, table: Path, tmp_path: Path) -> None:
    for to, target in TARGETS.items():
        out = tmp_path / f"{to}{target.extension}"
        result = call(capsys, "library", "export", table, "--to", to, "--out", out)
        assert (result.code, result.remarks()) == (0, [])
        first, after = result.out.splitlines()
        lists = ", 6 playlists by mood and energy" if target.lists else ""
        assert first == f"{out}: 3 tracks{lists}"
        assert str(out) in after
        assert out.is_dir() == target.folder
        again = call(capsys, "library", "export", table, "--to", to, "--out", out)
        assert again.code == 0, again.err


def test_beets_is_told_of_every_file_of_a_track_and_a_spreadsheet_of_the_track() -> None:
    told = entries([made_track("/=a.mp3", copies=("/b.flac",))], {})
    for options, paths in (
        ({}, ["/=a.mp3"]),
        ({"for_spreadsheets": False}, ["/=a.mp3", "/b.flac"]),
    ):
        rows = csv.DictReader(table_of(told, **options).decode().splitlines())
        assert [row["path"] for row in rows] == paths


def test_titles_come_from_tags(table: Path, tmp_path: Path) -> None:
    export(table, to="csv", out=tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["title"] for row in rows} == {"Tïtle"}
    assert [row["artist"] for row in rows] == ["Artist", "One", "One"]
    assert [row["mer_energy"] for row in rows] == ["10", "4", "2"]
    assert [row["mer_valence"] for row in rows] == ["0.500", "-0.400", "0.400"]


def test_without_mutagen_titles_are_names_of_files_and_that_is_told(
    capsys, monkeypatch: pytest.MonkeyPatch, table: Path, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "mutagen", None)
    out = tmp_path / "x.xml"
    result = call(capsys, "library", "export", table, "--to", "rekordbox", "--out", out)
    assert result.code == 0
    (remark,) = result.remarks()
    assert remark.startswith("realtime-mer: Titles are the names of files: ")
    assert {track["Name"] for track in RekordboxXml(out).get_tracks()} == {*"abc"}


def test_a_file_is_called_as_its_program_expects_it(capsys, table: Path, tmp_path: Path) -> None:
    for to, name in (("csv", "moods.xml"), ("rekordbox", "moods.txt"), ("traktor", "moods")):
        result = call(capsys, "library", "export", table, "--to", to, "--out", tmp_path / name)
        assert result.code == 1
        (remark,) = result.remarks()
        assert f"does not end in {TARGETS[to].extension}" in remark
        assert not (tmp_path / name).exists()


def test_playlists_name_files_from_their_folder_on_or_absolutely(
    music: Path, table: Path, tmp_path: Path
) -> None:
    for to, first in (("m3u8", "../music/a.mp3"), ("mixxx", str(music / "a.mp3"))):
        export(table, to=to, out=tmp_path / to)
        lines = (tmp_path / to / "Energy 10.m3u8").read_text(encoding="utf-8").splitlines()
        assert lines == [
            "#EXTM3U", "# made by realtime-mer", "#EXTINF:200,Artist - Tïtle", first,
        ]  # fmt: skip


@pytest.mark.parametrize("to", ["m3u8", "mixxx"])
def test_a_name_with_a_line_break_costs_a_playlist_one_track_and_is_told(
    tmp_path: Path, to: str
) -> None:
    table = tmp_path / "library.parquet"
    write_table(table, [*TRACKS, sure("/music/x\ny.mp3", 0.5, 0.5), sure("/music/z\n", 0.5, 0.5)])
    done = export(table, to=to, out=tmp_path / "lists")
    assert done.tracks == len(TRACKS)
    assert [remark.endswith("rename it") for remark in done.remarks] == [True, True]
    excited = (tmp_path / "lists" / "Mood excited.m3u8").read_text(encoding="utf-8")
    assert [line[-3:] for line in excited.splitlines() if not line.startswith("#")] == ["mp3"]


def test_a_crate_that_holds_nothing_any_more_goes_and_others_stay(
    music: Path, table: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "crates"
    export(table, to="m3u8", out=folder)
    (folder / "mine.m3u8").write_text("#EXTM3U\nx.mp3\n")
    write_table(table, [made_track(str(music / "a.mp3"), arousal=-0.5)])
    export(table, to="m3u8", out=folder)
    left = {path.name for path in folder.iterdir()}
    assert {"mine.m3u8", "Energy 01.m3u8"} <= left
    assert "Energy 10.m3u8" not in left


def test_nothing_that_somebody_else_made_is_written_over(
    capsys, table: Path, tmp_path: Path
) -> None:
    collection = tmp_path / "collection.nml"
    collection.write_text("<NML><HEAD/></NML>")
    result = call(capsys, "library", "export", table, "--to", "traktor", "--out", collection)
    assert "was not made by realtime-mer: name another place" in result.complaint()
    folder = tmp_path / "crates"
    folder.mkdir()
    (folder / "Energy 10.m3u8").write_text("#EXTM3U\n")
    with pytest.raises(InputError, match="was not made by realtime-mer"):
        export(table, to="mixxx", out=folder)
    assert [path.name for path in folder.iterdir()] == ["Energy 10.m3u8"]
    assert collection.read_text() == "<NML><HEAD/></NML>"


def beet(home: Path, *words: str) -> list[str]:
    """Return what beets prints."""
    program = Path(sys.executable).with_name("beet")
    environment = {**os.environ, "BEETSDIR": str(home)}
    done = subprocess.run(
        [program, *words], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def beets(music: Path, table: Path, tmp_path: Path) -> Path:
    """A home of beets with our plugin."""
    export(table, to="beets", out=tmp_path / "plugin")
    home = tmp_path / "beets"
    home.mkdir()
    (home / "config.yaml").write_text(
        # Elsewhere, as the playlist query of beets 2.14 does not find what lies in its own folder.
        f"directory: {home}/music\nlibrary: {home}/library.db\npluginpath: {tmp_path}/plugin\n"
        "plugins: realtime_mer playlist\n"
        "playlist: {relative_to: playlist}\n"
        "import: {copy: no, write: no, autotag: no}\n"
    )
    return home


SHOWN = "$mer_valence $mer_arousal $mer_energy $mer_mood"


@pytest.mark.slow
def test_beets_brings_our_numbers_to_its_queries(beets: Path, music: Path, table: Path) -> None:
    before = {path: path.read_bytes() for path in music.iterdir()}
    beet(beets, "import", "-q", str(music))
    assert beet(beets, "ls", "-f", "$path", "mer_valence:0.45..") == [str(music / "a.mp3")]
    assert beet(beets, "ls", "-f", "$path", "mer_energy:..4", "mer_valence+") == [
        str(music / "b.flac"), str(music / "c.ogg"),
    ]  # fmt: skip
    assert beet(beets, "ls", "-f", SHOWN, "mer_mood:excited") == ["0.5 0.5 10 excited"]
    assert beet(beets, "mer") == ["3 of 3 items are in the table"]
    assert {path: path.read_bytes() for path in music.iterdir()} == before


@pytest.mark.slow
def test_beets_reads_back_what_was_written_into_tags(
    beets: Path, music: Path, table: Path, tmp_path: Path
) -> None:
    tag(TagOptions(table=table, write=True), tell=lambda line: None)
    (tmp_path / "plugin" / "realtime_mer.csv").unlink()
    before = {path: path.read_bytes() for path in music.iterdir()}
    beet(beets, "import", "-q", str(music))
    found = beet(beets, "ls", "-f", "$mer_valence $mer_arousal $mer_mood", "path+")
    assert found == ["0.5 0.5 excited", "-0.4 -0.2 sad", "0.4 -0.4 calm"]
    beet(beets, "write")
    with (music / "a.mp3").open("rb") as file:
        assert b"MER_VALENCE" in file.read()
    assert before.keys() == {*music.iterdir()}


@pytest.mark.slow
def test_beets_opens_our_playlists(beets: Path, music: Path, table: Path, tmp_path: Path) -> None:
    beet(beets, "import", "-q", str(music))
    for to in ("m3u8", "mixxx"):
        folder = tmp_path / to
        export(table, to=to, out=folder)
        listed = beet(beets, "ls", "-f", "$path", f"playlist:{folder}/Energy 10.m3u8")
        assert listed == [str(music / "a.mp3")]
