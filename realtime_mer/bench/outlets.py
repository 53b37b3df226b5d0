"""What outlets cost a hop: turns with them and without, one after the other, beside one session.

The sound comes several times as fast as it would live. So there are more hops a second, and what
leaves for one of them is likelier to meet the next.
"""

import io
import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil
from rich.table import Table

from realtime_mer.bench.hops import Spread
from realtime_mer.bench.pairs import median_interval, verdict
from realtime_mer.bench.playing import PlayingSession, Turn
from realtime_mer.live.outlets import ServiceOptions, open_outlets
from realtime_mer.outlets.finding import find_wire
from realtime_mer.outlets.mapping.tables import Plan, read_plan
from realtime_mer.printing.console import console
from realtime_mer.recognizer.compute import compute_on_one_thread
from realtime_mer.recognizer.loading import load_recognizer
from realtime_mer.wire.protocol import OutletState

SPEED = 6.0
"""Seconds of sound in a second of a turn, without another word."""

BOUND = 0.10
"""Of the p99 of a hop, by which outlets may raise it."""

PAIRS = 12


def run_bench_outlets(*, as_json: bool, model: str, maps: Sequence[Path], seconds: float) -> None:
    """Measure and print a table, or JSON with ``as_json``; progress goes to standard error.

    Args:
        as_json: for programs.
        model: name or path of a checkpoint.
        maps: mappings to measure; without any, those wires that need nobody at the other end.
        seconds: how long each turn is.

    Raises:
        RealtimeMerError: a mapping or the checkpoint cannot be used.
    """
    notes = console(stderr=True)
    with ExitStack() as stack:
        plans = [] if maps else [stack.enter_context(own_plan())]
        pairs = measure_pairs(
            model=model,
            plans=plans,
            maps=maps,
            service=None,
            seconds=seconds,
            pairs=PAIRS,
            say=lambda text: notes.print(text),
        )
    results = compared(pairs) | {
        "about": {
            "model": model,
            "seconds": seconds,
            "speed": SPEED,
            "cpu_count": os.cpu_count(),
            "load_average": [round(load, 2) for load in psutil.getloadavg()],
        }
    }
    if as_json:
        print(json.dumps(results, indent=2, allow_nan=False))
    else:
        console(wrap=True).print(_table(results))


def measure_pairs(
    *,
    model: str,
    plans: Sequence[Plan],
    maps: Sequence[Path],
    service: ServiceOptions | None,
    seconds: float,
    pairs: int,
    speed: float = SPEED,
    say: Callable[[str], None],
) -> list[tuple[Turn, Turn]]:
    """Measure pairs of turns without and with outlets, now the one first, now the other.

    Args:
        model: name or path of a checkpoint.
        plans, maps, service: the outlets, as for ``open_outlets``.
        seconds: how long a turn is.
        pairs: how many.
        speed: seconds of sound in a second.
        say: is told what is being measured.
    """
    found: list[tuple[Turn, Turn]] = []
    recognizer = load_recognizer(model, "cpu")
    compute_on_one_thread()
    with PlayingSession(recognizer, speed=speed) as session:
        for number in range(pairs):
            say(f"with outlets, or none: {number + 1} of {pairs}")
            turns: dict[bool, Turn] = {}
            for beside in (False, True) if number % 2 == 0 else (True, False):
                with ExitStack() as stack:
                    outlets = None
                    if beside:
                        outlets = open_outlets(
                            hello=session.hello,
                            service=service,
                            plans=plans,
                            maps=maps,
                            console=console(file=io.StringIO()),
                            stack=stack,
                        )
                        session.connect(outlets)
                    turns[beside] = session.turn(outlets, seconds=seconds)
            found.append((turns[False], turns[True]))
    return found


