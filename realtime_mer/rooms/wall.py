"""All rooms at once, for whoever looks at them from afar: how each fares, twice a second."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from websockets.exceptions import ConnectionClosed

from realtime_mer.errors import ProtocolError
from realtime_mer.rooms.names import Right
from realtime_mer.rooms.rights import Rights
from realtime_mer.rooms.room import Room
from realtime_mer.service.connection import Connection, Limits, address_of, framed
from realtime_mer.service.gate import Verdict
from realtime_mer.wire.mailbox import MessageBudget
from realtime_mer.wire.protocol import (
    Authorize,
    Bye,
    CloseCode,
    Subscribe,
    encode,
    parse_client_message,
)

WALL_PROTOCOL = "realtime-mer.rooms.v1"
"""Name and version, as negotiated in ``Sec-WebSocket-Protocol``."""

EVERY_S = 0.5
"""Seconds from one message to the next."""

_STREAM = "estimates"  # the slot of a connection in which the newest message waits


def glance(room: Room, now: float) -> dict[str, Any]:
    """Return what a wall shows of a room, ready for JSON.

    Args:
        room: of the service.
        now: seconds of a steady clock.
    """
    recording = room.recording()
    shown: dict[str, Any] = {
        "name": room.name,
        "state": room.state,
        "status": None if room.status is None else room.status.value,
        "quiet_s": _age(room.heard_at, now),
        "age_s": _age(room.told_at, now),
        "recording": None if recording is None else asdict(recording),
        "mood": None,
    }
    latest = room.latest
    if latest is not None:
        shown["mood"] = latest.mood
        for name in ("valence", "arousal", "valence_sd", "arousal_sd"):
            shown[name] = round(getattr(latest, name), 3)
        shown["quadrants"] = {name: round(share, 3) for name, share in latest.quadrants.items()}
    return shown


def _age(then: float | None, now: float) -> float | None:
    return None if then is None else round(max(0.0, now - then), 1)


class Wall:
    """Those who watch all rooms. Everything here runs in the service's loop.

    Args:
        rooms: returns all rooms.
        rights: who may watch which.
        limits: bounds on what clients can do.
    """

    def __init__(
        self,
        rooms: Callable[[], list[Room]],
        *,
        rights: Rights,
        limits: Limits,
    ) -> None:
        self._rooms, self._rights, self._limits = rooms, rights, limits
        self._clients: set[Connection] = set()
        self._next: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """How many watch."""
        return len(self._clients)

    async def attend(self, client: Connection) -> None:
        """Speak with a client until it has gone."""
        greeting = {
            "type": "hello",
            "protocol": WALL_PROTOCOL,
            "authorization_required": self._rights.asked,
        }
        limits = self._limits
        budget = MessageBudget(per_second=limits.messages_per_s, burst=limits.message_burst)
        client.deliver(_frame(greeting))
        client.read_on()
        if client.authorized:
            self._begin(client)
        try:
            async with asyncio.timeout(limits.subscribe_timeout_s) as deadline:
                while client.parting is None:
                    if client.authorized:
                        deadline.reschedule(None)
                    text = await client.recv()
                    if budget.spend(time.monotonic()):
                        self._receive(client, text)
                    else:
                        client.part(CloseCode.TOO_MANY_MESSAGES, "too many messages")
        except TimeoutError:
            client.part(CloseCode.UNAUTHORIZED, "no token in time")
        except ConnectionClosed:
            pass
        finally:
            self._clients.discard(client)
            if client.parting is not None:
                await asyncio.wait([client.parting])

    def part(self, reason: str) -> list["asyncio.Future[None]"]:
        """Say ``bye`` to all; return what is done once each has gone."""
        partings: list[asyncio.Future[None]] = []
        for client in self._clients:
            client.deliver(framed(encode(Bye(reason=reason))))
            partings.append(client.part(CloseCode.GOING_AWAY, "the service stops"))
        return partings

    def revoke(self) -> None:
        """End the connections of those whose tokens hold no longer."""
        for client in list(self._clients):
            if self._rights.asked and not self._rights.knows(client.token or ""):
                client.refuse("unauthorized", "the token was revoked")
                client.part(CloseCode.UNAUTHORIZED, "the token was revoked")

    def _receive(self, client: Connection, text: str | bytes) -> None:
        try:
            message = parse_client_message(text)
        except ProtocolError as error:
            client.refuse(error.code, str(error))
            return
        if client.authorized or not isinstance(message, Authorize):
            return
        verdict = client.gate.check(message.token, address=address_of(client), now=time.monotonic())
        if verdict is Verdict.RIGHT:
            client.let_in(message.token)
            self._begin(client)
            return
        slower = verdict is Verdict.TOO_SOON
        client.refuse(
            "too_many_guesses" if slower else "unauthorized",
            "too many wrong tokens from your address: wait"
            if slower
            else "this token lets you watch no room",
        )
        client.part(CloseCode.UNAUTHORIZED, "wrong token")

    def _begin(self, client: Connection) -> None:
        """Tell a client from now on."""
        self._clients.add(client)
        client.subscribe(Subscribe(streams=(_STREAM,)))
        now = time.monotonic()
        client.offer(_STREAM, self._told(client.token, now), t=now)
        if self._next is None:
            self._next = asyncio.get_running_loop().call_later(EVERY_S, self._tell)

    def _tell(self) -> None:
        """Tell all, each of the rooms that it may watch; who is slow gets the newest later."""
        self._next = None
        if not self._clients:
            return
        now = time.monotonic()
        told = {token: self._told(token, now) for token in {one.token for one in self._clients}}
        for client in list(self._clients):
            client.offer(_STREAM, told[client.token], t=now)
        self._next = asyncio.get_running_loop().call_later(EVERY_S, self._tell)

    def _told(self, token: str | None, now: float) -> bytes:
        rooms = [
            glance(room, now)
            for room in self._rooms()
            if self._rights.may(token, room.name, Right.WATCH)
        ]
        return _frame({"type": "rooms", "rooms": rooms})


def _frame(message: dict[str, Any]) -> bytes:
    return framed(json.dumps(message, allow_nan=False, separators=(",", ":")))
