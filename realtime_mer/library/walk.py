"""Which files of a folder are music."""

import os
import stat
from dataclasses import dataclass
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
        path: absolute; links are not resolved.
        size: bytes.
        mtime_ns: when it was last written to, in nanoseconds.
    """

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """A file or folder that nothing could be found out about, and why in one line."""

    path: str
    reason: str


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


def walk(folder: Path) -> tuple[list[AudioFile], list[Broken]]:
    """Find the audio files of a folder and of those below it, by their extension.

    Hidden files and folders (names that begin with a dot) are left out. Links to files are
    followed, links to folders are not, so that there is no end without end.

    Returns:
        The files in order of their paths, and what could not be looked at.

    Raises:
        InputError: there is no such folder.
    """
    check_folder(folder)
    files: list[AudioFile] = []
    broken: list[Broken] = []

    def complain(error: OSError) -> None:
        shown = legible(os.fspath(error.filename))
        broken.append(Broken(path=shown, reason=f"{shown} cannot be read: {error.strerror}"))

    for root, folders, names in os.walk(os.path.abspath(folder), onerror=complain):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            path = os.path.join(root, name)
            if name.startswith(".") or Path(name).suffix.lower() not in _EXTENSIONS:
                continue
            if path != legible(path):
                shown = legible(path)
                reason = f"{shown} has a name that is no UTF-8: no table can hold it, rename it"
                broken.append(Broken(path=shown, reason=reason))
                continue
            try:
                status = os.stat(path)
            except OSError as error:
                complain(error)
                continue
            if stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
                files.append(AudioFile(path=path, size=status.st_size, mtime_ns=status.st_mtime_ns))
    return sorted(files, key=lambda file: file.path), broken
