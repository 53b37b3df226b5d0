"""``Door``: one address that a service listens on, and what it asks of those who come."""

import ssl
from dataclasses import dataclass

from realtime_mer.service.gate import Gate
from realtime_mer.wire import access


@dataclass(kw_only=True, eq=False)
class Door:
    """An address with a gate behind it; a service may have several, of one session.

    Attributes:
        host, port: where it is; the port is 0 until it is bound to any free one.
        token: what has to be shown, where one does for everything behind it; else None.
        ssl: context for TLS; None for plain text.
        gate: judges requests.
    """

    host: str
    port: int
    token: str | None
    ssl: ssl.SSLContext | None
    gate: Gate

    @property
    def url(self) -> str:
        """Where a client on this machine connects."""
        host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        scheme = "ws" if self.ssl is None else "wss"
        return f"{scheme}://{access.authority(host, self.port)}"
