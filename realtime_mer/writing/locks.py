"""Locks of the system's on files: it gives them back when their holder ends, in whatever way."""

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path

if sys.platform == "win32":  # not run on Windows
    import msvcrt

    def _take(handle: int, *, wait: bool) -> None:
        msvcrt.locking(handle, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)

    _HELD: tuple[int, ...] = (errno.EACCES, errno.EDEADLOCK)
else:
    import fcntl

    def _take(handle: int, *, wait: bool) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)

    _HELD = (errno.EWOULDBLOCK, errno.EAGAIN)


def lock(handle: int, *, wait: bool = False) -> bool:
    """Take the lock of a file for as long as it is open; return whether it could be had.

    Args:
        handle: descriptor of the file, open for writing.
        wait: for whoever holds it to give it back; on Windows ten seconds at most.

    Raises:
        OSError: the file system knows no locks.
    """
    try:
        _take(handle, wait=wait)
    except OSError as error:
        if error.errno in _HELD:
            return False
        raise
    return True


class FileLock:
    """Holds the lock of a file until ``release``, or until this process ends.

    Where the file system knows no locks nobody else is told of it.

    Args:
        path: of a file for the lock alone. It is made if it is not there, and stays: that it is
            there means nothing.

    Attributes:
        held: False where somebody else holds it, or it was released.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self.held = True
        with suppress(OSError):
            self.held = lock(self._handle)
        if not self.held:
            os.close(self._handle)

    def release(self) -> None:
        """Give it back. May be called twice."""
        if self.held:
            self.held = False
            os.close(self._handle)
