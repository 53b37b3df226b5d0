"""The command line as such."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

import realtime_mer
from realtime_mer.cli import app
from tests.command_line import call, command, noise, write_model, write_sound

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


@pytest.mark.parametrize("source", ["demo", "mic", "system", "song.wav"])
def test_a_source_in_the_place_of_a_command_is_taken_for_one_of_live(
    capsys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_sound(tmp_path / "song.wav", noise(1))
    result = call(capsys, source)
    assert result.code == 1
    assert f"did you mean `realtime-mer live {source}`?" in result.err


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
    assert (done.returncode, done.stderr) == (0, b"Listening to \\u6b4c.wav ...\n")
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


def test_a_session_imports_only_what_it_uses() -> None:
    unused = (
        "torch psutil segno prometheus_client cryptography pyarrow PySide6 realtime_mer.audio.demo"
    )
    program = (
        "import sys, realtime_mer.live.session; "
        f"print(*(name for name in {unused.split()} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, [])
