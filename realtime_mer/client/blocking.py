"""``blocking`` iterates over an asyncio stream from plain code; another thread runs the loop."""

import asyncio
import threading
from collections.abc import Coroutine, Generator
from concurrent import futures
from typing import Any, Protocol, TypeVar

_T = TypeVar("_T")
_Item = TypeVar("_Item", covariant=True)


class AsyncStream(Protocol[_Item]):
    """What has to be entered before it is iterated, and left afterwards."""

    async def __aenter__(self) -> Any: ...

    async def __anext__(self) -> _Item: ...

    async def __aexit__(self, kind: None, error: None, traceback: None, /) -> None: ...


class LoopThread:
    """An event loop in a thread of its own.

    Attributes:
        running: whether it was started and not stopped yet.
    """

    def __init__(self) -> None:
        self.running = False
        self._loop: asyncio.AbstractEventLoop
        self._stopped: asyncio.Event
        self._thread: threading.Thread

    def start(self) -> None:
        """Start it; returns once it runs."""
        ready: futures.Future[None] = futures.Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._stay(ready)), name="realtime-mer-client", daemon=True
        )
        self._thread.start()
        ready.result()
        self.running = True

    def run(self, step: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine in the loop and return what it does."""
        future = asyncio.run_coroutine_threadsafe(step, self._loop)
        while not future.done():
            # Windows delivers Ctrl-C only between waits (not run on Windows).
            futures.wait([future], timeout=0.5)
        return future.result()

    def stop(self) -> None:
        """Cancel whatever Ctrl-C left behind, and end."""
        self.running = False
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()

    async def _stay(self, ready: "futures.Future[None]") -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        ready.set_result(None)
        await self._stopped.wait()


def blocking(stream: AsyncStream[_Item], loop: LoopThread) -> Generator[_Item, None, None]:
    """Yield what a stream yields; it is entered for the first item and left with the generator.

    Args:
        stream: not entered yet.
        loop: not started yet; it runs for as long as the generator.
    """
    loop.start()
    try:
        loop.run(stream.__aenter__())
        try:
            while True:
                try:
                    item = loop.run(stream.__anext__())
                except StopAsyncIteration:
                    return
                yield item
        finally:
            loop.run(stream.__aexit__(None, None, None))
    finally:
        loop.stop()
