"""``annotate`` as a work: what it writes is its own, what the network would answer is made up."""

import sqlite3
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

from realtime_mer.errors import InputError
from realtime_mer.library import annotate as annotating_module
from realtime_mer.library.annotate import AnnotateOptions, annotate
from realtime_mer.library.store import TrackStore
from realtime_mer.library.tables import read_table
from realtime_mer.library.walk import AudioFile
from realtime_mer.library.workers import Found, Heard
from realtime_mer.writing.replacing import PART
from tests.crashing.steps import Outcome, Tell, Way
from tests.crashing.work import Files, Work, files_below
from tests.library.made import made_sound, made_track

TRACKS = 3


def annotating() -> tuple[Work, ...]:
    """Return a first and a second annotation of a library, into CSV with SQLite beside it."""
    return _work("csv", first=True), _work("csv", first=False)


def _work(suffix: str, *, first: bool) -> Work:
    def prepare(home: Path) -> None:
        (home / "music").mkdir()
        for number in range(TRACKS):
            (home / "music" / f"{number}.flac").write_bytes(b"sound")
        (home / "model.json").write_bytes(b"a card")
        (home / "model.safetensors").write_bytes(b"weights")
        if not first:
            _annotate(home, suffix)
            (home / "music" / "0.flac").unlink()  # gone since
            (home / "music" / "1.flac").write_bytes(b"other sound")  # changed since
            (home / "music" / "9.flac").write_bytes(b"new sound")

    def do(home: Path, tell: Tell) -> None:
        try:
            tell(["done", _annotate(home, suffix, tell)])
        except InputError as error:
            tell(["refused", str(error)])

    def problems(home: Path, before: Files, way: Way, outcome: Outcome) -> list[str]:
        return _problems(home, suffix, before, outcome)

    name = f"annotate, {suffix}, {'first' if first else 'again'}"
    return Work(name=name, prepare=prepare, do=do, problems=problems)


def _annotate(home: Path, suffix: str, tell: Tell = lambda value: None) -> int:
    """Annotate the library, tell of each track once it is kept, and return how many there are."""

    def answers(files: Iterable[AudioFile], **options: Any) -> Generator[Found, None, None]:
        for file in files:
            track = made_track(file.path, level_dbfs=-float(file.size))  # tells the sound it is of
            sound = made_sound(f"{file.path} {file.size}")
            yield file, Heard(track=track, sound=sound, faults={})
            tell(["kept", file.path, file.size])

    annotating_module.annotated = answers  # this process is for this alone
    table = home / f"table.{suffix}"
    options = AnnotateOptions(
        folders=[home / "music"], out=table, model=str(home / "model"), jobs=1
    )
    return annotate(options).total


def _problems(home: Path, suffix: str, before: Files, outcome: Outcome) -> list[str]:
    found = []
    table, store = home / f"table.{suffix}", home / "table.sqlite"
    kept = {path: size for word, path, *size in _words(outcome, "kept")}
    try:
        known = _known(read_table(store)) if store.exists() else {}
    except InputError as error:
        known = {}
        if "holds no track" not in str(error) and "database of something else" not in str(error):
            found.append(f"what is there cannot be read: {error}")
    lost = [path for path, (size,) in kept.items() if known.get(path) != size]
    if lost:
        found.append(f"{lost} were kept and are not there: {known}")
    if suffix != "sqlite" and table.exists():
        rows = _known(read_table(table))
        if table.name in before and table.read_bytes() != before[table.name]:
            whole = known
            if rows != whole:
                found.append(f"the table holds {rows} of {whole}")
        elif table.name not in before and rows != known:
            found.append(f"the table holds {rows} of {known}")
    elif table.name in before and not table.exists():
        found.append("the old table is gone")
    if outcome.told and outcome.told[-1][0] == "done" and not table.exists():
        found.append("it is said to be done, and there is no table")
    found += _problems_of_going_on(home, suffix)
    return found


def _words(outcome: Outcome, word: str) -> list[Any]:
    return [told for told in outcome.told if told[0] == word]


def _known(tracks: Iterable[Any]) -> dict[str, int]:
    return {track.path: round(-track.level_dbfs) for track in tracks}


def _problems_of_going_on(home: Path, suffix: str) -> list[str]:
    """Annotate again, as the user is told to, and return what is wrong then."""
    wanted = {str(path): path.stat().st_size for path in (home / "music").iterdir()}
    _annotate(home, suffix)
    found = []
    for table in {home / f"table.{suffix}", home / "table.sqlite"}:
        rows = _known(read_table(table))
        if rows != wanted:
            found.append(f"again: {table.name} holds {rows} of {wanted}")
    with sqlite3.connect(home / "table.sqlite") as database:
        (verdict,) = database.execute("PRAGMA integrity_check").fetchone()
    if verdict != "ok":
        found.append(f"again: SQLite says {verdict}")
    with TrackStore(home / "table.sqlite") as store:
        if store.count() != len(wanted):
            found.append("again: the store holds others")
    left = [name for name in files_below(home) if name.endswith((PART, "-journal", "-wal", "-shm"))]
    if left:
        found.append(f"again: {left} lie beside it")
    return found
