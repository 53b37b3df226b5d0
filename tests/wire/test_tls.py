"""A service with a certificate, and clients that trust it or not."""

import http.client
import socket
import ssl
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from realtime_mer.client.streams import subscribe
from realtime_mer.errors import InputError, ServiceError
from realtime_mer.service.connection import Limits
from realtime_mer.service.server import Service
from realtime_mer.wire.protocol import Bye, Hello
from realtime_mer.wire.tls import client_context, server_context
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate

HELLO = Hello(server_version="0.1.0", model="default", hop=0.1, window=3.0, sample_rate=24000)


class Files:
    """A certificate for 127.0.0.1, its key and the authority that signed it, in PEM files."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        issued = authority.issue_cert("127.0.0.1")
        self.ca = folder / "ca.pem"
        self.cert = folder / "cert.pem"
        self.key = folder / "key.pem"
        self.both = folder / "both.pem"
        authority.cert_pem.write_to_path(self.ca)
        issued.cert_chain_pems[0].write_to_path(self.cert)
        issued.private_key_pem.write_to_path(self.key)
        issued.private_key_and_cert_chain_pem.write_to_path(self.both)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("tls"))


@pytest.mark.parametrize("together", [False, True])
def test_a_client_that_trusts_the_certificate_is_served_over_tls(
    files: Files, together: bool
) -> None:
    context = (
        server_context(str(files.both), None)
        if together
        else server_context(str(files.cert), str(files.key))
    )
    with Service(hello=HELLO, port=0, ssl=context) as service:
        assert service.url.startswith("wss://")
        service.publish(sample_estimate(seq=3))
        with subscribe(service.url, ca=str(files.ca)) as messages:
            assert next(messages) == sample_estimate(seq=3)


def test_a_client_that_does_not_trust_the_certificate_says_what_to_do(files: Files) -> None:
    context = server_context(str(files.cert), str(files.key))
    with (
        Service(hello=HELLO, port=0, ssl=context) as service,
        subscribe(service.url) as messages,
        pytest.raises(ServiceError, match="--ca"),
    ):
        next(messages)


def test_files_that_make_no_certificate_are_refused(files: Files, tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("hello")
    for cert, key in [(nonsense, files.key), (files.cert, nonsense), (files.cert, None)]:
        with pytest.raises(InputError, match=r"no certificate with its unencrypted key") as caught:
            server_context(str(cert), None if key is None else str(key))
        assert f"--cert {cert} and --key {key or cert} are" in str(caught.value)
        assert "(None)" not in str(caught.value)
    with pytest.raises(InputError, match="no certificate in PEM form"):
        client_context(str(nonsense))


def test_files_that_are_not_there_are_told(files: Files) -> None:
    with pytest.raises(InputError, match=r"missing\.pem cannot be read: No such file"):
        server_context("missing.pem", None)
    with pytest.raises(InputError, match=r"missing\.pem cannot be read"):
        client_context("missing.pem")


def test_an_encrypted_key_is_refused_rather_than_asked_a_password_for(
    files: Files, tmp_path: Path
) -> None:
    locked = tmp_path / "locked.pem"
    key = load_pem_private_key(files.key.read_bytes(), password=None)
    locked.write_bytes(
        key.private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"s3cret")
        )
    )
    with pytest.raises(InputError, match="unencrypted"):
        server_context(str(files.cert), str(locked))


def test_old_tls_is_not_spoken(files: Files) -> None:
    context = server_context(str(files.cert), str(files.key))
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(("path", "status"), [("/", 200), ("/healthz", 200), ("/nothing", 404)])
def test_over_tls_every_answer_tells_browsers_to_keep_to_it_for_a_day(
    files: Files, path: str, status: int
) -> None:
    context = server_context(str(files.cert), str(files.key))
    with Service(hello=HELLO, port=0, ssl=context) as service:
        asking = http.client.HTTPSConnection(
            "127.0.0.1", service.port, timeout=PATIENCE_S, context=client_context(str(files.ca))
        )
        asking.request("GET", path)
        answer = asking.getresponse()
        assert answer.status == status
        assert answer.getheader("Strict-Transport-Security") == "max-age=86400"
        asking.close()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx", b"405"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\n\r\n", b"426"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"505"),
    ],
)
def test_over_tls_so_does_what_answers_a_request_that_cannot_be_read(
    files: Files, request_: bytes, status: bytes
) -> None:
    with (
        service_of(files) as service,
        socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE_S) as plain,
        client_context(str(files.ca)).wrap_socket(plain, server_hostname="127.0.0.1") as sock,
    ):
        sock.sendall(request_)
        answer = b""
        while data := sock.recv(65536):
            answer += data
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"\r\nStrict-Transport-Security: max-age=86400\r\n" in answer


# Connections that never become clients


def service_of(files: Files, **limits: Any) -> Service:
    context = server_context(str(files.cert), str(files.key))
    return Service(hello=HELLO, port=0, ssl=context, limits=Limits(**limits))


def ended(sock: socket.socket) -> bool:
    with suppress(ConnectionResetError):
        return sock.recv(100) == b""
    return True


@pytest.mark.parametrize("first", [b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"])
def test_one_that_does_not_finish_the_tls_handshake_is_cut_off(files: Files, first: bytes) -> None:
    with (
        service_of(files, open_timeout_s=0.1) as service,
        socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE_S) as slow,
    ):
        slow.sendall(first)
        while not ended(slow):  # before the end TLS may send an alert
            pass


def test_those_in_the_tls_handshake_are_bounded_too(files: Files) -> None:
    limits = {"connections": 1, "waiting": 2, "open_timeout_s": 600}
    with service_of(files, **limits) as service:
        service.publish(sample_estimate(seq=3))
        with subscribe(service.url, ca=str(files.ca)) as messages, ExitStack() as stack:
            assert next(messages) == sample_estimate(seq=3)
            address = ("127.0.0.1", service.port)
            knocking = [
                stack.enter_context(socket.create_connection(address, timeout=PATIENCE_S))
                for _ in range(3)
            ]
            assert ended(knocking[0])
            service.publish(sample_estimate(seq=4))
            assert next(messages) == sample_estimate(seq=4)


def test_stopping_waits_for_no_tls_handshake(files: Files) -> None:
    with (
        service_of(files, open_timeout_s=600) as service,
        socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE_S) as knocking,
        subscribe(service.url, ca=str(files.ca), reconnect=False, events=True) as messages,
    ):
        assert isinstance(next(messages), Hello)  # so the other was let in before
        service.close("good night")
        assert ended(knocking)
        assert list(messages) == [Bye(reason="good night")]


def test_a_client_that_takes_the_wrong_scheme_is_told_the_other(files: Files) -> None:
    with service_of(files) as service, pytest.raises(ServiceError, match=r"with wss://"):
        next(subscribe(service.url.replace("wss:", "ws:")))
    with Service(hello=HELLO, port=0) as service, pytest.raises(ServiceError, match=r"with ws://"):
        next(subscribe(service.url.replace("ws:", "wss:")))
