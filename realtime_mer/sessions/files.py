"""Opens the files of a session: plain files alone, so that no link leads out of its folder."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_plain(path: Path) -> BinaryIO:
    """Open a file for reading that is a file itself, and no link, pipe or device.

    Raises:
        OSError: it is not there, is something else, or cannot be read.
    """
    if not stat.S_ISREG(path.lstat().st_mode):
        raise OSError(errno.ELOOP, "it is no plain file, and links are not followed", str(path))
    # Nobody can put a link there between the two, where the system knows how.
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    return os.fdopen(os.open(path, flags), "rb")
