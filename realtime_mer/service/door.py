"""``Door``: one address that a service listens on, and what it asks of those who come."""

import ssl
from dataclasses import dataclass, replace

from realtime_mer.service.gate import Gate
from realtime_mer.wire import access
from realtime_mer.wire.protocol import Hello


@dataclass(kw_only=True, eq=False)
class Door:
    """An address with a gate behind it; a service may have several, of one session.

    Attributes:
        host, port: where it is; the port is 0 until it is bound to any free one.
        ssl: context for TLS; None for plain text.
        gate: judges requests.
    """

    host: str
    port: int
    ssl: ssl.SSLContext | None
    gate: Gate

    @property
    def url(self) -> str:
        """Where a client on this machine connects."""
        host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        scheme = "ws" if self.ssl is None else "wss"
        return f"{scheme}://{access.authority(host, self.port)}"

    def greeting(self, hello: Hello) -> Hello:
        """Return what is said first to those who come by this door."""
        return replace(hello, authorization_required=self.gate.token is not None)
