"""Whoever follows a live session from outside: subscribers, lights and the like, who records it."""

import secrets
import ssl
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rich.console import Console

from realtime_mer.outlets.mapped import MappedOutlet
from realtime_mer.outlets.mapping.tables import Plan
from realtime_mer.outlets.outlet import Outlet
from realtime_mer.service.connection import Limits
from realtime_mer.service.links import hosts_of, links, qr_code
from realtime_mer.service.server import Service
from realtime_mer.sessions.recording import Deck
from realtime_mer.wire import access
from realtime_mer.wire.protocol import (
    MAX_OUTLETS,
    Event,
    Hello,
    Marker,
    OutletState,
    RecordingState,
    StatusMessage,
)
from realtime_mer.wire.settings import Change, Settings
from realtime_mer.wire.tls import server_context

_MOST_NOTICES = 100
_TELL_OUTLETS_EVERY_S = 10.0


@dataclass(frozen=True, kw_only=True)
class ServiceOptions:
    """The service that ``realtime-mer live`` was asked for.

    Attributes:
        host, port: where it listens.
        token: what it asks for; None for one of its own beyond loopback, and none on it.
        cert, key: paths of PEM files for TLS; None for plain text.
        clients: most subscribers at a time.
        weak_token: whether a token that could be guessed will do beyond loopback.
        mdns: what this machine is called on the network, before ``.local``; None for nothing.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    token: str | None = None
    cert: str | None = None
    key: str | None = None
    clients: int = 256
    weak_token: bool = False
    mdns: str | None = None

    def context(self) -> ssl.SSLContext | None:
        """Return what makes TLS of a connection; None for plain text.

        Raises:
            InputError: the certificate or its key cannot be used.
        """
        return None if self.cert is None else server_context(self.cert, self.key)

    def open(self, hello: Hello, *, controls: bool = False) -> Service:
        """Return the service, not started yet.

        Args:
            hello: what subscribers are told.
            controls: whether a page on this machine may change settings; it needs a key.

        Raises:
            InputError: a setting cannot be used.
        """
        token = self.token
        if token is None and not access.is_loopback(self.host):
            token = secrets.token_urlsafe()
        return Service(
            hello=hello,
            host=self.host,
            port=self.port,
            token=token,
            weak_token=self.weak_token,
            name=self.mdns,
            ssl=self.context(),
            key=secrets.token_urlsafe() if controls else None,
            limits=Limits(connections=self.clients),
        )

    @contextmanager
    def called(self, service: Service, *, tell: Callable[[str], None]) -> Iterator[None]:
        """Have the name on the network that is wished for, if any, while this lasts.

        Args:
            service: which is running.
            tell: is told, from another thread, where the name leads since that has changed.

        Raises:
            ServiceError: it cannot be had.
        """
        if self.mdns is None:
            yield
            return
        from realtime_mer.service.mdns import announced

        with announced(
            self.mdns,
            addresses=partial(hosts_of, self.host),
            port=service.port,
            tls=self.cert is not None,
            tell=tell,
        ):
            yield

    def link(self, service: Service) -> str | None:
        """Return the display's address for a phone; None where only this machine gets in."""
        if access.is_loopback(self.host):
            return None
        tls = self.cert is not None
        return links(self.host, service.port, token=service.token, tls=tls)[0]

    def announce(self, service: Service, console: Console) -> None:
        """Print where the service is; on a network with a QR code for a phone."""
        console.print(f"Service: {service.url}")
        # A token that was chosen is known; it need not stand in the log of a service manager.
        generated = self.token is None
        token = service.token if generated or console.is_terminal else None
        tls = self.cert is not None
        # Nor does the key that lets a page change settings: it is for eyes on this machine.
        key = service.key if console.is_terminal else None
        here = access.is_loopback(self.host)
        addresses = links(self.host, service.port, token=token, tls=tls, key=key if here else None)
        if self.mdns is not None:
            name = f"{self.mdns}.local"
            console.print(f"Display: {links(name, service.port, token=token, tls=tls)[0]}")
        for address in addresses:
            console.print(f"Display: {address}")
        if key is not None and not here and not tls:
            (own,) = links("127.0.0.1", service.port, token=token, tls=tls, key=key)
            console.print(f"Display and settings, on this machine: {own}")
        unicode = console.encoding.lower().startswith("utf")
        if console.is_terminal and unicode and not access.is_loopback(self.host):
            console.print(qr_code(addresses[0]))


