"""A node: it takes in the sound of rooms, which workers compute, and tells what those tell of it.

Every node knows all rooms, whichever of them feeds them. NATS lies between.
"""

import asyncio
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import ProtocolError, RealtimeMerError
from realtime_mer.recognizer.contract import Model
from realtime_mer.rooms.machines.address import NatsAddress
from realtime_mer.rooms.machines.chunks import SoundChunk
from realtime_mer.rooms.machines.entries import Beat, parse_beat
from realtime_mer.rooms.machines.link import Away, Link, Stored, Unstored
from realtime_mer.rooms.machines.names import OF_A_MODEL, Kind, Names
from realtime_mer.rooms.machines.presence import BEAT_EVERY_S, Presence, Strangers, new_id
from realtime_mer.rooms.machines.reports import ToldHop
from realtime_mer.rooms.machines.tasks import take_steps
from realtime_mer.rooms.nodes.claims import Claims, Seat
from realtime_mer.rooms.nodes.clocks import Clocks
from realtime_mer.rooms.nodes.computer import Host, Number
from realtime_mer.rooms.nodes.marks import Mark, parse_mark
from realtime_mer.rooms.nodes.recorded import Recorded
from realtime_mer.rooms.nodes.telling import Telling
from realtime_mer.rooms.nodes.untold import KEPT_S
from realtime_mer.rooms.nodes.workers import Workers
from realtime_mer.rooms.states import model_of
from realtime_mer.rooms.tokens.shared import SharedTokens
from realtime_mer.wire.clocks import ahead
from realtime_mer.wire.protocol import Marker, RecordingState
from realtime_mer.wire.sound import Open
from realtime_mer.wording import MACHINES_APART, NOBODY_NEW, NOT_STORED

_AGAIN_S = 0.5
_FLOAT = 4  # bytes
_REST_S = 2.0  # that workers have at the end for what came last


