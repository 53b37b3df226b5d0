"""Whoever feeds and watches the rooms of `scripts/moving_rooms.py`, over WebSockets alone.

One asyncio loop holds all of them, so that two processors carry the whole run. A feeder is a live
sender: it sends 0.1 s at a time by the clock, keeps the newest 10 s while the network is away, and
goes on from what `ready` calls next. If its node is gone it goes to the other one.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from _accounting import Heard
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage
from websockets.typing import Subprotocol

from realtime_mer.audio.demo import compose
from realtime_mer.wire.protocol import PROTOCOL
from realtime_mer.wire.sound import SOUND_PROTOCOL, Chunk, Open, encode_sound_message

RATE, HOP = 24_000, 2400
KEEPS_S = 10.0
LONG_CHUNK = 12_000  # samples of a message where a feeder catches up
_AWAY = (ConnectionClosed, InvalidHandshake, InvalidMessage, OSError, EOFError)
_PIECES = 4


class Sounds:
    """Music for every room, of which any part can be had again.

    Four takes of the demo piece go round; each room begins at another place of one of them.
    """

    def __init__(self, rooms: int) -> None:
        takes = [compose(seed=4 + take).mean(axis=1) for take in range(min(_PIECES, rooms))]
        self._takes = [np.rint(np.clip(take, -1, 1) * 32767).astype("<i2") for take in takes]
        self._starts = [round(room * RATE * 0.97) for room in range(rooms)]

    def part(self, room: int, start: int, samples: int) -> NDArray[np.int16]:
        """Return samples of a room, from one of its indices on."""
        take = self._takes[room % len(self._takes)]
        places = (np.arange(start, start + samples) + self._starts[room]) % len(take)
        part: NDArray[np.int16] = take[places]
        return part


@dataclass
class Fed:
    """What became of the sound of a room.

    Attributes:
        sent: index behind the last sample that was sent.
        lost: samples that were too old to be sent when the network was back.
        began: of each connection that was opened, its node and the index it began with.
        refused: what the service said against it, and how often.
        away_s: the longest time without a connection.
        lost_there: samples that the service missed, by its own latest word.
        skipped_there: hops that the service left out, likewise.
    """

    sent: int = 0
    lost: int = 0
    began: list[tuple[int, int]] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    away_s: float = 0.0
    lost_there: int = 0
    skipped_there: int = 0


class Feeder:
    """Feeds a room in real time, until it is cancelled or its time is over.

    Args:
        room: its number.
        name: of the room.
        nodes: where it can be fed, the usual one first; each as ``ws://host:port``.
        sounds: of all rooms.
        begins_at: second of the steady clock at which its sample 0 is captured.
        ends_at: after it no sound is captured.
    """

    def __init__(
        self,
        room: int,
        name: str,
        nodes: Sequence[str],
        sounds: Sounds,
        *,
        begins_at: float,
        ends_at: float,
    ) -> None:
        self.fed = Fed()
        self._room, self._name, self._nodes, self._sounds = room, name, list(nodes), sounds
        self._begins_at = begins_at
        self._end = int((ends_at - begins_at) / 0.1) * HOP
        self._resume: str | None = None

    def captured_at(self, seq: int) -> float:
        """Return when the last sample of a hop was captured, in seconds of the steady clock."""
        return self._begins_at + (seq + 1) * HOP / RATE

    async def run(self) -> None:
        """Feed until the sound has ended."""
        turn, pause, gone_at = 0, 0.1, None
        while self.fed.sent < self._end:
            node = turn % len(self._nodes)
            try:
                async with connect(
                    f"{self._nodes[node]}/rooms/{self._name}/audio",
                    subprotocols=[Subprotocol(SOUND_PROTOCOL)],
                    compression=None,
                    open_timeout=5,
                    ping_interval=None,
                    close_timeout=1,
                ) as socket:
                    if await self._open(socket, node):
                        if gone_at is not None:
                            self.fed.away_s = max(self.fed.away_s, time.monotonic() - gone_at)
                        gone_at, pause = None, 0.1
                        await self._feed(socket)
                        continue
            except (*_AWAY, TimeoutError):
                pass
            gone_at = time.monotonic() if gone_at is None else gone_at
            turn += 1
            await asyncio.sleep(pause)
            pause = min(1.0, 2 * pause)

    async def _open(self, socket: ClientConnection, node: int) -> bool:
        """Say what comes, and take the index that is expected; return whether it may begin."""
        message = Open(rate=RATE, format="s16le", resume=self._resume, source=self._name)
        await socket.send(encode_sound_message(message))
        answer = json.loads(await asyncio.wait_for(socket.recv(), 10))
        if answer["type"] != "ready":
            code = answer.get("code", answer["type"])
            self.fed.refused[code] = self.fed.refused.get(code, 0) + 1
            return False
        self._resume = answer["resume"]
        self.fed.sent = answer["next"]
        self.fed.began.append((node, self.fed.sent))
        return True

    async def _feed(self, socket: ClientConnection) -> None:
        """Send what is there, then by the clock, until the sound or the connection ends."""
        reading = asyncio.create_task(self._read(socket))
        try:
            while self.fed.sent < self._end:
                captured = int((time.monotonic() - self._begins_at) * 10) * HOP
                captured = min(captured, self._end)
                kept = captured - round(KEEPS_S * RATE)
                if self.fed.sent < kept:
                    self.fed.lost += kept - self.fed.sent
                    self.fed.sent = kept
                while self.fed.sent < captured:
                    samples = min(LONG_CHUNK, captured - self.fed.sent)
                    part = self._sounds.part(self._room, self.fed.sent, samples)
                    await socket.send(Chunk(self.fed.sent, part.tobytes()).encode())
                    self.fed.sent += samples
                next_at = self._begins_at + (captured // HOP + 1) * HOP / RATE
                await asyncio.sleep(max(0.0, next_at - time.monotonic()))
            await socket.send('{"type": "end"}')
            await asyncio.wait([reading], timeout=10)
        finally:
            reading.cancel()

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "taken":
                    self.fed.lost_there = message["lost"]
                    self.fed.skipped_there = message["skipped"]
                elif message["type"] == "error":
                    code = message["code"]
                    self.fed.refused[code] = self.fed.refused.get(code, 0) + 1
        except ConnectionClosed:
            pass


class Watcher:
    """Follows a room at a node, and at the other one while that is gone.

    Args:
        name: of the room.
        nodes: where it can be watched, the usual one first.

    Attributes:
        heard: what came, in the order in which it came.
        statuses: when the room's status changed, to which, with which sentence.
    """

    def __init__(self, name: str, nodes: Sequence[str]) -> None:
        self.heard: list[Heard] = []
        self.statuses: list[tuple[float, str, str]] = []
        self._name, self._nodes = name, list(nodes)

    async def run(self) -> None:
        """Watch until cancelled."""
        turn = connection = 0
        while True:
            try:
                async with connect(
                    f"{self._nodes[turn % len(self._nodes)]}/rooms/{self._name}",
                    subprotocols=[Subprotocol(PROTOCOL)],
                    compression=None,
                    open_timeout=5,
                    ping_interval=None,
                    close_timeout=1,
                ) as socket:
                    await socket.send('{"type": "subscribe", "streams": ["estimates", "status"]}')
                    connection += 1
                    async for text in socket:
                        self._take(json.loads(text), connection)
            except (*_AWAY, TimeoutError):
                pass
            turn += 1
            await asyncio.sleep(0.25)

    def _take(self, message: dict[str, Any], connection: int) -> None:
        now = time.monotonic()
        if message["type"] == "estimate":
            self.heard.append(heard(message, at=now, connection=connection))
        elif message["type"] == "status":
            self.statuses.append((now, message["status"], message["detail"]))


def heard(message: dict[str, Any], *, at: float, connection: int = 0) -> Heard:
    """Return what is to be accounted for of an ``estimate``."""
    return Heard(
        at=at,
        seq=message["seq"],
        status=message["status"],
        skipped=message["skipped"],
        xruns=message["xruns"],
        connection=connection,
    )
