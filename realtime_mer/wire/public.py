"""The address by which others reach a service that stands behind a proxy (pure)."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from realtime_mer.errors import InputError
from realtime_mer.wire import access

_SECURE = {"https": True, "wss": True, "http": False, "ws": False}


@dataclass(frozen=True, kw_only=True, slots=True)
class PublicAddress:
    """Where others reach a service.

    Attributes:
        secure: whether by TLS.
        host: name or address, in lower case.
        port: None for that of the scheme.
    """

    secure: bool
    host: str
    port: int | None

    @property
    def authority(self) -> str:
        """``HOST`` or ``HOST:PORT``, as it stands in a URL."""
        return access.authority(self.host, self.port)

    @property
    def url(self) -> str:
        """Where a client connects."""
        return f"{'wss' if self.secure else 'ws'}://{self.authority}"


def public_address(text: str) -> PublicAddress:
    """Read an address such as ``https://rooms.example.org``.

    Raises:
        InputError: it is none, or leads to a path: the pages are at the root.
    """
    try:
        parts = urlsplit(text)
        secure, port = _SECURE.get(parts.scheme), parts.port
        host = access.host_of([parts.netloc], prefix="//")
    except ValueError:  # a port that is none, a bracket too many
        secure = host = port = None
    beyond = text.partition("://")[2].removesuffix("/")
    if secure is None or host is None or port == 0 or any(sign in beyond for sign in "/?#@"):
        raise InputError(
            f"--public-url {text!r} is no address of a service: give https://HOST or "
            "https://HOST:PORT, without a path"
        )
    return PublicAddress(secure=secure, host=host, port=port)
