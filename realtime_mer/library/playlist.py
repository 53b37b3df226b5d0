"""Playlists as extended M3U in UTF-8."""

import os
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Protocol

from realtime_mer.errors import InputError
from realtime_mer.library.cluster.stores import is_url
from realtime_mer.library.tracks import Track
from realtime_mer.writing.replacing import replacing


class Playable(Protocol):
    """What a playlist names, such as a ``Track``."""

    @property
    def path(self) -> str: ...
    @property
    def seconds(self) -> float: ...


def m3u8(
    tracks: Sequence[Playable],
    *,
    folder: Path | None,
    titles: Sequence[str] | None = None,
    remark: str | None = None,
) -> str:
    """Return a playlist.

    On another drive of Windows there is no name from a folder on, and the absolute one stands
    there (not run on Windows).

    Args:
        tracks: in order.
        folder: in which it will lie; files are named from there on. None for absolute names.
        titles: of the tracks; None for the names of their files.
        remark: stands at its head as a comment.

    Raises:
        InputError: a track's name holds a line break.
    """
    # Where the folder really is, because a player follows "..", not the way we came.
    base = None if folder is None else os.path.realpath(folder)
    if titles is None:
        titles = [PurePath(track.path).stem for track in tracks]
    entries = (
        entry_of(track, base=base, title=title) for track, title in zip(tracks, titles, strict=True)
    )
    return head_of(remark) + "".join(entries)


def head_of(remark: str | None) -> str:
    """Return what a playlist begins with, a remark on a line of its own."""
    return "#EXTM3U\n" + ("" if remark is None else f"# {remark}\n")


def entry_of(track: Playable, *, base: str | None, title: str) -> str:
    """Return the two lines of a track.

    Args:
        track: any.
        base: as in ``m3u8`` the folder, without links; None for absolute names.
        title: of the track.

    Raises:
        InputError: the track's name holds a line break.
    """
    check_nameable(track)
    name = track.path if base is None else _named_from(base, track.path)
    return f"#EXTINF:{round(track.seconds)},{' '.join(title.split())}\n{name}\n"


def check_nameable(track: Playable) -> None:
    """Refuse a track that no playlist can name.

    Raises:
        InputError: its name holds a line break.
    """
    if track.path.splitlines() != [track.path]:
        raise InputError(
            f"{track.path!r} has a line break in it, so no playlist can name it: rename it"
        )


def write_m3u8(path: Path, tracks: Sequence[Track]) -> None:
    """Write a playlist; it names files relative to its own folder, so that both can be moved.

    Raises:
        InputError: it cannot be written, or a track's name holds a line break.
    """
    scale = next((track.scale for track in tracks), "")
    text = m3u8(tracks, folder=path.parent, remark=scale or None)
    try:
        with replacing(path, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"--m3u8 {path} cannot be written: {error.strerror}") from error


def _named_from(folder: str, path: str) -> str:
    if is_url(path):
        return path
    try:
        name = PurePath(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return path
    return f"./{name}" if name.startswith("#") else name  # a comment otherwise
