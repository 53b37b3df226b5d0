#!/usr/bin/env python3
"""Runs an hour of sound through a session with all wires at once, and an hour with none, by turns.

A session of the built-in piece plays at several times its speed. In half of the turns it feeds OSC,
MIDI, sACN, Art-Net, MQTT, LSL, OBS, a named pipe, and the service with two subscribers, each with
its other side on this machine (a broker, a JACK server, an inlet …, at low priority, since they
stand for other machines). In the other half it has none of them. What a hop costs is compared, and
memory is read at the beginning and the end of every turn. The numbers go to
`docs/results/wires.json`; what is not as it must be is printed, and the status is 1.

    .venv/bin/python scripts/wires.py

It takes a third of an hour, `--minutes 4 --pairs 4` two minutes. Linux, with mosquitto and jackd;
not run on macOS or Windows.
"""

import argparse
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from _other_sides import LSL_NAME, MIDI_NAME

import realtime_mer
from realtime_mer.bench.outlets import BOUND, PAIRS, SPEED, compared, measure_pairs
from realtime_mer.bench.playing import Turn
from realtime_mer.live.outlets import ServiceOptions

OTHER_SIDES = Path(__file__).with_name("_other_sides.py")
LOW = 10  # priority, as of nice
MOST_MB = 10.0  # of growth within a turn
# Of growth from one turn to the next: wires are opened anew, and glibc keeps a heap for each thread
# there ever was. With MALLOC_ARENA_MAX=1 it is a tenth of a megabyte.
MOST_REOPENED_MB = 2.0
START_S = 30.0

MAPPING = """
[[output]]
to = "osc://127.0.0.1:{osc}"

[[output]]
name = "lines"
to = "file:{pipe}"

[[output]]
name = "broker"
to = "mqtt://127.0.0.1:{broker}/mer-wires"

[[output]]
to = "lsl:{lsl}"

[[output]]
name = "synth"
to = "midi:{midi}"
clock = 120.0

[[output]]
name = "booth"
to = "sacn://127.0.0.1:{sacn}"
fixtures = [{{ name = "left", channel = 1, parts = ["dimmer", "red", "green", "blue"] }}]
routes = [
  {{ from = "arousal", fixture = "left", part = "dimmer", attack_s = 0.5, release_s = 2.0 }},
  {{ from = "valence", fixture = "left", part = "valence", unsure = "slow" }},
  {{ from = "arousal", fixture = "left", part = "arousal", unsure = "slow" }},
  {{ from = "bands.0-7", channel = 20, release_s = 0.3 }},
]

[[output]]
name = "wall"
to = "artnet://127.0.0.1:{artnet}"
routes = [
  {{ from = "gems.power", channel = 1 }},
  {{ from = "level_dbfs", channel = 2, range = [-60, 0] }},
]

[[output]]
name = "stream"
to = "obs://127.0.0.1:{obs}"
routes = [{{ from = "mood_held", text = "Mood" }}]

[[rule]]
when = "arousal > 0.1"
until = "arousal < 0.0"
send = [
  {{ to = "stream", scene = true, value = "Lively" }},
  {{ to = "synth", note = 60, value = 100 }},
  {{ to = "broker", topic = "~/scene", value = "lively" }},
]

[[rule]]
when = "mood changes"
send = [{{ to = "booth", fixture = "left", part = "colour", value = "#ffffff" }}]
"""


