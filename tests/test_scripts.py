"""The set-up scripts decide rightly what is there, what is missing and what to say about it."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import _setup
import pytest

INSTALLED = (
    "ii |libportaudio2|\n"
    "ii |libasound2t64|libasound2 (= 1.2.11-1), libasound2-data\n"
    "rc |libegl1|\n"
    "un |libgl1|\n"
)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch) -> Path:
    """A repository of its own, with an environment folder that holds nothing yet."""
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    venv = tmp_path / ".venv"
    (venv / ("Scripts" if sys.platform == "win32" else "bin")).mkdir(parents=True)
    monkeypatch.setattr(_setup, "ROOT", tmp_path)
    monkeypatch.setattr(_setup, "VENV", venv)
    monkeypatch.setattr(_setup, "STAMP", venv / "setup.json")
    return tmp_path


@pytest.fixture
def installs(monkeypatch) -> list[list[str]]:
    """Record what would be installed."""
    calls: list[list[str]] = []
    monkeypatch.setattr(_setup, "install", calls.append)
    monkeypatch.setattr(_setup, "missing_packages", lambda names: [])
    return calls


def complete(extras: list[str]) -> None:
    _setup.python().touch()
    _setup.write_stamp(extras)


def test_a_package_counts_as_installed_only_when_it_is():
    names = ["libportaudio2", "libegl1", "libgl1", "xvfb"]
    assert _setup.missing_from(INSTALLED, names) == ["libegl1", "libgl1", "xvfb"]


def test_a_package_that_another_one_provides_is_not_missing():
    assert _setup.missing_from(INSTALLED, ["libasound2", "libasound2-data"]) == []


def test_nothing_is_missing_where_there_is_no_apt(monkeypatch):
    monkeypatch.setattr(_setup.shutil, "which", lambda name: None)
    assert _setup.missing_packages(_setup.TEST_LIBRARIES) == []


def test_tests_need_every_library_that_running_needs():
    assert set(_setup.RUN_LIBRARIES) < set(_setup.TEST_LIBRARIES)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no root")
def test_without_root_the_line_to_type_is_printed_and_nothing_is_run(monkeypatch, capsys):
    monkeypatch.setattr(_setup.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(_setup, "call", lambda *a, **k: pytest.fail("ran a command"))
    _setup.install_packages(["libegl1", "xvfb"])
    told = capsys.readouterr()
    assert told.out == ""
    assert "sudo apt-get install libegl1 xvfb\n" in told.err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no root")
def test_root_goes_on_with_the_line_to_type_when_apt_fails(monkeypatch, capsys):
    commands = []
    monkeypatch.setattr(_setup.os, "geteuid", lambda: 0)
    monkeypatch.setattr(_setup, "call", lambda command, **k: commands.append(command) or 100)
    _setup.install_packages(["libegl1"])
    assert ["apt-get", "update", "-qq"] in commands
    assert all(c[-1] == "libegl1" for c in commands if c[:2] == ["apt-get", "install"])
    assert "sudo apt-get install libegl1\n" in capsys.readouterr().err


def test_an_old_python_is_refused_with_the_version_needed_and_one_that_is_there(monkeypatch):
    monkeypatch.setattr(_setup.sys, "argv", ["scripts/run.py", "devices"])
    monkeypatch.setattr(_setup.shutil, "which", lambda name: name if name == "python3.12" else None)
    with pytest.raises(_setup.SetupError, match=r"Python 3\.9, and 3\.11 or newer") as refusal:
        _setup.check_version((3, 9))
    assert "python3.12 scripts/run.py devices" in str(refusal.value)


def test_an_old_python_alone_is_told_to_install_a_newer_one(monkeypatch):
    monkeypatch.setattr(_setup.shutil, "which", lambda name: None)
    with pytest.raises(_setup.SetupError, match="install a newer one"):
        _setup.check_version((3, 10))


def test_the_oldest_version_is_the_one_of_the_project_file():
    project = tomllib.loads((_setup.ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == f">={_setup.dotted(_setup.OLDEST)}"
    _setup.check_version(_setup.OLDEST)


def test_the_key_changes_with_the_project_file_and_with_the_folder(elsewhere, monkeypatch):
    key = _setup.stamp_key()
    assert _setup.stamp_key() == key
    moved = elsewhere / "moved"
    moved.mkdir()
    (moved / "pyproject.toml").write_bytes((elsewhere / "pyproject.toml").read_bytes())
    (elsewhere / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    assert _setup.stamp_key() != key
    monkeypatch.setattr(_setup, "ROOT", moved)
    assert _setup.stamp_key() != key


def test_a_complete_environment_is_left_alone(elsewhere, installs):
    complete(["display", "train"])
    _setup.prepare(extras=("display",), libraries=())
    assert installs == []


def test_a_first_start_installs(elsewhere, installs):
    _setup.prepare(extras=("display", "train"), libraries=())
    assert installs == [["display", "train"]]


def test_packages_that_not_every_system_has_are_installed_apart(elsewhere, installs, monkeypatch):
    complete(["test"])
    calls = []
    monkeypatch.setattr(_setup, "missing_packages", list)
    monkeypatch.setattr(_setup, "install_packages", calls.append)
    _setup.prepare(extras=("test",), libraries=("libpulse0",), optional=("chromium",))
    assert calls == [["libpulse0"], ["chromium"]]


def test_a_new_extra_is_added_to_those_that_are_there(elsewhere, installs):
    complete(["display", "train"])
    _setup.prepare(extras=("test",), libraries=())
    assert installs == [["display", "test", "train"]]


def test_a_changed_project_file_renews_all_extras(elsewhere, installs):
    complete(["test"])
    (elsewhere / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    _setup.prepare(extras=("display",), libraries=())
    assert installs == [["display", "test"]]


def test_an_environment_whose_python_is_gone_is_installed_again(elsewhere, installs):
    complete(["display"])
    _setup.python().unlink()
    _setup.prepare(extras=("display",), libraries=())
    assert installs == [["display"]]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"key": "x"}', '{"extras": null}'])
def test_a_record_cut_off_while_it_was_written_is_not_trusted(elsewhere, content):
    _setup.STAMP.write_text(content)
    assert _setup.read_stamp() == {}


def test_an_interrupted_installation_leaves_no_record(elsewhere, monkeypatch):
    complete(["display"])

    def interrupted(command, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(_setup, "works", lambda: True)
    monkeypatch.setattr(_setup, "call", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _setup.install(["display"])
    assert not _setup.STAMP.exists()


def test_a_finished_installation_leaves_a_record_of_its_extras(elsewhere, monkeypatch):
    commands = []
    monkeypatch.setattr(_setup, "works", lambda: True)
    monkeypatch.setattr(_setup, "call", lambda command, **k: commands.append(command) or 0)
    _setup.install(["display", "train"])
    assert commands[0][-1] == f"{elsewhere}[display,train]"
    stamp = json.loads(_setup.STAMP.read_text())
    assert stamp == {"key": _setup.stamp_key(), "extras": ["display", "train"]}


def test_a_failed_installation_says_what_to_do_and_leaves_no_record(elsewhere, monkeypatch):
    monkeypatch.setattr(_setup, "works", lambda: True)
    monkeypatch.setattr(_setup, "call", lambda command, **k: 1)
    with pytest.raises(_setup.SetupError, match=r"pip failed with exit code 1.*start again"):
        _setup.install(["display"])
    assert not _setup.STAMP.exists()


def test_a_broken_environment_is_made_again_before_anything_is_installed(elsewhere, monkeypatch):
    _setup.python().write_text("not a program")
    commands = []
    monkeypatch.setattr(_setup, "call", lambda command, **k: commands.append(command) or 0)
    _setup.install(["display"])
    assert commands[0][1:4] == ["-m", "venv", "--clear"]
    assert commands[1][1:3] == ["-m", "pip"]


def test_little_disk_is_said_before_a_first_installation(elsewhere, monkeypatch, capsys):
    usage = _setup.shutil.disk_usage(elsewhere)._replace(free=3 * 10**9)
    monkeypatch.setattr(_setup.shutil, "disk_usage", lambda path: usage)
    _setup.warn_of_machine()
    assert "3.0 GB of disk are free" in capsys.readouterr().err


def test_output_of_the_set_up_goes_to_standard_error(capfd):
    assert _setup.call([sys.executable, "-c", "print('word'); raise SystemExit(3)"]) == 3
    told = capfd.readouterr()
    assert (told.out, told.err.strip()) == ("", "word")


def test_a_command_that_is_not_there_is_a_set_up_error(tmp_path):
    with pytest.raises(_setup.SetupError, match="cannot be started"):
        _setup.hand_over([str(tmp_path / "realtime-mer")])


def test_exit_codes_are_handed_on():
    assert _setup.wait_for([sys.executable, "-c", "raise SystemExit(7)"]) == 7


@pytest.mark.parametrize("name", ["_setup.py", "run.py", "test.py"])
def test_scripts_import_nothing_but_the_standard_library(name):
    # -S leaves site-packages out: an import of anything else fails.
    path = Path(_setup.__file__).with_name(name)
    code = "import runpy, sys; sys.path.insert(0, sys.argv[1]); runpy.run_path(sys.argv[2])"
    command = [sys.executable, "-S", "-c", code, str(path.parent), str(path)]
    subprocess.run(command, check=True)
