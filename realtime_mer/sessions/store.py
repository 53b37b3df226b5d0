"""Where sessions are kept: names, manifests, reading, deleting."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, ValidationError

from realtime_mer.errors import InputError, ProtocolError
from realtime_mer.estimate import Estimate
from realtime_mer.protocol import Hello, Marker, ServerMessage, parse_server_message

FOLDER_VARIABLE = "REALTIME_MER_SESSIONS"
"""Environment variable that names another folder for sessions."""

MANIFEST = "manifest.json"
EVENTS = "events.jsonl"
AUDIO = "audio.flac"

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_LONGEST_LABEL = 80


class Manifest(BaseModel):
    """What a session is of.

    Attributes:
        format, version: of the session's files.
        name: of the session and its folder.
        pseudonym: whom the session is about, as the therapist calls them; None for nobody.
        started_at: ISO 8601 time with offset.
        ended_at: the same; None while it is recorded, and for ever after a crash.
        software: version of realtime-mer.
        source: device, file or piece, as a person would call it.
        hello: what subscribers were told.
        model_card: the checkpoint's card.
        compute: where the network ran.
        settings: options of the command line, without secrets.
        audio: name of the sound file in the folder; None for none.
        estimates, markers: how many were recorded; None until the session was ended.
        seconds: seconds of sound at the last estimate; None until the session was ended.
        lost: messages that could not be recorded.
        failures: what went wrong, one line each.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    format: Literal["realtime-mer.session"] = "realtime-mer.session"
    version: Literal[1] = 1
    name: str
    pseudonym: str | None = None
    started_at: str
    ended_at: str | None = None
    software: str
    source: str
    hello: Hello
    model_card: dict[str, Any]
    compute: str
    settings: dict[str, Any]
    audio: str | None = None
    estimates: int | None = None
    markers: int | None = None
    seconds: float | None = None
    lost: int = 0
    failures: tuple[str, ...] = ()

    def write(self, folder: Path) -> None:
        """Put the manifest into a folder, so that a crash leaves the old one or the new one."""
        path = folder / f"{MANIFEST}.new"
        with path.open("w", encoding="utf-8") as file:
            json.dump(self.model_dump(mode="json"), file, indent=2, allow_nan=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        path.replace(folder / MANIFEST)
        sync_folder(folder)


@dataclass(frozen=True, kw_only=True)
class Totals:
    """How much a session holds.

    Attributes:
        estimates, markers: how many.
        seconds: seconds of sound at the last estimate, 0 without any.
        damaged: lines in the middle that cannot be read; a torn last line is not counted.
    """

    estimates: int
    markers: int
    seconds: float
    damaged: int = 0


class Session:
    """A recorded session, or one that is being recorded, read only.

    Args:
        folder: where its files are.

    Raises:
        InputError: there is no session, or its manifest cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.damaged = 0
        try:
            text = (folder / MANIFEST).read_text("utf-8")
            self.manifest = Manifest.model_validate_json(text)
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{folder} holds no session: {error}.") from error
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, problem["loc"])) or "it"
            raise InputError(
                f"{folder / MANIFEST} cannot be used: {where}: {problem['msg']}; "
                "it may be of a newer version of realtime-mer."
            ) from error

    @property
    def name(self) -> str:
        """Name of the session."""
        return self.folder.name

    def messages(self) -> Iterator[ServerMessage]:
        """Yield what was recorded, in order.

        A torn last line, which a crash leaves, is ignored; other lines that cannot be read are
        counted in ``damaged``.
        """
        self.damaged = 0
        try:
            file = (self.folder / EVENTS).open("rb")
        except FileNotFoundError:  # killed between the manifest and the first event
            return
        with file:
            for line in file:
                if not line.endswith(b"\n"):
                    return
                try:
                    message = parse_server_message(line.decode("utf-8"))
                except (UnicodeDecodeError, ProtocolError):
                    self.damaged += 1
                    continue
                if message is not None:
                    yield message

    def estimates(self) -> Iterator[Estimate]:
        """Yield the estimates, in order."""
        return (message for message in self.messages() if isinstance(message, Estimate))

    def totals(self) -> Totals:
        """Return how much the session holds; counted anew where it was not ended."""
        manifest = self.manifest
        if None not in (manifest.estimates, manifest.markers, manifest.seconds):
            return Totals(
                estimates=manifest.estimates or 0,
                markers=manifest.markers or 0,
                seconds=manifest.seconds or 0.0,
            )
        estimates = markers = 0
        seconds = 0.0
        for message in self.messages():
            if isinstance(message, Estimate):
                estimates += 1
                seconds = message.t
            elif isinstance(message, Marker):
                markers += 1
        return Totals(estimates=estimates, markers=markers, seconds=seconds, damaged=self.damaged)

    def delete(self) -> None:
        """Remove every file of the session.

        Raises:
            OSError: a file cannot be removed.
        """
        # Without its manifest it is no session any more, even if the rest could not be removed.
        (self.folder / MANIFEST).unlink()
        shutil.rmtree(self.folder)


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
    name = f"{plain}-{now:%Y%m%d-%H%M%S}"
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
    raise InputError(f"{home / name} and a thousand like it are there already.")


def list_sessions() -> tuple[list[Session], list[str]]:
    """Return all sessions, oldest first, and a line for each folder that cannot be read."""
    home = sessions_folder()
    sessions, problems = [], []
    for path in sorted(home.glob(f"*/{MANIFEST}")):
        try:
            sessions.append(Session(path.parent))
        except InputError as error:
            problems.append(str(error))
    # By the instant, as offsets from UTC differ between summer and winter.
    sessions.sort(key=lambda session: datetime.fromisoformat(session.manifest.started_at))
    return sessions, problems


def find_session(name: str) -> Session:
    """Return the session of that name, or of the only one that begins so.

    Raises:
        InputError: there is none, or more than one.
    """
    home = sessions_folder()
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} is no name of a session; see `realtime-mer sessions list`.")
    if (home / name / MANIFEST).is_file():
        return Session(home / name)
    found = sorted(path.parent for path in home.glob(f"{name}*/{MANIFEST}"))
    if len(found) == 1:
        return Session(found[0])
    if not found:
        raise InputError(
            f"There is no session {name!r} in {home}; see `realtime-mer sessions list`."
        )
    names = ", ".join(path.name for path in found[:5])
    raise InputError(f"{name!r} fits {len(found)} sessions ({names}); give more of the name.")


def sync_folder(folder: Path) -> None:
    """Make sure that the names in a folder survive a power cut, where the system can."""
    if os.name == "nt":  # folders cannot be opened there (not run on Windows)
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
