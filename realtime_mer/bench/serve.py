"""What the WebSocket service bears on this machine: subscribers, latency, processor and memory."""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray
from rich.table import Table

from realtime_mer.bench.pairs import median_interval, verdict
from realtime_mer.bench.readers import MANY_SOCKETS, SocketSubscriber
from realtime_mer.bench.served import loaded_service
from realtime_mer.errors import RealtimeMerError
from realtime_mer.printing.console import console
from realtime_mer.service.listening import allow_files

_LOADS = ((1, 10.0), (100, 10.0), (100, 50.0), (500, 10.0), (1000, 10.0))
_STALL_CLIENTS = 100
_STALL_RATE = 50.0
_STALL_PAIRS = 12
_STALL_BOUND = 0.10  # of the others' p99, which a stalled client may raise it by
_FILL, _FILL_RATE = 400, 500.0  # surely fills the buffers of a client that reads nothing
_STALLED_BUFFER = 4096
_ENOUGH_TO_TELL = 100  # clients; fewer add less than a process's memory varies by
_WARM_UP = 10  # estimates before the measurement


@dataclass(frozen=True, kw_only=True)
class Load:
    """What was measured under one load.

    Attributes:
        latency_ms: from ``publish`` to the receipt, one for every estimate and reader.
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
        seconds: how long each load is watched, from 1 to 3600.

    Raises:
        RealtimeMerError: the readers do not start.
    """
    notes = console(stderr=True)
    results = measure(seconds=seconds, say=lambda text: notes.print(text))
    if as_json:
        print(json.dumps(results, indent=2, allow_nan=False))
    else:
        console(wrap=True).print(_table(results))


