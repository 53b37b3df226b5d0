"""Where music is looked for: a folder of this machine, or a place in a store such as S3."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from realtime_mer.library.cluster import stores
from realtime_mer.library.walk import AudioFile, Broken, check_folder, walk

Place = Path | str
"""A folder; or a text, the URL of one, as ``place_of`` returns it."""


def place_of(text: str) -> Place:
    """Return the place that somebody typed.

    Raises:
        InputError: it is the URL of a store that cannot be used here.
    """
    return stores.canonical(text) if stores.is_url(text) else Path(text)


def check_place(place: Place) -> None:
    """Refuse a place that is not there.

    Raises:
        InputError: it says what is wrong.
    """
    if isinstance(place, Path):
        check_folder(place)
    else:
        stores.check(place)


def files_of(place: Place, *, complain: Callable[[Broken], None]) -> Iterator[AudioFile]:
    """Yield the audio files of a place and of those below it, as ``walk`` does.

    Raises:
        InputError: it is not there.
    """
    if isinstance(place, Path):
        yield from walk(place, complain=complain)
    else:
        yield from stores.walk(place, complain=complain)


def look(path: str) -> AudioFile | None:
    """Return a file as it is now; None where it is not there or its place cannot be reached."""
    if stores.is_url(path):
        return stores.look(path)
    try:
        status = os.stat(path)
    except OSError:
        return None
    return AudioFile(path=path, size=status.st_size, mtime_ns=status.st_mtime_ns)


def root_of(place: Place) -> bytes:
    """Return what the paths of all files of a place begin with, and those of no other file."""
    if isinstance(place, Path):
        return os.fsencode(os.path.join(os.path.abspath(place), ""))
    return os.fsencode(f"{place}/")
