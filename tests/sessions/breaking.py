"""Breaks something off at every step that it takes on the disk, one after the other.

``python -m tests.sessions.breaking ACTION WAY FOLDER`` does ACTION (``delete``, ``delete-by-age``
or ``record``) in as many processes as it has steps, and prints a line of JSON for each. WAY is what
happens at the step: ``kill`` is a real SIGKILL, ``refuse`` an error of the disk from then on,
``refuse-once`` one at this step alone. A step is every opening, making, renaming, removing and
forcing to the disk below FOLDER, as Python's audit events tell. It needs ``fork``.
"""

import errno
import io
import json
import os
import shutil
import signal
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from realtime_mer import cli
from realtime_mer.errors import InputError
from realtime_mer.sessions.recording import Recording
from realtime_mer.sessions.store import FOLDER_VARIABLE, create_folder, list_sessions
from tests.samples import sample_estimate
from tests.sessions.sessions import NOW, manifest, recorded

STEPS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir")
_ENOUGH = 200


class Breaker:
    """Counts steps below a folder, and breaks the one that it is told to."""

    def __init__(self, home: Path, *, at: int, way: str) -> None:
        self._home, self._at, self._way = os.fspath(home), at, way
        self._left = at
        fsync = os.fsync

        def counted_fsync(handle: int) -> None:
            self._step()
            fsync(handle)

        os.fsync = counted_fsync
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if event in STEPS and isinstance(args[0], str | os.PathLike):
            path = os.fspath(args[0])
            if isinstance(path, str) and (path.startswith(self._home) or not os.path.isabs(path)):
                self._step()

    def _step(self) -> None:
        self._left -= 1
        if self._left > 0 or (self._left < 0 and self._way != "refuse"):
            return
        if self._way == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    @property
    def broke(self) -> bool:
        return self._left <= 0


def run(action: str) -> int:
    """Do it, and return an exit status; anything but an error of ours escapes."""
    if action == "record":
        try:
            folder = create_folder("new", now=NOW)
            recording = Recording(folder, manifest(folder), wait=True)
        except InputError as error:
            print(f"realtime-mer: {error}", file=sys.stderr)
            return 1
        for seq in range(3):
            recording.events.record(sample_estimate(seq=seq))
        recording.close()
        return 1 if recording.failures else 0
    arguments = ["--older-than", "0"] if action == "delete-by-age" else names()
    sys.argv = ["realtime-mer", "sessions", "delete", *arguments]
    return cli.run()


def names() -> list[str]:
    sessions, remains = list_sessions()
    return [thing.name for thing in (*sessions, *remains)]


def break_off(action: str, *, at: int, way: str, home: Path) -> dict[str, Any]:
    """Break one step in a process of its own, and return what it said."""
    report, told = os.pipe()
    child = os.fork()
    if child == 0:
        err = io.StringIO()
        with redirect_stdout(io.StringIO()), redirect_stderr(err):
            breaker = Breaker(home, at=at, way=way)
            status = run(action)
        os.write(told, json.dumps([status, breaker.broke, err.getvalue()]).encode())
        os._exit(0)
    os.close(told)
    with open(report, "rb") as file:
        said = file.read()
    _, how = os.waitpid(child, 0)
    status, broke, err = json.loads(said) if said else (None, True, "")
    killed = os.WIFSIGNALED(how) and os.WTERMSIG(how) == signal.SIGKILL
    return {"killed": killed, "broke": broke, "status": status, "err": err}


def main(action: str, way: str, home: Path) -> None:
    os.environ[FOLDER_VARIABLE] = str(home)
    for at in range(1, _ENOUGH):
        shutil.rmtree(home, ignore_errors=True)
        if action != "record":
            folder = recorded([sample_estimate()], "gone").folder
            (folder / "audio.flac").write_bytes(b"a voice")
            (folder / "notes").mkdir()
            (folder / "notes" / "one.txt").write_text("hers")
        result = break_off(action, at=at, way=way, home=home)
        left = sorted(os.listdir(home)) if home.exists() else []
        result |= {"left": left, "listed": names()}
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            result["again"] = run("delete") if result["listed"] else 0
        result["left_again"] = os.listdir(home) if home.exists() else []
        print(json.dumps(result), flush=True)
        if not result["broke"]:
            return
    raise RuntimeError(f"{action} took more than {_ENOUGH} steps")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
