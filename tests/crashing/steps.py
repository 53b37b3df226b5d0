"""Breaks a piece of work off at any step that it takes on the disk, as the kernel sees it.

The work runs in a process of its own, whose system calls are followed with ``ptrace``, so that what
C libraries write (libsndfile, SQLite, Arrow) is met as well as what Python writes. A step is every
call that makes, writes, forces, closes, renames or removes something below a folder. Linux on
x86-64 alone.
"""

import ctypes
import errno
import json
import os
import platform
import signal
import struct
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

Way = Literal["kill", "torn", "eio", "eio-on", "full"]
"""What happens at a step.

``kill`` is a SIGKILL before it, ``torn`` one after half of what it would write; ``eio`` an error of
the disk at this step alone, ``eio-on`` one from then on; ``full`` a disk without room from then on.
"""

WAYS: tuple[Way, ...] = ("kill", "torn", "eio", "eio-on", "full")

Tell = Callable[[Any], None]
"""Notes a JSON value outside the process, so that it outlives a kill."""

CAN_FOLLOW = sys.platform == "linux" and platform.machine() == "x86_64"

# Of x86-64: name, and which arguments say what it is about. A descriptor, a path, or a descriptor
# of a folder and a path in it.
_CALLS: dict[int, tuple[str, str, int]] = {
    1: ("write", "fd", 0),
    2: ("open", "path", 0),
    3: ("close", "fd", 0),
    18: ("pwrite", "fd", 0),
    20: ("writev", "fd", 0),
    74: ("fsync", "fd", 0),
    75: ("fdatasync", "fd", 0),
    76: ("truncate", "path", 0),
    77: ("ftruncate", "fd", 0),
    82: ("rename", "path", 0),
    83: ("mkdir", "path", 0),
    84: ("rmdir", "path", 0),
    87: ("unlink", "path", 0),
    90: ("chmod", "path", 0),
    91: ("fchmod", "fd", 0),
    257: ("open", "at", 0),
    258: ("mkdir", "at", 0),
    263: ("unlink", "at", 0),
    264: ("rename", "at", 0),
    268: ("chmod", "at", 0),
    316: ("rename", "at", 0),
}
_OPEN_FLAGS = {2: 1, 257: 2}  # which argument
_TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_TAKES_ROOM = ("write", "pwrite", "writev", "mkdir", "open", "ftruncate")

_TRACE_ME, _GO_ON, _GET_REGISTERS, _SET_REGISTERS, _TO_ITS_END, _SET_OPTIONS = (
    0,
    7,
    12,
    13,
    24,
    0x4200,
)
_MARK_ENDS, _FOLLOW_THREADS, _STOP_AT_FILTER, _END_WITH_ME = 1, 8, 0x80, 0x100000
_AT_FILTER = 7  # the event
_ALL_THREADS = 0x40000000
_REGISTERS = 27
_RAX, _RDX, _NUMBER = 10, 12, 15
_ARGUMENTS = (14, 13, 12, 7)  # rdi, rsi, rdx, r10


@dataclass(kw_only=True)
class Outcome:
    """What became of the work.

    Attributes:
        steps: how many it took, the one at which it was broken off included.
        broke: whether it came so far.
        killed: whether it was killed.
        step: the step at which it was broken off, in words.
        told: what it told before its end.
        escaped: the traceback of what it raised; None for nothing.
    """

    steps: int = 0
    broke: bool = False
    killed: bool = False
    step: str = ""
    told: list[Any] = field(default_factory=list)
    escaped: str | None = None


def break_off(work: Callable[[Tell], None], home: Path, *, at: int, way: Way) -> Outcome:
    """Do it in a process of its own, and break it off at that step, counted from 1."""
    return _Following(home, at=at, way=way).follow(*_fork(work, traced=True))


def kill_after(work: Callable[[Tell], None], seconds: float) -> Outcome:
    """Do it in a process of its own, and kill that after so long, wherever it is."""
    child, pipe = _fork(work, traced=False)
    time.sleep(seconds)  # the moment itself is what is tried
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return _ended(Outcome(killed=os.WIFSIGNALED(status), broke=True), pipe)


