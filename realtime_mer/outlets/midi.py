"""MIDI: controllers, notes and programs for instruments, music software and lighting desks.

The port is open in a process of its own (``midi_port``): the library holds Python's lock while the
system takes a message, and behind a JACK server that stands still that is for ever. Here it would
stop the recogniser; there it is ended and started again.
"""

import contextlib
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field, StrictFloat, StrictInt, model_validator

from realtime_mer.errors import InputError, ServiceError
from realtime_mer.outlets.wires import Message, Table, Url, Wire

VIRTUAL = "virtual"
"""Stands for a port of our own, which others connect to; ``virtual:NAME`` names it."""

_OWN_NAME = "realtime-mer"
_PROGRAM = (sys.executable, "-m", "realtime_mer.outlets.midi_port")
_OPEN_S = 10.0
_ANSWER_S = 3.0
_END_S = 1.0

_Data = Annotated[StrictInt, Field(ge=0, le=127)]


class MidiPlace(Table):
    """Where a value goes: exactly one of ``controller``, ``note`` and ``program``.

    Attributes:
        controller: number of the controller that gets the value.
        note: key that is pressed with the value as its velocity; 0 lets it go.
        program: True for a change of program to the value.
        channel: 1 to 16.
        length_s: after so many seconds a rule's note is let go.
    """

    controller: _Data | None = None
    note: _Data | None = None
    program: Annotated[bool, Field(strict=True)] = False
    channel: Annotated[StrictInt, Field(ge=1, le=16)] = 1
    length_s: Annotated[StrictFloat, Field(gt=0, le=600)] = 0.5

    @model_validator(mode="after")
    def _one(self) -> "MidiPlace":
        if (self.controller is not None) + (self.note is not None) + self.program != 1:
            raise ValueError("give one of controller (0 to 127), note (0 to 127), program = true")
        if "length_s" in self.model_fields_set and self.note is None:
            raise ValueError("only a note has a length_s")
        return self


class MidiOptions(Table):
    """What a MIDI output has besides.

    Attributes:
        clock: beats a minute of a clock that is sent all the time; None for no clock.
    """

    clock: Annotated[StrictFloat, Field(ge=20, le=400)] | None = None


class MidiConnection:
    """A process that holds the port.

    Args:
        url: of the port.
        options: of the output.

    Raises:
        ServiceError: there is no such port, or no MIDI on this machine.
    """

    def __init__(self, url: Url, options: MidiOptions) -> None:
        arguments = [f"--port={url.path}"]
        if (own := _own_port(url.path)) is not None:
            arguments = [f"--own={own}"]
        if options.clock is not None:
            arguments.append(f"--clock={options.clock}")
        self._last: dict[MidiPlace, list[int]] = {}
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._process = subprocess.Popen(
            [*_PROGRAM, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # where the system's libraries write what they like
            encoding="utf-8",
        )
        self._reader = threading.Thread(target=self._read, name="midi answers", daemon=True)
        self._reader.start()
        try:
            self._expect_answer(_OPEN_S)
        except ServiceError:
            self.close()
            raise

    def send(self, messages: Sequence[Message[MidiPlace]]) -> int:
        """Send messages; a text, which MIDI does not have, counts as not taken.

        A value that stands as it did is not sent again.
        """
        batch: list[tuple[list[int], float | None]] = []
        refused = 0
        for message in messages:
            data = encode(message)
            if data is None:
                refused += 1
            elif message.once:
                batch.append((data, message.place.length_s))
            elif self._is_new(message.place, data):
                batch.append((data, None))
        if batch:
            stdin = self._process.stdin
            if stdin is None:
                raise ServiceError("the port is closed")
            stdin.write(json.dumps(batch) + "\n")
            stdin.flush()
            self._expect_answer(_ANSWER_S)
        return refused

    def close(self) -> None:
        """Let all notes go and end the process."""
        process = self._process
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._reader.join()
        if process.stdout is not None:
            process.stdout.close()

    def _is_new(self, place: MidiPlace, data: list[int]) -> bool:
        before = self._last.get(place)
        self._last[place] = data
        if place.note is None or before is None:
            return data != before
        return (data[2] > 0) != (before[2] > 0)  # a key is pressed once

    def _read(self) -> None:
        for answer in self._process.stdout or ():
            self._answers.put(answer.strip())
        self._answers.put("the process of the port ended")

    def _expect_answer(self, seconds: float) -> None:
        try:
            answer = self._answers.get(timeout=seconds)
        except queue.Empty:
            self._process.kill()
            raise ServiceError("the MIDI system takes nothing") from None
        if answer != "ok":
            raise ServiceError(answer)


def encode(message: Message[MidiPlace]) -> list[int] | None:
    """Return a message's bytes; None where its value is a text."""
    place, value = message.place, message.value
    if isinstance(value, str):
        return None
    if isinstance(value, bool):
        value = 127 if value else 0
    number = min(127, max(0, round(value)))
    channel = place.channel - 1
    if place.controller is not None:
        return [0xB0 | channel, place.controller, number]
    if place.note is not None:
        return [0x90 | channel, place.note, number]
    return [0xC0 | channel, number]


def ports() -> list[str]:
    """Return the names of the ports that can be sent to.

    Raises:
        ServiceError: there is no MIDI on this machine, or it does not answer.
    """
    try:
        found = subprocess.run(
            [*_PROGRAM, "--list"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            timeout=_OPEN_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServiceError("the MIDI system does not answer") from error
    if found.returncode:
        raise ServiceError(found.stdout.strip() or "the MIDI system does not answer")
    return found.stdout.splitlines()


def _own_port(path: str) -> str | None:
    """Return the name of the port of our own that a path asks for; None for another's."""
    word, _, name = path.partition(":")
    return (name.strip() or _OWN_NAME) if word == VIRTUAL else None


def _check(url: Url) -> None:
    if "#" in url.text:
        raise InputError(f"{url.text!r}: write %23 for the sign #")
    if url.host is not None or not url.path.strip() or url.query:
        raise InputError(
            f"{url.text!r}: give a port's name or a part of it, as in {MIDI.example}, "
            f"or midi:{VIRTUAL}; `realtime-mer devices` lists them"
        )
    if _own_port(url.path) is not None and sys.platform == "win32":
        raise InputError("Windows lets no program open a port of its own; loopMIDI makes one")


MIDI = Wire(
    scheme="midi",
    example="midi:Synth",
    place=MidiPlace,
    options=MidiOptions,
    connect=MidiConnection,
    check=_check,
    routes=(
        {"from": "valence", "controller": 20},
        {"from": "arousal", "controller": 21},
        *({"from": f"quadrants.Q{number}", "controller": 21 + number} for number in (1, 2, 3, 4)),
    ),
    target=(0.0, 127.0),
    libraries=("rtmidi",),
    extra="midi",
)
"""The wire ``midi``."""
