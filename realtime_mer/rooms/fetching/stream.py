"""Rooms that are fed by a stream of the web (Icecast, HLS): ffmpeg fetches and decodes it.

It is a process a stream. Where the stream breaks off it is fetched again, with growing pauses, and
the time in between is a gap.
"""

import asyncio
import random
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

import numpy as np

from realtime_mer.client.connecting import retry_delay
from realtime_mer.errors import ProtocolError
from realtime_mer.rooms.fetching.address import WebAddress
from realtime_mer.rooms.limits import RoomLimits
from realtime_mer.rooms.room import Room
from realtime_mer.rooms.taking import take_in
from realtime_mer.wire.sound import Open

_RATE, _CHANNELS = 48_000, 2
_FRAMES = _RATE // 10
_BYTES = 4 * _CHANNELS * _FRAMES
# A playlist may lead to other addresses of the web, and never to a file of this machine.
_WHITELIST = "http,https,tcp,tls,crypto"
_WELL_AFTER_S = 10.0  # of sound: then the next pause is the shortest again
_LONGEST_COMPLAINT = 300


class WebStream:
    """Feeds a room from a stream (``seats.Sender``), for as long as nobody takes it over.

    Args:
        address: of the stream.
        room: that it feeds.
        limits: what a room may ask.
        say: takes a line for people.
    """

    def __init__(
        self, address: WebAddress, room: Room, *, limits: RoomLimits, say: Callable[[str], None]
    ) -> None:
        self._address, self._room, self._limits, self._say = address, room, limits, say
        self._replaced = False
        self._lost_at: float | None = None  # when the last sound came
        self._failing = False

    def replaced(self, *, by_itself: bool) -> None:
        """As ``seats.Sender`` promises."""
        self._replaced = True
        self._say(f"Room {self._room.name} was taken over; its stream is not fetched any more.")

    async def run(self) -> None:
        """Fetch the stream again and again until cancelled or replaced."""
        attempt = 0
        while True:
            heard_s, why = await self._once()
            if self._replaced:
                return
            self._room.leave(self)
            if not self._failing or heard_s:
                self._failing = True
                self._say(
                    f"The stream of room {self._room.name} ({self._address.shown}) broke off "
                    f"({why}): it is fetched again."
                )
            attempt = 0 if heard_s >= _WELL_AFTER_S else attempt + 1
            await asyncio.sleep(retry_delay(attempt, random.random()))

    async def _once(self) -> tuple[float, str]:
        """Fetch the stream until it breaks off; return the seconds that came, and why."""
        try:
            process = await asyncio.create_subprocess_exec(
                *("ffmpeg", "-nostdin", "-v", "error", "-protocol_whitelist", _WHITELIST),
                *("-rw_timeout", str(round(1e6 * self._limits.stall_s))),
                *("-i", self._address.url, "-map", "0:a:0", "-f", "f32le"),
                *("-ac", str(_CHANNELS), "-ar", str(_RATE), "-"),
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=PIPE,
                limit=4 * _BYTES,
            )
        except OSError as error:
            return 0.0, f"ffmpeg cannot be started: {error}"
        try:
            return await self._listen(process)
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    async def _listen(self, process: Process) -> tuple[float, str]:
        output, complaints = process.stdout, process.stderr
        if output is None or complaints is None:
            return 0.0, "ffmpeg cannot be listened to"
        heard_s = 0.0
        complaining = asyncio.create_task(complaints.read(1 << 16))
        try:
            while not self._replaced:
                async with asyncio.timeout(self._limits.stall_s):
                    data = await output.readexactly(_BYTES)
                await self._take(data)
                heard_s += _FRAMES / _RATE
        except TimeoutError:
            return heard_s, "nothing came for too long"
        except ProtocolError as error:  # it is fed on another machine
            return heard_s, str(error)
        except asyncio.IncompleteReadError:
            return heard_s, self._shown((await complaining).decode(errors="replace"))
        finally:
            complaining.cancel()
        return heard_s, "the room was taken over"

    def _shown(self, complaints: str) -> str:
        """Return the last complaint of ffmpeg, which tells addresses as they are."""
        said = complaints.replace(self._address.url, self._address.shown).strip().splitlines()
        query = urlsplit(self._address.url).query
        last = said[-1] if said else "it ended"
        return (last.replace(query, "...") if query else last)[:_LONGEST_COMPLAINT]

    async def _take(self, data: bytes) -> None:
        room, now = self._room, time.monotonic()
        opened = Open(
            rate=_RATE, channels=_CHANNELS, format="f32le", source=self._address.shown[:200]
        )
        missing = 0
        if room.sender is not self:
            if room.sender is not None:
                self.replaced(by_itself=False)
                return
            await room.open(opened, self, manages=False, clock=time.monotonic)
            if self._lost_at is not None:
                missing = round((now - self._lost_at) * _RATE)
            self._failing = False
        self._lost_at = now
        timeline = room.timeline
        if timeline is None:
            return
        samples = np.frombuffer(data, dtype="<f4").reshape(-1, _CHANNELS)
        place = timeline.take(timeline.next + missing, len(samples))
        wait_s = await take_in(
            room,
            samples,
            place,
            opened=opened,
            sender=self,
            limits=self._limits,
            arrived_at=now,
        )
        if wait_s > 0:
            await asyncio.sleep(wait_s)
