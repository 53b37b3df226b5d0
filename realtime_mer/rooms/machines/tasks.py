"""Tasks that speak with NATS: how they are ended, and how steps are taken that may fail."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

_AGAIN_S = 0.1


async def end_tasks(tasks: Iterable["asyncio.Future[Any]"]) -> None:
    """Cancel tasks, and return once they have ended, however they did.

    The library for NATS swallows a cancellation that comes while it hands something to its socket.
    So they are told until they listen.
    """
    left = {task for task in tasks if task is not asyncio.current_task()}
    while left:
        for task in left:
            task.cancel()
        done, left = await asyncio.wait(left, timeout=_AGAIN_S)
        for task in done:
            if not task.cancelled():
                task.exception()  # whoever wanted to know has been told


async def take_steps(steps: deque[Callable[[], Awaitable[object]]]) -> None:
    """Take steps in order, each until it does not raise, and none again that did not.

    Args:
        steps: those that are left; what was taken is removed, so that the next call goes on.
    """
    while steps:
        await steps[0]()
        steps.popleft()
