"""Files that are written whole or not at all: whoever looks finds the old one or the new one."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Literal

PART = ".part"
"""What is added to the name of a file as long as it is not whole."""

_LONGEST_NAME = 255  # bytes, or more where a system counts in letters


@contextmanager
def replacing(
    path: Path,
    mode: Literal["w", "wb", "w+b"] = "wb",
    *,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
) -> Iterator[IO[Any]]:
    """Open a file that takes the place of another one when the block has ended without an error.

    What is written lies beside it under the same name with ``PART`` added, is forced to the disk
    and renamed. An error removes it and leaves the old file as it was. A kill leaves it, and the
    next writing of the same file takes it over. A link stays, and what it leads to is replaced. A
    pipe or a device is written as it is, and so is a file in a folder where none can be made.

    Args:
        path: of the file; it need not exist.
        mode, encoding, errors, newline: as for ``open``.

    Raises:
        OSError: the file cannot be written.
    """
    options: dict[str, Any] = {"encoding": encoding, "errors": errors, "newline": newline}
    target = Path(os.path.realpath(path))
    there = target.stat() if target.exists() else None
    if there is not None and not (
        stat.S_ISREG(there.st_mode) and os.access(target.parent, os.W_OK)
    ):
        with path.open(mode, **options) as file:
            yield file
        return
    part = _beside(target)
    try:
        with part.open(mode, **options) as file:
            if there is not None:
                part.chmod(stat.S_IMODE(there.st_mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except BaseException:  # a Ctrl-C too
        with suppress(OSError):
            part.unlink()
        raise
    sync_folder(target.parent)


def _beside(target: Path) -> Path:
    """Return where a file lies until it is whole; a name that were too long is cut."""
    name = target.name
    while len(os.fsencode(name)) > _LONGEST_NAME - len(PART):
        name = name[:-1]
    return target.with_name(name + PART)


def sync_folder(folder: Path) -> None:
    """Make sure that the names in a folder survive a power cut, where the system can.

    Raises:
        OSError: the disk refuses.
    """
    if os.name == "nt":  # folders cannot be opened there (not run on Windows)
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
