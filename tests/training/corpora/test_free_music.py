"""Fetching free music by the names of packages."""

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from rich.progress import Progress

from realtime_mer.errors import InputError
from tests.training.made_corpora import sound
from training.corpora.free_music import (
    Package,
    fetch_music,
    licences,
    look_up,
    space_needed,
    unpack,
)

needs_dpkg = pytest.mark.skipif(
    shutil.which("dpkg-deb") is None, reason="needs dpkg-deb to build a package"
)

RECORD = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2010 One
License: GPL-2+

Files: music/*
       sounds/*
Copyright: 2011 Two
License: CC-BY-SA-3.0
 You are free to share.
 .
 License: is a word of this text.

License: GPL-2+
 Text of it.
"""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A real package with a piece of music, an effect, a picture, and music in an archive."""
    tree = tmp_path / "tree"
    sound(tree / "usr" / "share" / "game" / "music" / "piece.ogg", seconds=21)
    sound(tree / "usr" / "share" / "game" / "bang.wav", seconds=0.2)
    (tree / "usr" / "share" / "game" / "picture.png").write_bytes(b"no sound")
    (tree / "usr" / "share" / "game" / "text.wav").write_text("no sound either")
    sound(tmp_path / "inner.ogg", seconds=22)
    with zipfile.ZipFile(tree / "usr" / "share" / "game" / "data.pk3", "w") as inner:
        inner.write(tmp_path / "inner.ogg", "tracks/inner.ogg")
        inner.write(tmp_path / "inner.ogg", "../../../escaped.ogg")
        inner.writestr("tracks/notes.txt", "no sound")
    (tree / "usr" / "share" / "doc" / "some-music").mkdir(parents=True)
    (tree / "usr" / "share" / "doc" / "some-music" / "copyright").write_text(RECORD)
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN" / "control").write_text(
        "Package: some-music\nVersion: 1:2-3\nArchitecture: all\nMaintainer: x <x@example.org>\n"
        "Description: music\n"
    )
    path = tmp_path / "some-music_1%3a2-3_all.deb"
    subprocess.run(
        ("dpkg-deb", "--root-owner-group", "-b", tree, path), check=True, capture_output=True
    )
    return path


def _package(archive: Path) -> Package:
    size = archive.stat().st_size
    return Package(name="some-music", version="1:2-3", download=size, unpacked=4 * size)


def _tool(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def apt(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The programs of a system whose archive holds that one package; returns their folder."""
    tools = tmp_path / "tools"
    size = archive.stat().st_size
    _tool(
        tools,
        "apt-cache",
        '[ "$3" = some-music ] || exit 100\n'
        f"printf 'Package: some-music\\nVersion: 1:2-3\\nInstalled-Size: 900\\nSize: {size}\\n'",
    )
    _tool(tools, "apt-get", f'cp "{archive}" . && echo got >> "{tmp_path}/downloads"')
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    return tools


@needs_dpkg
def test_only_sound_and_licences_are_taken_out_of_a_package(archive: Path, tmp_path: Path) -> None:
    unpack(archive, _package(archive), tmp_path / "music")
    folder = tmp_path / "music" / "some-music"
    record = json.loads((folder / "package.json").read_text())
    assert [each["path"] for each in record["sounds"]] == [
        "usr/share/game/bang.wav",
        "usr/share/game/data/escaped.ogg",
        "usr/share/game/data/tracks/inner.ogg",
        "usr/share/game/music/piece.ogg",
    ]
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {each["path"] for each in record["sounds"]} | {"copyright", "package.json"}
    assert record["music_files"] == 3
    assert record["music_hours"] == pytest.approx(65 / 3600, abs=1e-3)
    assert record["licences"] == [
        {"files": "*", "licence": "GPL-2+"},
        {"files": "music/* sounds/*", "licence": "CC-BY-SA-3.0"},
    ]


@needs_dpkg
def test_a_package_is_fetched_once_and_its_archive_deleted(
    apt: Path, archive: Path, tmp_path: Path
) -> None:
    packages = look_up(["some-music"])
    with Progress(disable=True) as progress:
        for _ in range(2):
            records = fetch_music(packages, tmp_path / "music", most_bytes=10**9, progress=progress)
    assert [record["version"] for record in records] == ["1:2-3"]
    assert (tmp_path / "downloads").read_text() == "got\n"
    assert not list((tmp_path / "music").rglob("*.deb"))


@needs_dpkg
def test_a_kill_while_unpacking_leaves_nothing_that_counts_as_whole(
    apt: Path, archive: Path, tmp_path: Path
) -> None:
    half = tmp_path / "music" / "some-music.partial"
    half.mkdir(parents=True)
    (half / "rest").touch()
    with Progress(disable=True) as progress:
        fetch_music(
            look_up(["some-music"]), tmp_path / "music", most_bytes=10**9, progress=progress
        )
    assert not half.exists()
    assert not (tmp_path / "music" / "some-music" / "rest").exists()


@needs_dpkg
def test_nothing_is_begun_that_may_take_more_than_is_allowed(
    apt: Path, archive: Path, tmp_path: Path
) -> None:
    packages = look_up(["some-music"])
    with Progress(disable=True) as progress, pytest.raises(InputError, match="--most-gb"):
        fetch_music(
            packages,
            tmp_path / "music",
            most_bytes=space_needed(packages) - 1,
            progress=progress,
        )
    assert not (tmp_path / "downloads").exists()


@needs_dpkg
def test_a_download_that_fails_says_why_and_what_to_do(
    apt: Path, archive: Path, tmp_path: Path
) -> None:
    _tool(apt, "apt-get", "echo 'E: no network' >&2; exit 100")
    with Progress(disable=True) as progress, pytest.raises(InputError, match=r"no network.*again"):
        fetch_music(
            look_up(["some-music"]), tmp_path / "music", most_bytes=10**9, progress=progress
        )


@needs_dpkg
def test_a_broken_package_is_refused_by_name(archive: Path, tmp_path: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:300])
    with pytest.raises(InputError, match=r"some-music.*broken"):
        unpack(archive, _package(archive), tmp_path / "music")


@needs_dpkg
def test_an_unknown_package_is_refused_by_name(apt: Path) -> None:
    with pytest.raises(InputError, match="'other-music'"):
        look_up(["other-music"])
    with pytest.raises(InputError, match="not the name of a package"):
        look_up(["--option"])


def test_elsewhere_than_on_debian_it_says_what_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="Debian"):
        look_up(["some-music"])


def test_a_licence_record_in_free_text_is_pointed_to() -> None:
    assert licences("This package was made by x.\n\nLicense\n\n  free\n") == [
        {"files": "*", "licence": "free text: read the file copyright"}
    ]
