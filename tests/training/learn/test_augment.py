import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.signal import fftconvolve

from realtime_mer.errors import InputError
from realtime_mer.features.config import FeatureConfig, PitchConfig
from realtime_mer.features.log_mel import LogMel
from realtime_mer.features.log_pitch import LogPitch, pitch_hz
from training.features.cache import Heard, log_mel, log_pitch
from training.learn.augment import AugmentConfig, Augmenter, Bands
from training.learn.config import read_config

FEATURES = FeatureConfig(pitch=PitchConfig())
LOG_PITCH = LogPitch(PitchConfig(), sample_rate=FEATURES.sample_rate, hop=2400)
CLEAN = AugmentConfig(gain_db=0.0, tilt_db=0.0, peak_db=0.0)


def _sound(seconds: float = 4.0, seed: int = 0) -> np.ndarray:
    """A chord of harmonic tones that swell and fade, over a faint hiss."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * FEATURES.sample_rate)) / FEATURES.sample_rate
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 1.5 * time)
    tones = sum(
        np.sin(2 * np.pi * root * k * time + random.uniform(0, 6)) / k
        for root in (196.0, 247.0, 294.0)
        for k in range(1, 12)
    )
    return (0.04 * swell * tones + 0.001 * random.standard_normal(len(time))).astype(np.float32)


class _Least:
    """A source of randomness that always draws the least: white noise, the lower bound."""

    def random(self) -> float:
        return 0.0

    def integers(self, _: int) -> int:
        return 0

    def uniform(self, low: float, _: float) -> float:
        return low


def _frames(sound: np.ndarray) -> np.ndarray:
    return log_mel(LogMel(FEATURES).eval(), sound.astype(np.float32))


def _heard(sound: np.ndarray) -> Heard:
    return Heard(_frames(sound), log_pitch(LOG_PITCH, sound.astype(np.float32)))


def _augmented(config: AugmentConfig, heard: Heard, seed: int = 0) -> Heard:
    other = Heard(heard.frames[::-1], heard.pitches[::-1])
    return Augmenter(config, FEATURES)(heard, other, np.random.default_rng(seed))


def test_nothing_asked_for_is_nothing_done() -> None:
    heard = _heard(_sound())
    for found, given_ in zip(_augmented(CLEAN, heard), heard, strict=True):
        np.testing.assert_allclose(found, given_, atol=1e-5)


def test_what_has_no_rows_of_pitch_is_augmented_as_what_has_them() -> None:
    heard = _heard(_sound())
    alone = Heard(heard.frames, np.empty((len(heard.pitches), 0), np.float32))
    config = AugmentConfig(room=0.5, noise=0.5, band=0.5)
    for seed in range(4):
        random = np.random.default_rng(seed)
        found = Augmenter(config, FeatureConfig())(alone, alone, random)
        assert found.pitches.shape == (40, 0)
        other = Augmenter(config, FEATURES)(heard, heard, np.random.default_rng(seed))
        np.testing.assert_array_equal(found.frames, other.frames)


@pytest.mark.parametrize("gain_db", [-12.0, 5.0])
def test_a_gain_is_the_features_of_the_louder_sound(gain_db: float) -> None:
    sound = _sound()
    config = AugmentConfig(gain_db=-gain_db, tilt_db=0.0, peak_db=0.0)
    augmented = Augmenter(config, FEATURES)(_heard(sound), _heard(sound), _Least())
    louder = _heard(sound * 10 ** (gain_db / 20))
    np.testing.assert_allclose(augmented.frames, louder.frames, atol=1e-3)
    np.testing.assert_allclose(augmented.pitches, louder.pitches, atol=1e-3)


class _Greatest(_Least):
    """A source of randomness that always draws the most."""

    def uniform(self, _: float, high: float) -> float:
        return high


@pytest.mark.parametrize(("drawn", "gain_db"), [(_Least(), -30.0), (_Greatest(), 12.0)])
def test_a_gain_may_reach_farther_down_than_up(drawn: _Least, gain_db: float) -> None:
    sound = _sound()
    config = AugmentConfig(gain_db=(-30.0, 12.0), tilt_db=0.0, peak_db=0.0)
    augmented = Augmenter(config, FEATURES)(_heard(sound), _heard(sound), drawn)
    louder = _heard(sound * 10 ** (gain_db / 20))
    np.testing.assert_allclose(augmented.frames, louder.frames, atol=3e-3)
    np.testing.assert_allclose(augmented.pitches, louder.pitches, atol=3e-3)


def test_gains_are_one_number_for_both_directions_or_the_least_and_the_greatest(tmp_path) -> None:
    assert AugmentConfig(gain_db=12).gains_db == (-12.0, 12.0)
    path = tmp_path / "run.toml"
    path.write_text("[sequences.augment]\ngain_db = [-30, 12]\n")
    assert read_config(path).sequences.augment.gains_db == (-30.0, 12.0)
    path.write_text("[sequences.augment]\ngain_db = [12, -30]\n")
    with pytest.raises(InputError, match="name the least gain first"):
        read_config(path)


def test_noise_leaves_the_spectrum_that_noise_in_the_sound_leaves() -> None:
    sound = _sound()
    hiss = np.random.default_rng(1).standard_normal(len(sound))
    hiss *= sound.std() / hiss.std() * 10 ** (-10 / 20)
    heard, wanted = _heard(sound), _heard(sound + hiss)
    config = AugmentConfig(gain_db=0, tilt_db=0, peak_db=0, noise=1.0, snr_db=(10.0, 10.0))
    augmented = Augmenter(config, FEATURES)(heard, heard, _Least())
    np.testing.assert_allclose(augmented.frames.mean(0), wanted.frames.mean(0), atol=0.15)
    # Rows are fewer, so that chance shows more in their means.
    for found, hissed, clean, most in zip(augmented, wanted, heard, (0.1, 0.2), strict=True):
        missed = abs(found.mean(0) - hissed.mean(0)).mean()
        assert missed < most * abs(clean.mean(0) - hissed.mean(0)).mean()


def test_a_narrow_band_leaves_little_outside_and_everything_inside() -> None:
    heard = _heard(_sound())
    config = AugmentConfig(
        gain_db=0, tilt_db=0, peak_db=0, band=1.0, low_hz=(300, 300), high_hz=(3400, 3400)
    )
    centres = (Bands.of(FEATURES).centre_hz, pitch_hz(PitchConfig()))
    for rows, narrow, centre in zip(heard, _augmented(config, heard), centres, strict=True):
        inside = (centre > 310) & (centre < 3300)
        np.testing.assert_allclose(narrow[:, inside], rows[:, inside], atol=1e-5)
        outside = (centre < 150) | (centre > 6800)
        assert np.all(narrow[:, outside] < rows[:, outside])


def test_a_room_fills_the_pauses_as_a_decaying_echo_does() -> None:
    sound = _sound()
    sound[len(sound) // 2 :] = 0
    time = np.arange(FEATURES.sample_rate) / FEATURES.sample_rate
    echo = np.random.default_rng(2).standard_normal(len(time)) * 10 ** (-3 * time / 0.6)
    echo *= 0.4 / np.sqrt((echo**2).sum())
    echo[0] = 1.0
    real = _heard(fftconvolve(sound, echo)[: len(sound)])
    config = AugmentConfig(gain_db=0, tilt_db=0, peak_db=0, room=1.0, reverberation_s=(0.6, 0.6))
    augmented = _augmented(config, _heard(sound))
    after = len(real.frames) // 2 + np.arange(3, 12)
    assert _frames(sound)[after].max() == 0.0
    fall, fell = (np.log10(10 ** x[after].mean(1) - 1) for x in (augmented.frames, real.frames))
    assert np.all(np.diff(fall) < 0)
    # Decay by frame, of the logarithm of power: as steep as the real one's within a third.
    assert (fall[-1] - fall[0]) == pytest.approx(fell[-1] - fell[0], rel=0.33)
    # Rows too, whose window of a third of a second has left the sound three hops later.
    after = len(real.pitches) // 2 + np.arange(4, 9)
    assert _heard(sound).pitches[after].max() == 0.0
    fall, fell = (np.log10(10 ** x[after].mean(1) - 1) for x in (augmented.pitches, real.pitches))
    assert (fall[-1] - fall[0]) == pytest.approx(fell[-1] - fell[0], rel=0.33)


def test_bands_are_those_of_the_features() -> None:
    bands = Bands.of(FEATURES)
    time = np.arange(FEATURES.sample_rate) / FEATURES.sample_rate
    for band in (10, 30, 50):
        tone = torch.from_numpy(np.sin(2 * np.pi * bands.centre_hz[band] * time)).float()
        with torch.inference_mode():
            frames = LogMel(FEATURES)(tone[None])[0].numpy()
        assert abs(int(frames.mean(0).argmax()) - band) <= 1


@pytest.mark.slow
@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), level=st.floats(0.0, 5.0))
def test_whatever_is_drawn_frames_stay_finite_and_not_negative(seed: int, level: float) -> None:
    random = np.random.default_rng(seed)
    sizes = ((60, FEATURES.n_mels), (12, PitchConfig.bins))
    heard = Heard(*((level * random.random(size)).astype(np.float32) for size in sizes))
    silence = Heard(*(np.zeros((rows // 12, width), np.float32) for rows, width in sizes))
    augmenter = Augmenter(AugmentConfig(room=0.5, noise=0.5, band=0.5), FEATURES)
    augmented = augmenter(heard, silence, random)
    for size, found in zip(sizes, augmented, strict=True):
        assert found.shape == size
        assert found.dtype == np.float32
        assert np.isfinite(found).all()
        assert (found >= 0).all()


def test_silence_stays_silence_under_any_gain_filter_room_and_noise() -> None:
    silence = _heard(np.zeros(14_400))
    for seed in range(5):
        augmented = _augmented(AugmentConfig(room=1.0, noise=1.0, band=1.0), silence, seed)
        assert not any(found.any() for found in augmented)


def test_a_change_that_is_no_condition_is_refused_and_those_there_are_are_told() -> None:
    with pytest.raises(ValidationError, match=r"no condition 'mp3'; .*MP3, 24 kbit/s"):
        AugmentConfig(changed=0.1, changes=("mp3",))


@pytest.mark.parametrize("settings", [{"changed": 0.1}, {"changes": ("MP3, 24 kbit/s",)}])
def test_a_probability_without_changes_or_changes_without_one_are_refused(settings) -> None:
    with pytest.raises(ValidationError, match="both a probability and names"):
        AugmentConfig(**settings)
