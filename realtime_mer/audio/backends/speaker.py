"""The process that plays sound: sound libraries cannot be relied on to return.

``python -m realtime_mer.audio.backends.speaker RATE CHANNELS`` opens the default loudspeaker,
prints a line of JSON whose ``problem`` is empty, and plays the float32 samples on its standard
input to their end. Where it cannot, ``problem`` is why, as a part of a sentence, and the status is
1.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import DeviceError

Samples = NDArray[np.float32]

_BLOCK_S = 0.1
_SILENCE_S = 0.3  # after the end, since a card may cut off what it has not yet played


def main() -> None:
    """Play standard input."""
    rate, channels = int(sys.argv[1]), int(sys.argv[2])
    status = 0
    try:
        _play(rate, channels)
    except DeviceError as error:
        _tell(str(error))
        status = 1
    # Not sys.exit: the libraries' own clean-up waits for devices that no longer answer.
    os._exit(status)


def _tell(problem: str) -> None:
    print(json.dumps({"problem": problem}), flush=True)


def _play(rate: int, channels: int) -> None:
    if sys.platform not in {"win32", "darwin"}:
        from realtime_mer.audio.backends.soundcard import load

        try:
            soundcard = load()
        except DeviceError:  # no server
            pass
        else:
            _by_sound_server(soundcard, rate, channels)
            return
    _by_portaudio(rate, channels)


def _by_sound_server(soundcard: Any, rate: int, channels: int) -> None:
    try:
        with soundcard.default_speaker().player(samplerate=rate, channels=channels) as player:
            _feed(player.play, rate, channels)
    except (RuntimeError, AssertionError, IndexError) as error:  # what SoundCard raises
        raise DeviceError(f"the sound server refused ({error})") from error


def _by_portaudio(rate: int, channels: int) -> None:
    try:
        import sounddevice
    except (OSError, ImportError) as error:
        raise DeviceError(f"sounddevice cannot be loaded ({error})") from error
    try:
        with sounddevice.OutputStream(
            samplerate=rate, channels=channels, dtype="float32"
        ) as stream:
            _feed(stream.write, rate, channels)  # not run on Windows and macOS
    except sounddevice.PortAudioError as error:
        raise DeviceError(f"the loudspeaker cannot be opened ({error.args[0]})") from error


def _feed(play: Callable[[Samples], Any], rate: int, channels: int) -> None:
    _tell("")
    for block in _blocks(rate, channels):
        play(block)
    play(np.zeros((round(_SILENCE_S * rate), channels), dtype=np.float32))


def _blocks(rate: int, channels: int) -> Iterator[Samples]:
    size = round(_BLOCK_S * rate) * channels * 4
    while content := sys.stdin.buffer.read(size):
        yield np.frombuffer(content, dtype="<f4").reshape(-1, channels)


if __name__ == "__main__":
    main()
