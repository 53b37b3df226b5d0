"""What starts without a GPU loads what it uses, and neither torch nor what makes checkpoints."""

import json
import os
import subprocess
import sys

import pytest

from realtime_mer.sessions.store import FOLDER_VARIABLE
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
COMMANDS = {
    "live": "live {song} --speed max --no-window --no-server",
    "live, recorded": "live {song} --speed max --no-window --no-server --record",
    "analyze": "analyze {song}",
    "analyze with the library's model": "analyze {song} --model library",
    "annotate": "annotate {folder} --out {folder}/moods.csv --jobs 1",
    "devices": "devices",
    "sessions list": "sessions list",
}
# One process for all: what none of them has loaded was loaded by no one of them.
EVERY_COMMAND = """
import contextlib, io, json
from realtime_mer import cli

found = {}
for name, words in json.loads(sys.argv[1]).items():
    sys.argv = ["realtime-mer", *words]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        status = cli.run()
    loaded = sorted({name.partition(".")[0] for name in sys.modules})
    found[name] = [status, bool(out.getvalue()), loaded]
print(json.dumps(found))
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


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, bool, list[str]]]:
    """Each command's status, whether it said something, and what was loaded by its end."""
    folder = tmp_path_factory.mktemp("light")
    song = write_sound(folder / "song.wav", noise(2.0))
    typed = {
        name: [word.format(song=song, folder=folder) for word in line.split()]
        for name, line in COMMANDS.items()
    }
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + EVERY_COMMAND, json.dumps(typed)],
        env={**os.environ, FOLDER_VARIABLE: str(folder / "sessions")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, tuple[int, bool, list[str]]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_loads_no_torch(
    name: str, commands: dict[str, tuple[int, bool, list[str]]]
) -> None:
    status, said, loaded = commands[name]
    assert (status, said) == (0, True)
    assert not {*loaded} & (NEVER | RARELY)


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
