"""States in place on a device, and hops as graphs: the numbers that each stream has alone."""

from dataclasses import fields

import numpy as np
import pytest
from numpy.typing import NDArray

from realtime_mer.audio.ring import LostSamples
from realtime_mer.batch import StreamBatch
from realtime_mer.errors import InputError
from realtime_mer.estimate import Estimate
from realtime_mer.hops import StreamPolicy
from realtime_mer.model.config import NetworkConfig
from realtime_mer.recognizer.contract import Estimates
from realtime_mer.recognizer.graphs import DeviceBank
from realtime_mer.recognizer.reference import Recognizer
from realtime_mer.stream import EmotionStream
from tests.networks import HARMONIC, HEARING, random_checkpoint
from tests.on_devices import assert_near, each_device

HOP = 2400
POLICY = StreamPolicy(reset_after_silence_s=1.0, reset_after_gap_s=0.5, silence_after_s=0.3)
each_network = pytest.mark.parametrize("config", [HEARING, HARMONIC], ids=["plain", "harmonic"])


def sound(rows: int, hops: int, *, seed: int = 0) -> NDArray[np.float32]:
    """Return sound of 16 bits."""
    noise = 3000 * np.random.default_rng(seed).standard_normal((rows, hops * HOP))
    return (np.rint(noise).clip(-32768, 32767) / 32768).astype(np.float32)


def bank_of(
    device: str, *, config: NetworkConfig = HEARING, streams: int = 16
) -> tuple[Recognizer, DeviceBank]:
    recognizer = Recognizer(random_checkpoint(config=config), device=device)
    return recognizer, DeviceBank(recognizer, streams=streams, buckets=(1, 4))


def none(streams: int) -> NDArray[np.bool_]:
    return np.zeros(streams, dtype=bool)


def assert_close(found: Estimates, expected: Estimates) -> None:
    for field in fields(Estimates):
        one, other = getattr(found, field.name), getattr(expected, field.name)
        np.testing.assert_allclose(one, other, atol=1e-4, rtol=0, err_msg=field.name)


def assert_alike(found: list[Estimate], alone: list[Estimate]) -> None:
    assert_near([one.to_dict() for one in found], [one.to_dict() for one in alone])


@each_device
@each_network
def test_rows_that_come_and_go_have_the_estimates_of_streams_alone(
    device: str, config: NetworkConfig
) -> None:
    recognizer, bank = bank_of(device, config=config)
    batch = StreamBatch(recognizer, policy=POLICY, bank=bank)
    random = np.random.default_rng(0)
    alone: dict[int, EmotionStream] = {}
    for tick in range(60):
        if len(alone) < 9 and random.random() < 0.5:
            alone[batch.join()] = EmotionStream(recognizer, policy=POLICY)
        if len(alone) > 3 and random.random() < 0.1:
            gone = int(random.choice(list(alone)))
            batch.leave(gone)
            del alone[gone]
        due = [stream for stream in alone if random.random() < 0.7]
        if not due:
            continue
        samples = sound(len(due), 1, seed=tick)
        samples[random.random(len(due)) < 0.3] *= 0.0
        if 20 <= tick < 34:  # a silence for all, which ends with sound
            samples *= 0.0
        lost = np.where(random.random((len(due), 1)) < 0.1, HOP, 0)
        samples[lost[:, 0] > 0] = 0.0
        anew = random.random((len(due), 1)) < 0.05
        told = batch.step(due, samples, lost=lost, anew=anew)
        for row, stream in enumerate(due):
            at = alone[stream].position
            gaps = [LostSamples(start=at, length=HOP)] if lost[row, 0] else []
            resets = [at] if anew[row, 0] else []
            found = alone[stream].push(samples[row], gaps=gaps, resets=resets)
            assert_alike(told.estimates(row), found)


@each_device
@each_network
@pytest.mark.parametrize("streams", [1, 3, 4, 11])
def test_any_number_of_rows_is_computed_by_the_buckets_there_are(
    device: str, config: NetworkConfig, streams: int
) -> None:
    recognizer, bank = bank_of(device, config=config)
    samples, rows = sound(streams, 40), np.arange(streams)[::-1].copy()
    found = bank.step(rows, samples, [False] * 40)
    assert_close(found, recognizer.run(samples))


@each_device
def test_a_bank_hears_how_loud_a_hop_is_and_who_begins_anew(device: str) -> None:
    _, bank = bank_of(device)
    samples = sound(4, 1)
    samples[1] *= 0.001
    samples[2] = 0.0
    found = bank.hop(
        np.arange(4), samples, anew=np.arange(4) == 3, if_sound=~none(4), above_dbfs=-60.0
    )
    exact = np.rint(samples * 32768).clip(-32768, 32767).astype(np.float64) / 32768
    np.testing.assert_allclose(found.power, (exact**2).mean(1), rtol=1e-12)
    assert found.peak.tolist() == np.abs(exact).max(1).tolist()
    assert found.anew.tolist() == [True, False, False, True]
    quiet = bank.hop(np.arange(4), samples, anew=False, if_sound=False, above_dbfs=-60.0)
    assert not quiet.anew.any()


@each_device
@pytest.mark.parametrize("keep_memory", [False, True])
def test_a_reset_is_that_of_the_recogniser(device: str, keep_memory: bool) -> None:
    recognizer, bank = bank_of(device)
    before, after = sound(2, 35), sound(2, 5, seed=1)
    bank.step(np.arange(2), before, [False] * 35)
    bank.reset(np.array([1]), keep_memory=keep_memory)
    found = bank.step(np.arange(2), after, [False] * 5)
    _, state = recognizer.step(before, recognizer.initial_state(2))
    expected, _ = recognizer.step(after, recognizer.reset(state, [1], keep_memory=keep_memory))
    assert_close(found, expected)


@each_device
@each_network
@pytest.mark.parametrize("hops", [0, 3, 24, 60])
def test_a_row_is_a_state_that_goes_on_anywhere(
    device: str, config: NetworkConfig, hops: int
) -> None:
    recognizer, bank = bank_of(device, config=config)
    before, after = sound(1, max(hops, 1)), sound(1, 30, seed=1)
    state = recognizer.initial_state(1)
    if hops:
        bank.step(2, before, [False] * hops)
        _, state = recognizer.step(before, state)
    expected, _ = recognizer.step(after, state)
    found, _ = recognizer.step(after, bank.get(2))
    assert_close(found, expected)
    bank.put(5, bank.get(2))
    assert_close(bank.step(5, after, [False] * 30), expected)
    bank.put(7, state)
    assert_close(bank.step(7, after, [False] * 30), expected)


@each_device
def test_samples_of_16_bits_are_taken_as_they_are(device: str) -> None:
    recognizer, bank = bank_of(device)
    samples = sound(2, 1)
    whole = np.rint(samples * 32768).astype(np.int16)
    found = bank.hop(np.arange(2), whole, anew=False, if_sound=False, above_dbfs=0.0)
    assert_close(found.numbers, recognizer.run(samples))


def test_what_there_is_no_room_or_no_means_for_is_refused() -> None:
    recognizer, bank = bank_of("cpu")
    with pytest.raises(InputError, match="room for 16 streams on cpu, not for 17"):
        bank.resize(17)
    with pytest.raises(InputError, match="has no graphs"):
        DeviceBank(recognizer, streams=1, graphs=True)
