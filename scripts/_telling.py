"""What the scripts tell the user, and how they start programs; standard library only.

Everything goes to standard error: the standard output belongs to the program that is started when
all is set up.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

LOOKS_A_SECOND = 5  # into the log of an installer
# uv begins many at once and says when one is there; pip fetches one after the other.
UV_BEGINS = re.compile(r"^Downloading ([\w.-]+) \((.+)\)$", re.MULTILINE)
UV_ENDS = re.compile(r"^ +Downloaded ([\w.-]+)$", re.MULTILINE)
PIP_FETCHES = re.compile(r"^ +(?:Downloading|Using cached) ([\w.]+)-\d\S+ \((.+)\)$", re.MULTILINE)


class SetupError(Exception):
    """Setting up failed; the message says what happened and what to do."""


def say(message: str) -> None:
    """Tell the user."""
    print(f"setup: {message}", file=sys.stderr, flush=True)


@contextmanager
def step(message: str) -> Iterator[None]:
    """Tell what is being done and, afterwards, how long it took."""
    say(f"{message} ...")
    start = time.monotonic()
    yield
    say(f"... {time.monotonic() - start:.1f} s")


def run_logged(
    command: Sequence[str],
    *,
    log: Path,
    env: dict[str, str] | None = None,
    patience_s: float = 2.0,
) -> int:
    """Run an installer with its output in a log, and show what it is at; return its exit code.

    On a terminal that is one line, which changes; elsewhere a line for every larger package.

    Args:
        command: of the installer.
        log: is added to.
        env: in place of this process' environment.
        patience_s: seconds that it has to end after Ctrl-C.

    Raises:
        SetupError: when the log cannot be written or the command not be started.
    """
    env = {**(os.environ if env is None else env), "PYTHONUNBUFFERED": "1"}
    try:
        with log.open("ab") as output:
            output.write(f"$ {' '.join(command)}\n".encode())
            output.flush()
            begun = output.tell()
            process = subprocess.Popen(
                command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
    except OSError as error:
        what = log if error.filename == str(log) else command[0]
        raise SetupError(
            f"{what} cannot be used ({error.strerror}): see that the folder can be written to and "
            "start again"
        ) from error
    try:
        _watch(process, log, begun)
    except KeyboardInterrupt:
        end(process, patience_s=patience_s)
        raise
    return process.returncode


def _watch(process: subprocess.Popen[bytes], log: Path, begun: int) -> None:
    """Show what the log says until the process ends."""
    start = time.monotonic()
    changing = sys.stderr.isatty()
    told = 0
    ended = False
    try:
        while not ended:
            ended = _ends_within(process, 1 / LOOKS_A_SECOND)
            with log.open("rb") as lines:
                lines.seek(begun)
                there = fetched(lines.read().decode(errors="replace"))
            if changing:
                line = f"setup: {time.monotonic() - start:.0f} s  {there[-1] if there else ''}"
                print(f"\r{line:<79.79}", end="", file=sys.stderr, flush=True)
            else:
                for package in there[told:]:
                    say(f"  {package}")
                told = len(there)
    finally:
        if changing:
            print(f"\r{'':79}\r", end="", file=sys.stderr, flush=True)


def _ends_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def fetched(log: str) -> list[str]:
    """Return the larger packages that an installer has fetched, by what it wrote so far.

    Each is numbered, and out of how many is told as far as it is known.
    """
    sizes = dict(UV_BEGINS.findall(log))
    if sizes:
        there = [name for name in UV_ENDS.findall(log) if name in sizes]
        total = f" of {len(sizes)}"
    else:
        sizes = dict(PIP_FETCHES.findall(log))
        there, total = list(sizes), ""
    return [f"{count}{total}  {name} {sizes[name]}" for count, name in enumerate(there, 1)]


def last_words(log: Path, *, lines: int = 5) -> str:
    """Return the end of a log, indented, long lines cut."""
    said = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"    {line[:150]}" for line in said[-lines:])


def end(process: subprocess.Popen[bytes], *, patience_s: float) -> None:
    """End a process, by force if it takes longer than `patience_s`."""
    process.terminate()
    if not _ends_within(process, patience_s):
        process.kill()
        process.wait()


def hand_over(command: Sequence[str]) -> int:
    """Become a command (POSIX), or run it and return its exit code (Windows).

    Raises:
        SetupError: when it cannot be started.
    """
    try:
        if os.name != "nt":
            os.execv(command[0], list(command))
        return wait_for(command)
    except OSError as error:
        raise SetupError(
            f"{command[0]} cannot be started ({error.strerror}): delete .venv and start again"
        ) from error


def wait_for(command: Sequence[str], *, env: dict[str, str] | None = None) -> int:
    """Run a command to its end, leaving Ctrl-C to it, and return its exit code."""
    return waited_for(subprocess.Popen(command, env=env))


def waited_for(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end of a process, leaving Ctrl-C to it, and return its exit code."""
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue  # the console sent it to the command too, which decides when to end
