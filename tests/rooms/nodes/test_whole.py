"""Nodes and workers as processes have the numbers of one process, wherever one looks."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.patience import PATIENCE_S
from tests.rooms.nats import nats_server
from tests.rooms.serving import Feeder, Watcher

SECONDS = 12
KEPT = ("seq", "t", "valence", "arousal", "valence_sd", "arousal_sd", "quadrants", "gems", "status")


@contextmanager
def running(*arguments: str, sign: str) -> Iterator[Any]:
    """Run a command of rooms until its end is asked for, from when it says a sign on."""
    process = subprocess.Popen(
        [sys.executable, "-m", "realtime_mer", "rooms", *arguments],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    while sign not in line:
        assert line, "it ended too early"
        line = process.stderr.readline()
    found = re.search(r"ws://[0-9.:]+", line)
    address = "" if found is None else found[0]
    try:
        yield SimpleNamespace(
            url=lambda room, rest="": f"{address}/rooms/{room}{rest}", process=process
        )
    finally:
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
        assert process.wait(PATIENCE_S) == 0
        process.stderr.close()


def fed(at: Any, watched: Any) -> list[dict[str, Any]]:
    """Feed a room with sound as of a file, and return what is told of it."""
    rng = np.random.default_rng(3)
    sound = (0.1 * rng.standard_normal(SECONDS * 24_000)).astype(np.float32)
    told: list[dict[str, Any]] = []
    with Feeder(at, "hall") as feeder:
        feeder.open(live=False)
        feeder.send(sound[:2400])
        with Watcher(watched, "hall", history=0) as watcher:
            told += [each for each in watcher.first if each["type"] == "estimate"]
            for start in range(2400, len(sound), 2400):
                # One hop at a time: of what comes faster than it reads a watcher gets the newest.
                feeder.send(sound[start : start + 2400])
                while not told or told[-1]["seq"] < start // 2400:
                    message = watcher.receive()
                    if message["type"] == "estimate":
                        told.append(message)
        feeder.end()
    return [{name: each[name] for name in KEPT} for each in told]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_a_file_has_the_numbers_of_one_process_at_another_node(tmp_path: Path) -> None:
    serve = ("serve", "--port", "0", "--room", "hall")
    with running(
        *serve, "--compute", "light", "--folder", str(tmp_path / "one"), sign="ws:"
    ) as one:
        alone = fed(one, one)
    with (
        nats_server(tmp_path / "nats") as nats,
        running(*serve, "--nats", nats.url, "--folder", str(tmp_path / "a"), sign="ws:") as a,
        running(*serve, "--nats", nats.url, "--folder", str(tmp_path / "b"), sign="ws:") as b,
        running(*("worker", "--nats", nats.url, "--port", "0", "--compute", "light"), sign="http"),
    ):
        many = fed(a, b)
    assert many == alone
    assert many[-1]["seq"] == SECONDS * 10 - 1
