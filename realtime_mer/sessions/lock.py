"""Tells whether a session is being recorded: whoever records it holds a lock of the system's.

So a lock that is held means a recorder that runs, and the file of the lock alone, which a crash
leaves, means nothing. Where a file system knows no locks nothing can be told, and a recorder whose
files are taken away notices that itself.
"""

import os
from contextlib import suppress
from pathlib import Path

from realtime_mer.writing import locks

LOCK = "recording.lock"


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
            # It waits for who looks at this very moment whether it is held.
            locks.lock(self._handle, wait=True)

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
        return not locks.lock(handle)
    except OSError:
        return False  # a file system without locks
    finally:
        os.close(handle)
