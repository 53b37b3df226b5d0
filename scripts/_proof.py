"""Proves that the wheel works: built, installed where nothing else is, and started from there.

`tests/test_wheel.py` does it with what is locked, `newest.py` with the newest versions that the
wheel's own requirements allow. Standard library only.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import _lock
import _setup


class Environment:
    """A new virtual environment. uv fills it in seconds from its cache; without uv, pip does.

    Args:
        folder: is made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scripts = folder / ("Scripts" if os.name == "nt" else "bin")
        self.python = self.scripts / ("python.exe" if os.name == "nt" else "python")
        uv = _setup.program("uv")
        self._pip: list[object]
        self._here: list[object]
        if uv.exists():
            run([uv, "venv", "--quiet", "--python", _setup.python(), folder])
            self._pip, self._here = [uv, "pip"], ["--quiet", "--python", self.python]
        else:
            run([_setup.python(), "-m", "venv", folder])
            self._pip, self._here = [self.python, "-m", "pip"], ["--quiet"]

    def install(self, *what: object) -> None:
        """Install what pip and uv both understand."""
        run([*self._pip, "install", *self._here, *what])

    def install_locked(self, parts: Sequence[str]) -> None:
        """Install parts of the lock, exactly."""
        path = self.folder / "locked.txt"
        pins = _lock.needed(_setup.fitting_lock(), parts)
        path.write_text(_lock.requirements(pins), encoding="utf-8")
        exactly = ["--require-hashes", "--no-deps", "--only-binary", ":all:"]
        self.install(*exactly, "--requirement", path)

    def check(self, *, cwd: Path) -> None:
        """Raise RuntimeError if a package misses another one that it requires."""
        run([*self._pip, "check", *self._here], cwd=cwd)

    def run(self, *command: object, cwd: Path) -> str:
        """Run a command with the environment's Python, from a folder; return what it prints."""
        return run([self.python, *command], cwd=cwd)

    def analyze(self, sound: Path, *, cwd: Path) -> list[dict[str, Any]]:
        """Return the estimates of a sound file, by the installed program."""
        program = self.scripts / ("realtime-mer.exe" if os.name == "nt" else "realtime-mer")
        return [json.loads(line) for line in run([program, "analyze", sound], cwd=cwd).splitlines()]


def build_wheel(folder: Path) -> Path:
    """Build the wheel of this checkout into a folder; `.venv` has what that needs."""
    backend = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    named = run([_setup.python(), "-c", backend, folder], cwd=_setup.ROOT)
    return folder / named.split()[-1]


def run(command: Sequence[object], *, cwd: Path | None = None) -> str:
    """Run a command apart from this checkout's path; return what it prints.

    Raises:
        RuntimeError: when it fails, with its words.
    """
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in command],
        check=False,
        capture_output=True,
        cwd=cwd,
        env=env,
        text=True,
        encoding="utf-8",
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed:\n{done.stderr.strip()}")
    return done.stdout
