"""A worker: computes rooms that it leases, and shares them with all others, whom it hears.

One asyncio loop speaks with NATS, one thread computes.
"""

import asyncio
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from realtime_mer.batch import StreamState
from realtime_mer.errors import ServiceError
from realtime_mer.recognizer.contract import StreamingRecognizer
from realtime_mer.rooms.computing import schedule
from realtime_mer.rooms.machines.address import NatsAddress
from realtime_mer.rooms.machines.entries import Beat, parse_beat
from realtime_mer.rooms.machines.feeds import Feeds
from realtime_mer.rooms.machines.figures import Figures, Latencies, RoomFigures
from realtime_mer.rooms.machines.held import Computing, HeldRoom
from realtime_mer.rooms.machines.leases import Leases
from realtime_mer.rooms.machines.link import Away, Link, Stored
from realtime_mer.rooms.machines.names import Kind, Names
from realtime_mer.rooms.machines.presence import BEAT_EVERY_S, Presence, Strangers, new_id
from realtime_mer.rooms.machines.reports import GLANCE_EVERY_S, MOST_GLANCED, Glances, Report
from realtime_mer.rooms.machines.sharing import Sharing
from realtime_mer.rooms.machines.streams import SOUND_S
from realtime_mer.rooms.machines.tasks import end_tasks, take_steps
from realtime_mer.rooms.machines.telling import Telling
from realtime_mer.rooms.shard import Hop, Shard
from realtime_mer.rooms.states import model_of

_LOOK_EVERY_S = 0.2
_SAVE_EVERY_S = 2.0
_CATCH_UP_S = 0.02  # a room that was taken over is behind by the seconds that it took to notice
_AT_ONCE = 8  # rooms that are taken or handed over at a time
_STUCK_S = 3.0  # that the computing thread has not looked up: others are to have the rooms
_DRAIN_S = 20.0
_BETWEEN_S = 0.5


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    """What a worker was asked for.

    Attributes:
        nats: where NATS is.
        most: rooms that it computes at most.
        id: what it calls itself.
    """

    nats: NatsAddress
    most: int = 64
    id: str = field(default_factory=lambda: new_id(socket.gethostname()))


