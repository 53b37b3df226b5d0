"""Sounds that are no music, made anew for every piece."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.features.config import FeatureConfig
from training.learn.made_sounds import KINDS, MadeSounds, hum, made_sound

RATE = 24_000


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), seconds=st.floats(0.1, 4.0))
def test_a_sound_is_finite_and_between_silence_and_what_two_loud_ones_make(
    seed: int, seconds: float
) -> None:
    count = round(seconds * RATE)
    sound = made_sound(count, RATE, np.random.default_rng(seed))
    assert (sound.shape, sound.dtype) == ((count,), np.float32)
    level = 10 * np.log10(np.mean(sound.astype(float) ** 2))
    assert -97 < level < -10 + 6.1


def test_some_are_next_to_nothing_and_no_two_are_the_same() -> None:
    random = np.random.default_rng(0)
    sounds = [made_sound(RATE, RATE, random) for _ in range(40)]
    levels = np.array([10 * np.log10(np.mean(sound.astype(float) ** 2)) for sound in sounds])
    assert 2 <= (levels < -59).sum() <= 16
    assert len({sound.tobytes() for sound in sounds}) == 40


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_sounds(kind: object) -> None:
    assert callable(kind)
    sound = kind(2 * RATE, RATE, np.random.default_rng(1))
    assert sound.shape == (2 * RATE,)
    assert sound.std() > 0


def test_a_hum_has_a_pitch_that_stays() -> None:
    spectrum = np.abs(np.fft.rfft(hum(4 * RATE, RATE, np.random.default_rng(2))))
    half = np.abs(np.fft.rfft(hum(4 * RATE, RATE, np.random.default_rng(2))[: 2 * RATE]))
    assert np.argmax(half) * 2 == pytest.approx(np.argmax(spectrum), abs=2)
    assert (spectrum > 0.01 * spectrum.max()).mean() < 0.01


def test_the_frames_are_as_many_as_asked_for() -> None:
    made = MadeSounds(FeatureConfig())(30, np.random.default_rng(3))
    assert made.frames.shape == (150, 64)
    assert made.pitches.shape == (30, 0)
    assert made.frames.min() >= 0
