"""Workers as processes: of one that is killed nothing is left out, one that ends hands over."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from realtime_mer.recognizer.loading import load_recognizer
from tests.patience import PATIENCE_S
from tests.rooms.machines.at_nats import alone, studio
from tests.rooms.nats import NatsServer, nats_server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals"),
]


class Process:
    def __init__(self, server: NatsServer) -> None:
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "realtime_mer", "rooms", "worker", "--compute", "light"),
                *("--nats", server.url, "--port", "0"),
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        self.lines: list[str] = []
        while not any("Worker " in line for line in self.lines):
            self.lines.append(self.process.stderr.readline())
            assert self.lines[-1], self.lines

    @property
    def id(self) -> str:
        return self.lines[-1].partition("Worker ")[2].partition(":")[0]

    def end(self, number: signal.Signals) -> str:
        self.process.send_signal(number)
        assert self.process.stderr is not None
        rest = self.process.stderr.read()
        self.process.stderr.close()
        self.process.wait(PATIENCE_S)
        return rest


def test_a_room_outlives_one_worker_that_is_killed_and_one_that_is_ended(tmp_path: Path) -> None:
    recognizer = load_recognizer("default", "light")
    noise = np.random.default_rng(3).standard_normal(9 * 24_000)
    whole = (0.1 * noise).astype(np.float32)

    async def scenario(server: NatsServer, workers: dict[str, Process]) -> None:
        async with studio(server, recognizer) as at:
            await at.open("hall")
            at.send("hall", whole[:72_000])
            await at.heard("hall", 30)
            first = workers.pop(at.workers["hall"][-1])
            await asyncio.to_thread(first.end, signal.SIGKILL)
            at.send("hall", whole[72_000:144_000])
            await at.heard("hall", 60)
            second = workers.pop(at.workers["hall"][-1])
            rest = await asyncio.to_thread(second.end, signal.SIGTERM)
            assert second.process.returncode == 0
            assert "Traceback" not in rest
            assert "Ending: other workers are given its room." in rest
            at.send("hall", whole[144_000:])
            await at.heard("hall", 90)
            assert at.told["hall"] == alone(recognizer, whole)
            assert len(set(at.workers["hall"])) == 3
            (last,) = workers.values()
            rest = await asyncio.to_thread(last.end, signal.SIGTERM)
            assert "Ending: no other worker takes rooms now, so nobody computes its room" in rest

    with nats_server(tmp_path / "nats") as server:
        processes = [Process(server) for _ in range(3)]
        try:
            asyncio.run(scenario(server, {each.id: each for each in processes}))
        finally:
            for each in processes:
                if each.process.poll() is None:
                    each.end(signal.SIGKILL)
