"""Rooms that move between workers, or lose theirs, tell what they would have told, once."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from realtime_mer.recognizer.contract import StreamingRecognizer
from realtime_mer.rooms.machines import feeds
from realtime_mer.rooms.machines.link import Link, Stored
from realtime_mer.rooms.machines.names import Kind
from realtime_mer.rooms.machines.reports import parse_report
from realtime_mer.rooms.machines.sharing import order
from realtime_mer.rooms.machines.worker import Worker
from tests.networks import HEARING, light_recognizer, random_checkpoint
from tests.patience import PATIENCE_S
from tests.rooms.machines.at_nats import (
    Studio,
    alone,
    heard_by,
    sooner,
    studio,
    until,
    working,
)
from tests.rooms.nats import NatsServer, nats_server


@pytest.fixture(scope="module")
def recognizer() -> StreamingRecognizer:
    return light_recognizer(random_checkpoint(config=HEARING))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with nats_server(tmp_path / "nats") as made, sooner():
        yield made


def sound(seconds: float, *, seed: int = 0) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).standard_normal(round(seconds * 24_000))
    return (0.1 * noise).astype(np.float32)


def in_order(room: str, *workers: str) -> list[str]:
    """Return workers in the order in which a room wants them, the last first."""
    return order(room, workers)[::-1]


async def listen(worker: Worker, room: str, hear: Callable[[Stored], None]) -> None:
    """Let a worker hear a room again."""
    worker._held[room]._unfollow = await worker._link.follow(Kind.SOUND, room, hear)
    await worker._link.last(Kind.STATES, room)  # what is asked later is answered later


async def stored(at: Studio, chunks: int) -> None:
    """Wait until NATS has so many chunks of the room."""
    async with asyncio.timeout(PATIENCE_S):
        while len(await at.link.read(Kind.SOUND, "hall")) < chunks:
            await asyncio.sleep(0.01)


def test_a_room_that_is_moved_twice_tells_what_an_unmoved_one_does(
    recognizer: StreamingRecognizer, server: NatsServer
) -> None:
    whole = sound(9.0)

    async def scenario() -> None:
        # Each that comes is the one that the room wants most: it moves without a word of anybody.
        first, second, third = in_order("hall", "a", "b", "c")
        async with (
            heard_by(server, recognizer, first, whole[:70_000]) as (at, one),
            working(server, recognizer, second) as two,
        ):
            await two.has("hall")
            await one.has()
            at.send("hall", whole[70_000:150_000])
            await at.heard("hall", 62)
            async with working(server, recognizer, third) as three:
                await three.has("hall")
                at.send("hall", whole[150_000:])
                await at.heard("hall", 90)
                assert at.told["hall"] == alone(recognizer, whole)
                assert sorted(set(at.workers["hall"])) == sorted([first, second, third])

    asyncio.run(scenario())


@pytest.mark.slow
def test_a_worker_that_is_drained_ends_and_leaves_nothing_untold(
    recognizer: StreamingRecognizer, server: NatsServer
) -> None:
    whole = sound(6.0)

    async def scenario() -> None:
        async with (
            studio(server, recognizer) as at,
            working(server, recognizer, "a") as one,
            working(server, recognizer, "b") as other,
        ):
            for room in ("hall", "attic", "cellar"):
                await at.open(room)
                at.send(room, whole[:72_000])
            for room in ("hall", "attic", "cellar"):
                await at.heard(room, 10)
            await one.drain()
            await other.has("hall", "attic", "cellar")
            for room in ("hall", "attic", "cellar"):
                at.send(room, whole[72_000:])
                await at.heard(room, 60)
                assert at.told[room] == alone(recognizer, whole)
            assert one.said == []

    asyncio.run(scenario())


@pytest.mark.slow
def test_the_rooms_of_a_worker_that_is_killed_go_on_as_if_it_had_not_been(
    recognizer: StreamingRecognizer, server: NatsServer
) -> None:
    whole = sound(8.0)

    async def scenario() -> None:
        second, first = in_order("hall", "a", "b")
        async with (
            heard_by(server, recognizer, first, whole[:100_000]) as (at, one),
            working(server, recognizer, second) as two,
        ):
            await one.kill()
            at.send("hall", whole[100_000:])
            await at.heard("hall", 80)
            assert at.told["hall"] == alone(recognizer, whole)
            assert two.worker.rooms == {"hall"}

    asyncio.run(scenario())


def test_a_worker_that_does_not_know_that_it_lost_a_room_is_not_heard(
    recognizer: StreamingRecognizer, server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that was stopped for a while and wakes up, or whose beats are lost."""
    whole = sound(8.0)

    async def scenario() -> None:
        second, first = in_order("hall", "a", "b")
        async with heard_by(server, recognizer, first, whole[:48_000]) as (at, one):
            zombie = one.worker
            send = Link.send

            def without_beats(link: Link, kind: Kind, key: str, data: bytes) -> bool:
                return key == first or send(link, kind, key, data)

            monkeypatch.setattr(Link, "send", without_beats)
            monkeypatch.setattr(zombie._leases, "hear", lambda stored: None)
            held = zombie._held["hall"]
            await held._stop_hearing()
            async with working(server, recognizer, second) as two:
                await two.has("hall")
                assert zombie.rooms == {"hall"}
                at.send("hall", whole[48_000:120_000])
                await at.heard("hall", 50)
                # It wakes up, finds in the log what it slept through, and wants to tell of it.
                monkeypatch.undo()
                monkeypatch.setattr(Link, "send", without_beats)
                await listen(zombie, "hall", held._hear)
                at.send("hall", whole[120_000:])
                await one.has()
                await at.heard("hall", 80)
                assert at.told["hall"] == alone(recognizer, whole)
                written = [
                    hop.estimate.seq
                    for stored in await at.link.read(Kind.TOLD, "hall")
                    for hop in parse_report(stored.data).hops
                ]
                assert written == list(range(80))

    asyncio.run(scenario())


