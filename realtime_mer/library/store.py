"""``TrackStore``: the SQLite file that annotating works in; no kill at any moment breaks it."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from realtime_mer.errors import InputError
from realtime_mer.library import schema
from realtime_mer.library.cluster.places import Place, root_of
from realtime_mer.library.rows import track_of
from realtime_mer.library.sound import LONGEST_APART_S, LOUDEST_APART_LU, Sound
from realtime_mer.library.tracks import Track
from realtime_mer.library.walk import AudioFile

_FOUND = """
SELECT found.path, found.files, {course}, {names}
FROM (SELECT track, min(path) AS path, count(*) AS files FROM files WHERE here {which}
      GROUP BY track) AS found
JOIN tracks ON tracks.id = found.track {join}
ORDER BY found.path
"""

_WITH_COURSE = (
    "courses.every_s, courses.valence, courses.arousal",
    "LEFT JOIN courses ON courses.track = tracks.id",
)
_WITHOUT_COURSE = ("NULL, NULL, NULL", "")


class TrackStore:
    """Tracks by their sound, and the files that they lie in, each in the state it was seen in.

    ``tracks`` has a row a track, most columns of ``row_of``; ``courses`` how each moves; ``files``
    a row a path, with the track that it holds. A track of which no file is there any more stays,
    and is known again when its sound turns up. It is written in WAL mode, and a plain file again
    once it was closed. One of an earlier format is brought up to date; whoever only reads it
    leaves it as it is.

    Args:
        path: made if it is not there, unless ``read_only``.

    Raises:
        InputError: it cannot be opened or is something else; from every method, if it cannot be
            read or written.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._read_only = read_only
        with self.complaining():
            # Whoever only reads may have to undo first what a kill left half done, so not "ro".
            mode = "rw" if read_only else "rwc"
            uri = f"{path.absolute().as_uri()}?mode={mode}"
            # Each statement is a transaction of its own.
            self._database = sqlite3.connect(uri, uri=True, isolation_level=None)
        try:
            with self.complaining():
                self._recognise()
        except InputError:
            self._database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if not self._read_only:
            # So that it is one file, which can be copied, and read where nothing can be written.
            with suppress(sqlite3.Error):  # somebody else is at it, or there is no room
                self._database.execute("PRAGMA journal_mode = DELETE")
        self._database.close()

    # -- reading -----------------------------------------------------------------------------------

    def tracks(self, *, courses: bool = True) -> Iterator[Track]:
        """Yield all tracks that have a file, in order of their paths, each once.

        However many there are, few are held at a time. The store must stay open meanwhile.

        Args:
            courses: read the courses too; they are most of what there is to read.
        """
        yield from self._found("", courses=courses)

    def track_at(self, path: str) -> Track | None:
        """Return the track that one of its files lies at, with its course; None if there is none.

        Args:
            path: absolute, of any of its files.
        """
        which = "AND track = (SELECT track FROM files WHERE here AND path = ?)"
        return next(self._found(which, schema.to_name(path)), None)

    def count(self) -> int:
        """Return how many tracks have a file."""
        return self._number("SELECT count(DISTINCT track) FROM files WHERE here")

    def count_outdated(self, model_sha256: str) -> int:
        """Return how many tracks that have a file another model or an earlier format spoke of."""
        return self._number(
            "SELECT count(DISTINCT track) FROM files JOIN tracks ON tracks.id = track "
            f"WHERE here AND {OUTDATED}",
            model_sha256,
        )

    def holds(self, place: Place) -> bool:
        """Return whether a file of a place is known, whether or not it is there."""
        root = root_of(place)
        below = "substr(CAST(path AS BLOB), 1, ?) = ?"
        return self._number(f"SELECT count(*) FROM files WHERE {below}", len(root), root) > 0

    def _number(self, query: str, *values: object) -> int:
        with self.complaining():
            (number,) = self._database.execute(query, values).fetchone()
        return int(number)

    def _found(self, which: str, *values: object, courses: bool = True) -> Iterator[Track]:
        names = ", ".join(f'tracks."{name}"' for name in schema.KEPT)
        course, join = _WITH_COURSE if courses else _WITHOUT_COURSE
        query = _FOUND.format(which=which, names=names, course=course, join=join)
        with self.complaining():
            rows = self._database.execute(query, values)
        while True:
            with self.complaining():
                row = rows.fetchone()
                if row is None:
                    return
                track = self._track(*row)
            yield track

    def _track(
        self, name: str | bytes, files: int, every_s: float, valence: Any, arousal: Any, *cells: Any
    ) -> Track:
        row = dict(zip(schema.KEPT, cells, strict=True))
        row["path"] = schema.from_name(name)
        if files > 1:
            row["copies"] = self._copies(name)
        if valence is not None:
            row["course_s"] = every_s
            row["valence_course"] = schema.unpacked(valence)
            row["arousal_course"] = schema.unpacked(arousal)
        return track_of(row)

    def _copies(self, name: str | bytes) -> list[str]:
        rows = self._database.execute(
            "SELECT path FROM files WHERE here AND path > ?1 AND track = "
            "(SELECT track FROM files WHERE path = ?1) ORDER BY path",
            (name,),
        )
        return [schema.from_name(other) for (other,) in rows]

    # -- writing -----------------------------------------------------------------------------------

    def known(self, sound: Sound) -> int | None:
        """Return the number of the track that has this sound; None if it is not known.

        It is the very sound, sample by sample, or the same sound in another format (``alike``).
        """
        from realtime_mer.library.fingerprint import alike  # whoever only reads needs no numpy

        with self.complaining():
            run = self._database.execute
            row = run("SELECT id FROM tracks WHERE sound = ?", (sound.sha256,)).fetchone()
            if row is not None:
                return int(row[0])
            if sound.loudness_lufs is None:
                return None
            rows = run(
                "SELECT id, fingerprint FROM tracks WHERE seconds BETWEEN ? AND ? "
                "AND loudness_lufs BETWEEN ? AND ? AND fingerprint NOT NULL ORDER BY id",
                (
                    sound.seconds - LONGEST_APART_S,
                    sound.seconds + LONGEST_APART_S,
                    sound.loudness_lufs - LOUDEST_APART_LU,
                    sound.loudness_lufs + LOUDEST_APART_LU,
                ),
            )
            for number, fingerprint in rows:
                if alike(sound.fingerprint, fingerprint):
                    return int(number)
        return None

    def link(self, file: AudioFile, number: int) -> None:
        """Keep that a file holds the track of this number, in the state it was seen in."""
        with self.complaining():
            schema.link(self._database, file, number)

    def put(self, file: AudioFile, track: Track, sound: Sound) -> None:
        """Keep a track and the file that it was heard from.

        What another model, or an earlier format, said of the same sound gives way; what the same
        model said of it stays, and the file is one more copy.
        """
        track = replace(track, sound=sound.sha256)
        with self.transaction() as run:
            number = self.known(sound)
            model = None
            if number is None:
                # A track of an earlier format is known by its file alone.
                number = _first(
                    run(
                        "SELECT id FROM tracks JOIN files ON track = id "
                        "WHERE path = ? AND size = ? AND mtime_ns = ? AND sound IS NULL",
                        (schema.to_name(file.path), file.size, file.mtime_ns),
                    )
                )
            else:
                model = _first(run("SELECT model_sha256 FROM tracks WHERE id = ?", (number,)))
            if number is None or model != track.model_sha256:
                number = schema.insert(
                    self._database, track, fingerprint=sound.fingerprint, number=number
                )
            schema.link(self._database, file, number)

    def lose(self, paths: Iterable[str]) -> None:
        """Keep that files are not there, or cannot be read any more."""
        with self.transaction() as run:
            for path in paths:
                run("UPDATE files SET here = 0 WHERE path = ?", (schema.to_name(path),))

    def forget(self) -> int:
        """Delete what is known of files that are not there; return how many tracks that were."""
        with self.transaction() as run:
            run("DELETE FROM files WHERE NOT here")
            unheld = "track NOT IN (SELECT track FROM files)"
            run(f"DELETE FROM courses WHERE {unheld}")
            return int(run(f"DELETE FROM tracks WHERE {unheld.replace('track', 'id', 1)}").rowcount)

    def is_exported(self, path: Path) -> bool:
        """Return whether nothing has changed since a table was written from this store."""
        name = schema.to_name(str(path.absolute()))
        return self._number("SELECT count(*) FROM exports WHERE path = ?", name) > 0

    def note_export(self, path: Path) -> None:
        """Keep that a table says what this store does, until something changes here."""
        with self.transaction() as run:
            name = schema.to_name(str(path.absolute()))
            run("INSERT OR IGNORE INTO exports VALUES (?)", (name,))

    @contextmanager
    def transaction(self, *, locking: bool = True) -> Iterator[Any]:
        """Yield what runs a statement; all of them take effect, or none.

        Args:
            locking: keep others from writing; without, only temporary tables may be written to.
        """
        with self.complaining(), self._database:
            self._database.execute("BEGIN IMMEDIATE" if locking else "BEGIN")
            yield self._database.execute

    @contextmanager
    def complaining(self) -> Iterator[None]:
        """Turn what SQLite says into what the user is told."""
        try:
            yield
        except (sqlite3.Error, UnicodeError, ValueError) as error:  # damage shows as any of these
            raise InputError(f"{self.path} cannot be used as a table: {error}") from error

    # -- opening -----------------------------------------------------------------------------------

    def _recognise(self) -> None:
        run = self._database.execute
        (application,) = run("PRAGMA application_id").fetchone()
        (tables,) = run("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and application != schema.APPLICATION:
            raise InputError(f"{self.path} is a database of something else: name another file")
        if not tables and self._read_only:
            raise InputError(f"{self.path} holds no track: annotate a folder with music in it")
        version = self._version()
        if tables and version not in range(1, schema.VERSION + 1):
            raise InputError(
                f"{self.path} has format {version}, this version knows {schema.VERSION}: "
                "install a newer version, or name another file"
            )
        if self._read_only:
            run("PRAGMA query_only = ON")
            if version < schema.VERSION:
                self._database = self._in_memory()
            return
        with suppress(sqlite3.OperationalError):  # as on a drive in the network
            run("PRAGMA journal_mode = WAL")
        if not tables or version < schema.VERSION:
            with self._database:  # one transaction: a kill leaves either format whole
                run("BEGIN IMMEDIATE")
                if not run("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    schema.create(self._database)
                elif self._version() < schema.VERSION:  # else somebody else has just done it
                    schema.move_up(self._database)
        else:
            run(schema.SEARCH_INDEX)
        schema.watch_exports(self._database)

    def _version(self) -> int:
        return int(self._database.execute("PRAGMA user_version").fetchone()[0])

    def _in_memory(self) -> sqlite3.Connection:
        """Return a store of today's format with what is in this one, which stays as it is."""
        copy = sqlite3.connect(":memory:", isolation_level=None)
        schema.create(copy)
        for file, track in schema.older_tracks(self._database, "tracks"):
            schema.link(copy, file, schema.insert(copy, track))
        self._database.close()
        return copy


OUTDATED = "(tracks.model_sha256 IS NOT ? OR tracks.sound IS NULL)"
"""Which tracks an earlier model, or an earlier format of the store, has spoken of."""


def _first(rows: sqlite3.Cursor) -> Any:
    row = rows.fetchone()
    return None if row is None else row[0]
