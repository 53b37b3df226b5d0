"""What is recorded of rooms: what is estimated, never the sound, as a session each.

They lie where sessions do, so that ``realtime-mer sessions`` lists, replays, reports, exports and
deletes them like any other.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from realtime_mer import __version__
from realtime_mer.recognizer.contract import StreamingRecognizer
from realtime_mer.rooms.room import Room
from realtime_mer.sessions.manifest import Manifest
from realtime_mer.sessions.recording import Recording
from realtime_mer.sessions.sealing import Key
from realtime_mer.sessions.store import create_folder
from realtime_mer.wire.protocol import Event, RecordingState


class RoomRecordings:
    """The recordings of some rooms, from the start of a service to its end.

    Args:
        names: of the rooms that are recorded.
        key: encrypts what is recorded; None does not.
        say: takes a line for people.
    """

    def __init__(
        self, names: Sequence[str], *, key: Key | None, say: Callable[[str], None]
    ) -> None:
        self._names = frozenset(names)
        self._key, self._say = key, say
        self._recordings: dict[str, Recording] = {}

    def begin(self, room: Room, recognizer: StreamingRecognizer) -> None:
        """Record a room from now on, if it is one of those.

        Raises:
            InputError: nothing can be written.
        """
        if room.name not in self._names:
            return
        now = datetime.now().astimezone()
        folder = create_folder(room.name, now=now)
        manifest = Manifest(
            name=folder.name,
            started_at=now.isoformat("T", "milliseconds"),
            software=__version__,
            source=room.source,
            hello=room.audience.hello,
            model_card=recognizer.card.model_dump(mode="json"),
            compute=recognizer.compute,
            settings={"room": room.name},
        )
        recording = Recording(folder, manifest, key=self._key)
        self._recordings[room.name] = recording
        room.outlets.append(partial(_record, recording))
        room.recording = lambda: recording.state
        self._say(f"Room {room.name} is recorded: {folder}. {recording.state.sentence}")

    def state(self, name: str) -> RecordingState | None:
        """Return what is recorded of a room at this moment; None for nothing."""
        recording = self._recordings.get(name)
        return None if recording is None else recording.state

    def look(self) -> None:
        """Say what has failed since the last look."""
        for name, recording in self._recordings.items():
            for failure in recording.take_failures():
                self._say(f"Room {name}: {failure}")

    def close(self) -> None:
        """End all of them, and say what of them is missing."""
        for name, recording in self._recordings.items():
            recording.close()
            for what, count in recording.faults().items():
                if count:
                    self._say(f"Room {name}: {count} {what}")
        self.look()


def _record(recording: Recording, event: Event) -> None:
    recording.events.record(event)
