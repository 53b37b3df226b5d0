"""What a service of rooms answers at each path, and who may have it."""

import json
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol

from websockets.http11 import Request

from realtime_mer.rooms.feeding import Feeding
from realtime_mer.rooms.names import NAME_RULE, ROOMS, Address, Right, address
from realtime_mer.rooms.rights import AnyRoomRights, Rights, RoomRights
from realtime_mer.rooms.room import Room
from realtime_mer.rooms.tokens.grants import EVERY_ROOM
from realtime_mer.rooms.wall import WALL_PROTOCOL, Wall
from realtime_mer.service.connection import Connection, address_of
from realtime_mer.service.gate import Admission, EventsAdmission, Gate
from realtime_mer.service.guesses import Guesses
from realtime_mer.service.pages import GUARDS, METHODS, Page
from realtime_mer.web import rooms as web
from realtime_mer.wire.protocol import Subscribe
from realtime_mer.wire.public import PublicAddress
from realtime_mer.wire.sound import SOUND_PROTOCOL

AUDIO = "/audio"
"""Where a room is fed, below its own address."""
READY = "/readyz"
"""Whether rooms are taken in and computed."""


class Rooms(Protocol):
    """The rooms of a service, as far as their addresses need them."""

    def find(self, name: str) -> Room | None:
        """Return a room that is there, or that somebody named before it is fed; else None."""

    def all(self) -> list[Room]:
        """Return all rooms, by their names."""

    def placed(self, name: str) -> dict[str, str | None]:
        """Return which processes have to do with a room, by what they do."""

    @property
    def ready(self) -> bool:
        """Whether rooms are taken in and computed."""

    def feeding(self, client: Connection) -> Feeding:
        """Return what takes the sound of a client."""

    def gone(self, feeding: Feeding) -> None:
        """Forget what took it."""


