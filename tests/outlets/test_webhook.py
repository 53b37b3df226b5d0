"""Webhooks, against real servers on loopback."""

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any

import pytest

from realtime_mer.errors import InputError, ServiceError
from realtime_mer.outlets import webhook
from realtime_mer.outlets.mapped import MappedOutlet
from realtime_mer.outlets.mapping.tables import read_plan
from realtime_mer.outlets.webhook import HTTP, HookConnection, HookPlace
from realtime_mer.outlets.wires import Message, Table, Url
from realtime_mer.wire.protocol import Marker
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate

Asked = tuple[str, str, Any]


class Program:
    """Whatever has webhooks: it takes all but paths with ``no`` in them."""

    def __init__(self) -> None:
        self.asked: Queue[Asked] = Queue()
        self.protocol = "HTTP/1.1"
        self.says = b"fine"
        self.port = 0

    def next(self) -> Asked:
        return self.asked.get(timeout=PATIENCE_S)


@contextmanager
def running(program: Program, port: int = 0) -> Iterator[Program]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = program.protocol

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            program.asked.put((self.command, self.path, json.loads(body) if body else None))
            self.send_response(404 if "no" in self.path else 302 if "away" in self.path else 200)
            self.send_header("Content-Length", str(len(program.says)))
            self.end_headers()
            self.wfile.write(program.says)

        do_GET = do_POST = do_PUT = answer

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        program.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield program
        finally:
            server.shutdown()
            thread.join()


def connection(port: int, path: str = "") -> "closing[HookConnection]":
    return closing(HookConnection(Url.parse(f"http://127.0.0.1:{port}{path}"), Table()))


def message(value: Any = 1, *, t: float | None = 4.2, **place: Any) -> Message[HookPlace]:
    return Message(place=HookPlace(**place), value=value, t=t)


def test_a_rule_calls_a_webhook_once_and_a_route_brings_values() -> None:
    with running(Program()) as program:
        base = f"http://127.0.0.1:{program.port}"
        tables = {
            "output": [{"to": base, "routes": [{"from": "valence", "path": "/warmth"}]}],
            "rule": [{"when": "marker", "send": {"to": f"{base}/hook/mood", "from": "marker"}}],
        }
        with closing(MappedOutlet(plans=[read_plan(tables, file="t.toml")])) as outlet:
            outlet.publish(sample_estimate(valence=0.5, t=4.2))
            assert program.next() == ("POST", "/warmth", {"value": 0.5, "t": 4.2})
            outlet.publish(Marker(label="drop"))
            assert program.next() == ("POST", "/hook/mood", {"value": "drop", "t": 4.2})
        assert [(state.sent, state.failed) for state in outlet.states()] == [(1, 0), (1, 0)]
    assert program.asked.empty()


@pytest.mark.parametrize(
    ("path", "place", "asked"),
    [
        ("", {}, ("POST", "/", {"value": 1, "t": 4.2})),
        ("/a b/", {}, ("POST", "/a%20b/", {"value": 1, "t": 4.2})),
        ("/a/", {"path": "/b"}, ("POST", "/a/b", {"value": 1, "t": 4.2})),
        ("/a?key=x%26y", {"path": "/b"}, ("POST", "/a/b?key=x%26y", {"value": 1, "t": 4.2})),
        ("/a", {"method": "PUT"}, ("PUT", "/a", {"value": 1, "t": 4.2})),
        ("/press", {"method": "GET"}, ("GET", "/press", None)),
    ],
)
def test_a_request_goes_where_address_and_path_say(
    path: str, place: Mapping[str, Any], asked: Asked
) -> None:
    with running(Program()) as program, connection(program.port, path) as hook:
        assert hook.send([message(**place)]) == 0
        assert program.next() == asked


@pytest.mark.parametrize("protocol", ["HTTP/1.0", "HTTP/1.1"])
@pytest.mark.parametrize("says", [b"", b"fine", b"x" * 200_000])
def test_what_it_refuses_is_counted_and_the_rest_goes_on(protocol: str, says: bytes) -> None:
    program = Program()
    program.protocol, program.says = protocol, says
    with running(program), connection(program.port) as hook:
        paths = ["/no", "/a", "/away", "/b"]  # nor is it followed elsewhere
        assert hook.send([message(path=path) for path in paths]) == 2
        assert [program.next()[1] for _ in paths] == paths


def test_a_program_that_comes_later_is_found_and_gets_the_latest() -> None:
    with running(Program()) as program:
        port = program.port
    told: Queue[str] = Queue()
    tables = {"output": [{"to": f"http://127.0.0.1:{port}", "routes": [{"from": "mood"}]}]}
    with closing(MappedOutlet(plans=[read_plan(tables, file="t.toml")], tell=told.put)) as outlet:
        outlet.publish(sample_estimate(mood="calm"))
        assert "Connection refused; the rest goes on" in told.get(timeout=PATIENCE_S)
        with running(program, port):
            assert program.next()[2]["value"] == "calm"
            assert told.get(timeout=PATIENCE_S) == f"http://127.0.0.1:{port}: back."


@pytest.mark.parametrize("says", [b"SSH-2.0-x\r\n", b"HTTP/1.1 one\r\n\r\n"])
def test_what_is_no_http_is_told(says: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def attend() -> None:
            for _ in range(2):  # one that looks whether anybody is there, and one that asks
                client, _address = server.accept()
                with client:
                    if client.recv(4096):
                        client.sendall(says)

        thread = threading.Thread(target=attend)
        thread.start()
        with (
            connection(server.getsockname()[1]) as hook,
            pytest.raises(ServiceError, match="that is no HTTP"),
        ):
            hook.send([message()])
        thread.join(PATIENCE_S)


def test_a_program_that_never_answers_holds_up_nobody_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(webhook, "_ANSWER_S", 0.05)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        connection(server.getsockname()[1]) as hook,
        pytest.raises(TimeoutError),
    ):
        hook.send([message()])


def test_of_a_batch_that_takes_too_long_the_rest_is_not_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(webhook, "_BATCH_S", -1.0)
    with running(Program()) as program, connection(program.port) as hook:
        assert hook.send([message(), message()]) == 2
        assert program.asked.empty()


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("http://192.0.2.7/x", "webhooks go to this machine alone"),
        ("http://example.org/x", "webhooks go to this machine alone"),
        ("http:/x", "webhooks go to this machine alone"),
        ("http://me:secret@127.0.0.1/x", "no user or password"),
    ],
)
def test_addresses_of_others_are_refused(to: str, why: str) -> None:
    with pytest.raises(InputError, match=why) as raised:
        HTTP.check(Url.parse(to))
    assert "secret" not in str(raised.value)
    for here in ("http://localhost:1880/x", "http://[::1]/x", "http://127.0.0.1"):
        HTTP.check(Url.parse(here))


@pytest.mark.parametrize("path", ["hook", "/a b", "/a\r\nHost: x", "/ä"])
def test_a_path_is_one_as_it_stands_in_a_request(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        HookPlace(path=path)
