"""A process of ours ends with its status, having done all that it owes, and no more."""

import subprocess
import sys
from unittest.mock import patch

import pytest

from realtime_mer import cli
from realtime_mer.leaving import end_with
from tests.command_line import call
from tests.patience import PATIENCE_S

PROGRAM = """
import atexit, os, sys, threading
from realtime_mer.leaving import end_with
from tests.patience import PATIENCE_S

class Module:
    def __del__(self, write=os.write):
        write(1, b"taken-down\\n")

kept = Module()

def late():
    go.wait()
    print("joined")

def run():
    print("done")
    atexit.register(print, "closed")
    threading.Thread(target=late).start()
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    go.set()
    {end}

go = threading.Event()
end_with(run)
"""


def ended(end: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", PROGRAM.format(end=end)]
    return subprocess.run(program, capture_output=True, text=True, timeout=PATIENCE_S)


@pytest.mark.parametrize(
    ("end", "status"),
    [("return 0", 0), ("return 3", 3), ("sys.exit(2)", 2), ("sys.exit()", 0), ("exit('no')", 1)],
)
def test_the_status_is_kept_and_the_interpreter_is_not_taken_down(end: str, status: int) -> None:
    done = ended(end)
    # What was printed is flushed, threads are joined, and whoever asked to be told is told.
    assert (done.returncode, sorted(done.stdout.split())) == (status, ["closed", "done", "joined"])


def test_a_defect_is_printed_and_is_status_1() -> None:
    done = ended("raise ZeroDivisionError")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "ZeroDivisionError"


def test_the_command_line_ends_so() -> None:
    with patch.object(cli, "end_with") as ending:
        cli.main()
    ending.assert_called_once_with(cli.run)
    assert ending is not end_with


def test_to_be_interrupted_before_a_command_has_begun_is_no_defect(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with patch.object(cli, "app", side_effect=KeyboardInterrupt):
        done = call(capsys, "rooms", "serve")
    assert (done.code, done.err) == (130, "")
