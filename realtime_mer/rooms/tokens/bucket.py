"""Makes and revokes the tokens of all nodes: they lie in NATS, a key a token."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from realtime_mer.errors import ProtocolError
from realtime_mer.rooms.machines.address import NatsAddress
from realtime_mer.rooms.machines.link import Link, Stored
from realtime_mer.rooms.machines.names import Kind, Names
from realtime_mer.rooms.names import Right
from realtime_mer.rooms.nodes.asking import ask
from realtime_mer.rooms.tokens.grants import Grant, check_known, new_grant, parse_grant

_T = TypeVar("_T")


class TokenBucket:
    """The tokens of all nodes (``TokenStore``); each call connects, and ends when it is stored.

    Args:
        address: of NATS.
    """

    def __init__(self, address: NatsAddress) -> None:
        self._address = address

    def grants(self) -> tuple[Grant, ...]:
        """As ``TokenStore`` promises; what cannot be read is left out.

        Raises:
            InputError: NATS refuses what it is shown, or has no JetStream.
            ServiceError: it does not answer.
        """

        async def read(link: Link) -> tuple[Grant, ...]:
            return tuple(grant for _, grant in await _kept(link) if grant is not None)

        return self._asked(read)

    def make(self, room: str, right: Right, *, note: str = "") -> tuple[Grant, str]:
        """As ``TokenStore`` promises."""
        new_grant(room, right, note=note, taken=())  # refused before anybody is asked

        async def write(link: Link) -> tuple[Grant, str]:
            while True:
                grant, token = new_grant(room, right, note=note, taken=())
                # An id that was revoked is not given again either: something stands there.
                if await link.put(Kind.TOKENS, grant.id, grant.encode(), expected=0) is not None:
                    return grant, token

        return self._asked(write)

    def revoke(self, ids: list[str]) -> list[Grant]:
        """As ``TokenStore`` promises."""

        async def write(link: Link) -> list[Grant]:
            kept = await _kept(link)
            check_known(ids, {stored.key for stored, _ in kept})
            revoked = [(stored, grant) for stored, grant in kept if stored.key in ids]
            for stored, _ in revoked:
                await link.put(Kind.TOKENS, stored.key, b"")
            return [grant for _, grant in revoked if grant is not None]

        return self._asked(write)

    def _asked(self, step: Callable[[Link], Awaitable[_T]]) -> _T:
        return asyncio.run(
            ask(self._address, step, names=Names.of_all_models(), kinds=(Kind.TOKENS,))
        )


async def _kept(link: Link) -> list[tuple[Stored, Grant | None]]:
    """Return what stands there, oldest first, with what it says; None where that is no grant."""
    found: list[tuple[Stored, Grant | None]] = []
    for stored in await link.read(Kind.TOKENS):
        if stored.data:
            grant = None
            with suppress(ProtocolError):
                grant = parse_grant(stored.data, key=stored.key)
            found.append((stored, grant))
    return found
