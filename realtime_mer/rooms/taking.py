"""How sound is taken into a room, so that too much of it harms neither it nor another one."""

import asyncio

import numpy as np
from numpy.typing import NDArray

from realtime_mer.rooms.limits import RoomLimits
from realtime_mer.rooms.nodes.seats import Sender
from realtime_mer.rooms.room import Room
from realtime_mer.rooms.timeline import Place
from realtime_mer.wire.sound import Open


async def take_in(
    room: Room,
    samples: NDArray[np.float32],
    place: Place,
    *,
    opened: Open,
    sender: Sender,
    limits: RoomLimits,
    arrived_at: float,
) -> float:
    """Take samples into a room; return the seconds that its sender is to wait then.

    Args:
        room: that they are of.
        samples: ``(n, channels)``.
        place: where they belong.
        opened: what the sender said of them.
        sender: once it is not that of the room any more, nothing more of it is taken.
        limits: what a room may ask.
        arrived_at: when they came, in seconds of the steady clock.
    """
    # Bit by bit: of a long chunk the others would notice, and more than may wait is skipped.
    for _ in room.take(samples, place, rate=opened.rate, arrived_at=arrived_at):
        await asyncio.sleep(0)
        if room.backlog_s > limits.backlog_s:
            await _let_catch_up(room, opened, sender, limits)
        if room.sender is not sender:
            return 0.0
    return room.allowance.spend(len(samples) / opened.rate, arrived_at)


async def _let_catch_up(room: Room, opened: Open, sender: Sender, limits: RoomLimits) -> None:
    """Wait while much of the room waits to be computed; where it happens now not for long."""
    try:
        async with asyncio.timeout(limits.patience_s if opened.live else None):
            while room.backlog_s > limits.backlog_s and room.sender is sender:
                room.progress.clear()
                await room.progress.wait()
    except TimeoutError:
        pass  # what is behind is skipped, and counted
