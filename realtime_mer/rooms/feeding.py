"""One connection that feeds a room, from its ``open`` to its end.

What it sends too fast is read later, so that its own socket fills; what it sends wrongly is
answered with an ``error`` and ends it. Neither costs another room anything.
"""

import asyncio
import time
from typing import Protocol

from websockets.exceptions import ConnectionClosed

from realtime_mer import __version__
from realtime_mer.errors import ProtocolError
from realtime_mer.rooms.formats import Decoder, decoder
from realtime_mer.rooms.limits import Allowance, RoomLimits
from realtime_mer.rooms.names import Right
from realtime_mer.rooms.rights import Rights
from realtime_mer.rooms.room import Room
from realtime_mer.rooms.taking import take_in
from realtime_mer.service.connection import Connection, address_of, framed
from realtime_mer.service.gate import Verdict
from realtime_mer.wire.protocol import RecordingState
from realtime_mer.wire.sound import (
    INDEX_BYTES,
    MAX_SOUND_MESSAGE,
    End,
    Farewell,
    Open,
    Ready,
    Refusal,
    ServiceMessage,
    SoundClose,
    Taken,
    encode_sound_message,
    parse_chunk,
    parse_sender_message,
)
from realtime_mer.wording import RECORDED_SINCE, ROOM_NOTICES

_CLOSES = {
    "unauthorized": SoundClose.UNAUTHORIZED,
    "too_many_guesses": SoundClose.UNAUTHORIZED,
    "room_is_fed": SoundClose.ROOM_IS_FED,
    "too_many_rooms": SoundClose.TOO_MANY_ROOMS,
    "not_ready": SoundClose.NOT_READY,
}


class Host(Protocol):
    """The service, as far as senders see it."""

    @property
    def limits(self) -> RoomLimits:
        """What one room may ask."""

    @property
    def rights(self) -> Rights:
        """Who may do what."""

    async def room(self, name: str) -> Room:
        """Return a room, a new one if there is none.

        Raises:
            ProtocolError: ``too_many_rooms`` or ``not_ready``.
        """

    def kept(self, room: Room) -> int:
        """Return how many hops of a room are safe on disk."""

    def stored(self, room: Room) -> RecordingState:
        """Return what is stored of a room."""


