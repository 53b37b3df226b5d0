"""Workers at a server of NATS, and who feeds and hears rooms there, in a test's own hands."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_mer.recognizer.contract import StreamingRecognizer
from realtime_mer.rooms.machines import presence, sharing, worker
from realtime_mer.rooms.machines.address import nats_address
from realtime_mer.rooms.machines.chunks import SoundChunk
from realtime_mer.rooms.machines.feeds import Feed
from realtime_mer.rooms.machines.link import Link, Stored
from realtime_mer.rooms.machines.names import Kind, Names
from realtime_mer.rooms.machines.reports import parse_report
from realtime_mer.rooms.machines.worker import Worker, WorkerOptions
from realtime_mer.rooms.states import model_of
from realtime_mer.stream import EmotionStream
from tests.patience import PATIENCE_S
from tests.rooms.nats import NatsServer

STUDIO = "studio"
"""What whoever feeds calls itself."""


@contextmanager
def sooner() -> Iterator[None]:
    """Let workers notice within tenths of a second what else takes seconds."""
    places = [
        (presence, "SILENT_S", 0.6),
        (worker, "BEAT_EVERY_S", 0.1),
        (worker, "_SAVE_EVERY_S", 0.2),
        (sharing, "STEP_S", 0.3),
        (sharing, "SETTLE_S", 0.3),
        (sharing, "LISTEN_S", 0.2),
    ]
    before = [getattr(module, name) for module, name, _ in places]
    for module, name, value in places:
        setattr(module, name, value)
    try:
        yield
    finally:
        for (module, name, _), value in zip(places, before, strict=True):
            setattr(module, name, value)


async def until(what: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not what():
            await asyncio.sleep(0.01)


class Studio:
    """Who feeds rooms and hears what is told of them, as a node does.

    Attributes:
        told: of each room, the estimates as JSON has them, in the order in which they came.
        workers: of each room, the worker of each of those.
    """

    def __init__(self, server: NatsServer, recognizer: StreamingRecognizer) -> None:
        self.told: dict[str, list[dict[str, Any]]] = {}
        self.workers: dict[str, list[str]] = {}
        self._kept: dict[str, list[bytes]] = {}
        self._next: dict[str, int] = {}
        self._following = self._there = False
        self.link = Link(
            nats_address(server.url),
            Names.of(model_of(recognizer)),
            say=lambda line: None,
            lost=self._lost,
            back=self._back,
        )

    def _lost(self) -> None:
        self._there = False

    async def _back(self) -> None:
        if not self._following:
            await self.link.follow(Kind.TOLD, "*", self._hear)
            self._following = True
        for stored in await self.link.read(Kind.TOLD):
            self._hear(stored)
        for room, chunks in self._kept.items():
            for data in chunks:
                self.link.send(Kind.SOUND, room, data)
        self._there = True  # what comes next goes behind that

    def _hear(self, stored: Stored) -> None:
        report = parse_report(stored.data)
        told = self.told.setdefault(stored.key, [])
        for hop in report.hops:
            if not told or hop.estimate.seq > told[-1]["seq"]:
                told.append(hop.estimate.to_dict())
                self.workers.setdefault(stored.key, []).append(report.worker)

    async def open(self, room: str, *, sender: int = 1) -> None:
        """Let a room be computed, from its so many-eth sender on."""
        feed = Feed(node=STUDIO, epoch=sender, state="fed")
        await self.link.put(Kind.FEEDS, room, feed.encode())

    async def leave(self, room: str) -> None:
        """Let nobody feed a room any more."""
        await self.link.put(Kind.FEEDS, room, Feed(epoch=1, state="ended").encode())

    def send(
        self, room: str, samples: NDArray[np.float32], *, quietly: bool = False, **more
    ) -> None:
        """Send what comes next of a room, in chunks of a tenth of a second."""
        for start in range(0, len(samples), 2400):
            part = samples[start : start + 2400]
            position = self._next.get(room, 0)
            chunk = SoundChunk(epoch=1, position=position, samples=part, **more)
            self._next[room] = position + len(part)
            self._kept.setdefault(room, []).append(chunk.encode())
            if self._there and not quietly:
                self.link.send(Kind.SOUND, room, chunk.encode())

    async def heard(self, room: str, hops: int) -> None:
        """Wait until so many hops of a room were told."""
        await until(lambda: len(self.told.get(room, [])) >= hops)

    def seqs(self, room: str) -> list[int]:
        return [each["seq"] for each in self.told[room]]


@asynccontextmanager
async def studio(server: NatsServer, recognizer: StreamingRecognizer) -> AsyncIterator[Studio]:
    made = Studio(server, recognizer)
    async with asyncio.timeout(PATIENCE_S):
        await made.link.open()
    try:
        yield made
    finally:
        await made.link.close()


class Working:
    """A worker that runs beside the test.

    Attributes:
        worker: it.
        said: what it told people.
    """

    def __init__(self, server: NatsServer, recognizer: StreamingRecognizer, name: str, most: int):
        self.said: list[str] = []
        self.worker = Worker(
            recognizer,
            WorkerOptions(nats=nats_address(server.url), most=most, id=name),
            say=self.said.append,
        )
        self.task = asyncio.get_running_loop().create_task(self.worker.run())

    async def has(self, *rooms: str) -> None:
        """Wait until it has these rooms, and no more."""
        await until(lambda: self.task.done() or self.worker.rooms == set(rooms))
        assert not self.task.done(), self.task

    async def drain(self) -> None:
        """End it as SIGTERM does."""
        self.worker.stop()
        async with asyncio.timeout(PATIENCE_S):
            await self.task

    async def kill(self) -> None:
        """End it so that it tells nobody and gives nothing up."""
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


@asynccontextmanager
async def working(
    server: NatsServer, recognizer: StreamingRecognizer, name: str, *, most: int = 64
) -> AsyncIterator[Working]:
    made = Working(server, recognizer, name, most)
    try:
        yield made
    finally:
        await made.kill()


@asynccontextmanager
async def heard_by(
    server: NatsServer,
    recognizer: StreamingRecognizer,
    name: str,
    samples: NDArray[np.float32],
    *,
    rooms: Sequence[str] = ("hall",),
) -> AsyncIterator[tuple[Studio, Working]]:
    """Feed rooms that a worker computes, and begin once all of that was told."""
    async with studio(server, recognizer) as at, working(server, recognizer, name) as one:
        for room in rooms:
            await at.open(room)
            at.send(room, samples)
        for room in rooms:
            await at.heard(room, len(samples) // recognizer.hop_samples)
        yield at, one


def alone(recognizer: StreamingRecognizer, samples: NDArray[np.float32]) -> list[dict[str, Any]]:
    """Return what one stream tells of sound by itself, hop by hop."""
    stream, hop = EmotionStream(recognizer), recognizer.hop_samples
    hops = (samples[start : start + hop] for start in range(0, len(samples), hop))
    return [each.to_dict() for part in hops for each in stream.push(part)]
