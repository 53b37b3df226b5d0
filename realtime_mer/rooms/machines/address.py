"""Where NATS is, and what it is shown (pure)."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from realtime_mer.errors import InputError

_PORT = 4222
_SCHEMES = ("nats", "tls")


@dataclass(frozen=True, kw_only=True, slots=True)
class NatsAddress:
    """One or several servers of NATS that belong together.

    Attributes:
        urls: of them; they may hold a user and a password, or a token.
        ca: path of a PEM file with the authority to trust; None for those this machine trusts.
    """

    urls: tuple[str, ...]
    ca: str | None = None

    @property
    def shown(self) -> str:
        """The same for people, without what is secret."""
        return ", ".join(
            f"{parts.scheme}://{host}:{parts.port or _PORT}"
            for parts in map(urlsplit, self.urls)
            for host in [f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname]
        )

    @property
    def secure(self) -> bool:
        """Whether it is reached by TLS alone."""
        return self.ca is not None or any(url.startswith("tls:") for url in self.urls)


def nats_address(text: str, *, ca: str | None = None) -> NatsAddress:
    """Return where NATS is.

    Args:
        text: an address such as ``nats://host:4222`` or ``tls://user:word@host``, or several of
            them with commas in between.
        ca: as in ``NatsAddress``.

    Raises:
        InputError: it is no such address.
    """
    urls = tuple(part.strip() for part in text.split(","))
    for url in urls:
        try:
            parts = urlsplit(url)
            good = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
        except ValueError:  # a port that is none, a bracket too many
            good = False
        if not good or parts.path.strip("/") or parts.query or parts.fragment:
            # Not shown: a mistyped address holds a password, too.
            raise InputError(
                "--nats takes the address of a server of NATS, such as nats://host:4222, "
                "tls://host or nats://user:password@host; several with commas in between"
            )
    return NatsAddress(urls=urls, ca=ca)
