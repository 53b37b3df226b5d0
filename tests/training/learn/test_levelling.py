"""What a network hears of a clip is what a session would let it hear of the sound."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.features.config import FeatureConfig, LevelConfig, PitchConfig
from realtime_mer.features.level import LevelFollower
from realtime_mer.features.log_mel import LogMel
from realtime_mer.features.log_pitch import LogPitch
from realtime_mer.hops import loudness
from training.features.cache import Heard
from training.learn.augment import with_gain
from training.learn.levelling import Levelling

HOP = 2400
CONFIG = FeatureConfig(pitch=PitchConfig())
EVEN = LevelConfig(usual_dbfs=-20.0, free_db=0.0, time_s=2.0)


def heard_of(sound: np.ndarray) -> Heard:
    """Return what is heard of samples (n,) that follow digital zeros."""
    assert CONFIG.pitch is not None
    frames = np.pad(sound, (CONFIG.n_fft - CONFIG.hop_length, 0)).astype(np.float32)
    rows = np.pad(sound, (CONFIG.pitch.n_fft - HOP, 0)).astype(np.float32)
    pitches = LogPitch(CONFIG.pitch, sample_rate=CONFIG.sample_rate, hop=HOP)
    with torch.inference_mode():
        return Heard(
            LogMel(CONFIG)(torch.from_numpy(frames)[None])[0].numpy(),
            pitches(torch.from_numpy(rows)[None])[0].numpy(),
        )


def noise(hops: int, dbfs: float, seed: int = 0) -> np.ndarray:
    # Away from the ends of the spectrum, where the bands see less than there is.
    white = np.random.default_rng(seed).standard_normal(hops * HOP)
    spectrum = np.fft.rfft(white)
    hertz = np.fft.rfftfreq(len(white), 1 / CONFIG.sample_rate)
    spectrum[(hertz < 300) | (hertz > 8000)] = 0
    sound = np.fft.irfft(spectrum)
    return sound / sound.std() * 10 ** (dbfs / 20)


def test_the_level_of_a_hop_is_that_of_its_samples() -> None:
    sound = np.concatenate([noise(10, level) for level in (-50.0, -12.0, -30.0)])
    levelling = Levelling(EVEN, CONFIG)
    power = (10 ** heard_of(sound).frames.astype(np.float64) - 1) / CONFIG.log_gain
    of_samples = [
        float(each.level_dbfs) for each in loudness(sound.astype(np.float32).reshape(1, -1, HOP))
    ]
    inside = [n for n in range(30) if n % 10]  # the first frame of a new level lies in both
    assert levelling.levels_dbfs(power)[inside] == pytest.approx(
        np.array(of_samples)[inside], abs=1.0
    )


def test_a_levelled_clip_is_heard_as_the_levelled_sound_is() -> None:
    sound = np.concatenate([noise(20, -40.0), noise(20, -8.0, seed=1)])
    follower, louder = LevelFollower(EVEN, hop_s=0.1), []
    for hop in sound.astype(np.float32).reshape(-1, HOP):
        louder.append(hop * 10 ** (follower.gain_db / 20))
        follower.take(loudness(hop.reshape(1, 1, HOP))[0].level_dbfs, True)
    expected = heard_of(np.concatenate(louder))
    found = Levelling(EVEN, CONFIG)(heard_of(sound))
    # After the second hop; a gain that moves within a row's third of a second is not exact there.
    settled = slice(10 * 5, 20 * 5)
    assert found.frames[settled] == pytest.approx(expected.frames[settled], abs=0.1)
    assert found.pitches[10:20] == pytest.approx(expected.pitches[10:20], abs=0.15)


@settings(max_examples=20, deadline=None)
@given(gain=st.floats(-30.0, 10.0))
def test_a_clip_is_heard_alike_at_any_level_from_the_second_hop_on(gain: float) -> None:
    heard = heard_of(noise(30, -20.0))
    levelling = Levelling(EVEN, CONFIG)
    one, other = levelling(heard), levelling(with_gain(heard, gain, CONFIG))
    assert one.frames[5:] == pytest.approx(other.frames[5:], abs=2e-3)
    assert one.pitches[1:] == pytest.approx(other.pitches[1:], abs=2e-3)


def test_within_what_is_usual_a_clip_is_heard_as_it_is() -> None:
    heard = heard_of(noise(20, -20.0))
    same = Levelling(LevelConfig(usual_dbfs=-15.0), CONFIG)(heard)
    assert same.frames == pytest.approx(heard.frames[:100], abs=1e-4)
