"""A library that cannot be imported is named with its error and what to do, and stops nothing else.

The broken libraries are files of their names, in a folder that comes first on the path.
"""

import importlib
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from realtime_mer.commands.libraries import library_problem
from tests.command_line import Result, command, noise, write_sound
from tests.conftest import PulseServer
from tests.patience import PATIENCE_S

NETWORK = "Could not load this library: /opt/libonnxruntime.so"
SHARED = "libnothere.so.2: cannot open shared object file: No such file or directory"

BROKEN = {
    "onnxruntime": f'raise OSError("{NETWORK}")',
    "soundfile": f'raise OSError("{SHARED}")',
    "sounddevice": 'raise ImportError("cannot import name fish")',
    "soundcard": "import no_such_library",
    "websockets": 'raise ImportError("first line\\nundefined symbol: fish")',
    "cryptography": "import ctypes; ctypes.CDLL('libnothere.so.2')",
}


def run(folder: Path, *args: object, broken: Mapping[str, str]) -> Result:
    """Run a command where some libraries are broken."""
    libraries = folder / "libraries"
    libraries.mkdir()
    for name, text in broken.items():
        (libraries / f"{name}.py").write_text(text + "\n")
    done = subprocess.run(
        command(*args),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(libraries)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    return Result(code=done.returncode, out=done.stdout, err=done.stderr)


def test_the_doctor_lists_what_cannot_be_imported_and_goes_on(tmp_path: Path) -> None:
    result = run(tmp_path, "doctor", "--json", broken=BROKEN)
    assert (result.code, result.remarks()) == (1, [])
    found = {check["name"]: check for check in json.loads(result.out)}
    details = {
        "audio back end": "sounddevice cannot be loaded (cannot import name fish)",
        "sound files": f"soundfile cannot be loaded ({SHARED})",
        "service": "websockets cannot be loaded (undefined symbol: fish)",
        "sessions": f"cryptography cannot be loaded ({SHARED})",
        "checkpoint": f"onnxruntime cannot be loaded ({NETWORK})",
    }
    for name, detail in details.items():
        assert detail in found[name]["detail"]
        assert "install" in found[name]["advice"]
    assert "scripts/run.py" in found["checkpoint"]["advice"]
    assert found["port"]["name"] == "port"  # the last one was reached


def test_the_doctor_names_what_is_to_record_the_speakers_and_cannot(
    pulse: PulseServer, tmp_path: Path
) -> None:
    result = run(tmp_path, "doctor", "--json", broken={"soundcard": BROKEN["soundcard"]})
    found = {check["name"]: check for check in json.loads(result.out)}
    detail = found["system audio"]["detail"]
    assert "soundcard cannot be loaded (No module named 'no_such_library')" in detail
    assert found["microphone"]["detail"].startswith("'default'")  # there is another way to it


def test_a_command_that_needs_it_names_it_and_says_nothing_of_room(tmp_path: Path) -> None:
    write_sound(tmp_path / "song.wav", noise(0.1))
    broken = {"onnxruntime": BROKEN["onnxruntime"]}
    line = run(tmp_path, "analyze", "song.wav", broken=broken).complaint()
    assert f"onnxruntime cannot be loaded ({NETWORK})" in line
    assert "scripts/run.py" in line
    assert "room" not in line


def test_a_library_that_a_command_does_without_stops_nothing(tmp_path: Path) -> None:
    write_sound(tmp_path / "song.wav", noise(0.1))
    result = run(tmp_path, "analyze", "song.wav", broken={"torch": "raise ImportError"})
    assert (result.code, len(result.records())) == (0, 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
def test_a_full_disk_is_no_matter_of_a_library(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(command("--version"), stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert "No space left on device: see that there is room and access" in done.stderr


def test_a_library_that_fails_in_use_is_not_called_broken() -> None:
    with pytest.raises(OSError, match="No such file") as failed:
        Path("no such file").read_bytes()
    assert library_problem(failed.value) is None


def test_a_name_that_we_do_not_have_is_a_defect_of_ours() -> None:
    with pytest.raises(ImportError) as failed:
        from realtime_mer.errors import Fish  # noqa: F401
    assert library_problem(failed.value) is None
    with pytest.raises(ImportError) as failed:
        importlib.import_module("realtime_mer.fish")
    assert library_problem(failed.value) is None


def test_a_library_that_is_missing_is_named() -> None:
    with pytest.raises(ImportError) as failed:
        importlib.import_module("no_such_library.part")
    problem = library_problem(failed.value)
    assert problem is not None
    assert problem.library == "no_such_library"
