"""What writes to the disk, each with what must hold whatever broke it off.

A ``Work`` is done in a folder that ``prepare`` filled. ``problems`` looks at what was left, as the
next start of the program would find it, and returns the promises that were broken, one line each.
"""

import io
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from realtime_mer import cli
from realtime_mer.audio.picking import RememberedChannels
from realtime_mer.audio.ring import RingBuffer
from realtime_mer.errors import InputError
from realtime_mer.library.playlist import write_m3u8
from realtime_mer.library.tables import write_table
from realtime_mer.sessions.recorder import Recorder
from realtime_mer.sessions.recording import Recording
from realtime_mer.sessions.sealing import Key
from realtime_mer.sessions.sound import SoundRecorder
from realtime_mer.sessions.store import (
    AUDIO,
    FOLDER_VARIABLE,
    LockedSession,
    Session,
    create_folder,
    list_sessions,
)
from realtime_mer.wire.protocol import Marker
from realtime_mer.writing.replacing import PART
from tests.crashing.steps import Outcome, Tell, Way
from tests.library.made import made_track
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate
from tests.sessions.sessions import NOW, PASSPHRASE, manifest

RATE = 24_000
HOPS = 3
HOP = 2 * 4096  # samples, of which FLAC makes two blocks

Files = Mapping[str, bytes]


@dataclass(frozen=True, kw_only=True)
class Work:
    """Something that writes below a folder.

    Attributes:
        name: for people.
        prepare: fills the folder; in a process of its own.
        do: does it.
        problems: what is wrong with what is left, given the files of before and what became of it.
    """

    name: str
    prepare: Callable[[Path], None]
    do: Callable[[Path, Tell], None]
    problems: Callable[[Path, Files, Way, Outcome], list[str]]