class Feeding:
    """A sender (``seats.Sender``) and its connection.

    Args:
        client: its connection.
        host: the service.
    """

    def __init__(self, client: Connection, host: Host) -> None:
        self.client = client
        self._host = host
        self._name = client.place
        self._room: Room | None = None
        self._opened: Open | None = None
        self._decoder: Decoder | None = None
        self._stored: RecordingState | None = None  # as its sender was told
        limits = host.limits
        self._messages = Allowance(per_second=limits.messages_per_s, burst=limits.message_burst)

    async def run(self) -> None:
        """Take sound until the connection ends."""
        limits, client = self._host.limits, self.client
        client.allow(
            message_bytes=INDEX_BYTES + MAX_SOUND_MESSAGE,
            frames=Allowance(per_second=limits.frames_per_s, burst=limits.frame_burst),
            socket_bytes=limits.socket_bytes,
        )
        client.read_on()
        try:
            while client.parting is None:
                waits_s = limits.open_timeout_s if self._room is None else limits.stall_s
                async with asyncio.timeout(waits_s):
                    message = await client.recv()
                await self._receive(message)
        except TimeoutError:
            self._give_up()
        except ProtocolError as error:
            self._refuse(error.code, str(error))
        except ConnectionClosed:
            pass
        finally:
            if self._room is not None:
                self._room.leave(self)
            if client.parting is not None:
                await asyncio.wait([client.parting])

    async def _receive(self, message: str | bytes) -> None:
        if isinstance(message, str):
            told = parse_sender_message(message)
            if isinstance(told, Open):
                await self._open(told)
            elif isinstance(told, End):
                self._end()
            wait_s = self._messages.spend(1, time.monotonic())
        else:
            wait_s = await self._take(message)
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    async def _open(self, opened: Open) -> None:
        self._check_token(opened)
        self._decoder = decoder(opened)
        room = await self._host.room(self._name)
        manages = self._host.rights.may(self.client.token, room.name, Right.MANAGE)
        expected = await room.open(opened, self, manages=manages, clock=time.monotonic)
        self._room, self._opened = room, opened
        self._stored = stored = self._host.stored(room)
        if self.client.parting is not None:
            return  # it was sent away meanwhile, and leaves the room in a moment
        limits = self._host.limits
        self._say(
            Ready(
                room=room.name,
                next=expected,
                resume=room.resume,
                server_version=__version__,
                message_bytes=MAX_SOUND_MESSAGE,
                messages_per_s=limits.messages_per_s,
                message_burst=limits.message_burst,
                speed=limits.speed,
                ahead_s=limits.ahead_s,
                stall_s=limits.stall_s,
                estimates_stored=stored.estimates,
                sound_stored=stored.sound,
                notice=ROOM_NOTICES[stored.estimates or stored.sound, stored.sound],
            )
        )

    def _check_token(self, opened: Open) -> None:
        """Refuse whoever may not feed this room.

        Raises:
            ProtocolError: ``unauthorized`` or ``too_many_guesses``.
        """
        client = self.client
        if opened.token is not None and self._host.rights.asked and opened.token != client.token:
            address = address_of(client)
            verdict = client.gate.check(opened.token, address=address, now=time.monotonic())
            if verdict is Verdict.TOO_SOON:
                raise ProtocolError(
                    "too_many_guesses", "too many wrong tokens from your address: wait"
                )
            if verdict is Verdict.WRONG:
                raise ProtocolError(
                    "unauthorized",
                    f"this token does not let you feed room {self._name}: get one with "
                    f"`realtime-mer rooms token make {self._name} feed`",
                )
            client.let_in(opened.token)
        if not client.authorized:
            raise ProtocolError("unauthorized", "a token is needed: give it in `open`")

    async def _take(self, message: bytes) -> float:
        """Take a chunk; return the seconds to wait before the next."""
        room, opened, limits = self._room, self._opened, self._host.limits
        if room is None or opened is None or self._decoder is None or room.timeline is None:
            raise ProtocolError("bad_message", "say `open` before you send sound")
        arrived_at = time.monotonic()
        chunk = parse_chunk(message)
        room.counts.messages += 1
        room.counts.bytes += len(message)
        if chunk.index > room.timeline.next:
            self._decoder.restart()
        samples = self._decoder.decode(chunk.data)
        place = room.timeline.take(chunk.index, len(samples))
        wait_s = await take_in(
            room, samples, place, opened=opened, sender=self, limits=limits, arrived_at=arrived_at
        )
        return max(self._messages.spend(1, arrived_at), wait_s)

    def _end(self) -> None:
        room = self._room
        if room is not None and room.sender is self:
            room.flush()
        self.tell_taken()  # whoever ends is to know what was lost until now
        self.farewell("the sound has ended", SoundClose.DONE)

    # -- what ends it ---------------------------------------------------------------------------

    def replaced(self, *, by_itself: bool) -> None:
        """As ``seats.Sender`` promises."""
        why = "you came back on another connection" if by_itself else "this room was taken over"
        self._part(SoundClose.TAKEN_OVER, Refusal(code="taken_over", message=why), why)

    def revoke(self) -> None:
        """End it if its token does not let it feed the room any more."""
        if not self.client.authorized:
            return
        if not self._host.rights.may(self.client.token, self._name, Right.FEED):
            self._refuse("unauthorized", "the token was revoked")

    def farewell(self, reason: str, code: SoundClose) -> "asyncio.Task[None]":
        """Say goodbye."""
        timeline = None if self._room is None else self._room.timeline
        expected = 0 if timeline is None else timeline.next
        return self._part(code, Farewell(reason=reason, next=expected), reason)

    def tell_taken(self) -> None:
        """Say how it fares, unless it does not read what it is told."""
        room = self._room
        timeline = None if room is None else room.timeline
        if room is None or timeline is None or self.client.parting is not None:
            return
        if self.client.transport.get_write_buffer_size() == 0:
            self._say(
                Taken(
                    next=timeline.next,
                    kept=min(timeline.next, room.index_at(self._host.kept(room))),
                    lost=timeline.lost,
                    repeated=timeline.repeated,
                    skipped=room.counts.skipped,
                    undelivered=room.undelivered,
                    drift_ppm=room.drift_ppm,
                )
            )

    def see_that_it_knows(self) -> None:
        """End it where more is stored of the room than was told: who comes back is told that."""
        room, told = self._room, self._stored
        if room is None or told is None or self.client.parting is not None:
            return
        now = self._host.stored(room)
        if (now.estimates and not told.estimates) or (now.sound and not told.sound):
            self.farewell(RECORDED_SINCE, SoundClose.GOING_AWAY)

    def _give_up(self) -> None:
        if self._room is None:
            self._refuse("not_opened", "no `open` in time", SoundClose.NOT_OPENED)
        else:
            self._refuse("stalled", "nothing came for too long", SoundClose.STALLED)

    def _refuse(self, code: str, message: str, close: SoundClose | None = None) -> None:
        if self._room is not None:
            self._room.counts.refused += 1
        closes = close or _CLOSES.get(code, SoundClose.BAD_MESSAGE)
        self._part(closes, Refusal(code=code, message=message), message)

    def _part(self, code: SoundClose, last: ServiceMessage, why: str) -> "asyncio.Task[None]":
        if self.client.parting is None:
            self._say(last)
            if self._room is not None:
                self._room.leave(self)
        reason = why.encode()[:120].decode(errors="ignore")  # what a close frame holds
        return self.client.part(code, reason)

    def _say(self, message: ServiceMessage) -> None:
        self.client.deliver(framed(encode_sound_message(message)))
