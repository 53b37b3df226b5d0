"""The set-up scripts decide rightly what is there, what is missing and what to say about it."""

import json
import re
import runpy
import signal
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import _libraries
import _lock
import _setup
import _telling
import lock
import pytest
import run

SCRIPTS = Path(_setup.__file__).parent
INSTALLED = (
    "ii |libportaudio2|\n"
    "ii |libasound2t64|libasound2 (= 1.2.11-1), libasound2-data\n"
    "rc |libegl1|\n"
    "un |libgl1|\n"
)
PROJECT = """
[project]
name = "realtime-mer"
dependencies = ["numpy"]
[project.optional-dependencies]
display = ["pyqtgraph"]
train = ["pandas"]
"""
HASH = f"--hash=sha256:{0:064}"
PINS = f"""\
# for run train
numpy==2.4.6 ; python_full_version < '3.12' \\
    {HASH} \\
    {HASH}
# for train
pandas==3.1.1 \\
    {HASH}
# for display
pyqtgraph==0.14.0 \\
    {HASH}
# for setup
uv==0.13.9 \\
    {HASH}
"""


@pytest.fixture
def elsewhere(tmp_path, monkeypatch) -> Path:
    """A repository of its own, with a lock, and an environment folder that holds nothing yet."""
    venv = tmp_path / ".venv"
    (venv / ("Scripts" if sys.platform == "win32" else "bin")).mkdir(parents=True)
    monkeypatch.setattr(_setup, "ROOT", tmp_path)
    monkeypatch.setattr(_setup, "PROJECT", tmp_path / "pyproject.toml")
    monkeypatch.setattr(_setup, "LOCK", tmp_path / "requirements.lock")
    monkeypatch.setattr(_setup, "VENV", venv)
    monkeypatch.setattr(_setup, "STAMP", venv / "setup.json")
    monkeypatch.setattr(_setup, "LOG", tmp_path / "setup.log")
    write_project(PROJECT)
    return tmp_path


def write_project(text: str) -> None:
    """Write a project file and the lock that fits it."""
    _setup.PROJECT.write_text(text)
    _setup.LOCK.write_text(
        f"# project {_lock.project_key(_setup.PROJECT)}\n# measured on a machine\n"
        "# size run 2000000000 4000000000\n# size setup 10000000 20000000\n"
        f"# size display 80000000 250000000\n# size train 148000000 488000000\n{PINS}"
    )


@pytest.fixture
def installs(monkeypatch) -> list[list[str]]:
    """Record what would be installed."""
    calls: list[list[str]] = []
    monkeypatch.setattr(_setup, "install", lambda extras, lock: calls.append(extras))
    monkeypatch.setattr(_setup, "missing_packages", lambda names: [])
    return calls


@pytest.fixture
def commands(monkeypatch) -> list[list[str]]:
    """Record what an installation would run, in an environment that works; all succeeds."""
    ran: list[list[str]] = []
    monkeypatch.setattr(_setup, "works", lambda: True)
    monkeypatch.setattr(_setup, "run_logged", lambda command, **k: ran.append(list(command)) or 0)
    return ran


def complete(extras: list[str]) -> None:
    _setup.python().touch()
    _setup.write_stamp(extras)


# --- system libraries


def test_a_package_counts_as_installed_only_when_it_is():
    names = ["libportaudio2", "libegl1", "libgl1", "xvfb"]
    assert _libraries.missing_from(INSTALLED, names) == ["libegl1", "libgl1", "xvfb"]


def test_a_package_that_another_one_provides_is_not_missing():
    assert _libraries.missing_from(INSTALLED, ["libasound2", "libasound2-data"]) == []


def test_nothing_is_missing_where_there_is_no_apt(monkeypatch):
    monkeypatch.setattr(_libraries.shutil, "which", lambda name: None)
    assert _libraries.missing_packages(_libraries.TEST_LIBRARIES) == []


def test_tests_need_every_library_that_running_needs():
    assert set(_libraries.RUN_LIBRARIES) < set(_libraries.TEST_LIBRARIES)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no root")
