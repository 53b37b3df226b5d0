"""What all tests need: signals as in a terminal, and a private sound server where there is one."""

import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray

from realtime_mer.sessions.store import FOLDER_VARIABLE
from tests.patience import PATIENCE_S

RATE = 48_000

# How long an example takes the machine decides, not the code; and a file that every example writes
# anew may lie in one folder. All else is as Hypothesis has it, which keeps its database beside the
# code, and where CI runs keeps none and draws the same examples every time.
settings.register_profile(
    "unhurried",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("unhurried")


def pytest_configure() -> None:
    """Let Ctrl-C reach the programs that tests start, and start and compute as they do.

    Whoever starts tests in the background of a shell (``&``, ``nohup``) has them ignore SIGINT, and
    all that they start inherits it.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch reads these when it is first imported
    # Threads that wait for each other would keep turning, on the very cores that the others need.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Containers often forbid bytecode, for small images. Each process that tests start would then
    # compile all that it imports anew, which takes as long as all else that it does.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where processes share the files, let those come first that hold more slow tests than others.

    None of the processes is then left with a long file at the end.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
        items.sort(key=lambda item: -slow[item.path])


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the sessions of a test in a folder of its own."""
    folder = tmp_path / "sessions"
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    return folder


class Microphone:
    """What a sound server reads from a named pipe: silence in real time, but for what is said.

    Args:
        fifo: the pipe, which the server makes.
        channels: all of them hear the same.
    """

    def __init__(self, fifo: Path, *, channels: int) -> None:
        self._fifo = fifo
        self._channels = channels
        self._speech: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._mouth = threading.Thread(target=self._feed)
        self._mouth.start()

    def say(self, samples: NDArray[np.float32]) -> None:
        """Let it hear mono samples at ``RATE``, and do not wait for the end."""
        self._speech.put(np.repeat((samples * 32767).astype("<i2"), self._channels).tobytes())

    def close(self) -> None:
        """Say nothing any more."""
        self._stopped.set()
        self._mouth.join()

    def _feed(self) -> None:
        tick = 0.02
        silence = bytes(2 * self._channels * round(RATE * tick))
        speech, said = b"", 0
        due = time.monotonic()
        pipe: int | None = None
        while not self._stopped.wait(max(0.0, due - time.monotonic())):
            due += tick
            if not self._speech.empty():
                speech, said = speech[said:] + self._speech.get(), 0
            # Not cut off in front each time: copying minutes of it would hold up the whole process.
            chunk = speech[said : said + len(silence)]
            said += len(silence)
            try:
                if pipe is None:
                    pipe = os.open(self._fifo, os.O_WRONLY | os.O_NONBLOCK)
                os.write(pipe, chunk.ljust(len(silence), b"\0"))
            except BlockingIOError:
                pass  # nobody listens: the sound is gone, as in a room
            except OSError:  # the daemon is not there
                if pipe is not None:
                    os.close(pipe)
                pipe = None
        if pipe is not None:
            os.close(pipe)


class PulseServer:
    """A PulseAudio daemon of our own: a null sink as the speakers, a pipe as the microphone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = folder / "socket"
        self._daemon: subprocess.Popen[bytes] | None = None
        self._players: list[subprocess.Popen[bytes]] = []
        self._mics = {"Microphone": Microphone(folder / "Microphone", channels=1)}
        (folder / "run").mkdir(mode=0o700)

    def env(self) -> dict[str, str]:
        """Return what a program's environment must hold to use this server."""
        return {
            "HOME": str(self._folder),
            "XDG_RUNTIME_DIR": str(self._folder / "run"),
            "PULSE_SERVER": f"unix:{self._socket}",
        }

    def restart(self) -> None:
        """Start the daemon, after killing it where it runs; return when it can be used.

        It has the microphone that it began with.
        """
        self.kill()
        self._socket.unlink(missing_ok=True)
        modules = (
            "module-null-sink sink_name=speakers sink_properties=device.description=Speakers",
            " ".join(self._pipe_source("Microphone", channels=1)),
            f"module-native-protocol-unix socket={self._socket} auth-anonymous=1",
        )
        self._daemon = subprocess.Popen(
            ["pulseaudio", "-n", "--fail", "--daemonize=no", "--exit-idle-time=-1"]
            + ["--use-pid-file=no"]
            + [f"--load={module}" for module in modules],
            env={**os.environ, **self.env()},
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + PATIENCE_S
        while not self._answers():
            if self._daemon.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("pulseaudio did not start")
            threading.Event().wait(0.02)

    def kill(self) -> None:
        """Kill the daemon, as a crash would."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()
            self._daemon = None

    def freeze(self) -> None:
        """Let the daemon hang: it stays connected and does nothing."""
        assert self._daemon is not None
        self._daemon.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen daemon go on."""
        assert self._daemon is not None
        self._daemon.send_signal(signal.SIGCONT)

    def add_mic(self, name: str, *, channels: int = 1) -> None:
        """Plug in another microphone, which does not become the default."""
        default = self._control("get-default-source")
        self._control("load-module", *self._pipe_source(name, channels=channels))
        self._control("set-default-source", default)
        if name not in self._mics:
            self._mics[name] = Microphone(self._folder / name, channels=channels)

    def remove_mic(self, name: str) -> None:
        """Pull out a microphone."""
        for line in self._control("list", "short", "modules").splitlines():
            number, module, *arguments = line.split("\t")
            if module == "module-pipe-source" and f"source_name={name} " in arguments[0]:
                self._control("unload-module", number)

    def set_speakers(self, name: str) -> None:
        """Make a sink the one that is played to."""
        self._control("set-default-sink", name)

    def set_default(self, name: str) -> None:
        """Make a microphone the default."""
        self._control("set-default-source", name)

    def load(self, module: str, *arguments: str) -> None:
        """Load a module of the daemon."""
        self._control("load-module", module, *arguments)

    def play(self, samples: NDArray[np.float32]) -> None:
        """Start to play mono samples at ``RATE`` over the speakers, and do not wait for the end."""
        with tempfile.TemporaryFile(dir=self._folder) as sound:
            sound.write(samples.astype("<f4").tobytes())
            sound.seek(0)
            player = subprocess.Popen(
                ["pacat", "--raw", "--format=float32le", f"--rate={RATE}", "--channels=1"],
                env={**os.environ, **self.env()},
                stdin=sound,
            )
        self._players.append(player)

    def speak_into_mic(self, samples: NDArray[np.float32], *, name: str = "Microphone") -> None:
        """Let a microphone hear mono samples at ``RATE``, and do not wait for the end."""
        self._mics[name].say(samples)

    def close(self) -> None:
        """End everything."""
        for mic in self._mics.values():
            mic.close()
        for player in self._players:
            player.kill()
            player.wait()
        self.kill()

    def _pipe_source(self, name: str, *, channels: int) -> tuple[str, ...]:
        (self._folder / name).unlink(missing_ok=True)
        return (
            "module-pipe-source",
            f"source_name={name}",
            f"source_properties=device.description={name}",
            f"file={self._folder / name}",
            f"rate={RATE}",
            f"channels={channels}",
            "format=s16le",
        )

    def _control(self, *arguments: str) -> str:
        answer = subprocess.run(
            ["pactl", *arguments],
            env={**os.environ, **self.env()},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return answer.stdout.strip()

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self._socket)) == 0


@pytest.fixture
def pulse(monkeypatch: pytest.MonkeyPatch) -> Iterator[PulseServer]:
    """A running PulseAudio server that everything started by the test uses."""
    for program in ("pulseaudio", "pacat", "pactl"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    with tempfile.TemporaryDirectory(prefix="pulse-") as folder:  # short: it holds a socket
        server = PulseServer(Path(folder))
        try:
            server.restart()
            for name, value in server.env().items():
                monkeypatch.setenv(name, value)
            yield server
        finally:
            server.close()
