"""The most typical half minute of a track, decoded and played over the loudspeaker."""

import json
import tempfile
import threading
from dataclasses import dataclass
from typing import IO, Self, cast

import numpy as np
from numpy.typing import NDArray

from realtime_mer.audio.devices import capture_process
from realtime_mer.audio.files import FileSource
from realtime_mer.errors import AudioFileError, DeviceError
from realtime_mer.library.tracks import TYPICAL_S, Track

_PATIENCE_S = 30.0  # for the loudspeaker to open
_MOST_CHANNELS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Excerpt:
    """A part of a file's sound: float32 ``(frames, channels)``, one or two of them, in [-1, 1]."""

    samples: NDArray[np.float32]
    rate: int


def excerpt(path: str, *, start_s: float, seconds: float = TYPICAL_S) -> Excerpt:
    """Decode a part of a file, from a second of it on; more than two channels become one.

    Raises:
        AudioFileError: the file is missing or broken, or nothing of it is left there.
    """
    source = FileSource(path, paced=False)
    parts: list[NDArray[np.float32]] = []
    passed, held, rate = 0.0, 0.0, 0
    try:
        while held < seconds and (block := source.read()) is not None:
            skip = round(max(0.0, start_s - passed) * block.rate)
            passed += len(block.samples) / block.rate
            part = block.samples[skip:][: round((seconds - held) * block.rate)]
            if not len(part):
                continue
            if parts and (block.rate, part.shape[1]) != (rate, parts[0].shape[1]):
                break  # a chain's next link
            rate = block.rate
            parts.append(part)
            held += len(part) / rate
    finally:
        source.close()
    if not parts:
        raise AudioFileError(f"{path} ends before {start_s:.0f} s: it was cut since it was heard")
    samples = np.concatenate(parts)
    if samples.shape[1] > _MOST_CHANNELS:
        samples = samples.mean(axis=1, keepdims=True, dtype=np.float32)
    return Excerpt(samples=np.clip(np.nan_to_num(samples, nan=0.0), -1.0, 1.0), rate=rate)


def by_sound(track: Track) -> "Playing":
    """Let the owner hear the most typical half minute of a track, until that is left.

    Raises:
        AudioFileError: the file is missing or broken.
        DeviceError: it cannot be played.
    """
    return Playing(excerpt(track.path, start_s=track.typical_s or 0.0))


class Playing:
    """Plays an excerpt over the default loudspeaker from now on, in a process of its own.

    A context manager: leaving it falls silent.

    Raises:
        DeviceError: it cannot be played.
    """

    def __init__(self, sound: Excerpt) -> None:
        arguments = [str(sound.rate), str(sound.samples.shape[1])]
        with tempfile.TemporaryFile() as content:
            content.write(np.ascontiguousarray(sound.samples, dtype="<f4").tobytes())
            content.seek(0)
            self._process = capture_process(
                arguments, module="realtime_mer.audio.backends.speaker", stdin=content
            )
        try:
            self._wait_until_open()
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def wait(self) -> None:
        """Wait until it has been played."""
        self._process.wait()

    def stop(self) -> None:
        """Fall silent."""
        self._process.kill()  # it holds nothing that needs an orderly end
        self._process.wait()
        cast(IO[bytes], self._process.stdout).close()

    def _wait_until_open(self) -> None:
        impatience = threading.Timer(_PATIENCE_S, self._process.kill)
        impatience.start()
        try:
            line = cast(IO[bytes], self._process.stdout).readline()
        finally:
            impatience.cancel()
        try:
            problem = str(json.loads(line)["problem"])
        except (ValueError, TypeError, KeyError):
            problem = (
                line.decode(errors="replace").strip() or "the loudspeaker did not open in time"
            )
        if problem:
            raise DeviceError(f"Sound cannot be played: {problem}. With --no-sound you play it.")
