"""Steps that speak with NATS, of which any may fail."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import pytest

from realtime_mer.rooms.machines.link import Away
from realtime_mer.rooms.machines.tasks import take_steps


def test_a_step_that_was_taken_is_not_taken_again_where_a_later_one_fails() -> None:
    taken: list[str] = []
    fails = [True]

    async def listen() -> None:
        taken.append("listen")

    async def read() -> None:
        if fails.pop() if fails else False:
            raise Away("NATS is gone")
        taken.append("read")

    async def scenario() -> None:
        steps = deque[Callable[[], Awaitable[object]]]((listen, read))
        with pytest.raises(Away):
            await take_steps(steps)
        await take_steps(steps)
        await take_steps(steps)

    asyncio.run(scenario())
    assert taken == ["listen", "read"]
