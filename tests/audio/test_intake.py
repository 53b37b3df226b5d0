"""Whatever comes in, the timeline stays exact and the samples stay finite."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.audio.block import Block
from realtime_mer.audio.intake import MAX_LEVEL, Intake, Piece

TARGET = 24_000
RATES = (8_000, 16_000, 22_050, 24_000, 44_100, 47_999, 48_000, 96_000, 192_000)


def noise(frames: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return (0.1 * generator.standard_normal((frames, channels))).astype(np.float32)


def tone(seconds: float, rate: int, frequency: float = 1000.0) -> np.ndarray:
    t = np.arange(round(seconds * rate)) / rate
    return np.sin(2 * np.pi * frequency * t).astype(np.float32)[:, None]


def total(pieces: list[Piece]) -> int:
    return sum(piece.missing + len(piece.samples) for piece in pieces)


def sound(pieces: list[Piece]) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.float32), *(piece.samples for piece in pieces)])


def take_in(samples: np.ndarray, rate: int, sizes: list[int]) -> list[Piece]:
    """Push samples in blocks of the given sizes, in turn, and flush."""
    intake, pieces, start, turn = Intake(target_rate=TARGET), [], 0, 0
    while start < len(samples):
        stop = start + sizes[turn % len(sizes)]
        pieces += intake.push(Block(samples=samples[start:stop], rate=rate))
        start, turn = stop, turn + 1
    return pieces + intake.flush()


blocks = st.lists(
    st.tuples(
        st.sampled_from(RATES),
        st.integers(1, 3),  # channels
        st.integers(0, 5_000),  # frames
        st.one_of(st.just(0), st.integers(0, 20_000)),  # missing
        st.integers(1, 4),  # how often
        st.booleans(),  # reconnecting
    ),
    max_size=20,
)


@settings(max_examples=150)
@given(blocks)
def test_samples_and_missing_ones_add_up_to_the_rounded_duration(sequence):
    intake, pieces, seconds = Intake(target_rate=TARGET), [], Fraction(0)
    for rate, channels, frames, missing, times, reconnecting in sequence:
        for _ in range(times):
            samples = np.zeros((0 if reconnecting else frames, channels), dtype=np.float32)
            block = Block(samples=samples, rate=rate, missing=missing, reconnecting=reconnecting)
            pieces += intake.push(block)
            seconds += Fraction(len(samples) + missing, rate)
            assert total(pieces) <= round(seconds * TARGET)
            assert intake.delay_s == pytest.approx(float(seconds) - total(pieces) / TARGET)
    pieces += intake.flush()
    assert total(pieces) == round(seconds * TARGET)


@settings(max_examples=40)
@given(
    rate=st.sampled_from(RATES),
    frames=st.integers(0, 20_000),
    sizes=st.lists(st.sampled_from((1, 7, 441, 480, 5_000)), min_size=1, max_size=5).filter(
        lambda sizes: max(sizes) > 1
    ),
)
def test_output_does_not_depend_on_block_sizes(rate, frames, sizes):
    samples = noise(frames)
    whole = take_in(samples, rate, [max(frames, 1)])
    parts = take_in(samples, rate, sizes)
    if frames:
        np.testing.assert_array_equal(sound(parts), sound(whole))
    assert total(parts) == total(whole)


def test_sound_at_the_target_rate_passes_without_delay_and_unchanged_but_for_its_offset():
    samples, intake = noise(1000), Intake(target_rate=TARGET)
    pieces = intake.push(Block(samples=samples, rate=TARGET))
    # The noise's own mean over half a second is what its offset is taken for.
    np.testing.assert_allclose(sound(pieces), samples[:, 0], rtol=0, atol=1e-3)
    assert intake.delay_s == 0
    assert intake.flush() == []


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_a_tone_keeps_its_pitch_level_and_phase(rate):
    heard = sound(take_in(tone(1.0, rate), rate, [480]))
    middle = slice(2_000, -2_000)
    turning = np.exp(-2j * np.pi * 1000 * np.arange(TARGET) / TARGET)[middle]
    there = np.angle(np.sum(heard[middle] * turning))
    expected = np.angle(np.sum(tone(1.0, TARGET)[middle, 0] * turning))
    # soxr shifts sound by a constant 78 us at most.
    assert abs(there - expected) / (2 * np.pi * 1000) < 1e-4
    assert np.sqrt(np.mean(heard[middle] ** 2)) == pytest.approx(np.sqrt(0.5), abs=1e-3)


def test_what_the_target_rate_cannot_hold_is_gone():
    heard = sound(take_in(tone(1.0, 48_000, 13_000.0), 48_000, [480]))
    assert np.abs(heard[2_000:-2_000]).max() < 1e-5


@pytest.mark.parametrize(
    ("rate", "milliseconds"), [(24_000, 0.0), (44_100, 5.5), (48_000, 5.0), (96_000, 6.3)]
)
def test_the_delay_is_short_and_the_same_at_every_block(rate, milliseconds):
    intake, delays = Intake(target_rate=TARGET), []
    for _ in range(200):
        intake.push(Block(samples=np.zeros((rate // 100, 1), dtype=np.float32), rate=rate))
        delays.append(1000 * intake.delay_s)
    assert delays[20:] == pytest.approx([milliseconds] * 180, abs=0.1)


@pytest.mark.slow
def test_an_hour_of_sound_does_not_drift():
    intake, second = Intake(target_rate=TARGET), np.zeros((44_100, 1), dtype=np.float32)
    delays = []
    for _ in range(3600):
        intake.push(Block(samples=second, rate=44_100))
        delays.append(intake.delay_s)
    assert max(delays) - min(delays) < 2 / TARGET


def test_channels_are_averaged():
    samples = np.tile(np.array([[0.5, -0.25, 0.25, 0.5]], dtype=np.float32), (10, 1))
    pieces = Intake(target_rate=TARGET).push(Block(samples=samples, rate=TARGET))
    np.testing.assert_allclose(sound(pieces), 0.25)


@pytest.mark.parametrize("rate", [24_000, 48_000])
def test_nan_and_infinity_become_silence_and_are_counted(rate):
    clean = noise(2 * rate, channels=2)
    broken = clean.copy()
    broken[[100, 5_000, 9_000], [0, 1, 0]] = np.nan, np.inf, -np.inf
    clean[[100, 5_000, 9_000], [0, 1, 0]] = 0
    intake = Intake(target_rate=TARGET)
    pieces = intake.push(Block(samples=broken, rate=rate)) + intake.flush()
    assert (intake.replaced, intake.clipped) == (3, 0)
    np.testing.assert_array_equal(sound(pieces), sound(take_in(clean, rate, [len(clean)])))


def test_absurd_levels_are_clipped_and_counted_and_loud_music_is_not():
    samples = np.array([[1.5], [1e30], [-MAX_LEVEL], [-np.finfo(np.float32).max]], dtype=np.float32)
    intake = Intake(target_rate=TARGET)
    pieces = intake.push(Block(samples=samples, rate=TARGET))
    np.testing.assert_array_equal(sound(pieces), [1.5, MAX_LEVEL, -MAX_LEVEL, -MAX_LEVEL])
    assert (intake.replaced, intake.clipped) == (0, 2)


def test_a_gap_comes_after_all_sound_before_it_and_ahead_of_all_sound_after_it():
    intake = Intake(target_rate=TARGET)
    before, after = tone(0.5, 48_000), tone(0.5, 48_000, 2_000.0)
    pieces = intake.push(Block(samples=before, rate=48_000))
    pieces += intake.push(Block(samples=after, rate=48_000, missing=4_800))
    pieces += intake.flush()
    gap = next(i for i, piece in enumerate(pieces) if piece.missing)
    assert pieces[gap].missing == 2_400
    assert sum(len(piece.samples) for piece in pieces[:gap]) == 12_000
    np.testing.assert_array_equal(sound(pieces[:gap]), sound(take_in(before, 48_000, [24_000])))
    np.testing.assert_array_equal(sound(pieces[gap:]), sound(take_in(after, 48_000, [24_000])))


def test_losing_the_device_hands_out_what_the_resampler_held():
    intake = Intake(target_rate=TARGET)
    pieces = intake.push(Block(samples=noise(4_800), rate=48_000))
    assert intake.delay_s > 0
    nothing = np.zeros((0, 1), dtype=np.float32)
    pieces += intake.push(Block(samples=nothing, rate=48_000, reconnecting=True))
    assert total(pieces) == 2_400
    assert intake.delay_s == 0