def test_without_root_the_line_to_type_is_printed_and_nothing_is_run(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(_libraries.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(_libraries, "run_logged", lambda *a, **k: pytest.fail("ran a command"))
    _libraries.install_packages(["libegl1", "xvfb"], log=tmp_path / "log")
    told = capsys.readouterr()
    assert told.out == ""
    assert "sudo apt-get install libegl1 xvfb\n" in told.err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no root")
def test_root_goes_on_with_the_line_to_type_when_apt_fails(monkeypatch, capsys, tmp_path):
    commands = []
    monkeypatch.setattr(_libraries.os, "geteuid", lambda: 0)
    monkeypatch.setattr(
        _libraries, "run_logged", lambda command, **k: commands.append(command) or 100
    )
    _libraries.install_packages(["libegl1"], log=tmp_path / "log")
    assert ["apt-get", "update", "-qq"] in commands
    assert all(c[-1] == "libegl1" for c in commands if c[:2] == ["apt-get", "install"])
    assert "sudo apt-get install libegl1\n" in capsys.readouterr().err


# --- what is refused before anything is done


def test_an_old_python_is_refused_with_the_version_needed_and_one_that_is_there(monkeypatch):
    monkeypatch.setattr(_setup.sys, "argv", ["scripts/run.py", "devices"])
    monkeypatch.setattr(_setup.shutil, "which", lambda name: name if name == "python3.12" else None)
    with pytest.raises(_setup.SetupError, match=r"Python 3\.9, and 3\.11 to 3\.14") as refusal:
        _setup.check_version((3, 9))
    assert "python3.12 scripts/run.py devices" in str(refusal.value)


@pytest.mark.parametrize("version", [(3, 10), (3, 15)])
def test_a_python_that_does_not_fit_is_alone_told_to_install_another_one(version, monkeypatch):
    monkeypatch.setattr(_setup.shutil, "which", lambda name: None)
    with pytest.raises(_setup.SetupError, match="install another one"):
        _setup.check_version(version)


def test_the_versions_are_those_of_the_project_file():
    project = tomllib.loads(_setup.PROJECT.read_text())["project"]
    after = (_setup.NEWEST[0], _setup.NEWEST[1] + 1)
    oldest, first_too_new = _setup.dotted(_setup.OLDEST), _setup.dotted(after)
    assert project["requires-python"] == f">={oldest},<{first_too_new}"
    _setup.check_version(_setup.OLDEST)
    _setup.check_version(_setup.NEWEST)


def test_a_machine_without_pytorch_is_refused_by_name():
    _setup.check_machine("linux", "x86_64")
    with pytest.raises(_setup.SetupError, match=r"darwin, x86_64.*Apple's own processors"):
        _setup.check_machine("darwin", "x86_64")


# --- the lock


def test_the_lock_of_this_repository_fits_it_and_comes_back_as_it_is():
    read = _setup.fitting_lock()
    assert _lock.write(read) == _setup.LOCK.read_text()
    assert list(read.sizes) == ["run", "setup", *lock.extras_of(_setup.PROJECT)]
    assert all(size.download > 0 and size.disk > 0 for size in read.sizes.values())


def test_all_that_the_project_names_is_locked_for_the_part_that_names_it():
    told = tomllib.loads(_setup.PROJECT.read_text())
    named = {"run": told["project"]["dependencies"], "setup": told["dependency-groups"]["setup"]}
    named |= told["project"]["optional-dependencies"]
    for part, requirements in named.items():
        names = {re.match(r"[\w.-]+", text)[0].lower().replace("_", "-") for text in requirements}
        held = {pin.name for pin in _lock.needed(_setup.fitting_lock(), {"run", part})}
        assert names - {"realtime-mer"} <= held


def test_the_lock_names_no_place_to_download_from():
    assert "://" not in _setup.LOCK.read_text()


def test_running_needs_nothing_that_only_training_does():
    read = _setup.fitting_lock()
    names = {pin.name for pin in _lock.needed(read, {*_lock.EVERY_START, *run.EXTRAS})}
    assert "onnxruntime" in names
    assert not names & {"torch", "torchaudio", "onnx"}
    assert not names & {"scikit-learn", "librosa", "matplotlib", "pandas", "scipy", "pytest"}


def test_parts_are_taken_out_of_a_lock_with_markers_and_hashes_as_they_are(elsewhere):
    pins = _lock.needed(_setup.fitting_lock(), {"run", "display"})
    assert [(pin.name, pin.version) for pin in pins] == [
        ("numpy", "2.4.6"),
        ("pyqtgraph", "0.14.0"),
    ]
    assert _lock.requirements(pins).splitlines() == [
        "numpy==2.4.6 ; python_full_version < '3.12' \\",
        f"    {HASH} \\",
        f"    {HASH}",
        "pyqtgraph==0.14.0 \\",
        f"    {HASH}",
    ]


BROUGHT = (
    "gpu",
    "train",
    "mqtt",
    "lsl",
    "dmx",
    "mdns",
    "opus",
    "nats",
    "tags",
    "cluster",
    "test",
    "mutate",
)


def test_a_part_that_brings_others_along_is_as_large_as_all_of_them():
    read = _setup.fitting_lock()
    # midi is for any Python, and the tests' is for those that have a wheel of it.
    everything = sum(size.download for part, size in read.sizes.items() if part != "midi")
    assert _lock.size(read, {*_lock.EVERY_START, "mutate"}).download == everything
    less = _lock.size(read, {*_lock.EVERY_START, "display"}).download
    brought = sum(read.sizes[part].download for part in BROUGHT)
    assert less == everything - brought


def test_requirements_that_changed_make_the_lock_unfit_and_nothing_is_installed(
    elsewhere, installs
):
    _setup.PROJECT.write_text(PROJECT.replace('"numpy"', '"numpy>=2"'))
    with pytest.raises(_setup.SetupError, match=r"does not fit.*python3 scripts/lock\.py"):
        _setup.prepare(extras=["display"])
    assert installs == []


def test_what_says_nothing_of_requirements_leaves_the_lock_fitting(elsewhere, installs):
    _setup.PROJECT.write_text(f"# a remark\n{PROJECT}[tool.ruff]\nline-length = 100\n")
    _setup.prepare(extras=["display"])
    assert installs == [["display"]]


@pytest.mark.parametrize(
    "text",
    [
        "",
        PINS,  # of no project
        f"# project {0:064}\n",  # of nothing
        f"# project {0:064}\n# for run\nnumpy==2.4.6\n",  # no hash
        f"# project {0:064}\n# for run\nnumpy>=2 {HASH}\n",  # no version
    ],
)
def test_a_file_that_is_no_lock_is_refused_with_the_command_that_makes_one(elsewhere, text):
    _setup.LOCK.write_text(text)
    with pytest.raises(_setup.SetupError, match=r"no lock of ours.*scripts/lock\.py"):
        _setup.fitting_lock()


def test_a_lock_that_is_gone_is_missed(elsewhere):
    _setup.LOCK.unlink()
    with pytest.raises(_setup.SetupError, match=r"cannot be read.*scripts/lock\.py"):
        _setup.fitting_lock()


def test_changes_of_a_lock_are_shown_package_by_package():
    before = _lock.parse(f"# project {0:064}\n{PINS}").pins
    changed = PINS.replace("pandas==3.1.1", "pandas==3.2.0").replace("pyqtgraph", "vispy")
    changed += f"# for run\nnumpy==2.5.5 ; python_full_version >= '3.12' \\\n    {HASH}\n"
    assert lock.changes(before, _lock.parse(f"# project {0:064}\n{changed}").pins) == [
        "numpy: 2.4.6 -> 2.4.6 and 2.5.5",
        "pandas: 3.1.1 -> 3.2.0",
        "pyqtgraph: 0.14.0 -> none",
        "vispy: none -> 0.14.0",
    ]


def test_a_wheel_has_every_combination_of_its_tags():
    assert lock.tags_of("x/a_b-1.0-py2.py3-none-manylinux1_x86_64.manylinux_2_5_x86_64.whl") == {
        "py2-none-manylinux1_x86_64",
        "py3-none-manylinux1_x86_64",
        "py2-none-manylinux_2_5_x86_64",
        "py3-none-manylinux_2_5_x86_64",
    }


# --- when something is installed


def test_the_key_changes_with_the_project_file_the_lock_and_the_folder(elsewhere, monkeypatch):
    keys = [_setup.stamp_key()]
    assert _setup.stamp_key() == keys[0]
    _setup.PROJECT.write_text(f"{PROJECT}# a remark\n")
    keys.append(_setup.stamp_key())
    _setup.LOCK.write_text(_setup.LOCK.read_text().replace("0.14.0", "0.14.1"))
    keys.append(_setup.stamp_key())
    monkeypatch.setattr(_setup, "ROOT", elsewhere / "moved")
    keys.append(_setup.stamp_key())
    assert len(set(keys)) == 4


def test_a_complete_environment_is_left_alone(elsewhere, installs):
    complete(["display", "train"])
    _setup.prepare(extras=["display"])
    assert installs == []


def test_a_first_start_installs(elsewhere, installs):
    _setup.prepare(extras=["display", "train"])
    assert installs == [["display", "train"]]


def test_packages_that_not_every_system_has_are_installed_apart(elsewhere, installs, monkeypatch):
    complete(["test"])
    calls = []
    monkeypatch.setattr(_setup, "missing_packages", list)
    monkeypatch.setattr(_setup, "install_packages", lambda names, log: calls.append(names))
    _setup.prepare(extras=["test"], libraries=["libpulse0"], optional=["chromium"])
    assert calls == [["libpulse0"], ["chromium"]]


def test_a_new_extra_is_added_to_those_that_are_there(elsewhere, installs):
    complete(["display", "train"])
    _setup.prepare(extras=["test"])
    assert installs == [["display", "test", "train"]]


def test_a_changed_lock_renews_all_extras(elsewhere, installs):
    complete(["test"])
    write_project(PROJECT.replace('"numpy"', '"numpy>=2"'))
    _setup.prepare(extras=["display"])
    assert installs == [["display", "test"]]


def test_an_environment_whose_python_is_gone_is_installed_again(elsewhere, installs):
    complete(["display"])
    _setup.python().unlink()
    _setup.prepare(extras=["display"])
    assert installs == [["display"]]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"key": "x"}', '{"extras": null}'])
def test_a_record_cut_off_while_it_was_written_is_not_trusted(elsewhere, content):
    _setup.STAMP.write_text(content)
    assert _setup.read_stamp() == {}


# --- installing


def test_uv_of_the_lock_installs_exactly_what_is_locked_and_the_project(elsewhere, commands):
    _setup.install(["display"], _setup.fitting_lock())
    first, sync, editable = commands
    assert first[1:4] == ["-m", "pip", "install"]
    assert "--require-hashes" in first
    assert Path(first[-1]).read_text().startswith("uv==0.13.9 ")
    assert sync[:3] == [str(_setup.program("uv")), "pip", "sync"]
    assert "--require-hashes" in sync
    locked = Path(sync[-1]).read_text()
    assert re.findall(r"^\S+(?===)", locked, re.MULTILINE) == ["numpy", "pyqtgraph", "uv"]
    assert {"--no-deps", "--no-build-isolation"} < set(editable)
    assert editable[-2:] == ["--editable", str(elsewhere)]


def test_where_uv_fails_pip_installs_the_same_and_takes_away_the_rest(
    elsewhere, commands, monkeypatch
):
    def run_logged(command, *, log):
        commands.append(command)
        log.write_text("error: unknown option\n")
        return int(command[0] == str(_setup.program("uv")))

    there = dict.fromkeys(["pip", "numpy", "stray"])
    monkeypatch.setattr(_setup, "run_logged", run_logged)
    monkeypatch.setattr(_setup, "installed", lambda: there)
    _setup.install(["display"], _setup.fitting_lock())
    sync, packages, uninstall, editable = commands[1:]
    assert {"--require-hashes", "--no-deps"} < set(packages)
    assert packages[-1] == sync[-1]  # the file
    assert uninstall[3:] == ["uninstall", "--yes", "stray"]
    assert editable[-2:] == ["--editable", str(elsewhere)]
    assert json.loads(_setup.STAMP.read_text())["extras"] == ["display"]


def test_an_interrupted_installation_leaves_no_record(elsewhere, commands, monkeypatch):
    complete(["display"])

    def interrupted(command, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(_setup, "run_logged", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _setup.install(["display"], _setup.fitting_lock())
    assert not _setup.STAMP.exists()


def test_a_finished_installation_leaves_a_record_and_says_how_to_go_on(elsewhere, commands, capsys):
    _setup.install(["display", "train"], _setup.fitting_lock())
    stamp = json.loads(_setup.STAMP.read_text())
    assert stamp == {"key": _setup.stamp_key(), "extras": ["display", "train"]}
    assert _setup.activation() in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "free", "remedy"),
    [
        ("error: dns error: failed to lookup address", 10**11, "check the network or the proxy"),
        ("OSError: [Errno 28] No space left on device", 10**11, "the disk is full: make room"),
        ("killed", 10**8, "the disk is full: make room"),
        ("hash mismatch for networkx", 10**11, "the lines above say why"),
    ],
)
def test_a_failed_installation_shows_the_last_words_what_to_do_and_the_log(
    elsewhere, commands, monkeypatch, words, free, remedy
):
    def run_logged(command, *, log):
        log.write_text(f"much before\n{words}\n")
        return 1

    usage = _setup.shutil.disk_usage(elsewhere)._replace(free=free)
    monkeypatch.setattr(_setup.shutil, "disk_usage", lambda path: usage)
    monkeypatch.setattr(_setup, "run_logged", run_logged)
    monkeypatch.setattr(_setup, "installed", dict)
    with pytest.raises(_setup.SetupError) as failure:
        _setup.install(["display"], _setup.fitting_lock())
    told = str(failure.value)
    assert words in told
    assert remedy in told
    assert str(_setup.LOG) in told
    assert not _setup.STAMP.exists()


@pytest.mark.parametrize(
    ("words", "tried"),
    [
        ("WARNING: Retrying after connection broken", 1),
        ("OSError: [Errno 28] No space left on device", 1),
        ("ERROR: no uv for this machine", 2),
    ],
)
def test_pip_is_tried_only_where_it_may_do_better(elsewhere, commands, monkeypatch, words, tried):
    def run_logged(command, *, log):
        commands.append(command)
        log.write_text(f"{words}\n")
        return 1

    monkeypatch.setattr(_setup, "run_logged", run_logged)
    monkeypatch.setattr(_setup, "installed", dict)
    with pytest.raises(_setup.SetupError):
        _setup.install(["display"], _setup.fitting_lock())
    assert len(commands) == tried


def test_a_broken_environment_is_made_again_before_anything_is_installed(elsewhere, monkeypatch):
    _setup.python().write_text("not a program")
    commands = []
    monkeypatch.setattr(_setup, "run_logged", lambda command, **k: commands.append(command) or 0)
    _setup.install(["display"], _setup.fitting_lock())
    assert commands[0][1:4] == ["-m", "venv", "--clear"]
    assert commands[1][1:3] == ["-m", "pip"]


def test_sizes_and_little_disk_are_said_before_a_first_installation(elsewhere, monkeypatch, capsys):
    usage = _setup.shutil.disk_usage(elsewhere)._replace(free=3 * 10**9)
    monkeypatch.setattr(_setup.shutil, "disk_usage", lambda path: usage)
    _setup.warn_of_machine(_lock.size(_setup.fitting_lock(), {"run", "setup", "display"}))
    told = capsys.readouterr().err
    assert "2.1 GB to download and 4.3 GB of disk" in told
    assert "3.0 GB of disk are free" in told


# --- run.py


@pytest.mark.parametrize(
    ("given", "handed_on"),
    [
        ([], ["live"]),
        (["--seconds", "3"], ["live", "--seconds", "3"]),
        (["-", "--rate", "24000"], ["live", "-", "--rate", "24000"]),
        (["live", "--help"], ["live", "--help"]),
        (["doctor"], ["doctor"]),
        (["--version"], ["--version"]),
    ],
)
def test_options_alone_mean_live(given, handed_on):
    assert run.understand(given) == (["display"], handed_on)


def test_an_extra_can_be_asked_for():
    assert run.understand(["--with", "train", "--seconds", "3"]) == (
        ["display", "train"],
        ["live", "--seconds", "3"],
    )


@pytest.mark.parametrize(("there", "extras"), [(True, ["display", "gpu"]), (False, ["display"])])
def test_pytorch_is_installed_where_there_is_a_gpu(monkeypatch, there, extras):
    prepared = []
    monkeypatch.setattr(run, "gpu_is_there", lambda: there)
    monkeypatch.setattr(run, "hand_over", lambda _words: 0)
    monkeypatch.setattr(_setup, "prepare", lambda **given: prepared.append(given["extras"]))
    assert run.main(["doctor"]) == 0
    assert prepared == [extras]


def test_whether_there_is_a_gpu_is_found_out_with_nothing_installed():
    program = "import sys; sys.path.insert(0, 'scripts'); import run; print(run.gpu_is_there())"
    words = [sys.executable, "-S", "-E", "-c", program]
    told = subprocess.run(words, capture_output=True, text=True, check=True, cwd=_setup.ROOT)
    assert told.stdout.strip() == str(run.gpu_is_there())


@pytest.mark.parametrize("given", [["--with"], ["--with", "trian", "doctor"]])
def test_an_extra_that_is_none_is_refused_with_those_there_are(given, capsys):
    assert run.main(given) == 1
    assert (
        "name one of cluster, display, dmx, gpu, lsl, mdns, midi, mqtt, mutate, nats, opus, tags, "
        "test, train" in capsys.readouterr().err
    )


def test_help_says_what_would_be_installed_and_installs_nothing(elsewhere, monkeypatch, capsys):
    monkeypatch.setattr(_setup, "prepare", lambda **k: pytest.fail("set up"))
    assert run.main(["--help"]) == 0
    told = capsys.readouterr().out
    assert "not done yet" in told
    assert re.search(r"every start needs +2\.1 GB to download, +4\.3 GB of disk", told)
    assert re.search(r"--with train +148 MB to download, +488 MB of disk", told)


def test_help_says_that_the_set_up_is_done(elsewhere, capsys):
    complete(["display"])
    assert run.main(["-h"]) == 0
    assert "Set-up: done." in capsys.readouterr().out


# --- telling and running


def test_the_words_of_an_installer_go_to_the_log_and_its_exit_code_back(tmp_path, capfd):
    log = tmp_path / "log"
    code = "import sys; print('word'); print('other', file=sys.stderr); raise SystemExit(3)"
    assert _telling.run_logged([sys.executable, "-c", code], log=log) == 3
    assert _telling.last_words(log, lines=2) == "    word\n    other"
    assert capfd.readouterr() == ("", "")


def test_what_is_fetched_is_said_package_by_package(tmp_path, capsys):
    log = tmp_path / "log"
    log.write_text("Downloading of-before (9MiB)\n Downloaded of-before\n")
    said = "Downloading torch (506.0MiB)\nDownloading numpy (16.1MiB)\n Downloaded numpy"
    _telling.run_logged([sys.executable, "-c", f"print({said!r})"], log=log)
    assert capsys.readouterr().err == "setup:   1 of 2  numpy 16.1MiB\n"


def test_pip_is_understood_too():
    log = (
        "Collecting python-osc==1.10.2\n"
        "  Downloading python_osc-1.10.2-py3-none-any.whl (45 kB)\n"
        "     ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 45.5/45.5 kB 57.4 MB/s eta 0:00:00\n"
        "  Using cached torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl (530.6 MB)\n"
    )
    assert _telling.fetched(log) == ["1  python_osc 45 kB", "2  torch 530.6 MB"]


def test_a_log_that_cannot_be_written_and_a_command_that_is_not_there_are_told(tmp_path):
    with pytest.raises(_setup.SetupError, match=r"missing.log cannot be used"):
        _telling.run_logged(["x"], log=tmp_path / "no folder" / "missing.log")
    with pytest.raises(_setup.SetupError, match="no-such-program cannot be used"):
        _telling.run_logged(["no-such-program"], log=tmp_path / "log")


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
def test_ctrl_c_ends_the_installer_even_if_it_will_not(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        stubborn = (
            "import signal, socket; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
            f"s = socket.create_connection({server.getsockname()!r}); s.recv(1)"
        )
        waiting = (
            "import pathlib, sys, _telling\n"
            "command = [sys.executable, '-c', sys.argv[1]]\n"
            "try: _telling.run_logged(command, log=pathlib.Path(sys.argv[2]), patience_s=0.1)\n"
            "except KeyboardInterrupt: sys.exit(130)"
        )
        command = [sys.executable, "-c", waiting, stubborn, str(tmp_path / "log")]
        with subprocess.Popen(command, cwd=SCRIPTS) as process:
            installer, _ = server.accept()
            with installer:
                process.send_signal(signal.SIGINT)
                assert process.wait() == 130
                assert installer.recv(1) == b""  # it is gone


def test_a_command_that_is_not_there_is_a_set_up_error(tmp_path):
    with pytest.raises(_setup.SetupError, match="cannot be started"):
        _telling.hand_over([str(tmp_path / "realtime-mer")])


def test_exit_codes_are_handed_on():
    assert _telling.wait_for([sys.executable, "-c", "raise SystemExit(7)"]) == 7


@pytest.mark.parametrize("name", ["run.py", "test.py", "lock.py", "newest.py"])
def test_scripts_import_nothing_but_the_standard_library(name):
    # -S leaves site-packages out: an import of anything else fails.
    path = SCRIPTS / name
    code = "import runpy, sys; sys.path.insert(0, sys.argv[1]); runpy.run_path(sys.argv[2])"
    command = [sys.executable, "-S", "-c", code, str(path.parent), str(path)]
    subprocess.run(command, check=True)


@pytest.fixture
def test_script(monkeypatch):
    """scripts/test.py, which sets up nothing and starts nothing, and what it would have started."""
    script = runpy.run_path(str(SCRIPTS / "test.py"))
    started, codes = [], []

    def wait_for(command, **how):
        if "pytest" not in command:
            return 0
        started.append(command[3:])
        return codes.pop(0) if codes else 0

    def installed(command):
        started.append(command)
        return [sys.executable, "-c", "pass"]

    monkeypatch.setattr(_setup, "prepare", lambda **how: None)
    monkeypatch.setitem(script["main"].__globals__, "wait_for", wait_for)
    monkeypatch.setitem(script["main"].__globals__, "installed", installed)
    monkeypatch.chdir(SCRIPTS)
    return script["main"], started, codes


def test_every_folder_of_tests_is_in_one_run_and_coverage_is_measured_in_one(test_script):
    main, started, _ = test_script
    assert main([]) == 0
    measured, others = started[-2:]
    folders = [option for option in measured if option.startswith("tests/")]
    assert folders == ["tests/wire", "tests/service"]
    assert all((SCRIPTS.parent / folder).is_dir() for folder in folders)
    assert [f"--ignore={folder}" for folder in folders] == others[-2:]
    assert {"--cov=realtime_mer.wire", "--cov=realtime_mer.service"} < set(measured)
    assert {"--cov-branch", "--cov-fail-under=95"} < set(measured)
    assert not any(option.startswith("--cov") for option in others)


@pytest.mark.parametrize("codes", [[1, 0], [0, 1]])
def test_a_failure_in_either_run_is_the_exit_code_and_both_are_made(test_script, codes):
    main, started, given = test_script
    given.extend(codes)
    assert main([]) == 1
    assert len(started) == 3 + 2


def test_arguments_make_one_run_without_checks(test_script):
    main, started, _ = test_script
    assert main(["-k", "silence"]) == 0
    assert started == [["-k", "silence"]]
