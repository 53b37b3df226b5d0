"""``Changes``: what is to do after a look at some folders, told by size and time of each file.

The lists lie in temporary tables of SQLite, so that a hundred thousand files take no more memory
than a hundred.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from realtime_mer.library.cluster.places import Place, root_of
from realtime_mer.library.cluster.stores import is_url
from realtime_mer.library.schema import from_name, to_name
from realtime_mer.library.store import OUTDATED, TrackStore
from realtime_mer.library.walk import AudioFile

_PAGE = 500  # rows that are held at a time

_TABLES = """
DROP TABLE IF EXISTS temp.seen;
DROP TABLE IF EXISTS temp.waiting;
DROP TABLE IF EXISTS temp.missing;
CREATE TEMP TABLE seen (path NOT NULL PRIMARY KEY, size INTEGER, mtime_ns INTEGER, device TEXT)
    WITHOUT ROWID;
CREATE TEMP TABLE waiting (id INTEGER PRIMARY KEY, path, size INTEGER, mtime_ns INTEGER,
    device TEXT, again INTEGER);
CREATE TEMP TABLE missing (id INTEGER PRIMARY KEY, path, device TEXT);
"""

_UNCHANGED = "files.path = seen.path AND files.size = seen.size AND files.mtime_ns = seen.mtime_ns"


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """How many known files of a folder are not there.

    Attributes:
        gone: those that were deleted, moved or renamed.
        away: those that are not there while their drive is not.
        whole: whether all of the folder is away.
    """

    gone: int
    away: int
    whole: bool


class Changes:
    """Compares the files that were seen with those that a store knows.

    Args:
        store: open for writing, and used by nobody else of this process meanwhile.
        seen: every file that was found, once.
    """

    def __init__(self, store: TrackStore, seen: Iterable[AudioFile]) -> None:
        self._store = store
        with store.transaction(locking=False) as run:  # a look at a slow drive takes minutes
            for statement in _TABLES.split(";"):
                run(statement)
            for file in seen:
                device = None if file.device is None else str(file.device)
                run(
                    "INSERT OR IGNORE INTO seen VALUES (?, ?, ?, ?)",
                    (to_name(file.path), file.size, file.mtime_ns, device),
                )
        with store.transaction() as run:
            # A file that is back as it was; and which drive each one is on now.
            run(
                "UPDATE files SET here = 1, device = seen.device FROM seen "
                f"WHERE {_UNCHANGED} AND (NOT here OR files.device IS NOT seen.device)"
            )
            run(
                "INSERT INTO waiting (path, size, mtime_ns, device, again) "
                "SELECT seen.*, 0 FROM seen WHERE NOT EXISTS "
                f"(SELECT 1 FROM files WHERE {_UNCHANGED}) ORDER BY path"
            )

    @property
    def seen(self) -> int:
        """How many files were found."""
        return self._count("seen")

    @property
    def waiting(self) -> int:
        """How many files are to be heard."""
        return self._count("waiting")

    def outdate(self, model_sha256: str) -> None:
        """Let a file of each track wait too that this model has not spoken of."""
        with self._store.transaction() as run:
            run(
                "INSERT INTO waiting (path, size, mtime_ns, device, again) "
                "SELECT min(seen.path), seen.size, seen.mtime_ns, seen.device, 1 "
                f"FROM seen JOIN files ON {_UNCHANGED} JOIN tracks ON tracks.id = files.track "
                f"WHERE {OUTDATED} GROUP BY tracks.id ORDER BY 1",
                (model_sha256,),
            )

    def to_hear(self) -> Iterator[tuple[AudioFile, bool]]:
        """Yield the files that wait, and whether they are to be heard even if they are known."""
        for _, name, size, mtime_ns, device, again in self._pages("waiting"):
            file = AudioFile(
                path=from_name(name),
                size=size,
                mtime_ns=mtime_ns,
                device=None if device is None else int(device),
            )
            yield file, bool(again)

    def missing(self, place: Place, *, unread: Sequence[str]) -> "Missing":
        """Keep which files of a place are not there any more, unless they are only away.

        They are away where they or their folder cannot be read, where the nearest folder above them
        that is there lies on another drive than they did, and where the place is not there or holds
        no file at all: so does that of a drive that is not mounted.

        Args:
            place: that was looked through.
            unread: files and folders that could not be looked at.
        """
        root = root_of(place)
        below = "substr(CAST(path AS BLOB), 1, ?1) = ?2"
        with self._store.transaction() as run:
            run("DELETE FROM missing")
            run(
                "INSERT INTO missing (path, device) SELECT path, device FROM files "
                f"WHERE here AND {below} AND path NOT IN (SELECT path FROM seen)",
                (len(root), root),
            )
            (found,) = run(f"SELECT count(*) FROM seen WHERE {below}", (len(root), root)).fetchone()
        if not found:
            away = self._count("missing")
            return Missing(gone=0, away=away, whole=away > 0)
        is_away = _away(unread)
        gone = away = 0
        for _, name, device in self._pages("missing"):
            path = from_name(name)
            if is_away(path, device):
                away += 1
            else:
                gone += 1
                self._store.lose([path])
        return Missing(gone=gone, away=away, whole=False)

    def _count(self, table: str) -> int:
        with self._store.transaction(locking=False) as run:
            (count,) = run(f"SELECT count(*) FROM temp.{table}").fetchone()
        return int(count)

    def _pages(self, table: str) -> Iterator[tuple[Any, ...]]:
        last = 0
        while True:
            with self._store.transaction(locking=False) as run:
                rows = run(
                    f"SELECT * FROM temp.{table} WHERE id > ? ORDER BY id LIMIT ?", (last, _PAGE)
                ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            yield from rows


def _away(unread: Sequence[str]) -> Callable[[str, str | None], bool]:
    themselves = frozenset(unread)
    below = tuple(f"{path}/" if is_url(path) else os.path.join(path, "") for path in unread)
    devices: dict[str, str] = {}  # of the folders that were asked for last

    def device_of(folder: str) -> str:
        while True:
            try:
                return str(os.stat(folder).st_dev)
            except OSError:
                above = os.path.dirname(folder)
                if above == folder:
                    return ""
                folder = above

    def is_away(path: str, device: str | None) -> bool:
        if path in themselves or path.startswith(below):
            return True
        folder = os.path.dirname(path)
        if folder not in devices:
            if len(devices) >= _PAGE:
                devices.clear()
            devices[folder] = device_of(folder)
        return device is not None and devices[folder] != device

    return is_away
