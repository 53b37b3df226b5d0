"""``TrackStore``: the SQLite file that annotating works in; no kill at any moment breaks it."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

from realtime_mer.errors import InputError
from realtime_mer.library.rows import COLUMNS, OPTIONAL, row_of, track_of
from realtime_mer.library.tracks import Track
from realtime_mer.library.walk import AudioFile

_APPLICATION = 0x524D4552  # "RMER": marks the file as ours
_VERSION = 2  # format 1 had none of the ``OPTIONAL`` columns
_TEXTS = ("path", "quadrant", "mood", "model", "valence_course", "arousal_course")


class TrackStore:
    """Tracks by path, each with the state of the file and the model that it was made from.

    The table ``tracks`` has the columns of ``row_of``, courses as JSON, and ``file_size``,
    ``file_mtime_ns`` and ``model_sha256``. A file of format 1 gets the columns that it lacks,
    empty; whoever only reads it reads them so.

    Args:
        path: made if it is not there, unless ``read_only``.

    Raises:
        InputError: it cannot be opened or is something else; from every method, if it cannot be
            read or written.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        with self._complaining():
            # Whoever only reads may have to undo first what a kill left half done, so not "ro".
            mode = "rw" if read_only else "rwc"
            uri = f"{path.absolute().as_uri()}?mode={mode}"
            # Each statement is a transaction of its own.
            self._database = sqlite3.connect(uri, uri=True, isolation_level=None)
            if read_only:
                self._database.execute("PRAGMA query_only = ON")
        try:
            with self._complaining():
                self._recognise(read_only=read_only)
        except InputError:
            self._database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._database.close()

    def done(self, model_sha256: str) -> set[AudioFile]:
        """Return the files, in the state they had, whose tracks this model made."""
        with self._complaining():
            rows = self._database.execute(
                "SELECT path, file_size, file_mtime_ns FROM tracks WHERE model_sha256 = ?",
                (model_sha256,),
            )
            return {AudioFile(path=path, size=size, mtime_ns=at) for path, size, at in rows}

    def of_others(self, model_sha256: str) -> dict[str, str]:
        """Return the names of the models that made the other tracks, by the tracks' paths."""
        with self._complaining():
            rows = self._database.execute(
                "SELECT path, model FROM tracks WHERE model_sha256 != ?", (model_sha256,)
            )
            return dict(rows)

    def paths(self) -> list[str]:
        """Return the paths of all tracks, in order."""
        with self._complaining():
            rows = self._database.execute("SELECT path FROM tracks ORDER BY path")
            return [path for (path,) in rows]

    def put(self, file: AudioFile, track: Track, *, model_sha256: str) -> None:
        """Keep a track, in place of what was known of its file."""
        row = {name: _stored(value) for name, value in row_of(track).items()}
        row |= {"file_size": file.size, "file_mtime_ns": file.mtime_ns}
        row |= {"model_sha256": model_sha256}
        names = ", ".join(f'"{name}"' for name in row)
        places = ", ".join("?" * len(row))
        with self._complaining():
            self._database.execute(
                f"INSERT OR REPLACE INTO tracks ({names}) VALUES ({places})", list(row.values())
            )

    def drop(self, paths: Iterable[str]) -> None:
        """Forget tracks."""
        with self._complaining():
            self._database.executemany(
                "DELETE FROM tracks WHERE path = ?", [(path,) for path in paths]
            )

    def tracks(self, *, courses: bool = True) -> Iterator[Track]:
        """Yield all tracks that have a file, in order of their paths, each once.

        However many there are, few are held at a time. The store must stay open meanwhile.

        Args:
            courses: read the courses too; they are most of what there is to read.
        """
        yield from self._found("ORDER BY path", courses=courses)

    def track_at(self, path: str) -> Track | None:
        """Return the track that one of its files lies at, with its course; None if there is none.

        Args:
            path: absolute, of any of its files.
        """
        return next(self._found("WHERE path = ?", path), None)

    def _found(self, which: str, *values: object, courses: bool = True) -> Iterator[Track]:
        kept = [name for name in COLUMNS if self._format > 1 or name not in OPTIONAL]
        names = ", ".join(f'"{name}"' for name in kept)
        with self._complaining():
            rows = self._database.execute(f"SELECT {names} FROM tracks {which}", values)
        while True:
            with self._complaining():
                row = rows.fetchone()
            if row is None:
                return
            track = track_of(dict(zip(kept, row, strict=True)))
            yield track if courses else replace(track, course=None)

    def _recognise(self, *, read_only: bool) -> None:
        (application,) = self._database.execute("PRAGMA application_id").fetchone()
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        (tables,) = self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not tables and not read_only:
            columns = ", ".join(_column(name) for name in COLUMNS)
            # In one transaction, so that a kill leaves an empty file or a whole table.
            self._database.executescript(
                f"BEGIN; CREATE TABLE IF NOT EXISTS tracks ({columns}, "
                "file_size INTEGER NOT NULL, file_mtime_ns INTEGER NOT NULL, "
                "model_sha256 TEXT NOT NULL, PRIMARY KEY (path)); "
                f"PRAGMA application_id = {_APPLICATION}; PRAGMA user_version = {_VERSION}; COMMIT;"
            )
        elif application != _APPLICATION:
            raise InputError(f"{self.path} is a database of something else: name another file")
        elif version not in (1, _VERSION):
            raise InputError(
                f"{self.path} has format {version}, this version knows {_VERSION}: "
                "delete it and annotate again"
            )
        elif version == 1 and not read_only:
            self._bring_up_to_date()
        self._format = version if read_only else _VERSION

    def _bring_up_to_date(self) -> None:
        run = self._database.execute
        with self._database:  # one transaction: a kill leaves either format whole
            run("BEGIN IMMEDIATE")
            (version,) = run("PRAGMA user_version").fetchone()
            if version == 1:  # else somebody else has just done it
                for name in OPTIONAL:
                    run(f"ALTER TABLE tracks ADD {_column(name)}")
                run(f"PRAGMA user_version = {_VERSION}")

    @contextmanager
    def _complaining(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:  # damage shows as either
            raise InputError(f"{self.path} cannot be used as a table: {error}") from error


def _column(name: str) -> str:
    needed = "" if name in OPTIONAL else " NOT NULL"
    return f'"{name}" {"TEXT" if name in _TEXTS else "REAL"}{needed}'


def _stored(value: object) -> object:
    return json.dumps(value) if isinstance(value, list) else value
