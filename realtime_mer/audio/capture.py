"""The capture process: opens one device and writes what it hears to standard output.

Capture is a process of its own because the sound libraries cannot be relied on to return: a device
that vanishes may block a read for ever, PortAudio never lists a device that came later, and
SoundCard never connects to a sound server that was started again. A process can always be ended
and started afresh, and no busy Python thread can make it lose sound.

It watches itself: when the device delivers nothing for a while it ends with status ``STALLED``, and
when nobody reads its output any more it ends too, so it cannot outlive the program that started it.

Standard output is a sequence of messages: a ``Header`` and ``length`` bytes. ``OPENED`` carries the
device as JSON, ``SOUND`` float32 samples, ``FAILED`` a sentence for the user. Another ``OPENED``
comes where the sound server had to be asked anew for the device, or the default that is followed
has moved.
"""

import argparse
import json
import math
import os
import queue
import struct
import threading
import time
from dataclasses import dataclass
from typing import IO, Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from realtime_mer.audio.backends import finding
from realtime_mer.audio.backends.found import BLOCK_S, MovedTo, Read
from realtime_mer.audio.devices import Kind, select
from realtime_mer.errors import DeviceError

OPENED, SOUND, FAILED = 1, 2, 3
STALLED = 75  # exit status, "temporary failure" in sysexits.h

_OPEN_LIMIT_S = 10.0
# A Bluetooth microphone takes seconds to start and an idle PulseAudio sink two; after that an
# input delivers every few milliseconds, while a loopback may pause with what plays.
_FIRST_LIMIT_S = 5.0
_LIMIT_S: dict[Kind, float] = {"input": 2.0, "loopback": 10.0}
_QUEUE_BLOCKS = 500  # 5 s of a reader that does not read
_LOOK_EVERY_S = 0.25  # of sound, between two looks at what the sound server lets us hear


class Header(NamedTuple):
    """What stands before every message.

    Attributes:
        kind: ``OPENED``, ``SOUND`` or ``FAILED``.
        channels: samples in a frame.
        xruns: input overflows just before this sound.
        rate: frames a second.
        missing: frames lost just before this sound.
        length: bytes that follow.
        arrived: ``time.monotonic()`` when the last frame arrived. That clock is the same for all
            processes on Linux, Windows and (since Python 3.10) macOS.
    """

    kind: int
    channels: int = 0
    xruns: int = 0
    rate: int = 0
    missing: int = 0
    length: int = 0
    arrived: float = 0.0


_LAYOUT = struct.Struct("<BHHIIId")


def write_message(stream: IO[bytes], header: Header, payload: bytes) -> None:
    """Write one message and flush it."""
    stream.write(_LAYOUT.pack(*header._replace(length=len(payload))) + payload)
    stream.flush()


def read_message(stream: IO[bytes]) -> tuple[Header, bytes] | None:
    """Read one message; None where the stream ends, be it in the middle of one."""
    head = stream.read(_LAYOUT.size)
    if len(head) < _LAYOUT.size:
        return None
    header = Header(*_LAYOUT.unpack(head))
    payload = stream.read(header.length)
    return (header, payload) if len(payload) == header.length else None


class LossMeter:
    """Tells by the clock how many frames an overflow cost.

    Lateness is the arrival time less the time that the frames delivered so far account for. Its
    lower envelope is what is normal. What an overflow adds to it for good is lost sound.

    It is in one of two states. *Even*: nothing was lost since the last account; the envelope may
    rise by 1 ms for every second heard, to follow the sound card's clock. *In doubt*, from an
    overflow on: the envelope may fall but not rise, or it would take the loss for drift. A late
    reader is late only until it has caught up, so the doubt ends, and the loss is measured, at the
    first read that had to wait.

    Args:
        rate: frames a second.
    """

    _TOLERANCE_S = 0.02  # jitter of the arrival, and of the 16 ms clock of Windows
    _DRIFT = 1e-3

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._frames = 0
        self._normal = math.inf
        self._lossy = False  # in doubt

    def add(self, frames: int, *, arrived: float, overflow: bool, waited: bool) -> int:
        """Count a block and return the frames found to be lost before it.

        Args:
            frames: frames delivered.
            arrived: monotonic time of their arrival, in seconds.
            overflow: whether the device says that sound was lost.
            waited: whether the read had to wait, so that no backlog is left.
        """
        self._frames += frames
        self._lossy |= overflow
        late = arrived - self._frames / self._rate
        drift = 0.0 if self._lossy else self._DRIFT * frames / self._rate
        self._normal = min(late, self._normal + drift)
        if not (self._lossy and waited):
            return 0
        self._lossy = False
        excess = late - self._normal
        if excess < self._TOLERANCE_S:
            return 0
        missing = round(excess * self._rate)
        self._frames += missing
        return missing


