"""One file's tags read, and written: a kill at any moment leaves the old file or the new one."""

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from realtime_mer.errors import AudioFileError
from realtime_mer.library.tagging.families import family_of
from realtime_mer.library.tagging.family import Changes
from realtime_mer.library.tagging.fields import Fields, Outcome, changes
from realtime_mer.wording import legible
from realtime_mer.writing.replacing import replacing

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Errors of a disk without room."""

_IN_USE = "another program is writing it: try again when that is done"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to become of a file's tags.

    Attributes:
        path: of the file.
        now: what the fields that may be written say.
        changes: of fields; none where it is as it should be.
        remarks: what stays as it is.
    """

    path: Path
    now: Fields
    changes: Changes
    remarks: tuple[str, ...]


def planned(path: Path, wanted: Callable[[Fields], Outcome]) -> Plan:
    """Return what is to become of a file, of which nothing is written.

    Args:
        path: of the file.
        wanted: what its tags are to say, given what they say.

    Raises:
        AudioFileError: it cannot be read or written, or its tags cannot.
    """
    with _telling(path):
        with path.open("rb") as file:
            now = family_of(file).read(file)
        _refuse_protected(path)
    then = wanted(now)
    return Plan(path=path, now=now, changes=changes(now, then.fields), remarks=then.remarks)


def write(plan: Plan, *, keep_times: bool) -> None:
    """Write what was planned, whole or not at all.

    The new file is made beside the old one, looked at (the sound and every other tag must be the
    very bytes of before), forced to the disk and renamed. Rights, owner and, on Linux, extended
    attributes go along.

    Args:
        plan: with changes.
        keep_times: whether the file keeps the time at which it was last written.

    Raises:
        AudioFileError: it cannot be written, or is not what it was; it is left as it is.
        OSError: the disk is full.
    """
    path = plan.path
    with _telling(path):
        _refuse_protected(path)
        with replacing(path, "w+b") as target, path.open("rb") as source:
            before = os.fstat(source.fileno())
            _refuse_in_use(source)
            family = family_of(source)
            rest = family.rest(source)
            family.write(source, target, plan.changes)
            target.flush()
            after, found = family.rest(target), family.read(target)
            if after.sound != rest.sound:
                raise AudioFileError("its sound would not stay as it is")
            if after.tags != rest.tags:
                raise AudioFileError("not all of its other tags would stay as they are")
            if any(found.get(name, ()) != values for name, values in plan.changes.items()):
                raise AudioFileError("it would not say what it is to say")
            _inherit(target, path, before)
            if keep_times:
                os.utime(target.name, ns=(before.st_atime_ns, before.st_mtime_ns))
            _refuse_changed(path, before)


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    """Name the file in what is raised, and let a full disk through, which is not of one file."""
    try:
        yield
    except AudioFileError as error:
        raise AudioFileError(f"{legible(os.fspath(path))} is left as it is: {error}") from error
    except OSError as error:
        if error.errno in FULL:
            raise
        # Windows renames no file over one that is open (not run there).
        why = "another program has it open" if os.name == "nt" else error.strerror
        raise AudioFileError(f"{legible(os.fspath(path))} is left as it is: {why}") from error


def _refuse_protected(path: Path) -> None:
    """Refuse a file that its owner wants to stay as it is; the administrator could write it."""
    state = path.stat()
    if not stat.S_ISREG(state.st_mode):
        raise AudioFileError("it is no file")
    writable = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
    folder = path.resolve().parent
    if not state.st_mode & writable or not os.access(path, os.W_OK):
        raise AudioFileError("it is read-only: allow writing first")
    if not folder.stat().st_mode & writable or not os.access(folder, os.W_OK):
        raise AudioFileError(f"its folder {folder} is read-only: allow writing first")


def _refuse_in_use(file: IO[bytes]) -> None:
    """Refuse a file that another program has open to write, where the system tells: on Linux."""
    if sys.platform != "linux":
        return
    import fcntl

    try:
        # Granted only while nobody has it open to write. Given back at once: whoever opens it so
        # meanwhile would have to wait for us.
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        if error.errno == errno.EAGAIN:
            raise AudioFileError(_IN_USE) from error  # else the drive has no such thing


def _refuse_changed(path: Path, before: os.stat_result) -> None:
    now = path.stat()
    same = ("st_size", "st_mtime_ns", "st_ino", "st_dev")
    if any(getattr(now, name) != getattr(before, name) for name in same):
        raise AudioFileError(_IN_USE)


def _inherit(target: IO[bytes], path: Path, before: os.stat_result) -> None:
    """Give the new file what else belongs to the old one, as far as this user may."""
    if sys.platform == "win32":
        return
    with suppress(OSError):
        os.fchown(target.fileno(), before.st_uid, before.st_gid)
    with suppress(OSError):
        os.fchmod(target.fileno(), stat.S_IMODE(before.st_mode))  # which that may have narrowed
    if sys.platform == "linux":
        with suppress(OSError):
            for name in os.listxattr(path):
                os.setxattr(target.fileno(), name, os.getxattr(path, name))
