"""What is written on a tape is read as it came, however much of it never came."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.rooms.recording.tape import Tape

PIECES = st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 50)), max_size=30)


@given(pieces=PIECES, step=st.integers(1, 200))
def test_every_sample_is_at_its_place_and_what_never_came_is_zeros(pieces, step: int) -> None:
    tape, expected = Tape(10_000), np.zeros(0, dtype=np.float32)
    for missing, count in pieces:
        samples = np.arange(1, count + 1, dtype=np.float32) + len(expected)
        tape.write(samples, missing=missing)
        expected = np.concatenate((expected, np.zeros(missing, dtype=np.float32), samples))
    assert tape.written == len(expected)
    found = []
    for start in range(0, tape.written, step):
        length = min(step, tape.written - start)
        samples = tape.read(start, length)
        assert samples is not None
        found.append(samples)
        missing = sum(gap.length for gap in tape.gaps(start, length))
        assert np.count_nonzero(samples) == length - missing
    np.testing.assert_array_equal(np.concatenate([*found, expected[:0]]), expected)


def test_hours_that_never_came_push_nothing_out() -> None:
    tape, day = Tape(100), 86_400 * 24_000
    tape.write(np.ones(60, dtype=np.float32), missing=0)
    tape.write(np.full(40, 2, dtype=np.float32), missing=day)
    first, last = tape.read(0, 60), tape.read(day + 60, 40)
    assert first is not None
    assert last is not None
    assert (set(first), set(last)) == ({1.0}, {2.0})


def test_of_more_than_may_wait_the_oldest_is_lost_and_that_is_told() -> None:
    tape = Tape(100)
    for number in range(3):
        tape.write(np.full(50, number + 1, dtype=np.float32), missing=0)
    assert tape.read(0, 60) is None
    rest = tape.read(60, 90)
    assert rest is not None
    assert list(rest) == [2.0] * 40 + [3.0] * 50
