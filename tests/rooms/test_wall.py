"""What a service tells of all its rooms at once: as a page, as JSON, and over one WebSocket."""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from realtime_mer.rooms.names import Right
from realtime_mer.rooms.tokens.file import TOKENS, TokenFile
from realtime_mer.rooms.wall import WALL_PROTOCOL
from tests.patience import PATIENCE_S
from tests.rooms.serving import Feeder, Serving, serving
from tests.tones import tones


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path, rooms=("hall", "room-10", "room-2")) as running:
        yield running


def watch(at: Serving, **options: Any) -> ClientConnection:
    return connect(
        f"{at.service.url}/rooms", subprotocols=[Subprotocol(WALL_PROTOCOL)], proxy=None, **options
    )


def next_message(wall: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(wall.recv(PATIENCE_S))
    return message


def until(
    wall: ClientConnection,
    wanted: Callable[[dict[str, dict[str, Any]]], bool],
    *,
    meanwhile: Callable[[], object] = lambda: None,
) -> Any:
    """Read until the rooms, by their names, are as wanted; return them.

    A wall leaves out what a newer message replaces, so a state that passes must be kept up
    meanwhile.
    """
    rooms: dict[str, dict[str, Any]] = {}
    patient_until = time.monotonic() + PATIENCE_S
    while time.monotonic() < patient_until:
        message = next_message(wall)
        if message["type"] == "rooms":
            rooms = {room["name"]: room for room in message["rooms"]}
            if wanted(rooms):
                return rooms
            meanwhile()
    pytest.fail(f"the rooms stay as they are: {rooms}")


def last_message(wall: ClientConnection) -> dict[str, Any]:
    last: dict[str, Any] = {}
    for text in wall:
        last = json.loads(text)
    return last


def get(at: Serving, path: str, **headers: str) -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", at.service.port, timeout=PATIENCE_S)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    kind = response.getheader("Location") or response.getheader("Content-Type") or ""
    body = response.read()
    connection.close()
    return response.status, kind, body


def test_whoever_watches_is_told_of_every_room_and_of_what_becomes_of_it(
    at: Serving,
) -> None:
    with watch(at) as wall:
        assert next_message(wall) == {
            "type": "hello",
            "protocol": WALL_PROTOCOL,
            "authorization_required": False,
        }
        rooms = until(wall, lambda rooms: True)
        assert [room["state"] for room in rooms.values()] == ["empty"] * 3
        assert rooms["hall"]["mood"] is None
        with Feeder(at, "hall") as sender:
            sender.open()
            sender.send(tones(4.0, music=1.0))
            rooms = until(
                wall,
                lambda rooms: rooms["hall"]["status"] == "music",
                meanwhile=lambda: sender.send(tones(1.0, music=1.0)),
            )
            hall = rooms["hall"]
            assert (hall["state"], rooms["room-2"]["state"]) == ("fed", "empty")
            assert -1 <= hall["valence"] <= 1
            assert hall["valence_sd"] > 0
            assert hall["mood"]
            assert hall["age_s"] < PATIENCE_S
            rooms = until(wall, lambda rooms: rooms["hall"]["state"] == "waiting")
            assert rooms["hall"]["quiet_s"] > 1
        until(wall, lambda rooms: rooms["hall"]["state"] == "empty")


def test_a_room_whose_sender_said_that_it_has_ended_is_off(at: Serving) -> None:
    with watch(at) as wall, Feeder(at, "hall") as sender:
        sender.open()
        sender.send(tones(1.0, music=1.0))
        sender.end()
        until(wall, lambda rooms: rooms["hall"]["state"] == "ended")
        with Feeder(at, "hall") as again:
            again.open()
            again.send(tones(1.0, music=1.0))
            until(
                wall,
                lambda rooms: rooms["hall"]["state"] == "fed",
                meanwhile=lambda: again.send(tones(1.0, music=1.0)),
            )


def test_a_browser_gets_a_page_and_a_program_gets_json(at: Serving) -> None:
    status, kind, body = get(at, "/rooms", Accept="text/html,application/xhtml+xml;q=0.9")
    assert (status, kind) == (200, "text/html; charset=utf-8")
    assert b"wall.js" in body
    status, kind, body = get(at, "/rooms", Accept="*/*")
    assert (status, kind) == (200, "application/json")
    assert [room["name"] for room in json.loads(body)["rooms"]] == ["hall", "room-10", "room-2"]


@pytest.mark.parametrize("path", ["/", "/rooms/"])
def test_the_front_door_leads_to_the_wall(at: Serving, path: str) -> None:
    assert get(at, path)[:2] == (308, "/rooms")


def test_a_room_that_nobody_fed_yet_has_a_page_that_sends_and_no_display(
    at: Serving,
) -> None:
    for path in ("/rooms/new/send", "/rooms/new/send.js", "/rooms/new/microphone.js"):
        assert get(at, path)[0] == 200, path
    for path in ("/rooms/new/", "/rooms/new/overlay", "/send", "/overlay", "/rooms/new/wall"):
        assert get(at, path)[0] == 404, path
    assert get(at, "/rooms/hall/")[0] == 200


def test_only_the_page_that_sends_may_ask_for_the_microphone(at: Serving) -> None:
    def policy(path: str) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", at.service.port, timeout=PATIENCE_S)
        connection.request("GET", path, headers={"Accept": "text/html"})
        found = connection.getresponse().getheader("Permissions-Policy")
        connection.close()
        assert found is not None
        return found

    assert "microphone=(self)" in policy("/rooms/hall/send")
    for path in ("/rooms", "/rooms/hall/", "/rooms/hall/send.js"):
        assert "microphone=()" in policy(path), path


def test_with_tokens_each_watches_the_rooms_of_its_own(tmp_path: Path) -> None:
    file = TokenFile(tmp_path / TOKENS)
    _, hall = file.make("hall", Right.WATCH)
    grant, every = file.make("*", Right.WATCH)
    with serving(tmp_path, rooms=("hall", "lobby"), ask=True) as at:
        with watch(at) as wall:
            assert next_message(wall)["authorization_required"]
            wall.send(json.dumps({"type": "authorize", "token": hall}))
            assert list(until(wall, lambda rooms: True)) == ["hall"]
        headers = {"Authorization": f"Bearer {every}"}
        with watch(at, additional_headers=headers) as wall:
            assert list(until(wall, lambda rooms: True)) == ["hall", "lobby"]
            file.revoke([grant.id])
            with pytest.raises(ConnectionClosed) as closed:
                until(wall, lambda rooms: False)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4401
        with watch(at) as wall:
            wall.send(json.dumps({"type": "authorize", "token": "no" * 22}))
            with pytest.raises(ConnectionClosed) as closed:
                until(wall, lambda rooms: False)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4401


def test_all_who_watch_are_told_when_the_service_ends(tmp_path: Path) -> None:
    with ExitStack() as stack:
        at = stack.enter_context(serving(tmp_path, rooms=("hall",)))
        wall = stack.enter_context(watch(at))
        until(wall, lambda rooms: True)
        at.service.stop()
        assert last_message(wall)["type"] == "bye"
