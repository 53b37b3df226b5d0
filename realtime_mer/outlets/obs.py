"""OBS Studio over its own WebSocket, obs-websocket 5 (protocol.md of obsproject/obs-websocket).

A request is answered before the next one goes; so what OBS refuses is counted where it belongs.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, StrictBool, StrictStr, model_validator
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from realtime_mer.errors import InputError, ServiceError
from realtime_mer.outlets.wires import Message, Table, Url, Value, Wire
from realtime_mer.wire import access

_PORT = 4455
_VERSION = 1  # of the remote procedures
_ANSWER_S = 3.0
_MOST_BYTES = 1 << 20
_HELLO, _IDENTIFY, _IDENTIFIED, _REQUEST, _RESPONSE = 0, 1, 2, 6, 7
_WRONG_PASSWORD = 4009

_Name = Annotated[StrictStr, Field(min_length=1, max_length=200)]


class ObsPlace(Table):
    """What changes in OBS; one of the three.

    Attributes:
        text: a text source, which gets the value as its text.
        scene: whether the value names the scene that comes on.
        show: a source of ``in_scene``, which is seen while the value is true, or above 0.
        in_scene: the scene of ``show``.
    """

    text: _Name | None = None
    scene: StrictBool = False
    show: _Name | None = None
    in_scene: _Name | None = None

    @model_validator(mode="after")
    def _one(self) -> "ObsPlace":
        if sum([self.text is not None, self.scene, self.show is not None]) != 1:
            raise ValueError("give one of text, scene = true, and show with in_scene")
        if (self.show is None) != (self.in_scene is None):
            raise ValueError("show and in_scene belong together")
        return self


class ObsOptions(Table):
    """What an OBS output has besides.

    Attributes:
        password_file: its first line is the password.
    """

    password_file: _Name | None = None


class ObsConnection:
    """A connection that OBS took.

    Args:
        url: of OBS; may hold the password.
        options: of the output.

    Raises:
        OSError: nobody answers there.
        ServiceError: it is not OBS, or the password is wrong.
    """

    def __init__(self, url: Url, options: ObsOptions) -> None:
        self._number = 0
        self._items: dict[tuple[str, str], int] = {}
        password = _password(url, options)
        address = f"ws://{access.authority(url.host or '127.0.0.1', url.port or _PORT)}"
        try:
            self._socket: ClientConnection = connect(
                address,
                subprotocols=[Subprotocol("obswebsocket.json")],
                open_timeout=_ANSWER_S,
                close_timeout=_ANSWER_S,
                max_size=_MOST_BYTES,
                compression=None,
                proxy=None,
            )
        except WebSocketException as error:
            raise ServiceError(f"that is no OBS: {error}") from error
        with ExitStack() as stack:
            stack.enter_context(self._socket)
            with _understood():
                self._identify(password)
            self._open = stack.pop_all()

    def send(self, messages: Sequence[Message[ObsPlace]]) -> int:
        """Ask for each; what OBS refuses counts as not taken."""
        with _understood():
            return sum(not self._put(message.place, message.value) for message in messages)

    def close(self) -> None:
        """Leave OBS as it is."""
        with suppress(OSError):
            self._open.close()

    def _identify(self, password: str | None) -> None:
        hello = self._receive(_HELLO)
        identify: dict[str, Any] = {"rpcVersion": _VERSION, "eventSubscriptions": 0}
        asked = hello.get("authentication")
        if asked is not None:
            if password is None:
                raise ServiceError("OBS asks for a password: put it in password_file")
            identify["authentication"] = answer(password, asked["salt"], asked["challenge"])
        self._write(_IDENTIFY, identify)
        self._receive(_IDENTIFIED)

    def _put(self, place: ObsPlace, value: Value) -> bool:
        if place.text is not None:
            settings = {"text": value if isinstance(value, str) else json.dumps(value)}
            request = {"inputName": place.text, "inputSettings": settings, "overlay": True}
            return self._ask("SetInputSettings", request) is not None
        if place.scene:
            return self._ask("SetCurrentProgramScene", {"sceneName": str(value)}) is not None
        return self._show(str(place.in_scene), str(place.show), seen=_is_seen(value))

    def _show(self, scene: str, source: str, *, seen: bool) -> bool:
        item = self._items.get((scene, source))
        if item is None:
            found = self._ask("GetSceneItemId", {"sceneName": scene, "sourceName": source})
            if found is None:
                return False
            item = self._items[scene, source] = int(found["sceneItemId"])
        request = {"sceneName": scene, "sceneItemId": item, "sceneItemEnabled": seen}
        if self._ask("SetSceneItemEnabled", request) is None:
            del self._items[scene, source]  # somebody may have made it anew
            return False
        return True

    def _ask(self, kind: str, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return what OBS answers; None where it refuses."""
        self._number += 1
        number = str(self._number)
        self._write(_REQUEST, {"requestType": kind, "requestId": number, "requestData": data})
        while (got := self._receive(_RESPONSE)).get("requestId") != number:
            pass
        if not got["requestStatus"]["result"]:
            return None
        answered: Mapping[str, Any] = got.get("responseData") or {}
        return answered

    def _write(self, code: int, data: Mapping[str, Any]) -> None:
        try:
            self._socket.send(json.dumps({"op": code, "d": data}))
        except ConnectionClosed as error:
            raise _ended(error) from error

    def _receive(self, code: int) -> Mapping[str, Any]:
        """Return the data of the next message of a kind; others are left out."""
        try:
            while True:
                message = json.loads(self._socket.recv(timeout=_ANSWER_S))
                if message["op"] == code:
                    data: Mapping[str, Any] = message["d"]
                    return data
        except ConnectionClosed as error:
            raise _ended(error) from error


@contextmanager
def _understood() -> Iterator[None]:
    """Take for no OBS what does not answer as one."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ServiceError("that is no OBS: it says something else") from error


def answer(password: str, salt: str, challenge: str) -> str:
    """Return what proves a password without telling it."""
    return _digest(_digest(password + salt) + challenge)


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _ended(error: ConnectionClosed) -> ServiceError:
    if error.rcvd is not None and error.rcvd.code == _WRONG_PASSWORD:
        return ServiceError("the password is wrong")
    return ServiceError("OBS ended the connection")


def _is_seen(value: Value) -> bool:
    return value > 0 if isinstance(value, int | float) else value not in ("", "false")


def _password(url: Url, options: ObsOptions) -> str | None:
    if options.password_file is None:
        return url.password
    with Path(options.password_file).open(encoding="utf-8", errors="replace") as file:
        return file.readline().rstrip("\r\n")


def _check(url: Url) -> None:
    if url.host is None or url.path not in ("", "/") or url.query:
        raise InputError(f"{url.shown!r}: give a machine and a port, as in {OBS.example}")


OBS = Wire(
    scheme="obs",
    example="obs://127.0.0.1:4455",
    place=ObsPlace,
    options=ObsOptions,
    connect=ObsConnection,
    check=_check,
)
"""The wire ``obs``."""
