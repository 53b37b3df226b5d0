"""Something that a command asks of NATS once, and then is done with it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import TypeVar

from realtime_mer.errors import ServiceError
from realtime_mer.rooms.machines.address import NatsAddress
from realtime_mer.rooms.machines.link import Away, Link, Unstored
from realtime_mer.rooms.machines.names import Kind, Names

PATIENCE_S = 8.0
"""Seconds after which somebody at a terminal is told that NATS does not answer."""

_T = TypeVar("_T")


async def ask(
    address: NatsAddress,
    step: Callable[[Link], Awaitable[_T]],
    *,
    names: Names,
    kinds: Collection[Kind] = (),
    patience_s: float | None = None,
) -> _T:
    """Connect, do something, and end; return what came of it.

    Args:
        address: of NATS.
        step: what is done.
        names: of the model, or of all.
        kinds: of which the streams and buckets are to be there.
        patience_s: seconds for all of it; None for ``PATIENCE_S``.

    Raises:
        InputError: NATS refuses what it is shown, or has no JetStream.
        ServiceError: it does not answer, or does not store what it is given.
    """

    async def back() -> None:
        pass

    link = Link(address, names, say=lambda line: None, lost=lambda: None, back=back, kinds=kinds)
    try:
        async with asyncio.timeout(PATIENCE_S if patience_s is None else patience_s):
            await link.open()
            return await step(link)
    except Unstored:  # it says why
        raise
    except (TimeoutError, Away) as error:
        raise ServiceError(
            f"NATS at {address.shown} does not answer: see that it runs, with JetStream, and try "
            "again"
        ) from error
    finally:
        await link.close()