def compared(pairs: Sequence[tuple[Turn, Turn]]) -> dict[str, Any]:
    """Return what pairs of turns without and with outlets say, JSON-ready.

    ``p99_ratio`` is that of all hops together, ``pair_ratio`` the median over pairs with its
    ``interval``, which hiccups of single turns do not move.
    """
    ratios = [_p99(beside.hop_ms) / _p99(without.hop_ms) for without, beside in pairs]
    low, high, coverage = median_interval(ratios)
    hops, told = (
        [[one for turns in pairs for one in getattr(turns[beside], name)] for beside in (0, 1)]
        for name in ("hop_ms", "told_ms")
    )
    return {
        "pairs": len(pairs),
        "hops": [len(one) for one in hops],
        "hop_ms": {"without": Spread.of(hops[0]).to_dict(), "with": Spread.of(hops[1]).to_dict()},
        "p99_ratio": round(_p99(hops[1]) / _p99(hops[0]), 4),
        "pair_ratios": [round(ratio, 4) for ratio in ratios],
        "pair_ratio": round(float(np.median(ratios)), 4),
        "interval": [round(low, 4), round(high, 4)],
        "coverage": round(coverage, 3),
        "verdict": verdict(low, high, bound=BOUND),
        "sound_to_outlets_ms": {
            "without": Spread.of(told[0]).to_dict(),
            "with": Spread.of(told[1]).to_dict(),
        },
        "processor_ms_per_hop": {
            how: round(
                1000 * sum(turns[beside].processor_s for turns in pairs) / len(hops[beside]), 3
            )
            for beside, how in enumerate(("without", "with"))
        },
        "skipped": {
            "without": sum(without.skipped for without, _ in pairs),
            "with": sum(beside.skipped for _, beside in pairs),
        },
        "outlets": _added_up([beside.states for _, beside in pairs]),
    }


def _p99(values: Sequence[float]) -> float:
    return float(np.percentile(values, 99))


def _added_up(turns: Sequence[Sequence[OutletState]]) -> list[dict[str, Any]]:
    """Return the counts of every outlet over all turns, and how it stood after the last."""
    found: list[dict[str, Any]] = []
    for number, state in enumerate(turns[-1]):
        counts = {
            key: sum(getattr(states[number], key) for states in turns)
            for key in ("sent", "dropped", "failed")
        }
        found.append(asdict(state) | counts)
    return found


@contextmanager
def own_plan() -> Iterator[Plan]:
    """Give a mapping of the wires that need nobody at the other end, all to this machine."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        ports = []
        for _ in range(3):  # whose sockets nobody reads: the system lets go of what comes
            deaf = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            deaf.bind(("127.0.0.1", 0))
            ports.append(deaf.getsockname()[1])
        lights = [{"from": "valence", "channel": 1}, {"from": "arousal", "channel": 2}]
        outputs: list[Mapping[str, Any]] = [
            {"to": f"osc://127.0.0.1:{ports[0]}"},
            {"to": f"file:{Path(folder).as_posix()}/lines.jsonl"},
            {"to": f"artnet://127.0.0.1:{ports[1]}", "routes": lights},
            {"to": f"sacn://127.0.0.1:{ports[2]}", "routes": lights},
            {"to": "lsl:realtime-mer%20bench"},
        ]
        there = [
            output
            for output in outputs
            if find_wire(str(output["to"]).partition(":")[0]).missing() is None
        ]
        yield read_plan({"output": there}, file="bench")


def _table(results: Mapping[str, Any]) -> Table:
    low, high = (100 * (ratio - 1) for ratio in results["interval"])
    table = Table(
        "measurement",
        "median",
        "p99",
        title=f"realtime-mer bench outlets, {results['about']['model']}",
        caption=f"outlets change a hop's p99 by {100 * (results['p99_ratio'] - 1):+.1f} %, the "
        f"median pair of {results['pairs']} by {100 * (results['pair_ratio'] - 1):+.1f} % "
        f"({100 * results['coverage']:.0f} % interval {low:+.1f} to {high:+.1f} %); raise it by "
        f"less than {100 * BOUND:.0f} %: {results['verdict']}; load average "
        f"{results['about']['load_average'][0]}",
    )
    for what, key in (("hop", "hop_ms"), ("sound to outlets", "sound_to_outlets_ms")):
        for how in ("without", "with"):
            spread = results[key][how]
            name = f"{what}, {how} outlets"
            table.add_row(name, f"{spread['median']:.2f} ms", f"{spread['p99']:.2f} ms")
    for how, took in results["processor_ms_per_hop"].items():
        table.add_row(f"processor a hop, {how} outlets", f"{took:.2f} ms", "")
    for state in results["outlets"]:
        counts = f"{state['sent']} sent, {state['dropped']} dropped, {state['failed']} failed"
        table.add_row(f"  {state['name']}", counts, state["state"])
    return table
