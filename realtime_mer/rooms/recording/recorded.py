"""A room that is recorded: its sessions, one after the other, of which each sample is in one.

Everything is called in the service's loop. Folders are made and ended in a thread, and nobody waits
for the disk meanwhile: what comes then waits in a bounded place.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from realtime_mer import __version__
from realtime_mer.errors import InputError
from realtime_mer.recognizer.contract import Model
from realtime_mer.rooms.recording.tap import SoundTap
from realtime_mer.rooms.recording.tape import Tape
from realtime_mer.rooms.room import Room
from realtime_mer.sessions.deleting import delete_folder
from realtime_mer.sessions.manifest import Manifest
from realtime_mer.sessions.recording import Recording
from realtime_mer.sessions.sealing import Key
from realtime_mer.sessions.store import AUDIO, create_folder
from realtime_mer.wire.protocol import Event, RecordingState, StatusMessage

TAPE_S = 30.0
"""Seconds of sound that may wait for the disk."""

_MOST_WAITING = 4096  # events, while a session is made
_GRACE_S = 60.0  # that a session waits at most for what is told of its last sound


@dataclass(frozen=True, slots=True)
class _Session:
    recording: Recording
    tap: SoundTap | None


@dataclass(slots=True)
class _Next:
    """A session that is being made.

    Attributes:
        made: it.
        tap: takes the sound from its beginning on; None where no sound is kept.
        begins: seconds of the room's sound at which it does.
        at: when that was, in seconds of a steady clock.
        status: that held then; None for none.
        events: of what comes after that.
    """

    made: Future[_Session]
    tap: SoundTap | None
    begins: float
    at: float
    status: StatusMessage | None
    events: deque[Event]


class RecordedRoom:
    """Records a room from now on.

    Args:
        room: it.
        model: of all rooms.
        sound: whether its sound is recorded, too.
        key: encrypts what is recorded; None does not.
        pool: one thread, in which the disk is waited for.
        say: takes a line for people, in any thread.

    Raises:
        InputError: nothing can be written.
    """

    def __init__(
        self,
        room: Room,
        model: Model,
        *,
        sound: bool,
        key: Key | None,
        pool: Executor,
        say: Callable[[str], None],
    ) -> None:
        self._room, self._model, self._key, self._say = room, model, key, say
        self._with_sound, self._pool = sound, pool
        self._status: StatusMessage | None = None
        self._next: _Next | None = None
        self._session = self._maker()()
        room.outlets.append(self._record)
        if sound:
            room.taps.append(self._take)

    @property
    def state(self) -> RecordingState:
        """What is recorded at this moment."""
        return self._session.recording.state

    def renew(self, now: float) -> None:
        """Begin another session with the sound that comes next, unless one is being begun.

        Args:
            now: seconds of a steady clock.
        """
        if self._next is not None:
            return
        room, tap = self._room, self._new_tap()
        # Where it is fed at another node, the sound here says nothing of how far it has come.
        told = 0.0 if room.latest is None else room.latest.t
        self._next = _Next(
            made=self._pool.submit(self._maker(tap)),
            tap=tap,
            begins=max(told, room.position / self._model.sample_rate),
            at=now,
            status=self._status,
            events=deque(),
        )

    def look(self, now: float) -> None:
        """Say what has failed, and let a session that was made take over once it is its turn."""
        self._tell_failures(self._session.recording)
        coming = self._next
        if coming is None or not coming.made.done():
            return
        told = bool(coming.events) or self._room.backlog_s == 0
        if told or now - coming.at > _GRACE_S:
            self._turn(coming)

    async def close(self) -> None:
        """End it, once what is being made has been; returns when all is written."""
        if self._next is not None:
            await asyncio.gather(asyncio.wrap_future(self._next.made), return_exceptions=True)
            self._turn(self._next)
        await asyncio.wrap_future(self._pool.submit(self._end, self._session))

    # -- a session after another ------------------------------------------------------------------

    def _new_tap(self) -> SoundTap | None:
        rate = self._model.sample_rate
        return SoundTap(Tape(round(TAPE_S * rate)), rate=rate) if self._with_sound else None

    def _maker(self, tap: SoundTap | None = None) -> Callable[[], _Session]:
        """Return what makes a session that begins now, in whichever thread.

        Raises (what is returned):
            InputError: nothing can be written.
        """
        tap = tap or self._new_tap()
        room, model, now = self._room, self._model, datetime.now().astimezone()
        position, source = room.position, room.source

        def make() -> _Session:
            folder = create_folder(room.name, now=now)
            manifest = Manifest(
                name=folder.name,
                started_at=now.isoformat("T", "milliseconds"),
                software=__version__,
                source=source,
                hello=room.audience.hello,
                model_card=model.card.model_dump(mode="json"),
                compute=model.compute,
                settings={"room": room.name},
                audio=None if tap is None else AUDIO,
                audio_start=0 if tap is None else position,
            )
            recording = Recording(folder, manifest, key=self._key)
            if tap is not None:
                tap.write_with(recording.record_sound(tap.tape, rate=model.sample_rate, start=0))
            self._say(f"Room {room.name} is recorded: {folder}. {recording.state.sentence}")
            return _Session(recording, tap)

        return make

    def _turn(self, coming: _Next) -> None:
        """Let a session take over, and the one before end."""
        self._next = None
        before = self._session
        try:
            self._session = coming.made.result()
        except InputError as error:
            self._say(f"Room {self._room.name}: {error} Its session of before goes on.")
            if coming.tap is not None and before.tap is not None:
                for samples, missing in coming.tap.tape.drain():
                    before.tap(samples, missing)
        events = self._session.recording.events
        if self._session is not before:
            self._pool.submit(self._end, before)
            if coming.status is not None:
                events.record(coming.status)  # else nothing tells what the first estimate is of
        for event in coming.events:
            events.record(event)

    def _end(self, session: _Session) -> None:
        """Write the rest, and keep no session of a time in which nothing happened."""
        recording = session.recording
        recording.close()
        for what, count in recording.faults().items():
            if count:
                self._say(f"Room {self._room.name}: {count} {what}")
        self._tell_failures(recording)
        events = recording.events
        # Sound may have come while nobody computed it.
        heard = session.tap is not None and session.tap.tape.written > 0
        told = events.estimates or events.markers or events.lost
        if not (told or heard or recording.failures):
            with suppress(InputError, OSError):  # what cannot be removed is listed
                delete_folder(recording.folder)

    def _tell_failures(self, recording: Recording) -> None:
        for failure in recording.take_failures():
            self._say(f"Room {self._room.name}: {failure}")

    # -- what comes --------------------------------------------------------------------------------

    def _record(self, event: Event) -> None:
        coming = self._next
        if isinstance(event, StatusMessage):
            self._status = event
        late = coming is not None and (event.t or 0.0) > coming.begins
        if coming is not None and late and len(coming.events) < _MOST_WAITING:
            coming.events.append(event)
            return
        self._session.recording.events.record(event)
        if coming is not None and isinstance(event, StatusMessage):
            coming.status = event

    def _take(self, samples: NDArray[np.float32], missing: int) -> None:
        tap = self._session.tap if self._next is None else self._next.tap
        if tap is not None:
            tap(samples, missing)
