#!/usr/bin/env python3
"""Whether rooms on several machines lose nothing while workers are killed, drained and started.

One NATS server, two nodes and three workers run as processes on this machine. Rooms are fed with
made music over WebSockets at one node and watched at the other; one node records what is told of
each. Meanwhile workers are killed (-9), drained (SIGTERM) and started at random, NATS starts anew
once, and the other node is killed once. Then every estimate is accounted for: each number once, in
order, or inside a gap that is marked. Some rooms are compared with the same sound computed in this
process, unmoved. The numbers go to `docs/results/moving-rooms.json` and into the table of
`docs/scale.md`; where something is missing, the status is 1.

    .venv/bin/python scripts/moving_rooms.py

It takes eleven minutes. `--minutes 1 --rooms 8` is a short form, which writes nothing unless
`--out` names a file. Let nothing else run meanwhile.
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from _disturbing import Step, plan
from _fed_rooms import HOP, Feeder, Sounds, Watcher
from _machines import Cluster, MachineError
from _moving_result import (
    accounts,
    compared,
    costs,
    judged,
    latencies,
    recorded,
    silences,
    versions,
)
from _moving_table import write_table

import realtime_mer

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "docs" / "results" / "moving-rooms.json"
SETTLES_S = 40.0


class Run:
    """One run: rooms that are fed and watched, and what is done meanwhile.

    Args:
        cluster: that is up.
        names: of the rooms.
        seconds: of sound of each.
        steps: what to do.
        say: takes a line for people.
    """

    def __init__(
        self,
        cluster: Cluster,
        names: Sequence[str],
        *,
        seconds: float,
        steps: Sequence[Step],
        say: Callable[[str], None],
    ) -> None:
        self.sounds = Sounds(len(names))
        self.done: list[dict[str, Any]] = []
        self.traffic: dict[str, int] = {}
        self._cluster, self._steps, self._say, self._seconds = cluster, steps, say, seconds
        self.begins_at = time.monotonic() + 2.0
        self.feeders: list[Feeder] = []
        self.watchers: list[Watcher] = []
        for number, name in enumerate(names):
            home = cluster.urls if number % 2 == 0 else cluster.urls[::-1]
            offset = 0.1 * number / len(names)  # or all rooms would send in the same instant
            begins = self.begins_at + offset
            self.feeders.append(
                Feeder(number, name, home, self.sounds, begins_at=begins, ends_at=begins + seconds)
            )
            self.watchers.append(Watcher(name, home[::-1]))

    async def run(self) -> None:
        """Run until all sound has been sent and told of, or nothing more comes."""
        watching = [asyncio.create_task(watcher.run()) for watcher in self.watchers]
        feeding = [asyncio.create_task(feeder.run()) for feeder in self.feeders]
        disturbing = asyncio.create_task(self._disturb())
        telling = asyncio.create_task(self._tell())
        try:
            await asyncio.gather(disturbing, *feeding)
            await self._settle()
            self._count_traffic()
        finally:
            for task in (telling, *watching, *feeding, disturbing):
                task.cancel()
            await asyncio.gather(telling, *watching, *feeding, disturbing, return_exceptions=True)

    async def _disturb(self) -> None:
        for step in self._steps:
            at = self.begins_at + step.at_s
            await asyncio.sleep(max(0.0, at - time.monotonic()))
            began = time.monotonic()
            status: int | None = await asyncio.to_thread(self._do, step)
            self.done.append(
                {
                    "at_s": round(began - self.begins_at, 1),
                    "what": step.what,
                    "which": step.which,
                    "took_s": round(time.monotonic() - began, 1),
                    **({} if status is None else {"status": status}),
                }
            )
            self._say(f"{self.done[-1]['at_s']:6.1f} s  {step.what} {step.which}")

    def _do(self, step: Step) -> int | None:
        cluster = self._cluster
        if step.what == "restart nats":
            self._count_traffic()
            cluster.nats.end(signal.SIGTERM)
            cluster.nats.start()
            cluster.nats.wait()
            return None
        machine = (cluster.nodes if step.what.endswith("node") else cluster.workers)[step.which]
        if step.what.startswith("start"):
            machine.start()
            machine.wait()  # or the next step might take the last one that computes
            return None
        return machine.end(signal.SIGTERM if step.what == "drain" else signal.SIGKILL)

    async def _settle(self) -> None:
        """Wait until the last estimate of every room has come, or for long enough."""
        ends = time.monotonic() + SETTLES_S
        while time.monotonic() < ends:
            if all(
                watcher.heard and watcher.heard[-1].seq >= feeder.fed.sent // HOP - 1
                for watcher, feeder in zip(self.watchers, self.feeders, strict=True)
            ):
                return
            await asyncio.sleep(0.2)
        self._say("Not all rooms have told their last estimate")

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(15)
            now = time.monotonic()
            late = [
                now - feeder.captured_at(watcher.heard[-1].seq) if watcher.heard else now
                for watcher, feeder in zip(self.watchers, self.feeders, strict=True)
            ]
            alive = sum(worker.alive for worker in self._cluster.workers)
            self._say(
                f"{now - self.begins_at:6.1f} of {self._seconds:.0f} s  {alive} workers, "
                f"{sum(len(watcher.heard) for watcher in self.watchers)} estimates heard, "
                f"rooms are up to {max(late):.1f} s behind"
            )

    def _count_traffic(self) -> None:
        for name, count in self._cluster.traffic().items():
            self.traffic[name] = self.traffic.get(name, 0) + count


def measure(options: argparse.Namespace, folder: Path, say: Callable[[str], None]) -> Any:
    """Run, and return the result and what must not be."""
    names = [f"room-{number:02d}" for number in range(options.rooms)]
    seconds = 60 * options.minutes
    cluster = Cluster(
        folder,
        names,
        nodes=2,
        workers=options.workers,
        model=options.model,
        record_at=1,  # the other one is killed
    )
    try:
        say(f"NATS, 2 nodes and {options.workers} workers start; logs are in {folder}")
        cluster.start(say)
        steps = plan(seed=options.seed, seconds=seconds, workers=options.workers)
        run = Run(cluster, names, seconds=seconds, steps=steps, say=say)
        asyncio.run(run.run())
        used = costs(cluster, rooms=len(names), seconds=seconds, traffic=run.traffic)
        found_versions = versions(cluster)
        statuses = {
            machine.name: machine.end(signal.SIGTERM)
            for machine in (*cluster.nodes, *cluster.workers)
            if machine.alive
        }
    finally:
        cluster.close()
    say("Ended; now it is reckoned up")
    kept = {name: recorded(cluster.sessions, name) for name in names}
    told, wrong = accounts(run, names, kept)
    result = {
        "of": realtime_mer.__version__,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        "versions": found_versions,
        "rooms": len(names),
        "minutes": options.minutes,
        "nodes": 2,
        "workers": options.workers,
        "seed": options.seed,
        "estimates": told,
        "latency": latencies(run, seconds=60 * options.minutes),
        "moved_beside_unmoved": compared(
            run, names, kept, rooms=options.compare, model=options.model
        ),
        "costs": used,
        "done": silences(run),
        "started": sum(step["what"].startswith("start") for step in run.done),
        "exit_statuses": statuses,
        "senders": [asdict(feeder.fed) for feeder in run.feeders] if options.all else [],
    }
    wrong = judged(result, wrong)
    wrong += [f"{name} ended with {status}" for name, status in statuses.items() if status]
    result["wrong"] = wrong[:200]
    return result, wrong


def main(say: Callable[[str], None] = print) -> int:
    """Measure, write, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rooms", type=int, default=64)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--compare", type=int, default=16, help="rooms computed here too")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="default")
    parser.add_argument("--all", action="store_true", help="write what each sender counted, too")
    parser.add_argument("--folder", type=Path, help="where logs and sessions lie, and stay")
    parser.add_argument("--out", type=Path, help="where the result goes instead of docs/results")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = options.folder
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        try:
            result, wrong = measure(options, folder, lambda line: say(line))
        except (MachineError, ValueError) as error:
            say(str(error))
            return 2
    text = json.dumps(result, indent=1) + "\n"
    if options.out is not None:
        options.out.write_text(text, encoding="utf-8")
    elif options.minutes >= 10:
        RESULT.write_text(text, encoding="utf-8")
        write_table(ROOT / "docs" / "scale.md", result)
    else:
        say(text)
    for line in wrong[:20]:
        say(line)
    if len(wrong) > 20:
        say(f"and {len(wrong) - 20} more")
    counted = result["estimates"]
    say(
        f"{counted['told']} of {counted['hops_sent']} estimates told, "
        f"{counted['missing_and_marked']} in marked gaps, {len(wrong)} faults"
    )
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
