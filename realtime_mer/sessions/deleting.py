"""Deleting a session so that it is gone, or seen not to be gone yet.

A folder is renamed first, to a tombstone, and then removed. From the moment of the renaming it is
no session any more; until its last file is removed, it is listed as being deleted. Whatever breaks
that off (a kill, a power cut, a file that cannot be removed), the next deletion goes on with it.
"""

import re
import shutil
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from realtime_mer.errors import InputError
from realtime_mer.sessions.lock import is_recorded
from realtime_mer.writing.replacing import sync_folder

STAMP = "%Y%m%d-%H%M%S"
"""How the time at which a session began stands in its name."""

_TOMBSTONE = ".deleting-"  # before the name; no session's name begins with a dot
_STAMPED = re.compile(r".*-(\d{8}-\d{6})(-\d+)?")


class State(StrEnum):
    """Why a folder holds no session that can be opened."""

    DELETING = "deleting"
    """It was deleted, and what is left of it could not be removed yet."""
    UNFINISHED = "unfinished"
    """It has no manifest: its creation was broken off, or its manifest was removed."""
    DAMAGED = "damaged"
    """Its manifest cannot be read, or is of a newer version."""
    LINK = "link"
    """It is a link, and links are not followed."""


@dataclass(frozen=True, kw_only=True)
class Remains:
    """A folder among the sessions that may hold recordings, and cannot be opened as one.

    Attributes:
        folder: where it is.
        state: why it cannot be opened.
        problem: the same in one line, with what to do.
    """

    folder: Path
    state: State
    problem: str

    @property
    def name(self) -> str:
        """Name of the session that it is, or was."""
        return session_name(self.folder)

    @property
    def begun(self) -> datetime | None:
        """When the session began, by its name; None where its name does not tell."""
        return begun_by_name(self.name)

    def delete(self) -> None:
        """Remove every file; raises what ``delete_folder`` does."""
        delete_folder(self.folder)


def session_name(folder: Path) -> str:
    """Return the name of the session that a folder holds, or what is left of."""
    return folder.name.removeprefix(_TOMBSTONE)


def begun_by_name(name: str) -> datetime | None:
    """Return when a session began by the stamp in its name, as local time; None without one."""
    stamped = _STAMPED.fullmatch(name)
    if stamped is None:
        return None
    try:
        return datetime.strptime(stamped[1], STAMP).astimezone()
    except (ValueError, OverflowError, OSError):  # a 31st of June, or the year 1
        return None


def left_of_deletion(folder: Path) -> Remains | None:
    """Return what is left of a session that was deleted, if the folder holds that."""
    name = session_name(folder)
    if name == folder.name or not _is_folder(folder):
        return None
    return Remains(
        folder=folder,
        state=State.DELETING,
        problem=f"{name} was deleted, but not all of it could be removed yet: "
        f"`realtime-mer sessions delete {name}` goes on with that.",
    )


def delete_folder(folder: Path) -> None:
    """Remove a session with every file, or go on where that was broken off.

    Raises:
        InputError: it is being recorded, or it is a link, and nothing is touched; or it is removed
            and the disk did not confirm that.
        OSError: a file cannot be removed. All others are; the rest is listed as being deleted.
    """
    if folder.is_symlink():
        raise InputError(
            f"{folder.name} is a link, and links are not followed: remove what it leads to, and "
            "the link, yourself."
        )
    if is_recorded(folder):
        raise InputError(
            f"{session_name(folder)} is being recorded at this moment: end that first, then "
            "delete it."
        )
    grave = folder
    if not folder.name.startswith(_TOMBSTONE):
        grave = folder.with_name(f"{_TOMBSTONE}{folder.name}")
        if _is_folder(grave):  # of an earlier session of that name
            _remove(grave)
        folder.rename(grave)
        sync_folder(folder.parent)
    _remove(grave)
    try:
        sync_folder(grave.parent)
    except OSError as error:
        raise InputError(
            f"{session_name(grave)} is removed, but the disk did not confirm that "
            f"({error.strerror}): see by `realtime-mer sessions list` that it is gone."
        ) from error


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _remove(folder: Path) -> None:
    """Remove as much as can be removed, and raise the first problem."""
    problem: OSError | None = None
    for path in list(folder.iterdir()):
        try:
            if _is_folder(path):
                shutil.rmtree(path)
            else:
                path.unlink()
        except OSError as error:
            problem = problem or error
    if problem is not None:
        raise problem
    folder.rmdir()
