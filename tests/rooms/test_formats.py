"""Samples of a chunk are read as they were meant, in each format."""

from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from realtime_mer.errors import ProtocolError
from realtime_mer.rooms import formats
from realtime_mer.rooms.formats import decoder
from realtime_mer.wire.sound import Open

av = pytest.importorskip("av")

RATE = 48_000


def packets(sound: NDArray[np.float32], channels: int) -> list[bytes]:
    """Packets of Opus of 20 ms."""
    encoder = cast(Any, av.CodecContext.create("libopus", "w"))
    encoder.sample_rate, encoder.format = RATE, "flt"
    encoder.layout = "mono" if channels == 1 else "stereo"
    encoder.bit_rate = 96_000
    found = []
    for start in range(0, len(sound) - 959, 960):
        part = np.repeat(sound[np.newaxis, start : start + 960], channels, axis=1)
        frame = av.AudioFrame.from_ndarray(part, format="flt", layout=encoder.layout.name)
        frame.sample_rate, frame.pts = RATE, start
        found += [bytes(packet) for packet in encoder.encode(frame)]
    return found


@pytest.mark.parametrize("channels", [1, 2])
def test_packets_of_opus_are_heard_each_as_long_as_it_is(channels: int) -> None:
    t = np.arange(RATE) / RATE
    sound = (0.3 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)
    read = decoder(Open(rate=RATE, channels=channels, format="opus"))
    parts = [read.decode(packet) for packet in packets(sound, channels)]
    assert {part.shape for part in parts} == {(960, channels)}
    heard = np.concatenate(parts)
    assert np.sqrt(np.mean(heard[9600:-9600] ** 2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.05)
    spectrum = np.abs(np.fft.rfft(heard[9600 : 9600 + RATE // 2, 0]))
    assert int(np.argmax(spectrum)) * 2 == 440
    assert read.decode(b"").shape == (0, channels)


def test_what_is_no_packet_of_opus_is_refused_and_the_next_one_is_heard() -> None:
    read = decoder(Open(rate=RATE, format="opus"))
    with pytest.raises(ProtocolError, match="Opus"):
        read.decode(bytes([255]) + bytes(2000))
    read.restart()
    (packet, *_) = packets(np.zeros(4800, dtype=np.float32), 1)
    assert len(read.decode(packet)) == 960


def test_opus_has_one_rate_and_one_or_two_channels() -> None:
    for opened in (Open(rate=24_000, format="opus"), Open(rate=RATE, channels=3, format="opus")):
        with pytest.raises(ProtocolError, match="48000"):
            decoder(opened)


def test_opus_needs_its_extra_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "_OPUS", "no_such_library")
    with pytest.raises(ProtocolError, match=r"realtime-mer\[opus\]"):
        decoder(Open(rate=RATE, format="opus"))


def test_ints_and_floats_have_the_same_full_scale() -> None:
    ints = decoder(Open(rate=8000, channels=2)).decode(np.array([16384, -32768], "<i2").tobytes())
    floats = decoder(Open(rate=8000, channels=2, format="f32le"))
    same = floats.decode(np.array([0.5, -1.0], "<f4").tobytes())
    assert ints.tolist() == same.tolist() == [[0.5, -1.0]]
