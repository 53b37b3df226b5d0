"""The process that plays the chirps: sound libraries cannot be relied on to return.

``python -m realtime_mer.audio.aligning.player`` opens the default loudspeaker, prints ``ready``,
waits for a line on standard input, plays, and prints when the first sample is heard, in seconds of
``time.monotonic()``, which is the same clock for all processes. Where it cannot play it prints a
sentence for people and ends with status 1.
"""

import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_mer.audio.aligning.chirps import chirps
from realtime_mer.errors import DeviceError

RATE = 48_000
READY = "ready"

_LEAD_S = 0.6  # of silence before the chirps, while the loudspeaker wakes and its delay settles
_TAIL_S = 0.2

Tell = Callable[[float], None]
"""Called with the time at which the first chirp is heard."""


def play_by_sound_server(soundcard: Any, wait: Callable[[], None], tell: Tell) -> None:
    """Play over PulseAudio or PipeWire, which tells how long until what is written is heard."""
    step = RATE // 100
    silence = np.zeros(step, dtype=np.float32)
    speaker = soundcard.default_speaker()
    with speaker.player(samplerate=RATE, channels=1, blocksize=10 * step) as player:
        wait()
        begun = []
        steps = round(_LEAD_S * RATE / step)
        for written in range(0, steps * step, step):
            player.play(silence)
            begun.append(time.monotonic() + player.latency - (written + step) / RATE)
        # The first ones are of a stream that does not run yet.
        tell(statistics.median(begun[steps // 2 :]) + steps * step / RATE)
        player.play(np.concatenate((chirps(RATE), np.zeros(round(_TAIL_S * RATE), np.float32))))


def play_by_portaudio(sounddevice: Any, wait: Callable[[], None], tell: Tell) -> None:
    """Play over PortAudio, which tells when the first sample of a buffer is heard."""
    lead = round(_LEAD_S * RATE)
    sound = np.concatenate((np.zeros(lead), chirps(RATE), np.zeros(round(_TAIL_S * RATE)))).astype(
        np.float32
    )
    place = 0
    heard_at: list[float] = []
    done = threading.Event()

    def fill(out: NDArray[np.float32], frames: int, times: Any, _status: Any) -> None:
        nonlocal place
        begins = time.monotonic() + times.outputBufferDacTime - times.currentTime
        heard_at.append(begins - place / RATE)
        part = sound[place : place + frames]
        out[: len(part), 0], out[len(part) :, 0] = part, 0.0
        place += frames
        if place >= len(sound):
            raise sounddevice.CallbackStop

    stream = sounddevice.OutputStream(
        samplerate=RATE, channels=1, dtype="float32", callback=fill, finished_callback=done.set
    )
    wait()
    with stream:
        done.wait()
    tell(statistics.median(heard_at) + _LEAD_S)


def _tell_parent(line: str) -> None:
    """Write a line for the process that started this one, which waits for it."""
    print(json.dumps(line), flush=True)


def main() -> None:
    """Play the chirps once."""

    def wait() -> None:
        _tell_parent(READY)
        sys.stdin.readline()

    def tell(at: float) -> None:
        _tell_parent(repr(at))

    try:
        _play(wait, tell)
    except DeviceError as error:
        _tell_parent(f"The chirps cannot be played: {error}.")
        status = 1
    else:
        status = 0
    # Not sys.exit: the libraries' own clean-up waits for devices that no longer answer.
    os._exit(status)


def _play(wait: Callable[[], None], tell: Tell) -> None:
    if sys.platform not in {"win32", "darwin"}:
        from realtime_mer.audio.backends.soundcard import load

        try:
            play_by_sound_server(load(), wait, tell)
        except DeviceError:  # no server
            pass
        except (RuntimeError, AssertionError, IndexError) as error:  # what SoundCard raises
            raise DeviceError(f"the sound server refused ({error})") from error
        else:
            return
    try:
        import sounddevice
    except (OSError, ImportError) as error:
        raise DeviceError(f"sounddevice cannot be loaded ({error})") from error
    try:
        play_by_portaudio(sounddevice, wait, tell)  # not run on Windows and macOS
    except sounddevice.PortAudioError as error:
        raise DeviceError(f"the loudspeaker cannot be opened ({error.args[0]})") from error


if __name__ == "__main__":
    main()
