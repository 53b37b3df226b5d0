"""What a wire is: how a value leaves for one kind of gear.

A wire is a module with a ``Wire`` in it. It says which keys tell a place on it, and opens
connections; all else (shaping, threads, queues, reconnecting, counting) is done for it. A wire
imports its library in ``connect`` alone, so that a mapping can be checked without it.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import BaseModel, ConfigDict

from realtime_mer.errors import InputError
from realtime_mer.wire import access
from realtime_mer.wire.protocol import Hello
from realtime_mer.wording import installing

Value = float | int | str | bool
"""What can leave: a number, a text, yes or no."""


class Table(BaseModel):
    """A part of a mapping's file: what it does not know is refused, and it never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


P = TypeVar("P", bound=Table)
O = TypeVar("O", bound=Table)  # noqa: E741  options


@dataclass(frozen=True, kw_only=True)
class Url:
    """Where an output leads, such as ``osc://127.0.0.1:9000`` or ``midi:Synth``.

    Attributes:
        text: as it was written; may hold a password.
        scheme: names the wire.
        host, port: None where there is none.
        user, password: None where there is none.
        path: what comes after them, or after the scheme; percent signs are decoded.
        query: what comes after a question mark.
    """

    text: str
    scheme: str
    host: str | None = None
    port: int | None = None
    user: str | None = None
    password: str | None = None
    path: str = ""
    query: Mapping[str, str] = field(default_factory=dict, hash=False)

    @classmethod
    def parse(cls, text: str) -> "Url":
        """Read an address.

        Raises:
            InputError: it has no scheme, or its port is none.
        """
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as error:
            raise InputError(f"{_shown(text)!r} is no address: {error}.") from error
        if not parts.scheme:
            shown = _shown(text)
            raise InputError(f"{shown!r} is no address: begin with a wire, as in osc://{shown}.")
        return cls(
            text=text,
            scheme=parts.scheme.lower(),
            host=parts.hostname,
            port=port,
            user=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
            path=unquote(parts.path),
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        )

    @property
    def shown(self) -> str:
        """The address for people, without user, password and query."""
        if self.host is None:
            return f"{self.scheme}:{self.path}" if self.path else self.scheme
        return f"{self.scheme}://{access.authority(self.host, self.port)}{self.path}"


def _shown(text: str) -> str:
    """Return an address that cannot be read without user and password, wherever they may be."""
    return re.sub(r"(//|^)[^/]*@", r"\1…@", text)


@dataclass(frozen=True, kw_only=True)
class Message(Generic[P]):
    """A value on its way.

    Attributes:
        place: where it goes on its wire. A newer value for a place takes the place of an older one.
        value: as the receiver gets it.
        t: seconds of sound at the end of the window that it tells of; None for a home position.
        captured_at: ``time.monotonic()`` when the last sample of that window was captured; None
            without a clock.
        once: whether it happens rather than stands (a rule's): none gives way to a newer one, and
            none is sent again or late.
    """

    place: P
    value: Value
    t: float | None = None
    captured_at: float | None = None
    once: bool = False


class Connection(Protocol[P]):
    """An open way to one target. It is used by one thread, which may wait in it."""

    def send(self, messages: Sequence[Message[P]], /) -> int:
        """Send what is due at one moment, in order.

        It may wait some seconds, not longer.

        Returns:
            how many were not taken.

        Raises:
            OSError: the connection is of no more use (``ConnectionError`` and ``TimeoutError`` are
                such); it is closed and opened again.
            ServiceError: the same, with words of your own.
        """

    def close(self) -> None:
        """Let go of everything; raises nothing."""


@runtime_checkable
class Announcing(Connection[P], Protocol[P]):
    """A connection that tells its receivers what they will get, before they get it."""

    def announce(self, places: Collection[P], hello: Hello | None, /) -> None:
        """Take what will be sent; called before the first ``send``, and again when it changes.

        Args:
            places: all that routes and rules lead to.
            hello: what subscribers of the session are told of it; None outside of one.

        Raises:
            OSError, ServiceError: as ``send``.
        """


@dataclass(frozen=True, kw_only=True)
class Wire(Generic[P, O]):
    """One way out of the house.

    Attributes:
        scheme: how addresses on it begin.
        example: such an address.
        place: the keys by which a route or a rule names a place on it.
        options: the keys that an output has besides.
        connect: opens a connection; raises OSError or ServiceError where that fails for now.
        check: refuses an address that can never work, with an InputError; opens nothing.
        misfit: tells what is wrong with a place on an output with such options; None for nothing.
        routes: what an output without routes of its own sends, as it would stand in the file.
        target: the range that values are brought to where a route names none; None leaves them.
        every: whether every value matters, as in a recording, and not only the latest.
        libraries: what it imports in ``connect``.
        extra: what brings them.
    """

    scheme: str
    example: str
    place: type[P]
    options: type[O]
    connect: Callable[[Url, O], Connection[P]]
    check: Callable[[Url], None]
    misfit: Callable[[P, O], str | None] = lambda _place, _options: None
    routes: Sequence[Mapping[str, Any]] = ()
    target: tuple[float, float] | None = None
    every: bool = False
    libraries: tuple[str, ...] = ()
    extra: str | None = None

    def missing(self) -> str | None:
        """Return what to install before it can be used; None where nothing is missing."""
        missing = [name for name in self.libraries if not _is_there(name)]
        if not missing:
            return None
        how = "install it" if self.extra is None else installing(self.extra)
        return f"{self.scheme} needs {', '.join(missing)}: {how}"


def _is_there(library: str) -> bool:
    try:
        return find_spec(library) is not None
    except ModuleNotFoundError:  # what it is a part of
        return False


@dataclass(frozen=True, kw_only=True)
class Target:
    """One end of a wire: what has a connection of its own.

    Two targets with the same address and options are the same.
    """

    wire: Wire[Any, Any] = field(compare=False, repr=False)
    url: Url
    options: Table
