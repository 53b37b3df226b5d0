"""What is recorded of rooms, as sessions: what is estimated and, where asked for, the sound.

They lie where sessions do, so that ``realtime-mer sessions`` lists, replays, reports, exports and
deletes them like any other.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from datetime import time as TimeOfDay

from realtime_mer.recognizer.contract import Model
from realtime_mer.rooms.recording.days import next_break
from realtime_mer.rooms.recording.recorded import RecordedRoom
from realtime_mer.rooms.room import Room
from realtime_mer.sessions.sealing import Key
from realtime_mer.wire.protocol import RecordingState


class RoomRecordings:
    """The recordings of some rooms, from the start of a service to its end, a session a day each.

    Args:
        names: of the rooms of which what is estimated is recorded.
        sound: of those whose sound is recorded, too.
        new_at: time of day, by this machine's clock, at which new sessions begin; None for never.
        key: encrypts what is recorded; None does not.
        say: takes a line for people, in any thread.
        clock: gives the time of day, with its offset.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        sound: Sequence[str] = (),
        new_at: TimeOfDay | None = None,
        key: Key | None,
        say: Callable[[str], None],
        clock: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        self._names, self._sound = frozenset((*names, *sound)), frozenset(sound)
        self._key, self._say = key, say
        self._new_at, self._clock = new_at, clock
        self._due = None if new_at is None else next_break(clock(), new_at)
        self._rooms: dict[str, RecordedRoom] = {}
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="realtime-mer-recordings")

    def begin(self, room: Room, model: Model) -> None:
        """Record a room from now on, if it is one of those.

        Raises:
            InputError: nothing can be written.
        """
        if room.name in self._names:
            self._rooms[room.name] = RecordedRoom(
                room,
                model,
                sound=room.name in self._sound,
                key=self._key,
                pool=self._pool,
                say=self._say,
            )

    def state(self, name: str) -> RecordingState | None:
        """Return what is recorded of a room at this moment; None for nothing."""
        room = self._rooms.get(name)
        return None if room is None else room.state

    def states(self) -> dict[str, RecordingState]:
        """Return what is recorded at this moment of those rooms of which something is, or was."""
        return {name: room.state for name, room in self._rooms.items()}

    def look(self) -> None:
        """Begin new sessions where it is time, and say what has failed since the last look."""
        now = time.monotonic()
        if self._new_at is not None and self._due is not None and self._clock() >= self._due:
            self._due = next_break(self._clock(), self._new_at)
            for room in self._rooms.values():
                room.renew(now)
        for room in self._rooms.values():
            room.look(now)

    async def close(self) -> None:
        """End all of them, and say what of them is missing."""
        await asyncio.gather(*(room.close() for room in self._rooms.values()))
        self._pool.shutdown()
