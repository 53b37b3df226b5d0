"""A folder of playlists by mood and energy, kept up to date with a table."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath

from realtime_mer.errors import InputError
from realtime_mer.library.checking.shown import each_shown
from realtime_mer.library.exporting.entries import crates_of, file_name, made_by
from realtime_mer.library.exporting.ours import is_ours, refuse_stranger
from realtime_mer.library.playlist import entry_of, head_of
from realtime_mer.library.tracks import Track
from realtime_mer.writing.replacing import replacing


@dataclass(frozen=True, kw_only=True)
class Refreshed:
    """What has become of a folder of playlists.

    Attributes:
        written: how many were written; the others say already what they should.
        remarks: what is missing in them, one line each.
    """

    written: int
    remarks: tuple[str, ...]


class Playlists:
    """A folder of playlists that follows a table.

    Titles are the names of files, because players take their own from tags, and a large library is
    not to be opened file by file at every change.

    Args:
        folder: made if it is not there; the folder above it must be.
        table: what ``annotate`` wrote.
        absolute: name files absolutely, and not from the folder on.
        my_scale: the answers of a check, to go by the owner's scale; None for the model's.
    """

    def __init__(
        self, folder: Path, *, table: Path, absolute: bool = False, my_scale: Path | None = None
    ) -> None:
        self.folder = folder
        self._table, self._absolute, self._my_scale = table, absolute, my_scale
        self._due = True

    def follow(self, *, changed: bool) -> Refreshed:
        """Bring them up to date if the table has changed, or an earlier time did not come to it.

        Each is written whole or not at all, and only if it is to say something else, since servers
        read again what has a new time. One that holds nothing any more stays, empty: servers keep
        what they know of a playlist whose file is gone.

        Raises:
            InputError: the table or the scale cannot be used, something of others is in the way,
                or it cannot be written.
        """
        self._due |= changed
        if not self._due:
            return Refreshed(written=0, remarks=())
        contents, remarks = _contents(
            each_shown(self._table, self._my_scale),
            base=None if self._absolute else os.path.realpath(self.folder),
        )
        try:
            self.folder.mkdir(exist_ok=True)
            for path in self.folder.glob("*.m3u8"):
                if path.name not in contents and is_ours(path):
                    contents[path.name] = head_of(made_by(""))
            for name in contents:
                refuse_stranger(self.folder / name)
            written = sum(_written(self.folder / name, text) for name, text in contents.items())
        except OSError as error:
            raise InputError(
                f"--playlists {self.folder} cannot be written: {error.strerror}"
            ) from error
        self._due = False
        return Refreshed(written=written, remarks=tuple(remarks))


def check_playlists(folder: Path) -> None:
    """Refuse a folder that cannot be one of playlists.

    Raises:
        InputError: it is a file, or the folder above it is not there.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--playlists {folder} is a file: name a folder")
    if not folder.parent.is_dir():
        raise InputError(f"--playlists {folder}: there is no folder {folder.parent}, make it first")


def _contents(tracks: Iterable[Track], *, base: str | None) -> tuple[dict[str, str], list[str]]:
    """Return what the playlists are to say, by the names of files, and what is missing."""
    held: dict[str, list[str]] = {}
    remarks, scale = [], ""
    for track in tracks:
        scale = track.scale
        try:
            entry = entry_of(track, base=base, title=PurePath(track.path).stem)
        except InputError as error:
            remarks.append(str(error))
            continue
        for crate in crates_of(track):
            held.setdefault(file_name(*crate), []).append(entry)
    head = head_of(made_by(scale))
    return {name: head + "".join(entries) for name, entries in held.items()}, remarks


def _written(path: Path, text: str) -> bool:
    """Write a playlist unless it says so already; return whether it was written."""
    content = text.encode("utf-8", "surrogateescape")
    if path.exists() and path.read_bytes() == content:
        return False
    with replacing(path) as file:
        file.write(content)
    return True
