"""What a sender keeps, and what it says was lost."""

from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from realtime_mer.rooms.sending.kept import Kept

MOST = 50


def numbered(begin: int, count: int) -> np.ndarray:
    """Return samples whose values are their places."""
    return np.arange(begin, begin + count, dtype=np.float32)


def test_what_was_added_is_taken_in_order_and_once() -> None:
    kept = Kept(MOST)
    kept.add(numbered(0, 7))
    kept.add(numbered(7, 5))
    index, samples = kept.take(least=1, most=10) or (-1, numbered(0, 0))
    assert (index, samples.tolist()) == (0, list(range(10)))
    assert kept.waiting == 2
    index, samples = kept.take(least=1, most=10) or (-1, numbered(0, 0))
    assert (index, samples.tolist()) == (10, [10, 11])
    assert kept.take(least=1, most=10) is None


def test_little_is_left_to_grow_unless_a_gap_follows() -> None:
    kept = Kept(MOST)
    kept.add(numbered(0, 3))
    assert kept.take(least=5, most=10) is None
    kept.add(numbered(13, 3), missing=10)
    assert [part[0] for part in (kept.take(least=5, most=10),) if part] == [0]
    assert kept.take(least=5, most=10) is None
    assert kept.take(least=1, most=10) is not None


def test_whole_steps_are_taken_unless_a_gap_follows() -> None:
    kept = Kept(MOST)
    kept.add(numbered(0, 14))
    index, samples = kept.take(least=1, most=20, step=5) or (-1, numbered(0, 0))
    assert (index, len(samples)) == (0, 10)
    assert kept.take(least=1, most=20, step=5) is None
    kept.add(numbered(20, 5), missing=6)
    index, samples = kept.take(least=1, most=20, step=5) or (-1, numbered(0, 0))
    assert (index, samples.tolist()) == (10, [10, 11, 12, 13])


def test_what_gives_way_unsent_is_lost_and_what_was_sent_is_not() -> None:
    kept = Kept(MOST)
    kept.add(numbered(0, 40))
    kept.take(least=1, most=30)
    kept.add(numbered(40, 45))
    assert (kept.lost, kept.waiting) == (5, MOST)
    assert (kept.take(least=1, most=5) or (0,))[0] == 35


def test_what_the_other_side_lacks_is_sent_again_as_far_as_it_is_kept() -> None:
    kept = Kept(MOST)
    kept.add(numbered(0, 80))
    while kept.take(least=1, most=10):
        pass
    assert kept.lost == 30
    kept.add(numbered(80, 10))  # so those from 40 on are kept
    kept.go_back_to(35)
    assert kept.lost == 35
    assert (kept.take(least=1, most=10) or (0,))[0] == 40


def test_what_nobody_confirmed_is_given_up_once_kept_or_not_and_what_waits_is_sent() -> None:
    kept = Kept(MOST)
    kept.add(numbered(0, 40))
    kept.take(least=1, most=40)
    kept.confirm(10)
    kept.add(numbered(60, 40), missing=20)  # so those from 50 on are kept
    kept.take(least=1, most=15)
    kept.give_up_unconfirmed()
    kept.give_up_unconfirmed()
    assert (kept.lost, kept.unconfirmed, kept.waiting) == (30 + 15, False, 25)


def test_a_service_that_forgot_all_had_what_it_confirmed() -> None:
    kept = Kept(MOST)
    for begin in range(0, 200, 10):
        kept.add(numbered(begin, 10))
        kept.take(least=1, most=10)
    kept.confirm(200)
    kept.add(numbered(200, 30))
    kept.go_back_to(0)
    assert kept.lost == 0
    assert kept.next == 180


@dataclass
class Room:
    """The other side: which samples came, and which it expects."""

    came: set[int] = field(default_factory=set)
    next: int = 0


class Sending(RuleBasedStateMachine):
    """Sound comes, is sent, and is lost underway: each sample arrived, waits, or counts as lost."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = Kept(MOST)
        self.recorded: set[int] = set()
        self.room = Room()
        self.underway: list[tuple[int, list[int]]] = []

    @rule(count=st.integers(0, 30), missing=st.integers(0, 20))
    def add(self, count: int, missing: int) -> None:
        begin = self.kept.end + missing
        self.kept.add(numbered(begin, count), missing=missing)
        self.recorded |= set(range(begin, begin + count))

    @rule(least=st.integers(1, 5), steps=st.integers(1, 10), step=st.integers(1, 8))
    def send(self, least: int, steps: int, step: int) -> None:
        most = max(step * steps, least)
        taken = self.kept.take(least=least, most=most, step=step)
        if taken is not None:
            index, samples = taken
            assert samples.tolist() == list(range(index, index + len(samples)))
            assert 0 < len(samples) <= most
            self.underway.append((index, [int(sample) for sample in samples]))

    @rule()
    def arrive(self) -> None:
        for index, samples in self.underway:
            assert index >= self.room.next
            self.room.came |= set(samples)
            self.room.next = index + len(samples)
        self.underway = []
        self.kept.confirm(self.room.next)

    @precondition(lambda self: self.underway)
    @rule()
    def break_off(self) -> None:
        self.underway = []
        self.kept.go_back_to(self.room.next)

    @invariant()
    def every_sample_is_accounted_for(self) -> None:
        underway = {place for _, samples in self.underway for place in samples}
        sent = len(self.room.came | underway)
        assert sent + self.kept.waiting + self.kept.lost == len(self.recorded)
        assert self.kept.waiting <= MOST


TestSending = Sending.TestCase
