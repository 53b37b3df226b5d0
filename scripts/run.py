#!/usr/bin/env python3
"""Set up what is missing, then run realtime-mer: `python3 scripts/run.py [arguments]`.

Without arguments it recognises the emotion of what the microphone hears (or the system plays, or
the built-in demo). Needs Python 3.11 or newer and nothing else.
"""

from __future__ import annotations

import sys
from pathlib import Path

import _libraries
import _lock
import _setup
from _telling import SetupError, hand_over, say

EXTRAS = ("display",)
HELP = """\
Usage: python3 scripts/run.py [--with EXTRA] [arguments of realtime-mer]

Sets up .venv in this folder if that is not done yet, then runs realtime-mer in it.

    python3 scripts/run.py                 listen, and show the emotion of the music
    python3 scripts/run.py --seconds 3     options alone mean `live`
    python3 scripts/run.py analyze a.mp3   any other command
    python3 scripts/run.py live --help     what a command can do
    python3 scripts/run.py --with train doctor
                                           set up what makes checkpoints too, and check all

PyTorch (--with gpu) is installed where an NVIDIA GPU is found; nothing else needs it but training.

Set-up: {state}
{sizes}

Each line counts beyond those above it; measured on {machine}. PyTorch is
smaller on macOS and Windows. On Debian and Ubuntu system libraries for sound and windows are added
if you are root; otherwise the line to type is shown.

After the set-up you can type realtime-mer itself, in a terminal where you typed this once:
    {activation}"""


def main(arguments: list[str]) -> int:
    """Set up and hand over; return the exit code."""
    try:
        extras, rest = understand(arguments)
        if gpu_is_there():
            extras.append("gpu")
        if rest in (["--help"], ["-h"]):
            print(help_text(extras))
            return 0
        _setup.prepare(extras=extras, libraries=_libraries.RUN_LIBRARIES)
        return hand_over([str(_setup.program("realtime-mer")), *rest])
    except SetupError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted; the next start goes on from here")
        return 130


def gpu_is_there() -> bool:
    """Return whether there is an NVIDIA GPU, which is no use without PyTorch.

    Raises:
        SetupError: this Python is too old to run what asks.
    """
    _setup.check_version(sys.version_info[:2])
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from realtime_mer.recognizer.compute import driver_sees_gpu  # needs nothing installed

    return driver_sees_gpu()


def understand(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return the extras to set up, and the arguments of realtime-mer.

    Raises:
        SetupError: when `--with` names no extra.
    """
    extras, rest = list(EXTRAS), list(arguments)
    while rest[:1] == ["--with"]:
        known = _lock.read(_setup.LOCK).sizes.keys() - set(_lock.EVERY_START)
        if rest[1:2] == [] or rest[1] not in known:
            raise SetupError(
                f"--with {' '.join(rest[1:2])}: name one of {', '.join(sorted(known))}"
            )
        extras.append(rest[1])
        rest = rest[2:]
    if rest in (["--help"], ["-h"], ["--version"]):
        return extras, rest
    return extras, ["live", *rest] if not rest or rest[0].startswith("-") else rest


def help_text(extras: list[str]) -> str:
    """Return what `--help` says."""
    lock = _lock.read(_setup.LOCK)
    start = {*_lock.EVERY_START, *EXTRAS}
    rows = [("what every start needs", _lock.size(lock, start))]
    rows += [(f"--with {part}", size) for part, size in lock.sizes.items() if part not in start]
    sizes = "".join(
        f"    {what:<22}{_lock.amount(size.download):>8} to download,"
        f"{_lock.amount(size.disk):>8} of disk\n"
        for what, size in rows
    )
    state = "done." if _setup.ready(extras) else "not done yet; any command but this starts it."
    return HELP.format(
        state=state, sizes=sizes.rstrip(), machine=lock.machine, activation=_setup.activation()
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
