"""Behind a proxy a service answers at the name by which others come, and asks them for tokens."""

import http.client
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from realtime_mer.rooms.names import Right
from realtime_mer.rooms.tokens.file import TOKENS, TokenFile
from realtime_mer.wire.protocol import PROTOCOL
from realtime_mer.wire.public import public_address
from tests.rooms.serving import Serving, serving

PUBLIC = public_address("https://rooms.example.org")


def get(at: Serving, path: str, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", at.service.port)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET", path, headers=named)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def test_it_answers_at_its_public_name_and_asks_for_tokens(tmp_path: Path) -> None:
    _, token = TokenFile(tmp_path / TOKENS).make("hall", Right.WATCH)
    with serving(tmp_path, public=PUBLIC, rooms=("hall",)) as at:
        assert at.service.public_url == "wss://rooms.example.org"
        page = get(at, "/rooms/hall/", Host="rooms.example.org", Accept="text/html")
        assert page.status == 200
        policy = page.getheader("Content-Security-Policy") or ""
        assert "wss://rooms.example.org;" in f"{policy};"
        assert get(at, "/rooms", Host="rooms.example.org").status == 401  # though it is at loopback
        shown = {"Authorization": f"Bearer {token}"}
        assert get(at, "/rooms", Host="rooms.example.org", **shown).status == 200
        assert get(at, "/rooms", Host="rooms.example.net", **shown).status == 403


def test_its_pages_connect_also_where_the_proxy_calls_it_by_its_own_address(
    tmp_path: Path,
) -> None:
    _, token = TokenFile(tmp_path / TOKENS).make("hall", Right.WATCH)
    shown = {"Authorization": f"Bearer {token}"}
    with serving(tmp_path, public=PUBLIC, rooms=("hall",)) as at:

        def open_from(origin: str) -> None:
            with connect(
                at.url("hall"),
                subprotocols=[Subprotocol(PROTOCOL)],
                origin=Origin(origin),
                additional_headers=shown,
            ):
                pass

        open_from("https://rooms.example.org")
        with pytest.raises(InvalidStatus, match="403"):
            open_from("https://rooms.example.net")
        policy = get(at, "/rooms/hall/", Accept="text/html").getheader("Content-Security-Policy")
        assert "wss://rooms.example.org" in (policy or "")


def test_without_it_that_name_is_not_its_own(tmp_path: Path) -> None:
    with serving(tmp_path, rooms=("hall",)) as at:
        assert get(at, "/rooms", Host="rooms.example.org").status == 403
        assert at.service.public_url == at.service.url
