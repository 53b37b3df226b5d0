#!/usr/bin/env python3
"""Set up what is missing, then test: `python3 scripts/test.py [arguments of pytest]`.

Without arguments it checks style and types (ruff, mypy) and runs all tests, in two processes, since
most of them wait for sound, sockets and programs; with arguments it only hands them to pytest. The
exit code is pytest's, or 1 if only a check failed. Needs Python 3.11 or newer and nothing else.
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
EVERY_TEST = ("--numprocesses=2", "--dist=loadfile")


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
    options = arguments or EVERY_TEST
    code = wait_for([str(_setup.python()), "-m", "pytest", *options], env=env)
    return code or int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
