"""A name on the local network, by multicast DNS: ``http://NAME.local:PORT/`` for phones nearby.

What it needs is the extra ``mdns``, and is imported where a name is wished for.
"""

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from realtime_mer.errors import InputError, ServiceError
from realtime_mer.wire.access import is_address, is_loopback
from realtime_mer.wording import installing

if TYPE_CHECKING:
    from zeroconf import ServiceInfo, Zeroconf

OWN_TYPE = "_realtime-mer._tcp.local."
"""What programs look for that want to find sessions."""

_LOOK_EVERY_S = 5.0

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
    name: str,
    *,
    addresses: Callable[[], Sequence[str]],
    port: int,
    tls: bool,
    interfaces: Sequence[str] = (),
    tell: Callable[[str], None] = lambda _notice: None,
    look_every_s: float = _LOOK_EVERY_S,
) -> Iterator[None]:
    """Be called by a name on the local network for as long as this lasts.

    Args:
        name: as of ``check_name``.
        addresses: returns those of this machine that the name leads to, as they are now.
        port: of the service.
        tls: whether it has a certificate.
        interfaces: addresses of those network cards that are used; all without any.
        tell: is told, in a thread of its own, where the name leads since that has changed.
        look_every_s: seconds from one look at the addresses to the next.

    Raises:
        ServiceError: another machine has that name, or the network takes no such messages.
    """
    from zeroconf import Error, InterfaceChoice, Zeroconf

    there = _real(addresses())
    try:
        network = Zeroconf(interfaces=list(interfaces) or InterfaceChoice.All)
    except OSError as error:
        raise ServiceError(f"--mdns {name}: the network does not take it: {error}.") from error
    with closing(network):  # which says that it is gone
        try:
            _refuse_taken(network, f"{name}.local.", there)
            for info in _services(name, there, port=port, tls=tls):
                network.register_service(info)
        except (Error, OSError) as error:
            raise ServiceError(f"--mdns {name}: it cannot be announced: {_why(error)}.") from error
        over = threading.Event()

        def follow() -> None:
            known = set(there)
            while not over.wait(look_every_s):
                now = _real(addresses())
                if not now or set(now) == known:  # without a network there is nobody to tell
                    continue
                try:
                    network.update_interfaces()
                    for info in _services(name, now, port=port, tls=tls):
                        network.update_service(info)
                except (Error, OSError) as error:
                    tell(f"--mdns {name}: its new address cannot be announced: {_why(error)}.")
                else:
                    tell(f"--mdns {name}: {name}.local leads to {', '.join(now)} now.")
                known = set(now)

        thread = threading.Thread(target=follow, name="mdns", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _real(addresses: Sequence[str]) -> list[str]:
    return [address for address in addresses if is_address(address)]


def _services(
    name: str, addresses: Sequence[str], *, port: int, tls: bool
) -> Iterator["ServiceInfo"]:
    """Yield what browsers of services list: a page, and a session of this program."""
    from zeroconf import ServiceInfo

    for kind in ("_https._tcp.local." if tls else "_http._tcp.local.", OWN_TYPE):
        yield ServiceInfo(
            kind,
            f"realtime-mer {name}.{kind}",
            port=port,
            server=f"{name}.local.",
            parsed_addresses=list(addresses),
            properties={"path": "/"},
        )


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__


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
