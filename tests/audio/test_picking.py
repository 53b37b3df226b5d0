"""You hear the channels that you picked, and of a device the same the next time."""

import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from realtime_mer.audio import opening
from realtime_mer.audio.block import Block
from realtime_mer.audio.files import FileSource
from realtime_mer.audio.opening import RawFormat, open_source
from realtime_mer.audio.picking import (
    RememberedChannels,
    lacking,
    parse_channels,
    parse_raw_channels,
    shown,
)
from realtime_mer.audio.stdin import StdinSource
from realtime_mer.errors import AudioFileError, DeviceError, InputError


def test_what_was_picked_of_a_device_can_be_forgotten(tmp_path: Path) -> None:
    known = RememberedChannels(tmp_path / "channels.json")
    for name in ("Scarlett 18i20", "Scarlett Solo", "Webcam"):
        known.put(name, (2,))
    with pytest.raises(InputError, match=r"'Scarlett 18i20', 'Scarlett Solo'.*one name or all"):
        known.forget("Scarlett")
    with pytest.raises(InputError, match="no channels are remembered of it, but of 'Scarlett"):
        known.forget("Mixer")
    assert known.forget("Solo") == ["Scarlett Solo"]
    assert known.get("Scarlett Solo") is None
    assert known.get("Webcam") == (2,)
    assert known.forget("all") == ["Scarlett 18i20", "Webcam"]
    assert known.forget("all") == []
    assert known.get("Webcam") is None


@pytest.mark.parametrize(
    ("text", "picked", "words"),
    [("3", (2,), "channel 3"), ("4, 3", (2, 3), "channels 3 and 4"), ("1,1", (0,), "channel 1")],
)
def test_channels_are_counted_from_one(text: str, picked: tuple[int, ...], words: str) -> None:
    assert parse_channels(text) == picked
    assert shown(picked) == words


@pytest.mark.parametrize("text", ["", "0", "-1", "3,", "a", "3-4", "129", "²"])
def test_what_names_no_channel_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="names no channels"):
        parse_channels(text)


def test_raw_sound_has_to_say_of_how_many() -> None:
    assert parse_raw_channels("2") == (2, None)
    assert parse_raw_channels("3,4/18") == (18, (2, 3))
    for text in ("3,4", "3/", "3/2", "x/2"):
        with pytest.raises(InputError, match="--channels"):
            parse_raw_channels(text)


def test_a_file_gives_the_picked_channels(tmp_path: Path) -> None:
    wide = np.tile(np.array([0.1, 0.2, 0.3, 0.4], dtype=np.float32), (100, 1))
    soundfile.write(tmp_path / "a.wav", wide, 8_000, subtype="FLOAT")
    source = open_source(str(tmp_path / "a.wav"), paced=False, channels=(1, 3)).source
    block = source.read()
    assert block is not None
    np.testing.assert_array_equal(block.samples, wide[:, [1, 3]])


def test_a_file_without_the_picked_channel_is_refused_in_a_line(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros((100, 2)), 8_000)
    source = FileSource(tmp_path / "a.wav", paced=False)
    source.pick((2,))
    with pytest.raises(AudioFileError, match="has 2 channels, so there is no channel 3"):
        source.read()


def test_a_pipe_gives_the_picked_channels() -> None:
    stream = io.BytesIO(struct.pack("<6h", 1, 2, 3, 4, 5, 6))
    source = StdinSource(stream, rate=8_000, channels=3, sample_format="s16le")
    source.pick((2,))
    block = source.read()
    assert block is not None
    np.testing.assert_array_equal(block.samples * 2**15, [[3], [6]])


def test_the_demo_has_no_channels_to_pick() -> None:
    with pytest.raises(InputError, match="leave it out for the demo"):
        open_source("demo", channels=(0,))


class Interface:
    """An interface of some channels, as ``DeviceSource`` opens it."""

    name = "Scarlett 18i20"

    def __init__(self, channels: int) -> None:
        self.channels, self.picked, self.closed = channels, None, False

    def pick(self, picked: tuple[int, ...]) -> None:
        if problem := lacking(picked, channels=self.channels, name=self.name):
            raise DeviceError(problem)
        self.picked = picked

    def read(self) -> Block | None:
        return None

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def interface(monkeypatch: pytest.MonkeyPatch) -> list[Interface]:
    """Let devices be interfaces; the list holds those opened, and how many channels is settable."""
    opened: list[Interface] = []

    class Opening(Interface):
        channels_of_next = 18

        def __init__(self, **_: object) -> None:
            super().__init__(Opening.channels_of_next)
            opened.append(self)

    monkeypatch.setattr(opening, "DeviceSource", Opening)
    return opened


def test_what_is_picked_of_a_device_holds_the_next_time(
    tmp_path: Path, interface: list[Interface]
) -> None:
    remembered = RememberedChannels(tmp_path / "settings" / "channels.json")
    first = open_source("mic", channels=(2, 3), remembered=remembered)
    assert "channels 3 and 4" in first.why
    again = open_source("mic", remembered=RememberedChannels(tmp_path / "settings/channels.json"))
    assert "channels 3 and 4" in again.why
    assert [one.picked for one in interface] == [(2, 3), (2, 3)]
    assert open_source("mic", channels=(), remembered=remembered).why == "microphone"
    assert open_source("mic", remembered=remembered).why == "microphone"
    assert [one.picked for one in interface[2:]] == [None, None]


def test_a_device_that_lost_the_remembered_channels_is_heard_whole(
    tmp_path: Path, interface: list[Interface]
) -> None:
    remembered = RememberedChannels(tmp_path / "channels.json")
    open_source("mic", channels=(17,), remembered=remembered)
    opening.DeviceSource.channels_of_next = 2
    assert open_source("mic", remembered=remembered).why == "microphone"
    with pytest.raises(DeviceError, match="no channel 18"):
        open_source("mic", channels=(17,), remembered=remembered)
    assert [one.closed for one in interface] == [False, False, True]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"Scarlett 18i20": "3"}', '{"Scarlett 18i20": []}']
)
def test_a_damaged_memory_is_no_memory(tmp_path: Path, text: str) -> None:
    (tmp_path / "channels.json").write_text(text)
    remembered = RememberedChannels(tmp_path / "channels.json")
    assert remembered.get("Scarlett 18i20") is None
    remembered.put("Scarlett 18i20", (1,))
    assert remembered.get("Scarlett 18i20") == (1,)
    remembered.put("Scarlett 18i20", None)
    assert remembered.get("Scarlett 18i20") is None


def test_raw_sound_says_how_many_and_which(monkeypatch: pytest.MonkeyPatch) -> None:
    there, here = os.pipe()
    os.write(here, struct.pack("<4h", 1, 2, 3, 4))
    os.close(here)
    with os.fdopen(there, "rb") as stream:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(stream))
        opened = open_source("-", raw=RawFormat(channels=2), channels=(1,))
        block = opened.source.read()
        assert block is not None
        np.testing.assert_array_equal(block.samples * 2**15, [[2], [4]])
        opened.source.close()
