"""Offsets are no sound, silent channels do not count, and channels that cancel are not summed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.audio.block import Block
from realtime_mer.audio.downmix import Downmix
from realtime_mer.audio.intake import CANCELLING, Intake

RATE = 8_000


def noise(seconds: float, channels: int = 1, *, level: float = 0.1, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    frames = round(seconds * RATE)
    return (level * generator.standard_normal((frames, channels))).astype(np.float32)


def mixed(samples: np.ndarray) -> np.ndarray:
    return Downmix(rate=RATE, channels=samples.shape[1]).mix(samples)


def decibels(samples: np.ndarray) -> float:
    return 20 * float(np.log10(max(np.sqrt(np.mean(np.square(samples, dtype=float))), 1e-9)))


def beside(
    signal: np.ndarray, channels: int, *, at: int = 0, idle_dbfs: float = -120
) -> np.ndarray:
    """Put a signal on one of many channels; the others are as idle inputs are."""
    seconds = len(signal) / RATE
    wide = noise(seconds, channels, level=10 ** (idle_dbfs / 20), seed=9)
    wide[:, at] = signal[:, 0]
    return wide


# -- offset ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0.002, -0.05])
def test_an_offset_is_no_sound(offset: float) -> None:
    quiet = mixed(noise(10, level=2e-5) + np.float32(offset))
    assert decibels(quiet[3 * RATE :]) < -66


@pytest.mark.parametrize("offset", [0.002, -0.1])
def test_music_with_an_offset_is_the_music_without(offset: float) -> None:
    music = noise(6)
    difference = mixed(music + np.float32(offset)) - mixed(music)
    assert decibels(difference[3 * RATE :]) < decibels(music) - 40


def test_what_can_be_heard_is_left_as_it_is() -> None:
    t = np.arange(6 * RATE) / RATE
    tone = (0.3 * np.sin(2 * np.pi * 20 * t)).astype(np.float32)[:, None]
    assert decibels(mixed(tone) - tone[:, 0]) < decibels(tone) - 35


def test_digital_zeros_stay_zeros_and_become_so_at_once_after_an_offset() -> None:
    zeros = np.zeros((RATE, 2), dtype=np.float32)
    assert not mixed(zeros).any()
    after = mixed(np.concatenate([noise(3, 2) + np.float32(0.1), zeros]))[3 * RATE :]
    assert not after[RATE // 50 :].any()


# -- channels --------------------------------------------------------------------------------------


@pytest.mark.parametrize("idle_dbfs", [-120, -90, -62])
def test_one_live_input_of_many_is_as_loud_as_alone(idle_dbfs: float) -> None:
    music = noise(4)
    wide = mixed(beside(music, 18, at=6, idle_dbfs=idle_dbfs))
    assert decibels(wide[RATE:]) == pytest.approx(decibels(music[RATE:]), abs=0.1)


def test_channels_that_carry_something_count_alike() -> None:
    stereo = noise(4, 2)
    np.testing.assert_allclose(mixed(stereo)[:80], stereo[:80].mean(axis=1), atol=1e-6)
    assert decibels(mixed(stereo) - stereo.mean(axis=1)) < -60


def test_a_channel_counts_from_the_moment_it_carries_signal_and_without_a_click() -> None:
    t = np.arange(6 * RATE) / RATE
    tone = (0.2 * np.sin(2 * np.pi * 100 * t)).astype(np.float32)
    second = np.where(t < 3, 0, tone).astype(np.float32)
    result = mixed(np.stack([tone, second], axis=1))
    # Alone it is whole, and the same together with itself.
    assert np.abs(result[RATE : 3 * RATE] - tone[RATE : 3 * RATE]).max() < 2e-3
    assert np.abs(result[4 * RATE :] - tone[4 * RATE :]).max() < 2e-3
    assert np.abs(np.diff(result)).max() < 1.2 * np.abs(np.diff(tone)).max()


# -- antiphase -------------------------------------------------------------------------------------


def test_channels_in_antiphase_sound_as_one_of_them_alone() -> None:
    music = noise(5)
    downmix = Downmix(rate=RATE, channels=2)
    result = downmix.mix(np.concatenate([music, -music], axis=1))
    assert decibels(np.abs(result[RATE:]) - np.abs(music[RATE:, 0])) < -60
    assert downmix.cancelled >= 45  # tenths of a second


def test_music_that_turns_over_in_its_middle_is_lost_for_two_tenths_of_a_second_at_most() -> None:
    """Even where what came before was far louder."""
    music = noise(4)
    music[2 * RATE :] *= 0.1
    turned = music * np.where(np.arange(len(music)) < 2 * RATE, 1, -1)[:, None].astype(np.float32)
    result = mixed(np.concatenate([music, turned], axis=1))
    found = slice(2 * RATE + RATE // 5, None)
    np.testing.assert_allclose(np.abs(result[found]), np.abs(music[found, 0]), atol=1e-3)


def test_a_song_with_one_side_turned_over_is_not_summed() -> None:
    """Left and right are alike but not the same, as in a real recording."""
    left = noise(5)
    right = -(0.9 * left + 0.3 * noise(5, seed=1))
    result = mixed(np.concatenate([left, right], axis=1))
    assert decibels(result[RATE:]) > decibels(left) - 1


@pytest.mark.parametrize("correlation", [1.0, 0.5, 0.0, -0.3])
def test_wide_stereo_is_summed_as_ever(correlation: float) -> None:
    left, other = noise(5), noise(5, seed=1)
    right = correlation * left + (1 - correlation**2) ** 0.5 * other
    downmix = Downmix(rate=RATE, channels=2)
    downmix.mix(np.concatenate([left, right], axis=1).astype(np.float32))
    assert downmix.cancelled == 0


def test_where_channels_agree_again_they_are_summed_again() -> None:
    music = noise(10)
    turned = music * np.where(np.arange(len(music)) < 5 * RATE, -1, 1)[:, None].astype(np.float32)
    downmix = Downmix(rate=RATE, channels=2)
    downmix.mix(np.concatenate([music, turned], axis=1))
    assert 45 <= downmix.cancelled <= 70


def test_cancelling_is_counted_among_the_faults() -> None:
    music = noise(2)
    intake = Intake(target_rate=RATE)
    antiphase = np.concatenate([music, -music], axis=1)
    intake.push(Block(samples=antiphase, rate=RATE))
    first = intake.faults()[CANCELLING]
    assert first > 10
    intake.push(Block(samples=antiphase, rate=RATE, fresh=True))
    assert intake.faults()[CANCELLING] == 2 * first


# -- always ----------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(
    sizes=st.lists(st.sampled_from((1, 7, 79, 80, 81, 480, 5_000)), min_size=1, max_size=6).filter(
        lambda sizes: max(sizes) > 7
    ),
    kind=st.sampled_from(("antiphase", "wide", "late", "offset", "cut")),
    channels=st.integers(2, 11),
)
def test_no_block_size_shows(sizes: list[int], kind: str, channels: int) -> None:
    samples = noise(1.3, channels)
    match kind:
        case "antiphase":
            samples[:, 1:] = -samples[:, :1] / (channels - 1)
        case "wide":
            samples[:, 1:] = 0
        case "late":
            samples[: RATE // 2, 1:] = 0
        case "offset":
            samples += np.linspace(-0.2, 0.3, channels, dtype=np.float32)
        case "cut":
            samples[RATE // 3 : RATE // 2] = 0
    whole = mixed(samples)
    downmix, parts, start, turn = Downmix(rate=RATE, channels=channels), [], 0, 0
    while start < len(samples):
        stop = start + sizes[turn % len(sizes)]
        parts.append(downmix.mix(samples[start:stop]))
        start, turn = stop, turn + 1
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@settings(deadline=None, max_examples=40)
@given(at=st.integers(0, RATE - 1), channels=st.integers(1, 3), seed=st.integers(0, 9))
def test_nothing_looks_at_the_future(at: int, channels: int, seed: int) -> None:
    samples = noise(1, channels, seed=seed)
    changed = samples.copy()
    changed[at:] = 0.7
    np.testing.assert_array_equal(mixed(samples)[:at], mixed(changed)[:at])
