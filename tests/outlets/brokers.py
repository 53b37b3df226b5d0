"""A real MQTT broker on this machine, and somebody who listens to it."""

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from tests.patience import PATIENCE_S

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
PASSWD = shutil.which("mosquitto_passwd")

needs_broker = pytest.mark.skipif(
    MOSQUITTO is None or PASSWD is None, reason="needs mosquitto, a broker (a Debian package)"
)


class Broker:
    """Mosquitto on a port of its own.

    Args:
        folder: for its settings.
        users: and their passwords; without them anybody may do all.
        tls: paths of its certificate and key; None for plain text.
    """

    def __init__(
        self,
        folder: Path,
        *,
        users: Mapping[str, str] | None = None,
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        lines = [f"listener {self.port} 127.0.0.1", f"allow_anonymous {str(not users).lower()}"]
        # As root it would become another user, who may not read our files.
        lines.append("user root")
        if users:
            passwords = folder / "passwords"
            passwords.touch(mode=0o600)
            for user, password in users.items():
                subprocess.run([str(PASSWD), "-b", str(passwords), user, password], check=True)
            lines.append(f"password_file {passwords}")
        if tls:
            lines += [f"certfile {tls[0]}", f"keyfile {tls[1]}"]
        self._settings = folder / "mosquitto.conf"
        self._settings.write_text("\n".join(lines) + "\n")
        self._tls = tls
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start, and return once it listens."""
        self._process = subprocess.Popen(
            [str(MOSQUITTO), "-c", str(self._settings), "-v"], stderr=subprocess.PIPE
        )
        stderr = self._process.stderr
        assert stderr is not None
        for line in stderr:
            if b"running" in line:
                break
        else:
            raise AssertionError("mosquitto does not start")

    def freeze(self) -> None:
        """Read and say nothing any more."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End at once; what it kept is lost."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _signal(self, which: int) -> None:
        assert self._process is not None
        self._process.send_signal(which)


@contextmanager
def listening(broker: Broker, **login: str) -> Iterator["Listener"]:
    """Yield somebody who gets everything."""
    listener = Listener(broker, **login)
    try:
        yield listener
    finally:
        listener.close()


class Listener:
    """Somebody who gets everything that is sent, and first what the broker has kept."""

    def __init__(self, broker: Broker, *, user: str = "", password: str = "") -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self._got: Queue[tuple[str, str, bool]] = Queue()
        self._client = Client(CallbackAPIVersion.VERSION2)
        if user:
            self._client.username_pw_set(user, password)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_message = lambda _client, _data, message: self._got.put(
            (message.topic, message.payload.decode(), message.retain)
        )
        subscribed: Queue[None] = Queue()
        self._client.on_subscribe = lambda *_: subscribed.put(None)
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        subscribed.get(timeout=PATIENCE_S)

    def get(self) -> tuple[str, str, bool]:
        """Return the next topic, text, and whether the broker had kept it."""
        return self._got.get(timeout=PATIENCE_S)

    def until(self, topic: str, text: str | None = None) -> dict[str, str]:
        """Return all that comes up to a topic, and a text there."""
        got: dict[str, str] = {}
        while True:
            name, said, _ = self.get()
            got[name] = said
            if name == topic and text in (None, said):
                return got

    def until_all(self, *topics: str) -> dict[str, Any]:
        """Return what comes up to the last of some topics; JSON is read."""
        got: dict[str, Any] = {}
        while not set(topics) <= got.keys():
            name, said, _ = self.get()
            got[name] = json.loads(said) if said.startswith("{") else said
        return got

    def close(self) -> None:
        """Hear nothing any more."""
        self._client.disconnect()
        self._client.loop_stop()
