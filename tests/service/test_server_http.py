"""What the service answers over plain HTTP: the display, its health, its numbers."""

import http.client
import socket
from collections.abc import Mapping
from contextlib import closing, suppress
from typing import Any

import pytest

from realtime_mer.service import pages
from realtime_mer.service.connection import Limits
from realtime_mer.service.server import Service
from realtime_mer.web import PATHS, Asset
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate
from tests.subscribers import SMALL_RECEIVE_BUFFER, Client, get, numbers, running, status


class Answer:
    """A whole answer."""

    def __init__(self, service: Service, path: str, *, method: str = "GET", **headers: str) -> None:
        with closing(
            http.client.HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE_S)
        ) as connection:
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            self.status = response.status
            self.headers: Mapping[str, str] = {
                name.lower(): value for name, value in response.getheaders()
            }
            self.body = response.read()


def policy(answer: Answer) -> dict[str, list[str]]:
    """The Content-Security-Policy, directive by directive."""
    directives = answer.headers["content-security-policy"].split(";")
    return {name: values for name, *values in (directive.split() for directive in directives)}


@pytest.mark.parametrize("path", PATHS)
def test_every_file_of_the_display_is_served_whole_and_with_its_type(path: str) -> None:
    with running() as service:
        answer = Answer(service, path)
    assert answer.status == 200
    assert len(answer.body) == int(answer.headers["content-length"]) > 0
    assert answer.headers["content-type"].partition(";")[0] in {
        "text/html",
        "text/css",
        "text/javascript",
        "image/svg+xml",
        "application/manifest+json",
        "image/png",
    }


def test_a_page_may_load_nothing_but_its_own_files_and_connect_nowhere_else() -> None:
    with running() as service:
        answer = Answer(service, "/", Host="music.localhost:1234")
    assert policy(answer) == {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "media-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "manifest-src": ["'self'"],
        "connect-src": ["'self'", "ws://music.localhost:1234", "wss://music.localhost:1234"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }


@pytest.mark.parametrize(
    "host", ["[::1]:8765", "user@localhost", "localhost:x", "a;b.localhost", "a b.localhost", "*"]
)
def test_nothing_of_a_host_header_can_widen_the_policy(host: str) -> None:
    with running() as service:
        answer = Answer(service, "/", Host=host)
    widest = {"'self'", "ws://[::1]:8765", "wss://[::1]:8765", "ws://localhost", "wss://localhost"}
    assert set(policy(answer).get("connect-src", [])) <= widest


@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics", "/nothing", "/realtime-mer.js"])
def test_every_answer_is_guarded(path: str) -> None:
    with running() as service:
        for answer in [Answer(service, path), Answer(service, path, Host="example.org")]:
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cross-origin-opener-policy"] == "same-origin"
            assert "strict-transport-security" not in answer.headers
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"
            assert answer.headers["cache-control"] in {"no-store", "no-cache"}
            assert policy(answer)["default-src"] == ["'none'"]
            assert policy(answer)["frame-ancestors"] == ["'none'"]
            assert "server" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics", "/nothing"])
def test_head_gets_the_headers_of_get_and_no_body(path: str) -> None:
    with running() as service:
        whole, head = Answer(service, path), Answer(service, path, method="HEAD")
    assert head.body == b""
    assert head.status == whole.status
    assert {**head.headers, "date": ""} == {**whole.headers, "date": ""}


@pytest.mark.parametrize(
    "path",
    [
        "/../pyproject.toml",
        "/..%2f..%2fpyproject.toml",
        "/%2e%2e/server.py",
        "/__init__.py",
        "//etc/passwd",
        "/static/../__init__.py",
        "/..\\server.py",
        "/index.html%00.js",
        "/./realtime-mer.js/..",
        "/realtime-mer.js/",
        "http://127.0.0.1/realtime-mer.js",
    ],
)
def test_no_path_leads_out_of_the_display(path: str) -> None:
    with running() as service:
        assert Answer(service, path).status == 404


def test_a_query_is_not_looked_at() -> None:
    with running() as service:
        assert Answer(service, "/realtime-mer.js?v=2").status == 200


def test_pages_of_this_machine_may_import_the_module_and_others_may_not() -> None:
    with running() as service:
        own = Answer(service, "/realtime-mer.js", Origin="http://localhost:3000")
        other = Answer(service, "/realtime-mer.js", Origin="http://example.org")
        page = Answer(service, "/", Origin="http://localhost:3000")
    assert own.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert own.headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in {**other.headers, **page.headers}


def test_health_is_open_and_everything_else_of_use_wants_the_token() -> None:
    with running(host="0.0.0.0", token="s3cret", weak_token=True) as service:
        assert get(service, "/healthz") == (200, "ok\n")
        assert get(service, "/")[0] == 200  # the page asks for the token itself
        refused = Answer(service, "/metrics")
        assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert b"realtime_mer" not in refused.body
        assert get(service, "/metrics?token=s3cret")[0] == 401
        assert get(service, "/metrics", Authorization="Bearer wrong")[0] == 401
        assert get(service, "/metrics", Authorization="Basic s3cret")[0] == 401
        code, text = get(service, "/metrics", Authorization="Bearer s3cret")
        assert code == 200
        assert numbers(text)["realtime_mer_clients"] == 0


def test_metrics_tell_what_happened() -> None:
    with running() as service, Client(service, "estimates", "status", "markers") as client:
        for seq in range(5):
            service.publish(sample_estimate(seq=seq, latency_ms=8.0, xruns=1, skipped=2))
        client.send(type="marker", label="drop")
        client.until("marker")
        with Client(service) as bad:
            bad.socket.send("x" * 100_000)
            bad.close_code()
        service.publish(status("on air"))
        client.until("status")
        values = numbers(get(service, "/metrics")[1])
    assert values["realtime_mer_estimates_total"] == 5
    assert values["realtime_mer_latency_seconds_count"] == 5
    assert values["realtime_mer_latency_seconds_sum"] == pytest.approx(0.04)
    assert values["realtime_mer_connections_total"] == 2
    assert values["realtime_mer_markers_total"] == 1
    assert values["realtime_mer_dropped_total"] == 0


def test_those_that_were_closed_for_what_they_did_are_counted() -> None:
    limits = Limits(message_burst=1, messages_per_s=0.001)
    with running(limits=limits) as service:
        with Client(service) as flooding:
            flooding.flood(limits)
            assert flooding.close_code() == 4429
        with Client(service) as leaving:
            leaving.settle()
        values: dict[str, Any] = numbers(get(service, "/metrics")[1])
    assert values["realtime_mer_refused_total"] == 1


def test_one_that_takes_its_page_too_slowly_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    large = Asset(b"x" * 4_000_000, "text/plain")  # more than the system's buffers hold
    page = pages.Page.file
    monkeypatch.setattr(pages.Page, "file", lambda found, **options: page(large, **options))
    with running(limits=Limits(open_timeout_s=1)) as service, socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_RECEIVE_BUFFER)
        slow.connect(("127.0.0.1", service.port))
        slow.settimeout(PATIENCE_S)
        slow.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = len(slow.recv(1))
        # Nothing more is read until the service has given up.
        while service.open_connections:
            get(service, "/healthz")
        with suppress(ConnectionResetError):
            while data := slow.recv(65536):
                received += len(data)
    assert received < len(large.body)
