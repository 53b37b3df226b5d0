"""Many subscribers in a process of their own, for ``realtime-mer bench``.

``python -m realtime_mer.bench.clients URL COUNT`` reads until the service says ``bye``, then prints
what the first of them got: a JSON list of ``[seq, time.monotonic() at receipt]``. That clock is
shared by all processes on Linux and Windows, and on macOS since Python 3.5.
"""

import asyncio
import json
import sys
import time
from contextlib import AsyncExitStack

from realtime_mer.client.streams import connect
from realtime_mer.estimate import Estimate

_OPENING = 16  # at a time: a service lets few of one address wait for their opening handshake


async def _read(
    url: str,
    opening: asyncio.Semaphore,
    everybody: asyncio.Barrier,
    receipts: list[tuple[int, float]] | None,
) -> None:
    async with AsyncExitStack() as stack:
        async with opening:
            stream = await stack.enter_async_context(connect(url, reconnect=False))
        if receipts is not None:
            print("ready", file=sys.stderr, flush=True)
        # Before that, a service that ends would be one that cannot be reached.
        if await everybody.wait() == 0:
            print("all in", file=sys.stderr, flush=True)
        async for estimate in stream:
            if receipts is not None and isinstance(estimate, Estimate):
                receipts.append((estimate.seq, time.monotonic()))


async def _main(url: str, count: int) -> None:
    receipts: list[tuple[int, float]] = []
    opening, everybody = asyncio.Semaphore(_OPENING), asyncio.Barrier(count)
    first = asyncio.create_task(_read(url, opening, everybody, receipts))
    others = [asyncio.create_task(_read(url, opening, everybody, None)) for _ in range(count - 1)]
    await asyncio.gather(first, *others)
    json.dump(receipts, sys.stdout)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2])))
