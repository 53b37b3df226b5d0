#!/usr/bin/env python3
"""What a room costs nodes, a worker and NATS, as rooms grow: processor time, not the clock's.

    .venv/bin/python scripts/room_costs.py

For each number of rooms a NATS server, two nodes and a worker run as processes on this machine.
All rooms are fed and watched over WebSockets at the first node, by this process; the second node
has neither senders nor watchers, and shows what it costs to know of the rooms of others. Sound
comes by the clock, and slower where the machine does not keep up: the next hop of a room waits
until all but its last four have been told of. What each process took is divided by the seconds of
sound that were told of meanwhile, so that other work on the machine does not count. What the
network alone takes is measured in the same run. The numbers go to `docs/results/room-costs.json`
and into tables of `docs/scale.md`. It takes some ten minutes of two processors.
`--rooms 8 --out FILE` is a short form.
"""

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from _costs_table import write_tables
from _fed_rooms import HOP, RATE, Sounds
from _machines import Cluster, MachineError
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

import realtime_mer
from realtime_mer.wire.protocol import PROTOCOL
from realtime_mer.wire.sound import SOUND_PROTOCOL, Chunk, Open, encode_sound_message

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "docs" / "results" / "room-costs.json"
ROOMS = (8, 32, 96, 144)
HOP_S = HOP / RATE
WARM_UP_S = 4.0  # of sound: the first window, and what is made once
_AHEAD = 4  # hops of a room that were sent and not told of yet
_TOGETHER = 16  # connections that are opened at once
_STUCK_S = 120.0
_SUBSCRIBE = '{"type": "subscribe", "streams": ["estimates", "status", "level"]}'  # as displays do
# No pings: the machine may be as busy as it likes.
_CONNECTION: dict[str, Any] = {"compression": None, "open_timeout": 60, "ping_interval": None}


class Load:
    """Rooms that are fed and watched at one node, in the loop that awaits ``run``.

    Args:
        node: where, as ``ws://host:port``.
        names: of the rooms.

    Attributes:
        told: number of the latest estimate of each room; -1 before the first.
    """

    def __init__(self, node: str, names: Sequence[str]) -> None:
        self.told = [-1] * len(names)
        self._node, self._names, self._sounds = node, names, Sounds(len(names))
        self._heard = [asyncio.Event() for _ in names]
        self._opening = asyncio.Semaphore(_TOGETHER)
        self._progress = asyncio.Event()

    async def reach(self, hops: int) -> None:
        """Wait until so many hops of every room have been told of.

        Raises:
            MachineError: for long nothing came.
        """
        while min(self.told) + 1 < hops:
            self._progress.clear()
            try:
                async with asyncio.timeout(_STUCK_S):
                    await self._progress.wait()
            except TimeoutError:
                raise MachineError(f"nothing was told for {_STUCK_S:.0f} s") from None

    async def room(self, number: int) -> None:
        """Feed and watch a room until cancelled."""
        address = f"{self._node}/rooms/{self._names[number]}"
        async with self._opening:
            watching = await connect(address, subprotocols=[Subprotocol(PROTOCOL)], **_CONNECTION)
            await watching.send(_SUBSCRIBE)
            feeding = await connect(
                f"{address}/audio",
                subprotocols=[Subprotocol(SOUND_PROTOCOL)],
                **_CONNECTION,
            )
            message = Open(rate=RATE, format="s16le", source=self._names[number])
            await feeding.send(encode_sound_message(message))
            await feeding.recv()
        async with watching, feeding, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch(number, watching))
            tasks.create_task(self._feed(number, feeding))

    async def _watch(self, number: int, socket: Any) -> None:
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "estimate":
                self.told[number] = message["seq"]
                self._heard[number].set()
                self._progress.set()

    async def _feed(self, number: int, socket: Any) -> None:
        due, hop = time.monotonic() + HOP_S * number / len(self._names), 0
        while True:
            await asyncio.sleep(due - time.monotonic())
            while hop - self.told[number] > _AHEAD:
                self._heard[number].clear()
                await self._heard[number].wait()
            part = self._sounds.part(number, hop * HOP, HOP)
            await socket.send(Chunk(hop * HOP, part.tobytes()).encode())
            hop += 1
            due = max(due + HOP_S, time.monotonic())


async def loaded(cluster: Cluster, names: Sequence[str], *, seconds: float) -> dict[str, Any]:
    """Return what a room costs each kind of process, in a cluster that is up."""
    load = Load(cluster.urls[0], names)
    costs: dict[str, Any] = {}
    watched = {"node": cluster.nodes[0], "other_node": cluster.nodes[1]}
    watched |= {"worker": cluster.workers[0], "nats": cluster.nats}
    async with asyncio.TaskGroup() as tasks:
        rooms = [tasks.create_task(load.room(number)) for number in range(len(names))]
        await load.reach(round(WARM_UP_S / HOP_S))
        before = {kind: machine.used()["processor_s"] for kind, machine in watched.items()}
        traffic, told, began = cluster.traffic(), sum(load.told), time.monotonic()
        await load.reach(round((WARM_UP_S + seconds) / HOP_S))
        sound_s = (sum(load.told) - told) * HOP_S
        for kind, machine in watched.items():
            used = machine.used()
            costs[kind] = {
                "processor_ms": round(1000 * (used["processor_s"] - before[kind]) / sound_s, 3),
                "resident_mb": used["resident_mb"],
            }
        costs["through_nats"] = {
            name: round((count - traffic[name]) / sound_s, 1)
            for name, count in cluster.traffic().items()
        }
        costs["of_real_time"] = round(sound_s / len(names) / (time.monotonic() - began), 2)
        for task in rooms:
            task.cancel()
    return costs


def network_ms(model: str, streams: int) -> float:
    """Return the processor time of what is computed of a room in a second, and nothing else."""
    command = [sys.executable, "-m", "realtime_mer.bench.room_load", model, "cpu"]
    done = subprocess.run(
        [*command, str(streams), "2"], input="\n", capture_output=True, text=True, check=True
    )
    hop_us: float = json.loads(done.stdout.splitlines()[-1])["hop_us"]
    return round(hop_us / 1000 / HOP_S, 3)


def main() -> int:
    """Measure, write, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--rooms",
        type=int,
        action="append",
        help="how many, again for more (default: 8, 32, 96, 144)",
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="of sound of each room")
    parser.add_argument("--model", default="default")
    parser.add_argument("--out", type=Path, help="where the result goes instead of docs/results")
    options = parser.parse_args()
    rows = []
    for rooms in options.rooms or ROOMS:
        names = [f"room-{number:03d}" for number in range(rooms)]
        with tempfile.TemporaryDirectory() as folder:
            cluster = Cluster(
                Path(folder), names, nodes=2, workers=1, model=options.model, record_at=-1
            )
            try:
                cluster.start(lambda line: None)
                costs = asyncio.run(loaded(cluster, names, seconds=options.seconds))
                version = cluster.version()
            except MachineError as error:
                print(error)
                return 2
            finally:
                cluster.close()
        row = {"rooms": rooms, **costs, "network_ms": network_ms(options.model, rooms)}
        print(json.dumps(row), flush=True)
        rows.append(row)
    result = {
        "of": realtime_mer.__version__,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        "nats_server": version,
        "seconds": options.seconds,
        "rows": rows,
    }
    (options.out or RESULT).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if options.out is None:
        write_tables(ROOT / "docs" / "scale.md", result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
