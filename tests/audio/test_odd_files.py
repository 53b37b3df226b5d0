"""What writers, downloads and disks left odd is read whole, and the oddness is told."""

import io
import shutil
import struct
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from realtime_mer.audio.decoding.ffmpeg import DAMAGED
from realtime_mer.audio.decoding.formats import LOST_PAGES, SKIPPED
from realtime_mer.audio.decoding.sndfile import FEWER, MORE
from realtime_mer.audio.files import FileSource
from realtime_mer.audio.stdin import StdinSource
from realtime_mer.errors import AudioFileError

RATE = 44_100
FRAMES = 2 * RATE


def music() -> np.ndarray:
    """Two channels of noise whose loudness goes up and down."""
    rng = np.random.default_rng(5)
    swell = 0.2 + 0.15 * np.sin(np.arange(FRAMES) / 3000)
    return np.clip(swell[:, None] * rng.standard_normal((FRAMES, 2)), -0.99, 0.99)


WHOLE = (music() * 32767).astype("<i2")
SOUND = WHOLE.tobytes()
EXPECTED = WHOLE / np.float32(32768)
TAG = b"ID3\x04\x00\x00\x00\x00\x02\x00" + bytes(range(256))


@pytest.fixture(autouse=True)
def without_ffmpeg(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Only the tests that ask for ``ffmpeg`` may find it."""
    if "ffmpeg" not in request.fixturenames:
        monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def ffmpeg() -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")


def decoded(path: Path) -> tuple[np.ndarray, Counter[str]]:
    """Return the sound of a file and what was found wrong with it."""
    source, parts, faults = FileSource(path, paced=False), [], Counter()
    while (block := source.read()) is not None:
        faults.update(block.faults)
        if len(block.samples):
            parts.append(block.samples)
    return np.concatenate(parts), faults


def put(path: Path, *parts: bytes) -> Path:
    path.write_bytes(b"".join(parts))
    return path


def made(form: str, subtype: str = "PCM_16") -> bytes:
    """Return the music as a file of a format."""
    file = io.BytesIO()
    soundfile.write(file, EXPECTED, RATE, format=form, subtype=subtype)
    return file.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data


def wave(*, form: bytes | None = None, before: bytes = b"", between: bytes = b"") -> bytes:
    """Return the music as a WAV file with other chunks in front."""
    usual = struct.pack("<HHIIHH", 1, 2, RATE, 4 * RATE, 4, 16)
    body = b"WAVE" + before + chunk(b"fmt ", usual if form is None else form) + between
    body += chunk(b"data", SOUND)
    return chunk(b"RIFF", body)


# -- lengths of 64 bits ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("announced", "fault"),
    [
        (-1, {}),  # still being written
        (0, {MORE: FRAMES}),
        (4 + 4 * RATE, {MORE: RATE}),
        (4 + len(SOUND) + 400, {FEWER: 100}),
        (4 + 4 * (FRAMES + 2**59), {FEWER: 2**59}),  # beyond any hours, and yet only announced
    ],
)
def test_a_caf_file_is_read_to_its_end_whatever_it_announces(
    tmp_path: Path, announced: int, fault: dict[str, int]
) -> None:
    data = made("CAF")
    at = data.index(b"data") + 4
    path = put(tmp_path / "a.caf", data[:at], struct.pack(">q", announced), data[at + 8 :])
    samples, faults = decoded(path)
    np.testing.assert_array_equal(samples, EXPECTED)
    assert faults == fault


@pytest.mark.parametrize(
    ("announced", "fault"),
    [
        (2**64 - 1, {}),
        (0, {MORE: FRAMES}),
        (24 + 4 * RATE, {MORE: RATE}),
        (24 + len(SOUND) + 400, {FEWER: 100}),
    ],
)
def test_a_w64_file_is_read_to_its_end_whatever_it_announces(
    tmp_path: Path, announced: int, fault: dict[str, int]
) -> None:
    data = made("W64")
    at = data.index(b"data") + 16
    path = put(tmp_path / "a.w64", data[:at], struct.pack("<Q", announced), data[at + 8 :])
    samples, faults = decoded(path)
    np.testing.assert_array_equal(samples, EXPECTED)
    assert faults == fault


@pytest.mark.parametrize("form", ["CAF", "W64"])
@pytest.mark.parametrize("subtype", ["PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAW", "ULAW"])
def test_every_kind_of_plain_samples_is_read_as_libsndfile_reads_it(
    tmp_path: Path, form: str, subtype: str
) -> None:
    path = put(tmp_path / "a", made(form, subtype))
    expected, _ = soundfile.read(path, dtype="float32")
    samples, faults = decoded(path)
    np.testing.assert_array_equal(samples, expected)
    assert not faults


@pytest.mark.parametrize("form", ["CAF", "W64"])
def test_a_file_of_wide_chunks_that_was_cut_off_gives_what_it_has(
    tmp_path: Path, form: str
) -> None:
    data = made(form)
    samples, faults = decoded(put(tmp_path / "a", data[: len(data) - 4 * RATE]))
    np.testing.assert_array_equal(samples, EXPECTED[: len(samples)])
    assert len(samples) >= FRAMES - RATE
    assert faults[FEWER] == FRAMES - len(samples)


def test_a_bw64_file_is_read(tmp_path: Path) -> None:
    sizes = struct.pack("<QQQI", len(SOUND) + 80, len(SOUND), FRAMES, 0)
    form = struct.pack("<HHIIHH", 1, 2, RATE, 4 * RATE, 4, 16)
    unknown = struct.pack("<I", 0xFFFFFFFF)
    data = b"BW64" + unknown + b"WAVE" + chunk(b"ds64", sizes) + chunk(b"fmt ", form)
    samples, faults = decoded(put(tmp_path / "a.wav", data, b"data", unknown, SOUND))
    np.testing.assert_array_equal(samples, EXPECTED)
    assert not faults


# -- WAV and AIFF ----------------------------------------------------------------------------------


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("place", ["before", "between"])
def test_chunks_of_odd_size_are_passed_over_with_their_padding_or_without(
    tmp_path: Path, padded: bool, place: str
) -> None:
    odd = chunk(b"LIST", b"INFOabc") + bytes(padded)
    samples, faults = decoded(put(tmp_path / "a.wav", wave(**{place: odd})))
    np.testing.assert_array_equal(samples, EXPECTED)
    assert not faults


@pytest.mark.parametrize(
    "form",
    [
        struct.pack("<HHIIHH", 1, 2, RATE, 0, 4, 16),
        struct.pack("<HHIIHH", 1, 2, RATE, 4 * RATE, 0, 16),
        struct.pack("<HHIIHH", 1, 2, RATE, 4 * RATE, 4, 0),
        *(
            struct.pack("<HHIIHHHHIH", 0xFFFE, 2, RATE, 4 * RATE, 4, 16, 22, 16, mask, 1)
            + bytes.fromhex("000000001000800000aa00389b71")
            for mask in (0, 1, 0x60F, 0xFFFFFFFF)
        ),
    ],
    ids=["no byte rate", "no width", "no bits", "mask 0", "mask 1", "mask 60f", "mask ffffffff"],
)
def test_a_header_may_leave_out_or_mistake_what_the_rest_of_it_says(
    tmp_path: Path, form: bytes
) -> None:
    samples, faults = decoded(put(tmp_path / "a.wav", wave(form=form)))
    np.testing.assert_array_equal(samples, EXPECTED)
    assert not faults


def test_wav_files_joined_end_to_end_are_both_heard(tmp_path: Path) -> None:
    samples, faults = decoded(put(tmp_path / "a.wav", wave(), wave(before=chunk(b"JUNK", b"ab"))))
    np.testing.assert_array_equal(samples, np.concatenate([EXPECTED, EXPECTED]))
    assert not faults


def test_wav_files_joined_end_to_end_are_both_heard_through_a_pipe_too() -> None:
    tagged = wave(before=chunk(b"JUNK", b"ab")) + chunk(b"LIST", b"INFOabc") + b"\0"
    source = StdinSource(io.BytesIO(tagged + wave()), rate=8000, channels=1, sample_format="u8")
    blocks = [block.samples for block in iter(source.read, None) if len(block.samples)]
    np.testing.assert_array_equal(np.concatenate(blocks), np.concatenate([EXPECTED, EXPECTED]))


def test_a_second_chunk_of_sound_is_heard_too(tmp_path: Path) -> None:
    path = put(tmp_path / "a.wav", wave(), chunk(b"LIST", b"INFO"), chunk(b"data", SOUND))
    samples, _ = decoded(path)
    np.testing.assert_array_equal(samples, np.concatenate([EXPECTED, EXPECTED]))


def test_aiff_files_joined_end_to_end_are_both_heard(tmp_path: Path) -> None:
    samples, _ = decoded(put(tmp_path / "a.aiff", made("AIFF"), made("AIFF")))
    np.testing.assert_array_equal(samples, np.concatenate([EXPECTED, EXPECTED]))


def test_room_in_front_of_the_samples_of_an_aiff_file_is_no_sound(tmp_path: Path) -> None:
    """And the length is wrong, so that libsndfile is not asked."""
    data = made("AIFF")
    at = data.index(b"SSND")
    room = struct.pack(">III", 0, 16, 0) + b"\x7f" * 16
    samples, faults = decoded(put(tmp_path / "a.aiff", data[: at + 4], room, data[at + 16 :]))
    np.testing.assert_array_equal(samples, EXPECTED)
    assert faults == {MORE: FRAMES}


# -- what lies in front ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "form", "subtype"),
    [
        ("a.wav", "WAV", "PCM_16"),
        ("a.aiff", "AIFF", "PCM_24"),
        ("a.caf", "CAF", "FLOAT"),
        ("a.flac", "FLAC", "PCM_16"),
        ("a.ogg", "OGG", "VORBIS"),
        ("adpcm.wav", "WAV", "MS_ADPCM"),
    ],
)
@pytest.mark.parametrize("front", [TAG, b"\xef\xbb\xbf", bytes(7001), b"HTTP/1.1 200 OK\r\n\r\n"])
def test_tags_and_garbage_in_front_cost_no_sound(
    tmp_path: Path, name: str, form: str, subtype: str, front: bytes
) -> None:
    data = made(form, subtype)
    expected, _ = decoded(put(tmp_path / name, data))
    samples, faults = decoded(put(tmp_path / f"b{name}", front, data))
    np.testing.assert_array_equal(samples, expected)
    assert faults == ({SKIPPED: 7001} if len(front) == 7001 else {})


def test_megabytes_of_garbage_in_front_of_mpeg_frames_cost_no_sound(tmp_path: Path) -> None:
    data = made("MP3", "MPEG_LAYER_III")
    expected, _ = decoded(put(tmp_path / "a.mp3", data))
    noise = np.random.default_rng(0).bytes(2_000_000)
    samples, faults = decoded(put(tmp_path / "b.mp3", noise, data))
    np.testing.assert_array_equal(samples, expected)
    assert faults == {SKIPPED: 2_000_000}


@pytest.mark.parametrize("size", [3000, 30_000, 200_000_000])
@pytest.mark.parametrize("trailer", [b"", b"TAG" + bytes(125)])
def test_a_tag_that_claims_to_be_larger_than_it_is_hides_no_frames(
    tmp_path: Path, size: int, trailer: bytes
) -> None:
    data = made("MP3", "MPEG_LAYER_III")
    expected, _ = decoded(put(tmp_path / "a.mp3", data))
    claimed = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    path = put(tmp_path / "b.mp3", b"ID3\x03\0\0", claimed, bytes(1000), data, trailer)
    samples, _ = decoded(path)
    np.testing.assert_array_equal(samples, expected)


def test_a_picture_in_a_tag_is_no_sound(tmp_path: Path) -> None:
    """Some hundred bytes in it look like frames."""
    data = made("MP3", "MPEG_LAYER_III")
    expected, _ = decoded(put(tmp_path / "a.mp3", data))
    picture = np.random.default_rng(1).bytes(2_000_000)
    size = bytes(len(picture) >> shift & 0x7F for shift in (21, 14, 7, 0))
    for behind in (b"", b"12345"):
        path = put(tmp_path / "b.mp3", b"ID3\x03\0\0", size, picture, behind, data)
        samples, _ = decoded(path)
        np.testing.assert_array_equal(samples, expected)


# -- Ogg and FLAC ----------------------------------------------------------------------------------


def pages(data: bytes) -> list[bytes]:
    starts = [at for at in range(len(data)) if data.startswith(b"OggS", at)]
    return [data[at:end] for at, end in zip(starts, [*starts[1:], len(data)], strict=True)]


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("garbage", [bytes(70_000), np.random.default_rng(0).bytes(9000)])
def test_garbage_between_the_pages_of_ogg_costs_no_sound(
    tmp_path: Path, subtype: str, garbage: bytes
) -> None:
    file = io.BytesIO()
    soundfile.write(file, EXPECTED, 48_000, format="OGG", subtype=subtype)
    expected, _ = decoded(put(tmp_path / "a.ogg", file.getvalue()))
    whole = pages(file.getvalue())
    path = put(tmp_path / "b.ogg", *whole[:3], garbage, *whole[3:], garbage, *whole)
    samples, faults = decoded(path)
    np.testing.assert_array_equal(samples, np.concatenate([expected, expected]))
    assert faults == {SKIPPED: 2 * len(garbage)}


def test_pages_of_ogg_that_are_missing_are_told(tmp_path: Path) -> None:
    file = io.BytesIO()
    soundfile.write(file, EXPECTED, RATE, format="OGG", subtype="VORBIS")
    whole = pages(file.getvalue())
    samples, faults = decoded(put(tmp_path / "a.ogg", *whole[:4], *whole[5:]))
    assert 0 < len(samples) < FRAMES
    assert faults[LOST_PAGES] == 1


def test_a_flac_file_that_announces_days_is_read_for_what_it_has(tmp_path: Path) -> None:
    data = bytearray(made("FLAC"))
    data[21:26] = bytes([data[21] | 0x0F]) + b"\xff" * 4
    samples, faults = decoded(put(tmp_path / "a.flac", data))
    np.testing.assert_array_equal(samples, EXPECTED)
    assert faults == {FEWER: 2**36 - 1 - FRAMES}


# -- through ffmpeg --------------------------------------------------------------------------------


@pytest.mark.usefixtures("ffmpeg")
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("front.m4a", ["-c:a", "aac", "-movflags", "+faststart"]),
        ("parts.m4a", ["-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"]),
        ("a.aac", ["-c:a", "aac"]),
        ("a.webm", ["-c:a", "libopus"]),
    ],
)
def test_what_ffmpeg_decodes_of_a_file_that_was_cut_off_counts_and_the_cut_is_told(
    tmp_path: Path, name: str, options: list[str]
) -> None:
    whole = converted(tmp_path, name, *options)
    expected, none = decoded(whole)
    assert not none
    data = whole.read_bytes()
    samples, faults = decoded(put(tmp_path / f"cut-{name}", data[: len(data) * 3 // 4]))
    assert FRAMES // 4 < len(samples) < len(expected)
    assert faults[DAMAGED] > 0
    assert set(faults) == {DAMAGED}


@pytest.mark.usefixtures("ffmpeg")
def test_an_m4a_file_whose_index_was_cut_off_says_that_in_one_line(tmp_path: Path) -> None:
    data = converted(tmp_path, "a.m4a", "-c:a", "aac").read_bytes()
    with pytest.raises(AudioFileError, match="its index, which lies at the end, is missing"):
        decoded(put(tmp_path / "b.m4a", data[: len(data) // 2]))


@pytest.mark.usefixtures("ffmpeg")
@pytest.mark.parametrize(
    ("name", "options"), [("a.m4a", ["-c:a", "aac"]), ("a.mka", ["-c:a", "flac"])]
)
def test_what_looks_like_a_few_mpeg_frames_in_another_format_is_not_taken_for_the_sound(
    tmp_path: Path, name: str, options: list[str]
) -> None:
    whole = converted(tmp_path, name, *options)
    expected, _ = decoded(whole)
    frames = made("MP3", "MPEG_LAYER_III")[:6000]
    unused = {
        "a.m4a": (len(frames) + 8).to_bytes(4, "big") + b"free",
        "a.mka": b"\xec" + (0x4000 | len(frames)).to_bytes(2, "big"),  # a Void of that size
    }[name]
    samples, faults = decoded(put(tmp_path / f"b-{name}", whole.read_bytes(), unused, frames))
    np.testing.assert_array_equal(samples, expected)
    assert not faults


@pytest.mark.usefixtures("ffmpeg")
def test_a_picture_is_refused_for_having_no_audio(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    draw = ["-f", "lavfi", "-i", "color=red:size=16x16", "-frames:v", "1", picture]
    subprocess.run(["ffmpeg", "-v", "error", *draw], check=True)
    with pytest.raises(AudioFileError, match="no audio in it"):
        FileSource(picture, paced=False)


def converted(folder: Path, name: str, *options: str) -> Path:
    soundfile.write(folder / "a.wav", EXPECTED, RATE)
    target = folder / name
    subprocess.run(["ffmpeg", "-v", "error", "-i", folder / "a.wav", *options, target], check=True)
    return target
