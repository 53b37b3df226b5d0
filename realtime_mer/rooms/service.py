"""The service of rooms: sound comes in by a WebSocket a room, and what is told of it goes out.

One asyncio loop speaks with everybody; who computes is behind a face of its own. Nothing that one
room does makes another wait: what it sends too fast stays in its own socket.
"""

import asyncio
import logging
import secrets
import socket
import ssl as tls
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time as TimeOfDay
from functools import partial

from realtime_mer import __version__
from realtime_mer.errors import ProtocolError, ServiceError
from realtime_mer.recognizer.contract import Model
from realtime_mer.rooms.feeding import Feeding
from realtime_mer.rooms.fetching.address import WebAddress
from realtime_mer.rooms.fetching.stream import WebStream
from realtime_mer.rooms.limits import RoomLimits
from realtime_mer.rooms.metrics import RoomMetrics, Whole
from realtime_mer.rooms.names import Right, check_room
from realtime_mer.rooms.nodes.computer import Computer
from realtime_mer.rooms.nodes.recorded import together
from realtime_mer.rooms.recording.recordings import RoomRecordings
from realtime_mer.rooms.rights import Rights, RoomRights
from realtime_mer.rooms.room import Room
from realtime_mer.rooms.site import RoomsSite
from realtime_mer.rooms.tokens.grants import Tokens
from realtime_mer.rooms.wall import Wall
from realtime_mer.service.audience import Audience
from realtime_mer.service.connection import Connection, Limits
from realtime_mer.service.door import Door
from realtime_mer.service.listening import check_port, usual_address
from realtime_mer.service.metrics import Metrics
from realtime_mer.service.owners import Owners
from realtime_mer.service.reception import Reception
from realtime_mer.sessions.sealing import Key
from realtime_mer.wire import access
from realtime_mer.wire.protocol import CloseCode, Hello, Marker, RecordingState
from realtime_mer.wire.public import PublicAddress
from realtime_mer.wire.sound import SoundClose
from realtime_mer.wording import ROOM_FORGOTTEN, SERVICE_STOPS

_log = logging.getLogger(__name__)
_LOOK_EVERY_S = 0.5


