"""OSC against liblo, the library of most music software on Linux, by its program oscdump."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import pytest

from realtime_mer.outlets.mapped import MappedOutlet
from realtime_mer.outlets.mapping.tables import read_plan
from realtime_mer.outlets.osc import OSC, OscOptions, OscPlace
from realtime_mer.outlets.wires import Message, Url
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate

OSCDUMP = shutil.which("oscdump")

pytestmark = pytest.mark.skipif(
    OSCDUMP is None, reason="needs oscdump, of liblo (the Debian package liblo-tools)"
)


class Dump:
    """oscdump at a port of its own."""

    def __init__(self) -> None:
        with closing(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)) as free:
            free.bind(("::", 0))
            self.port = free.getsockname()[1]
        self._process = subprocess.Popen(
            [str(OSCDUMP), "-L", str(self.port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._wait_until_it_listens()

    def _wait_until_it_listens(self) -> None:
        """Send until something comes; what comes twice for it is read away."""
        assert self._process.stdout is not None
        while self._process.poll() is None:
            with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
                probe.connect(("127.0.0.1", self.port))
                with suppress(ConnectionRefusedError):
                    probe.send(b"/there\0\0,\0\0\0")
                    probe.send(b"/there\0\0,\0\0\0")  # refused, where the first met nobody
                    break
        assert self.next_line() == "/there "

    def next_line(self) -> str:
        """Return the next line without its time."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().partition(" ")[2].rstrip("\n")

    def messages(self, count: int) -> dict[str, tuple[str, ...]]:
        """Return the types and arguments of so many messages, by their addresses."""
        found = {}
        while len(found) < count:
            address, *rest = self.next_line().split(" ", 2)
            if address != "/there":
                found[address] = tuple(rest)
        return found

    def close(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=PATIENCE_S)


@pytest.fixture
def dump() -> Iterator[Dump]:
    with closing(Dump()) as dump:
        yield dump


def test_a_session_reaches_it_by_its_own_addresses_and_types(dump: Dump) -> None:
    routes = [
        {"from": "valence", "address": "/booth/warmth", "target": [0, 255], "type": "i"},
        {"from": "arousal", "address": "/booth/energy"},
        {"from": "valence_sd", "address": "/booth/blur", "type": "d"},
        {"from": "mood", "address": "/booth/mood"},
    ]
    output = {"to": f"osc://127.0.0.1:{dump.port}", "routes": routes}
    plan = read_plan({"output": [output]}, file="test.toml")
    with closing(MappedOutlet(plans=[plan])) as outlet:
        outlet.publish(sample_estimate())
        found = dump.messages(4)
    assert found == {
        "/booth/warmth": ("i", "159"),
        "/booth/energy": ("f", "-0.500000"),
        "/booth/blur": ("d", "0.200000"),
        "/booth/mood": ("s", '"calm"'),
    }


@pytest.mark.parametrize("bundle", [False, True])
def test_it_understands_every_type_alone_and_in_bundles(dump: Dump, bundle: bool) -> None:
    sent: list[tuple[str, Any]] = [("f", 0.5), ("i", 7), ("d", 0.25), ("s", "größer"), ("T", True)]
    messages = [
        Message(place=OscPlace.model_validate({"address": f"/{kind}", "type": kind}), value=value)
        for kind, value in sent
    ]
    url = Url.parse(f"osc://127.0.0.1:{dump.port}")
    with closing(OSC.connect(url, OscOptions(bundle=bundle))) as connection:
        assert connection.send(messages) == 0
        found = dump.messages(5)
    assert found == {
        "/f": ("f", "0.500000"),
        "/i": ("i", "7"),
        "/d": ("d", "0.250000"),
        "/s": ("s", '"größer"'),
        "/T": ("T", "#T"),
    }
