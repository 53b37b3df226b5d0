"""What starts without a GPU loads what it uses, and neither torch nor what makes checkpoints."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import noise, write_sound

NEVER = {"torch", "torchaudio", "onnx", "scipy", "sklearn", "librosa", "pandas", "matplotlib"}
NEVER |= {"ray", "fsspec"}  # where no cluster and no store is asked for
RARELY = {"pyarrow", "typst", "zxcvbn", "PySide6", "pyqtgraph"}

# No NVIDIA driver, whatever this machine has; what was imported is told at the end.
PREAMBLE = """
import sys
from realtime_mer.recognizer import compute
compute._DRIVERS = {}
"""
REPORT = """
print("\\nloaded", *sorted({name.partition(".")[0] for name in sys.modules}))
"""
COMMAND = """
from realtime_mer import cli
sys.argv = ["realtime-mer", *sys.argv[1:]]
try:
    cli.run()
except SystemExit as end:
    assert not end.code, end.code
"""


def loaded(program: str, *arguments: object) -> set[str]:
    """Return the packages that a program has loaded by its end."""
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + program + REPORT, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("\nloaded ")[2].split())


@pytest.mark.parametrize(
    "words",
    [
        ("live", "{song}", "--speed", "max", "--no-window", "--no-server"),
        ("live", "{song}", "--speed", "max", "--no-window", "--no-server", "--record"),
        ("analyze", "{song}"),
        ("analyze", "{song}", "--model", "library"),
        ("annotate", "{folder}", "--out", "{folder}/moods.csv", "--jobs", "1"),
        ("devices",),
        ("sessions", "list"),
    ],
    ids=lambda words: " ".join((words[0], *({"--record", "library"} & set(words)))),
)
def test_a_command_loads_no_torch(tmp_path: Path, words: tuple[str, ...]) -> None:
    song = tmp_path / "song.wav"
    write_sound(song, noise(2.0))
    given = [word.format(song=song, folder=tmp_path) for word in words]
    assert not loaded(COMMAND, *given) & (NEVER | RARELY)


ROOMS = """
live.session live.replay analysis library.annotate library.workers service.server client.streams
sessions.recorder sessions.recording audio.capture recognizer.loading recognizer.light
recognizer.committee
""".split()


def test_the_rooms_of_a_session_load_no_torch() -> None:
    program = "".join(f"import realtime_mer.{room}\n" for room in ROOMS)
    assert not loaded(program) & (NEVER | RARELY)


def test_a_window_loads_no_torch() -> None:
    pytest.importorskip("PySide6")
    found = loaded("import realtime_mer.display.app")
    assert not found & (NEVER | {"onnxruntime", "pyarrow", "typst", "zxcvbn"})
    assert "PySide6" in found


def test_what_needs_torch_says_which_extra_brings_it() -> None:
    program = """
import importlib.abc


class NotInstalled(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "torchaudio"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, NotInstalled())
import realtime_mer

assert realtime_mer.load_recognizer().compute == "light"
try:
    from realtime_mer import Recognizer
except ModuleNotFoundError as error:
    assert "pip install 'realtime-mer[gpu]'" in str(error), error
    assert error.name == "torch"
else:
    raise AssertionError("there is a Recognizer without torch")
"""
    assert "onnxruntime" in loaded(program)
