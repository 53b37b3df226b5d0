"""A pacer waits for the clock, and not a moment longer once it is closed."""

import threading
import time

import pytest

from realtime_mer.audio.pacing import Pacer
from tests.patience import PATIENCE_S


def test_due_times_are_counted_in_frames_from_the_first_wait():
    pacer = Pacer(rate=48_000)
    dues = [pacer.wait(480) for _ in range(5)]
    assert [due - dues[0] for due in dues] == pytest.approx([0.0, 0.01, 0.02, 0.03, 0.04])
    assert time.monotonic() >= dues[-1]


def test_a_late_reader_catches_up_without_waiting():
    pacer = Pacer(rate=1000)
    first = pacer.wait(1)
    while time.monotonic() < first + 0.05:
        threading.Event().wait(0.01)
    assert pacer.wait(20) == pytest.approx(first + 0.02)
    assert pacer.wait(20) == pytest.approx(first + 0.04)


def test_close_ends_a_wait_in_progress_and_all_later_ones():
    pacer = Pacer(rate=1)
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(pacer.wait(3600)))
    waiter.start()
    pacer.close()
    waiter.join(PATIENCE_S)
    assert answers == [None]
    assert pacer.wait(1) is None


def test_another_speed_holds_from_the_next_wait_and_time_goes_on_from_there():
    pacer = Pacer(rate=48_000)
    first = pacer.wait(480)
    pacer.speed = 2.0
    dues = [pacer.wait(480) for _ in range(2)]
    pacer.speed = 0.5
    dues.append(pacer.wait(480))
    assert [due - first for due in dues] == pytest.approx([0.005, 0.01, 0.03])


def test_a_speed_asked_for_while_nothing_is_read_holds_afterwards():
    pacer = Pacer(rate=48_000)
    pacer.wait(480)
    pacer.restart()
    pacer.speed = 4.0
    first = pacer.wait(480)
    assert pacer.wait(480) - first == pytest.approx(0.0025)
    pacer.restart(rate=96_000)
    assert pacer.wait(960) - first == pytest.approx(0.005)
