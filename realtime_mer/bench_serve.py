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
_STALL_ROUNDS = 8
_FILL = 400  # estimates that surely fill the buffers of a client that reads nothing
_ENOUGH_TO_TELL = 100  # clients; fewer add less than a process's memory varies by
_WARM_UP = 10  # estimates before the measurement


@dataclass(frozen=True, kw_only=True)
class Load:
    """What was measured under one load.

    Attributes:
        latency_ms: from ``publish_estimate`` to the receipt, one for every estimate and reader.
        delivered: of the estimates published, the share that arrived, over all readers.
        cpu: share of one core that the service's process took.
        rss_mb: its resident memory at the end.
        kib_per_client: how much of that every client added; None where there were too few to tell.
    """

    latency_ms: NDArray[np.float64]
    delivered: float
    cpu: float
    rss_mb: float
    kib_per_client: float | None


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
            load = measure_load(clients=clients, rate=rate, seconds=seconds, cores=readers_cores)
            loads.append(
                {
                    "clients": clients,
                    "rate": rate,
                    "delivered": round(load.delivered, 6),
                    "latency_ms": _spread(load.latency_ms),
                    "cpu_percent": round(100 * load.cpu, 1),
                    "rss_mb": round(load.rss_mb, 1),
                    "kib_per_client": load.kib_per_client,
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
    """Measure without, with, and without again in turn, many short rounds, and compare medians.

    A hiccup of the machine delays one round's estimates by more than all that is compared here; the
    median over the rounds is that of rounds without one. What the two groups without a stalled
    client differ by is what the machine's noise makes of no difference at all.
    """
    groups: tuple[list[dict[str, float]], ...] = ([], [], [])
    for number in range(3 * _STALL_ROUNDS):
        group = (0, 1, 2, 2, 1, 0)[number % 6]
        stalled = int(group == 1)
        load = measure_load(
            clients=_STALL_CLIENTS - 1,
            stalled=stalled,
            others=1 - stalled,
            rate=_STALL_RATE,
            seconds=max(1.0, seconds / 4),
            cores=cores,
            fill=_FILL,
        )
        groups[group].append(_spread(load.latency_ms))
    before, beside, after = groups
    alone, together = _median([*before, *after]), _median(beside)
    return {
        "clients": _STALL_CLIENTS,
        "rate": _STALL_RATE,
        "rounds": _STALL_ROUNDS,
        "none_stalled_ms": alone,
        "one_stalled_ms": together,
        "p99_change_percent": _change(alone, together),
        "p99_noise_percent": _change(_median(before), _median(after)),
    }


def measure_load(
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
        kib_per_client=(
            round((memory - before) / 1024 / everybody, 1) if everybody >= _ENOUGH_TO_TELL else None
        ),
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


def _median(spreads: Sequence[dict[str, float]]) -> dict[str, float]:
    medians = {key: np.median([spread[key] for spread in spreads]) for key in spreads[0]}
    return {key: round(float(median), 3) for key, median in medians.items()}


def _change(before: dict[str, float], after: dict[str, float]) -> float:
    return round(100 * (after["p99"] / before["p99"] - 1), 1)


def _comparison(stalled: dict[str, Any]) -> str:
    return (
        f"a stalled client changes p99 by {stalled['p99_change_percent']:+.0f} %, "
        f"the machine's noise by {stalled['p99_noise_percent']:+.0f} %"
    )


def _table(results: dict[str, Any]) -> Table:
    about = results["about"]
    where = "the service on one core" if about["pinned"] else f"{about['cpu_count']} cores"
    table = Table(
        "clients", "rate", "arrived", "median", "p99", "CPU", "MB", "KiB each",
        title=f"realtime-mer bench --serve, {where}",
        caption=f"{_comparison(results['stalled'])}; load average {about['load_average'][0]}",
    )  # fmt: skip
    for load in results["serve"]:
        each = load["kib_per_client"]
        table.add_row(
            str(load["clients"]),
            f"{load['rate']:g}/s",
            f"{100 * load['delivered']:.1f} %",
            f"{load['latency_ms']['median']:.2f} ms",
            f"{load['latency_ms']['p99']:.2f} ms",
            f"{load['cpu_percent']:.0f} %",
            f"{load['rss_mb']:.0f}",
            "" if each is None else f"{each:.0f}",
        )
    stalled = results["stalled"]
    for count, key in ((0, "none_stalled_ms"), (1, "one_stalled_ms")):
        spread = stalled[key]
        table.add_row(
            f"{stalled['clients']}, {count} stalled",
            f"{stalled['rate']:g}/s",
            "",
            f"{spread['median']:.2f} ms",
            f"{spread['p99']:.2f} ms",
        )
    return table
