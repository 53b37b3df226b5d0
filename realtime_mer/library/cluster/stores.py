"""Music in stores that are no folders, such as S3: found and fetched by fsspec."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from realtime_mer.errors import AudioFileError, InputError
from realtime_mer.library.walk import AudioFile, Broken, is_audio
from realtime_mer.wording import installing, legible

_WRITTEN = ("mtime", "LastModified", "last_modified", "updated", "created")
"""What the kinds of store call the time at which a file was last written."""


def is_url(path: str) -> bool:
    """Return whether a path names a file or folder of a store, as ``s3://bucket/music`` does."""
    return "://" in path


def canonical(url: str) -> str:
    """Return the one way to write the URL of a folder, with which those of its files begin.

    Raises:
        InputError: there is nothing to reach such a store with.
    """
    store, path = _open(url)
    return str(store.unstrip_protocol(path)).rstrip("/")


def check(url: str) -> None:
    """Refuse what is no folder with something in it.

    Raises:
        InputError: it is not there, or the store cannot be reached.
    """
    store, path = _open(url)
    try:
        if store.isdir(path):
            return
        there = store.exists(path)
    except _failures() as error:
        raise InputError(f"{url} cannot be read: {_reason(error)}") from error
    if there:
        raise InputError(f"{url} is a file: name the folder it is in")
    raise InputError(f"{url} does not exist, or is empty")


def walk(url: str, *, complain: Callable[[Broken], None]) -> Iterator[AudioFile]:
    """Yield the audio files of a folder of a store and of those below it, by their extension.

    Hidden files and folders are left out, as in ``realtime_mer.library.walk``. The names of one
    folder are held at a time, and of those that are still to be looked through.

    Args:
        url: as ``canonical`` returns it.
        complain: takes what could not be looked at.

    Raises:
        InputError: there is no such folder.
    """
    check(url)
    store, top = _open(url)
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        try:
            listed = store.ls(folder, detail=True)
        except _failures() as error:
            path = str(store.unstrip_protocol(folder))
            reason = f"{legible(path)} cannot be read: {_reason(error)}"
            complain(Broken(path=path, reason=reason))
            continue
        below = []
        for info in sorted(listed, key=lambda info: str(info["name"])):
            name = PurePosixPath(info["name"]).name
            if name.startswith("."):
                continue
            if info["type"] == "directory":
                below.append(info["name"])
            elif info["type"] != "other" and is_audio(name):
                yield _file(store, info)
        waiting += reversed(below)


def look(url: str) -> AudioFile | None:
    """Return a file of a store as it is now; None where it is not there or cannot be reached."""
    store, path = _open(url)
    try:
        return _file(store, store.info(path))
    except _failures():
        return None


@contextmanager
def fetched(path: str) -> Iterator[str]:
    """Yield where a file lies on this machine: of one in a store a copy, which then is deleted.

    Raises:
        AudioFileError: it cannot be fetched.
    """
    if not is_url(path):
        yield path
        return
    with TemporaryDirectory(prefix="realtime-mer-") as folder:
        local = os.path.join(folder, f"sound{PurePosixPath(path).suffix}")
        try:
            store, there = _open(path)
            store.get_file(there, local)
        except InputError as error:
            raise AudioFileError(str(error)) from error
        except _failures() as error:
            raise AudioFileError(f"{legible(path)} cannot be fetched: {_reason(error)}") from error
        yield local


def _open(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and what it calls that file or folder."""
    try:
        import fsspec
    except ImportError as error:
        raise InputError(
            f"{legible(url)} needs fsspec, which is not installed: {installing('cluster')}"
        ) from error
    try:
        # Without its cache of lists, which would grow, and would hide what is new.
        store, path = fsspec.url_to_fs(url, use_listings_cache=False)
    except (ImportError, ValueError) as error:  # a package to install; no such kind of store
        raise InputError(f"{legible(url)} cannot be reached: {_reason(error)}") from error
    return store, str(path)


def _file(store: Any, info: Mapping[str, Any]) -> AudioFile:
    return AudioFile(
        path=str(store.unstrip_protocol(info["name"])),
        size=info.get("size") or 0,
        mtime_ns=_written_ns(info),
    )


def _failures() -> tuple[type[Exception], ...]:
    """Return what stores raise: errors of the system, and those of libraries that are loaded."""
    found: list[type[Exception]] = [OSError]
    for module, name in (("botocore.exceptions", "BotoCoreError"), ("aiohttp", "ClientError")):
        if module in sys.modules:
            found.append(getattr(sys.modules[module], name))
    return tuple(found)


def _reason(error: Exception) -> str:
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (said.splitlines() or [type(error).__name__])[0].rstrip(".")


def _written_ns(info: Mapping[str, Any]) -> int:
    """Return when a file was last written, in nanoseconds; 0 where its store does not tell."""
    when = next((info[name] for name in _WRITTEN if info.get(name) is not None), 0)
    if isinstance(when, str):
        when = datetime.fromisoformat(when)
    seconds = when.timestamp() if isinstance(when, datetime) else when
    return round(seconds * 1e9)
