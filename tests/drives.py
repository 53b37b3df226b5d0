"""Real file systems of a few hundred kilobytes, which fill up, are read-only, and go away."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """Mount something at a folder for a while; skip where that cannot be done.

    Args:
        folder: that is there.
        options: of ``mount``, besides the folder; none for a small file system of its own.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux can mount a small file system")
    what = options or ("-t", "tmpfs", "-o", "size=256k", "tmpfs")
    if subprocess.run(["mount", *what, str(folder)], capture_output=True).returncode != 0:
        pytest.skip("this system lets nobody mount a small file system")
    try:
        yield folder
    finally:
        unmount(folder)


def unmount(folder: Path) -> None:
    """Take away what is mounted at a folder, if anything is."""
    if os.path.ismount(folder):
        subprocess.run(["umount", str(folder)], check=True)


def fill_up(path: Path) -> None:
    """Write until there is no space left."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
