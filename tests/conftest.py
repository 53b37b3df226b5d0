"""What all tests need: signals as in a terminal, and a private sound server where there is one."""

import os
import queue
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
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
    """Let Ctrl-C reach the programs that tests start, and compute with one thread, as they do.

    Whoever starts tests in the background of a shell (``&``, ``nohup``) has them ignore SIGINT, and
    all that they start inherits it.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch reads it when it is first imported
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the sessions of a test in a folder of its own."""
    folder = tmp_path / "sessions"
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    return folder


class PulseServer:
    """A PulseAudio daemon of our own: a null sink as the speakers, a pipe as the microphone.

    The microphone hears silence, in real time, except for what ``speak_into_mic`` says.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = folder / "socket"
        self._fifo = folder / "mic"
        self._daemon: subprocess.Popen[bytes] | None = None
        self._players: list[subprocess.Popen[bytes]] = []
        self._speech: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._stopped = threading.Event()
        (folder / "run").mkdir(mode=0o700)
        # PortAudio reaches PulseAudio through ALSA's plug-in.
        (folder / ".asoundrc").write_text("pcm.!default pulse\nctl.!default pulse\n")
        self._mouth = threading.Thread(target=self._feed_mic)
        self._mouth.start()

    def env(self) -> dict[str, str]:
        """Return what a program's environment must hold to use this server."""
        return {
            "HOME": str(self._folder),
            "XDG_RUNTIME_DIR": str(self._folder / "run"),
            "PULSE_SERVER": f"unix:{self._socket}",
        }

    def restart(self) -> None:
        """Start the daemon, after killing it where it runs; return when it can be used."""
        self.kill()
        self._socket.unlink(missing_ok=True)
        self._fifo.unlink(missing_ok=True)
        modules = (
            "module-null-sink sink_name=speakers sink_properties=device.description=Speakers",
            f"module-pipe-source source_name=mic file={self._fifo} "
            f"rate={RATE} channels=1 format=s16le",
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
            self._stopped.wait(0.02)

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

    def speak_into_mic(self, samples: NDArray[np.float32]) -> None:
        """Let the microphone hear mono samples at ``RATE``, and do not wait for the end."""
        self._speech.put((samples * 32767).astype("<i2").tobytes())

    def close(self) -> None:
        """End everything."""
        self._stopped.set()
        self._mouth.join()
        for player in self._players:
            player.kill()
            player.wait()
        self.kill()

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self._socket)) == 0

    def _feed_mic(self) -> None:
        tick = 0.02
        silence = bytes(2 * round(RATE * tick))
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


@pytest.fixture
def pulse(monkeypatch: pytest.MonkeyPatch) -> Iterator[PulseServer]:
    """A running PulseAudio server that everything started by the test uses."""
    for program in ("pulseaudio", "pacat"):
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
