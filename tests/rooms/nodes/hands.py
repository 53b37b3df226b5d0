"""A node in a test's own hands, and a worker that says only what a test lets it say."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from realtime_mer.batch import StreamBatch
from realtime_mer.recognizer.contract import StreamingRecognizer
from realtime_mer.rooms.limits import RoomLimits
from realtime_mer.rooms.machines.address import nats_address
from realtime_mer.rooms.machines.chunks import SoundChunk, parse_chunk
from realtime_mer.rooms.machines.entries import Beat
from realtime_mer.rooms.machines.link import Link, Stored
from realtime_mer.rooms.machines.names import Kind, Names
from realtime_mer.rooms.machines.reports import Glances, Report, ToldHop
from realtime_mer.rooms.nodes.node import Node
from realtime_mer.rooms.shard import Hop
from realtime_mer.rooms.states import model_of
from tests.patience import PATIENCE_S
from tests.rooms.nats import NatsServer
from tests.rooms.serving import Feeder, Serving, until
from tests.tones import ToneRecognizer, tones

_Found = TypeVar("_Found")


@contextmanager
def node(folder: Path, nats: NatsServer, **options: Any) -> Iterator[Serving]:
    """Serve rooms at a node, from which a test can be sure that it is there."""
    said: list[str] = []
    limits = replace(options.pop("limits", RoomLimits()), patience_s=0.0)
    made = Node(nats_address(nats.url), ToneRecognizer(), rooms=limits.rooms, say=said.append)
    at = Serving(folder, None, {**options, "limits": limits}, computer=made)
    at.said = said
    at.start()
    try:
        yield at
    finally:
        at.stop()


def not_begun(
    folder: Path,
    url: str,
    *,
    said: list[str] | None = None,
    recognizer: StreamingRecognizer | None = None,
) -> Serving:
    """Return a service at a node of four rooms that a test begins itself.

    Args:
        folder: of the service.
        url: of NATS.
        said: takes what it tells people.
        recognizer: of its rooms.
    """
    said = [] if said is None else said
    made = Node(nats_address(url), recognizer or ToneRecognizer(), rooms=4, say=said.append)
    return Serving(folder, None, {}, computer=made)


@contextmanager
def fed_at_one_of_two(folder: Path, nats: NatsServer) -> Iterator[tuple[Serving, Serving, Feeder]]:
    """Serve at two nodes, of which one feeds a room and the other knows that."""
    with node(folder / "a", nats) as a, node(folder / "b", nats) as b, Feeder(a, "hall") as feeder:
        feeder.open(source="a desk")

        def known() -> bool:
            room = b.service.find("hall")
            return room is not None and room.state == "fed"

        until(known)
        yield a, b, feeder


@contextmanager
def resting(*nodes: Serving) -> Iterator[None]:
    """Let the loops of nodes stand still: what comes meanwhile they hear all at once."""
    go_on = threading.Event()
    for at in nodes:
        rests = threading.Event()

        def rest(rests: threading.Event = rests) -> None:
            rests.set()
            go_on.wait(PATIENCE_S)

        loop = at.service._loop
        assert loop is not None
        loop.call_soon_threadsafe(rest)
        assert rests.wait(PATIENCE_S)
    try:
        yield
    finally:
        go_on.set()


def hops(*numbers: int, skipped: int = 0, worker: str = "hand") -> list[ToldHop]:
    """Return what could be told of hops of music of these numbers."""
    batch = StreamBatch(ToneRecognizer())
    told = batch.step([batch.join()], tones(0.1, music=0.9)[np.newaxis])
    estimate, level = Hop("any", told, 0).said()
    return [
        ToldHop(
            replace(estimate, seq=number, t=(number + 1) / 10, skipped=skipped),
            replace(level, t=(number + 1) / 10),
        )
        for number in numbers
    ]


class Hand:
    """A worker, as far as nodes see it: a test says what it tells.

    Attributes:
        chunks: the sound that came, of all rooms.
        marks: that nodes sent each other.
    """

    def __init__(self, nats: NatsServer) -> None:
        self.chunks: list[tuple[str, SoundChunk]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._link = Link(
            nats_address(nats.url),
            Names.of(model_of(ToneRecognizer())),
            say=lambda line: None,
            lost=lambda: None,
            back=self._back,
        )
        self._beating: Future[None] | None = None
        self._following = False

    def __enter__(self) -> "Hand":
        self._thread.start()
        self.do(self._link.open())
        self._beating = asyncio.run_coroutine_threadsafe(self._beat(), self._loop)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._beating is not None
        self._beating.cancel()
        self.do(self._link.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()

    def do(self, step: Coroutine[Any, Any, _Found]) -> _Found:
        return asyncio.run_coroutine_threadsafe(step, self._loop).result(PATIENCE_S)

    async def _back(self) -> None:
        if not self._following:
            self._following = True
            await self._link.follow(Kind.SOUND, "*", self._hear)
            await self._link.last(Kind.SOUND, "any")  # once that is answered NATS sends them
            await self._link.last(Kind.SOUND, "any")  # NATS, which answers, listens for it by then

    def _hear(self, stored: Stored) -> None:
        self.chunks.append((stored.key, parse_chunk(stored.data)))

    async def _beat(self) -> None:
        beat = Beat(id="hand", role="worker", host="here", rooms=0, most=64, accepting=True)
        while True:
            self._link.send(Kind.ALIVE, "hand", beat.encode())
            await asyncio.sleep(0.2)

    def tell(self, room: str, *numbers: int, **options: Any) -> None:
        """Tell of hops of these numbers, as a worker does, in one report."""
        report = Report("hand", hops(*numbers, **options)).encode()
        assert self.do(self._link.put(Kind.TOLD, room, report)) is not None

    def glance(self, room: str, number: int) -> None:
        """Say, as a worker does to nodes where nobody follows a room, which hop was told last."""
        newest = Glances("hand", {room: hops(number)[0]}).encode()
        self._loop.call_soon_threadsafe(self._link.send, Kind.GLANCES, "hand", newest)

    def put(self, kind: Kind, room: str, data: bytes) -> bool:
        """Write something of a room; return whether NATS has it."""
        return self.do(self._link.put(kind, room, data)) is not None

    def heard(self, room: str, samples: int) -> list[SoundChunk]:
        """Wait until the sound of a room has come up to a position; return its chunks."""
        until(lambda: any(key == room and chunk.end >= samples for key, chunk in self.chunks))
        return [chunk for key, chunk in self.chunks if key == room]

    def log(self, room: str, *, upto: int) -> list[SoundChunk]:
        """Wait until the sound that NATS keeps of a room ends at a position, and return it."""
        found: list[SoundChunk] = []

        def whole() -> bool:
            found[:] = [
                parse_chunk(each.data) for each in self.do(self._link.read(Kind.SOUND, room))
            ]
            return bool(found) and found[-1].end == upto

        until(whole)
        return found

    def remove(self, kind: Kind) -> None:
        """Remove a stream or bucket, as somebody does by hand."""
        stream = self._link._names.stream(kind)
        assert self.do(self._link._jetstream.delete_stream(stream))

    def feed(self, room: str) -> Stored | None:
        return self.do(self._link.last(Kind.FEEDS, room))
