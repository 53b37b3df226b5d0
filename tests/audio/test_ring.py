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


def test_what_was_overwritten_is_refused_and_counted():
    ring = RingBuffer(10)
    ring.write(count(0, 15))
    assert ring.read(4, 3) is None
    assert ring.overruns == 1
    assert ring.read(5, 3) is not None


def test_what_has_not_come_is_an_error():
    ring = RingBuffer(10)
    ring.write(count(0, 3))
    with pytest.raises(InputError, match="3 have come"):
        ring.read(0, 4)


def test_a_gap_takes_its_place_in_time_as_zeros():
    ring = RingBuffer(10)
    ring.write(count(1, 3))
    ring.write_gap(4)
    ring.write(count(8, 2))
    np.testing.assert_array_equal(ring.read(0, 9), [1, 2, 3, 0, 0, 0, 0, 8, 9])
    assert ring.gaps(0, 9) == [LostSamples(start=3, length=4)]
    assert ring.gaps(5, 2) == [LostSamples(start=5, length=2)]
    assert ring.gaps(7, 2) == []


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
