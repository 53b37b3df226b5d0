"""The latest estimate, and all that comes, over plain HTTP."""

import http.client
import json
import re
import socket
import ssl
from contextlib import suppress
from typing import Any

import pytest
import trustme

from realtime_mer.service.connection import Limits
from realtime_mer.service.server import Service
from realtime_mer.wire.protocol import LevelMessage, Marker, encode
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate
from tests.subscribers import (
    SMALL_RECEIVE_BUFFER,
    Client,
    get,
    in_loop,
    let_time_pass,
    numbers,
    running,
    status,
)

TOKEN = "s3cret"


class Reader:
    """A reader of ``/events``, with its socket in the test's hands."""

    def __init__(
        self,
        service: Service,
        query: str = "",
        *,
        context: ssl.SSLContext | None = None,
        **headers: str,
    ) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_RECEIVE_BUFFER)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(("127.0.0.1", service.port))
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")
        lines = [f"{name}: {value}" for name, value in {"Host": "localhost", **headers}.items()]
        self.socket.sendall("\r\n".join([f"GET /events{query} HTTP/1.1", *lines, "", ""]).encode())

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def begin(self) -> "Reader":
        """Read the head and how soon to come again."""
        self._file = self.socket.makefile("rb")
        version, code, *_ = self._file.readline().decode().split()
        self.status = int(code)
        self.headers = http.client.parse_headers(self._file)
        if self.status == 200:
            assert version == "HTTP/1.1"
            assert self.block() == ["retry: 2000"]
        return self

    def block(self) -> list[str]:
        """The lines until an empty one; none at the end."""
        lines: list[str] = []
        while (line := self._file.readline().decode().rstrip("\n")) or not lines:
            if line == "":
                return []
            lines.append(line)
        return lines

    def receive(self) -> dict[str, Any]:
        while (block := self.block()) == [":"]:
            pass
        name, data = block
        message = json.loads(data.removeprefix("data: "))
        assert name == f"event: {message['type']}"
        assert isinstance(message, dict)
        return message

    def rest(self) -> list[dict[str, Any]]:
        """Everything up to the end of the connection."""
        text = self._file.read().decode()
        return [json.loads(line) for line in re.findall("^data: (.*)$", text, re.MULTILINE)]


def answer(service: Service, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE_S)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    named = {name.lower(): value for name, value in response.getheaders()}
    text = response.read().decode() if response.status != 200 or path == "/now" else ""
    connection.close()
    return response.status, named, text


# The latest estimate


def test_now_has_nothing_before_the_first_estimate_and_then_the_latest() -> None:
    with running() as service, Client(service, "estimates") as client:
        code, headers, text = answer(service, "/now")
        assert (code, text) == (204, "")
        assert "content-length" not in headers  # RFC 9110, 8.6
        for seq in range(3):
            service.publish(sample_estimate(seq=seq))
        while (last := client.receive())["seq"] < 2:
            pass
        code, headers, text = answer(service, "/now")
    assert (code, headers["content-type"]) == (200, "application/json")
    assert headers["cache-control"] == "no-store"
    assert json.loads(text) == last
    assert text == encode(sample_estimate(seq=2)) + "\n"


# What comes


def test_events_are_the_estimates_the_status_and_the_markers_from_the_latest_on() -> None:
    with running() as service, Client(service, "estimates") as client:
        service.publish(status("before"))
        service.publish(sample_estimate(seq=0))
        client.receive()
        with Reader(service).begin() as reader:
            assert reader.headers["Content-Type"] == "text/event-stream; charset=utf-8"
            assert reader.headers["Cache-Control"] == "no-store"
            assert {reader.receive()["type"], reader.receive()["type"]} == {"status", "estimate"}
            service.publish(LevelMessage(t=0.2, level_dbfs=-20.0, peak_dbfs=-6.0))
            service.publish(sample_estimate(seq=1))
            assert reader.receive() == json.loads(encode(sample_estimate(seq=1)))
            service.publish(Marker(label="drop", t=0.2, wall_time=None))
            assert reader.receive()["label"] == "drop"
            service.publish(status("after"))
            assert reader.receive()["detail"] == "after"


def test_a_reader_may_ask_for_some_streams_and_a_rate() -> None:
    with (
        running() as service,
        Reader(service, "?streams=estimates&max_rate=2").begin() as sparse,
        Reader(service, "?streams=level").begin() as levels,
    ):
        for seq in range(21):
            service.publish(status(str(seq)))
            service.publish(sample_estimate(seq=seq))
            service.publish(LevelMessage(t=seq / 10, level_dbfs=-20.0, peak_dbfs=-6.0))
            assert levels.receive()["t"] == seq / 10
        service.close()
        got = [message.get("seq") for message in sparse.rest()]
    assert got == [0, 5, 10, 15, 20, None]  # and a farewell


@pytest.mark.parametrize(
    "query",
    ["?streams=all", "?streams=", "?max_rate=0", "?max_rate=x", "?max_rate=nan", "?token=s3cret"],
)
def test_a_query_that_cannot_be_understood_is_told_what_may_be_asked(query: str) -> None:
    with running() as service:
        code, _, text = answer(service, f"/events{query}")
    assert code == 400
    assert "streams=estimates,status,level,markers" in text
    assert text.count("\n") == 1


