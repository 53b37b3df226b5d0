"""The typical half minute of a track: decoded, and heard through a loudspeaker."""

from pathlib import Path

import numpy as np
import pytest

from realtime_mer.audio.sources import DeviceSource
from realtime_mer.errors import AudioFileError, DeviceError
from realtime_mer.library.checking.excerpt import Excerpt, Playing, excerpt
from tests.command_line import noise, write_sound

RATE = 24_000


def ramp(seconds: float, *, channels: int = 1) -> np.ndarray:
    one = np.linspace(0, 0.9, round(seconds * RATE), dtype=np.float32)
    return np.repeat(one[:, None], channels, axis=1)


@pytest.mark.parametrize(
    ("start_s", "seconds", "length"), [(0, 2, 2), (40, 5, 5), (33.5, 30, 30), (69, 9, 1)]
)
def test_an_excerpt_is_that_part_of_the_file(tmp_path, start_s, seconds, length) -> None:
    sound = ramp(70)
    path = write_sound(tmp_path / "a.wav", sound, rate=RATE, subtype="FLOAT")
    found = excerpt(str(path), start_s=start_s, seconds=seconds)
    first = round(start_s * RATE)
    np.testing.assert_array_equal(found.samples, sound[first : first + round(length * RATE)])
    assert found.rate == RATE


def test_many_channels_become_one_and_loud_or_broken_samples_are_safe(tmp_path: Path) -> None:
    samples = noise(1, channels=6)
    samples[5] = np.nan
    samples[6:9] = 100.0
    path = write_sound(tmp_path / "a.wav", samples, subtype="FLOAT")
    found = excerpt(str(path), start_s=0).samples
    assert found.shape == (24_000, 1)
    assert np.isfinite(found).all()
    assert abs(found).max() <= 1
    stereo = write_sound(tmp_path / "b.wav", noise(1, channels=2), subtype="FLOAT")
    assert excerpt(str(stereo), start_s=0).samples.shape == (24_000, 2)


def test_a_file_that_is_missing_broken_or_cut_is_told(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError):
        excerpt(str(tmp_path / "no.wav"), start_s=0)
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    with pytest.raises(AudioFileError):
        excerpt(str(tmp_path / "broken.wav"), start_s=0)
    path = write_sound(tmp_path / "short.wav", noise(2))
    with pytest.raises(AudioFileError, match="ends before 60 s"):
        excerpt(str(path), start_s=60)


@pytest.mark.slow
def test_an_excerpt_is_heard_from_the_loudspeaker_until_it_is_left(pulse) -> None:
    speakers = DeviceSource(kind="loopback")
    samples = 0.5 * np.sin(np.arange(20 * 48_000)[:, None] / 20)
    loud = 0.0
    try:
        with Playing(Excerpt(samples=samples.astype(np.float32), rate=48_000)):
            while loud < 0.01:
                block = speakers.read()
                assert block is not None
                loud = float(np.sqrt(np.mean(block.samples**2))) if len(block.samples) else 0.0
        while loud >= 0.001:
            block = speakers.read()
            assert block is not None
            loud = float(np.sqrt(np.mean(block.samples**2))) if len(block.samples) else loud
    finally:
        speakers.close()


@pytest.mark.slow
def test_a_short_one_is_played_to_its_end(pulse) -> None:
    playing = Playing(Excerpt(samples=noise(0.5), rate=24_000))
    playing.wait()
    playing.stop()


@pytest.mark.slow
def test_a_machine_without_sound_is_told_what_to_do(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/nobody")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(DeviceError, match=r"Sound cannot be played: .* With --no-sound"):
        Playing(Excerpt(samples=noise(0.5), rate=24_000))
