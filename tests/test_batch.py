"""Streams that come and go tell what each would tell alone, from one call of the network a hop."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from realtime_mer.audio.ring import LostSamples
from realtime_mer.batch import StreamBatch
from realtime_mer.errors import InputError
from realtime_mer.estimate import Estimate, Status
from realtime_mer.features.config import LevelConfig
from realtime_mer.hops import StreamPolicy
from realtime_mer.recognizer.contract import StreamingRecognizer
from realtime_mer.recognizer.graphs import DeviceBank
from realtime_mer.recognizer.reference import Recognizer
from realtime_mer.stream import EmotionStream
from tests.networks import HARMONIC, HEARING, light_recognizer, random_checkpoint, random_recognizer
from tests.tones import ToneRecognizer

HOP = 2400
SECOND = 24_000
POLICY = StreamPolicy(
    reset_after_silence_s=1.0,
    reset_after_gap_s=0.5,
    silence_after_s=0.3,
    no_signal_after_s=0.2,
    no_music_after_s=0.2,
    music_after_s=0.2,
    no_music_below=0.49,  # where the random networks' words lie
    music_above=0.51,
)

LEVEL = LevelConfig(usual_dbfs=-14.0, free_db=3.0, time_s=1.0)
KNOWING = replace(HARMONIC, music=True, familiar=True)
RECOGNIZERS: dict[str, Callable[[], StreamingRecognizer]] = {
    "torch": random_recognizer,
    "light": lambda: light_recognizer(random_checkpoint(config=HEARING)),
    "harmonic": lambda: light_recognizer(random_checkpoint(config=KNOWING)),
    "levelling": lambda: light_recognizer(random_checkpoint(config=HEARING, level=LEVEL)),
    "device": lambda: Recognizer(random_checkpoint(config=HEARING)),
    "device, levelling": lambda: Recognizer(random_checkpoint(config=HEARING, level=LEVEL)),
    "device, harmonic": lambda: Recognizer(random_checkpoint(config=KNOWING)),
}


@pytest.fixture(
    scope="module",
    params=[
        "light",
        *(pytest.param(name, marks=pytest.mark.slow) for name in RECOGNIZERS if name != "light"),
    ],
)
def batch(request) -> Callable[[], StreamBatch]:
    """Give batches of one recogniser, whose states may lie in place on a device."""
    recognizer = RECOGNIZERS[request.param]()

    def made() -> StreamBatch:
        bank = None
        if request.param.startswith("device"):
            assert isinstance(recognizer, Recognizer)
            bank = DeviceBank(recognizer, streams=8, buckets=(1, 2))
        return StreamBatch(recognizer, policy=POLICY, bank=bank)

    return made


@pytest.fixture(scope="module")
def light() -> StreamingRecognizer:
    return RECOGNIZERS["light"]()


def sound(hops: int, *, dbfs: float = -20.0, seed: int = 0) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).standard_normal(hops * HOP)
    whole = np.rint(32768 * 10 ** (dbfs / 20) * noise).clip(-32768, 32767)  # of 16 bits
    return (whole / 32768).astype(np.float32)


def assert_alike(found: list[Estimate], alone: list[Estimate]) -> None:
    assert len(found) == len(alone)
    for one, other in zip(found, alone, strict=True):
        for name in ("valence", "arousal", "valence_sd", "arousal_sd"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-4)
        assert one.quadrants == pytest.approx(other.quadrants, abs=1e-4)
        assert one.gems == pytest.approx(other.gems, abs=1e-4)
        for name in ("music", "familiar"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-4)
        same = {"affect": other.affect, "music": other.music, "familiar": other.familiar}
        assert replace(one, **same) == other


@dataclass(frozen=True)
class Piece:
    """What comes of one stream: its loudness, how much is lost, and whether it begins anew."""

    dbfs: float
    lost: int
    anew: bool


PIECE = st.builds(
    Piece,
    dbfs=st.sampled_from([-20.0, -20.0, -50.0, -90.0, -math.inf]),  # music, too quiet, silence
    lost=st.sampled_from([0, 0, 0, 0, 1, HOP]),
    anew=st.sampled_from([False, False, False, False, True]),
)
WHO = st.integers(0, 3)
WHAT = st.one_of(
    st.tuples(st.just("hops"), st.lists(WHO, min_size=1, unique=True), st.lists(PIECE, min_size=4)),
    st.tuples(st.just("join"), WHO),
    st.tuples(st.just("leave"), WHO),
    st.tuples(st.just("reset"), WHO),
    st.tuples(st.just("skip"), WHO, st.integers(0, 8), st.booleans()),
    st.tuples(st.just("move"), WHO),
)


class Both:
    """Streams in a batch, and each of them alone."""

    def __init__(self, batch: StreamBatch) -> None:
        self._recognizer = batch.recognizer
        self._batch = batch
        self._alone: dict[int, EmotionStream] = {}
        self._numbers: dict[int, int] = {}
        self._seed = 0

    def join(self, who: int) -> None:
        if who not in self._numbers:
            self._numbers[who] = self._batch.join()
            self._alone[who] = EmotionStream(self._recognizer, policy=POLICY)
        assert len(self._batch) == len(self._numbers)

    def leave(self, who: int) -> None:
        if who in self._numbers:
            self._batch.leave(self._numbers.pop(who))
            del self._alone[who]

    def move(self, who: int) -> None:
        """Let a stream leave and come again from its state, in another place."""
        if who in self._numbers:
            state = self._batch.state(self._numbers[who])
            self._batch.leave(self._numbers[who])
            other = self._batch.join()  # takes the place that was free
            self._numbers[who] = self._batch.join(state)
            self._batch.leave(other)

    def reset(self, who: int) -> None:
        if who in self._numbers:
            self._batch.reset([self._numbers[who]])
            self._alone[who].reset()

    def skip(self, who: int, hops: int, lost: bool) -> None:
        if who in self._numbers:
            self._batch.skip(self._numbers[who], hops, lost=lost)
            self._alone[who].skip(hops, lost=lost)

    def hops(self, who: list[int], pieces: list[Piece]) -> None:
        """Let the next hops of some streams come, as many of each as there are pieces for."""
        due = [one for one in who if one in self._numbers]
        if not due:
            return
        each = len(pieces) // len(due)
        samples = np.zeros((len(due), each * HOP), np.float32)
        lost, anew = np.zeros((len(due), each), np.int64), np.zeros((len(due), each), bool)
        for row in range(len(due)):
            for hop, piece in enumerate(pieces[row * each : (row + 1) * each]):
                self._seed += 1
                part = samples[row, hop * HOP : (hop + 1) * HOP]
                part[:] = sound(1, dbfs=piece.dbfs, seed=self._seed)
                part[: piece.lost] = 0.0
                lost[row, hop], anew[row, hop] = piece.lost, piece.anew
        numbers = [self._numbers[one] for one in due]
        told = self._batch.step(numbers, samples, lost=lost, anew=anew)
        for row, one in enumerate(due):
            alone = self._alone[one]
            starts = [alone.position + hop * HOP for hop in range(each)]
            gaps = [
                LostSamples(start=start, length=int(length))
                for start, length in zip(starts, lost[row], strict=True)
                if length
            ]
            resets = [start for start, begun in zip(starts, anew[row], strict=True) if begun]
            assert_alike(told.estimates(row), alone.push(samples[row], gaps=gaps, resets=resets))


@settings(max_examples=20)
@given(happens=st.lists(WHAT, min_size=5, max_size=40))
def test_each_stream_has_the_estimates_that_it_would_have_alone(
    batch: Callable[[], StreamBatch], happens: list[tuple[Any, ...]]
) -> None:
    both = Both(batch())
    for who in range(3):
        both.join(who)
    for what, *how in happens:
        getattr(both, what)(*how)


def test_a_hop_of_all_streams_is_one_call(light, monkeypatch) -> None:
    calls = []
    step = type(light).step

    def counted(self, samples, state):
        calls.append(tuple(samples.shape))
        return step(self, samples, state)

    monkeypatch.setattr(type(light), "step", counted)
    batch = StreamBatch(light)
    streams = [batch.join() for _ in range(5)]
    for _ in range(3):
        batch.step(streams, np.stack([sound(1, seed=n) for n in range(5)]))
    batch.step(streams[1:3], np.stack([sound(1, seed=n) for n in range(2)]))
    assert calls == [(5, HOP)] * 3 + [(2, HOP)]
    batch.step(streams, np.stack([sound(20, seed=n) for n in range(5)]))
    assert calls[4:] == [(5, 20 * HOP)]


def test_streams_that_begin_anew_in_one_hop_are_one_reset(light, monkeypatch) -> None:
    resets = []
    reset = type(light).reset

    def noted(self, state, streams, **options):
        resets.append(list(streams))
        return reset(self, state, streams, **options)

    monkeypatch.setattr(type(light), "reset", noted)
    batch = StreamBatch(light)
    streams = [batch.join() for _ in range(4)]
    anew = np.zeros((4, 5), bool)
    anew[[1, 3], 1] = True
    batch.step(streams, np.stack([sound(5)] * 4), anew=anew)
    assert resets == [[1, 3]]


def test_a_stream_that_is_reset_goes_on_counting_and_warms_up_again(light) -> None:
    batch = StreamBatch(light)
    streams = [batch.join(), batch.join()]
    batch.step(streams, np.stack([sound(40)] * 2))
    batch.reset(streams[1:])
    told = batch.step(streams, np.stack([sound(1)] * 2))
    (kept,), (anew,) = told.estimates(0), told.estimates(1)
    assert (kept.seq, anew.seq) == (40, 40)
    assert (kept.state_age_s, anew.state_age_s) == (4.1, 0.1)
    assert anew.status is Status.WARMING_UP


def test_whoever_joins_where_another_has_left_is_new(light) -> None:
    batch = StreamBatch(light)
    first = batch.join()
    batch.step([first], sound(40)[np.newaxis])
    batch.leave(first)
    second = batch.join()
    found = batch.step([second], sound(5, seed=1)[np.newaxis]).estimates(0)
    assert_alike(found, EmotionStream(light).push(sound(5, seed=1)))


def test_a_stream_goes_on_in_another_batch_and_another_runtime() -> None:
    checkpoint = random_checkpoint(config=HEARING)
    light = light_recognizer(checkpoint)
    here, there = StreamBatch(light), StreamBatch(Recognizer(checkpoint))
    others = [there.join() for _ in range(3)]
    there.step(others, np.stack([sound(3, seed=n) for n in range(3)]))
    stream = here.join()
    here.step([stream], sound(35)[np.newaxis])
    moved = there.join(here.state(stream))
    found = there.step([moved], sound(5, seed=1)[np.newaxis]).estimates(0)
    alone = EmotionStream(light)
    alone.push(sound(35))
    assert_alike(found, alone.push(sound(5, seed=1)))


def test_a_state_that_was_taken_does_not_change_with_the_stream(light) -> None:
    batch = StreamBatch(light)
    stream = batch.join()
    batch.join()
    batch.step([stream], sound(5)[np.newaxis])
    state = batch.state(stream)
    first = batch.step([stream], sound(5, seed=1)[np.newaxis]).estimates(0)
    again = batch.join(state)
    assert_alike(batch.step([again], sound(5, seed=1)[np.newaxis]).estimates(0), first)


def test_what_is_not_of_these_streams_is_refused(light) -> None:
    batch = StreamBatch(light)
    streams = [batch.join(), batch.join()]
    two = np.zeros((2, HOP), np.float32)
    for shape in ((3, HOP), (HOP,), (2, HOP - 1), (2, 0)):
        with pytest.raises(InputError, match="whole hops of 2400 samples for each of 2"):
            batch.step(streams, np.zeros(shape, np.float32))
    with pytest.raises(InputError, match=r"Streams \[7\] are not among the 2"):
        batch.step([0, 7], two)
    with pytest.raises(InputError, match="one comes twice"):
        batch.step([1, 1], two)
    batch.leave(1)
    for call in (
        lambda: batch.step(streams, two),
        lambda: batch.reset([1]),
        lambda: batch.skip(1, 2),
        lambda: batch.leave(1),
        lambda: batch.state(-1),
    ):
        with pytest.raises(InputError, match="not among the 1"):
            call()


class Closed:
    """A recogniser whose state nobody can look into."""

    def __init__(self) -> None:
        self._tones = ToneRecognizer()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tones, name)

    def initial_state(self, batch: int = 1) -> Any:
        return {"closed": self._tones.initial_state(batch)}

    def step(self, samples: Any, state: Any) -> Any:
        numbers, after = self._tones.step(samples, state["closed"])
        return numbers, {"closed": after}


def test_a_recogniser_whose_state_cannot_be_split_runs_one_stream() -> None:
    batch = StreamBatch(Closed())
    stream = batch.join()
    assert len(batch.step([stream], sound(3)[np.newaxis]).estimates(0)) == 3
    with pytest.raises(InputError, match="cannot be split by streams"):
        batch.join()
