"""Where sessions are kept: names, manifests, reading, finding."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import platformdirs

from realtime_mer.errors import InputError, ProtocolError
from realtime_mer.estimate import Estimate
from realtime_mer.sessions.deleting import (
    STAMP,
    Remains,
    State,
    begun_by_name,
    delete_folder,
    left_of_deletion,
    session_name,
)
from realtime_mer.sessions.files import open_plain
from realtime_mer.sessions.manifest import (
    MANIFEST,
    Manifest,
    SealedManifest,
    read_manifest,
)
from realtime_mer.sessions.sealing import Key, SealedReader, sealed_path
from realtime_mer.wire.protocol import (
    EstimateRow,
    Level,
    Marker,
    ServerMessage,
    parse_server_message,
    parse_server_row,
)
from realtime_mer.wording import counted
from realtime_mer.writing.replacing import sync_folder

FOLDER_VARIABLE = "REALTIME_MER_SESSIONS"
"""Environment variable that names another folder for sessions."""

EVENTS = "events.jsonl"
AUDIO: Final = "audio.flac"

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_LONGEST_LABEL = 80


@dataclass(frozen=True, kw_only=True)
class Totals:
    """How much a session holds.

    Attributes:
        estimates, markers: how many.
        start: seconds of the stream at which the first estimate's hop begins, 0 without any; more
            where the recording began amid a session.
        seconds: seconds of sound from there to the last estimate.
        damaged: lines in the middle that cannot be read; a torn last line is not counted.
    """

    estimates: int
    markers: int
    start: float
    seconds: float
    damaged: int = 0


class Session:
    """A recorded session, or one that is being recorded, read only.

    Args:
        folder: where its files are.
        key: of an encrypted session; see ``unlock``.

    Attributes:
        damaged: what could not be read; known once ``messages`` has been read to its end.
        cut_off: whether an encrypted session that was ended lacks its end; known then, too.

    Raises:
        InputError: there is no session, it is locked, or its manifest cannot be read.
    """

    def __init__(self, folder: Path, *, key: Key | None = None) -> None:
        self.folder = folder
        self.damaged = 0
        self.cut_off = False
        self._key = key
        manifest = read_manifest(folder)
        if isinstance(manifest, Manifest):
            self.manifest = manifest
        elif key is None:
            raise InputError(f"{folder.name} is encrypted: its passphrase is needed.")
        else:
            self.manifest = manifest.unseal(key)

    @property
    def name(self) -> str:
        """Name of the session."""
        return self.folder.name

    @property
    def encrypted(self) -> bool:
        """Whether its files are sealed."""
        return self._key is not None

    def messages(self) -> Iterator[ServerMessage]:
        """Yield what was recorded, in order.

        A torn last line, which a crash leaves, is ignored; other lines that cannot be read are
        counted in ``damaged``.

        Raises:
            InputError: their file cannot be read.
        """
        return self._read(parse_server_message)

    def _read(self, parse: Callable[[str], Any]) -> Iterator[Any]:
        self.damaged, self.cut_off = 0, False
        for line in self._lines():
            try:
                message = parse(line.decode("utf-8"))
            except (UnicodeDecodeError, ProtocolError):
                self.damaged += 1
                continue
            if message is not None:
                yield message

    def _lines(self) -> Iterator[bytes]:
        try:
            if self._key is None:
                with open_plain(self.folder / EVENTS) as file:
                    for line in file:
                        if line.endswith(b"\n"):
                            yield line
                return
            reader = SealedReader(sealed_path(self.folder / EVENTS), key=self._key, purpose=EVENTS)
            yield from reader
            self._judge(reader)
        except FileNotFoundError:  # killed between the manifest and the first event
            self.cut_off = self._key is not None and self.manifest.ended_at is not None
        except OSError as error:
            raise InputError(f"{self.name} cannot be read: {error}.") from error

    @property
    def sound_start(self) -> float | None:
        """Seconds of the stream at which the kept sound begins; None where none was kept."""
        manifest = self.manifest
        return manifest.audio_start / manifest.hello.sample_rate if manifest.audio else None

    def sound(self) -> bytes:
        """Return the FLAC file of the session's sound.

        Raises:
            InputError: there is none, or it cannot be read.
        """
        if self.manifest.audio is None:
            raise InputError(
                f"No sound was kept of {self.name}: it was recorded without --record-audio."
            )
        from realtime_mer.sessions.sound import read_sound  # NumPy takes long, and few need it

        path = self.folder / AUDIO  # names in a session are fixed, whatever its manifest says
        try:
            if self._key is None:
                with open_plain(path) as file:
                    sound = file.read()
            else:
                self.damaged = 0
                sound, reader = read_sound(path, key=self._key)
                self._judge(reader)
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}.") from error
        if not sound:
            raise InputError(f"{self.name} ended before any of its sound was kept.")
        return sound

    def _judge(self, reader: SealedReader) -> None:
        self.damaged += reader.damaged
        # A recording that failed, or was killed, could not note its end.
        whole = self.manifest.ended_at is not None and not self.manifest.failures
        self.cut_off = whole and not reader.ended

    def problems(self) -> list[str]:
        """Return what is wrong with what ``messages`` read, a line each."""
        found = []
        if self.damaged:
            found.append(
                f"{self.name}: {counted(self.damaged, 'part')} of what was recorded cannot be "
                "read: damaged or changed, and left out."
            )
        if self.cut_off:
            found.append(
                f"{self.name}: its end is missing, though it had been recorded: somebody or "
                "something cut it off."
            )
        return found

    def estimates(self) -> Iterator[Estimate]:
        """Yield the estimates, in order."""
        for message in self.messages():
            if isinstance(message, Estimate):
                yield message

    def rows(self, *, others: Callable[[ServerMessage | Level], None]) -> Iterator[Any]:
        """Yield an ``EstimateRow`` of each estimate, in a third of the time of ``estimates``.

        Args:
            others: is handed every other message on the way, so that all of a session can be had
                from one reading; of a level no more than ``Level`` says.
        """
        for message in self._read(parse_server_row):
            if isinstance(message, EstimateRow):
                yield message
            else:
                others(message)

    def totals(self, *, read: bool = False) -> Totals:
        """Return how much the session holds.

        Args:
            read: count anew, and find what is damaged, even if the session was ended.
        """
        manifest = self.manifest
        if not read and None not in (manifest.estimates, manifest.markers, manifest.seconds):
            return Totals(
                estimates=manifest.estimates or 0,
                markers=manifest.markers or 0,
                start=manifest.start or 0.0,
                seconds=manifest.seconds or 0.0,
            )
        estimates = markers = 0
        first = last = None
        for message in self.messages():
            if isinstance(message, Estimate):
                estimates += 1
                first, last = first or message, message
            elif isinstance(message, Marker):
                markers += 1
        start, seconds = span(first, last, hop=manifest.hello.hop)
        return Totals(
            estimates=estimates,
            markers=markers,
            start=start,
            seconds=seconds,
            damaged=self.damaged,
        )

    def delete(self) -> None:
        """Remove every file of the session.

        Raises:
            InputError, OSError: as ``delete_folder``.
        """
        delete_folder(self.folder)


@dataclass(frozen=True, kw_only=True)
class LockedSession:
    """An encrypted session, of which only name and start can be seen."""

    folder: Path
    manifest: SealedManifest

    @property
    def name(self) -> str:
        """Name of the session."""
        return self.folder.name

    def unlock(self, passphrase: str) -> Session:
        """Return the session.

        Raises:
            InputError: it is the wrong passphrase, or the manifest was changed.
        """
        return Session(self.folder, key=Key.of(passphrase, self.manifest.derivation))

    def delete(self) -> None:
        """Remove every file of the session, for which nobody needs the passphrase.

        Raises:
            InputError, OSError: as ``delete_folder``.
        """
        delete_folder(self.folder)


def span(first: Estimate | None, last: Estimate | None, *, hop: float) -> tuple[float, float]:
    """Return where in the stream a session begins, and its length, in seconds of sound."""
    if first is None or last is None:
        return 0.0, 0.0
    from realtime_mer.sessions.course import hop_start  # NumPy takes long

    start = hop_start(first.t, hop=hop)
    return start, round(last.t - start, 6)


AnySession = Session | LockedSession


def open_folder(folder: Path) -> AnySession:
    """Return the session in a folder, locked if it is encrypted.

    Raises:
        InputError: there is none, or its manifest cannot be read.
    """
    manifest = read_manifest(folder)
    if isinstance(manifest, SealedManifest):
        return LockedSession(folder=folder, manifest=manifest)
    return Session(folder)


def sessions_folder() -> Path:
    """Return where sessions are kept; it need not exist."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen)
    return platformdirs.user_data_path("realtime-mer", appauthor=False) / "sessions"


