"""What is told of a room is what ``analyze`` tells of the same sound, whoever else is fed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from realtime_mer.analysis import analyze
from realtime_mer.batch import StreamBatch
from realtime_mer.errors import CheckpointError
from realtime_mer.estimate import Estimate
from realtime_mer.recognizer.contract import StreamingRecognizer
from realtime_mer.rooms.states import model_of, packed, unpacked
from tests.networks import HEARING, light_recognizer, random_checkpoint
from tests.rooms.serving import Feeder, Watcher, serving
from tests.tones import ToneRecognizer, tones

RATE = 44_100
SECONDS = 8
HOPS = 10 * SECONDS


@pytest.fixture(scope="module")
def recognizer() -> StreamingRecognizer:
    return light_recognizer(random_checkpoint(config=HEARING))


def assert_alike(found: list[dict], expected: list[Estimate]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        same = other.to_dict()
        for name in ("valence", "arousal", "valence_sd", "arousal_sd", "music", "familiar"):
            assert one[name] == pytest.approx(same[name], abs=1e-4), name
        for name in ("seq", "t", "status", "state_age_s", "wall_time", "latency_ms"):
            assert one[name] == same[name], name
        assert one["level_dbfs"] == pytest.approx(same["level_dbfs"], abs=0.02)


def test_estimates_of_rooms_equal_those_of_analyze(
    recognizer: StreamingRecognizer, tmp_path: Path
) -> None:
    rooms = ("one", "two", "three")
    chance = np.random.default_rng(1)
    sounds = {}
    for number, room in enumerate(rooms):
        noise = chance.standard_normal((SECONDS * RATE, 2)) * 0.1 * (number + 1)
        noise[2 * RATE : 3 * RATE] *= 1e-4  # a second of near silence
        sounds[room] = np.rint(np.clip(noise, -1, 1) * 32767).astype(np.int16)
        soundfile.write(tmp_path / f"{room}.wav", sounds[room], RATE)
    with serving(tmp_path / "rooms", recognizer=recognizer, rooms=rooms) as at:
        told = {room: at.all_of(room) for room in rooms}
        watchers = {room: Watcher(at, room, "estimates") for room in rooms}
        feeders = {room: Feeder(at, room) for room in rooms}
        for feeder in feeders.values():
            feeder.open(rate=RATE, channels=2, format="s16le", live=False)
        left = dict.fromkeys(rooms, 0)
        while any(at_ < SECONDS * RATE for at_ in left.values()):
            for room in rooms:
                size = int(chance.integers(1, 9000))
                part = sounds[room][left[room] : left[room] + size]
                if len(part):
                    feeders[room].send(part)
                left[room] += size
        for feeder in feeders.values():
            feeder.end()
        for watcher in watchers.values():
            watcher.wait(HOPS - 1)
        for talker in (*watchers.values(), *feeders.values()):
            talker.__exit__()
    for room in rooms:
        expected = analyze(tmp_path / f"{room}.wav", recognizer=recognizer).estimates
        assert_alike(told[room], expected)


def test_a_room_that_is_stopped_and_started_goes_on_as_if_it_had_not_been(
    recognizer: StreamingRecognizer, tmp_path: Path
) -> None:
    sound = (0.1 * np.random.default_rng(2).standard_normal(SECONDS * 24_000)).astype(np.float32)
    soundfile.write(tmp_path / "whole.wav", sound, 24_000, subtype="FLOAT")
    told: list[dict] = []
    half = len(sound) // 2 + 777
    for part in (sound[:half], sound[half:]):
        with (
            serving(tmp_path / "rooms", recognizer=recognizer, rooms=("hall",)) as at,
            Watcher(at, "hall", "estimates") as watcher,
            Feeder(at, "hall") as feeder,
        ):
            found = at.all_of("hall")
            expected = feeder.open(live=False)["next"]
            assert expected == (half // 2400 * 2400 if told else 0)
            # It keeps what was not a whole hop yet, as a sender does.
            feeder.send(sound[expected:half] if told else sound[:0])
            feeder.send(part)
            watcher.wait(HOPS - 1 if told else half // 2400 - 1)
            told += found
    assert_alike(told, analyze(tmp_path / "whole.wav", recognizer=recognizer).estimates)


def test_a_state_is_the_same_after_it_was_bytes(recognizer: StreamingRecognizer) -> None:
    sound = (0.1 * np.random.default_rng(3).standard_normal((1, 24_000))).astype(np.float32)
    batch = StreamBatch(recognizer)
    stream = batch.join()
    batch.step([stream], sound)
    data = packed(batch.state(stream))
    assert 1_000 < len(data) < 100_000
    other = batch.join(unpacked(data, recognizer))
    told = batch.step([stream, other], np.repeat(sound, 2, axis=0))
    np.testing.assert_allclose(told.numbers[0], told.numbers[1], atol=1e-5)
    assert told.counts[0].tolist() == told.counts[1].tolist()


def test_a_state_of_another_version_is_refused(recognizer: StreamingRecognizer) -> None:
    batch = StreamBatch(recognizer)
    state = batch.state(batch.join())
    counts = state.policies["counts"]
    less = {name: array for name, array in state.policies.items() if name != "judged"}
    for policies in (less, state.policies | {"counts": counts[:-1]}):
        with pytest.raises(CheckpointError, match="of another version of this program"):
            unpacked(packed(replace(state, policies=policies)), recognizer)


def test_states_of_one_model_are_told_from_those_of_another(
    recognizer: StreamingRecognizer, tmp_path: Path
) -> None:
    assert model_of(recognizer) != model_of(ToneRecognizer())
    with (
        serving(tmp_path, rooms=("hall",)) as at,
        Feeder(at, "hall") as feeder,
        Watcher(at, "hall") as watcher,
    ):
        feeder.open()
        feeder.send(tones(0.5, music=0.9))
        watcher.wait(4)
    with serving(tmp_path, recognizer=recognizer) as at, Feeder(at, "hall") as feeder:
        assert feeder.open()["next"] == 0
