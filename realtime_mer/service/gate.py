"""``Gate`` decides what a request gets: a page, a refusal, or a WebSocket (pure, no socket)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from http import HTTPStatus
from math import ceil
from typing import Protocol

from websockets.datastructures import Headers

from realtime_mer.errors import InputError
from realtime_mer.service import events
from realtime_mer.service.guesses import Guesses
from realtime_mer.service.pages import METHODS, NOW, Page, answer, not_allowed, token_needed
from realtime_mer.web import Asset, asset
from realtime_mer.wire import access
from realtime_mer.wire.protocol import Hello, Subscribe
from realtime_mer.wire.public import PublicAddress


@dataclass(frozen=True, kw_only=True, slots=True)
class Admission:
    """A request may become a WebSocket.

    Attributes:
        authorized: whether it showed the token, or there is none.
        token: that it showed, None for none.
    """

    authorized: bool
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class EventsAdmission:
    """A request may get server-sent events.

    Attributes:
        asked: for what.
        origin: of the page that asks; None for no page.
        token: that was shown, None for none.
    """

    asked: Subscribe
    origin: str | None
    token: str | None = field(default=None, repr=False)


class Verdict(Enum):
    """What is said to a token."""

    RIGHT = auto()
    WRONG = auto()
    TOO_SOON = auto()
    """Its address showed wrong ones and has to wait; it was not looked at, or it is wrong."""


class Rights(Protocol):
    """What has to be shown."""

    @property
    def asked(self) -> bool:
        """Whether anything has to be shown."""

    @property
    def guessable(self) -> bool:
        """Whether it could be found by trying."""

    def accepts(self, token: str) -> bool:
        """Whether this is it."""


class OneToken:
    """The rights of whoever knows one token, or of everybody.

    Args:
        token: what has to be shown; None for nothing.
    """

    def __init__(self, token: str | None) -> None:
        self._token = token
        # Once, since strangers may ask as often as they like.
        self._guessable = access.randomness_bits(token or "") < access.ENOUGH_BITS

    @property
    def asked(self) -> bool:
        """As ``Rights`` promises."""
        return self._token is not None

    @property
    def guessable(self) -> bool:
        """As ``Rights`` promises."""
        return self._guessable

    def accepts(self, token: str) -> bool:
        """As ``Rights`` promises."""
        return self._token is not None and access.same_token(token, self._token)


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """Judges requests.

    Attributes:
        host: what the service listens on.
        names: of this machine.
        public: by which others reach it through a proxy, whatever the proxy says; None for nothing.
        rights: what a client has to show.
        metrics: gives the body and content type of ``/metrics``.
        now: gives the latest estimate as JSON; None before there is one.
        told: is told one line when an address has to wait for its wrong tokens.
        guesses: the wrong tokens so far.
        pages: what is told at further paths to whoever shows a token, by that.
        files: gives what a browser gets for a path; None where there is nothing.
    """

    host: str
    names: tuple[str, ...]
    rights: Rights
    public: PublicAddress | None = None
    metrics: Callable[[], tuple[bytes, str]]
    now: Callable[[], str | None] = lambda: None
    told: Callable[[str], None] = lambda line: None
    guesses: Guesses = field(default_factory=Guesses)
    pages: Mapping[str, Callable[[str | None], Page]] = field(default_factory=dict)
    files: Callable[[str], Asset | None] = asset

    def greeting(self, hello: Hello) -> Hello:
        """Return what is said first to those who were let through."""
        return replace(hello, authorization_required=self.rights.asked)

    def check(self, token: str, *, address: str, now: float) -> Verdict:
        """Return what is said to a token that came from an address.

        While an address has to wait for its wrong tokens, the right one still lets in if it cannot
        be guessed: otherwise whoever shares the address could keep its owner out.

        Args:
            token: what was shown.
            address: as of ``access.sender``.
            now: seconds of a steady clock.
        """
        waiting = self.guesses.pause(address, now) > 0
        if waiting and self.rights.guessable:
            return Verdict.TOO_SOON
        if self.rights.accepts(token):
            self.guesses.right(address)
            return Verdict.RIGHT
        if waiting:
            return Verdict.TOO_SOON
        pause = self.guesses.wrong(address, now)
        if pause:
            self.told(f"wrong tokens from {address}: it has to wait {pause:g} s")
        return Verdict.WRONG

    def judge(
        self, method: str, path: str, headers: Headers, *, address: str, now: float
    ) -> Page | Admission | EventsAdmission:
        """Return the page that answers a request, or that it may become what goes on.

        Args:
            method, path, headers: of the request, as they came.
            address, now: where from and when, as for ``check``.
        """
        host = access.host_of(headers.get_all("Host"), prefix="//")
        if host is None or not self._is_own(host):
            return Page.text(HTTPStatus.FORBIDDEN, "not a name of this service")
        if method not in METHODS:
            return not_allowed()
        credentials = headers.get_all("Authorization")
        token = None
        if self.rights.asked and credentials:
            token = access.bearer_token(credentials[0])
            refusal = self._refusal(credentials[0], address=address, now=now)
            if refusal is not None:
                return refusal
        authorized = not self.rights.asked or bool(credentials)
        origins = headers.get_all("Origin")
        trusted = access.is_trusted_origin(origins, host) or (
            # A proxy may call the service by an address of its own.
            self.public is not None and access.host_of(origins) == self.public.host
        )
        place, _, query = path.partition("?")
        websocket = "Upgrade" in headers and place == "/"
        if not trusted and (websocket or place in (NOW, events.PATH, *self.pages)):
            return Page.text(HTTPStatus.FORBIDDEN, "not for pages of other hosts")
        if websocket:
            return Admission(authorized=authorized, token=token)
        origin = origins[0] if origins and trusted else None
        if place == events.PATH:
            return _events(query, origin=origin, token=token) if authorized else token_needed()
        if place in self.pages:
            return self.pages[place](token) if authorized else token_needed()
        return answer(
            path,
            authorities=self._authorities(host, access.port_of(headers["Host"])),
            origin=origin,
            metrics=self.metrics if authorized else None,
            now=self.now if authorized else None,
            files=self.files,
        )

    def _is_own(self, host: str) -> bool:
        if self.public is not None and host == self.public.host:
            return True
        return access.is_own_name(host, listening_on=self.host, names=self.names)

    def _authorities(self, host: str, port: int | None) -> list[str]:
        public = [] if self.public is None else [self.public.authority]
        return list(dict.fromkeys([access.authority(host, port), *public]))

    def _refusal(self, authorization: str, *, address: str, now: float) -> Page | None:
        token = access.bearer_token(authorization)
        verdict = Verdict.WRONG
        if token is not None:
            verdict = self.check(token, address=address, now=now)
        match verdict:
            case Verdict.RIGHT:
                return None
            case Verdict.TOO_SOON:
                wait = ceil(self.guesses.pause(address, now))
                return Page.text(
                    HTTPStatus.TOO_MANY_REQUESTS,
                    f"too many wrong tokens from your address: wait {wait} s",
                    Retry_After=str(wait),
                )
            case Verdict.WRONG:
                return Page.text(HTTPStatus.UNAUTHORIZED, "wrong token", WWW_Authenticate="Bearer")


def _events(query: str, *, origin: str | None, token: str | None) -> Page | EventsAdmission:
    try:
        return EventsAdmission(asked=events.asked_for(query), origin=origin, token=token)
    except InputError as error:
        return Page.text(HTTPStatus.BAD_REQUEST, str(error))
