"""TLS contexts from files, for the service and for its clients."""

import ssl

from realtime_mer.errors import InputError


def server_context(cert: str, key: str | None) -> ssl.SSLContext:
    """Return what a service needs to speak TLS.

    Args:
        cert: path of a PEM file with the certificate and those between it and its authority.
        key: path of the PEM file with the private key; None where ``cert`` holds it too.

    Raises:
        InputError: a file cannot be read, the two do not belong together, or the key is encrypted.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        # Without a password OpenSSL would ask for one on the terminal.
        context.load_cert_chain(cert, key, password=lambda: b"")
    except ssl.SSLError as error:
        raise InputError(
            f"--cert {cert} and --key {key or cert} are no certificate with its unencrypted key "
            f"in PEM form ({error.reason or error})."
        ) from error
    except OSError as error:
        raise InputError(
            f"--cert {cert} or --key {key or cert} cannot be read: {error.strerror}."
        ) from error
    return context


def client_context(ca: str | None, *, option: str = "--ca") -> ssl.SSLContext:
    """Return what a client needs to speak TLS with a service.

    Args:
        ca: path of a PEM file with the authority, or the service's own certificate, to trust; None
            for the authorities that this machine trusts.
        option: what an error is to call the file.

    Raises:
        InputError: the file cannot be read or holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=ca)
    except ssl.SSLError as error:
        raise InputError(
            f"{option} {ca} holds no certificate in PEM form: give the one that the service has."
        ) from error
    except OSError as error:
        raise InputError(f"{option} {ca} cannot be read: {error.strerror}.") from error