class Worker:
    """Computes rooms. Runs once, in the loop that awaits ``run``.

    Args:
        recognizer: of all rooms.
        options: what was asked for.
        say: takes a line for people, in any thread.

    Attributes:
        figures: how it fares, at most a second old; for any thread.
    """

    def __init__(
        self,
        recognizer: StreamingRecognizer,
        options: WorkerOptions,
        *,
        say: Callable[[str], None],
    ) -> None:
        self._recognizer, self._options, self._say = recognizer, options, say
        self._me = options.id
        names = Names.of(model_of(recognizer))
        self._strangers = Strangers(names.model, say=say)
        self._link = Link(
            options.nats,
            names,
            say=say,
            lost=lambda: None,
            back=self._back,
        )
        self._leases = Leases(self._link, self._me)
        self._presence = Presence(time.monotonic())
        self._sharing = Sharing(self._me, time.monotonic())
        self._feeds = Feeds(self._presence)
        self._held: dict[str, HeldRoom] = {}
        self._moving: dict[str, asyncio.Task[None]] = {}  # rooms that come or go at this moment
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._wake, self._stopping = asyncio.Event(), asyncio.Event()
        follow = self._link.follow
        self._unheard = deque[Callable[[], Awaitable[object]]](
            (
                partial(follow, Kind.ALIVE, "*", self._hear_beat),
                partial(follow, Kind.FEEDS, "*", self._hear_feed),
                partial(follow, Kind.LEASES, "*", self._hear_lease),
                partial(self._link.follow_all_models, Kind.ALIVE, self._strangers.hear),
            )
        )
        self._taken = self._handed_over = self._fenced = 0
        self._latencies = Latencies()
        self._shard = Shard(
            schedule(
                recognizer,
                streams=options.most,
                max_backlog_s=SOUND_S,
                catch_up_s=_CATCH_UP_S,
            ),
            tell=self._computed,
            save=self._saved,
            ended=self._ended,
            save_every_s=_SAVE_EVERY_S,
        )
        self._failed: asyncio.Future[None]
        self._loop: asyncio.AbstractEventLoop
        self.figures = self._figures()

    @property
    def rooms(self) -> frozenset[str]:
        """Those that it computes now."""
        return frozenset(self._held)

    @property
    def takers(self) -> int:
        """How many other workers would take rooms; 0 while NATS is away."""
        return len(self._others(time.monotonic())) if self._link.up else 0

    def stop(self) -> None:
        """Let it hand over its rooms and end; to be called in its loop."""
        self._stopping.set()

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Work until ``stop``.

        Args:
            ready: is called once NATS is there.

        Raises:
            InputError: NATS refuses what it is shown, or cannot be used.
            ServiceError: the connection has ended for good, or the thread that computes has.
        """
        self._loop = asyncio.get_running_loop()
        self._failed = self._loop.create_future()
        self._shard.start()
        working = self._loop.create_task(self._work(ready))
        stop = self._loop.create_task(self._stopping.wait())
        try:
            waits: set[asyncio.Future[Any]] = {working, stop, self._failed}
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if self._failed.done():
                self._failed.result()
            if working.done():
                working.result()
            await self._drain()
        finally:
            self._stopping.set()
            await end_tasks([working, stop, *self._moving.values()])
            for room in list(self._held):
                await self._held.pop(room).drop()
            await asyncio.to_thread(self._shard.close)
            await self._link.close()

    async def _work(self, ready: Callable[[], None]) -> None:
        tasks: list[asyncio.Future[None]] = [self._loop.create_task(self._beat())]
        try:
            await self._link.open()
            ready()
            tasks += [self._loop.create_task(self._look())]
            tasks += [self._loop.create_task(self._tell_glances()), self._link.ended]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await end_tasks(tasks)

    # -- what is heard ----------------------------------------------------------------------------

    async def _back(self) -> None:
        """Find out how things stand: NATS is there, for the first time or again."""
        await take_steps(self._unheard)
        now = time.monotonic()
        self._presence.restart(now)
        self._sharing.restart(now)
        await self._leases.load()
        await self._feeds.load(self._link)
        for room, held in list(self._held.items()):
            if self._leases.holder(room) == self._me:
                held.come_back()
            else:
                self._lose(room)
        self._send_beat()

    def _hear_beat(self, stored: Stored) -> None:
        self._presence.hear(parse_beat(stored.data), time.monotonic())

    def _hear_feed(self, stored: Stored) -> None:
        self._feeds.hear(stored)
        self._wake.set()

    def _hear_lease(self, stored: Stored) -> None:
        self._leases.hear(stored)
        holder = self._leases.holder(stored.key)
        if stored.key in self._held and holder not in (None, self._me):
            self._lose(stored.key)
        self._wake.set()

    # -- what is done -----------------------------------------------------------------------------

    @property
    def _accepting(self) -> bool:
        full = len(self._held.keys() | self._moving.keys()) >= self._options.most
        return not self._stopping.is_set() and not full and self._shard.idle_s < _STUCK_S

    async def _beat(self) -> None:
        while True:
            self.figures = self._figures()
            self._send_beat()
            await asyncio.sleep(BEAT_EVERY_S)

    def _send_beat(self) -> None:
        # Where the thread is stuck nothing is said: this worker is as good as dead.
        if self._shard.idle_s < _STUCK_S:
            beat = Beat(
                id=self._me,
                role="worker",
                host=socket.gethostname(),
                rooms=len(self._held),
                most=self._options.most,
                accepting=self._accepting,
            )
            self._link.send(Kind.ALIVE, self._me, beat.encode())

    async def _tell_glances(self) -> None:
        """Tell nodes where nobody follows these rooms how they fare."""
        while True:
            await asyncio.sleep(GLANCE_EVERY_S)
            newest = {room: held.telling.newest() for room, held in self._held.items()}
            told = [(room, hop) for room, hop in newest.items() if hop is not None]
            for start in range(0, len(told), MOST_GLANCED):
                some = Glances(self._me, dict(told[start : start + MOST_GLANCED]))
                self._link.send(Kind.GLANCES, self._me, some.encode())

    async def _look(self) -> None:
        while True:
            if self._link.up:
                self._share(time.monotonic())
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await self._wake.wait()
            self._wake.clear()

    def _share(self, now: float) -> None:
        holders: dict[str, str | None] = {}
        wanted = self._feeds.wanted(now, rested=self._leases.rested)
        for room in wanted - self._moving.keys():
            holder = self._leases.holder(room)
            lost = holder is not None and (
                room not in self._held if holder == self._me else self._presence.gone(holder, now)
            )
            holders[room] = None if lost else holder
        accepting = self._others(now)
        if self._accepting:
            accepting.add(self._me)
        moves = self._sharing.look(holders, accepting=accepting, now=now)
        unwanted = [room for room in self._held if room not in wanted]
        for room in (*moves.hand_over, *unwanted):
            if room in self._held and room not in self._moving:
                self._move(room, self._hand_over(room))
        for room, held in self._held.items():
            if room not in self._moving and held.settled and self._feeds.idle(room, now):
                self._move(room, self._hand_over(room, rests=self._feeds.epoch(room)))
        for room in moves.take:
            if self._accepting and room not in self._held:
                self._move(room, self._take(room))

    def _others(self, now: float) -> set[str]:
        """Return which other workers live and take rooms."""
        return {
            beat.id
            for beat in self._presence.alive("worker", now)
            if beat.accepting and beat.id != self._me
        }

    def _move(self, room: str, moving: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(self._moved(moving))
        self._moving[room] = task
        task.add_done_callback(partial(self._has_moved, room))

    async def _moved(self, moving: Coroutine[Any, Any, None]) -> None:
        async with self._at_once:
            with suppress(Away):  # once NATS is back it is found out how things stand
                await moving

    def _has_moved(self, room: str, task: "asyncio.Task[None]") -> None:
        if self._moving.get(room) is task:
            del self._moving[room]
        self._mind(task)
        self._wake.set()

    def _mind(self, task: "asyncio.Task[Any]") -> None:
        """Let a defect in a task end the worker: others take its rooms."""
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._failed.done():
            self._failed.set_exception(error)

    async def _take(self, room: str) -> None:
        if not await self._leases.take(room):
            return
        telling = Telling(
            self._link,
            room,
            self._me,
            holds=partial(self._leases.holds, room),
            told=self._told,
        )
        computing = Computing(recognizer=self._recognizer, shard=self._shard, say=self._say)
        held = self._held[room] = HeldRoom(room, self._link, computing, telling)
        try:
            await held.begin()
        except BaseException:
            if self._held.get(room) is held:
                del self._held[room]
            await held.drop()
            raise
        self._taken += 1
        writing = self._loop.create_task(telling.run())
        held.watch(writing)
        writing.add_done_callback(partial(self._stopped_telling, room, held))

    def _stopped_telling(self, room: str, held: HeldRoom, task: "asyncio.Task[None]") -> None:
        self._mind(task)
        if not task.cancelled() and self._held.get(room) is held:
            self._lose(room)

    def _lose(self, room: str) -> None:
        """Let a room go that somebody else has."""
        held = self._held.pop(room)
        self._fenced += 1
        before = self._moving.get(room)
        if before is not None:
            before.cancel()
        self._move(room, held.drop())

    async def _hand_over(self, room: str, *, rests: int | None = None) -> None:
        held = self._held[room]
        try:
            await held.hand_over()
        finally:
            self._held.pop(room, None)
        await self._leases.give_up(room, rests=rests)
        self._handed_over += 1

    async def _drain(self) -> None:
        """Hand over all rooms."""
        ends_at = time.monotonic() + _DRAIN_S
        self._send_beat()  # that it takes no more
        while (self._held or self._moving) and self._link.up and time.monotonic() < ends_at:
            for room in self._held.keys() - self._moving.keys():
                self._move(room, self._hand_over(room))
            await asyncio.wait(list(self._moving.values()), timeout=_BETWEEN_S)

    # -- what the thread that computes says, in it ------------------------------------------------

    def _computed(self, hops: Sequence[Hop]) -> None:
        self._loop.call_soon_threadsafe(self._tell, hops)

    def _tell(self, hops: Sequence[Hop]) -> None:
        for hop in hops:
            held = self._held.get(hop.room)
            if held is not None:
                held.tell(hop)

    def _saved(self, room: str, seq: int, state: StreamState) -> None:
        self._loop.call_soon_threadsafe(self._keep, room, seq, state)

    def _keep(self, room: str, seq: int, state: StreamState) -> None:
        held = self._held.get(room)
        if held is not None:
            held.keep(seq, state)

    def _ended(self) -> None:
        self._loop.call_soon_threadsafe(self._broke)

    def _broke(self) -> None:
        if not self._stopping.is_set() and not self._failed.done():
            self._failed.set_exception(
                ServiceError(
                    "the thread that computes has ended, which is a defect: start the worker "
                    "again; others have its rooms"
                )
            )

    # -- numbers ----------------------------------------------------------------------------------

    def _told(self, report: Report, at: float) -> None:
        self._latencies.take(report, at)

    def _figures(self) -> Figures:
        link, shard = self._link, self._shard
        now = time.monotonic()
        return Figures(
            rooms=len(self._held),
            most_rooms=self._options.most,
            accepting=self._accepting,
            stopping=self._stopping.is_set(),
            workers=len(self._presence.alive("worker", now)),
            at=now,
            compute_idle_s=shard.idle_s,
            nats_up=link.up,
            taken=self._taken,
            handed_over=self._handed_over,
            fenced=self._fenced,
            left_out=shard.left_out,
            nats_returns=link.returns,
            nats_missed=link.missed,
            nats_refused=link.refused,
            nats_unstored=link.unstored,
            latencies=self._latencies.buckets(),
            latency_s=self._latencies.total_s,
            of_rooms=[
                RoomFigures(
                    room=room,
                    estimates=held.telling.told_hops,
                    backlog_s=held.backlog_s,
                    untold=held.telling.waiting,
                    lost_s=held.track.lost / self._recognizer.sample_rate,
                    repeated_s=held.track.repeated / self._recognizer.sample_rate,
                    holes=held.holes,
                    given_way=held.telling.given_way,
                )
                for room, held in sorted(self._held.items())
            ],
        )
