"""Where a service may listen, looked at without starting one."""

import errno
import socket
import sys

from realtime_mer.errors import InputError, ServiceError
from realtime_mer.wire import access


def usual_address(host: str) -> str:
    """Return the address that a host's name stands for where it stands for more than one.

    A service on "localhost" would listen on two addresses, for port 0 even on two ports.
    """
    return "127.0.0.1" if host == "localhost" else host


def check_port(port: int) -> None:
    """Refuse a number that is no port.

    Raises:
        InputError: it is none.
    """
    if not 0 <= port <= 65535:
        raise InputError(f"port {port} does not exist: choose 0 (any free one) to 65535")


def check_token(token: str, *, host: str, weak: bool = False) -> None:
    """Refuse a token that cannot stand in an address, or that others could guess.

    Args:
        token: what subscribers are to show.
        host: what the service listens on; beyond loopback 128 bits of randomness are wanted.
        weak: whether fewer will do.

    Raises:
        InputError: it is empty, or holds a space or anything beyond ASCII; or it is too weak.
    """
    if not (token and all("!" <= letter <= "~" for letter in token)):
        raise InputError("the token must be ASCII letters, digits and signs without spaces")
    if weak or access.is_loopback(host):
        return
    bits = access.randomness_bits(token)
    if bits < access.ENOUGH_BITS:
        raise InputError(
            f"the token looks like {bits:.0f} bits of randomness, and a service that others reach "
            f"needs {access.ENOUGH_BITS}: leave --token out and one is made up, or insist with "
            "--weak-token"
        )


def allow_files(wanted: int) -> None:
    """Let this process have so many files open, sockets among them, as far as the system lets it.

    A limit that is higher stays. Windows has none.
    """
    if sys.platform != "win32":
        import resource

        now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        if now == resource.RLIM_INFINITY:
            return
        allowed = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        if allowed > now:
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))


def check_free(host: str, port: int) -> None:
    """Refuse a port that is taken now, or a host that is not there.

    Raises:
        InputError: the port is no port.
        ServiceError: nobody could listen there.
    """
    check_port(port)
    try:
        places = socket.getaddrinfo(
            usual_address(host) or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        raise cannot_listen(host, port, error) from error
    for family, kind, number, _, address in places if port else ():
        with socket.socket(family, kind, number) as listener:
            if sys.platform != "win32":  # there the option would allow a second listener
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:  # as a service does, which listens on both
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                listener.bind(address)
            except OSError as error:
                raise cannot_listen(host, port, error) from error


def cannot_listen(host: str, port: int, error: OSError | UnicodeError) -> ServiceError:
    """Return what is said where the system gives no place to listen."""
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return ServiceError(
            f"port {port} on {host} is in use by another program: choose another with --port, "
            "or --port 0 for any free one"
        )
    if isinstance(error, PermissionError):
        return ServiceError(f"port {port} may not be used by this user: choose another with --port")
    return ServiceError(f"cannot listen on {host} port {port}: {error}; choose another --host")
