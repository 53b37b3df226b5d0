"""Tells whether a session is being recorded: whoever records it holds a lock of the system's.

The system gives the lock back when its holder ends, however that happens. So a lock that is held
means a recorder that runs, and the file of the lock alone, which a crash leaves, means nothing.
Where a file system knows no locks nothing can be told, and a recorder whose files are taken away
notices that itself.
"""

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path

LOCK = "recording.lock"

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


class RecordingLock:
    """Holds the lock of a session from now on until ``release``, or until this process ends.

    Args:
        folder: of the session.

    Raises:
        OSError: its file cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK
        self._handle: int | None = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with suppress(OSError):  # a file system without locks
            _take(self._handle, wait=True)  # for who looks at this very moment whether it is held

    def release(self) -> None:
        """Give it back, and remove its file. May be called twice."""
        handle, self._handle = self._handle, None
        if handle is None:
            return
        with suppress(OSError):  # it is given back whatever the disk says
            os.close(handle)
        with suppress(OSError):  # a file that nobody holds means nothing
            self._path.unlink()


def is_recorded(folder: Path) -> bool:
    """Return whether somebody is recording the session in a folder, as far as can be told."""
    try:
        handle = os.open(folder / LOCK, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return False
    try:
        _take(handle, wait=False)
    except OSError as error:
        return error.errno in _HELD
    finally:
        os.close(handle)
    return False
