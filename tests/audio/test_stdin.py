"""Raw samples come in as they are sent, and no sender can hang the program."""

import io
import os
import struct
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.audio.stdin import StdinSource
from realtime_mer.errors import InputError
from tests.patience import PATIENCE_S


def source_of(stream, *, channels: int = 1, sample_format: str = "s16le") -> StdinSource:
    return StdinSource(stream, rate=44_100, channels=channels, sample_format=sample_format)


def read_all(source: StdinSource) -> np.ndarray:
    return np.concatenate([block.samples for block in iter(source.read, None)])


@pytest.mark.parametrize(
    ("sample_format", "data", "tolerance"),
    [
        ("s16le", struct.pack("<4h", 0, -32768, 16384, 32767), 2**-15),
        ("s24le", bytes([0, 0, 0, 0, 0, 0x80, 0, 0, 0x40, 0xFF, 0xFF, 0x7F]), 2**-23),
        ("s32le", struct.pack("<4i", 0, -(2**31), 2**30, 2**31 - 1), 2**-24),
        ("f32le", struct.pack("<4f", 0.0, -1.0, 0.5, 1.0), 0.0),
        ("u8", bytes([128, 0, 192, 255]), 2**-7),
    ],
)
def test_every_format_has_full_scale_one(sample_format, data, tolerance):
    samples = read_all(source_of(io.BytesIO(data), sample_format=sample_format))
    assert samples.dtype == np.float32
    np.testing.assert_allclose(samples[:, 0], [0.0, -1.0, 0.5, 1.0], rtol=0, atol=tolerance)


@given(
    frames=st.integers(0, 50),
    channels=st.integers(1, 6),
    sizes=st.lists(st.integers(1, 40), min_size=1),
)
def test_frames_are_whole_wherever_the_sender_cuts(frames, channels, sizes):
    values = np.arange(frames * channels, dtype="<i2")
    data = values.tobytes()

    class Pieces(io.RawIOBase):
        """Gives the data in pieces of the given sizes."""

        turn = position = 0

        def readable(self):
            return True

        def readinto(self, buffer):
            piece = data[self.position : self.position + sizes[self.turn % len(sizes)]]
            self.turn, self.position = self.turn + 1, self.position + len(piece)
            buffer[: len(piece)] = piece
            return len(piece)

    source = source_of(Pieces(), channels=channels)
    blocks = list(iter(source.read, None))
    assert all(block.samples.shape[1] == channels and len(block.samples) for block in blocks)
    heard = [value for block in blocks for value in (block.samples * 2**15).ravel()]
    np.testing.assert_array_equal(heard, values)
    assert source.warning is None


def test_what_is_there_is_handed_out_without_waiting_for_more():
    receiver, sender = os.pipe()
    with os.fdopen(receiver, "rb") as stream:
        source = source_of(stream)
        os.write(sender, struct.pack("<h", 16384))
        assert source.read().samples.tolist() == [[0.5]]  # the sender has not ended
        os.write(sender, struct.pack("<h", -16384))
        assert source.read().samples.tolist() == [[-0.5]]
        os.close(sender)
        assert source.read() is None
        assert source.read() is None


def test_an_end_in_mid_frame_uses_the_whole_frames_and_warns():
    source = source_of(io.BytesIO(struct.pack("<4h", 1, 2, 3, 4) + b"\x05\x00\x06"), channels=2)
    assert len(read_all(source)) == 2
    assert "last 3 of 4 bytes" in source.warning


def test_close_ends_a_read_that_waits_for_a_silent_sender():
    receiver, sender = os.pipe()
    with os.fdopen(receiver, "rb", buffering=0) as stream:
        source = source_of(stream)
        answers = []
        listener = threading.Thread(target=lambda: answers.append(source.read()))
        listener.start()
        source.close()
        source.close()
        listener.join(timeout=PATIENCE_S)
        assert answers == [None]
        assert source.read() is None
        os.close(sender)


def test_a_fast_sender_waits_for_a_slow_reader():
    asked = []

    class Endless(io.RawIOBase):
        """Counts how much was asked for."""

        def readable(self):
            return True

        def readinto(self, buffer):
            asked.append(len(buffer))
            buffer[:] = bytes(len(buffer))
            return len(buffer)

    source = source_of(Endless())
    for count in range(1, 20):
        assert source.read() is not None
        assert len(asked) <= count + 1  # one chunk ahead, no more
    source.close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rate": 0}, "at least 1"),
        ({"channels": 0}, "at least 1"),
        ({"sample_format": "mp3"}, "s16le"),
    ],
)
def test_a_format_that_cannot_be_is_refused(options, words):
    settings = {"rate": 44_100, "channels": 2, "sample_format": "s16le", **options}
    with pytest.raises(InputError, match=words):
        StdinSource(io.BytesIO(), **settings)
