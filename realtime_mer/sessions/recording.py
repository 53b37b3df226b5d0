"""The recordings of a live session: its events and, where it was asked for, its sound."""

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import soundfile

from realtime_mer.errors import InputError
from realtime_mer.sessions.deleting import delete_folder
from realtime_mer.sessions.manifest import Manifest
from realtime_mer.sessions.recorder import Recorder
from realtime_mer.sessions.sealing import Key
from realtime_mer.sessions.sound import Passing, SoundRecorder
from realtime_mer.sessions.store import AUDIO
from realtime_mer.wire.protocol import Event, RecordingState, StatusMessage


class Recording:
    """What writes a fresh folder of a session: the recorder of its events, and of its sound.

    Args:
        folder, manifest, wait, key: as for ``Recorder``.

    Attributes:
        folder: of the session.
        events: takes its events.
        sound: takes its sound; None where that is not recorded.

    Raises:
        InputError: nothing can be written there.
    """

    def __init__(
        self, folder: Path, manifest: Manifest, *, wait: bool = False, key: Key | None = None
    ) -> None:
        self.folder = folder
        self._key = key
        self.sound: SoundRecorder | None = None
        self._told: tuple[str, ...] = ()
        try:
            self.events = Recorder(folder, manifest, wait=wait, key=key)
        except OSError as error:
            _discard(folder)  # it holds nothing yet
            raise InputError(f"{folder} cannot be written: {error.strerror}.") from error

    def record_sound(self, ring: Passing, *, rate: int, start: int) -> SoundRecorder:
        """Record what passes through a ring too; return what does.

        Args:
            ring, rate, start: as for ``SoundRecorder``; the manifest says where in the stream that
                start is.

        Raises:
            InputError: the file cannot be made; nothing is recorded then.
        """
        try:
            sound = SoundRecorder(self.folder / AUDIO, ring, rate=rate, start=start, key=self._key)
        except (OSError, soundfile.LibsndfileError) as error:
            self.events.close()
            _discard(self.folder)
            raise InputError(f"{self.folder / AUDIO} cannot be written: {error}") from error
        self.sound = sound
        return sound

    @property
    def failures(self) -> tuple[str, ...]:
        """What ended the recording, or its sound, too early; one line each."""
        sound = self.sound.failure if self.sound is not None else None
        return (*((sound,) if sound is not None else ()), *self.events.failures)

    @property
    def state(self) -> RecordingState:
        """What is recorded at this moment, for everybody who watches."""
        return RecordingState(
            estimates=not self.events.failures,
            sound=self.sound is not None and self.sound.failure is None,
        )

    def take_failures(self) -> tuple[str, ...]:
        """Return the failures that were not returned before."""
        failures = self.failures
        new = tuple(failure for failure in failures if failure not in self._told)
        self._told = failures
        return new

    def faults(self) -> dict[str, int]:
        """Return what could not be recorded, counted."""
        return {
            "messages that could not be recorded": self.events.lost,
            "samples that the disk was too slow for": 0 if self.sound is None else self.sound.lost,
        }

    def close(self) -> None:
        """End it, once nothing more comes. May be called twice."""
        sound = self.sound
        if sound is not None:
            sound.close()
        self.events.close(
            failures=() if sound is None or sound.failure is None else (sound.failure,)
        )


def _discard(folder: Path) -> None:
    with suppress(InputError, OSError):  # what cannot be removed is listed
        delete_folder(folder)


class Deck:
    """An outlet where the recordings of one live session begin and end, one at a time.

    ``publish`` is for any thread and waits for the disk only with a source that can wait too;
    ``begin`` and ``end`` are for one at a time, ``make_room`` for
    the one that writes the ring.

    Args:
        make: returns a new recording with this label (None for the usual one), with sound or not;
            may raise InputError.
    """

    def __init__(self, make: Callable[[str | None, bool], Recording]) -> None:
        self._make = make
        self._recording: Recording | None = None
        # While a recording is made a source that can wait does, so that it misses no sound.
        self._making = threading.Lock()
        self._status: StatusMessage | None = None
        self._closed = False
        self._failures: list[str] = []  # of recordings that have ended
        self._faults: Counter[str] = Counter()
        self._whole = True

    @property
    def whole(self) -> bool:
        """Whether the recordings that have ended kept all that they were to keep."""
        return self._whole

    @property
    def name(self) -> str | None:
        """Name of the session that is being recorded; None where none is, or none any more."""
        recording = self._recording
        return None if recording is None or not recording.state.estimates else recording.folder.name

    @property
    def state(self) -> RecordingState | None:
        """What is recorded at this moment; None for nothing."""
        recording = self._recording
        return None if recording is None else recording.state

    def begin(self, label: str | None = None, *, sound: bool) -> Recording:
        """Begin a recording; one that failed gives way to it.

        Raises:
            InputError: another is going on, nothing can be written, or the session is over.
        """
        if self._closed:
            raise InputError("The session is over, so nothing can be recorded.")
        if self.name is not None:
            raise InputError(f"{self.name} is being recorded: stop that first.")
        self.end()
        with self._making:
            recording = self._make(label, sound)
            if self._status is not None:
                recording.events.record(
                    self._status
                )  # else nothing tells what the first estimate is of
            self._recording = recording
        return recording

    def end(self) -> None:
        """End the recording, if there is one. May take a moment."""
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.close()
            faults = recording.faults()
            if recording.failures or any(faults.values()):
                self._whole = False
            self._failures += recording.take_failures()
            self._faults.update(faults)

    def close(self) -> None:
        """End the recording, if there is one, and begin no other."""
        self._closed = True
        self.end()

    def publish(self, event: Event) -> None:
        """Take an event, whether or not it is recorded."""
        if isinstance(event, StatusMessage):
            self._status = event
        recording = self._recording
        if recording is not None:
            recording.events.record(event)

    def make_room(self, length: int) -> None:
        """Wait until so many more samples can go into the ring without the recording losing any.

        For a source that can wait.
        """
        with self._making:
            recording = self._recording
        if recording is not None and recording.sound is not None:
            recording.sound.make_room(length)

    def take_failures(self) -> tuple[str, ...]:
        """Return the failures that were not returned before, one line each."""
        recording = self._recording
        ended, self._failures = self._failures, []
        return (*ended, *(() if recording is None else recording.take_failures()))

    def faults(self) -> dict[str, int]:
        """Return what the recordings that have ended could not take, counted."""
        return dict(self._faults)