def apart(work: Callable[[Tell], None]) -> list[Any]:
    """Do it in a process of its own to its end, and return what it told.

    Raises:
        RuntimeError: it raised, with its traceback.
    """
    child, pipe = _fork(work, traced=False)
    outcome = _ended(Outcome(), pipe)
    os.waitpid(child, 0)
    if outcome.escaped is not None:
        raise RuntimeError(outcome.escaped)
    return outcome.told


def _fork(work: Callable[[Tell], None], *, traced: bool) -> tuple[int, int]:
    there, here = os.pipe()
    child = os.fork()
    if child:
        os.close(here)
        return child, there
    status = 1
    try:
        os.close(there)
        if traced:
            os.setpgid(0, 0)  # so that whoever follows waits for this process and its threads
            _ptrace(_TRACE_ME, 0)
            os.kill(os.getpid(), signal.SIGSTOP)
            _stop_at_calls()
        try:
            work(lambda value: _write(here, [value]))
        except BaseException:  # noqa: BLE001  told to who looks at it
            _write(here, {"escaped": traceback.format_exc()})
        status = 0
    finally:
        os._exit(status)


def _write(handle: int, value: Any) -> None:
    os.write(handle, json.dumps(value).encode() + b"\n")


def _ended(outcome: Outcome, pipe: int) -> Outcome:
    with open(pipe, "rb") as file:
        for line in file:
            said = json.loads(line)
            if isinstance(said, dict):
                outcome.escaped = said["escaped"]
            else:
                outcome.told += said
    return outcome


class _Following:
    """Follows the calls of a process, counts its steps, and breaks the one it is told to."""

    def __init__(self, home: Path, *, at: int, way: Way) -> None:
        self._home = f"{os.path.realpath(home)}/"
        self._at, self._way = at, way
        self._outcome = Outcome()
        self._process = 0
        self._within: dict[int, int | None] = {}  # threads in a call, and the error it is to return
        self._torn = False

    def follow(self, process: int, pipe: int) -> Outcome:
        self._process = process
        os.waitpid(process, 0)
        options = _MARK_ENDS | _FOLLOW_THREADS | _STOP_AT_FILTER | _END_WITH_ME
        _ptrace(_SET_OPTIONS, process, options)
        self._go_on(process)
        while True:
            thread, status = os.waitpid(-process, _ALL_THREADS)
            if os.WIFSTOPPED(status):
                self._stopped(thread, status)
            elif thread == process:
                self._outcome.killed = os.WIFSIGNALED(status)
                return _ended(self._outcome, pipe)

    def _stopped(self, thread: int, status: int) -> None:
        number = os.WSTOPSIG(status)
        try:
            if status >> 16 == _AT_FILTER:
                self._enters(thread)
            elif number == signal.SIGTRAP | 0x80:
                self._leaves(thread, self._within.pop(thread))
            elif number not in (signal.SIGTRAP, signal.SIGSTOP):
                self._go_on(thread, number)
                return
        except ProcessLookupError:
            return  # killed meanwhile
        self._go_on(thread)

    def _go_on(self, thread: int, number: int = 0) -> None:
        with suppress(ProcessLookupError):  # killed meanwhile
            _ptrace(_TO_ITS_END if thread in self._within else _GO_ON, thread, number)

    def _enters(self, thread: int) -> None:
        registers = _registers(thread)
        step = self._step(thread, registers)
        if step is None:
            return
        outcome = self._outcome
        outcome.steps += 1
        if outcome.steps == self._at:
            outcome.broke, outcome.step = True, " ".join(step)
            if self._way == "torn" and step[0] in ("write", "pwrite") and registers[_RDX] > 1:
                registers[_RDX] //= 2
                _put_registers(thread, registers)
                self._torn = True
                self._within[thread] = None
            elif self._way in ("kill", "torn"):
                os.kill(self._process, signal.SIGKILL)
        if not self._fails(step[0]):
            return
        error = errno.ENOSPC if self._way == "full" else errno.EIO
        if step[0] == "close":  # which closes, whatever it returns
            self._within[thread] = error
            return
        registers[_NUMBER], registers[_RAX] = 2**64 - 1, 2**64 - error  # left out
        _put_registers(thread, registers)

    def _fails(self, name: str) -> bool:
        steps = self._outcome.steps
        if self._way == "eio":
            return steps == self._at
        if steps < self._at or self._way in ("kill", "torn"):
            return False
        return self._way == "eio-on" or name in _TAKES_ROOM

    def _leaves(self, thread: int, error: int | None) -> None:
        if self._torn:
            os.kill(self._process, signal.SIGKILL)
        if error is not None:
            registers = _registers(thread)
            registers[_RAX] = 2**64 - error
            _put_registers(thread, registers)

    def _step(self, thread: int, registers: list[int]) -> tuple[str, str] | None:
        """Return what a call does to what; None where it is no step."""
        number = registers[_NUMBER]
        if number not in _CALLS:
            return None
        name, kind, _ = _CALLS[number]
        arguments = [registers[at] for at in _ARGUMENTS]
        if name == "open" and not arguments[_OPEN_FLAGS[number]] & _TO_WRITE:
            return None
        path = self._path(thread, kind, arguments)
        if path is None or not f"{path}/".startswith(self._home):
            return None
        if name == "close" and not self._is_written(thread, arguments[0]):
            return None
        return name, os.path.relpath(path, self._home)

    def _path(self, thread: int, kind: str, arguments: list[int]) -> str | None:
        folder = f"/proc/{thread}"
        try:
            if kind == "fd":
                return os.readlink(f"{folder}/fd/{_signed(arguments[0])}")
            handle = _signed(arguments[0]) if kind == "at" else -100
            name = _text(thread, arguments[1] if kind == "at" else arguments[0])
            base = os.readlink(f"{folder}/cwd" if handle == -100 else f"{folder}/fd/{handle}")
        except OSError:
            return None
        return os.path.normpath(os.path.join(base, name))

    def _is_written(self, thread: int, handle: int) -> bool:
        with open(f"/proc/{thread}/fdinfo/{handle}") as file:
            flags = next(line for line in file if line.startswith("flags:"))
        return bool(int(flags.split()[1], 8) & (os.O_WRONLY | os.O_RDWR))