def create_folder(label: str, *, now: datetime) -> Path:
    """Make the folder of a new session, open to its user alone, and return it.

    Its name is the label, in which anything but letters, digits, ``-``, ``_`` and ``.`` became
    ``-``, and the time stamp.

    Raises:
        InputError: the label holds no letter or digit, or the folder cannot be made.
    """
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", label).strip("-._")[:_LONGEST_LABEL]
    if not plain:
        raise InputError(f"--record {label!r}: a name needs a letter or a digit (a-z, 0-9).")
    home = sessions_folder()
    name = f"{plain}-{now:{STAMP}}"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in range(1, 1000):
            folder = home / (name if number == 1 else f"{name}-{number}")
            try:
                folder.mkdir(mode=0o700)
            except FileExistsError:
                continue
            sync_folder(home)
            return folder
    except OSError as error:
        raise InputError(
            f"{home} cannot hold a session: {error.strerror}; choose another folder with "
            f"{FOLDER_VARIABLE}."
        ) from error
    raise InputError(
        f"{home / name} and a thousand names like it are taken: choose another --record."
    )


def list_sessions() -> tuple[list[AnySession], list[Remains]]:
    """Return all sessions, oldest first, and what else may hold recordings, by name."""
    found = [_look_at(folder) for folder in _folders()]
    sessions = [one for one in found if isinstance(one, Session | LockedSession)]
    # By the instant, as offsets from UTC differ between summer and winter.
    sessions.sort(key=lambda session: datetime.fromisoformat(session.manifest.started_at))
    remains = [one for one in found if isinstance(one, Remains)]
    return sessions, sorted(remains, key=lambda one: one.name)


