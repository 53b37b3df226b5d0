"""OBS Studio's WebSocket, against a small server that speaks version 5 of its protocol."""

import base64
import hashlib
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from realtime_mer.errors import InputError, ServiceError
from realtime_mer.outlets.mapped import MappedOutlet
from realtime_mer.outlets.mapping.tables import read_plan
from realtime_mer.outlets.obs import OBS, ObsConnection, ObsOptions, ObsPlace, answer
from realtime_mer.outlets.wires import Message, Url, Value
from realtime_mer.wire.protocol import Marker
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate

# Those of its documentation.
SALT = "lM1GncleQOaCu9lT1yeUZhFYnqhsLLP1G5lAGo3ixaI="
CHALLENGE = "+IxH4CnCiqpX1rM9scsNynZzbOe4KhDeYcTNS3PDaeY="
SCENES = {"lively": {"lights": 7}, "calm": {}}
TEXTS = {"mood"}


class Obs:
    """Its scenes, its texts, and what it was asked for."""

    def __init__(self, password: str | None = None) -> None:
        self.password = password
        self.asked: Queue[tuple[str, Mapping[str, Any]]] = Queue()
        self.port = 0

    def next(self) -> tuple[str, Mapping[str, Any]]:
        return self.asked.get(timeout=PATIENCE_S)

    def attend(self, client: ServerConnection) -> None:
        hello: dict[str, Any] = {"obsWebSocketVersion": "5.5.0", "rpcVersion": 1}
        if self.password is not None:
            hello["authentication"] = {"salt": SALT, "challenge": CHALLENGE}
        client.send(json.dumps({"op": 0, "d": hello}))
        try:
            identify = json.loads(client.recv())
            assert identify["op"] == 1
            if self.password is not None and identify["d"].get("authentication") != self._proof():
                client.close(4009, "Authentication failed.")
                return
            client.send(json.dumps({"op": 2, "d": {"negotiatedRpcVersion": 1}}))
            for text in client:
                request = json.loads(text)
                assert request["op"] == 6
                client.send(json.dumps({"op": 5, "d": {"eventType": "Whatever"}}))
                client.send(json.dumps({"op": 7, "d": self._respond(request["d"])}))
        except ConnectionClosed:
            pass

    def _proof(self) -> str:
        def digest(text: str) -> str:
            return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

        return digest(digest(f"{self.password}{SALT}") + CHALLENGE)

    def _respond(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        kind, data = request["requestType"], request["requestData"]
        self.asked.put((kind, data))
        found: dict[str, Any] | None = {}
        if kind == "SetCurrentProgramScene":
            found = {} if data["sceneName"] in SCENES else None
        elif kind == "SetInputSettings":
            found = {} if data["inputName"] in TEXTS else None
        elif kind == "GetSceneItemId":
            item = SCENES.get(data["sceneName"], {}).get(data["sourceName"])
            found = None if item is None else {"sceneItemId": item}
        status = {"result": found is not None, "code": 100 if found is not None else 600}
        answer = {"requestType": kind, "requestId": request["requestId"], "requestStatus": status}
        return {**answer, "responseData": found} if found else answer


@contextmanager
def running(obs: Obs, port: int = 0) -> Iterator[Obs]:
    subprotocols = [Subprotocol("obswebsocket.json")]
    with serve(obs.attend, "127.0.0.1", port, subprotocols=subprotocols) as server:
        obs.port = server.socket.getsockname()[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield obs
        finally:
            server.shutdown()
            thread.join()


def connected(obs: Obs, **options: Any) -> "closing[ObsConnection]":
    url = Url.parse(f"obs://127.0.0.1:{obs.port}")
    return closing(ObsConnection(url, ObsOptions(**options)))


def message(value: Value, **place: Any) -> Message[ObsPlace]:
    return Message(place=ObsPlace(**place), value=value)


def test_the_mood_is_written_into_a_text_and_a_rule_brings_a_scene_on() -> None:
    with running(Obs()) as obs:
        to = f"obs://127.0.0.1:{obs.port}"
        route = {"from": "mood", "text": "mood", "only_changes": True}
        rule = {"when": 'marker "drop"', "send": {"to": to, "scene": True, "value": "lively"}}
        plan = read_plan({"output": [{"to": to, "routes": [route]}], "rule": [rule]}, file="t.toml")
        with closing(MappedOutlet(plans=[plan])) as outlet:
            outlet.publish(sample_estimate(mood="calm"))
            kind, data = obs.next()
            assert kind == "SetInputSettings"
            assert data == {
                "inputName": "mood",
                "inputSettings": {"text": "calm"},
                "overlay": True,
            }
            outlet.publish(Marker(label="drop", t=1.0, wall_time=None))
            assert obs.next() == ("SetCurrentProgramScene", {"sceneName": "lively"})
        assert outlet.states()[0].failed == 0
        assert outlet.states()[0].sent == 2


def test_a_source_is_seen_or_not_and_looked_up_once() -> None:
    with running(Obs()) as obs, connected(obs) as connection:
        place = {"show": "lights", "in_scene": "lively"}
        assert connection.send([message(True, **place), message(0.0, **place)]) == 0
        assert obs.next()[0] == "GetSceneItemId"
        for seen in (True, False):
            kind, data = obs.next()
            assert kind == "SetSceneItemEnabled"
            assert data == {"sceneName": "lively", "sceneItemId": 7, "sceneItemEnabled": seen}


def test_what_obs_does_not_have_is_counted_and_the_rest_goes_on() -> None:
    with running(Obs()) as obs, connected(obs) as connection:
        wrong = [
            message("nowhere", scene=True),
            message("x", text="nothing"),
            message(1, show="lights", in_scene="calm"),
        ]
        assert connection.send([*wrong, message("calm", scene=True)]) == 3


def test_the_password_is_proved_and_never_told(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("s3cret\n")
    with running(Obs("s3cret")) as obs:
        with connected(obs, password_file=str(file)) as connection:
            assert connection.send([message("calm", scene=True)]) == 0
        with closing(
            ObsConnection(Url.parse(f"obs://:s3cret@127.0.0.1:{obs.port}"), ObsOptions())
        ) as connection:
            assert connection.send([message("calm", scene=True)]) == 0
        with pytest.raises(ServiceError, match="asks for a password"):
            connected(obs)
        file.write_text("wrong\n")
        with pytest.raises(ServiceError, match="the password is wrong"):
            connected(obs, password_file=str(file))


def test_the_proof_is_that_of_the_documentation() -> None:
    proof = "1Ct943GAT+6YQUUX47Ia/ncufilbe6+oD6lY+5kaCu4="
    assert answer("supersecretpassword", SALT, CHALLENGE) == proof


def test_obs_that_comes_later_and_goes_and_comes_back_is_found() -> None:
    with running(Obs()) as obs:
        port = obs.port
    told: Queue[str] = Queue()
    route = {"from": "mood", "text": "mood"}
    plan = read_plan(
        {"output": [{"to": f"obs://127.0.0.1:{port}", "routes": [route]}]}, file="t.toml"
    )
    with closing(MappedOutlet(plans=[plan], tell=told.put)) as outlet:
        outlet.publish(sample_estimate(mood="calm"))
        assert "tried again" in told.get(timeout=PATIENCE_S)
        for mood in ("calm", "tense"):
            with running(obs, port):
                assert obs.next()[1]["inputSettings"] == {"text": mood}
            outlet.publish(sample_estimate(mood="tense"))
    assert told.get(timeout=PATIENCE_S) == f"obs://127.0.0.1:{port}: back."


@pytest.mark.parametrize(
    "first",
    [
        '{"type": "hello"}',
        "hello",
        "[]",
        '{"op": 0, "d": null}',
        '{"op": 0, "d": {"authentication": {}}}',
    ],
)
def test_another_service_is_none(first: str) -> None:
    def attend(client: ServerConnection) -> None:
        client.send(first)

    with serve(attend, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever).start()
        url = Url.parse(f"obs://:x@127.0.0.1:{server.socket.getsockname()[1]}")
        with pytest.raises(ServiceError, match="no OBS"):
            ObsConnection(url, ObsOptions())
        server.shutdown()


@pytest.mark.parametrize("says", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 404 Not Found\r\n\r\n"])
def test_a_program_that_is_no_websocket_is_none(says: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def attend() -> None:
            client, _ = server.accept()
            with client:
                client.recv(4096)
                client.sendall(says)

        thread = threading.Thread(target=attend)
        thread.start()
        url = Url.parse(f"obs://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(ServiceError, match="that is no OBS"):
            ObsConnection(url, ObsOptions())
        thread.join(PATIENCE_S)


@pytest.mark.parametrize(
    "place",
    [{}, {"text": "a", "scene": True}, {"show": "a"}, {"scene": True, "in_scene": "b"}],
)
def test_a_place_is_one_of_three(place: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"give one of|belong together"):
        ObsPlace(**place)


@pytest.mark.parametrize("text", ["obs:", "obs://host/x", "obs://host?y"])
def test_addresses_that_can_never_work_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        OBS.check(Url.parse(text))