def main() -> int:
    """Measure, check, write and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0, help="of sound with wires")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="of turns (default: %(default)s)")
    parser.add_argument("--speed", type=float, default=SPEED, help="times real time")
    parser.add_argument("--model", default="default")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    missing = [name for name in ("mosquitto", "jackd", "jack_wait") if program(name) is None]
    if missing:
        parser.error(f"install {', '.join(missing)} first (Debian: mosquitto, jackd2)")
    seconds = options.minutes * 60 / options.pairs / options.speed
    if seconds < 1:
        parser.error(f"a turn would have {seconds:.1f} s: give more --minutes, or fewer --pairs")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        broker, service = free_port(), free_port()
        stack.enter_context(mosquitto(broker, folder))
        stack.enter_context(jack())
        other_sides = stack.enter_context(started_other_sides(folder, broker, service))
        there = json.loads(other_sides.stdout.readline())  # type: ignore[union-attr]
        show = folder / "show.toml"
        lsl = LSL_NAME.replace(" ", "%20")
        mapping = MAPPING.format(**there, broker=broker, lsl=lsl, midi=MIDI_NAME)
        show.write_text(mapping, encoding="utf-8")
        pairs = measure_pairs(
            model=options.model,
            plans=(),
            maps=[show],
            service=ServiceOptions(port=service),
            seconds=seconds,
            pairs=options.pairs,
            speed=options.speed,
            say=lambda text: print(text, file=sys.stderr),
        )
        came = json.loads(other_sides.communicate("")[0])
    found = compared(pairs)
    memory = grown([beside for _, beside in pairs])
    problems = wrong(found, memory, came)
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "software": f"realtime-mer {realtime_mer.__version__}",
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "protocol": f"{options.minutes:g} minutes of the built-in piece with all wires and as much "
        f"with none, at {options.speed:g} times real time, in {options.pairs} pairs of turns; a "
        "hop is one step of the recogniser; memory is of the session and its children",
        **found,
        "memory": memory,
        "came": came,
        "problems": problems,
    }
    text = json.dumps(result, indent=1, allow_nan=False) + "\n"
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "wires.json").write_text(text, encoding="utf-8")
    print(text, end="")
    return int(bool(problems))


def grown(turns: Sequence[Turn]) -> dict[str, Any]:
    """Return what memory the turns with wires took, and by how much it grew, within and over them.

    The first turn is left out: it fills caches and queues.
    """
    settled = turns[1:] or turns
    ends = [turn.resident_mb[1] for turn in turns]
    return {
        "resident_mb": ends,
        "most_grown_within_a_turn_mb": round(
            max(turn.resident_mb[1] - turn.resident_mb[0] for turn in settled), 1
        ),
        "grown_a_reopening_mb": round(
            (ends[-1] - ends[-len(settled)]) / max(len(settled) - 1, 1), 2
        ),
    }


def wrong(
    found: Mapping[str, Any], memory: Mapping[str, Any], came: Mapping[str, int]
) -> list[str]:
    """Return what is not as it must be, a line each."""
    problems = []
    if found["p99_ratio"] > 1 + BOUND:
        problems.append(f"with wires a hop's p99 is {found['p99_ratio']} times that without")
    bounds = {"most_grown_within_a_turn_mb": MOST_MB, "grown_a_reopening_mb": MOST_REOPENED_MB}
    problems += [f"{key}: {memory[key]}" for key, most in bounds.items() if memory[key] > most]
    wires = "osc sacn artnet file lsl mqtt midi obs events websocket".split()
    problems += [f"nothing came by {wire}" for wire in wires if not came.get(wire)]
    for state in found["outlets"]:
        if state["state"] != "connected" or state["failed"]:
            problems.append(f"{state['name']}: {state['state']}, {state['failed']} failed")
    return problems


def program(name: str) -> str | None:
    """Return where a program is, also of those that only root has on their path."""
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    """Return a TCP port of this machine that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as there:
        port: int = there.getsockname()[1]
        return port


@contextmanager
def running(*command: str, **how: Any) -> Iterator["subprocess.Popen[str]"]:
    """Give a program that runs at low priority, and end it."""
    with subprocess.Popen(["nice", "-n", str(LOW), *command], text=True, **how) as process:
        try:
            yield process
        finally:
            process.terminate()


@contextmanager
def mosquitto(port: int, folder: Path) -> Iterator[None]:
    """Run a broker that anybody on this machine may use."""
    settings = folder / "mosquitto.conf"
    settings.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\nlog_dest none\n"
    )
    until = time.monotonic() + START_S
    with running(str(program("mosquitto")), "-c", str(settings)) as process:
        while process.poll() is None and time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except ConnectionRefusedError:
                time.sleep(0.1)
                continue
            yield
            return
        sys.exit("mosquitto does not start")


@contextmanager
def jack() -> Iterator[None]:
    """Run a JACK server without a sound card, which this process and its children use."""
    os.environ |= {"JACK_DEFAULT_SERVER": f"wires{os.getpid()}", "JACK_NO_START_SERVER": "1"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    name = ("--name", os.environ["JACK_DEFAULT_SERVER"])
    dummy = ("-d", "dummy", "-r", "48000", "-p", "1024")
    with running("jackd", "--no-realtime", *name, *dummy, **quiet):
        wait = ["jack_wait", "--wait", "--timeout", f"{START_S:.0f}"]
        if subprocess.run(wait, check=False, **quiet).returncode:  # type: ignore[call-overload]
            sys.exit("jackd does not start")
        yield


@contextmanager
def started_other_sides(
    folder: Path, broker: int, service: int
) -> Iterator["subprocess.Popen[str]"]:
    """Run the other sides of all wires."""
    command = (sys.executable, str(OTHER_SIDES), str(folder), str(broker), str(service))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with running(*command, **pipes) as process:
        yield process


if __name__ == "__main__":
    sys.exit(main())
