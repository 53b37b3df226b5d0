"""Which files of a folder are music."""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from realtime_mer.errors import InputError
from realtime_mer.wording import legible, nearest

# What libsndfile reads, and what ffmpeg adds; no video, no MIDI, no raw sound.
_EXTENSIONS = frozenset(
    (
        ".aif .aifc .aiff .au .caf .flac .mp2 .mp3 .oga .ogg .opus .rf64 .snd .w64 .wav .wave "
        ".aac .ac3 .alac .ape .dff .dsf .m4a .m4b .mka .mpc .tta .wma .wv"
    ).split()
)


@dataclass(frozen=True, kw_only=True, slots=True)
class AudioFile:
    """A file and what tells whether it has changed.

    Attributes:
        path: absolute; links are not resolved. One that is no UTF-8 holds surrogates.
        size: bytes.
        mtime_ns: when it was last written to, in nanoseconds.
        device: number that the system has for the drive of its folder; None where nobody looked.
            It is no part of whether two are the same.
    """

    path: str
    size: int
    mtime_ns: int
    device: int | None = field(default=None, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """A file or folder that nothing could be found out about, and why in one line.

    Attributes:
        path: of it.
        reason: why.
        file: as it was seen; None where it was not.
    """

    path: str
    reason: str
    file: AudioFile | None = None


def check_folder(folder: Path) -> None:
    """Refuse what is no folder.

    Raises:
        InputError: there is no such folder; one of nearly that name beside it is named.
    """
    if folder.is_dir():
        return
    if folder.exists():
        raise InputError(f"{folder} is a file: name the folder it is in")
    parent = folder.parent
    beside = [path.name for path in parent.iterdir() if path.is_dir()] if parent.is_dir() else []
    near = nearest(folder.name, beside)
    meant = "" if near is None else f": did you mean {folder.with_name(near)}?"
    raise InputError(f"{folder} does not exist{meant}")


def is_audio(name: str) -> bool:
    """Return whether a file is sound, by the extension of its name."""
    return Path(name).suffix.lower() in _EXTENSIONS


def walk(folder: Path, *, complain: Callable[[Broken], None]) -> Iterator[AudioFile]:
    """Yield the audio files of a folder and of those below it, by their extension.

    Hidden files and folders (names that begin with a dot) are left out. Links to files are
    followed, links to folders are not, so that there is no end without end. The names of one
    folder are held at a time.

    Args:
        folder: where to begin.
        complain: takes what could not be looked at.

    Raises:
        InputError: there is no such folder.
    """
    check_folder(folder)

    def failed(error: OSError) -> None:
        shown = legible(os.fspath(error.filename))
        path = os.fspath(error.filename)
        complain(Broken(path=path, reason=f"{shown} cannot be read: {error.strerror}"))

    for root, folders, names in os.walk(os.path.abspath(folder), onerror=failed):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        device = None
        for name in sorted(names):
            if name.startswith(".") or not is_audio(name):
                continue
            path = os.path.join(root, name)
            try:
                device = os.stat(root).st_dev if device is None else device
                status = os.stat(path)
            except OSError as error:
                failed(error)
                continue
            if stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
                yield AudioFile(
                    path=path, size=status.st_size, mtime_ns=status.st_mtime_ns, device=device
                )
