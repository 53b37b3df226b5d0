"""A lock is held by one at a time, and by nobody once its process is gone."""

import subprocess
import sys
from pathlib import Path

from realtime_mer.writing.locks import FileLock

HOLDS = """
import sys
from pathlib import Path
from realtime_mer.writing.locks import FileLock

lock = FileLock(Path(sys.argv[1]))
print(lock.held, flush=True)
sys.stdin.read()
"""


def test_one_at_a_time_holds_a_lock_and_the_next_once_it_was_released(tmp_path: Path) -> None:
    first = FileLock(tmp_path / "lock")
    second = FileLock(tmp_path / "lock")
    assert (first.held, second.held) == (True, False)
    second.release()
    assert not FileLock(tmp_path / "lock").held
    first.release()
    first.release()
    third = FileLock(tmp_path / "lock")
    assert third.held
    third.release()


def test_the_lock_of_a_process_that_was_killed_is_free(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        assert not FileLock(tmp_path / "lock").held
        process.kill()
        process.wait()
    lock = FileLock(tmp_path / "lock")
    assert lock.held
    lock.release()
