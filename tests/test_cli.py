"""The command line as such, and which room may know which."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from typer.main import get_command

import realtime_mer
from realtime_mer.cli import app
from tests.commands import call, command, noise, write_model, write_sound

PACKAGE = Path(realtime_mer.__file__).parent
COMMANDS = sorted(get_command(app).commands)


def test_the_commands_of_the_readme_are_there() -> None:
    assert {"analyze", "bench", "devices", "display", "doctor", "live", "subscribe"} <= {*COMMANDS}


@pytest.mark.parametrize("name", [None, *COMMANDS])
def test_help_says_what_a_command_does(capsys, name: str | None) -> None:
    result = call(capsys, *([name] if name else []), "--help")
    assert (result.code, result.err) == (0, "")
    assert "Usage" in result.out


def test_help_of_the_whole_names_every_command(capsys) -> None:
    out = call(capsys, "--help").out
    assert all(name in out for name in COMMANDS)


@pytest.mark.parametrize(
    "option",
    "--device --seconds --speed --model --compute --host --port --no-server --no-window --jsonl "
    "--smoothing --delay".split(),
)
def test_live_has_the_options_it_promises(
    capsys, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert option in call(capsys, "live", "--help").out


def test_the_version_is_that_of_the_package(capsys) -> None:
    result = call(capsys, "--version")
    assert (result.code, result.out) == (0, f"realtime-mer {realtime_mer.__version__}\n")


@pytest.mark.parametrize(
    "args",
    [
        ("dance",),
        ("live", "--no-such-option"),
        ("live", "--port", "many"),
        ("live", "--speed", "double"),
        ("live", "demo", "extra"),
        ("live", "--format", "mp3"),
        ("analyze",),
        ("analyze", "song.wav", "--format", "xml"),
        ("subscribe", "--count", "few"),
        ("subscribe", "--count", "0"),
        ("bench", "--seconds", "long"),
    ],
)
def test_what_cannot_be_parsed_is_a_usage_error(capsys, args: tuple[str, ...]) -> None:
    result = call(capsys, *args)
    assert (result.code, result.out) == (2, "")
    assert "Usage" in result.err
    assert "Traceback" not in result.err


@pytest.mark.slow
def test_what_the_outputs_encoding_cannot_write_is_escaped(tmp_path: Path) -> None:
    model = write_model(tmp_path)
    write_sound(tmp_path / "歌.wav", noise(0.1))
    done = subprocess.run(
        command("live", "歌.wav", "--speed", "max", "--model", model),
        capture_output=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"Source: \\u6b4c.wav (file, speed max)")


# -- what an import costs ------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["realtime_mer", "realtime_mer.cli"])
def test_importing_it_is_cheap(module: str) -> None:
    heavy = "torch torchaudio numpy sounddevice soundcard PySide6 pyqtgraph websockets asyncio"
    program = (
        f"import sys, {module}; print(*(name for name in {heavy.split()} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, [])


# -- arrows run one way --------------------------------------------------------------------------

PURE = (
    "emotion errors estimate features model.network model.checkpoint recognizer stream shaping "
    "summary protocol"
).split()
SHELLS = (
    "threading queue multiprocessing subprocess concurrent socket asyncio selectors ssl "
    "websockets PySide6 pyqtgraph sounddevice soundcard soundfile typer rich"
).split()
HOUSE = "analysis batch bench cli client display doctor engine live server subscription terminal"


def source_of(module: str) -> Path | None:
    """Return the file of one of the package's modules, named without the package."""
    path = PACKAGE.joinpath(*module.split(".")) if module else PACKAGE
    for file in (path / "__init__.py", path.with_suffix(".py")):
        if file.is_file():
            return file
    return None


@cache
def imported(file: Path) -> frozenset[str]:
    """Return the dotted names that a file imports, wherever in it."""
    return frozenset(_imported(ast.parse(file.read_text(encoding="utf-8"))))


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the whole way"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def reached(module: str) -> tuple[set[str], set[str]]:
    """Return the package's modules that one leads to, itself included, and all else it imports."""
    own, others, waiting = set(), set(), [module]
    while waiting:
        name = waiting.pop()
        file = source_of(name)
        if file is None or name in own:
            continue
        own.add(name)
        for found in imported(file):
            package, _, rest = found.partition(".")
            if package == "realtime_mer":
                if rest:
                    waiting.append(rest)
            else:
                others.add(package)
    return own, others


@pytest.mark.parametrize("module", PURE)
def test_a_pure_room_leads_to_no_thread_socket_window_or_sound_card(module: str) -> None:
    assert source_of(module) is not None
    own, others = reached(module)
    assert not others & set(SHELLS)
    assert not own & set(HOUSE.split())


@pytest.mark.parametrize("module", ["emotion", "errors", "estimate", "protocol", "shaping"])
def test_plain_data_knows_no_network(module: str) -> None:
    own, others = reached(module)
    assert not others & {"torch", "torchaudio", "numpy"}
    assert "recognizer" not in own


def test_an_engine_knows_no_shell_that_listens_to_it() -> None:
    own, others = reached("engine")
    assert not own & {"server", "client", "display", "terminal", "live", "cli", "batch"}
    assert not others & {"websockets", "PySide6", "pyqtgraph", "typer", "rich"}


def test_the_capture_process_loads_neither_network_nor_window() -> None:
    _, others = reached("audio.capture")
    assert not others & {"torch", "torchaudio", "PySide6", "pyqtgraph", "websockets"}


def test_nobody_but_the_entry_points_knows_the_command_line() -> None:
    for file in PACKAGE.rglob("*.py"):
        if file.name != "__main__.py":
            assert "realtime_mer.cli" not in imported(file), file


def test_the_product_never_knows_its_training() -> None:
    files = list(PACKAGE.rglob("*.py"))
    assert len(files) > 20
    for file in files:
        assert not any(name.partition(".")[0] == "training" for name in imported(file)), file
