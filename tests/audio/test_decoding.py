"""Sound is decoded until its data ends; what a file announces is a hint and never the result."""

import io
import os
import shutil
import struct
import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.audio.decoding import chunks, mpeg, ogg
from realtime_mer.audio.decoding.bytes import ByteStream
from realtime_mer.audio.decoding.formats import NO_END, SKIPPED
from realtime_mer.audio.decoding.marks import recognise
from realtime_mer.audio.decoding.sndfile import FEWER, MORE
from realtime_mer.audio.files import FileSource
from realtime_mer.audio.stdin import StdinSource
from realtime_mer.errors import AudioFileError

RATE = 44_100
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
needs_fifo = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX only")


def music(seconds: float = 3.0) -> np.ndarray:
    """Silence, noise, tone: what makes a variable bit rate vary. Two channels."""
    rng = np.random.default_rng(3)
    frames = round(seconds * RATE)
    samples = 0.2 * rng.standard_normal((frames, 2))
    samples[: frames // 3] = 0
    samples[2 * frames // 3 :] = 0.3 * np.sin(np.arange(frames - 2 * frames // 3) / 9)[:, None]
    return np.clip(samples, -0.99, 0.99).astype(np.float32)


def decoded(path: Path | str) -> tuple[np.ndarray, Counter[str]]:
    """Return the sound of a file and what was found wrong with it."""
    return drained(FileSource(path, paced=False))


def drained(source: FileSource | StdinSource) -> tuple[np.ndarray, Counter[str]]:
    parts, faults = [], Counter()
    while (block := source.read()) is not None:
        faults.update(block.faults)
        if len(block.samples):
            parts.append(block.samples)
    return np.concatenate(parts), faults


def written(path: Path, **how: object) -> bytes:
    """Write music in a format and return the file's bytes."""
    soundfile.write(path, music(), RATE, **how)
    return path.read_bytes()


def put(path: Path, *parts: bytes) -> Path:
    path.write_bytes(b"".join(parts))
    return path


def without_header_frame(data: bytes) -> bytes:
    first = mpeg.header(data)
    assert mpeg.info(data[: first.size]) is not None
    return data[first.size :]


def announcing(data: bytes, frames: int) -> bytes:
    """Let the header frame of an MP3 announce so many frames."""
    at = max(data.find(b"Xing"), data.find(b"Info"))
    assert data[at + 7] & 1
    return data[: at + 8] + struct.pack(">I", frames) + data[at + 12 :]


@pytest.fixture
def mp3(tmp_path: Path) -> bytes:
    return written(tmp_path / "made.mp3", bitrate_mode="VARIABLE")


# -- MPEG ------------------------------------------------------------------------------------------


def test_a_good_mp3_has_the_length_of_what_was_encoded(tmp_path: Path, mp3: bytes) -> None:
    samples, faults = decoded(put(tmp_path / "a.mp3", mp3))
    assert len(samples) == 3 * RATE
    assert not faults
    expected, _ = soundfile.read(tmp_path / "a.mp3", dtype="float32")
    np.testing.assert_array_equal(samples, expected)


def test_a_variable_rate_mp3_without_a_header_is_read_to_its_end(
    tmp_path: Path, mp3: bytes
) -> None:
    samples, faults = decoded(put(tmp_path / "a.mp3", without_header_frame(mp3)))
    assert 3 * RATE < len(samples) < 3 * RATE + 3 * 1152  # what the encoder put round it, too
    assert not faults
    known, _ = decoded(put(tmp_path / "b.mp3", mp3))
    late = mpeg.info(mp3[: mpeg.header(mp3).size]).delay
    np.testing.assert_array_equal(samples[late : late + len(known)], known)


def test_mp3s_joined_end_to_end_are_both_heard_without_a_gap(tmp_path: Path, mp3: bytes) -> None:
    one, _ = decoded(put(tmp_path / "a.mp3", mp3))
    both, faults = decoded(put(tmp_path / "b.mp3", mp3, mp3))
    np.testing.assert_array_equal(both, np.concatenate([one, one]))
    assert not faults


@pytest.mark.parametrize(("tenths", "word"), [(1, MORE), (100, FEWER)])
def test_a_header_that_announces_another_length_changes_a_word_and_not_the_sound(
    tmp_path: Path, mp3: bytes, tenths: int, word: str
) -> None:
    one, _ = decoded(put(tmp_path / "a.mp3", mp3))
    frames = mpeg.info(mp3[: mpeg.header(mp3).size]).frames * tenths // 10
    other, faults = decoded(put(tmp_path / "b.mp3", announcing(mp3, frames)))
    np.testing.assert_array_equal(other[: len(one)], one)
    assert len(other) - len(one) < 1152
    assert faults[word] > RATE


def test_tags_and_garbage_round_the_frames_are_no_sound(tmp_path: Path, mp3: bytes) -> None:
    one, _ = decoded(put(tmp_path / "a.mp3", mp3))
    tag = b"ID3\x04\x00\x00\x00\x00\x02\x00" + bytes(range(256))
    old = b"TAG" + bytes(125)
    ape = b"APETAGEX" + struct.pack("<4I8x", 2000, 40, 1, 0xA000_0000) + bytes(40)
    for parts in [(tag, mp3, old), (mp3, old, tag, mp3), (ape, mp3, tag)]:
        samples, faults = decoded(put(tmp_path / "b.mp3", *parts))
        np.testing.assert_array_equal(samples, np.concatenate([one] * parts.count(mp3)))
        assert not faults
    noise = np.random.default_rng(0).bytes(9000)
    samples, faults = decoded(put(tmp_path / "c.mp3", noise, mp3))
    np.testing.assert_array_equal(samples, one)
    assert faults[SKIPPED] == 9000


def test_a_last_frame_that_breaks_off_costs_that_frame_only(tmp_path: Path, mp3: bytes) -> None:
    bare = without_header_frame(mp3)
    whole, _ = decoded(put(tmp_path / "a.mp3", bare))
    cut, _ = decoded(put(tmp_path / "b.mp3", bare[:-10]))
    assert len(whole) - len(cut) == 1152
    np.testing.assert_array_equal(cut, whole[: len(cut)])


def test_an_mp3_is_told_by_what_is_in_it_and_not_by_its_name(tmp_path: Path, mp3: bytes) -> None:
    bare = without_header_frame(mp3)
    samples, _ = decoded(put(tmp_path / "a.wav", bare, bare))
    assert len(samples) > 6 * RATE


@given(data=st.binary(max_size=600), junk=st.lists(st.integers(0, 400), max_size=8))
def test_no_bytes_can_make_the_walk_over_frames_fail_or_stand(data: bytes, junk: list[int]) -> None:
    frame = b"\xff\xfb\x10\x64" + bytes(100)  # 32 kbit/s at 44.1 kHz: 104 bytes
    mixed = data + b"".join(frame + data[:size] for size in junk)
    frames = mpeg.Frames(ByteStream(io.BytesIO(mixed).read))
    found = 0
    while (one := frames.next()) is not None:
        found += len(one[1])
        assert len(one[1]) == one[0].size
    assert found <= len(mixed)


# -- Ogg and FLAC ----------------------------------------------------------------------------------


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_every_link_of_a_radio_recording_is_heard(tmp_path: Path, subtype: str) -> None:
    path = tmp_path / "a.ogg"
    soundfile.write(path, music(), 48_000, format="OGG", subtype=subtype)
    one, _ = decoded(path)
    data = path.read_bytes()
    chain, faults = decoded(put(tmp_path / "b.ogg", data, data, data))
    np.testing.assert_array_equal(chain, np.concatenate([one] * 3))
    assert not faults


def test_links_may_differ_in_rate_and_channels(tmp_path: Path) -> None:
    parts = []
    for rate, channels in ((44_100, 2), (22_050, 1)):
        path = tmp_path / f"{rate}.ogg"
        soundfile.write(path, music()[:rate, :channels], rate, format="OGG", subtype="VORBIS")
        parts.append(path.read_bytes())
    source = FileSource(put(tmp_path / "a.ogg", *parts), paced=False)
    heard = Counter()
    while (block := source.read()) is not None:
        heard[block.rate, block.samples.shape[1]] += len(block.samples)
    assert heard == {(44_100, 2): 44_100, (22_050, 1): 22_050}


def test_an_ogg_file_without_its_end_mark_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.ogg"
    soundfile.write(path, music(), RATE, format="OGG", subtype="VORBIS")
    whole, _ = decoded(path)
    cut, faults = decoded(put(tmp_path / "b.ogg", path.read_bytes()[: path.stat().st_size // 2]))
    assert 0 < len(cut) < len(whole)
    assert faults == {NO_END: 1}


def test_links_are_told_from_streams_that_run_side_by_side() -> None:
    def page(flags: int, serial: int, number: int) -> bytes:
        head = struct.pack("<4sBBqIIIBB", b"OggS", 0, flags, 0, serial, number, 0, 1, 3)
        return head + b"abc"

    two_streams = page(2, 1, 0) + page(2, 2, 0) + page(0, 1, 1) + page(4, 2, 1)
    assert len(ogg.links(ByteStream(io.BytesIO(two_streams).read))) == 1
    links = ogg.links(ByteStream(io.BytesIO(two_streams + b"lost" + two_streams).read))
    size = len(two_streams)
    assert [link.parts for link in links] == [((0, size),), ((size + 4, 2 * size + 4),)]
    assert [(link.left_out, link.missing) for link in links] == [(0, 0), (4, 0)]


@pytest.mark.parametrize("tenths", [0, 1])
def test_a_flac_file_is_read_to_its_end_whatever_it_announces(tmp_path: Path, tenths: int) -> None:
    data = bytearray(written(tmp_path / "a.flac"))
    whole, _ = decoded(tmp_path / "a.flac")
    data[21:26] = bytes([data[21] & 0xF0]) + struct.pack(">I", len(whole) * tenths // 10)
    samples, faults = decoded(put(tmp_path / "b.flac", data))
    np.testing.assert_array_equal(samples, whole)
    assert faults[MORE] == (len(whole) - len(whole) // 10 if tenths else 0)


def test_tags_behind_a_flac_file_and_another_file_behind_it(tmp_path: Path) -> None:
    data = written(tmp_path / "a.flac")
    whole, _ = decoded(tmp_path / "a.flac")
    tagged, faults = decoded(put(tmp_path / "b.flac", data, b"TAG" + bytes(125)))
    np.testing.assert_array_equal(tagged, whole)
    both, more = decoded(put(tmp_path / "c.flac", data, data))
    np.testing.assert_array_equal(both, np.concatenate([whole, whole]))
    assert not faults
    assert not more


# -- WAV, AIFF, AU ---------------------------------------------------------------------------------


def wave(
    data: bytes, *, announced: int, riff: int = 0, rate: int = RATE, channels: int = 2
) -> bytes:
    width = 2 * channels
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * width & 0xFFFFFFFF, width, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", announced)
    return b"RIFF" + struct.pack("<I", riff) + body + data


SOUND = (music() * 32767).astype("<i2").tobytes()
EXPECTED = np.frombuffer(SOUND, "<i2").reshape(-1, 2) / np.float32(32768)


@pytest.mark.parametrize(
    ("announced", "fault"),
    [
        (0, {MORE: 3 * RATE}),  # a recorder crashed before it wrote the length
        (4 * RATE, {MORE: 2 * RATE}),  # one that writes it now and then
        (len(SOUND) + 16, {FEWER: 4}),  # a few frames are no break
        (0xFFFFFFFF, {}),  # a stream, which does not know
        (0x7FFFFFFF, {}),
    ],
)
def test_a_wav_file_is_read_to_its_end_whatever_it_announces(
    tmp_path: Path, announced: int, fault: dict[str, int]
) -> None:
    samples, faults = decoded(put(tmp_path / "a.wav", wave(SOUND, announced=announced)))
    np.testing.assert_array_equal(samples, EXPECTED)
    assert faults == fault


@pytest.mark.parametrize(
    "behind",
    [
        b"LIST" + struct.pack("<I", 4) + b"INFO",
        b"id3 " + struct.pack("<I", 300) + bytes(300),
        b"TAG" + bytes(125),
        bytes(4096),
        b"abc",
    ],
)
def test_what_lies_behind_the_sound_of_a_wav_file_is_not_heard(
    tmp_path: Path, behind: bytes
) -> None:
    data = wave(SOUND, announced=len(SOUND))
    samples, faults = decoded(put(tmp_path / "a.wav", data, behind))
    np.testing.assert_array_equal(samples, EXPECTED)
    assert not faults


def test_lengths_that_wrapped_at_4_gib_are_found_out(tmp_path: Path) -> None:
    """The file is sparse: only its header is looked at."""
    path, beyond = tmp_path / "a.wav", 1 << 20
    header = wave(SOUND[-8000:], announced=beyond)
    with path.open("wb") as file:
        file.write(header)
        file.seek(len(header) - 8000 + beyond)
        file.write(SOUND[-8000:])
        file.truncate(len(header) - 8000 + 2**32 + beyond)
    with path.open("rb") as file:
        layout = chunks.layout_of(ByteStream(file.read))
        assert layout is not None
        assert layout.announced == beyond
        assert chunks.measured(layout, file, path.stat().st_size).size == 2**32 + beyond


def test_an_rf64_file_is_read_to_its_end(tmp_path: Path) -> None:
    data = bytearray(written(tmp_path / "a.rf64", format="RF64", subtype="PCM_16"))
    whole, none = decoded(tmp_path / "a.rf64")
    assert len(whole) == 3 * RATE
    assert not none
    at = data.index(b"ds64") + 16
    data[at : at + 8] = struct.pack("<Q", 4 * RATE)
    samples, faults = decoded(put(tmp_path / "b.rf64", data))
    np.testing.assert_array_equal(samples, whole)
    assert faults == {MORE: 2 * RATE}


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.aiff", {"subtype": "PCM_24"}),
        ("a.wav", {"subtype": "MS_ADPCM"}),
        ("a.wav", {"subtype": "ULAW"}),
        ("a.wav", {"subtype": "FLOAT", "endian": "BIG"}),
        ("a.au", {"subtype": "PCM_16"}),
    ],
)
def test_a_recorder_that_crashed_left_its_sound(
    tmp_path: Path, name: str, how: dict[str, str]
) -> None:
    data = bytearray(written(tmp_path / name, **how))
    whole, none = decoded(tmp_path / name)
    assert not none
    if name == "a.au":
        data[8:12] = bytes(4)
    else:
        at = data.index(b"SSND" if name == "a.aiff" else b"data") + 4
        data[at : at + 4] = bytes(4)
        if name == "a.aiff":
            data[data.index(b"COMM") + 10 :][:4] = bytes(4)
    samples, faults = decoded(put(tmp_path / f"b{name}", data))
    np.testing.assert_array_equal(samples, whole)
    assert faults[MORE] == len(whole)


def test_mp3_inside_wav_is_heard(tmp_path: Path, mp3: bytes) -> None:
    bare = without_header_frame(mp3)
    form = struct.pack("<HHIIHHHHIHHH", 0x55, 2, RATE, 16_000, 1, 0, 12, 1, 2, 400, 1, 1393)
    body = (
        b"WAVEfmt " + struct.pack("<I", 30) + form + b"data" + struct.pack("<I", len(bare)) + bare
    )
    path = put(tmp_path / "a.wav", b"RIFF" + struct.pack("<I", len(body)) + body)
    samples, _ = decoded(path)
    expected, _ = decoded(put(tmp_path / "b.mp3", bare))
    np.testing.assert_array_equal(samples, expected)


# -- nonsense --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        ({"rate": 2**31 - 1, "channels": 1024}, "2147483647 Hz"),
        ({"rate": 1}, "claims 1 Hz"),
        ({"rate": 0}, "claims 0 Hz"),
        ({"channels": 1024}, "1024 channels"),
        ({"channels": 0}, "0 channels"),
    ],
)
def test_nonsense_is_refused_in_one_line(tmp_path: Path, claim: dict[str, int], words: str) -> None:
    path = put(tmp_path / "a.wav", wave(SOUND, announced=len(SOUND), **claim))
    with pytest.raises(AudioFileError, match=words) as caught:
        decoded(path)
    assert "\n" not in str(caught.value)


def test_more_hours_than_anybody_can_mean_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = put(tmp_path / "a.wav", wave(b"", announced=0xFFFFFFFF, rate=1_000, channels=1))
    with path.open("r+b") as file:
        file.truncate(2_000 * 3600 * 101)
    with pytest.raises(AudioFileError, match="101 hours"):
        FileSource(path, paced=False)


def test_many_channels_make_a_block_shorter_and_not_the_memory_full(tmp_path: Path) -> None:
    path = put(
        tmp_path / "a.wav",
        wave(bytes(2 * 96 * 192_000), announced=2 * 96 * 192_000, rate=192_000, channels=96),
    )
    source = FileSource(path, paced=False)
    frames = [len(block.samples) for block in iter(source.read, None)]
    assert max(frames) * 96 <= 1 << 22
    assert sum(frames) == 192_000


# -- pipes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"RIFF\x00\x00\x00\x00WAVE", "WAV"),
        (b"RIFF\x00\x00\x00\x00AVI ", None),
        (b"RF64\xff\xff\xff\xffWAVE", "WAV"),
        (b"ID3\x04", "MPEG"),
        (b"OggS", "Ogg"),
        (b"fLaC", "FLAC"),
        (b"FORM", "AIFF"),
        (b"\x00\x00\x00\x20ftypM4A ", "MP4"),
        (3 * (b"\xff\xfb\x10\x64" + bytes(100)), "MPEG"),
        (b"\xff\xfb\x10\x64" + bytes(500), None),  # a sample that looks like it
        (bytes(100), None),
        (b"", None),
        (b"RI", None),
    ],
)
def test_a_format_is_told_by_its_first_bytes(head: bytes, kind: str | None) -> None:
    assert recognise(ByteStream(io.BytesIO(head).read)) == kind


def make_wav(path: Path) -> None:
    path.write_bytes(wave(SOUND, announced=len(SOUND)))


def make(subtype: str | None = None, **how: object) -> Callable[[Path], None]:
    return lambda path: soundfile.write(path, music(), 48_000, subtype=subtype, **how)


PIPED = [
    ("a.wav", make_wav),
    ("b.wav", lambda path: path.write_bytes(wave(SOUND, announced=0xFFFFFFFF))),
    ("c.wav", lambda path: path.write_bytes(wave(SOUND, announced=0))),
    ("d.wav", lambda path: path.write_bytes(wave(SOUND, announced=4 * RATE))),
    ("a.mp3", make()),
    ("a.flac", make()),
    ("a.ogg", make("VORBIS")),
    ("b.ogg", make("OPUS")),
    ("a.aiff", make("PCM_16")),
    ("a.au", make("PCM_16")),
]


@pytest.mark.parametrize(("name", "make"), PIPED, ids=[name for name, _ in PIPED])
def test_a_sound_file_that_is_piped_in_is_the_file(
    tmp_path: Path, name: str, make: Callable[[Path], None]
) -> None:
    make(tmp_path / name)
    expected, _ = decoded(tmp_path / name)
    with (tmp_path / name).open("rb") as stream:
        source = StdinSource(stream, rate=8_000, channels=1, sample_format="u8")
        samples, _ = drained(source)
    np.testing.assert_array_equal(samples, expected)
    assert source.warning is not None
    assert "was decoded as one" in source.warning


@pytest.mark.parametrize("name", ["a.mp3", "a.ogg"])
def test_joined_files_are_heard_through_a_pipe_too(tmp_path: Path, name: str) -> None:
    make()(tmp_path / name)
    data = (tmp_path / name).read_bytes()
    expected, _ = decoded(put(tmp_path / f"both-{name}", data, data))
    stream = io.BytesIO(data + data)
    samples, _ = drained(StdinSource(stream, rate=8_000, channels=1, sample_format="u8"))
    np.testing.assert_array_equal(samples, expected)


def test_what_cannot_be_decoded_as_it_comes_gets_the_line_to_type() -> None:
    stream = io.BytesIO(b"\x00\x00\x00\x20ftypM4A " + bytes(5000))
    source = StdinSource(stream, rate=8_000, channels=1, sample_format="u8")
    with pytest.raises(AudioFileError, match=r"ffmpeg .*realtime-mer live -") as caught:
        source.read()
    assert "\n" not in str(caught.value)


def test_raw_samples_are_not_kept_waiting_to_be_told_from_a_file() -> None:
    there, here = os.pipe()
    with os.fdopen(there, "rb") as stream, os.fdopen(here, "wb", buffering=0) as sender:
        source = StdinSource(stream, rate=8_000, channels=1, sample_format="s16le")
        sender.write(struct.pack("<2h", 1000, -1000))
        block = source.read()  # while the sender goes on
        assert block is not None
        assert block.samples.shape == (2, 1)
        source.close()


@needs_fifo
def test_a_named_pipe_is_read_and_not_called_empty(tmp_path: Path) -> None:
    make_wav(tmp_path / "a.wav")

    def send(data: bytes, pipe: Path) -> threading.Thread:
        # Each its own: a sender must not meet the reader before, who may not have let go yet.
        os.mkfifo(pipe)
        sender = threading.Thread(target=pipe.write_bytes, args=(data,))
        sender.start()
        return sender

    sender = send((tmp_path / "a.wav").read_bytes(), tmp_path / "sound")
    samples, _ = decoded(tmp_path / "sound")
    sender.join()
    np.testing.assert_array_equal(samples, EXPECTED)
    for name, data, words in (("raw", bytes(5000), "live - --rate"), ("none", b"", "nothing came")):
        sender = send(data, tmp_path / name)
        with pytest.raises(AudioFileError, match=words):
            decoded(tmp_path / name)
        sender.join()


@needs_ffmpeg
def test_an_mp3_as_ffmpeg_pipes_it_is_heard_to_its_end(tmp_path: Path) -> None:
    make_wav(tmp_path / "a.wav")
    command = ["ffmpeg", "-v", "error", "-i", str(tmp_path / "a.wav"), "-f", "mp3", "-"]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    stream = io.BytesIO(data)
    samples, _ = drained(StdinSource(stream, rate=8_000, channels=1, sample_format="u8"))
    assert len(samples) == pytest.approx(3 * RATE, abs=3 * 1152)


def test_closing_ends_the_read_of_a_decoded_pipe_at_once(tmp_path: Path) -> None:
    make()(tmp_path / "a.ogg")
    there, here = os.pipe()
    with os.fdopen(there, "rb") as stream, os.fdopen(here, "wb", buffering=0) as sender:
        sender.write((tmp_path / "a.ogg").read_bytes()[:20_000])
        source = StdinSource(stream, rate=8_000, channels=1, sample_format="u8")
        reader = threading.Thread(target=lambda: list(iter(source.read, None)))
        reader.start()
        source.close()
        reader.join(timeout=30)
        assert not reader.is_alive()
