"""A name on the local network, by multicast DNS: ``http://NAME.local:PORT/`` for phones nearby.

What it needs is the extra ``mdns``, and is imported where a name is wished for.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from realtime_mer.errors import InputError, ServiceError
from realtime_mer.wire.access import is_address, is_loopback
from realtime_mer.wording import installing

if TYPE_CHECKING:
    from zeroconf import Zeroconf

OWN_TYPE = "_realtime-mer._tcp.local."
"""What programs look for that want to find sessions."""

_TAKEN_MS = 1500  # for whoever has the name already to say so


def check_name(text: str, *, host: str) -> str:
    """Return a name as it stands before ``.local``.

    Args:
        text: what was asked for.
        host: what the service listens on.

    Raises:
        InputError: it can be no name, nobody could come by it, or something is to be installed.
    """
    if is_loopback(host):
        raise InputError(f"--mdns {text} is of no use on this machine alone: give --host 0.0.0.0.")
    name = text.lower().removesuffix(".").removesuffix(".local")
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name):
        raise InputError(f"--mdns {text!r}: a name has letters, digits and hyphens, such as mer.")
    if find_spec("zeroconf") is None:
        raise InputError(f"--mdns needs zeroconf: {installing('mdns')}.")
    return name


@contextmanager
def announced(
    name: str, *, addresses: Sequence[str], port: int, tls: bool, interfaces: Sequence[str] = ()
) -> Iterator[None]:
    """Be called by a name on the local network for as long as this lasts.

    Args:
        name: as of ``check_name``.
        addresses: of this machine, that the name leads to.
        port: of the service.
        tls: whether it has a certificate.
        interfaces: addresses of those network cards that are used; all without any.

    Raises:
        ServiceError: another machine has that name, or the network takes no such messages.
    """
    from zeroconf import Error, InterfaceChoice, ServiceInfo, Zeroconf

    there = [address for address in addresses if is_address(address)]
    server = f"{name}.local."
    try:
        network = Zeroconf(interfaces=list(interfaces) or InterfaceChoice.All)
    except OSError as error:
        raise ServiceError(f"--mdns {name}: the network does not take it: {error}.") from error
    try:
        _refuse_taken(network, server, there)
        for kind in ("_https._tcp.local." if tls else "_http._tcp.local.", OWN_TYPE):
            network.register_service(
                ServiceInfo(
                    kind,
                    f"realtime-mer {name}.{kind}",
                    port=port,
                    server=server,
                    parsed_addresses=there,
                    properties={"path": "/"},
                )
            )
    except (Error, OSError) as error:
        network.close()
        reason = str(error) or type(error).__name__
        raise ServiceError(f"--mdns {name}: it cannot be announced: {reason}.") from error
    except ServiceError:
        network.close()
        raise
    try:
        yield
    finally:
        network.close()  # says that it is gone


def _refuse_taken(network: "Zeroconf", server: str, own: Sequence[str]) -> None:
    """Refuse a name by which another machine is called.

    Raises:
        ServiceError: one answers to it.
    """
    from zeroconf import AddressResolver  # type: ignore[attr-defined]

    other = AddressResolver(server)
    if other.request(network, _TAKEN_MS):
        strangers = sorted(set(other.parsed_addresses()) - set(own))
        if strangers:
            raise ServiceError(
                f"--mdns {server.partition('.')[0]}: {strangers[0]} is called so already; give "
                "another name."
            )
