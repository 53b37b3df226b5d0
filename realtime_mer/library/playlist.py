"""Playlists as extended M3U in UTF-8."""

import os
from collections.abc import Sequence
from pathlib import Path, PurePath

from realtime_mer.errors import InputError
from realtime_mer.library.tracks import Track
from realtime_mer.writing.replacing import replacing


def write_m3u8(path: Path, tracks: Sequence[Track]) -> None:
    """Write a playlist; it names files relative to its own folder, so that both can be moved.

    On another drive of Windows there is no such name, and the absolute one is written (not run on
    Windows).

    Raises:
        InputError: it cannot be written, or a track's name holds a line break.
    """
    # Where the folder really is, because a player follows "..", not the way we came.
    folder = os.path.realpath(path.parent)
    lines = ["#EXTM3U"]
    for track in tracks:
        if len(track.path.splitlines()) > 1:
            raise InputError(
                f"{track.path!r} has a line break in it, so no playlist can name it: rename it"
            )
        lines.append(f"#EXTINF:{round(track.seconds)},{PurePath(track.path).stem}")
        lines.append(_named_from(folder, track.path))
    try:
        with replacing(path, "w", encoding="utf-8", newline="\n") as file:
            file.write("\n".join(lines) + "\n")
    except OSError as error:
        raise InputError(f"--m3u8 {path} cannot be written: {error.strerror}") from error


def _named_from(folder: str, path: str) -> str:
    try:
        name = PurePath(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return path
    return f"./{name}" if name.startswith("#") else name  # a comment otherwise