class Node:
    """Has rooms computed by workers elsewhere (``Computer``).

    Args:
        address: of NATS.
        model: of all rooms.
        rooms: most of them.
        say: takes a line for people, in any thread.

    Attributes:
        id: what it calls itself; no other process does.
        tokens: of all nodes.
    """

    def __init__(
        self, address: NatsAddress, model: Model, *, rooms: int, say: Callable[[str], None]
    ) -> None:
        self.id = new_id(socket.gethostname())
        self.fault: str | None = None
        self.tokens = SharedTokens()
        self._model, self._most, self._say = model, rooms, say
        self._host: Host
        names = Names.of(model_of(model))
        self._link = Link(
            address,
            names,
            say=say,
            lost=self._lost,
            back=self._back,
            kinds=(*OF_A_MODEL, Kind.TOKENS),
            # What is kept of all rooms is sent at once when NATS is back, and more comes meanwhile.
            most_waiting=round(2 * rooms * KEPT_S * model.sample_rate) * _FLOAT,
        )
        self._presence = Presence(time.monotonic())
        self._workers = Workers(self._presence, say=say)
        self._strangers = Strangers(names.model, say=say)
        self._clocks = Clocks(say=say)
        self._claims = Claims(
            self._link,
            self._presence,
            node=self.id,
            rate=model.sample_rate,
            hop_samples=model.hop_samples,
            find=lambda name: self._host.find(name),
            appeared=self._appear,
            forgotten=self._forget,
        )
        self._recorded = Recorded(
            self._link, self._presence, node=self.id, seats=self._claims.seats
        )
        self._telling = Telling(
            self._link, tell=self._tell, look_for=self._look_for, follows=self._follows
        )
        self._there = False
        follow = self._link.follow
        self._unheard = deque[Callable[[], Awaitable[object]]](
            (
                partial(follow, Kind.ALIVE, "*", self._hear_beat),
                partial(follow, Kind.TOKENS, "*", self.tokens.hear),
                partial(follow, Kind.FEEDS, "*", self._claims.hear),
                partial(follow, Kind.MARKS, "*", self._hear_mark),
                partial(follow, Kind.GLANCES, "*", self._telling.glance),
                lambda: self._recorded.begin(self._host),
                partial(self._link.follow_all_models, Kind.ALIVE, self._strangers.hear),
            )
        )
        self._unsent_before = 0  # samples, until NATS went away last
        self._beaten_at = 0.0
        self._progress = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._left_out: set[str] = set()

    # -- as ``Computer`` promises ----------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether NATS is there: whether workers are, watchers are told."""
        return self._there and self.fault is None

    def late(self, name: str) -> str | None:
        """As ``Computer`` promises."""
        if not self._there:
            return MACHINES_APART
        return self._workers.late(self._telling.worker(name), time.monotonic())

    def recorded(self, name: str) -> RecordingState | None:
        """As ``Computer`` promises."""
        return self._recorded.of(name)

    def placed(self, name: str) -> dict[str, str | None]:
        """As ``Computer`` promises: the node that feeds it, the worker that told of it last."""
        now = time.monotonic()
        found = {"node": self._claims.feeder(name), "worker": self._telling.worker(name)}
        return {
            what: None if process is None or self._presence.gone(process, now) else process
            for what, process in found.items()
        }

    async def begin(self, host: Host) -> list[str]:
        """Connect, however long NATS is away; the rooms that other nodes know come in by then."""
        self._host = host
        try:
            await self._link.open()
        except asyncio.CancelledError:  # nobody wants it any more
            await self._link.close()
            raise
        self._do(self._see_that_it_stays())
        for name in self._claims.rooms:
            await self._let_in(name)
        return []

    async def end(self) -> None:
        """See that what came is told, let go of the rooms that are fed here, and end."""
        seats = self._claims.seats
        with suppress(TimeoutError):
            async with asyncio.timeout(_REST_S if self._there else 0):
                while any(self._telling.next(room) < self._hops(room) for room in seats):
                    self._progress.clear()
                    await self._progress.wait()
        if self._there:
            with suppress(TimeoutError):
                async with asyncio.timeout(_REST_S):
                    await asyncio.gather(*(self._claims.write(room) for room in list(seats)))
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._link.close()

    def _hops(self, room: str) -> int:
        return self._claims.seats[room].end // self._model.hop_samples

    async def enter(self, name: str) -> int:
        """Let a room come, here and at all nodes; how far it is is asked again when it is fed."""
        with suppress(Away):
            position = await self._claims.position(name)
            await self._claims.name(name)
            return position
        return 0

    async def claim(self, room: str, opened: Open, *, resume: str, manages: bool) -> int | None:
        """As ``seats.Claim`` promises."""
        if not self._there:
            raise ProtocolError("not_ready", NOBODY_NEW)
        self._claims.coming.add(room)
        try:
            start = await self._claims.claim(room, opened, resume=resume, manages=manages)
            await self._follow()  # before anything of its sound can be told
            return start
        except Unstored as error:
            raise ProtocolError("not_ready", NOT_STORED) from error
        except Away as error:
            raise ProtocolError("not_ready", NOBODY_NEW) from error
        finally:
            self._claims.coming.discard(room)

    def push(self, room: str, samples: NDArray[np.float32], *, missing: int, fresh: bool) -> None:
        """As ``seats.Push`` promises."""
        seat, fed = self._claims.seats.get(room), self._host.find(room)
        if seat is None or fed is None:  # it was taken over a moment ago
            return
        position = seat.end + missing
        captured_at = fed.captured_at(position / self._model.sample_rate)
        if captured_at is not None:
            captured_at += ahead(time.time)
        seat.end = position + len(samples)
        lost = seat.untold.lost
        seat.untold.add(
            SoundChunk(
                epoch=seat.feed.epoch,
                position=position,
                samples=samples,
                missing=missing,
                fresh=fresh,
                captured_at=captured_at,
                gaps=fed.counts.gaps,
            )
        )
        if seat.untold.lost > lost:  # NATS is away, and this gave way
            fed.lose(seat.untold.lost - lost, gap=not seat.gave_way)
            seat.gave_way = True
        self._send(room, seat)

    def marked(self, room: str, marker: Marker) -> None:
        """Let those hear of a marker who watch the room at other nodes, if NATS is there."""
        self._link.send(Kind.MARKS, room, Mark(self.id, marker).encode())

    def kept(self, name: str) -> int:
        """What was told of is safe: who comes after this process goes on behind it."""
        return self._telling.next(name)

    def look(self) -> None:
        """Say that this node lives, and how the rooms fare that are fed here."""
        now = time.monotonic()
        if self._there and now - self._beaten_at >= BEAT_EVERY_S - 0.1:
            self._beaten_at = now
            self._beat(len(self._claims.seats))
            self._workers.look(now)
            self._recorded.tell()
        if not self._there:  # nobody knows how others fare
            return
        self._do(self._look_at_what_is_recorded(now))
        for name in self._claims.rooms:
            room = self._host.find(name)
            if room is not None:
                room.elsewhere = self._claims.elsewhere(name)
        for name in self._claims.seats:
            if self._claims.changed(name):
                self._do(self._claims.write(name))
        self._do(self._follow_on())

    def numbers(self) -> Iterable[Number]:
        """As ``Computer`` promises."""
        now, link, telling = time.monotonic(), self._link, self._telling
        seats, rate = self._claims.seats.values(), self._model.sample_rate
        kept = sum(seat.untold.samples for seat in seats) / rate
        yield Number("nats_up", "Whether NATS is there", float(self._there))
        yield Number("nodes", "Nodes that live", len(self._presence.alive("node", now)))
        yield Number("workers", "Workers that live", len(self._presence.alive("worker", now)))
        accepting = self._workers.accepting(now)
        yield Number("workers_accepting", "Workers that take more rooms", accepting)
        yield Number("sound_kept_seconds", "Sound that is kept to be sent again", kept)
        unsent = self._claims.unsent
        garbage = self._claims.garbage + self.tokens.garbage + telling.garbage + link.refused
        for name, what, value in (
            ("nats_returns", "Times that NATS was gone and came back", link.returns),
            ("sound_unsent_seconds", "Sound lost while NATS was away", unsent / rate),
            ("told_late", "Hops that were told again", telling.late),
            ("told_missed", "Hops of which nothing was found, long gaps included", telling.missed),
            ("nats_garbage", "Messages that cannot be read", garbage),
            ("nats_overflowed", "Messages that NATS did not take", link.overflowed),
            ("nats_unstored", "Messages that NATS had no room for", link.unstored),
            ("nats_missed", "Messages that were not taken in time", link.missed),
            ("rooms_left_out", "Rooms of other nodes beyond --rooms", len(self._left_out)),
        ):
            yield Number(name, what, value, total=True)

    # -- the connection ---------------------------------------------------------------------------

    def _lost(self) -> None:
        self._there = False
        self._unsent_before = self._claims.unsent

    async def _back(self) -> None:
        """Hear what happened meanwhile, and write again what NATS may not have."""
        while self._link.up:
            try:
                await self._come_back()
                return
            except Away:
                await asyncio.sleep(_AGAIN_S)

    async def _come_back(self) -> None:
        link = self._link
        await take_steps(self._unheard)
        self._presence.restart(time.monotonic())
        await self.tokens.load(link)
        await self._claims.hear_all()
        self._there = True
        lost_s = (self._claims.unsent - self._unsent_before) / self._model.sample_rate
        if lost_s:
            self._say(
                f"While NATS was away {lost_s:.1f} s of sound were lost, of all rooms together."
            )
            self._unsent_before = self._claims.unsent
        self._beat(len(self._claims.seats))
        for room, seat in self._claims.seats.items():
            seat.untold.again()
            seat.gave_way = False
            self._send(room, seat)
        for room in self._telling.followed:
            self._look_for(room)

    async def _see_that_it_stays(self) -> None:
        try:
            await self._link.ended
        except RealtimeMerError as error:
            self.fault = str(error)
            self._there = False
            self._host.stop()

    async def _look_at_what_is_recorded(self, now: float) -> None:
        with suppress(Away):  # at the next look again
            await self._recorded.look(now)

    def _appear(self, name: str) -> None:
        if name not in self._left_out:
            self._do(self._let_in(name))

    def _forget(self, name: str) -> bool:
        """Let a room go that somebody forgot; return whether it stays, since it was asked for."""
        if self._host.forget(name):
            self._telling.forget(name)
            self._left_out.discard(name)
            return False
        self._do(self._name_anew())
        return True

    async def _name_anew(self) -> None:
        with suppress(Away):  # when it is back
            await self._claims.name_anew()

    async def _let_in(self, name: str) -> None:
        """Let a room be that others feed."""
        try:
            room = await self._host.room(name)
            room.elsewhere = self._claims.elsewhere(name)
        except ProtocolError:
            if not self._left_out:
                self._say(
                    f"Other nodes have more rooms than --rooms allows here: room {name} and those "
                    "after it cannot be watched at this node."
                )
            self._left_out.add(name)

    def _do(self, step: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(step)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _send(self, room: str, seat: Seat) -> None:
        if not self._there:  # it is sent when NATS is back, in order
            return
        for chunk in seat.untold.unsent():
            self._link.send(Kind.SOUND, room, chunk.encode())

    # -- what others say --------------------------------------------------------------------------

    def _beat(self, rooms: int) -> None:
        beat = Beat(
            id=self.id,
            role="node",
            host=socket.gethostname(),
            rooms=rooms,
            most=self._most,
            accepting=True,
        )
        self._link.send(Kind.ALIVE, self.id, beat.encode())

    def _hear_beat(self, stored: Stored) -> None:
        beat, now = parse_beat(stored.data), time.monotonic()
        if beat.role == "node" and self._presence.gone(beat.id, now):
            self._recorded.tell()  # to one that comes, before anybody comes to it
        self._presence.hear(beat, now)

    def _hear_mark(self, stored: Stored) -> None:
        mark = parse_mark(stored.data)
        room = self._host.find(stored.key)
        if room is not None and mark.node != self.id:
            room.mark_from_elsewhere(mark.marker)

    def _follows(self, name: str) -> bool:
        """Whether each hop of a room is wanted: it is fed here, or somebody here follows it."""
        room = self._host.find(name)
        return name in self._claims.seats or (room is not None and room.followed)

    async def _follow(self) -> None:
        await self._telling.follow(
            {room.name for room in self._host.all() if self._follows(room.name)}
        )

    async def _follow_on(self) -> None:
        with suppress(Away):  # at the next look
            await self._follow()

    def _look_for(self, room: str) -> None:
        self._do(self._look(room))

    async def _look(self, room: str) -> None:
        while self._there:  # when it is back, all are looked for
            try:
                await self._telling.look(room)
                return
            except Away:
                await asyncio.sleep(_AGAIN_S)

    def _tell(self, name: str, hop: ToldHop) -> None:
        room = self._host.find(name)
        if room is None:
            return
        estimate = hop.estimate
        if hop.captured_at is not None:
            when = datetime.fromtimestamp(hop.captured_at).astimezone()
            age_s = self._clocks.age(self._claims.feeder(name), hop.captured_at, time.time())
            estimate = replace(
                estimate,
                latency_ms=round(1000 * age_s, 3),
                wall_time=when.isoformat("T", "milliseconds"),
            )
        room.tell(estimate, hop.level, now=time.monotonic())
        seat = self._claims.seats.get(name)
        if seat is not None:
            seat.untold.told((estimate.seq + 1) * self._model.hop_samples)
            self._progress.set()