def open_session(name: str, *, passphrase: Callable[[str], str]) -> Session:
    """Return the session of that name, or of the only one that begins so, unlocked.

    Args:
        passphrase: is called with the name of a session that is encrypted.

    Raises:
        InputError: there is none, or more than one, or the passphrase is wrong.
    """
    found = find_session(name)
    return found if isinstance(found, Session) else found.unlock(passphrase(found.name))


def find_session(name: str) -> AnySession:
    """Return the session of that name, or of the only one that begins so.

    Raises:
        InputError: there is none, or more than one, or it cannot be opened.
    """
    folders = _folders()  # whatever a name looks like, it is compared and never part of a path
    found = [folder for folder in folders if session_name(folder) == name][-1:]
    if not found:
        if not _NAME.fullmatch(name):
            raise InputError(f"{name!r} is no name of a session; see `realtime-mer sessions list`.")
        found = [folder for folder in folders if folder.name.startswith(name)]
    things = [thing for folder in found if (thing := _look_at(folder)) is not None]
    if len(things) == 1:
        (thing,) = things
        if isinstance(thing, Remains):
            raise InputError(thing.problem)
        return thing
    if not things:
        raise InputError(
            f"There is no session {name!r} in {sessions_folder()}; "
            "see `realtime-mer sessions list`."
        )
    names = ", ".join(thing.name for thing in things[:5])
    raise InputError(f"{name!r} fits {len(things)} sessions ({names}); give more of the name.")


def find_to_delete(name: str) -> AnySession | Remains:
    """Return the session, or what is left of one, that has exactly that name.

    Raises:
        InputError: there is none.
    """
    sessions, remains = list_sessions()
    for thing in (*sessions, *remains):
        if thing.name == name:
            return thing
    raise InputError(f"To delete {find_session(name).name}, give its whole name.")


def _folders() -> list[Path]:
    """Return the folders among the sessions, and the links, in order."""
    try:
        with os.scandir(sessions_folder()) as entries:
            return sorted(Path(one.path) for one in entries if one.is_dir() or one.is_symlink())
    except FileNotFoundError:
        return []


def _look_at(folder: Path) -> AnySession | Remains | None:
    """Return what a folder holds; None for what has nothing to do with sessions."""
    left = left_of_deletion(folder)
    if left is not None:
        return left
    name = folder.name
    has_manifest = os.path.lexists(folder / MANIFEST)
    stamped = begun_by_name(name) is not None
    if folder.is_symlink():
        if not has_manifest and not stamped:
            return None
        problem = f"{name} is a link, and links are not followed."
        return Remains(folder=folder, state=State.LINK, problem=problem)
    if has_manifest:
        try:
            return open_folder(folder)
        except InputError as error:
            return Remains(folder=folder, state=State.DAMAGED, problem=str(error))
    files = (EVENTS, AUDIO)
    recorded = any(
        os.path.lexists(path)
        for file in files
        for path in (folder / file, sealed_path(folder / file))
    )
    if not stamped and not recorded:
        return None
    return Remains(
        folder=folder,
        state=State.UNFINISHED,
        problem=f"{name} has no {MANIFEST}: something broke off its beginning or its deletion; "
        f"`realtime-mer sessions delete {name}` removes what it holds.",
    )