def files_below(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, by its path in it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def type_in(*words: object) -> tuple[int, str]:
    """Return the status and the complaints of a command that is typed in."""
    err = io.StringIO()
    sys.argv = ["realtime-mer", *map(str, words)]
    with redirect_stdout(io.StringIO()), redirect_stderr(err):
        status = cli.run()
    lines = [line for line in err.getvalue().splitlines() if not line.endswith(" ...")]
    return status, "\n".join(lines)


# -- sessions --------------------------------------------------------------------------------------


def _sessions(home: Path) -> Path:
    folder = home / "sessions"
    os.environ[FOLDER_VARIABLE] = str(folder)
    os.environ["REALTIME_MER_PASSPHRASE"] = PASSPHRASE
    return folder


def record(label: str, *, sealed: bool, tell: Tell = lambda value: None) -> None:
    """Record some estimates, a marker and sound, each forced to the disk before the next."""
    key = Key.new(PASSPHRASE, n=2**10) if sealed else None  # cheap: it has no part in this
    Recorder._SYNC_S = SoundRecorder._PERIOD_S = 0.005
    try:
        folder = create_folder(label, now=NOW)
        about = manifest(folder, audio=AUDIO)
        recording = Recording(folder, about, wait=True, key=key)
        ring = RingBuffer(30 * RATE)
        recording.record_sound(ring, rate=RATE, start=0)
    except InputError as error:
        tell(["refused", str(error)])
        return
    noise = np.random.default_rng(0).normal(0, 0.1, HOP).astype(np.float32)
    sound = recording.sound
    assert sound is not None
    deadline = time.monotonic() + PATIENCE_S
    for seq in range(HOPS):
        recording.events.record(sample_estimate(seq=seq))
        ring.write(noise)
        while not recording.failures and time.monotonic() < deadline:
            if recording.events.estimates > seq and sound.kept >= (2 * seq + 1) * HOP // 2:
                break
            time.sleep(0.001)
        tell(["kept", recording.events.estimates, sound.kept])
    recording.events.record(Marker(label="drop", t=0.3))
    recording.close()
    tell(["closed", list(recording.failures), recording.events.estimates, sound.kept])


def _record_one(sealed: bool) -> Work:
    def prepare(home: Path) -> None:
        _sessions(home)
        record("before", sealed=False)
        record("before-sealed", sealed=True)

    def do(home: Path, tell: Tell) -> None:
        _sessions(home)
        record("new", sealed=sealed, tell=tell)

    def problems(home: Path, before: Files, way: Way, outcome: Outcome) -> list[str]:
        _sessions(home)
        found = _problems_of_sessions(home, before)
        found += _problems_of_recording(outcome)
        return [*found, *_problems_of_deleting(home)]

    return Work(name=f"record{', sealed' * sealed}", prepare=prepare, do=do, problems=problems)


def _problems_of_sessions(home: Path, before: Files) -> list[str]:
    """Return what is wrong beside the session that was worked on."""
    found = []
    folder = home / "sessions"
    sessions, remains = list_sessions()
    listed = sorted(one.folder.name for one in (*sessions, *remains))
    there = sorted(os.listdir(folder))
    if listed != there:
        found.append(f"{there} are there and {listed} are listed")
    after = files_below(home)
    lost = [name for name in before if "/before" in name and after.get(name) != before[name]]
    if lost:
        found.append(f"{lost} of other sessions changed")
    status, err = type_in("sessions", "list")
    if status != 0:
        found.append(f"the list ended with status {status}: {err}")
    return found


def _problems_of_recording(outcome: Outcome) -> list[str]:
    sessions, remains = list_sessions()
    new = [one for one in (*sessions, *remains) if one.name.startswith("new")]
    told = outcome.told[-1] if outcome.told else ["nothing"]
    if not new or not isinstance(new[0], Session | LockedSession):
        return ["it is gone or cannot be opened"] if told[0] in ("kept", "closed") else []
    found = []
    session = new[0].unlock(PASSPHRASE) if isinstance(new[0], LockedSession) else new[0]
    seqs = [estimate.seq for estimate in session.estimates()]
    found += session.problems()
    try:
        samples = len(soundfile.read(io.BytesIO(session.sound()))[0])
        found += session.problems()
    except (InputError, soundfile.LibsndfileError, ValueError):
        samples = 0  # killed before its length was noted for the first time
    for command in (("show", session.name), ("export", session.name), ("list",)):
        status, err = type_in("sessions", *command)
        if status != 0:
            found.append(f"{' '.join(command)} ended with status {status}: {err}")
    if seqs != list(range(len(seqs))):
        found.append(f"it holds the estimates {seqs}")
    if told[0] in ("kept", "closed") and (len(seqs) < told[-2] or samples < told[-1]):
        found.append(f"{told} was said to be kept, and {len(seqs)} and {samples} are")
    whole = (HOPS, 1, HOPS * HOP)
    if told[0] == "closed" and not told[1]:
        totals = session.totals(read=True)
        is_there = (totals.estimates, totals.markers, samples)
        if is_there != whole or session.manifest.ended_at is None:
            found.append(f"no failure was told, and of {whole} {is_there} are there")
    return found


def _problems_of_deleting(home: Path) -> list[str]:
    """Delete everything, and return what is wrong with that."""
    sessions, remains = list_sessions()
    status, err = type_in("sessions", "delete", *(one.name for one in (*sessions, *remains)))
    left = os.listdir(home / "sessions")
    return [f"deleting ended with status {status}, left {left}: {err}"] if status or left else []


def _delete() -> Work:
    def prepare(home: Path) -> None:
        _sessions(home)
        record("before", sealed=False)
        record("before-sealed", sealed=True)
        record("gone", sealed=False)
        record("gone-sealed", sealed=True)

    def names() -> list[str]:
        sessions, remains = list_sessions()
        return [one.name for one in (*sessions, *remains) if one.name.startswith("gone")]

    def do(home: Path, tell: Tell) -> None:
        _sessions(home)
        tell(list(type_in("sessions", "delete", *names())))

    def problems(home: Path, before: Files, way: Way, outcome: Outcome) -> list[str]:
        _sessions(home)
        found = _problems_of_sessions(home, before)
        status, err = outcome.told[-1] if outcome.told else (None, "")
        if status == 0 and names():
            found.append(f"{names()} are said to be deleted and are there")
        honest = names() or "the disk did not confirm" in err
        if status == 1 and not (honest and err.startswith("realtime-mer: ")):
            found.append(f"status 1 and {err!r}, and {names()} are left")
        return [*found, *_problems_of_deleting(home)]

    return Work(name="delete", prepare=prepare, do=do, problems=problems)


# -- files that take the place of others -----------------------------------------------------------


def _file(
    name: str,
    write: Callable[[Path], tuple[int, str]],
    *,
    prepare: Callable[[Path], None] = lambda home: None,
    is_whole: Callable[[bytes], bool] | None = None,
    out: str = "out",
) -> Work:
    """Return the writing of one file below a folder over an old one."""

    def prepare_all(home: Path) -> None:
        prepare(home)
        _sessions(home)
        (home / "new").mkdir()
        write(home / out)
        (home / out).rename(home / "new" / out)  # what it is to be
        (home / out).write_bytes(b"old\n")

    def do(home: Path, tell: Tell) -> None:
        _sessions(home)
        tell(list(write(home / out)))

    def problems(home: Path, before: Files, way: Way, outcome: Outcome) -> list[str]:
        _sessions(home)

        def is_new() -> bool:
            content = (home / out).read_bytes()
            return is_whole(content) if is_whole else content == before[f"new/{out}"]

        found = []
        after = files_below(home)
        beside = sorted(after.keys() - before.keys())
        # What a kill leaves, or a disk that lets nothing be removed.
        if beside not in ([], [f"{out}{PART}"]) or (beside and way in ("eio", "full")):
            found.append(f"{beside} lie beside it")
        old = after.get(out) == before[out]
        if not (old or is_new()):
            found.append(f"it is neither the old nor the new one: {after.get(out)!r:.200}")
        status, err = outcome.told[-1] if outcome.told else (None, "")
        if status == 0 and old:
            found.append("status 0, and it is the old one")
        if status == 1 and (len(err.splitlines()) != 1 or "Traceback" in err):
            found.append(f"status 1 and {err!r}")
        again = write(home / out)
        left = sorted(files_below(home).keys() - before.keys())
        if again[0] != 0 or left or not is_new():
            found.append(f"again: {again}, {left} lie beside it")
        return found

    return Work(name=name, prepare=prepare_all, do=do, problems=problems)


def _exported(format: str) -> Work:
    def prepare(home: Path) -> None:
        _sessions(home)
        record("before", sealed=format == "csv")

    def write(path: Path) -> tuple[int, str]:
        (session,) = [*list_sessions()[0]]
        return type_in("sessions", "export", session.name, "--format", format, "--out", path)

    return _file(f"export, {format}", write, prepare=prepare)


def _reported() -> Work:
    def prepare(home: Path) -> None:
        _sessions(home)
        record("before", sealed=False)

    def write(path: Path) -> tuple[int, str]:
        (session,) = [*list_sessions()[0]]
        return type_in("sessions", "report", session.name, "--out", path)

    # It tells when it was written, so no two are the same.
    return _file(
        "report", write, prepare=prepare, is_whole=lambda page: page.rstrip().endswith(b"</html>")
    )


def _plainly(write: Callable[[Path], None]) -> Callable[[Path], tuple[int, str]]:
    def told(path: Path) -> tuple[int, str]:
        try:
            write(path)
        except InputError as error:
            return 1, str(error)
        return 0, ""

    return told


def _table(suffix: str) -> Work:
    tracks = [made_track(f"/music/{number}.flac") for number in range(200)]
    return _file(
        f"table, {suffix}", _plainly(lambda path: write_table(path, tracks)), out=f"out.{suffix}"
    )


def works() -> Sequence[Work]:
    """Return everything that is tried."""
    from tests.crashing.annotating import annotating
    from tests.crashing.tagging import tagging

    playlist = [made_track(f"/music/{number}.flac") for number in range(50)]
    return (
        *(_exported(format) for format in ("csv", "jsonl", "parquet", "vtt", "flac")),
        _reported(),
        _table("csv"),
        _table("parquet"),
        _file("playlist", _plainly(lambda path: write_m3u8(path, playlist))),
        _file("channels", _plainly(lambda path: RememberedChannels(path).put("mic", [2]))),
        _delete(),
        *annotating(),
        tagging(),
        _record_one(sealed=False),
        _record_one(sealed=True),
    )
