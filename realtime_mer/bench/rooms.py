"""How many streams at once this machine bears, in one process and in a process each."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import psutil
from rich.table import Table

from realtime_mer.errors import RealtimeMerError
from realtime_mer.printing.console import console
from realtime_mer.recognizer.compute import choose_compute

STREAMS = (1, 8, 64, 256, 800)
CUDA_STREAMS = (1, 8, 64, 512, 4096, 16_384, 50_000)
_PROCESSES = 4
_HOPS_A_SECOND = 10


def run_bench_rooms(
    *, as_json: bool, model: str, compute: str, streams: Sequence[int], seconds: float
) -> None:
    """Measure and print a table, or JSON with ``as_json``; progress goes to standard error.

    Args:
        as_json: for programs.
        model: name or path of a checkpoint.
        compute: as for ``choose_compute``.
        streams: how many, each >= 1; what suits the runtime if there are none.
        seconds: of each measurement.

    Raises:
        RealtimeMerError: a process that measures did not get that far.
    """
    notes = console(stderr=True)
    results = measure(
        model=model,
        compute=compute,
        streams=streams,
        seconds=seconds,
        say=lambda text: notes.print(text),
    )
    if as_json:
        print(json.dumps(results, indent=2, allow_nan=False))
    else:
        console(wrap=True).print(table_of(results))


def measure(
    *, model: str, compute: str, streams: Sequence[int], seconds: float, say: Callable[[str], None]
) -> dict[str, Any]:
    """Take every measurement and return them as nested, JSON-ready mappings.

    Args:
        model, compute, streams, seconds: as for ``run_bench_rooms``.
        say: is told what is being measured.
    """
    taken = choose_compute(compute).name
    counts = streams or (CUDA_STREAMS if taken.startswith("cuda") else STREAMS)
    rooms = []
    for count in counts:
        say(f"{count} streams in one process, {taken}")
        (load,) = _loads(model, taken, streams=count, seconds=seconds, processes=1)
        rooms.append({"streams": count, **load, "streams_a_core": _a_core(load)})
    processes = min(_PROCESSES, os.cpu_count() or 1)
    say(f"{processes} processes with a stream each, {taken}")
    alone = _loads(model, taken, streams=1, seconds=seconds, processes=processes)
    each = {
        "processes": processes,
        "hop_us": round(sum(load["hop_us"] for load in alone) / processes, 2),
        "resident_mb": round(sum(load["resident_mb"] for load in alone) / processes, 1),
    }
    return {
        "rooms": rooms,
        "a_process_each": {**each, "streams_a_core": _a_core(each)},
        "about": {
            "model": model,
            "compute": taken,
            "seconds": seconds,
            "cpu_count": os.cpu_count(),
            "load_average": [round(load, 2) for load in psutil.getloadavg()],
        },
    }


def _a_core(load: dict[str, Any]) -> int:
    """Return how many streams a core would bear if it did nothing else."""
    return int(1e6 / (_HOPS_A_SECOND * load["hop_us"]))


def _loads(
    model: str, compute: str, *, streams: int, seconds: float, processes: int
) -> list[dict[str, Any]]:
    """Measure in processes that begin together once all are ready."""
    command = [sys.executable, "-m", "realtime_mer.bench.room_load"]
    command += [model, compute, str(streams), str(seconds)]
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(processes)
        ]
        for process in started:
            stack.callback(process.kill)
        for process in started:
            if process.stdout is None or process.stdout.readline() != "ready\n":
                raise _failed(process)
        for process in started:
            if process.stdin is not None:
                process.stdin.write("\n")
                process.stdin.flush()
        return [_told(process) for process in started]


def _told(process: subprocess.Popen[str]) -> dict[str, Any]:
    output, _ = process.communicate()
    if process.returncode:
        raise _failed(process)
    told: dict[str, Any] = json.loads(output)
    return told


def _failed(process: subprocess.Popen[str]) -> RealtimeMerError:
    process.wait()
    words = "" if process.stderr is None or process.stderr.closed else process.stderr.read()
    last = words.strip().rpartition("\n")[2]
    return RealtimeMerError(
        f"A process that measures ended with status {process.returncode}: {last or 'no words'}."
    )


def table_of(results: dict[str, Any]) -> Table:
    """Return what ``measure`` found as people read it."""
    about = results["about"]
    table = Table(
        *("streams", "tick, median", "p99", "a hop", "streams a core", "live, p99", "a stream"),
        title=f"realtime-mer bench rooms, {about['model']}, {about['compute']}",
    )
    for load in results["rooms"]:
        live, memory = load["live_ms"], load["stream_kb"]
        table.add_row(
            str(load["streams"]),
            f"{load['tick_ms']['median']:.2f} ms",
            f"{load['tick_ms']['p99']:.2f} ms",
            f"{load['hop_us']:.0f} µs",
            str(load["streams_a_core"]),
            "too many" if live is None else f"{live['p99']:.1f} ms",
            f"{load['resident_mb']:.0f} MB" if memory is None else f"{memory:.0f} kB",
        )
    alone = results["a_process_each"]
    table.add_row(
        f"1 in each of {alone['processes']} processes",
        "",
        "",
        f"{alone['hop_us']:.0f} µs",
        str(alone["streams_a_core"]),
        "",
        f"{alone['resident_mb']:.0f} MB",
    )
    return table
