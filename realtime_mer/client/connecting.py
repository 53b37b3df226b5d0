"""How a client reaches a service: addresses, opening a connection, and pauses between tries.

A refusal becomes an error that says what to do; what may pass by itself is ``Unreachable``.
"""

import ssl
from collections.abc import Mapping
from http import HTTPStatus

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from realtime_mer.errors import InputError, ServiceError
from realtime_mer.wire.protocol import MAX_SERVER_MESSAGE, PROTOCOL

OPEN_TIMEOUT_S = 5.0
"""How long a service may take to answer, and again to say hello."""

_FIRST_DELAY_S = 0.25
_LONGEST_DELAY_S = 10.0
# A network can go away without a word. A program that is busy for a while is no such thing.
_PING_PERIOD_S, _PING_TIMEOUT_S = 5.0, 10.0


class Unreachable(ServiceError):
    """Nobody there for now: worth another try once there was somebody."""


def retry_delay(attempt: int, chance: float) -> float:
    """Return how many seconds to wait before an attempt to connect again.

    It doubles from a quarter of a second to ten, times a chance factor of one half to one, which
    keeps the clients of a restarted service from coming all at once.

    Args:
        attempt: from 0.
        chance: in [0, 1).
    """
    delay = min(_FIRST_DELAY_S * 2.0 ** min(attempt, 10), _LONGEST_DELAY_S)
    return delay * (0.5 + 0.5 * chance)


def normalised(url: str) -> str:
    """Return the address of a service as ``ws://…`` or ``wss://…``.

    Args:
        url: such an address, the same as ``http://…``, or ``HOST:PORT``.

    Raises:
        InputError: it is none of these.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "ws", url
    scheme = {"http": "ws", "https": "wss"}.get(scheme, scheme)
    try:
        parse_uri(f"{scheme}://{rest}")
    except (InvalidURI, ValueError) as error:
        raise InputError(f"{url!r} is no address of a service: give ws://HOST:PORT") from error
    return f"{scheme}://{rest}"


async def open_connection(
    url: str,
    headers: Mapping[str, str],
    context: ssl.SSLContext | None,
    *,
    protocol: str = PROTOCOL,
    write_bytes: int = 1 << 15,
) -> ClientConnection:
    """Return a connection that speaks the protocol; nothing has been said yet.

    Args:
        url: as ``normalised`` returns it.
        headers: of the request.
        context: for ``wss://``, None for ``ws://``.
        protocol: name and version.
        write_bytes: more than so many wait for the network before the next message may be sent.

    Raises:
        Unreachable: nobody answers, or only just not.
        ServiceError: what answers refuses, and will do so again.
    """
    try:
        return await connect(
            url,
            ssl=context,
            subprotocols=[Subprotocol(protocol)],
            additional_headers=headers,
            compression=None,
            proxy=None,
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=1.0,
            ping_interval=_PING_PERIOD_S,
            ping_timeout=_PING_TIMEOUT_S,
            max_size=MAX_SERVER_MESSAGE,
            max_queue=4,
            write_limit=write_bytes,
        )
    except InvalidStatus as error:
        status = error.response.status_code
        if status == HTTPStatus.UNAUTHORIZED:
            raise ServiceError(f"{url} refuses the token: give the right --token") from error
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            raise Unreachable(f"{url} is full or about to stop: try again later") from error
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise Unreachable(
                f"{url} had too many wrong tokens from this address: check --token, and try again "
                f"in {error.response.headers.get('Retry-After', '60')} s"
            ) from error
        raise ServiceError(
            f"{url} is no realtime-mer service, or not by this name (HTTP {status}): use the "
            "address that the session prints"
        ) from error
    except ssl.SSLCertVerificationError as error:
        raise ServiceError(
            f"{url} shows a certificate that is not trusted ({error.verify_message}): give the "
            "right one to trust with --ca"
        ) from error
    except (InvalidMessage, ssl.SSLError, ConnectionResetError) as error:
        other = "wss:// if it has a certificate" if context is None else "ws:// if it has none"
        raise Unreachable(f"{url} broke the connection off: try again, or with {other}") from error
    except InvalidHandshake as error:
        raise Unreachable(f"{url} is no realtime-mer service: {error}") from error
    except (OSError, TimeoutError) as error:
        service = "rooms serve" if "/rooms/" in url else "live"
        raise Unreachable(
            f"nothing answers at {url}: start the service with realtime-mer {service}"
        ) from error
