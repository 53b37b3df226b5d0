"""What a file's sound is known by, whatever the file is called, tagged and written in."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile
from numpy.typing import NDArray

from realtime_mer.audio.block import Block
from realtime_mer.audio.demo import compose_parts
from realtime_mer.library import listening
from realtime_mer.library.fingerprint import alike, difference
from realtime_mer.library.listening import Listener, listen
from realtime_mer.library.sound import LONGEST_APART_S, LOUDEST_APART_LU, Sound
from tests.command_line import noise, write_sound

RATE = 44_100

Samples = NDArray[np.float32]


def heard(samples: Samples, *, rate: int = RATE, size: int = 100_000) -> Sound:
    listener = Listener()
    for start in range(0, len(samples), size):
        listener.take(Block(samples=samples[start : start + size], rate=rate))
    return listener.sound()


# -- the hash --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1000, 4410, 7, 88_200])
def test_a_sound_is_the_same_however_it_is_cut_into_blocks(size: int) -> None:
    samples = noise(1.5, rate=RATE, channels=2)
    one, other = heard(samples), heard(samples, size=size)
    assert (one.sha256, one.fingerprint, one.seconds) == (
        other.sha256,
        other.fingerprint,
        other.seconds,
    )
    assert one.loudness_lufs == other.loudness_lufs


def test_one_sample_another_rate_or_one_channel_more_is_another_sound() -> None:
    samples = noise(1, rate=RATE)
    changed = samples.copy()
    changed[1234] *= 1.0001
    stereo = np.repeat(samples, 2, axis=1)
    others = [heard(changed), heard(samples, rate=48_000), heard(stereo), heard(samples[:-1])]
    assert len({heard(samples).sha256, *(other.sha256 for other in others)}) == 5


def test_channels_are_no_longer_mono() -> None:
    """The same values in another shape are another sound."""
    mono = noise(1, rate=RATE)
    assert heard(mono).sha256 != heard(mono.reshape(-1, 2)).sha256


def test_files_without_loss_have_one_hash_and_tags_do_not_count(tmp_path: Path) -> None:
    samples = np.round(noise(1, rate=RATE, channels=2) * 2**15).astype(np.int16)
    paths = [tmp_path / f"a.{kind}" for kind in ("wav", "flac", "aiff")]
    for path in paths:
        soundfile.write(path, samples, RATE, subtype="PCM_16")
    with soundfile.SoundFile(tmp_path / "tagged.flac", "w", RATE, 2) as tagged:
        tagged.title, tagged.artist = "A title", "An artist"
        tagged.write(samples)
    paths.append(tmp_path / "tagged.flac")
    assert len({path.read_bytes() for path in paths}) == 4
    assert len({listen(str(path))[0].sha256 for path in paths}) == 1


# -- decoded once ----------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [listening.MOST_KEPT, 1000])
def test_what_was_listened_to_is_read_once_more_kept_or_decoded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(listening, "MOST_KEPT", most)
    path = write_sound(tmp_path / "a.wav", noise(2), subtype="FLOAT")
    found, again = listen(str(path))
    blocks = []
    while (block := again.read()) is not None:
        blocks.append(block.samples)
    again.close()
    np.testing.assert_array_equal(np.concatenate(blocks), noise(2))
    assert found.seconds == 2.0
    assert again.read() is None


# -- loudness --------------------------------------------------------------------------------------


def piece(seconds: float, rate: int = RATE, *, seed: int = 4) -> Samples:
    """Return music, in two channels."""
    parts, length = [], 0
    for part in compose_parts(sample_rate=rate, seed=seed):
        parts.append(part)
        length += len(part)
        if length >= seconds * rate:
            break
    return np.concatenate(parts)[: round(seconds * rate)]


def sine(frequency: float, level_dbfs: float, *, rate: int = RATE, seconds: float = 5) -> Samples:
    time = np.arange(round(seconds * rate)) / rate
    one = 10 ** (level_dbfs / 20) * np.sin(2 * np.pi * frequency * time)
    return np.stack((one, one), axis=1).astype(np.float32)


def steps() -> Samples:
    """Return noise that is loud and then so quiet that the relative gate leaves it out."""
    loud = noise(5, rate=RATE, channels=2)
    return np.concatenate((loud, loud * 0.01, loud * 0.5))


@pytest.mark.parametrize(
    ("samples", "rate"),
    [
        (noise(4, rate=RATE, channels=2), RATE),
        (noise(4, rate=16_000), 16_000),
        (noise(4, rate=96_000), 96_000),
        (noise(4, rate=22_050, channels=5), 22_050),
        (sine(60, -20), RATE),
        (sine(50.3, -10, rate=48_000), 48_000),
        (sine(5000, -30), RATE),
        (steps(), RATE),
        (piece(12), RATE),
    ],
    ids="noise 16000 96000 surround bass lower-bass treble gated music".split(),
)
def test_loudness_is_that_of_an_independent_meter(samples: Samples, rate: int) -> None:
    expected = pyloudnorm.Meter(rate).integrated_loudness(samples)
    assert heard(samples, rate=rate).loudness_lufs == pytest.approx(expected, abs=0.05)


def test_loudness_of_the_sine_of_ebu_tech_3341_is_its_level() -> None:
    found = heard(sine(1000, -23.0, rate=48_000, seconds=20), rate=48_000)
    assert found.loudness_lufs == pytest.approx(-23.0, abs=0.1)  # as it asks for


def test_silence_and_what_is_too_short_have_no_loudness() -> None:
    assert heard(np.zeros((RATE, 2), np.float32)).loudness_lufs is None
    assert heard(noise(0.3, rate=RATE)).loudness_lufs is None


def test_values_that_are_no_numbers_do_not_spread() -> None:
    samples = piece(6)
    broken = samples.copy()
    broken[5000] = np.nan, np.inf
    one, other = heard(samples), heard(broken)
    assert other.loudness_lufs == pytest.approx(one.loudness_lufs, abs=0.1)
    assert alike(one.fingerprint, other.fingerprint)


# -- the same sound in another format --------------------------------------------------------------

FORMATS = {
    "mp3 64k": (".mp3", ["-b:a", "64k"]),
    "mp3 128k": (".mp3", ["-b:a", "128k"]),
    "mp3 320k": (".mp3", ["-b:a", "320k"]),
    "aac 128k": (".m4a", ["-b:a", "128k"]),
    "opus 96k": (".opus", ["-b:a", "96k"]),
    "vorbis q3": (".ogg", ["-q:a", "3"]),
    "flac 48 kHz": (".flac", ["-ar", "48000"]),
    "flac 22.05 kHz": (".flac", ["-ar", "22050"]),
    "wav, 8 bits": (".wav", ["-c:a", "pcm_u8"]),
}

LENGTH_S = 20


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sound(tmp_path_factory.mktemp("piece") / "a.wav", piece(LENGTH_S), rate=RATE)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize("name", FORMATS)
def test_a_track_is_known_again_in_another_format(
    original: Path, tmp_path: Path, name: str
) -> None:
    suffix, options = FORMATS[name]
    path = tmp_path / f"a{suffix}"
    command = ["ffmpeg", "-v", "error", "-i", str(original), *options, str(path)]
    subprocess.run(command, check=True)
    one, other = listen(str(original))[0], listen(str(path))[0]
    assert one.sha256 != other.sha256
    assert alike(one.fingerprint, other.fingerprint), difference(one.fingerprint, other.fingerprint)
    assert abs(one.seconds - other.seconds) < LONGEST_APART_S
    assert one.loudness_lufs is not None
    assert other.loudness_lufs == pytest.approx(one.loudness_lufs, abs=LOUDEST_APART_LU)


def with_another_voice(samples: Samples) -> Samples:
    """Return the piece with a melody over it, 6 dB quieter than the piece is."""
    rng, time = np.random.default_rng(1), np.arange(len(samples)) / RATE
    steps = rng.integers(-5, 12, LENGTH_S * 2)
    pitch = 220 * 2 ** (np.repeat(steps, RATE // 2)[: len(samples)] / 12)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = sum(np.sin(k * phase) / k for k in range(1, 8)) * np.exp(-2 * (time % 0.5))
    voice *= 0.5 * np.sqrt(np.mean(samples**2) / np.mean(voice**2))
    return (samples + voice[:, None]).astype(np.float32)


def with_other_seconds(samples: Samples) -> Samples:
    """Return the piece with eight seconds of it replaced."""
    changed = samples.copy()
    changed[8 * RATE : 16 * RATE] = samples[: 8 * RATE]
    return changed


def a_little_faster(samples: Samples) -> Samples:
    """Return the piece one per cent faster."""
    places = np.arange(0, len(samples) - 1, 1.01)
    return np.stack(
        [np.interp(places, np.arange(len(samples)), one) for one in samples.T], axis=1
    ).astype(np.float32)


@pytest.mark.parametrize("change", [with_another_voice, with_other_seconds, a_little_faster])
def test_another_version_of_a_track_is_another_track(change) -> None:
    samples = piece(LENGTH_S)
    one, other = heard(samples), heard(change(samples))
    assert not alike(one.fingerprint, other.fingerprint)


def test_different_noise_is_different_and_silence_is_like_nothing() -> None:
    rng = np.random.default_rng(7)
    other = (0.1 * rng.standard_normal((10 * RATE, 1))).astype(np.float32)
    one = heard(noise(10, rate=RATE))
    assert difference(one.fingerprint, heard(other).fingerprint)[0] > 0.5
    silence = heard(np.zeros((10 * RATE, 1), np.float32)).fingerprint
    assert not any(silence)
    assert not alike(silence, silence)
    assert not alike(b"", b"")
