"""What is recorded of rooms, as a session each: what is estimated and, where asked for, the sound.

They lie where sessions do, so that ``realtime-mer sessions`` lists, replays, reports, exports and
deletes them like any other.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from realtime_mer import __version__
from realtime_mer.recognizer.contract import Model
from realtime_mer.rooms.recording.tape import Tape
from realtime_mer.rooms.room import Room
from realtime_mer.sessions.manifest import Manifest
from realtime_mer.sessions.recording import Recording
from realtime_mer.sessions.sealing import Key
from realtime_mer.sessions.sound import SoundRecorder
from realtime_mer.sessions.store import AUDIO, create_folder
from realtime_mer.wire.protocol import Event, RecordingState

TAPE_S = 30.0
"""Seconds of sound that may wait for the disk."""

AHEAD_S = 60.0
"""Seconds that the sound of a recorded room may be ahead of what a clock and ``SPEED`` let come.

What was lost is zeros on the disk. A sender that leaps ahead by a week, again and again, would have
them written for ever; one that was away for a night is not ahead of anything.
"""

SPEED = 2.0


class RoomRecordings:
    """The recordings of some rooms, from the start of a service to its end.

    Args:
        names: of the rooms of which what is estimated is recorded.
        sound: of those whose sound is recorded, too.
        key: encrypts what is recorded; None does not.
        say: takes a line for people.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        sound: Sequence[str] = (),
        key: Key | None,
        say: Callable[[str], None],
    ) -> None:
        self._names, self._sound = frozenset((*names, *sound)), frozenset(sound)
        self._key, self._say = key, say
        self._recordings: dict[str, Recording] = {}

    def begin(self, room: Room, model: Model) -> None:
        """Record a room from now on, if it is one of those.

        Raises:
            InputError: nothing can be written.
        """
        if room.name not in self._names:
            return
        now, rate = datetime.now().astimezone(), model.sample_rate
        with_sound = room.name in self._sound
        folder = create_folder(room.name, now=now)
        manifest = Manifest(
            name=folder.name,
            started_at=now.isoformat("T", "milliseconds"),
            software=__version__,
            source=room.source,
            hello=room.audience.hello,
            model_card=model.card.model_dump(mode="json"),
            compute=model.compute,
            settings={"room": room.name},
            audio=AUDIO if with_sound else None,
            audio_start=room.position if with_sound else 0,
        )
        recording = Recording(folder, manifest, key=self._key)
        if with_sound:
            tape = Tape(round(TAPE_S * rate))
            sound = recording.record_sound(tape, rate=rate, start=0)
            room.taps.append(SoundTap(tape, sound, rate=rate))
        self._recordings[room.name] = recording

        def record(event: Event) -> None:
            recording.events.record(event)

        room.outlets.append(record)
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


class SoundTap:
    """Hands the sound of a room to whoever writes it, and never waits for the disk.

    Args:
        tape: where it waits.
        recorder: writes it.
        rate: samples a second.
        clock: seconds of a clock that goes on while the machine sleeps.
    """

    def __init__(
        self,
        tape: Tape,
        recorder: SoundRecorder,
        *,
        rate: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._tape, self._recorder, self._rate = tape, recorder, rate
        self._clock = clock
        self._begun = clock()

    def __call__(self, samples: NDArray[np.float32], missing: int) -> None:
        """Take the next sound of the room.

        Args:
            samples: float32 ``(n,)``; not to be changed any more.
            missing: samples that were lost before them.
        """
        if self._recorder.failure is not None:
            return
        came_s = (self._tape.written + missing + len(samples)) / self._rate
        passed_s = max(0.0, self._clock() - self._begun)
        if came_s > SPEED * passed_s + AHEAD_S:
            self._recorder.end(
                f"its sender left out {missing / self._rate:.0f} s that have not passed yet"
            )
        else:
            self._tape.write(samples, missing=missing)
