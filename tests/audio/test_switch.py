"""A source that is paused, started afresh and exchanged while it is read."""

import threading

import numpy as np
import pytest

from realtime_mer.audio.block import Block
from realtime_mer.audio.switch import SwitchableSource
from realtime_mer.errors import InputError
from tests.patience import PATIENCE_S

RATE = 1000


class Device:
    """A source whose every block of ten frames has the next number; ends after ``count``."""

    real_time = True

    def __init__(self, name: str = "device", *, first: int = 0, count: int = 1000) -> None:
        self.name = name
        self._number, self._end = first, first + count
        self.closed = 0

    def read(self) -> Block | None:
        if self.closed or self._number == self._end:
            return None
        self._number += 1
        samples = np.full((10, 1), self._number, dtype=np.float32)
        return Block(samples=samples, rate=RATE, arrived_at=self._number / 100)

    def close(self) -> None:
        self.closed += 1


class Player(Device):
    """One that can wait."""

    resumed = 0

    def resume(self) -> None:
        self.resumed += 1


def number(block: Block) -> int:
    return int(block.samples[0, 0])


def test_without_commands_it_is_the_source_it_was_given() -> None:
    switch = SwitchableSource(Device(count=3))
    blocks = [switch.read() for _ in range(3)]
    assert [number(block) for block in blocks] == [1, 2, 3]
    assert not any(block.fresh or block.missing or block.paused for block in blocks)
    assert switch.read() is None


def test_what_a_device_hears_in_a_pause_is_thrown_away_and_counted() -> None:
    switch = SwitchableSource(Device())
    switch.read()
    switch.pause()
    for _ in range(5):
        block = switch.read()
        assert block.paused
        assert len(block.samples) == 0
    switch.resume()
    block = switch.read()
    assert (number(block), block.missing, block.paused) == (7, 50, False)
    assert switch.read().missing == 0


def test_what_can_wait_stands_still_in_a_pause() -> None:
    player = Player()
    switch = SwitchableSource(player)
    switch.read()
    switch.pause()
    assert all(switch.read().paused for _ in range(3))
    switch.resume()
    block = switch.read()
    assert (number(block), block.missing, block.fresh) == (2, 0, False)
    assert player.resumed == 1


def test_resume_ends_the_wait_of_a_reader_in_another_thread() -> None:
    switch = SwitchableSource(Player())
    switch.pause()
    switch.read()
    heard = []

    def read() -> None:
        while (block := switch.read()).paused:
            pass
        heard.append(number(block))

    reader = threading.Thread(target=read)
    reader.start()
    switch.resume()
    reader.join(PATIENCE_S)
    assert heard == [1]


def test_a_reset_marks_the_next_block_and_no_other() -> None:
    switch = SwitchableSource(Device())
    assert not switch.read().fresh
    switch.reset()
    assert [switch.read().fresh for _ in range(3)] == [True, False, False]


def test_another_source_takes_over_between_two_blocks_and_the_old_one_is_closed() -> None:
    old, new = Device("old"), Device("new", first=500)
    switch = SwitchableSource(old)
    switch.read()
    switch.change(new)
    block = switch.read()
    assert (number(block), block.fresh) == (501, True)
    assert (switch.name, old.closed, new.closed) == ("new", 1, 0)
    assert not switch.read().fresh


def test_the_time_between_two_devices_is_a_gap() -> None:
    switch = SwitchableSource(Device("old"))
    switch.read()  # heard until 0.01 s
    switch.change(Device("new", first=50))
    assert switch.read().missing == 490  # the first block began at 0.50 s


def test_a_source_can_be_exchanged_in_a_pause() -> None:
    switch = SwitchableSource(Player("old"))
    switch.pause()
    switch.read()
    switch.change(Player("new", first=500))
    assert switch.read().paused
    assert switch.name == "new"
    switch.resume()
    block = switch.read()
    assert (number(block), block.fresh, block.missing) == (501, True, 0)


def test_a_reader_that_waits_in_the_old_source_gets_the_new_one() -> None:
    waiting = threading.Event()

    class Stuck(Device):
        def __init__(self) -> None:
            super().__init__("stuck")
            self._closed = threading.Event()

        def read(self) -> Block | None:
            waiting.set()
            assert self._closed.wait(PATIENCE_S)
            return None

        def close(self) -> None:
            self._closed.set()

    switch = SwitchableSource(Stuck())
    heard: list[Block | None] = []
    reader = threading.Thread(target=lambda: heard.append(switch.read()))
    reader.start()
    assert waiting.wait(PATIENCE_S)
    switch.change(Device("new"))
    reader.join(PATIENCE_S)
    assert number(heard[0]) == 1


def test_of_two_changes_before_a_read_the_later_holds_and_nothing_is_left_open() -> None:
    sources = [Device(str(i)) for i in range(3)]
    switch = SwitchableSource(sources[0])
    switch.change(sources[1])
    switch.change(sources[2])
    switch.read()
    assert switch.name == "2"
    assert [bool(source.closed) for source in sources] == [True, True, False]


def test_a_source_without_a_clock_cannot_be_exchanged_for_one_that_has_it() -> None:
    class Pipe(Player):
        real_time = False

    pipe, device = Pipe("standard input"), Device()
    switch = SwitchableSource(pipe)
    with pytest.raises(InputError, match="standard input cannot be exchanged"):
        switch.change(device)
    assert device.closed
    assert not pipe.closed
    assert number(switch.read()) == 1


@pytest.mark.parametrize("how", ["closed", "ended"])
def test_after_the_end_no_source_is_taken_any_more(how: str) -> None:
    switch = SwitchableSource(Device(count=0))
    if how == "closed":
        switch.close()
    assert switch.read() is None
    late = Device("late")
    with pytest.raises(InputError, match="over"):
        switch.change(late)
    assert late.closed


def test_close_closes_the_source_that_plays_and_the_one_that_waits() -> None:
    old, new = Device(), Device()
    switch = SwitchableSource(old)
    switch.change(new)
    switch.close()
    assert old.closed
    assert new.closed
    assert switch.read() is None


class Paced(Player):
    """One that a clock paces."""

    speed = 1.0

    def pace(self, speed: float) -> None:
        self.speed = speed


def test_a_speed_holds_for_what_plays_and_for_what_comes_after() -> None:
    first, second = Paced("first"), Paced("second")
    switch = SwitchableSource(first)
    assert switch.speed == 1.0
    switch.pace(4.0)
    assert (switch.speed, first.speed) == (4.0, 4.0)
    switch.change(second)
    switch.read()
    assert (switch.speed, second.speed) == (4.0, 4.0)


def test_a_device_has_no_speed_and_says_so() -> None:
    switch = SwitchableSource(Device("USB"))
    assert switch.speed is None
    with pytest.raises(InputError, match="USB keeps its own time"):
        switch.pace(2.0)
