"""Chunks belong where their positions say, and a room that is moved tells what it would have."""

from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_mer.batch import StreamBatch, StreamState
from realtime_mer.estimate import Estimate
from realtime_mer.hops import StreamPolicy
from realtime_mer.rooms.machines.chunks import SoundChunk
from realtime_mer.rooms.machines.track import Stamp, Track
from realtime_mer.rooms.scheduler import Scheduler
from tests.tones import HOP, RATE, ToneRecognizer

POLICY = StreamPolicy(reset_after_silence_s=1.0, reset_after_gap_s=0.5, silence_after_s=0.3)


def track(position: int = 0) -> Track:
    return Track(position, rate=RATE, hop_samples=HOP)


def chunk(position: int, count: int = 10, *, epoch: int = 1, **more) -> SoundChunk:
    samples = np.arange(position, position + count, dtype=np.float32)
    return SoundChunk(epoch=epoch, position=position, samples=samples, **more)


def test_what_came_is_left_out_and_what_is_missing_is_a_gap() -> None:
    made = track()
    part = made.take(chunk(0))
    assert part is not None
    assert (len(part.samples), part.missing) == (10, 0)
    assert made.take(chunk(0)) is None
    part = made.take(chunk(5))
    assert part is not None
    assert part.samples.tolist() == [10, 11, 12, 13, 14]
    later = chunk(25, missing=3)
    assert made.hole(later) == 7
    part = made.take(later)
    assert part is not None
    assert (part.missing, len(part.samples)) == (10, 10)
    assert (made.next, made.lost, made.repeated) == (35, 10, 15)


def test_a_gap_that_is_told_is_no_hole() -> None:
    made = track()
    made.take(chunk(0))
    assert made.hole(chunk(1010, missing=1000)) == 0


def test_chunks_of_a_feeder_that_was_replaced_are_left_out() -> None:
    made = track()
    made.take(chunk(0, epoch=2))
    assert made.hole(chunk(500, epoch=1)) == 0
    assert made.take(chunk(10, epoch=1)) is None
    assert made.outdated == 1
    assert made.take(chunk(10, epoch=3)) is not None


def test_a_moment_has_the_time_and_the_gaps_of_its_chunk() -> None:
    made = track()
    made.take(chunk(0, RATE, captured_at=100.0))
    made.take(chunk(2 * RATE, RATE, missing=RATE, captured_at=102.5, gaps=1))
    assert made.stamp(RATE // 2) == Stamp(100.5, 0)
    assert made.stamp(RATE) == Stamp(101.0, 0)
    assert made.stamp(3 * RATE // 2) == Stamp(102.0, 1)
    assert made.stamp(3 * RATE) == Stamp(103.5, 1)
    assert made.stamp(3 * RATE + 1) == Stamp(None, 0)


@dataclass(slots=True)
class Computed:
    """What came of chunks, and the state behind each hop."""

    estimates: list[Estimate]
    states: list[tuple[int, StreamState]]


def computed(chunks: list[SoundChunk], seq: int = 0, state: StreamState | None = None) -> Computed:
    scheduler = Scheduler(
        StreamBatch(ToneRecognizer(), policy=POLICY),
        catch_up_s=0.0,
        max_backlog_s=1e6,
        max_gap_s=0.4,
    )
    stream = scheduler.join(state)
    made, found = track(seq * HOP), Computed([], [])
    for each in chunks:
        part = made.take(each)
        if part is None:
            continue
        nothing = part.samples[:0]
        if part.fresh:
            scheduler.push(stream, nothing, now=0.0, resets=[scheduler.position(stream)])
        scheduler.lose(stream, part.missing, now=0.0)
        scheduler.push(stream, part.samples, now=0.0)
        while (run := scheduler.run(1e6)) is not None:
            found.estimates += run.told.estimates(0)
            found.states.append((scheduler.seq(stream), scheduler.state(stream)))
    return found


CHUNKS = st.lists(
    st.tuples(
        st.integers(1, 2 * HOP),
        st.sampled_from([0, 0, 0, 1, HOP // 2, HOP, 3 * HOP, 4 * HOP, 5 * HOP + 7, 9 * HOP]),
        st.sampled_from([False, False, False, True]),
    ),
    min_size=3,
    max_size=14,
)


@settings(max_examples=150, deadline=None)
@given(lengths=CHUNKS, data=st.data())
def test_a_room_that_goes_on_from_any_state_tells_exactly_what_it_would_have(lengths, data) -> None:
    noise, position, chunks = np.random.default_rng(1), 0, []
    for length, missing, fresh in lengths:
        samples = (0.1 * noise.standard_normal(length)).astype(np.float32)
        position += missing
        chunks.append(
            SoundChunk(epoch=1, position=position, samples=samples, missing=missing, fresh=fresh)
        )
        position += length
    whole = computed(chunks)
    if not whole.states:
        return
    seq, state = data.draw(st.sampled_from(whole.states))
    needed = next((n for n, each in enumerate(chunks) if each.end > seq * HOP), len(chunks))
    # What begins anew in the hop behind which the state lies is not in the state yet.
    while needed and chunks[needed - 1].end > (seq - 1) * HOP:
        needed -= 1
    begin = data.draw(st.integers(0, needed))
    moved = computed([*chunks[begin:], *chunks[begin:]], seq, state)
    assert moved.estimates == [each for each in whole.estimates if each.seq >= seq]