class RoomsSite:
    """What is behind the doors (``reception.Site``).

    Args:
        rooms: of the service.
        host: it listens on.
        names: of this machine.
        public: where others reach it through a proxy; None where nothing stands before it.
        rights: who may do what.
        wall: those who watch all rooms.
        guesses: wrong tokens so far.
        metrics: gives the body and content type of ``/metrics``.
        told: is told one line when an address has to wait for its wrong tokens.
    """

    def __init__(
        self,
        rooms: Rooms,
        *,
        host: str,
        names: tuple[str, ...],
        public: PublicAddress | None,
        rights: Rights,
        wall: Wall,
        guesses: Guesses,
        metrics: Callable[[], tuple[bytes, str]],
        told: Callable[[str], None],
    ) -> None:
        self._rooms, self._rights, self._wall = rooms, rights, wall
        self._host, self._names, self._public = host, names, public
        self._guesses, self._told = guesses, told
        self.front = self.gate(RoomRights(rights, EVERY_ROOM, Right.WATCH), metrics=metrics)
        self._list = self.gate(AnyRoomRights(rights), metrics=metrics, pages={ROOMS: self._listing})

    def gate(
        self,
        rights: RoomRights | AnyRoomRights,
        *,
        metrics: Callable[[], tuple[bytes, str]],
        now: Callable[[], str | None] = lambda: None,
        pages: dict[str, Callable[[str | None], Page]] | None = None,
    ) -> Gate:
        """Return a gate for some rights, which shares all that is known of strangers."""
        return Gate(
            host=self._host,
            names=self._names,
            public=self._public,
            rights=rights,
            metrics=metrics,
            now=now,
            told=self._told,
            guesses=self._guesses,
            pages=pages or {},
            files=web.asset,
        )

    def judge(self, client: Connection, request: Request) -> Page | Admission | EventsAdmission:
        """As ``Site`` promises."""
        path, _, query = request.path.partition("?")
        where = address(path)
        if where.room is not None:
            return self._judge_room(client, request, where, query)
        if path == READY and request.method in METHODS:
            return self._ready()
        if path == ROOMS:
            return self._judge_list(client, request)
        if path.startswith(f"{ROOMS}/") and path != f"{ROOMS}/":
            return Page.text(HTTPStatus.NOT_FOUND, f"no room can be called so: give {NAME_RULE}")
        if "Upgrade" in request.headers or path in (web.SEND, web.OVERLAY):
            return Page.text(HTTPStatus.NOT_FOUND, f"give a room: {ROOMS}/NAME; {ROOMS} lists them")
        if path in ("/", f"{ROOMS}/"):
            return _moved(ROOMS)
        return self._through(self.front, client, request)

    def _judge_list(
        self, client: Connection, request: Request
    ) -> Page | Admission | EventsAdmission:
        """Let a program have the rooms as JSON, a browser the page, and that page its WebSocket."""
        client.gate = self._list
        if "Upgrade" in request.headers:
            client.speaks = WALL_PROTOCOL
            return self._through(self._list, client, request, path="/")
        if "text/html" in ",".join(request.headers.get_all("Accept")):
            return self._through(self.front, client, request)
        return self._through(self._list, client, request)

    def _judge_room(
        self, client: Connection, request: Request, where: Address, query: str
    ) -> Page | Admission | EventsAdmission:
        name = where.room or ""
        socket = "Upgrade" in request.headers
        client.place = name
        if where.rest == AUDIO:
            if not socket:
                return Page.text(
                    HTTPStatus.UPGRADE_REQUIRED, "send sound over a WebSocket", Upgrade="websocket"
                )
            client.speaks = SOUND_PROTOCOL
            client.gate = self.gate(
                RoomRights(self._rights, name, Right.FEED), metrics=lambda: (b"", "")
            )
            return self._through(client.gate, client, request, path="/")
        if not socket and where.rest in web.OF_EVERY_ROOM:
            return self._through(self.front, client, request, path=where.rest)
        room = self._rooms.find(name)
        if room is None:
            return Page.text(HTTPStatus.NOT_FOUND, f"no room {name}: nobody has fed it yet")
        if where.rest is None and not socket:
            return _moved(f"{ROOMS}/{name}/")
        client.gate = room.gate
        rest = where.rest or "/"
        return self._through(room.gate, client, request, path=f"{rest}?{query}" if query else rest)

    def _through(
        self, gate: Gate, client: Connection, request: Request, *, path: str | None = None
    ) -> Page | Admission | EventsAdmission:
        return gate.judge(
            request.method,
            request.path if path is None else path,
            request.headers,
            address=address_of(client),
            now=time.monotonic(),
        )

    def send_events(self, client: Connection, asked: Subscribe, *, head: bytes) -> None:
        """As ``Site`` promises."""
        room = self._rooms.find(client.place)
        if room is not None:
            room.audience.send_events(client, asked, head=head)

    async def attend(self, client: Connection) -> None:
        """As ``Site`` promises."""
        if client.speaks == SOUND_PROTOCOL:
            feeding = self._rooms.feeding(client)
            try:
                await feeding.run()
            finally:
                self._rooms.gone(feeding)
        elif client.speaks == WALL_PROTOCOL:
            await self._wall.attend(client)
        elif (room := self._rooms.find(client.place)) is not None:
            await room.audience.attend(client)

    def _ready(self) -> Page:
        if self._rooms.ready:
            return Page.text(HTTPStatus.OK, "ready")
        return Page.text(HTTPStatus.SERVICE_UNAVAILABLE, "not ready: it stops, or does not compute")

    def _listing(self, token: str | None) -> Page:
        """Return the rooms that a token lets watch, all where none is asked for."""
        rooms = [
            {**room.summary(), **self._placed(token, room.name)}
            for room in self._rooms.all()
            if self._rights.may(token, room.name, Right.WATCH)
        ]
        body = json.dumps({"rooms": rooms}, allow_nan=False, ensure_ascii=False).encode()
        return Page(
            status=HTTPStatus.OK,
            body=body,
            length=len(body),
            headers={**GUARDS, "Content-Type": "application/json"},
        )

    def _placed(self, token: str | None, name: str) -> dict[str, str | None]:
        """Return the machines of a room to whoever manages it: others have no use for them."""
        if not self._rights.may(token, name, Right.MANAGE):
            return {}
        return self._rooms.placed(name)


def _moved(path: str) -> Page:
    return Page.text(HTTPStatus.PERMANENT_REDIRECT, "", Location=path)
