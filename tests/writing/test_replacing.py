"""A file is written whole or not at all, and what is there already stays until then."""

import os
import stat
import sys
from pathlib import Path

import pytest

from realtime_mer.writing.replacing import PART, replacing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text("old")
    return path


def test_the_old_file_stands_until_the_new_one_is_whole(path: Path) -> None:
    with replacing(path, "w", encoding="utf-8") as file:
        file.write("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("error", [OSError, ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file_and_nothing_beside_it(
    path: Path, error: type[BaseException]
) -> None:
    def break_off() -> None:
        with replacing(path, "w") as file:
            file.write("half of it")
            raise error

    with pytest.raises(error):
        break_off()
    assert path.read_text() == "old"
    assert os.listdir(path.parent) == [path.name]


def test_what_a_kill_left_is_taken_over(path: Path) -> None:
    (path.parent / f"{path.name}{PART}").write_text("half of something longer than the new one")
    with replacing(path) as file:
        file.write(b"new")
    assert path.read_text() == "new"
    assert os.listdir(path.parent) == [path.name]


def test_what_is_written_is_on_the_disk_before_it_takes_the_place(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced: list[str] = []
    fsync = os.fsync

    def note(handle: int) -> None:
        forced.append(path.read_text())
        fsync(handle)

    monkeypatch.setattr(os, "fsync", note)
    with replacing(path) as file:
        file.write(b"new")
    # The file, and where there is a name to force, the folder.
    assert forced == ["old"] + ["new"] * (os.name != "nt")


@pytest.mark.skipif(sys.platform == "win32", reason="no such permissions there")
def test_who_may_read_it_stays_as_it_was(path: Path) -> None:
    path.chmod(0o640)
    with replacing(path) as file:
        file.write(b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_stays_and_what_it_leads_to_is_replaced(path: Path) -> None:
    link = path.parent / "link"
    link.symlink_to(path.name)
    with replacing(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert path.read_text() == "new"


@pytest.mark.skipif(sys.platform == "win32", reason="no such device there")
def test_a_device_is_written_as_it_is(tmp_path: Path) -> None:
    device = tmp_path / "null"
    device.symlink_to(os.devnull)
    with replacing(device) as file:
        file.write(b"new")
    assert stat.S_ISCHR(device.stat().st_mode)
    assert os.listdir(tmp_path) == ["null"]