def measure(*, seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Take every measurement and return them as nested, JSON-ready mappings.

    Args:
        seconds: how long each load is watched.
        say: is told what is being measured.
    """
    allow_files(MANY_SOCKETS)
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
        stalled = compare_stalled(
            clients=_STALL_CLIENTS,
            rate=_STALL_RATE,
            seconds=seconds,
            pairs=_STALL_PAIRS,
            cores=readers_cores,
            say=say,
        )
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


def compare_stalled(
    *,
    clients: int,
    rate: float,
    seconds: float,
    pairs: int,
    cores: Sequence[int] | None,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Measure pairs of rounds, with and without a stalled client, now the one first, now the other.

    A machine is faster in one minute than in the next, so only what was measured in turn, with the
    same service and the same readers, is compared; the median of the pairs' ratios is that of pairs
    without a hiccup in either round.

    Args:
        clients: how many there are with the stalled one.
        rate: estimates a second.
        seconds: how long a round lasts.
        pairs: how many.
        cores: as for ``measure_load``.
        say: is told what is being measured.

    Raises:
        RealtimeMerError: the stalled client is not stalled, or the readers do not start.
    """
    rounds: dict[bool, list[range]] = {False: [], True: []}
    with loaded_service(clients - 1, rate=rate, cores=cores) as loaded:
        for number in range(pairs):
            say(f"{clients - 1} clients and a stalled one, or none: {number + 1} of {pairs}")
            for stalled in (False, True) if number % 2 == 0 else (True, False):
                with ExitStack() as stack:
                    if stalled:
                        port = loaded.service.port
                        reader = SocketSubscriber(port, receive_buffer=_STALLED_BUFFER)
                        stack.enter_context(reader.socket)
                    loaded.publish(_FILL, rate=_FILL_RATE)
                    before = loaded.service.dropped
                    rounds[stalled].append(loaded.publish(round(rate * seconds), rate=rate))
                    if stalled and loaded.service.dropped - before < rate * seconds / 2:
                        raise RealtimeMerError("the stalled client reads: its buffers are not full")
        receipts = loaded.end()
    without, beside = (
        [_spread(receipts.latency_ms(seqs)) for seqs in rounds[stalled]]
        for stalled in (False, True)
    )
    ratios = [one["p99"] / none["p99"] for one, none in zip(beside, without, strict=True)]
    low, high, coverage = median_interval(ratios)
    return {
        "clients": clients,
        "rate": rate,
        "pairs": pairs,
        "none_stalled_ms": _median(without),
        "one_stalled_ms": _median(beside),
        "p99_ratios": [round(ratio, 4) for ratio in ratios],
        "p99_ratio": round(float(np.median(ratios)), 4),
        "interval": [round(low, 4), round(high, 4)],
        "coverage": round(coverage, 3),
        "verdict": verdict(low, high, bound=_STALL_BOUND),
    }


def measure_load(*, clients: int, rate: float, seconds: float, cores: Sequence[int] | None) -> Load:
    """Publish at a rate and have readers of another process tell when they got what.

    Args:
        clients: how many readers.
        rate: estimates a second.
        seconds: how long.
        cores: where the readers run; None where the system does not let us choose.

    Raises:
        RealtimeMerError: the readers do not start.
    """
    process = psutil.Process()
    before = process.memory_info().rss
    with loaded_service(clients, rate=rate, cores=cores) as loaded:
        loaded.publish(_WARM_UP, rate=rate)
        began, busy = time.monotonic(), _cpu_s(process)
        watched = loaded.publish(round(rate * seconds), rate=rate)
        took, busy = time.monotonic() - began, _cpu_s(process) - busy
        memory = process.memory_info().rss
        latency_ms = loaded.end().latency_ms(watched)
    return Load(
        latency_ms=latency_ms,
        delivered=len(latency_ms) / (len(watched) * clients),
        cpu=busy / took,
        rss_mb=memory / 2**20,
        kib_per_client=(
            round((memory - before) / 1024 / clients, 1) if clients >= _ENOUGH_TO_TELL else None
        ),
    )


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


def _spread(values: NDArray[np.float64]) -> dict[str, float]:
    median, p99 = np.percentile(values, (50, 99))
    return {"median": round(float(median), 3), "p99": round(float(p99), 3)}


def _median(spreads: Sequence[dict[str, float]]) -> dict[str, float]:
    medians = {key: np.median([spread[key] for spread in spreads]) for key in spreads[0]}
    return {key: round(float(median), 3) for key, median in medians.items()}


def _comparison(stalled: dict[str, Any]) -> str:
    low, median, high = (
        f"{100 * (ratio - 1):+.1f}"
        for ratio in (stalled["interval"][0], stalled["p99_ratio"], stalled["interval"][1])
    )
    return (
        f"one stalled of {stalled['clients']} changes the others' p99 by {median} % "
        f"({100 * stalled['coverage']:.0f} % interval {low} to {high} %, "
        f"{stalled['pairs']} pairs); raises it by less than {100 * _STALL_BOUND:.0f} %: "
        f"{stalled['verdict']}"
    )


def _table(results: dict[str, Any]) -> Table:
    about = results["about"]
    where = "the service on one core" if about["pinned"] else f"{about['cpu_count']} cores"
    table = Table(
        "clients", "rate", "arrived", "median", "p99", "CPU", "MB", "KiB each",
        title=f"realtime-mer bench serve, {where}",
        caption=f"{_comparison(results['stalled'])}; load average {about['load_average'][0]}",
    )  # fmt: skip
    for load in results["serve"]:
        kib = load["kib_per_client"]
        table.add_row(
            str(load["clients"]),
            f"{load['rate']:g}/s",
            f"{100 * load['delivered']:.1f} %",
            f"{load['latency_ms']['median']:.2f} ms",
            f"{load['latency_ms']['p99']:.2f} ms",
            f"{load['cpu_percent']:.0f} %",
            f"{load['rss_mb']:.0f}",
            "" if kib is None else f"{kib:.0f}",
        )
    stalled = results["stalled"]
    for more, key in (("", "none_stalled_ms"), (" + 1", "one_stalled_ms")):
        spread = stalled[key]
        table.add_row(
            f"{stalled['clients'] - 1}{more}",
            f"{stalled['rate']:g}/s",
            "",
            f"{spread['median']:.2f} ms",
            f"{spread['p99']:.2f} ms",
        )
    return table
