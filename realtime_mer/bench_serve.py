"""What the WebSocket service bears on this machine: subscribers, latency, processor and memory."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import realtime_mer
from realtime_mer.bench_readers import allow_many_sockets
from realtime_mer.emotion import GEMS, QUADRANTS
from realtime_mer.errors import InputError, RealtimeMerError
from realtime_mer.estimate import Estimate, Status
from realtime_mer.protocol import Hello
from realtime_mer.server import Limits, Service

_LOADS = ((1, 10.0), (100, 10.0), (100, 50.0), (500, 10.0), (1000, 10.0))
_STALL_CLIENTS = 100
_STALL_RATE = 50.0
_STALL_ROUNDS = 4
_FILL = 400  # estimates that surely fill the buffers of a client that reads nothing
_WARM_UP = 10  # estimates before the measurement


@dataclass(frozen=True, kw_only=True)
class Load:
    """What was measured under one load.

    Attributes:
        latency_ms: from ``publish_estimate`` to the receipt, one for every estimate and reader.
        delivered: of the estimates published, the share that arrived, over all readers.
        cpu: share of one core that the service's process took.
        rss_mb: its resident memory at the end.
        kib_per_client: how much of that every client added.
    """

    latency_ms: NDArray[np.float64]
    delivered: float
    cpu: float
    rss_mb: float
    kib_per_client: float


def run_bench_serve(*, as_json: bool, seconds: float) -> None:
    """Measure and print a table, or JSON with ``as_json``; progress goes to standard error.

    Args:
        as_json: for programs.
        seconds: how long each load is watched, at least 1.

    Raises:
        InputError: ``seconds`` cannot be used.
        RealtimeMerError: the readers do not start.
    """
    if not 1 <= seconds <= 3600:
        raise InputError(f"--seconds {seconds}: watch each load for 1 to 3600 seconds.")
    notes = Console(stderr=True, highlight=False)
    results = measure(seconds=seconds, say=lambda text: notes.print(text, markup=False))
    if as_json:
        print(json.dumps(results, indent=2, allow_nan=False))
    else:
        Console(highlight=False).print(_table(results))


def measure(*, seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Take every measurement and return them as nested, JSON-ready mappings.

    Args:
        seconds: how long each load is watched.
        say: is told what is being measured.
    """
    allow_many_sockets()
    loads = []
    with _own_core() as readers_cores:
        for clients, rate in _LOADS:
            say(f"{clients} clients, {rate:g} estimates a second, {seconds:g} s")
            load = _measure(clients=clients, rate=rate, seconds=seconds, cores=readers_cores)
            loads.append(
                {
                    "clients": clients,
                    "rate": rate,
                    "delivered": round(load.delivered, 6),
                    "latency_ms": _spread(load.latency_ms),
                    "cpu_percent": round(100 * load.cpu, 1),
                    "rss_mb": round(load.rss_mb, 1),
                    "kib_per_client": round(load.kib_per_client, 1),
                }
            )
        say(f"{_STALL_CLIENTS} clients, {_STALL_RATE:g} a second, with and without a stalled one")
        stalled = _compare_stalled(seconds=seconds, cores=readers_cores)
    return {
        "serve": loads,
        "stalled": stalled,
        "about": {
            "seconds": seconds,
            "cpu_count": os.cpu_count(),
            "pinned": readers_cores is not None,
            "load_average": [round(load, 2) for load in psutil.getloadavg()],
        },
    }


def _compare_stalled(*, seconds: float, cores: Sequence[int] | None) -> dict[str, Any]:
    """Measure with and without in turn, so that a change of the machine's speed hits both."""
    without: list[NDArray[np.float64]] = []
    beside: list[NDArray[np.float64]] = []
    for number in range(2 * _STALL_ROUNDS):
        stalled = (number + 1) // 2 % 2  # 0 1 1 0 0 1 1 0
        load = _measure(
            clients=_STALL_CLIENTS - 1,
            stalled=stalled,
            others=1 - stalled,
            rate=_STALL_RATE,
            seconds=seconds,
            cores=cores,
            fill=_FILL,
        )
        (beside if stalled else without).append(load.latency_ms)
    alone, together = _spread(np.concatenate(without)), _spread(np.concatenate(beside))
    return {
        "clients": _STALL_CLIENTS,
        "rate": _STALL_RATE,
        "rounds": _STALL_ROUNDS,
        "none_stalled_ms": alone,
        "one_stalled_ms": together,
        "p99_change_percent": round(100 * (together["p99"] / alone["p99"] - 1), 1),
    }