def _stop_at_calls() -> None:
    """Let this process stop at the calls that may be steps, and at no other."""

    def instruction(code: int, yes: int, no: int, value: int) -> bytes:
        return struct.pack("=HBBI", code, yes, no, value)

    load, equal, back = 0x20, 0x15, 0x06
    calls = list(_CALLS)
    program = instruction(load, 0, 0, 0)  # the number of the call
    for at, number in enumerate(calls):
        program += instruction(equal, len(calls) - at, 0, number)
    program += instruction(back, 0, 0, 0x7FFF0000)  # it is allowed
    program += instruction(back, 0, 0, 0x7FF00000)  # whoever follows is asked
    text = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("=H6xQ", len(program) // 8, ctypes.addressof(text))
    filter_ = ctypes.create_string_buffer(head, len(head))
    no_new_rights, set_filter, by_filter = 38, 22, 2
    library = _library()
    for words in (
        (no_new_rights, 1, 0, 0, 0),
        (set_filter, by_filter, ctypes.addressof(filter_), 0, 0),
    ):
        if library.prctl(*(ctypes.c_ulong(word) for word in words)):
            raise OSError(ctypes.get_errno(), "this system follows no calls")


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    library.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    library.ptrace.restype = ctypes.c_long
    return library


def _ptrace(request: int, thread: int, data: Any = 0) -> None:
    if _library().ptrace(request, thread, None, data) == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _registers(thread: int) -> list[int]:
    registers = (ctypes.c_ulonglong * _REGISTERS)()
    _ptrace(_GET_REGISTERS, thread, ctypes.cast(registers, ctypes.c_void_p))
    return list(registers)


def _put_registers(thread: int, values: list[int]) -> None:
    registers = (ctypes.c_ulonglong * _REGISTERS)(*values)
    _ptrace(_SET_REGISTERS, thread, ctypes.cast(registers, ctypes.c_void_p))


def _text(thread: int, address: int) -> str:
    """Return a text in the memory of a process, up to its zero."""
    found = b""
    with open(f"/proc/{thread}/mem", "rb", buffering=0) as memory:
        memory.seek(address)
        while b"\0" not in found and len(found) < 4096:
            found += memory.read(64 - (address + len(found)) % 64)
    return os.fsdecode(found.partition(b"\0")[0])


def _signed(value: int) -> int:
    (number,) = struct.unpack("<i", struct.pack("<I", value & 0xFFFFFFFF))
    return int(number)
