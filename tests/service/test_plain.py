"""Plain HTTP in threads: who gets an answer, what a POST may bring, what is streamed."""

import http.client
import socket
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http import HTTPStatus

import pytest

from realtime_mer.errors import InputError, ServiceError
from realtime_mer.service.pages import Page
from realtime_mer.service.plain import PlainServer, Request, Streamed
from tests.patience import PATIENCE_S

TOKEN = "iq3Xl0vT2k9uVnB7sWcE5yRz"
LONG = 200_000


class Echo(PlainServer):
    """Says what it was asked for."""

    most_body = 10

    def __init__(self, **options) -> None:
        self.closed = threading.Event()
        self.faults: list[BaseException] = []
        super().__init__(**{"host": "127.0.0.1", "port": 0, "token": None, **options})

    def answer(self, request: Request) -> Page | Streamed:
        if request.target == "/fault":
            raise ZeroDivisionError
        if request.target.startswith("/long"):
            announced = LONG + (1 if request.target == "/long-short" else 0)
            page = Page(status=HTTPStatus.OK, body=b"", length=announced, headers={"A": "b"})
            return Streamed(page=page, parts=self._parts())
        return Page.json(
            {
                "method": request.method,
                "target": request.target,
                "authorized": request.authorized,
                "range": request.range,
                "body": request.body.decode(),
            }
        )

    def _parts(self) -> Generator[bytes, None, None]:
        try:
            for _ in range(LONG // 1000):
                yield bytes(1000)
        finally:
            self.closed.set()


@contextmanager
def serving(**options: object) -> Iterator[Echo]:
    with Echo(**options) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def raw(server: Echo, text: str) -> bytes:
    """Send bytes and return all that comes until the other side closes."""
    with socket.create_connection(server.server_address[:2], PATIENCE_S) as connection:
        connection.sendall(text.replace("\n", "\r\n").encode())
        connection.shutdown(socket.SHUT_WR)
        found = b""
        while part := connection.recv(65536):
            found += part
    return found


def ask(server: Echo, target: str, *, method: str = "GET", body: bytes | None = None, **headers):
    connection = http.client.HTTPConnection(
        "127.0.0.1", server.server_address[1], timeout=PATIENCE_S
    )
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, target, body=body, headers=named)
    response = connection.getresponse()
    found = response.read()
    connection.close()
    return response.status, found


def test_what_was_asked_for_reaches_whoever_answers() -> None:
    with serving() as server:
        status, body = ask(server, "/a?b=c", Range="bytes=1-2")
        assert server.url == f"http://127.0.0.1:{server.server_address[1]}/"
    assert status == 200
    assert b'"target": "/a?b=c", "authorized": true, "range": "bytes=1-2", "body": ""' in body


def test_a_head_gets_the_headers_alone() -> None:
    with serving() as server:
        for target in ("/a", "/long"):
            assert ask(server, target, method="HEAD") == (200, b"")


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Host": "example.org"}, b"not a name of this service"),
        ({"Origin": "https://example.org"}, b"not for pages of other hosts"),
        ({"Origin": "null"}, b"not for pages of other hosts"),
    ],
)
def test_pages_of_others_and_rebound_names_get_nothing(headers, reason) -> None:
    with serving() as server:
        for method, body in (("GET", None), ("POST", b"x"), ("HEAD", None)):
            status, found = ask(server, "/", method=method, body=body, **headers)
            assert status == 403
            assert reason in found or method == "HEAD"
        assert ask(server, "/", Origin="http://localhost:3000")[0] == 200


def test_whether_the_token_was_shown_is_told() -> None:
    with serving(token=TOKEN) as server:
        for authorization, right in (
            ("", b"false"),
            ("Bearer wrong", b"false"),
            (f"Basic {TOKEN}", b"false"),
            (f"Bearer {TOKEN}", b"true"),
        ):
            _, body = ask(server, "/", Authorization=authorization)
            assert b'"authorized": ' + right in body


def test_a_post_brings_as_much_as_it_may_and_says_how_much() -> None:
    with serving() as server:
        assert b'"body": "0123456789"' in ask(server, "/", method="POST", body=b"0123456789")[1]
        assert ask(server, "/", method="POST", body=b"0" * 11)[0] == 413
        head = f"POST / HTTP/1.1\nHost: 127.0.0.1:{server.server_address[1]}\n"
        for told, status in (
            ("", b"411"),
            ("Transfer-Encoding: chunked\n", b"411"),
            ("Content-Length: 1\nContent-Length: 1\n", b"411"),
            ("Content-Length: -1\n", b"400"),
            ("Content-Length: 99999999999999999999\n", b"413"),
        ):
            assert raw(server, f"{head}{told}\n0").startswith(b"HTTP/1.1 " + status), told
        assert raw(server, f"{head}Content-Length: 5\n\n0") == b""  # it went away


def test_no_post_is_taken_where_none_is_expected() -> None:
    with serving() as server:
        server.most_body = 0
        assert ask(server, "/", method="POST", body=b"")[0] == 501
        assert ask(server, "/", method="PUT", body=b"")[0] == 501


def test_what_follows_a_get_with_a_body_is_not_taken_for_a_request() -> None:
    with serving() as server:
        head = f"GET / HTTP/1.1\nHost: 127.0.0.1:{server.server_address[1]}\n"
        found = raw(server, f"{head}Content-Length: 40\n\n{head}\n")
    assert found.count(b"HTTP/1.1 200") == 1


def test_a_long_answer_comes_in_parts_and_is_closed_however_it_ends() -> None:
    with serving() as server:
        assert ask(server, "/long") == (200, bytes(LONG))
        assert server.closed.wait(PATIENCE_S)
        with pytest.raises(http.client.IncompleteRead):
            ask(server, "/long-short")


def test_no_more_are_answered_at_once_than_there_are_places() -> None:
    with serving() as server:
        held = [socket.create_connection(server.server_address[:2], PATIENCE_S) for _ in range(32)]
        with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
            ask(server, "/")
        for connection in held:
            connection.close()


def test_a_fault_of_ours_is_shown(capsys) -> None:
    with serving() as server, pytest.raises(http.client.RemoteDisconnected):
        ask(server, "/fault")
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_nobody_serves_a_network_without_a_token_or_where_somebody_listens() -> None:
    with pytest.raises(InputError, match="give --token"):
        Echo(host="0.0.0.0")
    with pytest.raises(InputError, match="port 70000 does not exist"):
        Echo(port=70000)
    with serving() as server, pytest.raises(ServiceError, match="in use by another program"):
        Echo(port=server.server_address[1])


def test_who_does_not_override_it_answers_nothing() -> None:
    with (
        PlainServer(host="127.0.0.1", port=0, token=None) as server,
        pytest.raises(NotImplementedError),
    ):
        server.answer(Request(method="GET", target="/", authorized=True))
