"""The pipes between a session and its window."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from realtime_mer.live.control_pipe import ControlPipe
from realtime_mer.wire.control import Command, Failed, Pause, Reset, Resume
from tests.patience import PATIENCE_S


class Commands:
    """Keeps the commands that come, for another thread to wait for."""

    def __init__(self) -> None:
        self.seen: list[Command] = []
        self._changed = threading.Condition()

    def __call__(self, command: Command) -> None:
        with self._changed:
            self.seen.append(command)
            self._changed.notify_all()

    def wait_for(self, count: int) -> list[Command]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.seen) >= count, PATIENCE_S)
            return self.seen


@contextmanager
def window(script: str, carry_out: Callable[[Command], None], **settings) -> Iterator[ControlPipe]:
    """Run a Python script as the window of a session."""
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    pipe = ControlPipe(process.stdout, process.stdin, carry_out=carry_out, **settings)
    pipe.start()
    try:
        yield pipe
    finally:
        process.kill()
        process.wait()
        pipe.close()


def failed(number: int) -> Failed:
    return Failed(do="source", message=f"number {number}")


def test_commands_come_in_order_and_reports_arrive() -> None:
    script = """
import sys
print('{"do":"pause"}', flush=True)
if "number 7" in sys.stdin.readline():
    print('{"do":"resume"}', flush=True)
sys.stdin.read()
"""
    commands = Commands()
    with window(script, commands) as pipe:
        commands.wait_for(1)
        pipe.send(failed(7))
        assert commands.wait_for(2) == [Pause(), Resume()]
        assert (pipe.ignored, pipe.lost) == (0, 0)


def test_lines_that_are_no_commands_are_counted_and_change_nothing() -> None:
    script = """
import sys
sys.stdout.buffer.write(b'Qt: hello\\n{"do":"explode"}\\n\\xff\\n' + b"x" * 100_000 + b"\\n")
print('{"do":"reset"}', flush=True)
sys.stdin.read()
"""
    commands = Commands()
    with window(script, commands) as pipe:
        assert commands.wait_for(1) == [Reset()]
        assert pipe.ignored == 5  # the long line comes in two


def test_a_window_that_takes_no_reports_holds_up_nobody_and_gets_the_newest() -> None:
    gate, opened = os.pipe()
    script = f"""
import os, sys
print('{{"do":"pause"}}', flush=True)
os.read({gate}, 1)
for line in sys.stdin:
    if "number 19999" in line:
        print('{{"do":"resume"}}', flush=True)
"""
    commands = Commands()
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=[gate],
    )
    pipe = ControlPipe(process.stdout, process.stdin, carry_out=commands)
    pipe.start()
    commands.wait_for(1)
    for number in range(20_000):  # far more than the pipe holds
        pipe.send(failed(number))
    assert pipe.lost > 1000
    os.write(opened, b"!")
    assert commands.wait_for(2)[-1] == Resume()
    process.kill()
    process.wait()
    pipe.close()
    os.close(gate)
    os.close(opened)


def test_a_window_that_floods_waits_itself() -> None:
    script = """
import sys
while True:
    sys.stdout.write('{"do":"pause"}\\n')
"""
    commands = Commands()
    with window(script, commands):
        commands.wait_for(5)
        # As many as the rate allows since, never the hundreds of thousands that were written.
        assert len(commands.seen) < 1000


def test_what_takes_its_time_keeps_the_commands_behind_it_in_order() -> None:
    script = """
for name in ("reset", "pause", "resume"):
    print('{"do":"%s"}' % name, flush=True)
import sys; sys.stdin.read()
"""
    begun, go_on = threading.Event(), threading.Event()
    commands = Commands()

    def slow(command: Command) -> None:
        begun.set()
        assert go_on.wait(PATIENCE_S)
        commands(command)

    with window(script, slow):
        assert begun.wait(PATIENCE_S)
        assert commands.seen == []
        go_on.set()
        assert commands.wait_for(3) == [Reset(), Pause(), Resume()]


def test_a_window_that_was_closed_is_no_error() -> None:
    with window("", Commands()) as pipe:
        for number in range(1000):
            pipe.send(failed(number))


def test_a_session_learns_that_its_window_was_closed() -> None:
    ended = threading.Event()
    with window("", Commands(), at_end=ended.set):
        assert ended.wait(PATIENCE_S)
