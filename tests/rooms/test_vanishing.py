"""A sender that vanishes costs nobody anything, and the log no line."""

import asyncio
import json
import logging
import socket
import struct
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from realtime_mer.rooms.limits import RoomLimits
from realtime_mer.wire.sound import SOUND_PROTOCOL, Chunk
from tests.rooms.serving import Feeder, serving, until

_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: the other side gets a reset, and no farewell


async def _vanish(url: str, *, messages: int) -> None:
    """Send tiny chunks faster than they may be taken, and be gone."""
    async with asyncio.timeout(30):
        connection = await connect(url, subprotocols=[Subprotocol(SOUND_PROTOCOL)])
        await connection.send(json.dumps({"type": "open", "rate": 24_000, "format": "f32le"}))
        await connection.recv()
        for index in range(messages):
            await connection.send(Chunk(index, bytes(4)).encode())
        wire = connection.transport.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        connection.transport.abort()
        await connection.wait_closed()


def test_a_sender_that_is_gone_while_much_of_it_is_unread_leaves_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # It is told often what was taken, so that its loss is noticed while much waits to be read.
    monkeypatch.setattr("realtime_mer.rooms.service._LOOK_EVERY_S", 0.02)
    limits = RoomLimits(messages_per_s=500.0, message_burst=1, frames_per_s=1e6, frame_burst=10**6)
    with serving(tmp_path, rooms=("hall",), limits=limits) as at:
        hall = at.service.find("hall")
        assert hall is not None
        asyncio.run(_vanish(at.url("hall", "/audio"), messages=3000))
        until(lambda: hall.sender is None)
        assert hall.counts.messages < 3000  # so there was more to read
        with Feeder(at, "hall") as again:
            assert again.open()["next"] == hall.counts.messages
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
