"""What a sender and a room say to each other: opening, hearing, and what an end means."""

import asyncio
import ssl
from collections.abc import Mapping

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from realtime_mer.client.connecting import OPEN_TIMEOUT_S, Unreachable, open_connection
from realtime_mer.errors import ProtocolError, ServiceError
from realtime_mer.wire.sound import (
    SOUND_PROTOCOL,
    Open,
    Ready,
    Refusal,
    ServiceMessage,
    SoundClose,
    encode_sound_message,
    parse_service_message,
)

# With a network that went away without a word, what the system holds is on its way for ever.
_WRITE_BYTES = 1 << 15

# Closes after which coming back with the same words would change nothing.
_FINAL = {
    SoundClose.TOO_BIG,
    SoundClose.BAD_MESSAGE,
    SoundClose.UNAUTHORIZED,
    SoundClose.TAKEN_OVER,
}
# What may pass by itself, and of which whoever begins wants to hear.
_FINAL_AT_FIRST = {SoundClose.ROOM_IS_FED, SoundClose.TOO_MANY_ROOMS}


async def enter(
    url: str, opening: Open, *, context: ssl.SSLContext | None, first: bool
) -> tuple[ClientConnection, Ready]:
    """Return a connection to a room that takes our sound, and what it said.

    Args:
        url: of the room's WebSocket for sound.
        opening: what is said first; its token is shown in the request's header too.
        context: for ``wss://``, None for ``ws://``.
        first: whether there was no such connection before.

    Raises:
        Unreachable: nobody answers, or only just not.
        ServiceError: what answers refuses, and will do so again.
    """
    headers: Mapping[str, str] = (
        {} if opening.token is None else {"Authorization": f"Bearer {opening.token}"}
    )
    connection = await open_connection(
        url, headers, context, protocol=SOUND_PROTOCOL, write_bytes=_WRITE_BYTES
    )
    entered = False
    try:
        async with asyncio.timeout(OPEN_TIMEOUT_S):
            await say(connection, encode_sound_message(opening), url=url)
            ready = await hear(connection, url=url, first=first)
        if not isinstance(ready, Ready):
            raise ServiceError(f"{url} does not take sound: use one version on both sides")
        entered = True
    except TimeoutError as error:
        raise Unreachable(f"{url} answered and fell silent") from error
    finally:
        if not entered:
            await connection.close()
    return connection, ready


async def say(connection: ClientConnection, message: str | bytes, *, url: str) -> None:
    """Send a message.

    Raises:
        Unreachable: the connection is gone.
    """
    try:
        await connection.send(message)
    except ConnectionClosed as error:
        raise Unreachable(f"the connection to {url} is lost") from error


async def hear(connection: ClientConnection, *, url: str, first: bool) -> ServiceMessage | None:
    """Return the next message; None for one that this version does not know.

    Args:
        connection: to the room.
        url: of the room, for the words of an error.
        first: whether the service has not let us in before.

    Raises:
        Unreachable: the connection is gone.
        ServiceError: the service ended it for good.
    """
    refusal = ""
    try:
        while isinstance(message := parse_service_message(str(await connection.recv())), Refusal):
            refusal = message.message
        return message
    except ProtocolError as error:
        raise ServiceError(f"{url} is no room of a realtime-mer service: {error}") from error
    except ConnectionClosed as error:
        code = connection.close_code
        said = refusal or connection.close_reason or f"the connection is lost (code {code})"
        if code == SoundClose.UNAUTHORIZED:
            raise ServiceError(f"{said}; give the right --token") from error
        if code in _FINAL or (first and code in _FINAL_AT_FIRST):
            raise ServiceError(said) from error
        raise Unreachable(f"{url}: {said}") from error
