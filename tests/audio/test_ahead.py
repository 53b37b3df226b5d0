"""A source that is read ahead gives what it would give alone, one block early."""

import threading

import numpy as np
import pytest

from realtime_mer.audio.ahead import ReadAhead
from realtime_mer.audio.block import Block
from realtime_mer.errors import AudioFileError
from tests.patience import PATIENCE_S


class Blocks:
    """A source of so many blocks, which tells who reads it and how far it was read."""

    name, real_time = "blocks", False

    def __init__(self, count: int, *, failure: Exception | None = None) -> None:
        self.count, self.failure = count, failure
        self.given = 0
        self.threads: set[int] = set()
        self.read_so_far = threading.Condition()
        self.closed = threading.Event()

    def read(self) -> Block | None:
        self.threads.add(threading.get_ident())
        with self.read_so_far:
            if self.given == self.count:
                if self.failure is not None:
                    raise self.failure
                return None
            self.given += 1
            self.read_so_far.notify_all()
        return Block(samples=np.full((4, 1), self.given, dtype=np.float32), rate=24_000)

    def close(self) -> None:
        self.closed.set()


def numbers(source: ReadAhead) -> list[float]:
    found = []
    while (block := source.read()) is not None:
        found.append(float(block.samples[0, 0]))
    return found


def test_all_blocks_come_once_and_in_order_and_then_none_for_ever() -> None:
    source = ReadAhead(Blocks(5))
    assert numbers(source) == [1, 2, 3, 4, 5]
    assert source.read() is None
    source.close()


def test_one_block_is_read_while_the_one_before_is_worked_on_and_no_more() -> None:
    blocks = Blocks(5)
    source = ReadAhead(blocks)
    assert blocks.given == 0  # before anybody asks
    source.read()
    with blocks.read_so_far:
        assert blocks.read_so_far.wait_for(lambda: blocks.given == 2, PATIENCE_S)
    source.close()  # waits for whatever is being read
    assert blocks.given == 2
    assert blocks.threads.isdisjoint({threading.get_ident()})
    assert len(blocks.threads) == 1


@pytest.mark.parametrize("failure", [AudioFileError("breaks off"), ZeroDivisionError("a fault")])
def test_a_failure_comes_after_the_blocks_before_it(failure: Exception) -> None:
    source = ReadAhead(Blocks(2, failure=failure))
    assert [source.read() is not None for _ in range(2)] == [True, True]
    with pytest.raises(type(failure), match=str(failure)):
        source.read()
    source.close()


def test_closing_closes_the_source_ends_the_thread_and_may_be_done_twice() -> None:
    blocks = Blocks(5)
    source = ReadAhead(blocks)
    source.read()
    source.close()
    source.close()
    assert blocks.closed.is_set()
    assert source.read() is None
    assert not any(thread.name.startswith("read-ahead") for thread in threading.enumerate())
