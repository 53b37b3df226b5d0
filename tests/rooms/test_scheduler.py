"""Hops of streams that are not in step are run together, soon enough, and change no numbers."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from realtime_mer.audio.ring import LostSamples
from realtime_mer.batch import StreamBatch
from realtime_mer.errors import InputError
from realtime_mer.estimate import Estimate
from realtime_mer.hops import StreamPolicy
from realtime_mer.recognizer.contract import StreamingRecognizer
from realtime_mer.rooms.scheduler import Run, Scheduler
from realtime_mer.stream import EmotionStream
from tests.networks import HEARING, light_recognizer, random_checkpoint
from tests.tones import HOP, ToneRecognizer

POLICY = StreamPolicy(reset_after_silence_s=1.0, reset_after_gap_s=0.5, silence_after_s=0.3)
LONG = 1e6  # seconds within which nothing is left out


@pytest.fixture(scope="module")
def recognizer() -> StreamingRecognizer:
    return light_recognizer(random_checkpoint(config=HEARING))


def scheduler(recognizer: StreamingRecognizer | None = None, **options: Any) -> Scheduler:
    options = {"catch_up_s": 0.0, **options}
    return Scheduler(StreamBatch(recognizer or ToneRecognizer(), policy=POLICY), **options)


def sound(samples: int, *, seed: int = 0) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).standard_normal(samples)
    return (0.1 * noise).astype(np.float32)


def all_of(made: Scheduler, now: float) -> list[Run]:
    return list(iter(lambda: made.run(now), None))


def assert_alike(found: list[Estimate], alone: list[Estimate]) -> None:
    assert len(found) == len(alone)
    for one, other in zip(found, alone, strict=True):
        for name in ("valence", "arousal", "valence_sd", "arousal_sd", "music", "familiar"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-4)
        assert one.quadrants == pytest.approx(other.quadrants, abs=1e-4)
        same = {"affect": other.affect, "music": other.music, "familiar": other.familiar}
        assert replace(one, **same) == other


PUSH = st.tuples(
    st.integers(0, 3),  # whose
    st.integers(0, 3 * HOP),  # how much
    st.sampled_from([None, None, None, 0.2, 1.0]),  # which part of it is lost
    st.sampled_from([False, False, False, True]),  # whether it begins anew with it
    st.integers(0, 50),  # milliseconds later
)


@settings(max_examples=25)
@given(
    pushes=st.lists(PUSH, min_size=5, max_size=40),
    at_once=st.integers(1, 5),
    leaves=st.integers(0, 40),
)
def test_whatever_comes_when_each_stream_has_the_estimates_that_it_would_have_alone(
    recognizer, pushes, at_once, leaves
) -> None:
    made = scheduler(recognizer, at_once=at_once, max_backlog_s=LONG)
    streams = [made.join() for _ in range(4)]
    found: dict[int, list[Estimate]] = {stream: [] for stream in streams}
    alone = {stream: EmotionStream(recognizer, policy=POLICY) for stream in streams}
    expected: dict[int, list[Estimate]] = {stream: [] for stream in streams}

    def take(runs: list[Run]) -> None:
        for run in runs:
            assert len(run.streams) <= at_once
            for row, stream in enumerate(run.streams):
                found[stream] += run.told.estimates(row)

    now = 0.0
    for number, (which, length, lost, anew, later) in enumerate(pushes):
        if number == leaves:  # which changes nothing for the others
            made.leave(streams[3])
        if number >= leaves and which == 3:
            continue
        stream = streams[which]
        samples = sound(length, seed=number)
        gone = 0 if lost is None else round(lost * length)
        samples[:gone] = 0.0
        position = made.position(stream)
        gaps = [LostSamples(start=position, length=gone)] if gone else []
        resets = [position] if anew else []
        made.push(stream, samples, now=now, gaps=gaps, resets=resets)
        expected[stream] += alone[stream].push(samples, gaps=gaps, resets=resets)
        assert made.position(stream) == alone[stream].position
        now += later / 1000
        take(all_of(made, now))
    take(all_of(made, now + 1))
    assert made.next_at is None
    for stream in streams[:3]:
        assert_alike(found[stream], expected[stream])


def test_a_hop_waits_for_others_and_no_longer_than_the_stated_time() -> None:
    made = scheduler(max_wait_s=0.02)
    one, other, third = (made.join() for _ in range(3))
    made.push(one, sound(HOP), now=5.0)
    assert made.next_at == 5.02
    assert made.run(5.019) is None
    made.push(other, sound(HOP), now=5.01)
    assert made.next_at == 5.02  # the wait is that of the first
    run = made.run(5.02)
    assert run is not None
    assert run.streams == [one, other]
    assert run.ready_at.tolist() == [5.0, 5.01]
    assert made.next_at is None
    made.push(third, sound(HOP - 1), now=5.03)
    assert made.next_at is None


def test_nobody_waits_once_all_are_there_or_a_run_is_full() -> None:
    made = scheduler(at_once=2)
    streams = [made.join() for _ in range(3)]
    made.push(streams[0], sound(HOP), now=1.0)
    made.push(streams[1], sound(HOP), now=1.0)
    assert made.next_at == 1.0
    run = made.run(1.0)
    assert run is not None
    assert run.streams == streams[:2]
    made.leave(streams[2])
    made.leave(streams[1])
    made.push(streams[0], sound(HOP), now=1.1)
    assert made.next_at == 1.1


def test_whoever_waits_longest_comes_first_and_nobody_twice_in_a_run() -> None:
    made = scheduler(at_once=2, max_wait_s=0.0)
    one, other, third = (made.join() for _ in range(3))
    made.push(one, sound(5 * HOP), now=1.0)
    for now, stream in ((1.2, other), (1.1, third)):
        made.push(stream, sound(HOP), now=now)
    runs = [run.streams for run in all_of(made, 2.0)]
    assert runs == [[one, third], [one, other], [one], [one], [one]]


def test_a_stream_that_is_too_far_behind_loses_its_oldest_hops_and_no_other_does() -> None:
    made = scheduler(max_backlog_s=0.3)
    one, other = made.join(), made.join()
    for number in range(10):
        made.push(one, sound(HOP, seed=number), now=1.0 + number)
    made.push(other, sound(HOP), now=11.0)
    found: dict[int, list[Estimate]] = {one: [], other: []}
    for run in all_of(made, 12.0):
        for row, stream in enumerate(run.streams):
            found[stream] += run.told.estimates(row)
    assert [(each.seq, each.skipped) for each in found[one]] == [(7, 7), (8, 7), (9, 7)]
    assert [(each.seq, each.skipped) for each in found[other]] == [(0, 0)]
    assert made.left_out == 7


def test_what_was_lost_of_hops_that_are_left_out_counts_as_lost_and_a_fresh_start_is_kept() -> None:
    made = scheduler(max_backlog_s=0.1)
    one = made.join()
    made.push(one, sound(10 * HOP), now=0.0)
    all_of(made, 1.0)
    start = made.position(one)
    made.push(
        one,
        np.zeros(5 * HOP, np.float32),
        now=2.0,
        gaps=[LostSamples(start=start, length=2 * HOP)],
        resets=[start + HOP],
    )
    (run,) = all_of(made, 3.0)
    (estimate,) = run.told.estimates(0)
    assert (estimate.seq, estimate.skipped) == (14, 9 + 2)
    assert estimate.state_age_s == pytest.approx(0.1)


def test_what_leaves_takes_along_what_waits() -> None:
    made = scheduler()
    one, other = made.join(), made.join()
    made.push(one, sound(HOP), now=0.0)
    made.push(other, sound(HOP), now=0.0)
    made.leave(one)
    assert [run.streams for run in all_of(made, 1.0)] == [[other]]
    with pytest.raises(InputError, match="not among the 1"):
        made.push(one, sound(HOP), now=1.0)
    again = made.join()
    assert made.position(again) == 0


def test_the_givers_array_may_be_used_again_at_once() -> None:
    made = scheduler()
    one = made.join()
    given = sound(HOP)
    made.push(one, given, now=0.0)
    given[:] = 0.0
    (run,) = all_of(made, 1.0)
    assert run.told.estimates(0)[0].level_dbfs > -30


def test_a_stream_that_comes_with_its_state_goes_on_where_it_was(recognizer) -> None:
    batch = StreamBatch(recognizer, policy=POLICY)
    stream = batch.join()
    batch.step([stream], sound(35 * HOP)[np.newaxis])
    made = scheduler(recognizer)
    moved = made.join(batch.state(stream))
    assert made.position(moved) == 35 * HOP
    made.push(moved, sound(HOP, seed=1), now=0.0)
    (run,) = all_of(made, 1.0)
    alone = EmotionStream(recognizer, policy=POLICY)
    alone.push(sound(35 * HOP))
    assert_alike(run.told.estimates(0), alone.push(sound(HOP, seed=1)))


@pytest.mark.parametrize("bounds", [{"at_once": 0}, {"max_wait_s": -0.1}])
def test_bounds_that_are_none_are_refused(bounds: dict[str, float]) -> None:
    with pytest.raises(InputError, match="cannot be made"):
        scheduler(**bounds)


def test_times_of_a_hop_are_those_of_the_push_that_made_it_whole() -> None:
    made = scheduler()
    one = made.join()
    for number, now in enumerate((1.0, 1.04, 1.08)):
        made.push(one, sound(HOP // 2, seed=number), now=now)
    ready = list(itertools.chain(*(run.ready_at.tolist() for run in all_of(made, 2.0))))
    assert ready == [1.04]


@settings(max_examples=15)
@given(
    pushes=st.lists(
        st.tuples(st.integers(0, 3 * HOP), st.integers(0, 8 * HOP)), min_size=2, max_size=8
    )
)
def test_what_is_lost_for_long_passes_as_hops_that_nobody_saw(recognizer, pushes) -> None:
    made = scheduler(recognizer, max_gap_s=0.4)
    alone = EmotionStream(recognizer, policy=POLICY)
    stream = made.join()
    for seed, (length, lost) in enumerate(pushes):
        samples = sound(length, seed=seed)
        made.push(stream, samples, now=0.0)
        expected = alone.push(samples)
        found = [run.told.estimates(0)[0] for run in all_of(made, 1e6)]
        assert_alike(found, expected)
        position = alone.position
        made.lose(stream, lost, now=0.0)
        begun = min(lost, -position % HOP)
        unseen = (lost - begun) // HOP
        if unseen < 4:  # which are told of
            unseen = 0
        zeros = np.zeros(lost - unseen * HOP, dtype=np.float32)
        before = begun if unseen else len(zeros)
        expected = alone.push(zeros[:before], gaps=[LostSamples(start=position, length=before)])
        alone.skip(unseen, lost=True)
        rest = len(zeros) - before
        expected += alone.push(
            zeros[before:], gaps=[LostSamples(start=alone.position, length=rest)]
        )
        assert made.position(stream) == alone.position == position + lost
        found = [run.told.estimates(0)[0] for run in all_of(made, 1e6)]
        assert_alike(found, expected)
    assert made.seq(stream) <= alone.position // HOP


def test_a_stream_that_is_behind_catches_up_beside_the_others_and_not_before_them() -> None:
    made = scheduler(max_wait_s=0.02, catch_up_s=0.05)
    late, other = made.join(), made.join()
    made.push(late, sound(10 * HOP), now=5.0)
    first = made.run(5.02)
    assert first is not None
    assert first.streams == [late]
    assert made.next_at == pytest.approx(5.07)  # and not at once
    made.push(other, sound(HOP), now=5.03)
    beside = made.run(5.05)
    assert beside is not None
    assert beside.streams == [late, other]
    assert made.next_at == pytest.approx(5.10)
    # Where a run takes longer than that, it goes on at once.
    assert made.run(5.3) is not None
