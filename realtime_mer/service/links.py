"""Where a service can be reached: addresses of this machine, ready-made links, QR codes."""

import socket
from ipaddress import ip_address
from urllib.parse import quote

from rich.text import Text

from realtime_mer.wire import access

_EVERYWHERE = {"": socket.AF_INET, "0.0.0.0": socket.AF_INET, "::": socket.AF_INET6}
# Documentation addresses (RFC 5737, RFC 3849): asking for the way there sends no packet.
_FAR = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}


def links(
    host: str, port: int, *, token: str | None, tls: bool, key: str | None = None
) -> list[str]:
    """Return the addresses of the browser display, the likeliest first.

    Token and key stand in the fragment, which a browser keeps to itself: it is in no request and no
    log.

    Args:
        host, port: what the service listens on; for all addresses each one has its link.
        token: None where the service asks for none.
        tls: whether the service has a certificate.
        key: lets the page change the session's settings; None for one that only watches.
    """
    parts = [
        f"{name}={quote(value, safe='')}"
        for name, value in (("token", token), ("control", key))
        if value is not None
    ]
    fragment = "#" + "&".join(parts) if parts else ""
    scheme = "https" if tls else "http"
    return [f"{scheme}://{access.authority(host, port)}/{fragment}" for host in hosts_of(host)]


def hosts_of(host: str) -> list[str]:
    """Return the addresses that whoever listens on a host is reached at, the likeliest first."""
    family = _EVERYWHERE.get(host)
    return [host] if family is None else _own_addresses(family) or ["localhost"]


def qr_rows(link: str) -> tuple[str, ...]:
    """Return a link as a QR code: rows of 1 for dark and 0 for light, without a border."""
    import segno  # only a session that phones may watch draws a code

    code = segno.make(link, error="m", micro=False)
    return tuple("".join(map(str, row)) for row in code.matrix_iter(border=0))


def qr_code(link: str) -> Text:
    """Return a link as a QR code of half blocks, dark on light whatever the terminal's colours."""
    import segno

    code = segno.make(link, error="l", micro=False)
    rows = [bytes(row) for row in code.matrix_iter(border=2)]
    if len(rows) % 2:
        rows.append(bytes(len(rows[0])))
    blocks = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}
    lines = (
        "".join(blocks[pair] for pair in zip(above, below, strict=True))
        for above, below in zip(rows[::2], rows[1::2], strict=True)
    )
    return Text("\n".join(lines), style="black on bright_white", no_wrap=True)


def _own_addresses(family: socket.AddressFamily) -> list[str]:
    import psutil  # a session for its own machine alone has no need of it

    up = {name for name, stats in psutil.net_if_stats().items() if stats.isup}
    found = [
        entry.address
        for name, entries in psutil.net_if_addrs().items()
        for entry in entries
        # Listening on :: takes both kinds; a link-local address needs a zone nobody types.
        if name in up and entry.family in {socket.AF_INET, family}
        if "%" not in entry.address and _is_reachable(entry.address)
    ]
    first = {_way_out(socket.AF_INET), _way_out(family)}
    return sorted(found, key=lambda address: address not in first)


def _is_reachable(address: str) -> bool:
    parsed = ip_address(address)
    return not (parsed.is_loopback or parsed.is_link_local)


def _way_out(family: socket.AddressFamily) -> str | None:
    """Return the address that other machines see: not a container's bridge, as a rule."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((_FAR[family], 9))
            return str(probe.getsockname()[0])
    except OSError:  # no network of that kind
        return None
