import sys
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.audio.ring import LostSamples, RingBuffer
from realtime_mer.errors import InputError


@pytest.fixture
def often_switched():
    """Threads take turns after every few bytecodes, not after 5 ms."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def count(start: int, length: int) -> np.ndarray:
    return np.arange(start, start + length, dtype=np.float32)


@given(capacity=st.integers(1, 50), sizes=st.lists(st.integers(0, 120), max_size=30))
def test_the_newest_samples_come_back_in_order(capacity, sizes):
    ring = RingBuffer(capacity)
    written = 0
    for size in sizes:
        ring.write(count(written, size))
        written += size
        kept = min(written, capacity)
        np.testing.assert_array_equal(ring.read(written - kept, kept), count(written - kept, kept))
    assert ring.written == written


def test_samples_come_back_as_what_they_were_and_as_a_copy():
    ring = RingBuffer(3)
    ring.write(count(1, 3))
    samples = ring.read(0, 3)
    assert samples.dtype == np.float32
    ring.write(count(4, 3))
    np.testing.assert_array_equal(samples, [1, 2, 3])


def test_no_ring_is_smaller_than_a_sample():
    for capacity in (0, -5):
        with pytest.raises(InputError, match=f"{capacity} samples cannot be made"):
            RingBuffer(capacity)
    assert RingBuffer(1).capacity == 1


def test_what_was_overwritten_is_refused_and_counted():
    ring = RingBuffer(10)
    ring.write(count(0, 15))
    assert ring.overruns == 0
    assert ring.read(4, 3) is None
    assert ring.read(3, 1) is None
    assert ring.overruns == 2
    assert ring.read(5, 3) is not None
    assert ring.overruns == 2


def test_what_has_not_come_is_an_error():
    ring = RingBuffer(10)
    ring.write(count(0, 3))
    with pytest.raises(InputError, match="up to 4 were asked for; 3 have come"):
        ring.read(1, 3)


def test_a_gap_takes_its_place_in_time_as_zeros():
    ring = RingBuffer(10)
    ring.write(count(1, 3))
    ring.write_gap(4)
    ring.write(count(8, 2))
    np.testing.assert_array_equal(ring.read(0, 9), [1, 2, 3, 0, 0, 0, 0, 8, 9])
    assert ring.gaps(0, 9) == [LostSamples(start=3, length=4)]
    assert ring.gaps(5, 2) == [LostSamples(start=5, length=2)]
    assert ring.gaps(7, 2) == []


def test_a_gap_of_one_sample_is_one_and_of_none_is_none():
    ring = RingBuffer(10)
    ring.write(count(1, 3))
    ring.write_gap(0, arrived_at=1.0)
    assert (ring.gaps(0, 100), ring.arrived_at(3)) == ([], None)
    ring.write_gap(1)
    assert ring.gaps(0, 100) == [LostSamples(start=3, length=1)]


@given(
    capacity=st.integers(1, 30),
    parts=st.lists(st.tuples(st.booleans(), st.integers(1, 60)), max_size=20),
)
def test_samples_and_gaps_fill_the_ring_as_they_come(capacity, parts):
    ring, tape = RingBuffer(capacity), np.zeros(0, np.float32)
    for is_gap, length in parts:
        if is_gap:
            ring.write_gap(length)
            tape = np.concatenate((tape, np.zeros(length, np.float32)))
        else:
            samples = count(len(tape) + 1, length)
            ring.write(samples)
            tape = np.concatenate((tape, samples))
        kept = min(len(tape), capacity)
        start = len(tape) - kept
        np.testing.assert_array_equal(ring.read(start, kept), tape[start:])
        if start:
            assert ring.read(start - 1, 1) is None


def test_a_gap_claims_its_place_before_it_overwrites_it(monkeypatch):
    ring = RingBuffer(10)
    ring.write(count(1, 10))
    seen = []

    def amid(_start, _samples):
        seen.append(ring.read(0, 10))  # as a reader in another thread would

    monkeypatch.setattr(ring, "_store", amid)
    ring.write_gap(3)
    ring.write(count(1, 3))
    assert seen == [None, None]


def test_where_something_new_begins_is_noted():
    ring = RingBuffer(10)
    ring.write(count(0, 3))
    ring.write_reset()
    ring.write(count(3, 4))
    ring.write_reset()
    assert ring.resets(0, 100) == [3, 7]
    assert ring.resets(3, 4) == [3]
    assert ring.resets(4, 3) == []
    assert ring.resets(0, 3) == []


def test_a_gap_longer_than_the_ring_leaves_zeros_and_true_time():
    ring = RingBuffer(10)
    ring.write(count(1, 10))
    ring.write_gap(1_000_000)
    assert ring.written == 1_000_010
    np.testing.assert_array_equal(ring.read(1_000_000, 10), np.zeros(10))


def test_each_sample_knows_when_it_arrived():
    ring = RingBuffer(100)
    ring.write(count(0, 10), arrived_at=1.0)
    ring.write(count(10, 10), arrived_at=2.0)
    assert [ring.arrived_at(position) for position in (1, 10, 11, 20)] == [1.0, 1.0, 2.0, 2.0]
    assert ring.arrived_at(21) is None


def test_each_sample_knows_when_it_was_captured_also_within_a_block_and_after_a_resampler():
    ring = RingBuffer(100)
    ring.write(count(0, 10), arrived_at=2.0, captured_at=1.0)
    ring.write_gap(10, arrived_at=3.0, captured_at=2.0)
    found = [ring.captured_at(position, rate=10) for position in (1, 5, 10, 11, 20)]
    assert found == pytest.approx([0.1, 0.5, 1.0, 1.1, 2.0])
    assert ring.captured_at(21, rate=10) is None
    ring.write(count(20, 10), arrived_at=4.0)
    assert ring.captured_at(25, rate=10) is None


def test_a_gap_knows_when_it_ended_and_what_came_without_a_time_has_none():
    ring = RingBuffer(100)
    ring.write(count(0, 10))
    ring.write_gap(5, arrived_at=4.0)
    ring.write(count(0, 10))
    ring.write(count(0, 10), arrived_at=7.0)
    found = [ring.arrived_at(position) for position in (10, 11, 15, 16, 25, 26, 35)]
    assert found == [None, 4.0, 4.0, None, None, 7.0, 7.0]


def test_the_arrival_of_the_last_thousand_blocks_is_known():
    ring = RingBuffer(10)
    for number in range(2000):
        ring.write(count(0, 1), arrived_at=float(number))
    kept = range(2000 - 1024, 2000)
    assert [ring.arrived_at(number + 1) for number in kept] == list(kept)


def test_what_is_noted_of_gaps_and_fresh_starts_is_bounded():
    ring = RingBuffer(10)
    for _ in range(1000):
        ring.write_gap(1)
        ring.write_reset()
    assert ring.gaps(0, 1000) == [LostSamples(start=at, length=1) for at in range(744, 1000)]
    assert ring.resets(0, 2000) == list(range(745, 1001))


def test_a_lapped_reader_never_sees_torn_samples(often_switched):
    ring = RingBuffer(997)
    enough = threading.Event()
    tape = count(0, 2 * 131_000) % 131_000
    blocks = [tape[start : start + 131] for start in range(0, 131_000, 131)]

    def produce() -> None:
        while not enough.is_set():
            for block in blocks:
                ring.write(block)

    producer = threading.Thread(target=produce)
    producer.start()
    whole = 0
    try:
        while whole < 1000 or ring.overruns < 100:
            start = max(0, ring.written - 990)
            samples = ring.read(start, min(990, ring.written - start))
            if samples is not None:
                offset = start % 131_000
                np.testing.assert_array_equal(samples, tape[offset : offset + len(samples)])
                whole += len(samples) == 990
    finally:
        enough.set()
        producer.join()
