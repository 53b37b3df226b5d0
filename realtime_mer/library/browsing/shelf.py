"""``Shelf``: a table as it is now, read again when it has changed."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from realtime_mer.errors import InputError
from realtime_mer.library.browsing.catalogue import Catalogue, points, read_catalogue
from realtime_mer.library.store import TrackStore
from realtime_mer.library.tables import FileState, check_table, state_of, store_of
from realtime_mer.library.tracks import Track

_REST = 9.0
"""How much longer than reading took it is left alone: a table may change all the time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Edition:
    """A table as it was read at one time.

    Attributes:
        version: from 1 on.
        catalogue: of its tracks.
        points: what the page gets of it.
    """

    version: int
    catalogue: Catalogue
    points: bytes


class Shelf:
    """Holds what was read of a table.

    Args:
        table: what ``annotate`` wrote; of one in Parquet or CSV the store beside it is read.
        clock: seconds of a steady clock.

    Raises:
        InputError: it cannot be used, or holds no track.
    """

    def __init__(self, table: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.table = store(table)
        self._clock = clock
        self._numbers: dict[str, int] = {}
        self._reading = threading.Lock()
        self._problem = ""
        self._edition, self._state, self._next = self._read(version=1)
        if not self._edition.catalogue.paths:
            raise InputError(f"{self.table} holds no track: annotate a folder with music in it")

    @property
    def edition(self) -> Edition:
        """What was read last."""
        return self._edition

    @property
    def problem(self) -> str:
        """Why the table could not be read again; "" where it could."""
        return self._problem

    def refresh(self) -> None:
        """Read the table again if it has changed, nobody else is at it, and it is time.

        One that cannot be read leaves what was read before.
        """
        if not self._reading.acquire(blocking=False):
            return
        try:
            if self._clock() < self._next:
                return
            if state_of(self.table) != self._state:
                version = self._edition.version + 1
                self._edition, self._state, self._next = self._read(version=version)
            self._problem = ""
        except InputError as error:
            self._problem = str(error)
        finally:
            self._reading.release()

    def track(self, number: int) -> Track | None:
        """Return all that is known of a track, with its course; None where the table has it not.

        Raises:
            InputError: the table cannot be used.
        """
        path = self._edition.catalogue.path(number)
        if path is None:
            return None
        with TrackStore(self.table, read_only=True) as opened:
            return opened.track_at(path)

    def _read(self, *, version: int) -> tuple[Edition, FileState, float]:
        state, began = state_of(self.table), self._clock()
        catalogue = read_catalogue(self.table, self._numbers)
        edition = Edition(
            version=version, catalogue=catalogue, points=points(catalogue, version=version)
        )
        return edition, state, self._clock() + _REST * (self._clock() - began)


def store(table: Path) -> Path:
    """Return the SQLite file that is read of a table.

    Raises:
        InputError: there is no such table, or no store beside it.
    """
    check_table(table)
    found = store_of(table)
    if not found.is_file():
        raise InputError(
            f"the page reads {found.name}, which `annotate` keeps beside {table}, and it is not "
            "there: annotate again, or name a .sqlite"
        )
    return found
