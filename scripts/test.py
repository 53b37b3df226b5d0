#!/usr/bin/env python3
"""Set up what is missing, then test: `python3 scripts/test.py [arguments of pytest]`.

Without arguments it checks style and types (ruff, mypy) and runs all tests, in three processes, as
most of them wait for sound, sockets and programs. The tests of the messages and of the service come
first, and measure how many of their branches they take: under 95 % they fail. The types are checked
beside them, and told of after them. With arguments it only hands them to pytest. The exit code is
pytest's, or 1 if only a check failed. Needs Python 3.11 or newer and nothing else.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence

import _libraries
import _setup
from _telling import SetupError, say, wait_for, waited_for

AT_ONCE = (
    ("ruff", "check"),
    ("ruff", "format", "--check"),
)
BESIDE_TESTS = ("mypy",)
# A file's tests stay in one process: they share what is dear to make. Their order is that of
# tests/conftest.py.
IN_PROCESSES = ("--numprocesses=3", "--dist=loadfile", "--no-loadscope-reorder")
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
    if arguments:
        return test(arguments, env)
    failed = [" ".join(check) for check in AT_ONCE if wait_for(installed(check), env=env) != 0]
    with tempfile.TemporaryFile() as words:
        types = subprocess.Popen(installed(BESIDE_TESTS), env=env, stdout=words, stderr=words)
        codes = [test(EVERY_TEST[0], env)]
        if waited_for(types) != 0:
            failed += BESIDE_TESTS
        words.seek(0)
        say(f"{' '.join(BESIDE_TESTS)}\n{words.read().decode(errors='replace').strip()}")
    if failed:
        say(f"failed: {', '.join(failed)}; the tests run all the same, the exit code is 1")
    codes += [test(options, env) for options in EVERY_TEST[1:]]
    return next(filter(None, codes), int(bool(failed)))


def installed(command: Sequence[str]) -> list[str]:
    """Return a command of the environment as it is started."""
    return [str(_setup.program(command[0])), *command[1:]]


def test(options: Sequence[str], env: dict[str, str]) -> int:
    """Run pytest to its end and return its exit code."""
    return wait_for([str(_setup.python()), "-m", "pytest", *options], env=env)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
