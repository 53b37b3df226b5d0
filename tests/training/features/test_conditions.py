from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.features.config import FeatureConfig, LevelConfig
from realtime_mer.features.log_mel import LogMel
from realtime_mer.stream import EmotionStream
from tests.tones import ToneRecognizer
from training.features.cache import log_mel
from training.features.conditions import (
    at_level,
    band,
    clipped,
    codec,
    conditions,
    levelled,
    noise,
    room,
)

RATE = 24_000
RANDOM = np.random.default_rng(0)


def tone(frequency: float, *, seconds: float = 2.0) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def level(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2)))


@given(st.integers(1, 5000), st.integers(0, 3))
def test_every_condition_keeps_length_and_type_and_makes_no_nan(length: int, seed: int) -> None:
    samples = np.random.default_rng(seed).standard_normal(length).astype(np.float32)
    for condition in conditions().values():
        heard = condition(samples, RATE, np.random.default_rng(seed))
        assert heard.shape == samples.shape
        assert heard.dtype == np.float32
        assert np.isfinite(heard).all()


@pytest.mark.parametrize("frequency", [100.0, 8000.0])
def test_a_phone_lets_no_bass_and_no_treble_through(frequency: float) -> None:
    samples = tone(frequency)
    assert level(band(samples, RATE, RANDOM)[RATE:]) < level(samples) - 25


def test_a_phone_lets_a_voice_through() -> None:
    assert level(band(tone(1000), RATE, RANDOM)[RATE:]) == pytest.approx(level(tone(1000)), abs=0.5)


@pytest.mark.parametrize("pink", [False, True])
def test_noise_lies_as_far_below_the_sound_as_it_says(pink: bool) -> None:
    samples = tone(440)
    added = noise(samples, RATE, np.random.default_rng(1), snr_db=10, pink=pink) - samples
    assert level(samples) - level(added) == pytest.approx(10, abs=0.01)


def test_pink_noise_has_as_much_power_in_one_octave_as_in_the_next() -> None:
    silence = tone(440, seconds=20)
    added = noise(silence, RATE, np.random.default_rng(1), pink=True) - silence
    power = np.abs(np.fft.rfft(added)) ** 2
    octaves = [power[20 * f : 20 * 2 * f].sum() for f in (500, 1000, 2000, 4000)]
    assert max(octaves) / min(octaves) < 1.1


