"""What is kept of rooms on disk, so that they go on after a kill: one small database.

Nothing that computes or speaks to somebody waits for it: of each room the latest state waits for a
thread of its own. A commit is whole or not at all. Where the disk is full, rooms go on; what cannot
be kept is counted, and one line says so.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from realtime_mer.batch import StreamState
from realtime_mer.errors import InputError
from realtime_mer.rooms.states import packed
from realtime_mer.writing.locks import FileLock

STATES = "states.sqlite"
"""The file's name in the folder of a service."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS rooms (
    name TEXT PRIMARY KEY,
    model TEXT NOT NULL,
    seq INTEGER NOT NULL,
    saved_at REAL NOT NULL,
    state BLOB NOT NULL
) STRICT
"""
_PUT = "INSERT OR REPLACE INTO rooms (name, model, seq, saved_at, state) VALUES (?, ?, ?, ?, ?)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A room as it was kept.

    Attributes:
        room: its name.
        seq: how many hops of it had been.
        state: as of ``states.packed``.
    """

    room: str
    seq: int
    state: bytes


class Checkpoints:
    """Keeps the states of rooms. ``put`` is for one thread, and never waits.

    Args:
        path: of the database; it is made if it is not there.
        model: as of ``states.model_of``; what was kept by another is left alone until it is
            replaced.
        say: takes a line for people.
        every_s: seconds from one commit to the next.
        most_pages: of 4096 bytes that the database may have; None for no bound but the disk.

    Attributes:
        failures: states that could not be kept.
        failing: whether the last commit failed.

    Raises:
        InputError: the file cannot be used, or another service keeps its rooms there.
    """

    def __init__(
        self,
        path: Path,
        *,
        model: str,
        say: Callable[[str], None],
        every_s: float = 0.25,
        most_pages: int | None = None,
    ) -> None:
        self.failures = 0
        self.failing = False
        self._path, self._model, self._say = path, model, say
        self._every_s, self._most_pages = every_s, most_pages
        self._waiting: dict[str, tuple[int, StreamState]] = {}
        self._kept: dict[str, int] = {}
        self._wake, self._ending = threading.Event(), threading.Event()
        self._lock = _locked(
            path,
            taken=f"another service keeps its rooms in {path.parent}: end it, give this one "
            "another folder with --folder, or let it keep nothing with --no-keep",
        )
        try:
            with closing(self._open()) as database:
                database.execute(_SCHEMA)
        except sqlite3.Error as error:
            self._lock.release()
            raise _unusable(path, error) from error
        self._thread = threading.Thread(target=self._run, name="realtime-mer-keeping", daemon=True)
        self._thread.start()

    def load(self) -> Iterator[Kept]:
        """Yield what was kept by this model, by the names of the rooms.

        Raises:
            InputError: it cannot be read.
        """
        query = "SELECT name, seq, state FROM rooms WHERE model = ? ORDER BY name"
        try:
            with closing(self._open()) as database:
                for name, seq, state in database.execute(query, (self._model,)):
                    self._kept[name] = seq
                    yield Kept(room=name, seq=seq, state=state)
        except sqlite3.Error as error:
            raise InputError(
                f"{self._path} cannot be read ({error}): move it away, and rooms begin anew"
            ) from error

    def put(self, room: str, seq: int, state: StreamState) -> None:
        """Keep a room's state soon, unless a newer one comes first."""
        self._waiting[room] = seq, state
        self._wake.set()

    def kept(self, room: str) -> int:
        """Return how many hops of a room are safe; 0 for none."""
        return self._kept.get(room, 0)

    def close(self) -> None:
        """Keep what waits, and end; returns when done."""
        self._ending.set()
        self._wake.set()
        self._thread.join()
        self._lock.release()

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=5.0)
        # A kill loses nothing that was committed; a power cut the last commits, and never all.
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        if self._most_pages is not None:
            database.execute(f"PRAGMA max_page_count = {self._most_pages}")
        return database

    # In the thread.

    def _run(self) -> None:
        database: sqlite3.Connection | None = None
        while True:
            self._wake.wait()
            self._wake.clear()
            ending = self._ending.is_set()
            batch = [(room, *self._waiting.pop(room)) for room in list(self._waiting)]
            try:
                if batch:
                    database = database or self._open()
                    self._commit(database, batch)
                    self._well()
            except (sqlite3.Error, OSError) as error:
                self._failed(error, len(batch))
            if ending:
                break
            self._ending.wait(self._every_s)
        if database is not None:
            database.close()

    def _commit(
        self, database: sqlite3.Connection, batch: list[tuple[str, int, StreamState]]
    ) -> None:
        now = time.time()
        rows = [(room, self._model, seq, now, packed(state)) for room, seq, state in batch]
        with database:
            database.executemany(_PUT, rows)
        self._kept.update((room, seq) for room, seq, _ in batch)

    def _failed(self, error: Exception, states: int) -> None:
        self.failures += states
        if not self.failing:
            self._say(
                f"The states of rooms cannot be kept in {self._path} ({error}): rooms go on, and "
                "after a restart go on from what was kept before. See that there is room."
            )
        self.failing = True

    def _well(self) -> None:
        if self.failing:
            self._say(f"The states of rooms are kept again; {self.failures} were not.")
        self.failing = False


def forget_state(path: Path, room: str) -> bool:
    """Remove what is kept of a room, by whichever model; return whether anything was.

    Args:
        path: of the database.
        room: its name.

    Raises:
        InputError: a service keeps its rooms there, or the file cannot be used.
    """
    if not path.exists():
        return False
    lock = _locked(
        path,
        taken=f"a service keeps its rooms in {path.parent}, and would write room {room} again: end "
        "it, and forget the room then",
    )
    try:
        with closing(sqlite3.connect(path, timeout=5.0)) as database:
            database.execute("PRAGMA secure_delete = ON")  # zeros, not only a place that is free
            with database:
                found = database.execute("DELETE FROM rooms WHERE name = ?", (room,)).rowcount
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return found > 0
    except sqlite3.Error as error:
        raise InputError(f"{path} cannot be changed ({error}): see that you may write it") from (
            error
        )
    finally:
        lock.release()


def _locked(path: Path, *, taken: str) -> FileLock:
    """Return the lock that one service at a time holds on what it keeps.

    Raises:
        InputError: ``taken``, another one holds it; or its file cannot be made.
    """
    try:
        lock = FileLock(path.with_suffix(".lock"))
    except OSError as error:
        raise _unusable(path, error) from error
    if not lock.held:
        raise InputError(taken)
    return lock


def _unusable(path: Path, error: Exception) -> InputError:
    return InputError(
        f"{path} cannot keep the states of rooms ({error}): give another folder with --folder, or "
        "move it away"
    )
