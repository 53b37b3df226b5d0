"""Where a service listens, and who is let in: doors, connections, and those that still wait.

Everything here runs in the service's loop. What is behind the doors is its ``Site``: one session,
or rooms.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, Protocol, cast

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import NegotiationError
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from realtime_mer.service import events
from realtime_mer.service.connection import Connection, Limits, Open, TlsHandshake
from realtime_mer.service.door import Door
from realtime_mer.service.gate import Admission, EventsAdmission
from realtime_mer.service.guesses import Guesses
from realtime_mer.service.listening import allow_files, cannot_listen
from realtime_mer.service.lobby import Lobby
from realtime_mer.service.notices import LibraryLog, Notices
from realtime_mer.service.pages import Page
from realtime_mer.service.replies import guard, reply
from realtime_mer.wire.protocol import Subscribe

_OTHER_FILES = 512  # those of the rest of the program


class Site(Protocol):
    """What is behind the doors."""

    def judge(self, client: Connection, request: Request) -> Page | Admission | EventsAdmission:
        """Return the page that answers a request, or that it may become what goes on.

        It may set the client's ``gate`` and ``speaks``.
        """

    def send_events(self, client: Connection, asked: Subscribe, *, head: bytes) -> None:
        """Let a client have events from now on."""

    async def attend(self, client: Connection) -> None:
        """Speak with a client until it has gone."""


class Reception:
    """The doors of a service, and the connections that came by them.

    Args:
        site: what is behind them.
        limits: bounds on what clients can do.
        log: takes what strangers cause, thinned.

    Attributes:
        connections: that are open, those for a page or in between among them.
        lobby: those that were not let in yet.
        guesses: wrong tokens so far.
        notices: thins what is logged.
    """

    def __init__(self, site: Site, *, limits: Limits, log: logging.Logger) -> None:
        self.connections: set[Open] = set()
        self.lobby: Lobby[Connection | TlsHandshake] = Lobby(
            places=limits.waiting, places_per_address=limits.waiting_per_address
        )
        self.guesses = Guesses()
        self.notices = Notices(log, clock=time.monotonic)
        self._site = site
        self._limits = limits
        self._log = log
        self._servers: dict[Door, Server] = {}

    @property
    def doors(self) -> list[Door]:
        """Those that are open."""
        return list(self._servers)

    @property
    def full(self) -> bool:
        """Whether all places are taken of those who may stay."""
        return len(self.connections) - len(self.lobby) >= self._limits.connections

    def allow_files(self) -> None:
        """Ask for as many open files as the connections that may come, and those of the rest.

        A system may allow so few (macOS: 256) that its own bounds would never be reached.
        """
        allow_files(self._limits.connections + self._limits.waiting + _OTHER_FILES)

    async def open(self, door: Door) -> None:
        """Listen there.

        Raises:
            ServiceError: nobody can.
        """
        limits = self._limits
        try:
            server = await serve(
                self._attend,
                door.host,
                door.port,
                select_subprotocol=_select_subprotocol,
                process_request=self._answer,
                process_response=_guard,
                create_connection=cast(Any, partial(self._make_connection, door)),
                compression=None,
                server_header=None,
                open_timeout=limits.open_timeout_s,
                close_timeout=limits.close_timeout_s,
                max_size=limits.message_bytes,
                max_queue=4,
                write_limit=limits.write_bytes,
                logger=LibraryLog(self._log, self.notices),
            )
        except (OSError, UnicodeError) as error:
            raise cannot_listen(door.host, door.port, error) from error
        door.port = server.sockets[0].getsockname()[1]
        self._servers[door] = server

    def listens(self, door: Door) -> bool:
        """Whether a door is open."""
        return door in self._servers

    def stop_listening(self, door: Door) -> Server:
        """Let nobody in by a door any more; those who came by it stay."""
        server = self._servers.pop(door)
        server.close(close_connections=False)
        return server

    async def shut(
        self, door: Door, server: Server, partings: Sequence["asyncio.Future[None]"]
    ) -> None:
        """Wait until all who came by a door have gone; cut off those in a handshake.

        Args:
            door, server: no longer listened at.
            partings: of those who were said goodbye to.
        """
        if partings:
            await asyncio.wait(partings)
        for connection in list(self.connections):  # still in a handshake
            if connection.door is door:
                connection.transport.abort()
        await server.wait_closed()

    def _make_connection(
        self, door: Door, /, *args: Any, **kwargs: Any
    ) -> Connection | TlsHandshake:
        connection = Connection(
            *args,
            limits=self._limits,
            others=self.connections,
            lobby=self.lobby,
            door=door,
            **kwargs,
        )
        return connection if door.ssl is None else TlsHandshake(connection, door.ssl)

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a request that is not, or must not become, a WebSocket; None lets it go on."""
        client = cast(Connection, connection)
        outcome = self._site.judge(client, request)
        tls = client.door.ssl is not None
        if not isinstance(outcome, Page) and self.full:
            outcome = Page.text(HTTPStatus.SERVICE_UNAVAILABLE, "too many clients")
        if isinstance(outcome, EventsAdmission):
            response = reply(events.page(outcome.origin), tls=tls)
            if request.method == "GET":
                client.token = outcome.token
                # The transport is another's then, so that nobody sends the response again.
                self._site.send_events(client, outcome.asked, head=response.serialize())
            return response
        if isinstance(outcome, Admission):
            if outcome.authorized:
                client.let_in(outcome.token)
            return None
        page = outcome.without_body() if request.method == "HEAD" else outcome
        return reply(page, tls=tls)

    async def _attend(self, connection: ServerConnection) -> None:
        await self._site.attend(cast(Connection, connection))


def _select_subprotocol(
    connection: ServerConnection, offered: Sequence[Subprotocol]
) -> Subprotocol | None:
    speaks = cast(Connection | TlsHandshake, connection).speaks
    if speaks in offered:
        return Subprotocol(speaks)
    if offered:
        raise NegotiationError(f"this service speaks {speaks}, not {', '.join(offered)}")
    return None


def _guard(connection: ServerConnection, request: Request, response: Response) -> None:
    guard(response, tls=cast(Connection, connection).door.ssl is not None)