class Outlets:
    """Everything that a session's events leave by; ``publish`` is for one thread and never blocks.

    Args:
        deck: records the session, and tells everybody else what is recorded; None for nobody.

    Attributes:
        services: the running services, the public one first; they are outlets too.
        mapped: what sends as mappings say; None where there is none.
    """

    def __init__(self, *, deck: Deck | None = None) -> None:
        self.services: list[Service] = []
        self.mapped: MappedOutlet | None = None
        self._notices: deque[str] = deque(maxlen=_MOST_NOTICES)
        self._deck = deck
        self._status: StatusMessage | None = None
        self._told: RecordingState | None = None  # to everybody
        self._told_outlets: tuple[OutletState, ...] = ()
        self._told_at = 0.0

    def open_mapped(
        self, plans: Sequence[Plan], maps: Sequence[Path], *, hello: Hello
    ) -> MappedOutlet:
        """Begin to send what mappings say.

        Raises:
            InputError: one of them cannot be used.
        """
        self.mapped = MappedOutlet(plans=plans, files=maps, tell=self.tell, hello=hello)
        return self.mapped

    def publish(self, event: Event) -> None:
        """Send an event to everybody; it is recorded as it is."""
        if self._deck is not None:
            self._deck.publish(event)
        if isinstance(event, StatusMessage):
            self._status = event
            event = self._told_of(event)
        else:
            self.tell_recording()
        self._send(event)

    def tell_recording(self) -> None:
        """Send the latest status again if what is recorded has changed since. From any thread."""
        status, deck = self._status, self._deck
        if status is not None and deck is not None and self._told != deck.state:
            self._send(self._told_of(status))

    def tell_outlets(self) -> None:
        """Send the latest status to displays again if outlets fare otherwise. From any thread.

        At once where one is lost or back; where they but counted on, after a time.
        """
        status = self._status
        if status is None or self.mapped is None:
            return
        states = self.mapped.states()
        late = time.monotonic() - self._told_at >= _TELL_OUTLETS_EVERY_S
        same = [state.state for state in states] == [state.state for state in self._told_outlets]
        if not same or (late and states != self._told_outlets):
            status = self._told_of(status)
            for service in self.services:
                service.publish(status)

    def _told_of(self, status: StatusMessage) -> StatusMessage:
        """Return a status that tells every display what is recorded and how outlets fare."""
        self._told = self._deck.state if self._deck is not None else None
        self._told_outlets = () if self.mapped is None else self.mapped.states()
        self._told_at = time.monotonic()
        return replace(status, recording=self._told, outlets=self._told_outlets[:MAX_OUTLETS])

    def _send(self, event: Event) -> None:
        for outlet in self._all:
            outlet.publish(event)

    def take_markers(self) -> list[Marker]:
        """Return the markers that subscribers set since the last call.

        The service has sent them to its subscribers; they are recorded and go out by the mappings.
        """
        markers = [marker for service in self.services for marker in service.take_markers()]
        for marker in markers:
            if self._deck is not None:
                self._deck.publish(marker)
            if self.mapped is not None:
                self.mapped.publish(marker)
        return markers

    def take_changes(self) -> list[Change]:
        """Return what pages that may change settings have asked for since the last call."""
        return [change for service in self.services for change in service.take_changes()]

    def tell_settings(self, settings: Settings) -> None:
        """Tell pages that may change settings how they stand."""
        for service in self.services:
            service.tell_settings(settings)

    def refuse_change(self, message: str) -> None:
        """Tell pages that may change settings that something could not be changed."""
        for service in self.services:
            service.refuse_change(message)

    def faults(self) -> dict[str, int]:
        """Return what did not reach anybody, counted."""
        faults: Counter[str] = Counter()
        for outlet in self._all:
            faults.update(outlet.faults())
        return dict(faults)

    def tell(self, notice: str) -> None:
        """Take what people should know, a line. From any thread."""
        self._notices.append(notice)

    def take_notices(self) -> list[str]:
        """Return what people should know of what leaves, a line each."""
        return [self._notices.popleft() for _ in range(len(self._notices))]

    @property
    def _all(self) -> list[Outlet]:
        return [*self.services, *([] if self.mapped is None else [self.mapped])]


def counted_faults(counts: Mapping[str, int]) -> list[str]:
    """Return what was lost, for people: one statement a line, nothing of what was not."""
    return [f"{count} {what}" for what, count in counts.items() if count]


def open_outlets(
    *,
    hello: Hello,
    service: ServiceOptions | None,
    plans: Sequence[Plan] = (),
    maps: Sequence[Path] = (),
    console: Console,
    stack: ExitStack,
    deck: Deck | None = None,
    controls: bool = False,
) -> Outlets:
    """Start what is wanted; the stack ends it.

    Args:
        hello: what subscribers are told.
        service: the public one; None for none.
        plans, maps: what goes where, as it stands and as files that may change meanwhile.
        console: is told where the service is.
        stack: ends everything.
        deck: records the session; the caller ends it. None for nothing.
        controls: whether a page on this machine may change settings.

    Raises:
        InputError: a setting cannot be used.
        ServiceError: the service cannot start.
    """
    outlets = Outlets(deck=deck)
    if plans or maps:
        mapped = outlets.open_mapped(plans, maps, hello=hello)
        stack.callback(mapped.close)
        for target in mapped.targets:
            console.print(f"Sending to {target.url.shown}")
    if service is not None:
        started = stack.enter_context(service.open(hello, controls=controls))
        stack.enter_context(service.called(started, tell=outlets.tell))
        outlets.services.append(started)
        service.announce(started, console)
    return outlets
