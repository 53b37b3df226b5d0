"""Every file becomes the same kind of sound, or one line that says what to do."""

import shutil
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from realtime_mer import load_audio
from realtime_mer.audio.decoding.sndfile import FEWER
from realtime_mer.audio.files import FileSource
from realtime_mer.errors import AudioFileError
from tests.patience import PATIENCE_S

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def tone(seconds: float, rate: int, channels: int = 1) -> np.ndarray:
    t = np.arange(round(seconds * rate)) / rate
    return np.tile((0.5 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)[:, None], channels)


def music(seconds: float, rate: int) -> np.ndarray:
    """Silence, noise, silence: what makes a variable bit rate vary."""
    samples = np.zeros(round(seconds * rate), dtype=np.float32)
    third = len(samples) // 3
    samples[third : 2 * third] = 0.2 * np.random.default_rng(0).standard_normal(third)
    return samples


def read_all(source: FileSource) -> np.ndarray:
    parts = []
    while (block := source.read()) is not None:
        parts.append(block.samples)
    return np.concatenate(parts)


def cut(source: Path, name: str) -> Path:
    """Keep the first half of a file's bytes."""
    data = source.read_bytes()
    path = source.with_name(name)
    path.write_bytes(data[: len(data) // 2])
    return path


@pytest.mark.parametrize(
    ("name", "rate", "channels", "subtype"),
    [
        ("eight-bit.wav", 44_100, 1, "PCM_U8"),
        ("studio.wav", 192_000, 1, "PCM_24"),
        ("surround.flac", 48_000, 6, "PCM_16"),
        ("float.wav", 24_000, 2, "DOUBLE"),
        ("telephone.wav", 8_000, 1, "ULAW"),
        ("vorbis.ogg", 44_100, 2, "VORBIS"),
        ("opus.ogg", 48_000, 2, "OPUS"),
        ("mpeg.mp3", 44_100, 2, "MPEG_LAYER_III"),
        ("apple.aiff", 22_050, 2, "PCM_16"),
    ],
)
def test_any_rate_channel_count_and_format_becomes_mono_at_24_khz(
    tmp_path, name, rate, channels, subtype
):
    soundfile.write(tmp_path / name, tone(1.0, rate, channels), rate, subtype=subtype)
    samples = load_audio(tmp_path / name)
    assert samples.dtype == np.float32
    assert samples.shape == (24_000,)
    # The resampler may shift the tone by a part of a sample: fit it with a sine and a cosine.
    turning = 2 * np.pi * 440 * np.arange(4_000, 20_000) / 24_000
    waves = np.stack([np.sin(turning), np.cos(turning)], axis=1)
    fit, *_ = np.linalg.lstsq(waves, samples[4_000:20_000], rcond=None)
    assert np.hypot(*fit) == pytest.approx(0.5, abs=0.01)
    assert np.abs(samples[4_000:20_000] - waves @ fit).max() < 0.03


@needs_ffmpeg
def test_what_soundfile_cannot_read_comes_through_ffmpeg(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(1.0, 44_100, 2), 44_100)
    convert(tmp_path / "a.wav", tmp_path / "a.m4a")
    samples = load_audio(tmp_path / "a.m4a")
    assert len(samples) == pytest.approx(24_000, abs=0.1 * 24_000)  # AAC pads its last frame
    # The encoder may shift the tone: compare levels.
    assert np.sqrt(np.mean(samples[4_000:20_000] ** 2)) == pytest.approx(0.5 / 2**0.5, rel=0.05)


def test_the_result_has_the_rate_asked_for(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(1.0, 44_100), 44_100)
    assert load_audio(tmp_path / "a.wav", sample_rate=16_000).shape == (16_000,)


def test_a_files_beginning_is_the_beginning_of_the_whole_file(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", music(30.0, 44_100), 44_100)
    whole = load_audio(tmp_path / "a.wav")
    for seconds in (1.5, 12.0, 100.0):
        beginning = load_audio(tmp_path / "a.wav", longest_s=seconds)
        assert np.array_equal(beginning, whole[: round(24_000 * seconds)])


def test_a_variable_rate_mp3_read_in_blocks_is_the_mp3_read_whole(tmp_path):
    path = tmp_path / "a.mp3"
    soundfile.write(path, music(9.0, 44_100), 44_100, bitrate_mode="VARIABLE")
    whole, _ = soundfile.read(path, dtype="float32", always_2d=True)
    np.testing.assert_array_equal(read_all(FileSource(path, paced=False)), whole)


@needs_ffmpeg
def test_a_flac_stream_of_unknown_length_is_read_to_its_end(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(2.0, 48_000), 48_000)
    with (tmp_path / "stream.flac").open("wb") as stream:
        subprocess.run(
            ["ffmpeg", "-v", "error", "-i", tmp_path / "a.wav", "-f", "flac", "-"],
            stdout=stream,
            check=True,
        )
    assert load_audio(tmp_path / "stream.flac").shape == (48_000,)


@needs_ffmpeg
def test_a_wav_stream_that_announces_no_length_is_not_called_broken(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(2.0, 48_000), 48_000)
    with (tmp_path / "stream.wav").open("wb") as stream:
        subprocess.run(
            ["ffmpeg", "-v", "error", "-i", tmp_path / "a.wav", "-f", "wav", "-"],
            stdout=stream,
            check=True,
        )
    assert load_audio(tmp_path / "stream.wav").shape == (48_000,)


def test_unpaced_reading_gives_every_frame_and_no_clock(tmp_path):
    samples = music(1.3, 44_100)
    soundfile.write(tmp_path / "a.wav", samples, 44_100, subtype="FLOAT")
    source = FileSource(tmp_path / "a.wav", paced=False)
    assert not source.real_time
    assert source.name == "a.wav"
    blocks = list(iter(source.read, None))
    assert all(block.rate == 44_100 and block.arrived_at is None for block in blocks)
    np.testing.assert_array_equal(np.concatenate([b.samples for b in blocks])[:, 0], samples)
    assert source.read() is None


def test_paced_reading_keeps_to_the_clock(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(0.3, 48_000), 48_000)
    source = FileSource(tmp_path / "a.wav", paced=True)
    assert source.real_time
    first = source.read()
    arrivals, frames = [first.arrived_at], [len(first.samples)]
    while (block := source.read()) is not None:
        assert time.monotonic() >= block.arrived_at  # never early
        arrivals.append(block.arrived_at)
        frames.append(len(block.samples))
    assert sum(frames) == 14_400
    # Due times are counted in frames, so they do not depend on when the blocks were asked for.
    assert np.diff(arrivals) == pytest.approx(np.array(frames[1:]) / 48_000)


def test_close_ends_a_paced_read_at_once(tmp_path):
    soundfile.write(tmp_path / "long.wav", np.zeros(8_000 * 600), 8_000, subtype="PCM_U8")
    source = FileSource(tmp_path / "long.wav", paced=True)
    answers = []

    def listen():
        while (block := source.read()) is not None:
            answers.append(block)
        answers.append(None)

    listener = threading.Thread(target=listen)
    listener.start()
    source.close()
    source.close()
    listener.join(timeout=PATIENCE_S)
    assert not listener.is_alive()
    assert answers[-1] is None
    assert source.read() is None


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_text("hello\n" * 100), "cannot be decoded|is not audio"),
        (lambda path: soundfile.write(path, np.zeros((0, 1)), 44_100), "holds no sound"),
    ],
)
def test_a_file_that_is_no_sound_gets_one_line_that_says_why(tmp_path, make, words):
    path = tmp_path / "a.wav"
    make(path)
    with pytest.raises(AudioFileError, match=words) as caught:
        load_audio(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_raw_file_is_refused_with_the_way_to_play_it(tmp_path):
    (tmp_path / "a.raw").write_bytes(bytes(1000))
    with pytest.raises(AudioFileError, match="realtime-mer live -"):
        load_audio(tmp_path / "a.raw")


def test_without_ffmpeg_the_message_says_to_install_it(tmp_path, monkeypatch):
    (tmp_path / "a.m4a").write_bytes(bytes(1000))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AudioFileError, match="install ffmpeg"):
        load_audio(tmp_path / "a.m4a")


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_a_file_that_was_cut_off_gives_what_it_has_and_is_told(tmp_path, name):
    soundfile.write(tmp_path / name, music(6.0, 44_100), 44_100)
    broken = FileSource(cut(tmp_path / name, f"cut-{name}"), paced=False)
    blocks = list(iter(broken.read, None))
    heard = np.concatenate([block.samples for block in blocks])
    (told,) = (block.faults for block in blocks if block.faults)
    assert told == {FEWER: 6 * 44_100 - len(heard)}
    whole = read_all(FileSource(tmp_path / name, paced=False))
    assert len(heard) > 44_100
    np.testing.assert_array_equal(heard, whole[: len(heard)])


@needs_ffmpeg
def test_a_playlist_cannot_make_ffmpeg_fetch_anything(tmp_path):
    (tmp_path / "list.m3u8").write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n#EXT-X-ENDLIST\n"
    )
    with pytest.raises(AudioFileError, match="not audio"):
        load_audio(tmp_path / "list.m3u8")


def convert(source: Path, target: Path, *options: str) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-i", source, *options, target], check=True)