def test_of_two_readers_one_never_reads_and_the_other_gets_everything() -> None:
    with (
        running() as service,
        Reader(service, "?streams=estimates") as stalled,
        Reader(service, "?streams=estimates").begin() as prompt,
    ):
        while service.clients < 2:
            get(service, "/healthz")
        for seq in range(400):
            service.publish(sample_estimate(seq=seq))
            assert prompt.receive()["seq"] == seq
        assert service.dropped > 0
        stalled.begin()
        received = [stalled.receive()["seq"]]
        while received[-1] != 399:
            received.append(stalled.receive()["seq"])
    assert received == sorted(set(received))
    assert len(received) + service.dropped == 400
    assert len(received) < 200  # what its socket's buffers held, and then the newest


def test_a_reader_that_takes_nothing_for_long_is_cut_off() -> None:
    with running() as service, Reader(service, "?streams=estimates"):
        while service.clients < 1:
            get(service, "/healthz")
        for seq in range(400):
            service.publish(sample_estimate(seq=seq))
            in_loop(service, lambda: None)
        let_time_pass(service, Limits().stall_timeout_s + 1)
        while service.clients:
            get(service, "/healthz")


def test_who_hears_nothing_hears_that_the_service_is_still_there() -> None:
    with running() as service, Reader(service).begin() as reader:
        for _ in range(3):
            let_time_pass(service, Limits().keep_alive_s + 1)
            assert reader.block() == [":"]


def test_who_goes_is_forgotten_and_who_says_too_much_is_cut_off() -> None:
    with running() as service:
        with Reader(service).begin():
            assert service.clients == 1
        while service.clients:
            get(service, "/healthz")
        with Reader(service).begin() as talking, suppress(ConnectionError):
            talking.socket.sendall(b"x" * (Limits().opening_bytes + 1))
            assert talking.rest() == []
        while service.open_connections:
            get(service, "/healthz")


def test_at_the_end_readers_are_told_and_one_that_takes_nothing_holds_up_nobody() -> None:
    limits = Limits(close_timeout_s=0.2)
    with running(limits=limits) as service:
        with (
            Reader(service, "?streams=estimates"),
            Reader(service, "?streams=status").begin() as prompt,
        ):
            while service.clients < 2:
                get(service, "/healthz")
            for seq in range(400):
                service.publish(sample_estimate(seq=seq))
                in_loop(service, lambda: None)
            service.close("the concert is over")
            assert prompt.rest() == [{"type": "bye", "reason": "the concert is over"}]
        assert service.open_connections == 0


# Who may


def test_both_want_the_token_in_the_header_and_nowhere_else() -> None:
    with running(host="0.0.0.0", token=TOKEN, weak_token=True) as service:
        service.publish(sample_estimate())
        for path in ("/now", "/events"):
            code, headers, text = answer(service, path)
            assert (code, headers["www-authenticate"]) == (401, "Bearer")
            assert "valence" not in text
            assert answer(service, path, Authorization="Bearer wrong")[0] == 401
            assert answer(service, path, Authorization=f"Bearer {TOKEN}")[0] == 200
        assert answer(service, f"/now?token={TOKEN}")[0] == 401
        assert answer(service, f"/events?token={TOKEN}")[0] == 401


@pytest.mark.parametrize("path", ["/now", "/events"])
def test_pages_of_this_machine_may_read_them_and_no_other_page_may(path: str) -> None:
    with running() as service, Client(service, "estimates") as client:
        service.publish(sample_estimate())
        client.receive()
        for origin in ("http://example.org", "null"):
            code, headers, text = answer(service, path, Origin=origin)
            assert code == 403
            assert "access-control-allow-origin" not in headers
            assert "valence" not in text
        assert answer(service, path, Host="example.org")[0] == 403
        code, headers, _ = answer(service, path, Origin="http://localhost:3000")
        assert (code, headers["access-control-allow-origin"]) == (200, "http://localhost:3000")
        assert headers["vary"] == "Origin"
        assert headers["x-content-type-options"] == "nosniff"


def test_readers_of_events_take_places_of_those_who_may_stay_and_are_counted() -> None:
    limits = Limits(connections=2, waiting=2)
    with (
        running(limits=limits) as service,
        Reader(service).begin() as first,
        Reader(service).begin() as second,
    ):
        values = numbers(get(service, "/metrics")[1])
        assert values["realtime_mer_clients"] == 2
        assert values["realtime_mer_connections_total"] == 2
        assert answer(service, "/events")[0] == 503
        # However many come besides, who may stay stays.
        waiting = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(4)]
        while service.open_connections < 4:
            in_loop(service, lambda: None)
        service.publish(sample_estimate(seq=1))
        assert first.receive()["seq"] == second.receive()["seq"] == 1
        for connection in waiting:
            connection.close()


def test_head_gets_the_head_alone() -> None:
    with running() as service:
        assert get(service, "/events", method="HEAD") == (200, "")
        assert get(service, "/events", method="POST")[0] == 405


def test_events_come_over_tls_too() -> None:
    authority = trustme.CA()
    ours, theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(ours)
    authority.configure_trust(theirs)
    with running(ssl=ours) as service, Reader(service, context=theirs).begin() as reader:
        assert "Strict-Transport-Security" in reader.headers
        for seq in range(3):
            service.publish(sample_estimate(seq=seq))
            assert reader.receive()["seq"] == seq
