"""The way from loudspeaker to microphone, found in simulated rooms or not at all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from realtime_mer.audio.aligning.chirps import SEARCH_S, chirps, find_way
from realtime_mer.errors import AudioError

RATE = 16_000
PLAYED_AT = 2 * RATE


def room(
    way_s: float,
    *,
    reverberation_s: float = 0.4,
    direct: float = 1.0,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return an impulse response: nothing, sound that comes straight, and a room's many returns."""
    generator = np.random.default_rng(seed)
    first = round(way_s * RATE)
    length = round(reverberation_s * RATE)
    decay = 10 ** (-3 * np.arange(length) / length)
    response = np.zeros(first + length)
    returns = 0.15 * generator.standard_normal(length) * decay
    returns[: round(0.004 * RATE)] = 0.0  # a wall is more than half a metre away
    response[first:] += returns
    response[first] += direct
    return response


def heard_in(
    response: NDArray[np.float64], noise: NDArray[np.float64], *, gain: float = 0.1
) -> NDArray[np.float32]:
    played = np.zeros(len(noise))
    sound = chirps(RATE)
    played[PLAYED_AT : PLAYED_AT + len(sound)] = sound
    size = 1 << (len(noise) + len(response)).bit_length()
    arrived = np.fft.irfft(np.fft.rfft(played, size) * np.fft.rfft(response, size), size)
    return (gain * arrived[: len(noise)] + noise).astype(np.float32)[:, np.newaxis]


def still(level: float = 1e-3, *, seed: int = 1) -> NDArray[np.float64]:
    """Return noise of a room for as long as it takes."""
    length = PLAYED_AT + len(chirps(RATE)) + round(SEARCH_S * RATE)
    return level * np.random.default_rng(seed).standard_normal(length)


def way_of(heard: NDArray[np.float32]) -> float:
    return find_way(heard, rate=RATE, played_at=PLAYED_AT).seconds


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(
    way_s=st.floats(0.002, 2.2),
    reverberation_s=st.floats(0.1, 1.5),
    noise_db=st.floats(-90, -35),
    seed=st.integers(0, 1000),
)
def test_the_way_is_found_in_rooms_of_all_kinds(
    way_s: float, reverberation_s: float, noise_db: float, seed: int
) -> None:
    response = room(way_s, reverberation_s=reverberation_s, seed=seed)
    heard = heard_in(response, still(10 ** (noise_db / 20), seed=seed))
    assert way_of(heard) == pytest.approx(way_s, abs=2e-4)


def test_it_says_how_clearly_it_heard_them() -> None:
    near, far = (
        find_way(heard_in(room(0.05), still(0.03), gain=gain), rate=RATE, played_at=PLAYED_AT)
        for gain in (0.3, 0.03)
    )
    assert near.clear_db > far.clear_db > 0


def test_sound_that_comes_straight_counts_though_a_wall_sends_back_more() -> None:
    response = room(0.03, direct=0.3)
    response[round(0.042 * RATE)] += 1.0
    assert way_of(heard_in(response, still(1e-4))) == pytest.approx(0.03, abs=2e-4)


def test_the_level_of_what_is_heard_does_not_matter() -> None:
    heard = heard_in(room(0.12), still())
    assert way_of(heard) == way_of(heard * np.float32(1e-3)) == way_of(heard * np.float32(20))


def test_a_perfect_wire_has_no_noise_at_all() -> None:
    assert way_of(heard_in(room(0.02, reverberation_s=0.1), 0 * still())) == pytest.approx(0.02)


def test_the_channel_that_hears_is_taken() -> None:
    heard = heard_in(room(0.07), still())
    deaf = still(0.1, seed=5).astype(np.float32)[:, np.newaxis]
    nothing = np.zeros_like(deaf)
    assert way_of(np.hstack((nothing, deaf, heard))) == pytest.approx(0.07, abs=2e-4)


@pytest.mark.parametrize("seed", range(12))
def test_noise_alone_is_no_way(seed: int) -> None:
    with pytest.raises(AudioError, match="not heard"):
        way_of(heard_in(room(0.1), still(seed=seed), gain=0.0))


def test_digital_silence_is_no_way() -> None:
    with pytest.raises(AudioError, match="not heard"):
        way_of(heard_in(room(0.1), 0 * still(), gain=0.0))


@pytest.mark.parametrize("at_s", [2.1, 2.5, 3.0, 4.0])
def test_a_slamming_door_in_a_still_room_is_no_way(at_s: float) -> None:
    noise = still(1e-4)
    at = round(at_s * RATE)
    slam = np.random.default_rng(3).standard_normal(RATE // 5) * np.exp(-np.arange(RATE // 5) / 400)
    noise[at : at + len(slam)] += slam
    with pytest.raises(AudioError, match="not heard"):
        way_of(heard_in(room(0.1), noise, gain=0.0))
    assert way_of(heard_in(room(0.1), noise, gain=0.3)) == pytest.approx(0.1, abs=2e-4)


def test_music_that_goes_on_is_drowned_by_chirps_that_are_loud_enough() -> None:
    t = np.arange(len(still())) / RATE
    music = sum(0.02 * np.sin(2 * np.pi * f * t) for f in (220, 440, 660, 880, 1320, 1760))
    assert way_of(heard_in(room(0.1), still() + music, gain=0.5)) == pytest.approx(0.1, abs=2e-4)


@pytest.mark.parametrize("seed", range(6))
def test_music_that_sets_in_with_the_chirps_is_not_taken_for_them(seed: int) -> None:
    generator = np.random.default_rng(seed)
    noise = still(1e-4)
    t = np.arange(len(noise)) / RATE
    for at in np.arange(2.0, t[-1], 0.25):  # a chord every quarter of a second
        tone = generator.choice([262, 330, 392, 523]) * np.exp2(generator.integers(0, 4))
        noise += (
            0.1 * np.sin(2 * np.pi * tone * t) * np.where(t > at, np.exp(-8 * (t - at).clip(0)), 0)
        )
    with pytest.raises(AudioError, match="not heard"):
        way_of(heard_in(room(0.1), noise, gain=0.0))


def test_what_is_heard_before_it_was_played_is_impossible() -> None:
    early = heard_in(room(0.1), still())
    with pytest.raises(AudioError, match="before they were played, which is impossible"):
        find_way(early, rate=RATE, played_at=PLAYED_AT + round(0.15 * RATE))


def test_less_than_nothing_is_nothing_as_far_as_clocks_may_differ() -> None:
    early = heard_in(room(0.1), still())
    late = PLAYED_AT + round(0.11 * RATE)
    assert find_way(early, rate=RATE, played_at=late, uncertain_s=0.02).seconds == 0.0
    with pytest.raises(AudioError, match="impossible"):
        find_way(early, rate=RATE, played_at=late, uncertain_s=0.005)