@dataclass(frozen=True, kw_only=True)
class RoomsOptions:
    """What a service of rooms was asked for.

    Attributes:
        host, port: where it listens.
        ssl: context for TLS; None for plain text.
        public: where others reach it through a proxy, who are asked for tokens then; None where
            nothing stands before it.
        name: what this machine is called on the network besides its own name; None for nothing.
        ask: whether tokens are asked for on loopback too.
        rooms: those that are there before anybody feeds them.
        streams: of the web, which feed rooms of their own.
        record: names of rooms, among those, of which what is estimated is recorded.
        record_sound: likewise, of which the sound is recorded, too.
        new_session_at: time of day at which their next sessions begin; None for never.
        key: encrypts what is recorded; None does not.
        limits, client_limits: what one room, and clients, may do.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    ssl: tls.SSLContext | None = None
    public: PublicAddress | None = None
    name: str | None = None
    ask: bool = False
    rooms: tuple[str, ...] = ()
    streams: tuple[WebAddress, ...] = ()
    record: tuple[str, ...] = ()
    record_sound: tuple[str, ...] = ()
    new_session_at: TimeOfDay | None = TimeOfDay(0)
    key: Key | None = None
    limits: RoomLimits = field(default_factory=RoomLimits)
    client_limits: Limits = field(default_factory=Limits)


class RoomsService:
    """Rooms behind one port. Runs once, in whichever thread awaits ``run``.

    Args:
        model: of all rooms.
        options: what was asked for.
        computer: computes them.
        tokens: that let in.
        say: takes a line for people, in any thread.

    Raises:
        InputError: a setting or a file cannot be used.
    """

    def __init__(
        self,
        model: Model,
        options: RoomsOptions,
        *,
        computer: Computer,
        tokens: Tokens,
        say: Callable[[str], None],
    ) -> None:
        check_port(options.port)
        self.limits = options.limits
        self._model, self._options, self._say = model, options, say
        self._computer = computer
        here = access.is_loopback(options.host) and options.public is None
        asked = options.ask or not here
        self.rights = Rights(tokens, asked=asked, say=say)
        self._rooms: dict[str, Room] = {}
        self._feedings: set[Feeding] = set()
        self._reception = Reception(self, limits=options.client_limits, log=_log)
        names = (socket.gethostname(), *([] if options.name is None else [options.name]))
        metrics = RoomMetrics(self.all, self._whole)
        self._wall = Wall(self.all, rights=self.rights, limits=options.client_limits)
        self._site = RoomsSite(
            self,
            host=usual_address(options.host),
            names=names,
            public=options.public,
            rights=self.rights,
            wall=self._wall,
            guesses=self._reception.guesses,
            metrics=metrics.render,
            told=partial(self._reception.notices.tell, "wrong tokens"),
        )
        self.judge = self._site.judge
        self.send_events = self._site.send_events
        self.attend = self._site.attend
        gate = self._site.front
        self._door = Door(host=gate.host, port=options.port, token=None, ssl=options.ssl, gate=gate)
        self._recordings = RoomRecordings(
            options.record,
            sound=options.record_sound,
            new_at=options.new_session_at,
            key=options.key,
            say=say,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event
        self._stopping = False
        self._lock = threading.Lock()  # for who stops it from another thread

    # -- for whoever runs it ----------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where it is reached from this machine."""
        return self._door.url

    @property
    def public_url(self) -> str:
        """Where others reach it."""
        return self.url if self._options.public is None else self._options.public.url

    @property
    def port(self) -> int:
        """The port; once it runs, the one that is bound."""
        return self._door.port

    def stop(self) -> None:
        """Let it end, from any thread: it says goodbye, computes what came, keeps it."""
        with self._lock:
            self._stopping = True
            loop = self._loop
        if loop is not None:
            loop.call_soon_threadsafe(self._stop.set)

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until ``stop``.

        Args:
            ready: is called once the port is bound.

        Raises:
            InputError: what was kept cannot be read.
            ServiceError: nobody can listen there, or who computes has failed.
        """
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._reception.notices.handle)
        self._reception.allow_files()
        self._stop = asyncio.Event()
        with self._lock:
            self._loop = loop
            if self._stopping:
                return
        before = await self._begin_to_compute()
        if before is None:
            return
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._begin(before)
            tasks.append(loop.create_task(self._look_now_and_then()))
            for stream in self._options.streams:
                room = self._rooms[stream.room]
                fetching = WebStream(stream, room, limits=self.limits, say=self._say)
                tasks.append(loop.create_task(fetching.run()))
            await self._reception.open(self._door)
            ready()
            await self._stop.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)  # ffmpeg has ended then
            await self._end()
            with self._lock:
                self._loop = None
        if self._computer.fault is not None:
            raise ServiceError(self._computer.fault)

    async def _begin_to_compute(self) -> list[str] | None:
        """Return the rooms that there were; None where it is to end before it could begin."""
        loop = asyncio.get_running_loop()
        beginning = loop.create_task(self._computer.begin(self))
        ending = loop.create_task(self._stop.wait())
        await asyncio.wait({beginning, ending}, return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if beginning.done():
            return beginning.result()
        beginning.cancel()
        await asyncio.gather(beginning, return_exceptions=True)
        return None

    async def _begin(self, before: Sequence[str]) -> None:
        """Let rooms be that there were, and those that were asked for."""
        options = self._options
        self.rights.renew()  # those of all machines are known since it computes
        for name in before:
            await self.room(name)
        for name in (*options.rooms, *(stream.room for stream in options.streams)):
            if name not in self._rooms:
                start = await self._computer.enter(check_room(name))
                if name not in self._rooms:  # nor has it come from another node meanwhile
                    self._make(name, start=start)
        for room in self.all():
            self._recordings.begin(room, self._model)

    async def _end(self) -> None:
        """Say goodbye to senders, compute what came, say goodbye to the rest."""
        self._stopping = True
        doors = [(door, self._reception.stop_listening(door)) for door in self._reception.doors]
        partings: list[asyncio.Future[None]] = [
            feeding.farewell(SERVICE_STOPS, SoundClose.GOING_AWAY)
            for feeding in list(self._feedings)
        ]
        if partings:
            await asyncio.wait(partings)
        await self._computer.end()
        await self._recordings.close()
        for room in self._rooms.values():
            room.audience.end()
            partings += room.audience.part(
                SERVICE_STOPS, code=CloseCode.GOING_AWAY, why="the service stops", of=lambda _: True
            )
        partings += self._wall.part(SERVICE_STOPS)
        for door, server in doors:
            await self._reception.shut(door, server, partings)

    # -- for the site and for senders --------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether rooms are taken in and computed."""
        return not self._stopping and self._computer.ready

    def all(self) -> list[Room]:
        """Return all rooms, by their names."""
        return [self._rooms[name] for name in sorted(self._rooms)]

    def placed(self, name: str) -> dict[str, str | None]:
        """Return which processes have to do with a room, by what they do."""
        return self._computer.placed(name)

    def find(self, name: str) -> Room | None:
        """Return a room that is there; else None."""
        return self._rooms.get(name)

    async def room(self, name: str) -> Room:
        """Return a room, a new one if there is none.

        Raises:
            ProtocolError: ``too_many_rooms`` or ``not_ready``.
        """
        if name not in self._rooms:
            self._check_number(name)
            start = await self._computer.enter(name)
            if name not in self._rooms:  # nor has it come meanwhile
                self._check_number(name)
                self._make(name, start=start)
        return self._rooms[name]

    def forget(self, name: str) -> bool:
        """Let a room go that nobody feeds; False for one that was asked for, which stays."""
        options = self._options
        asked = (*options.rooms, *options.record, *options.record_sound)
        if name in asked or name in (stream.room for stream in options.streams):
            return False
        room = self._rooms.pop(name)
        room.audience.end()
        room.audience.part(
            ROOM_FORGOTTEN, code=CloseCode.GOING_AWAY, why=ROOM_FORGOTTEN, of=lambda _: True
        )
        return True

    def _check_number(self, name: str) -> None:
        """Refuse a room that would be one too many.

        Raises:
            ProtocolError: ``too_many_rooms``.
        """
        if len(self._rooms) >= self.limits.rooms:
            raise ProtocolError(
                "too_many_rooms",
                f"this service has {self.limits.rooms} rooms, and {name} would be one more: feed "
                "one of those, or let whoever runs it raise --rooms",
            )

    def feeding(self, client: Connection) -> Feeding:
        """Return what takes the sound of a client."""
        feeding = Feeding(client, self)
        self._feedings.add(feeding)
        return feeding

    def gone(self, feeding: Feeding) -> None:
        """Forget what took it."""
        self._feedings.discard(feeding)

    def kept(self, room: Room) -> int:
        """Return how many hops of a room are safe if this process were killed now."""
        return self._computer.kept(room.name)

    def stored(self, room: Room) -> RecordingState:
        """Return what is stored of a room."""
        return room.recording() or RecordingState(estimates=False, sound=False)

    def recorded(self) -> Mapping[str, RecordingState]:
        """Return what is recorded here of rooms, by their names."""
        return self._recordings.states()

    def _recorded(self, name: str) -> RecordingState | None:
        """Return what is recorded of a room, on whichever machine; None for nothing."""
        return together((self._recordings.state(name), self._computer.recorded(name)))

    def _make(self, name: str, *, start: int) -> Room:
        model, limits = self._model, self._options.client_limits
        metrics = Metrics(lambda: audience.traffic(self._reception))
        audience = Audience(
            hello=Hello(
                server_version=__version__,
                model=model.card.name,
                hop=model.hop_samples / model.sample_rate,
                window=model.window_samples / model.sample_rate,
                sample_rate=model.sample_rate,
                session=secrets.token_hex(8),
                history_s=limits.history_s,
            ),
            limits=limits,
            metrics=metrics,
            owners=Owners(None),
            marked=partial(self._marked, name),
            full=lambda: self._reception.full,
        )
        gate = self._site.gate(
            RoomRights(self.rights, name, Right.WATCH),
            metrics=metrics.render,
            now=audience.now,
        )
        room = Room(
            name,
            audience=audience,
            gate=gate,
            metrics=metrics,
            push=self._computer.push,
            claim=self._computer.claim,
            rate=model.sample_rate,
            hop_samples=model.hop_samples,
            start=start,
            limits=self.limits,
        )
        room.recording = partial(self._recorded, name)
        self._rooms[name] = room
        return room

    # -- what happens meanwhile --------------------------------------------------------------------

    async def _look_now_and_then(self) -> None:
        turn = 0
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            turn += 1
            now = time.monotonic()
            if self.rights.renew():
                self._revoke()
            for room in self._rooms.values():
                room.look(now, late=self._computer.late(room.name))
            self._computer.look()
            self._recordings.look()
            for feeding in list(self._feedings):
                feeding.see_that_it_knows()
                if turn % 2 == 0:
                    feeding.tell_taken()

    def _marked(self, name: str, marker: Marker) -> None:
        room = self._rooms.get(name)
        if room is not None:  # it was not forgotten a moment ago
            room.mark(marker)
            self._computer.marked(name, marker)

    def _revoke(self) -> None:
        """End the connections of those whose tokens hold no longer."""
        for feeding in list(self._feedings):
            feeding.revoke()
        self._wall.revoke()
        for room in self._rooms.values():
            for client in list(room.audience.clients):
                if client.authorized and not self.rights.may(client.token, room.name, Right.WATCH):
                    client.refuse("unauthorized", "the token was revoked")
                    client.part(CloseCode.UNAUTHORIZED, "the token was revoked")
            for reader in list(room.audience.event_streams):
                if not self.rights.may(reader.token, room.name, Right.WATCH):
                    reader.part(b"")

    # -- numbers -----------------------------------------------------------------------------------

    def _whole(self) -> Whole:
        return Whole(
            rooms=len(self._rooms),
            waiting=len(self._reception.lobby),
            wrong_tokens=self._reception.guesses.total,
            unlogged=self._reception.notices.left_out,
            computing=tuple(self._computer.numbers()),
        )
