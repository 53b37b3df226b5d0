#!/usr/bin/env python3
"""Set up what is missing, then test: `python3 scripts/test.py [arguments of pytest]`.

Without arguments it checks style and types (ruff, mypy) and runs all tests, in two processes, since
most of them wait for sound, sockets and programs. The tests of the messages and of the service come
first, and measure how many of their branches they take: under 95 % they fail. With arguments it
only hands them to pytest. The exit code is pytest's, or 1 if only a check failed. Needs Python 3.11
or newer and nothing else.
"""

from __future__ import annotations

import os
import sys

import _libraries
import _setup
from _telling import SetupError, say, wait_for

CHECKS = (
    ("ruff", "check"),
    ("ruff", "format", "--check"),
    ("mypy",),
)
# A file's tests stay in one process: they share what is dear to make.
IN_PROCESSES = ("--numprocesses=2", "--dist=loadfile")
# In a run of their own, since measuring makes every call slower.
MEASURED = ("tests/wire", "tests/service")
COVERAGE = (
    "--cov=realtime_mer.wire",
    "--cov=realtime_mer.service",
    "--cov-branch",
    "--cov-report=",
    "--cov-fail-under=95",
)
EVERY_TEST = (
    (*IN_PROCESSES, *COVERAGE, *MEASURED),
    (*IN_PROCESSES, *(f"--ignore={folder}" for folder in MEASURED)),
)


def main(arguments: list[str]) -> int:
    """Set up and test; return the exit code."""
    try:
        _setup.prepare(
            extras=("test",),
            libraries=_libraries.TEST_LIBRARIES,
            optional=_libraries.TEST_BROWSER,
        )
    except SetupError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted; the next start goes on from here")
        return 130
    os.chdir(_setup.ROOT)
    # Windows that open and close are a nuisance on a screen and impossible without one.
    env = {"QT_QPA_PLATFORM": "offscreen", **os.environ}
    failed = []
    for check in () if arguments else CHECKS:
        say(" ".join(check))
        if wait_for([str(_setup.program(check[0])), *check[1:]], env=env) != 0:
            failed.append(" ".join(check))
    if failed:
        say(f"failed: {', '.join(failed)}; the tests run all the same, the exit code is 1")
    codes = [
        wait_for([str(_setup.python()), "-m", "pytest", *options], env=env)
        for options in ([arguments] if arguments else EVERY_TEST)
    ]
    return next(filter(None, codes), int(bool(failed)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