@pytest.mark.slow
def test_after_a_restart_of_nats_rooms_go_on_with_what_was_written_again(
    recognizer: StreamingRecognizer, server: NatsServer
) -> None:
    whole = sound(6.0)

    async def scenario() -> None:
        rooms = ("hall", "attic")
        async with heard_by(server, recognizer, "a", whole[:72_000], rooms=rooms) as (at, one):
            server.kill()
            await until(lambda: any("does not answer" in line for line in one.said))
            await until(lambda: not at.link.up)
            for room in rooms:
                at.send(room, whole[72_000:100_000])
            server.start()
            await until(lambda: at.link.up)
            for room in rooms:
                at.send(room, whole[100_000:])
                await at.heard(room, 60)
                assert at.told[room] == alone(recognizer, whole)
            assert one.worker.rooms == set(rooms)

    asyncio.run(scenario())


@pytest.mark.slow
def test_what_was_not_heard_is_read_and_what_is_nowhere_is_a_gap(
    recognizer: StreamingRecognizer, server: NatsServer
) -> None:
    whole = sound(4.0)

    async def scenario() -> None:
        async with heard_by(server, recognizer, "a", whole[:24_000]) as (at, one):
            held = one.worker._held["hall"]
            hear = held._hear
            # It hears nothing of these, and NATS has them.
            await held._stop_hearing()
            at.send("hall", whole[24_000:36_000])
            await stored(at, 15)
            await listen(one.worker, "hall", hear)
            at.send("hall", whole[36_000:60_000])
            await at.heard("hall", 25)
            assert at.told["hall"] == alone(recognizer, whole[:60_000])
            assert held.holes == 1
            # These nobody has.
            at.send("hall", whole[60_000:72_000], quietly=True)
            at.send("hall", whole[72_000:])
            await at.heard("hall", 40)
            statuses = [each["status"] for each in at.told["hall"]]
            assert at.seqs("hall") == list(range(40))
            assert statuses[25:30] == ["gap"] * 5
            assert "gap" not in statuses[:25]
            assert held.holes == 2

    asyncio.run(scenario())


def test_a_room_that_nobody_feeds_rests_and_goes_on_when_it_is_fed_again(
    recognizer: StreamingRecognizer, server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = sound(4.0)
    monkeypatch.setattr(feeds, "IDLE_S", 0.3)

    async def scenario() -> None:
        async with heard_by(server, recognizer, "a", whole[:48_000]) as (at, one):
            await at.leave("hall")
            await until(lambda: one.worker._leases.rested("hall") == 1)
            assert one.worker.rooms == set()
            async with working(server, recognizer, "b") as other:
                await until(lambda: other.worker._leases.rested("hall") == 1)
                assert other.worker.rooms == set()
            await at.open("hall", sender=2)
            at.send("hall", whole[48_000:])
            await at.heard("hall", 40)
            assert at.told["hall"] == alone(recognizer, whole)

    asyncio.run(scenario())


def test_rooms_go_to_whoever_has_room_and_garbage_is_counted(
    recognizer: StreamingRecognizer, server: NatsServer
) -> None:
    async def scenario() -> None:
        async with (
            studio(server, recognizer) as at,
            working(server, recognizer, "a", most=1) as small,
            working(server, recognizer, "b", most=5) as large,
        ):
            rooms = [f"room-{number}" for number in range(6)]
            for room in rooms:
                await at.open(room)
            await until(lambda: len(small.worker.rooms) == 1 and len(large.worker.rooms) == 5)
            at.link.send(Kind.SOUND, rooms[0], b"garbage")
            at.link.send(Kind.ALIVE, "c", b"garbage")
            await until(lambda: small.worker._link.refused + large.worker._link.refused == 3)
            at.send(rooms[0], sound(1.0))
            await at.heard(rooms[0], 10)
            await at.link.put(Kind.FEEDS, rooms[1], b"")
            await until(lambda: rooms[1] not in small.worker.rooms | large.worker.rooms)

    asyncio.run(scenario())
