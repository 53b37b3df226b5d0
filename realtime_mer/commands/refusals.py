"""What several commands refuse by their arguments alone, before anything heavy is imported."""

import errno
import os
from pathlib import Path

from realtime_mer.errors import InputError


def check_output(path: str | Path, *, option: str) -> None:
    """Refuse a file that cannot be written; it is neither made nor touched.

    Args:
        path: of the file.
        option: that named it.

    Raises:
        InputError: it is a folder, or it or its folder is not there or may not be written.
    """
    file = Path(path)
    there = file.exists()
    if file.is_dir():
        problem = errno.EISDIR
    elif not there and not file.parent.exists():
        problem = errno.ENOENT
    elif not there and not file.parent.is_dir():
        problem = errno.ENOTDIR
    elif not os.access(file if there else file.parent, os.W_OK):
        problem = errno.EACCES
    else:
        return
    raise InputError(f"{option} {path} cannot be written: {os.strerror(problem)}.")
