"""Playlists as extended M3U in UTF-8."""

import os
from collections.abc import Sequence
from pathlib import Path, PurePath

from realtime_mer.errors import InputError
from realtime_mer.library.tracks import Track
from realtime_mer.writing.replacing import replacing


def m3u8(
    tracks: Sequence[Track],
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
    lines = ["#EXTM3U", *([] if remark is None else [f"# {remark}"])]
    for place, track in enumerate(tracks):
        if len(track.path.splitlines()) > 1:
            raise InputError(
                f"{track.path!r} has a line break in it, so no playlist can name it: rename it"
            )
        title = PurePath(track.path).stem if titles is None else " ".join(titles[place].split())
        lines.append(f"#EXTINF:{round(track.seconds)},{title}")
        lines.append(track.path if base is None else _named_from(base, track.path))
    return "\n".join(lines) + "\n"


def write_m3u8(path: Path, tracks: Sequence[Track]) -> None:
    """Write a playlist; it names files relative to its own folder, so that both can be moved.

    Raises:
        InputError: it cannot be written, or a track's name holds a line break.
    """
    text = m3u8(tracks, folder=path.parent)
    try:
        with replacing(path, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"--m3u8 {path} cannot be written: {error.strerror}") from error


def _named_from(folder: str, path: str) -> str:
    try:
        name = PurePath(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return path
    return f"./{name}" if name.startswith("#") else name  # a comment otherwise