def _measure(
    *,
    clients: int,
    rate: float,
    seconds: float,
    cores: Sequence[int] | None,
    stalled: int = 0,
    others: int = 0,
    fill: int = 0,
) -> Load:
    """Publish at a rate and have readers of another process tell when they got what.

    Args:
        clients: readers that are measured.
        rate: estimates a second.
        seconds: how long.
        cores: where the readers run; None where the system does not let us choose.
        stalled: clients besides that read nothing.
        others: readers besides that make up for the stalled.
        fill: estimates published beforehand as fast as can be read.
    """
    everybody = clients + stalled + others
    hello = Hello(
        server_version=realtime_mer.__version__,
        model="bench",
        hop=1 / rate,
        window=3.0,
        sample_rate=24_000,
    )
    limits = Limits(connections=everybody, stall_timeout_s=10 * seconds + 60)
    process = psutil.Process()
    before = process.memory_info().rss
    published: list[float] = []
    with Service(hello=hello, port=0, limits=limits) as service:
        readers = _start_readers(service.port, clients + others, stalled, cores)
        for _ in range(fill):
            published.append(time.monotonic())
            service.publish_estimate(_estimate(len(published) - 1))
            time.sleep(0.002)
        if stalled and service.dropped == 0:
            raise RealtimeMerError("the stalled client is not stalled: its buffers were not full.")
        first = len(published) + _WARM_UP
        last = first + round(rate * seconds)
        due = time.monotonic()
        for seq in range(len(published), last):
            due += 1 / rate
            time.sleep(max(0.0, due - time.monotonic()))
            if seq == first:
                began, busy = time.monotonic(), _cpu_s(process)
            published.append(time.monotonic())
            service.publish_estimate(_estimate(seq))
        time.sleep(1 / rate)
        took, busy = time.monotonic() - began, _cpu_s(process) - busy
        memory = process.memory_info().rss
        service.stop()
        output, _ = readers.communicate(timeout=60)
    receipts = np.frombuffer(output, dtype=np.float64).reshape(-1, 2)
    receipts = receipts[receipts[:, 0] >= first]
    sent = np.array(published)[receipts[:, 0].astype(int)]
    return Load(
        latency_ms=1000 * (receipts[:, 1] - sent),
        delivered=len(receipts) / ((last - first) * (clients + others)),
        cpu=busy / took,
        rss_mb=memory / 2**20,
        kib_per_client=max(0, memory - before) / 1024 / everybody,
    )


def _start_readers(
    port: int, count: int, stalled: int, cores: Sequence[int] | None
) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-m", "realtime_mer.bench_readers", str(port), str(count), str(stalled)],
        stdout=subprocess.PIPE,
    )
    if cores is not None:
        psutil.Process(process.pid).cpu_affinity(list(cores))
    if process.stdout is None or process.stdout.readline() != b"ready\n":
        process.kill()
        raise RealtimeMerError(
            f"{count + stalled} clients could not connect: see above why, or allow more open files."
        )
    return process


@contextmanager
def _own_core() -> Iterator[list[int] | None]:
    """Keep this process on one core; yield those that are left, None where it cannot be chosen."""
    process = psutil.Process()
    # Not on macOS; a container with a single core leaves nothing to choose.
    cores = process.cpu_affinity() if hasattr(process, "cpu_affinity") else []
    if len(cores) < 2:
        yield None
        return
    process.cpu_affinity(cores[:1])
    try:
        yield cores[1:]
    finally:
        process.cpu_affinity(cores)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _estimate(seq: int) -> Estimate:
    return Estimate(
        seq=seq,
        t=round((seq + 1) * 0.1, 3),
        wall_time="2026-01-01T12:00:00.000+00:00",
        valence=0.123456,
        arousal=-0.345678,
        valence_sd=0.234567,
        arousal_sd=0.345678,
        quadrants=dict.fromkeys(QUADRANTS, 0.25),
        gems=dict.fromkeys(GEMS, 0.123456),
        mood="calm",
        status=Status.MUSIC,
        level_dbfs=-20.12,
        latency_ms=12.345,
        state_age_s=round((seq + 1) * 0.1, 3),
    )


def _spread(values: NDArray[np.float64]) -> dict[str, float]:
    median, p99 = np.percentile(values, (50, 99))
    return {"median": round(float(median), 3), "p99": round(float(p99), 3)}


def _table(results: dict[str, Any]) -> Table:
    about = results["about"]
    where = "the service on one core" if about["pinned"] else f"{about['cpu_count']} cores"
    table = Table(
        "clients", "rate", "delivered", "median", "p99", "CPU", "memory", "per client",
        title=f"realtime-mer bench --serve, {where}",
        caption=f"load average {about['load_average'][0]} at the end",
    )  # fmt: skip
    for load in results["serve"]:
        table.add_row(
            str(load["clients"]),
            f"{load['rate']:g}/s",
            f"{100 * load['delivered']:.2f} %",
            f"{load['latency_ms']['median']:.2f} ms",
            f"{load['latency_ms']['p99']:.2f} ms",
            f"{load['cpu_percent']:.0f} %",
            f"{load['rss_mb']:.0f} MB",
            f"{load['kib_per_client']:.0f} KiB",
        )
    stalled = results["stalled"]
    for name, key in (("none stalled", "none_stalled_ms"), ("one stalled", "one_stalled_ms")):
        spread = stalled[key]
        table.add_row(
            f"{stalled['clients']}, {name}",
            f"{stalled['rate']:g}/s",
            "",
            f"{spread['median']:.2f} ms",
            f"{spread['p99']:.2f} ms",
        )
    return table
