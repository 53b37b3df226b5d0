"""The recording of a live session: its events and, where it was asked for, its sound."""

import shutil
from pathlib import Path

import soundfile

from realtime_mer.audio.ring import RingBuffer
from realtime_mer.errors import InputError
from realtime_mer.protocol import ServerMessage
from realtime_mer.sessions.recorder import Recorder
from realtime_mer.sessions.sound import SoundRecorder
from realtime_mer.sessions.store import AUDIO, Manifest


class Recording:
    """Records into a fresh folder of a session.

    Args:
        folder, manifest, wait: as for ``Recorder``.

    Attributes:
        folder: of the session.

    Raises:
        InputError: nothing can be written there.
    """

    def __init__(self, folder: Path, manifest: Manifest, *, wait: bool = False) -> None:
        self.folder = folder
        self._sound: SoundRecorder | None = None
        self._told: tuple[str, ...] = ()
        try:
            self._events = Recorder(folder, manifest, wait=wait)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)  # it holds nothing yet
            raise InputError(f"{folder} cannot be written: {error.strerror}.") from error

    def record(self, message: ServerMessage) -> None:
        """Take a message, from any thread."""
        self._events.record(message)

    def record_sound(self, ring: RingBuffer, *, rate: int) -> None:
        """Record what passes through a ring too, from now on, before any sound has come.

        Raises:
            InputError: the file cannot be made.
        """
        try:
            self._sound = SoundRecorder(self.folder / AUDIO, ring, rate=rate)
        except (OSError, soundfile.LibsndfileError) as error:
            raise InputError(f"{self.folder / AUDIO} cannot be written: {error}") from error

    @property
    def failures(self) -> tuple[str, ...]:
        """What ended the recording, or its sound, too early; one line each."""
        sound = self._sound.failure if self._sound is not None else None
        return (*((sound,) if sound is not None else ()), *self._events.failures)

    @property
    def sentence(self) -> str:
        """What is recorded at this moment, for everybody who watches."""
        sound = self._sound is not None and self._sound.failure is None
        if self._events.failures:
            return "SOUND is recorded, estimates no more." if sound else "Recording stopped."
        if sound:
            return "Estimates and SOUND are recorded."
        return "Estimates are recorded, without sound."

    def take_failures(self) -> tuple[str, ...]:
        """Return the failures that were not returned before."""
        failures = self.failures
        new = tuple(failure for failure in failures if failure not in self._told)
        self._told = failures
        return new

    def faults(self) -> dict[str, int]:
        """Return what could not be recorded, counted."""
        return {
            "messages that could not be recorded": self._events.lost,
            "samples that the disk was too slow for": 0
            if self._sound is None
            else self._sound.lost,
        }

    def close(self) -> None:
        """End it, once nothing more comes. May be called twice."""
        sound = self._sound
        if sound is not None:
            sound.close()
        self._events.close(
            failures=() if sound is None or sound.failure is None else (sound.failure,)
        )
