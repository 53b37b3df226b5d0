"""Subscribers of a service for `soak.py`, in processes of their own: they count what they get."""

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from realtime_mer.client import connect
from realtime_mer.errors import ServiceError
from realtime_mer.estimate import Estimate
from realtime_mer.wire.protocol import StatusMessage

HOP_S = 0.1


async def follow(url: str, ready: "asyncio.Semaphore", end: int, *, every: int) -> dict[str, Any]:
    """Follow to the end; return how many came, whether all in order, and whether to the end.

    Args:
        url: of the service.
        ready: released once it follows.
        end: number of the last estimate.
        every: how many estimates there are to one that is wanted.
    """
    estimates, statuses, last, ordered = 0, 0, -1, True
    streams, rate = ("estimates", "status", "level"), None if every == 1 else 1 / (every * HOP_S)
    # Where many are flooded faster than they read, one may lose its connection: it says at which.
    with suppress(ServiceError):
        async with connect(url, streams=streams, max_rate=rate, reconnect=False) as stream:
            ready.release()
            async for message in stream:
                if isinstance(message, Estimate):
                    ordered &= message.seq > last
                    last = message.seq
                    estimates += 1
                    if last > end - every:
                        break
                elif isinstance(message, StatusMessage):
                    statuses += 1
    return {
        "estimates": estimates,
        "statuses": statuses,
        "ended": last > end - every,
        "ordered": ordered,
    }


async def main(url: str, count: int, end: int) -> Sequence[dict[str, Any]]:
    """Follow with so many, the first of which wants every estimate, and say when all are there."""
    ready = asyncio.Semaphore(0)
    followers = [
        asyncio.create_task(follow(url, ready, end, every=5 if number else 1))
        for number in range(count)
    ]
    for _ in range(count):
        await ready.acquire()
    print("ready", flush=True)
    return await asyncio.gather(*followers)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))), flush=True)
