"""The process that holds a MIDI port: batches come on standard input, each gets an answer.

A batch is a line of JSON: ``[[bytes, seconds after which a note is let go, or null], ...]``. The
answer is ``ok``, or what is wrong, after which the process ends. When its input ends, it lets all
notes go. What the system's libraries print goes to standard error, where nobody need look.
"""

import argparse
import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_CLOCK, _START, _STOP = [0xF8], [0xFA], [0xFC]
_CLOCKS_A_BEAT = 24
_LOOK_EVERY_S = 1.0
_NO_MIDI = "there is no MIDI on this machine: neither ALSA's sequencer nor JACK runs"

Key = tuple[int, int]
"""Channel from 0, and note."""


class Keys:
    """The keys that are down, and when they are let go; at most 16 times 128."""

    def __init__(self) -> None:
        self._down: dict[Key, float | None] = {}

    def take(self, data: Sequence[int], *, until: float | None) -> bool:
        """Take a message; return whether it presses a key that is down, so that it is let go."""
        if data[0] & 0xF0 != 0x90:
            return False
        key = (data[0] & 0x0F, data[1])
        was_down = key in self._down
        if data[2]:
            self._down[key] = until
        elif was_down:
            del self._down[key]
        return was_down and bool(data[2])

    @property
    def due(self) -> float | None:
        """When the next is let go; None for none."""
        return min((until for until in self._down.values() if until is not None), default=None)

    def let_go(self, now: float | None = None) -> list[list[int]]:
        """Return what lets go those that are due; without a time, all."""
        keys = [
            key
            for key, until in self._down.items()
            if now is None or (until is not None and until <= now)
        ]
        for key in keys:
            del self._down[key]
        return [release(*key) for key in keys]


def release(channel: int, note: int) -> list[int]:
    """Return what lets a key go."""
    return [0x80 | channel, note, 0]


def choose(names: Sequence[str], wanted: str) -> int:
    """Return the place of the port that is meant: by its name, or a part that no other has.

    Raises:
        LookupError: none is, or several are; it says which there are.
    """
    if wanted in names:
        return names.index(wanted)
    near = [place for place, name in enumerate(names) if wanted.casefold() in name.casefold()]
    if len(near) == 1:
        return near[0]
    there = "; ".join(names[place] for place in near) if near else "; ".join(names) or "none"
    which = "several MIDI ports are called like" if near else "there is no MIDI port"
    raise LookupError(f"{which} {wanted!r}; there are: {there}")


def open_system() -> Any:
    """Return an output of the first MIDI system that runs here.

    Raises:
        LookupError: none does.
    """
    import rtmidi

    for api in rtmidi.get_compiled_api():
        if api == rtmidi.API_LINUX_ALSA and not Path("/dev/snd/seq").exists():
            continue  # the library would say so at length
        if api == rtmidi.API_RTMIDI_DUMMY:
            continue
        try:
            return rtmidi.MidiOut(api, name="realtime-mer")
        except rtmidi.RtMidiError:
            continue
    raise LookupError(_NO_MIDI)


def run(arguments: argparse.Namespace) -> None:
    """Hold the port until the input ends."""
    output = open_system()
    if arguments.own is not None:
        output.open_virtual_port(arguments.own)
        name = None
    else:
        names = output.get_ports()
        place = choose(names, arguments.port)
        output.open_port(place, "out")
        name = names[place]
    _say("ok")
    batches: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(batches,), daemon=True).start()
    keys = Keys()
    period = None if arguments.clock is None else 60 / arguments.clock / _CLOCKS_A_BEAT
    if period is not None:
        output.send_message(_START)
    tick, look = time.monotonic(), time.monotonic()
    while True:
        wait = [] if period is None else [tick]
        if (due := keys.due) is not None:
            wait.append(due)
        line = _next(batches, until=min(wait, default=None))
        now = time.monotonic()
        for message in keys.let_go(now):
            output.send_message(message)
        if period is not None and now >= tick:
            output.send_message(_CLOCK)
            tick = max(tick + period, now - 1.0)  # after a sleep of the machine, no burst
        if line is None:
            break
        if not line:
            continue
        if name is not None and now - look >= _LOOK_EVERY_S:
            look = now
            if name not in output.get_ports():
                raise LookupError(f"the MIDI port {name!r} is gone")
        _send(output.send_message, keys, json.loads(line), now=now)
        _say("ok")
    for message in keys.let_go():
        output.send_message(message)
    if period is not None:
        output.send_message(_STOP)
    output.close_port()


def _send(
    send: Callable[[Sequence[int]], None], keys: Keys, batch: Sequence[Any], *, now: float
) -> None:
    for data, length_s in batch:
        if keys.take(data, until=None if length_s is None else now + length_s):
            send(release(data[0] & 0x0F, data[1]))
        send(data)


def _read(batches: "queue.SimpleQueue[str | None]") -> None:
    for line in sys.stdin:
        batches.put(line)
    batches.put(None)


def _next(batches: "queue.SimpleQueue[str | None]", *, until: float | None) -> str | None:
    """Return the next batch, None at the end, and nothing where the time comes first."""
    try:
        return batches.get(timeout=None if until is None else max(0.0, until - time.monotonic()))
    except queue.Empty:
        return ""


def _say(text: str) -> None:
    pipe = sys.stdout  # whose reader is the process that started this one, and no person
    print(text, file=pipe, flush=True)


def main() -> int:
    """Do what the arguments say; the exit code is 1 where something is wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port")
    parser.add_argument("--own")
    parser.add_argument("--clock", type=float)
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    os.environ["JACK_NO_START_SERVER"] = "1"
    import rtmidi

    try:
        if arguments.list:
            for name in open_system().get_ports():
                _say(name)
        else:
            run(arguments)
    except (LookupError, rtmidi.RtMidiError) as error:
        _say(str(error.args[0]).strip() if error.args else type(error).__name__)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
