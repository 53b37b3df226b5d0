#!/usr/bin/env python3
"""Whether one bad room of `realtime-mer rooms serve` makes others later, measured by turns.

A service runs as a process. Some rooms are fed in real time; of each hop of theirs is measured how
long it takes from when its last sample is sent until a watcher has its estimate. In every second
turn another process is a bad room: it floods (a file as fast as it goes), sends tiny messages as
fast as they go, sends long blocks, stalls (it reads nothing and sends half a message), or sends
garbage and comes back twenty times a second. In the turns between it feeds that room well. Pairs of
turns are compared: the p99 of the good rooms may rise by a tenth. The numbers go to
`docs/results/bad-rooms.json`; where a bad room harms the others, the status is 1.

    .venv/bin/python scripts/bad_rooms.py

It takes a quarter of an hour; `--pairs 3 --seconds 4` two minutes. Let nothing else run meanwhile.
"""

import argparse
import asyncio
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

import realtime_mer
from realtime_mer.bench.pairs import median_interval, verdict
from realtime_mer.wire.protocol import PROTOCOL
from realtime_mer.wire.sound import SOUND_PROTOCOL, Chunk, Open, encode_sound_message

RATE, HOP = 24_000, 2400
BOUND = 0.1
START_S = 120.0
CALM = "calm"
KINDS = ("flood", "tiny", "blocks", "stall", "garbage")
RESULT = Path(__file__).parents[1] / "docs" / "results" / "bad-rooms.json"


# -- the bad room, in a process of its own


async def be_bad(kind: str, url: str) -> None:
    """Feed a room badly until somebody ends this process; say so once it has begun."""
    begun = False
    noise = np.random.default_rng(0).standard_normal(RATE * 2).astype("<f4") * 0.1
    while True:
        try:
            async with connect(
                f"{url}/rooms/bad/audio",
                subprotocols=[Subprotocol(SOUND_PROTOCOL)],
                compression=None,
                max_queue=4,
            ) as socket_:
                await socket_.send(encode_sound_message(Open(rate=RATE, format="f32le")))
                answer = json.loads(await socket_.recv())
                if answer["type"] == "ready":
                    if not begun:
                        print("begun", flush=True)
                    begun = True
                    await _misbehave(kind, socket_, answer["next"], noise)
        except (ConnectionClosed, InvalidHandshake, OSError):
            pass
        await asyncio.sleep(0.05)


async def _misbehave(kind: str, socket_: Any, index: int, noise: Any) -> None:
    sizes = {"flood": HOP, "tiny": 1, "blocks": 2 * RATE}
    if kind == "garbage":
        await socket_.send(Chunk(1 << 62, os.urandom(4000)).encode())
        await socket_.wait_closed()
    elif kind == "stall":
        socket_.transport.pause_reading()
        frame = Chunk(index, bytes(50_000)).encode()
        head = bytes([0x82, 0x80 | 127]) + len(frame).to_bytes(8, "big") + bytes(4)
        socket_.transport.write(head + frame[:25_000])
        await asyncio.sleep(3600)
    elif kind == CALM:
        while True:
            await asyncio.sleep(0.1)
            await socket_.send(Chunk(index, noise[:HOP].tobytes()).encode())
            index += HOP
    else:
        size = sizes[kind]
        samples = noise[:size].tobytes()
        while True:
            await socket_.send(Chunk(index, samples).encode())
            index += size


# -- the good ones