@dataclass(frozen=True, kw_only=True, slots=True)
class _Message:
    header: Header
    payload: bytes | NDArray[np.float32]
    final: bool = False


class Capture:
    """Reads the device in one thread, for another to write what comes and to watch over it.

    Args:
        kind: ``input`` or ``loopback``.
        spec: index, name or part of a name; None for the default device.
        follow: whether to go where the system's default goes; a device that is gone is not left.
    """

    def __init__(self, kind: Kind, spec: str | None, *, follow: bool = False) -> None:
        self._kind = kind
        self._spec = spec
        self._follow = follow
        self._messages: queue.Queue[_Message] = queue.Queue(maxsize=_QUEUE_BLOCKS)

    def run(self, output: IO[bytes]) -> int:
        """Write messages until the device, or whoever reads them, is gone; return exit status."""
        threading.Thread(target=self._listen, daemon=True).start()
        limit = _OPEN_LIMIT_S
        while True:
            try:
                message = self._messages.get(timeout=limit)
            except queue.Empty:
                return STALLED
            try:
                write_message(output, message.header, bytes(message.payload))
            except OSError:  # nobody reads any more
                return 0
            if message.final:
                return 1
            opened = message.header.kind == OPENED
            limit = max(_FIRST_LIMIT_S if opened else 0.0, _LIMIT_S[self._kind])

    def _listen(self) -> None:
        text = "the sound library failed in an unforeseen way: try another device"
        try:
            found = finding.find_all(self._kind)
            device = select([one.device for one in found], self._spec, kind=self._kind)
            chosen = next(one for one in found if one.device == device)
            while True:
                with (
                    finding.open_device(chosen) as read,
                    finding.watch(chosen, follow=self._follow) as moved_to,
                ):
                    opened = json.dumps(chosen.device.to_dict()).encode()
                    self._messages.put(_Message(header=Header(OPENED), payload=opened))
                    handle = self._forward(read, moved_to, chosen.device.rate)
                found = finding.find_all(self._kind)
                chosen = next((one for one in found if one.handle == handle), chosen)
        except DeviceError as error:
            text = str(error)
        finally:
            self._messages.put(_Message(header=Header(FAILED), payload=text.encode(), final=True))

    def _forward(self, read: Read, moved_to: MovedTo, rate: int) -> Any:
        """Pass on what a device hears, until another is to be heard; return that one's handle."""
        meter = LossMeter(rate)
        missing = xruns = unlooked = 0
        while True:
            if unlooked >= _LOOK_EVERY_S * rate:
                unlooked = 0
                if (handle := moved_to()) is not None:
                    return handle
            asked = time.perf_counter()
            samples, overflow = read()
            waited = time.perf_counter() - asked > BLOCK_S / 10
            arrived = time.monotonic()
            frames, channels = samples.shape
            unlooked += frames
            missing += meter.add(frames, arrived=arrived, overflow=overflow, waited=waited)
            xruns += overflow
            header = Header(SOUND, channels, xruns, rate, missing, 0, arrived)
            try:
                self._messages.put_nowait(_Message(header=header, payload=samples))
                missing = xruns = 0
            except queue.Full:
                missing, xruns = missing + frames, xruns + 1


def _list(kind: Kind, output: IO[bytes]) -> int:
    answer: dict[str, Any]
    try:
        answer = {"devices": [one.device.to_dict() for one in finding.find_all(kind)]}
    except DeviceError as error:
        answer = {"error": str(error)}
    output.write(json.dumps(answer).encode())
    output.flush()
    return 0


def _take_standard_output() -> IO[bytes]:
    """Keep standard output for messages: what a library prints goes to standard error."""
    private = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(private, "wb")


def main() -> None:
    """Run the capture process."""
    parser = argparse.ArgumentParser(prog="python -m realtime_mer.audio.capture")
    parser.add_argument("--kind", choices=get_args(Kind), required=True)
    parser.add_argument("--device", help="index, name or part of it; the default device if absent")
    parser.add_argument("--follow", action="store_true", help="go where the default goes")
    parser.add_argument("--list", action="store_true", help="print the devices as JSON and end")
    arguments = parser.parse_args()
    output = _take_standard_output()
    if arguments.list:
        status = _list(arguments.kind, output)
    else:
        capture = Capture(arguments.kind, arguments.device, follow=arguments.follow)
        status = capture.run(output)
    # Not sys.exit: the libraries' own clean-up waits for devices that no longer answer.
    os._exit(status)


if __name__ == "__main__":
    main()
