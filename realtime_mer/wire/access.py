"""Who may reach the service: addresses, names, origins and tokens (pure, no socket)."""

import hmac
import ipaddress
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

_HOST = re.compile(r"[a-z0-9.-]+|[0-9a-f:.]+")


def is_address(host: str) -> bool:
    """Whether a host is an IP address rather than a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether a host is this machine and cannot be reached from any other."""
    if is_address(host):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")


def sender(address: str) -> str:
    """Return what an IP address is counted under: itself, or its network where one has many.

    A single house or rented machine has 2⁶⁴ addresses of IPv6.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def host_of(values: Sequence[str], *, prefix: str = "") -> str | None:
    """Return the host of the one ``Host`` or ``Origin`` header in lower case, without the port.

    Args:
        values: every value that the header has in the request.
        prefix: what makes a URL of the value, ``//`` for ``Host``.

    Returns:
        None where there is not exactly one value or it names no host.
    """
    if len(values) != 1:
        return None
    try:
        host = urlsplit(f"{prefix}{values[0]}").hostname
    except ValueError:
        return None
    return host if host is not None and _HOST.fullmatch(host) else None


def authority(host: str, port: int | None) -> str:
    """Return ``HOST``, ``HOST:PORT`` or ``[HOST]:PORT`` as it stands in a URL."""
    bracketed = f"[{host}]" if ":" in host else host
    return bracketed if port is None else f"{bracketed}:{port}"


def port_of(host_header: str) -> int | None:
    """Return the port in a ``Host`` header, None for that of the scheme or one that is nonsense."""
    try:
        return urlsplit(f"//{host_header}").port
    except ValueError:
        return None


def is_own_name(host: str, *, listening_on: str, machine: str) -> bool:
    """Whether a ``Host`` is a name of this service, and not one that was rebound to its address.

    Args:
        host: as of ``host_of``.
        listening_on: what the service was told to listen on.
        machine: this machine's name.
    """
    # DNS rebinding needs a name that an attacker controls; an address cannot be rebound.
    if is_address(host) or is_loopback(host) or host == listening_on.lower():
        return True
    # On a network routers add domains of their own (.local, .lan); there the token guards.
    own_name = machine.lower().partition(".")[0]
    return not is_loopback(listening_on) and host.partition(".")[0] == own_name


def is_trusted_origin(values: Sequence[str], host: str) -> bool:
    """Whether a page may connect: none at all, one of this service's host, or one of loopback.

    Args:
        values: every ``Origin`` header of the request.
        host: what the request took the service for.
    """
    if not values:
        return True
    origin = host_of(values)
    return origin is not None and (origin == host or is_loopback(origin))


def same_token(one: str, other: str) -> bool:
    """Compare in a time that does not tell how much of them is equal."""
    return hmac.compare_digest(one.encode(), other.encode())


def bearer_token(authorization: str) -> str | None:
    """Return the token of an ``Authorization: Bearer`` header; None for another scheme."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
