"""Lets all nodes and workers forget a room: what NATS holds of it is removed, of every model."""

import asyncio
import time
from contextlib import suppress

from realtime_mer.errors import InputError, ProtocolError
from realtime_mer.rooms.machines.address import NatsAddress
from realtime_mer.rooms.machines.entries import parse_beat, parse_lease
from realtime_mer.rooms.machines.feeds import Feed, parse_feed
from realtime_mer.rooms.machines.link import Link
from realtime_mer.rooms.machines.names import Kind, Names
from realtime_mer.rooms.machines.presence import SILENT_S, Presence
from realtime_mer.rooms.nodes.asking import PATIENCE_S, ask

_LOOK_S = 0.05
_LETS_GO_S = 5.0  # that a worker has to let go of the room; one that is dead never does
_WHAT = {
    Kind.STATES: "its state",
    Kind.LEASES: "who computed it",
    Kind.SOUND: "its last seconds of sound",
    Kind.TOLD: "what was told of it last",
}


def forget_room(address: NatsAddress, room: str) -> list[str]:
    """Remove what NATS holds of a room.

    Nodes do not list it any more, unless they are to have it. An empty word stays under its name,
    by which those hear of it that are away now.

    Returns:
        what was removed, for people; empty for nothing.

    Raises:
        InputError: somebody feeds the room, or NATS refuses what it is shown.
        ServiceError: NATS does not answer.
    """
    return asyncio.run(_forget(address, room))


async def _forget(address: NatsAddress, room: str) -> list[str]:
    models = await ask(address, lambda link: link.models(), names=Names.of_all_models())
    removed: list[str] = []
    for model in models:
        removed += await ask(
            address,
            lambda link: _forget_of_a_model(link, room),
            names=Names(model),
            patience_s=PATIENCE_S + SILENT_S + _LETS_GO_S,
        )
    return list(dict.fromkeys(removed))


async def _forget_of_a_model(link: Link, room: str) -> list[str]:
    word = await link.last(Kind.FEEDS, room)
    removed: list[str] = []
    if word is not None and word.data:
        node = _read(word.data).node
        if node is not None and await _lives(link, node):
            raise _fed(room)
        if await link.put(Kind.FEEDS, room, b"", expected=word.sequence) is None:
            raise _fed(room)
        removed.append("its name, and who fed it")
        await _let_go(link, room)
    for kind, what in _WHAT.items():
        stored = await link.last(kind, room)
        if stored is not None:
            await link.purge(kind, room)
            removed += [what] if stored.data else []
    return removed


def _read(data: bytes) -> Feed:
    with suppress(ProtocolError):
        return parse_feed(data)
    return Feed()  # what cannot be read is as good as not there


def _fed(room: str) -> InputError:
    return InputError(f"somebody feeds room {room}: end that first, and forget it then")


async def _lives(link: Link, node: str) -> bool:
    """Listen whether a node lives."""
    presence = Presence(time.monotonic())
    unfollow = await link.follow(
        Kind.ALIVE, node, lambda told: presence.hear(parse_beat(told.data), time.monotonic())
    )
    while not presence.gone(node, time.monotonic()):
        if presence.alive("node", time.monotonic()):
            await unfollow()
            return True
        await asyncio.sleep(_LOOK_S)
    return False


async def _let_go(link: Link, room: str) -> None:
    """Wait until its worker has let go of it, which stores its state once more."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_LETS_GO_S):
            while await _held(link, room):
                await asyncio.sleep(_LOOK_S)


async def _held(link: Link, room: str) -> bool:
    stored = await link.last(Kind.LEASES, room)
    if stored is None:
        return False
    with suppress(ProtocolError):
        lease = parse_lease(stored.data)
        return lease is not None and lease.rests is None
    return False
