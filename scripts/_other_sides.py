"""The other sides of all wires for `wires.py`, in a process of their own: they count what they get.

    python scripts/_other_sides.py FOLDER BROKER_PORT SERVICE_PORT

It says on a line where each of them is, as JSON, counts until its standard input ends, and says
what came, by the wire.
"""

import http.client
import json
import os
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pylsl
import rtmidi
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

LSL_NAME = "mer wires"
MIDI_NAME = "mer-wires"
AGAIN_S = 0.2  # until somebody who has gone is looked for again


class Counts:
    """How many messages came, by the wire; from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, wire: str, count: int = 1) -> None:
        """Count some more."""
        with self._lock:
            self._counts[wire] += count

    def take(self) -> dict[str, int]:
        """Return all of them."""
        with self._lock:
            return dict(self._counts)


def in_thread(work: Callable[..., None], *args: Any) -> None:
    """Let it run until the process ends."""
    threading.Thread(target=work, args=args, daemon=True).start()


def read_udp(wire: str, there: socket.socket, counts: Counts) -> None:
    """Count datagrams."""
    while True:
        there.recv(65536)
        counts.add(wire)


def read_pipe(path: Path, counts: Counts) -> None:
    """Count the lines of a named pipe, whoever writes them, one after the other."""
    while True:
        with path.open(encoding="utf-8") as lines:
            for _ in lines:
                counts.add("file")


def read_lsl(name: str, counts: Counts) -> None:
    """Count the samples of a stream, which is found again by itself."""
    while not (found := pylsl.resolve_byprop("name", name, timeout=3600)):
        continue
    inlet = pylsl.StreamInlet(found[0], max_buflen=60, recover=True)
    while True:
        samples, _ = inlet.pull_chunk(timeout=1.0)
        counts.add("lsl", len(samples))


def read_mqtt(port: int, counts: Counts) -> Client:
    """Count the messages that a broker hands on."""
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_connect = lambda client, *_: client.subscribe("#")
    client.on_message = lambda *_: counts.add("mqtt")
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client


def read_midi(counts: Counts) -> Any:
    """Count the messages to a port of our own."""
    port = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name=MIDI_NAME)
    port.ignore_types(timing=False)
    port.set_callback(lambda *_: counts.add("midi"))
    port.open_virtual_port("in")
    return port


def be_obs(client: ServerConnection, counts: Counts) -> None:
    """Take every request for granted, as version 5 of its protocol does."""
    client.send(json.dumps({"op": 0, "d": {"obsWebSocketVersion": "5.5.0", "rpcVersion": 1}}))
    try:
        client.recv()
        client.send(json.dumps({"op": 2, "d": {"negotiatedRpcVersion": 1}}))
        for text in client:
            counts.add("obs")
            asked = json.loads(text)["d"]
            status = {"result": True, "code": 100}
            answer = {key: asked[key] for key in ("requestType", "requestId")}
            client.send(json.dumps({"op": 7, "d": {**answer, "requestStatus": status}}))
    except ConnectionClosed:
        pass


def read_events(port: int, counts: Counts) -> None:
    """Count server-sent events, and begin again whenever the service does."""
    while True:
        there = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            there.request("GET", "/events")
            for line in there.getresponse():
                if line.startswith(b"data:"):
                    counts.add("events")
        except (OSError, http.client.HTTPException):
            time.sleep(AGAIN_S)
        finally:
            there.close()


def read_websocket(port: int, counts: Counts) -> None:
    """Count what a subscriber gets, and begin again whenever the service does."""
    while True:
        try:
            with connect(
                f"ws://127.0.0.1:{port}", subprotocols=[Subprotocol("realtime-mer.v1")]
            ) as there:
                there.send(json.dumps({"type": "subscribe", "streams": ["estimates"]}))
                for _ in there:
                    counts.add("websocket")
        except (OSError, ConnectionClosed, TimeoutError):
            time.sleep(AGAIN_S)


def main(folder: Path, broker: int, service: int) -> None:
    """Be there, say where, and say in the end what came."""
    counts = Counts()
    ports: dict[str, int] = {}
    for wire in ("osc", "sacn", "artnet"):
        there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        there.bind(("127.0.0.1", 0))
        ports[wire] = there.getsockname()[1]
        in_thread(read_udp, wire, there, counts)
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    in_thread(read_pipe, pipe, counts)
    for name in (LSL_NAME, f"{LSL_NAME} markers"):
        in_thread(read_lsl, name, counts)
    mqtt = read_mqtt(broker, counts)
    midi = read_midi(counts)
    obs = serve(
        lambda client: be_obs(client, counts),
        "127.0.0.1",
        0,
        subprotocols=[Subprotocol("obswebsocket.json")],
    )
    ports["obs"] = obs.socket.getsockname()[1]
    in_thread(obs.serve_forever)
    in_thread(read_events, service, counts)
    in_thread(read_websocket, service, counts)
    print(json.dumps({"pipe": str(pipe), **ports}), flush=True)
    sys.stdin.read()
    print(json.dumps(counts.take()), flush=True)
    mqtt.loop_stop()
    midi.close_port()
    midi.delete()
    os._exit(0)  # the others wait for messages that never come


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
