"""A room that is forgotten is not listed any more, and nothing of it stays in NATS."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from realtime_mer.rooms.machines.address import nats_address
from realtime_mer.rooms.machines.feeds import parse_feed
from realtime_mer.rooms.machines.link import Link
from realtime_mer.rooms.machines.names import OF_A_MODEL, Kind, Names
from realtime_mer.rooms.machines.worker import Worker, WorkerOptions
from realtime_mer.rooms.nodes.asking import ask
from realtime_mer.rooms.nodes.forgetting import forget_room
from realtime_mer.rooms.states import model_of
from realtime_mer.wording import ROOM_FORGOTTEN
from tests.command_line import call
from tests.patience import PATIENCE_S
from tests.rooms.machines.at_nats import sooner
from tests.rooms.nats import NatsServer, nats_server
from tests.rooms.nodes.hands import node
from tests.rooms.serving import Feeder, Serving, Watcher, until
from tests.tones import HOP, ToneRecognizer, tones


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[NatsServer]:
    with nats_server(tmp_path / "nats") as server, sooner():
        yield server


@contextmanager
def computing(nats: NatsServer) -> Iterator[Worker]:
    """Let a worker compute in a thread of its own, and end it as SIGTERM does."""
    made: list[Worker] = []
    there = threading.Event()
    loop = asyncio.new_event_loop()

    async def run() -> None:
        made.append(Worker(ToneRecognizer(), WorkerOptions(nats=nats_address(nats.url)), say=print))
        await made[0].run(there.set)

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    assert there.wait(PATIENCE_S)
    try:
        yield made[0]
    finally:
        loop.call_soon_threadsafe(made[0].stop)
        thread.join(PATIENCE_S)
        loop.close()


def listed(at: Serving) -> dict[str, str]:
    with urlopen(f"http://127.0.0.1:{at.service.port}/rooms") as answer:
        return {room["name"]: room["state"] for room in json.load(answer)["rooms"]}


def kept(nats: NatsServer, room: str) -> set[Kind]:
    """Return of which kinds NATS holds something of a room."""

    async def read(link: Link) -> set[Kind]:
        found = {kind: await link.last(kind, room) for kind in OF_A_MODEL}
        return {kind for kind, stored in found.items() if stored is not None and stored.data}

    names = Names.of(model_of(ToneRecognizer()))
    return asyncio.run(ask(nats_address(nats.url), read, names=names))


def feeder_of(nats: NatsServer, room: str) -> str | None:
    """Return which node feeds a room, as NATS has it."""

    async def read(link: Link) -> str | None:
        stored = await link.last(Kind.FEEDS, room)
        assert stored is not None
        return parse_feed(stored.data).node

    names = Names.of(model_of(ToneRecognizer()))
    return asyncio.run(ask(nats_address(nats.url), read, names=names))


def fed(at: Serving, room: str, *, seconds: float, start: int = 0) -> None:
    """Feed a room until all of that was told."""
    with Feeder(at, room) as feeder:
        assert feeder.open(fresh=True)["next"] == start
        found = at.all_of(room)
        feeder.send(tones(seconds, music=0.9))
        until(lambda: found and found[-1]["seq"] == (start + round(seconds * 24_000)) // HOP - 1)
        feeder.end()


@pytest.mark.slow
def test_of_a_room_that_is_forgotten_nothing_stays_and_it_can_begin_anew(
    nats: NatsServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def forget(room: str):
        return call(capsys, "rooms", "forget", room, "--nats", nats.url)

    with (
        node(tmp_path / "a", nats) as a,
        node(tmp_path / "b", nats) as b,
        computing(nats) as worker,
    ):
        with Feeder(a, "hall") as feeder:
            feeder.open()
            assert "somebody feeds room hall" in forget("hall").complaint()
        fed(a, "hall", seconds=1.0)
        fed(a, "attic", seconds=0.2)
        until(lambda: listed(b) == {"attic": "ended", "hall": "ended"} == listed(a))
        until(lambda: kept(nats, "hall") == set(OF_A_MODEL))
        assert worker.rooms == {"attic", "hall"}
        with Watcher(b, "hall") as watcher:
            told = forget("hall")
            assert told.code == 0, told.err
            assert "its state" in told.out
            assert watcher.until("bye")[-1]["reason"] == ROOM_FORGOTTEN
        assert kept(nats, "hall") == set()
        until(lambda: listed(a) == {"attic": "ended"} == listed(b))
        assert "nothing is kept of room hall" in forget("hall").complaint()
        until(lambda: worker.rooms == {"attic"})
        fed(b, "hall", seconds=0.5)  # from its first sample on, and all of it is told
        until(lambda: listed(a)["hall"] == "ended")


@pytest.mark.slow
def test_a_room_that_is_to_be_there_stays_listed_and_goes_on_without_its_memory(
    nats: NatsServer, tmp_path: Path
) -> None:
    with node(tmp_path / "a", nats, rooms=("hall",)) as a, computing(nats):
        fed(a, "hall", seconds=1.0)
        until(lambda: feeder_of(nats, "hall") is None)
        assert forget_room(nats_address(nats.url), "hall")
        with node(tmp_path / "b", nats) as b:
            until(lambda: listed(b) == {"hall": "empty"})
            assert Kind.STATES not in kept(nats, "hall")
            fed(b, "hall", seconds=0.5, start=24_000)


def test_nodes_that_come_later_do_not_know_it_until_one_names_it(
    nats: NatsServer, tmp_path: Path
) -> None:
    with node(tmp_path / "a", nats) as a, Feeder(a, "hall") as feeder:
        feeder.open()
    assert forget_room(nats_address(nats.url), "hall") == ["its name, and who fed it"]
    with node(tmp_path / "a", nats) as a:
        assert listed(a) == {}
        with node(tmp_path / "b", nats, rooms=("hall",)):
            until(lambda: listed(a) == {"hall": "empty"})