def test_a_room_goes_on_sounding_and_has_died_away_by_60_db_after_its_time() -> None:
    click = np.zeros(RATE, np.float32)
    click[0] = 1.0
    heard = room(click, RATE, np.random.default_rng(2), rt60_s=0.5)
    early, late = heard[1200:2400], heard[8400:9600]
    assert level(early) - level(late) == pytest.approx(60 * 0.3 / 0.5, abs=1.5)
    assert not heard[RATE // 2 + 1 :].any() or level(heard[RATE // 2 + 1 :]) < -120
    assert level(heard) == pytest.approx(level(click), abs=0.01)


def test_a_room_answers_only_to_what_was_played() -> None:
    samples = tone(440)
    samples[: RATE // 2] = 0
    heard = room(samples, RATE, np.random.default_rng(2))
    assert np.abs(heard[: RATE // 2 - 1]).max() < 1e-5


def test_a_codec_keeps_the_moment_and_the_middle_of_the_band_and_drops_its_top() -> None:
    generator = np.random.default_rng(3)
    samples = (0.1 * generator.standard_normal(4 * RATE)).astype(np.float32)
    heard = codec(samples, RATE, RANDOM, kbps=24.0)
    delays = [
        float(np.dot(samples[RATE : 3 * RATE], heard[RATE + lag : 3 * RATE + lag]))
        for lag in range(-200, 201)
    ]
    assert abs(int(np.argmax(delays)) - 200) <= 1

    def power(sound: np.ndarray, low: int, high: int) -> float:
        spectrum = np.abs(np.fft.rfft(sound)) ** 2
        return float(spectrum[4 * low : 4 * high].sum())

    assert power(heard, 300, 2000) > 0.5 * power(samples, 300, 2000)
    assert power(heard, 11_000, 12_000) < 0.1 * power(samples, 11_000, 12_000)


@pytest.mark.parametrize("kbps", [16.0, 48.0])
def test_a_codec_of_fewer_bits_loses_more(kbps: float) -> None:
    samples = sum(tone(frequency) for frequency in (220.0, 1100.0, 4700.0)) / 3
    samples += 0.05 * np.random.default_rng(4).standard_normal(len(samples))
    samples = samples.astype(np.float32)
    lost = np.std(codec(samples, RATE, RANDOM, kbps=kbps) - samples)
    assert (lost > np.std(codec(samples, RATE, RANDOM, kbps=32.0) - samples)) == (kbps < 32)


@pytest.mark.parametrize("name", conditions())
def test_under_every_condition_a_frame_is_of_the_moment_of_the_clean_one(name: str) -> None:
    generator = np.random.default_rng(5)
    # Bursts of noise at odd times: an onset is where a delay would show.
    samples = (0.3 * generator.standard_normal(6 * RATE)).astype(np.float32)
    edges = np.cumsum(generator.integers(2000, 14_000, 20))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        samples[start:stop] *= 0.01
    heard = conditions()[name](samples, RATE, generator)
    transform = LogMel(FeatureConfig()).eval()
    clean, changed = (
        np.diff(log_mel(transform, sound).mean(1)).clip(0) for sound in (samples, heard)
    )
    lags = range(-5, 6)
    agreement = [float(clean[10:-10] @ changed[10 + lag : len(clean) - 10 + lag]) for lag in lags]
    assert lags[int(np.argmax(agreement))] == 0


@pytest.mark.parametrize("drive_db", [6.0, 18.0])
def test_an_overdriven_input_loses_its_peaks_and_keeps_its_level(drive_db: float) -> None:
    samples = tone(440) * np.linspace(0.1, 1.0, 2 * RATE, dtype=np.float32)
    heard = clipped(samples, RATE, RANDOM, drive_db=(drive_db, drive_db))
    assert level(heard) == pytest.approx(level(samples), abs=0.01)
    quiet = np.abs(samples) < 0.3 * 10 ** (-drive_db / 20) * 0.99
    gain = heard[quiet & (np.abs(samples) > 1e-3)] / samples[quiet & (np.abs(samples) > 1e-3)]
    # One gain for all that lay below the limit, and one limit for all that did not.
    np.testing.assert_allclose(gain, gain[0], rtol=1e-3)
    np.testing.assert_allclose(
        np.abs(heard).max() / gain[0], np.abs(samples).max() * 10 ** (-drive_db / 20), rtol=1e-3
    )
    assert np.mean(np.abs(heard) > 0.999 * np.abs(heard).max()) > 0.2


def test_each_clip_is_clipped_by_its_own_amount() -> None:
    samples = tone(440)
    one, same, other = (clipped(samples, RATE, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.01


# -- the level of a session ------------------------------------------------------------------------

LEVEL = LevelConfig(usual_dbfs=-20.0, free_db=6.0, time_s=1.0)


def at_one_level(samples: np.ndarray) -> np.ndarray:
    return levelled(samples, RATE, RANDOM, level=LEVEL, hop_s=0.5)


def test_what_lies_far_from_the_usual_level_is_brought_to_the_nearest_that_is_left_alone() -> None:
    for gain_db, brought in ((-40.0, -26.0), (-20.0, -20.0), (-4.0, -14.0)):
        sound = tone(440.0, seconds=3.3)
        sound *= 10 ** ((gain_db - level(sound)) / 20)
        heard = at_one_level(sound)
        assert level(heard[RATE // 2 :]) == pytest.approx(brought, abs=0.1)
        # Of the first hop nothing is known before it is heard.
        np.testing.assert_array_equal(heard[: RATE // 2], sound[: RATE // 2])


@given(st.integers(1, 3 * RATE), st.integers(0, 3))
def test_the_level_of_what_comes_changes_nothing_before_it(length: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    whole = (random.standard_normal(3 * RATE) * random.uniform(0, 0.3)).astype(np.float32)
    whole[length:] *= 3
    np.testing.assert_array_equal(at_one_level(whole)[:length], at_one_level(whole[:length]))


def test_it_is_what_a_session_gives_its_recogniser() -> None:
    sound = (tone(440.0, seconds=4.0) * np.linspace(0.01, 1, 4 * RATE)).astype(np.float32)
    given: list[np.ndarray] = []

    class Listener(ToneRecognizer):
        def step(self, samples: np.ndarray, state: np.ndarray) -> Any:
            given.append(samples.copy())
            return super().step(samples, state)

    recognizer = Listener()
    recognizer.card = recognizer.card.model_copy(update={"level": LEVEL})
    EmotionStream(recognizer).push(sound)
    heard = np.concatenate(given, axis=1)[0]
    hop_s = recognizer.hop_samples / RATE
    expected = levelled(sound, RATE, RANDOM, level=LEVEL, hop_s=hop_s)
    np.testing.assert_array_equal(heard, expected[: len(heard)])
    assert len(heard) > 3 * RATE


def test_its_name_says_all_its_settings() -> None:
    names = [
        at_level(LEVEL, hop_s=0.5)[0],
        at_level(LEVEL, hop_s=0.1)[0],
        at_level(LevelConfig(usual_dbfs=-20.0, free_db=5.0, time_s=1.0), hop_s=0.5)[0],
    ]
    assert len(set(names)) == 3
