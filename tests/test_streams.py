"""Many streams in step tell what each would tell alone, from one call of the network a hop."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.audio.ring import LostSamples
from realtime_mer.errors import InputError
from realtime_mer.estimate import Estimate, Status
from realtime_mer.hops import StreamPolicy
from realtime_mer.stream import EmotionStream
from realtime_mer.streams import EmotionStreams
from tests.networks import random_recognizer

HOP = 2400
SECOND = 24_000
POLICY = StreamPolicy(reset_after_silence_s=1.0, reset_after_gap_s=0.5, silence_after_s=0.3)


@pytest.fixture(scope="module")
def recognizer():
    return random_recognizer()


def sound(seconds: float, *, dbfs: float = -20.0, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(round(seconds * SECOND))
    return (10 ** (dbfs / 20) * noise).astype(np.float32)


def assert_alike(found: list[Estimate], alone: list[Estimate]) -> None:
    assert len(found) == len(alone)
    for one, other in zip(found, alone, strict=True):
        for name in ("valence", "arousal", "valence_sd", "arousal_sd"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-4)
        assert one.quadrants == pytest.approx(other.quadrants, abs=1e-4)
        assert one.gems == pytest.approx(other.gems, abs=1e-4)
        assert replace(one, affect=other.affect) == other


DBFS = st.sampled_from([-20.0, -50.0, -90.0, -400.0])  # music, too quiet, silence, zeros


@settings(max_examples=25)
@given(
    levels=st.lists(st.lists(DBFS, min_size=1, max_size=6), min_size=1, max_size=4),
    gaps=st.dictionaries(
        st.integers(0, 3), st.tuples(st.integers(0, 60_000), st.integers(1, 30_000)), max_size=3
    ),
    resets=st.dictionaries(
        st.integers(0, 3), st.lists(st.integers(0, 80_000), max_size=2), max_size=3
    ),
    cuts=st.lists(st.integers(0, 90_000), max_size=5),
)
def test_each_stream_has_the_estimates_that_it_would_have_alone(
    recognizer, levels, gaps, resets, cuts
):
    length = round(0.7 * SECOND) * max(map(len, levels))
    samples = np.zeros((len(levels), length), dtype=np.float32)
    for row, parts in enumerate(levels):
        own = np.concatenate([sound(0.7, dbfs=dbfs, seed=row) for dbfs in parts])
        samples[row, : len(own)] = own
    lost = {
        row: LostSamples(start=start, length=min(size, length - start))
        for row, (start, size) in gaps.items()
        if row < len(levels) and start < length
    }
    for row, gap in lost.items():
        samples[row, gap.start : gap.start + gap.length] = 0
    asked = {row: at for row, at in resets.items() if row < len(levels)}

    def between(a: int, b: int, row: int) -> tuple[list[LostSamples], list[int]]:
        gap = lost.get(row)
        low, high = (max(a, gap.start), min(b, gap.start + gap.length)) if gap else (0, 0)
        inside = [LostSamples(start=low, length=high - low)] if low < high else []
        return inside, [at for at in asked.get(row, ()) if a <= at < b]

    edges = sorted({0, length, *(cut for cut in cuts if cut < length)})
    together = EmotionStreams(recognizer, len(levels), policy=POLICY)
    alone = [EmotionStream(recognizer, policy=POLICY) for _ in levels]
    for a, b in itertools.pairwise(edges):
        known = [between(a, b, row) for row in range(len(levels))]
        found = together.push(
            samples[:, a:b],
            gaps={row: each for row, (each, _) in enumerate(known) if each},
            resets={row: each for row, (_, each) in enumerate(known) if each},
        )
        for row, stream in enumerate(alone):
            inside, anew = known[row]
            assert_alike(found[row], stream.push(samples[row, a:b], gaps=inside, resets=anew))
        assert together.position == b


def test_a_hop_of_all_streams_is_one_call(recognizer, monkeypatch):
    calls = []
    step = type(recognizer).step

    def counted(self, samples, state):
        calls.append(tuple(samples.shape))
        return step(self, samples, state)

    monkeypatch.setattr(type(recognizer), "step", counted)
    streams = EmotionStreams(recognizer, 5)
    for _ in range(3):
        streams.push(np.stack([sound(0.1, seed=n) for n in range(5)]))
    assert calls == [(5, HOP)] * 3
    streams.push(np.stack([sound(2.0, seed=n) for n in range(5)]))
    assert calls[3:] == [(5, 20 * HOP)]


def test_streams_that_begin_anew_in_one_hop_are_one_reset(recognizer, monkeypatch):
    resets = []
    reset = type(recognizer).reset

    def noted(self, state, streams, **options):
        resets.append(list(streams))
        return reset(self, state, streams, **options)

    monkeypatch.setattr(type(recognizer), "reset", noted)
    streams = EmotionStreams(recognizer, 4)
    streams.push(np.stack([sound(0.5)] * 4), resets={3: [HOP], 1: [HOP]})
    assert resets == [[1, 3]]


def test_a_stream_that_is_reset_by_hand_goes_on_counting_and_warms_up_again(recognizer):
    streams = EmotionStreams(recognizer, 2)
    streams.push(np.stack([sound(4.0)] * 2))
    streams.reset([1])
    (kept,), (anew,) = streams.push(np.stack([sound(0.1)] * 2))
    assert (kept.seq, anew.seq) == (40, 40)
    assert (kept.status, anew.status) == (Status.MUSIC, Status.WARMING_UP)
    assert (kept.state_age_s, anew.state_age_s) == (4.1, 0.1)


def test_what_is_not_of_these_streams_is_refused(recognizer):
    streams = EmotionStreams(recognizer, 2)
    with pytest.raises(InputError, match=r"give \(2, n\)"):
        streams.push(np.zeros((3, HOP), dtype=np.float32))
    with pytest.raises(InputError, match=r"give \(2, n\)"):
        streams.push(np.zeros(HOP, dtype=np.float32))
    for wrong in ({"gaps": {2: []}}, {"resets": {-1: [0]}}):
        with pytest.raises(InputError, match="not among the 2"):
            streams.push(np.zeros((2, HOP), dtype=np.float32), **wrong)
    with pytest.raises(InputError, match="not among the 2"):
        streams.reset([5])
    with pytest.raises(InputError, match="batch of 0"):
        EmotionStreams(recognizer, 0)
    assert streams.position == 0