class Good:
    """A room that is fed in real time, and its watcher."""

    def __init__(self, name: str, url: str, offset_s: float) -> None:
        self._name, self._url, self._offset_s = name, url, offset_s
        self._sent: dict[int, float] = {}
        self.taken_ms: list[float] = []

    async def run(self) -> None:
        """Feed and watch until cancelled."""
        noise = np.random.default_rng(len(self._name)).standard_normal(RATE * 8)
        sound = (0.1 * noise).astype("<f4")
        async with (
            connect(
                f"{self._url}/rooms/{self._name}/audio",
                subprotocols=[Subprotocol(SOUND_PROTOCOL)],
                compression=None,
            ) as feed,
        ):
            await feed.send(encode_sound_message(Open(rate=RATE, format="f32le")))
            index = json.loads(await feed.recv())["next"]
            reading = asyncio.create_task(_read_on(feed))
            async with connect(
                f"{self._url}/rooms/{self._name}",
                subprotocols=[Subprotocol(PROTOCOL)],
                compression=None,
            ) as watch:
                await watch.send('{"type": "subscribe", "streams": ["estimates"]}')
                watching = asyncio.create_task(self._watch(watch))
                begun = time.perf_counter() + self._offset_s
                hop = 0
                try:
                    while True:
                        hop += 1
                        await asyncio.sleep(max(0.0, begun + hop * 0.1 - time.perf_counter()))
                        start = index % (7 * RATE)
                        self._sent[index // HOP] = time.perf_counter()
                        await feed.send(Chunk(index, sound[start : start + HOP].tobytes()).encode())
                        index += HOP
                finally:
                    watching.cancel()
                    reading.cancel()

    async def _watch(self, watch: Any) -> None:
        async for text in watch:
            now = time.perf_counter()
            message = json.loads(text)
            if message["type"] == "estimate":
                sent = self._sent.pop(message["seq"], None)
                if sent is not None:
                    self.taken_ms.append(1000 * (now - sent))


async def _read_on(feed: Any) -> None:
    async for _ in feed:
        pass


async def measure(url: str, *, rooms: int, pairs: int, seconds: float, say: Any) -> dict[str, Any]:
    """Return what each kind of bad room does to the others."""
    good = [Good(f"good-{number}", url, number * 0.1 / rooms) for number in range(rooms)]
    tasks = [asyncio.create_task(room.run()) for room in good]
    await asyncio.sleep(4.0)

    async def turn(bad: str) -> list[float]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, __file__, "--be", bad, "--url", url, stdout=subprocess.PIPE
        )
        if process.stdout is not None:
            await process.stdout.readline()  # it has begun
        for room in good:
            room.taken_ms.clear()
        await asyncio.sleep(seconds)
        taken = [value for room in good for value in room.taken_ms]
        process.kill()
        await process.wait()
        await asyncio.sleep(0.5)
        return taken

    found: dict[str, Any] = {}
    for kind in KINDS:
        ratios, calm, beside = [], [], []
        for number in range(pairs):
            order = (CALM, kind) if number % 2 == 0 else (kind, CALM)
            turns = {bad: await turn(bad) for bad in order}
            calm += turns[CALM]
            beside += turns[kind]
            ratios.append(p99(turns[kind]) / p99(turns[CALM]))
        low, high, chance = median_interval(ratios)
        found[kind] = {
            "ratios_of_p99": [round(ratio, 3) for ratio in ratios],
            "median": round(float(np.median(ratios)), 3),
            "interval": [round(low, 3), round(high, 3)],
            "holds_the_median_with": round(chance, 3),
            "calm_ms": {"p50": p50(calm), "p99": p99(calm), "hops": len(calm)},
            "beside_ms": {"p50": p50(beside), "p99": p99(beside), "hops": len(beside)},
            "harms_nobody": verdict(low, high, bound=BOUND),
        }
        say(f"{kind}: median ratio of p99 {found[kind]['median']}, {found[kind]['interval']}")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return found


def p99(values: list[float]) -> float:
    return round(float(np.percentile(values, 99)), 2)


def p50(values: list[float]) -> float:
    return round(float(np.percentile(values, 50)), 2)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def main(say: Callable[[str], None] = print) -> int:
    """Measure, write, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--be", choices=(CALM, *KINDS), help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--rooms", type=int, default=6)
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--model", default="default")
    options = parser.parse_args()
    if options.be:
        asyncio.run(be_bad(options.be, options.url))
        return 0
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = ["-m", "realtime_mer", "rooms", "serve", "--port", str(port), "--folder", folder]
        command += ["--model", options.model, "--compute", "light"]
        command += [part for n in range(options.rooms) for part in ("--room", f"good-{n}")]
        service = subprocess.Popen([sys.executable, *command])
        try:
            ends = time.monotonic() + START_S
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    if time.monotonic() > ends or service.poll() is not None:
                        raise
                    time.sleep(0.2)
            url = f"ws://127.0.0.1:{port}"
            found = asyncio.run(
                measure(
                    url,
                    rooms=options.rooms,
                    pairs=options.pairs,
                    seconds=options.seconds,
                    say=say,
                )
            )
        finally:
            service.terminate()
            status = service.wait()
    result = {
        "of": realtime_mer.__version__,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        "rooms": options.rooms,
        "pairs": options.pairs,
        "seconds_of_a_turn": options.seconds,
        "bound": BOUND,
        "kinds": found,
        "exit_status_of_the_service": status,
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    harmed = [kind for kind, told in found.items() if told["harms_nobody"] == "no"]
    for kind in harmed:
        say(f"A bad room ({kind}) makes others later: {found[kind]['median']} times their p99")
    return int(bool(harmed) or status != 0)


if __name__ == "__main__":
    sys.exit(main())
