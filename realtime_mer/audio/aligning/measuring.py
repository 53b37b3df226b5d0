"""Measuring the way from the loudspeaker to a microphone that is open already."""

import json
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from realtime_mer.audio.aligning.chirps import BEFORE_S, SEARCH_S, Way, chirps, find_way
from realtime_mer.audio.aligning.player import READY
from realtime_mer.audio.block import Block, Source
from realtime_mer.audio.devices import capture_process
from realtime_mer.errors import AudioError, DeviceError

QUIET_S = 2.0
"""Seconds of the room alone that the chirps are told from."""

_PATIENCE_S = 30.0  # for the loudspeaker to open, and for it to play


def measure_way(source: Source) -> Way:
    """Play the chirps and find them in what a source hears; takes some eight seconds.

    Args:
        source: a microphone, read by nobody else meanwhile.

    Raises:
        AudioError: they cannot be played, were not heard, or sound was lost meanwhile.
    """
    player = _Player()
    try:
        heard = _Heard()
        limit = time.monotonic() + _PATIENCE_S
        while heard.seconds < QUIET_S or not player.is_ready():
            heard.add(source.read(), limit=limit)
        player.play()
        limit = time.monotonic() + _PATIENCE_S
        while (played_at := player.played_at()) is None:
            heard.add(source.read(), limit=limit)
        needed = played_at + len(chirps(1000)) / 1000 + SEARCH_S + BEFORE_S
        while heard.until < needed:
            heard.add(source.read(), limit=needed + _PATIENCE_S)
    finally:
        player.close()
    return find_way(
        heard.samples(),
        rate=heard.rate,
        played_at=heard.index_at(played_at),
        uncertain_s=heard.uncertain_s,
    )


@dataclass
class _Heard:
    """What was heard so far, and when.

    Attributes:
        rate: samples a second.
        parts: (n, channels) each.
        begins: when the first sample was captured, by each block: never too early, since a block
            may come late but not early.
    """

    rate: int = 0
    parts: list[NDArray[np.float32]] = field(default_factory=list)
    begins: list[float] = field(default_factory=list)
    frames: int = 0

    @property
    def seconds(self) -> float:
        return self.frames / self.rate if self.rate else 0.0

    @property
    def until(self) -> float:
        """When the last sample was captured."""
        return min(self.begins) + self.seconds if self.begins else 0.0

    @property
    def uncertain_s(self) -> float:
        """How far blocks differ in what they say of the beginning."""
        return max(self.begins) - min(self.begins)

    def add(self, block: Block | None, *, limit: float) -> None:
        if time.monotonic() > limit:
            raise DeviceError("The loudspeaker did not play the chirps in time: try again")
        if block is None or block.reconnecting or block.paused or block.missing or block.xruns:
            raise AudioError("Sound was lost while the way was measured: try again")
        if not len(block.samples):
            return
        if self.rate not in (0, block.rate) or (
            self.parts and self.parts[0].shape[1] != block.samples.shape[1]
        ):
            raise AudioError("The microphone changed while the way was measured: try again")
        self.rate = block.rate
        self.parts.append(block.samples)
        self.frames += len(block.samples)
        arrived = time.monotonic() if block.arrived_at is None else block.arrived_at
        self.begins.append(arrived - self.frames / block.rate)

    def samples(self) -> NDArray[np.float32]:
        return np.concatenate(self.parts)

    def index_at(self, when: float) -> int:
        return round((when - min(self.begins)) * self.rate)


class _Player:
    """The process that plays, and what it has said so far."""

    def __init__(self) -> None:
        self._process = capture_process(
            [], module="realtime_mer.audio.aligning.player", stdin=subprocess.PIPE
        )
        self._said: list[str] = []
        self._ended = threading.Event()
        threading.Thread(target=self._listen, name="chirps", daemon=True).start()

    def is_ready(self) -> bool:
        """Whether the loudspeaker is open. Raises DeviceError where it cannot be."""
        if READY in self._said:
            return True
        if self._ended.is_set():
            raise DeviceError(" ".join(self._said) or "The chirps cannot be played.")
        return False

    def play(self) -> None:
        try:
            cast(IO[bytes], self._process.stdin).write(b"\n")
            cast(IO[bytes], self._process.stdin).flush()
        except OSError as error:
            raise DeviceError(f"The chirps cannot be played: {error.strerror}.") from error

    def played_at(self) -> float | None:
        """Return when the first chirp was heard; None while that is not known."""
        said = [line for line in self._said if line != READY]
        if said:
            try:
                return float(said[0])
            except ValueError:
                raise DeviceError(said[0]) from None
        if self._ended.is_set():
            raise DeviceError("The loudspeaker was lost before the chirps were played.")
        return None

    def close(self) -> None:
        self._process.kill()  # it holds nothing that needs an orderly end
        self._process.wait()
        cast(IO[bytes], self._process.stdin).close()
        self._ended.wait()
        cast(IO[bytes], self._process.stdout).close()

    def _listen(self) -> None:
        for line in cast(IO[bytes], self._process.stdout):
            text = line.decode(errors="replace").strip()
            try:
                self._said.append(str(json.loads(text)))
            except ValueError:
                self._said.append(text)  # of an interpreter that cannot start
        self._ended.set()
