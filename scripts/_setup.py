"""Makes the environment that `run.py` and `test.py` start things in; standard library only.

`prepare` brings `.venv` in the repository's root up to date: exactly the versions in
`requirements.lock` of what was asked for, now or before, and nothing else. It installs only when
`pyproject.toml`, the lock, the Python version or the folder changed since the last complete
installation, or when an extra is wanted that is not there yet. uv installs; where it cannot, pip
does, from the same file.

Run on Linux; the macOS and Windows paths are written for them but were not run there.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from ctypes.util import find_library
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

import _lock
from _libraries import apt_line, install_packages, missing_packages
from _telling import SetupError, last_words, run_logged, say, step

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "pyproject.toml"
LOCK = ROOT / "requirements.lock"
VENV = ROOT / ".venv"
STAMP = VENV / "setup.json"
LOG = ROOT / "setup.log"
OLDEST, NEWEST = (3, 11), (3, 14)
# Machines that everything has wheels for, as (sys.platform, platform.machine()).
MACHINES = {
    ("linux", "x86_64"),
    ("linux", "aarch64"),
    ("darwin", "arm64"),
    ("win32", "AMD64"),
}
NOT_REACHED = re.compile(
    r"resolve host|name resolution|dns error|connection|\bnetwork\b|timed out|unreachable|proxy",
    re.IGNORECASE,
)
SEEDS = {"pip", "setuptools", "wheel"}  # come with a new environment


def prepare(
    *, extras: Sequence[str], libraries: Sequence[str] = (), optional: Sequence[str] = ()
) -> None:
    """Bring `.venv` up to date.

    Args:
        extras: of pyproject.toml, to be installed with the package.
        libraries: Debian packages that should be there too; without them it still goes on.
        optional: more of them, which not every system has; installed apart from the others, so that
            these come even if apt-get refuses them.

    Raises:
        SetupError: when something cannot be made or installed.
    """
    check_version(sys.version_info[:2])
    check_machine(sys.platform, platform.machine())
    lock = fitting_lock()
    if not python().exists():
        warn_of_machine(_lock.size(lock, {*_lock.EVERY_START, *extras}))
    for packages in (libraries, optional):
        missing = missing_packages(packages)
        if missing:
            install_packages(missing, log=LOG)
    if not ready(extras):
        install(sorted({*extras, *read_stamp().get("extras", ())}), lock)


def ready(extras: Sequence[str]) -> bool:
    """Return whether `.venv` holds what is wanted, as it is wanted now."""
    stamp = read_stamp()
    if not stamp or not set(extras) <= set(stamp["extras"]) or not python().exists():
        return False
    return bool(stamp.get("key") == stamp_key())


def check_version(version: tuple[int, ...]) -> None:
    """Refuse a Python that is too old or too new, and name one that is there and is not.

    Raises:
        SetupError: when `version` is not within `OLDEST` and `NEWEST`.
    """
    if OLDEST <= version <= NEWEST:
        return
    names = (f"python3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1))
    fitting = next((name for name in names if shutil.which(name)), None)
    advice = (
        f"type {fitting} {' '.join(sys.argv)}"
        if fitting
        else "install another one (python.org, or your system's packages)"
    )
    raise SetupError(
        f"this is Python {dotted(version)}, and {dotted(OLDEST)} to {dotted(NEWEST)} is needed: "
        f"{advice}"
    )


def check_machine(system: str, machine: str) -> None:
    """Refuse a machine that what is installed has no wheels for.

    Raises:
        SetupError: when it is none of `MACHINES`.
    """
    if (system, machine) not in MACHINES:
        raise SetupError(
            f"this machine ({system}, {machine}) cannot be set up: what is installed comes for "
            "Linux on x86_64 and aarch64, macOS on Apple's own processors, and Windows on x86_64"
        )


def dotted(version: Sequence[int]) -> str:
    """Return a version tuple as text."""
    return ".".join(map(str, version))


def fitting_lock() -> _lock.Lock:
    """Return the lock.

    Raises:
        SetupError: when it cannot be read or was made for another pyproject.toml.
    """
    lock = _lock.read(LOCK)
    if lock.project != _lock.project_key(PROJECT):
        raise SetupError(
            f"{LOCK.name} does not fit {PROJECT.name}, whose requirements were changed: undo that, "
            f"or renew it with {_lock.RENEW}"
        )
    return lock


# --- the virtual environment ----------------------------------------------------------------------


def python() -> Path:
    """Return the path of the environment's Python."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def program(name: str) -> Path:
    """Return the path of a command that the environment holds."""
    return VENV / (f"Scripts/{name}.exe" if os.name == "nt" else f"bin/{name}")


def activation() -> str:
    """Return the line that puts the environment's commands on the path of a terminal."""
    return r".venv\Scripts\activate" if os.name == "nt" else "source .venv/bin/activate"


def stamp_key() -> str:
    """Return what an installation depends on, as a hash.

    That is the project file, the lock, the Python version and the place.
    """
    version = dotted(sys.version_info[:2]).encode()
    parts = (PROJECT.read_bytes(), LOCK.read_bytes(), version, os.fsencode(ROOT))
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def read_stamp() -> dict[str, Any]:
    """Return the record of the last complete installation; empty if there is none to trust."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if isinstance(stamp, dict) and isinstance(stamp.get("extras"), list):
        return stamp
    return {}


def write_stamp(extras: Sequence[str]) -> None:
    """Record that an installation is complete."""
    STAMP.write_text(json.dumps({"key": stamp_key(), "extras": list(extras)}), encoding="utf-8")


def install(extras: Sequence[str], lock: _lock.Lock) -> None:
    """Make `.venv` if it is missing or broken and put the package and the extras into it.

    The record of the last installation goes first and the new one comes last: after an interruption
    the next start sees none and completes the work.

    Raises:
        SetupError: when it cannot.
    """
    parts = {*_lock.EVERY_START, *extras}
    STAMP.unlink(missing_ok=True)
    LOG.unlink(missing_ok=True)
    if not works():
        make_venv()
    pins = _lock.needed(lock, parts)
    with step(f"installing {' + '.join(['realtime-mer', *extras])} (details in {LOG.name})"):
        # Where there is no room or no network, pip would not do better.
        if get_uv(lock):
            done = fill_with_uv(pins) or (not disk_is_full() and fill_with_pip(pins))
        else:
            done = not (disk_is_full() or unreachable()) and fill_with_pip(pins)
        if not done:
            raise SetupError(f"the installation failed\n{last_words(LOG)}\n{remedy()}")
    write_stamp(extras)
    say(f"ready; to type realtime-mer yourself: {activation()}")


def get_uv(lock: _lock.Lock) -> bool:
    """Put the locked uv into `.venv`, and what builds the project; return whether that worked."""
    tools = write_requirements("setup", _lock.needed(lock, ["setup"]))
    return call(*pip_install(), "--requirement", tools)


def fill_with_uv(pins: Sequence[_lock.Pin]) -> bool:
    """Install exactly these packages and the project with uv; return whether it could."""
    packages = write_requirements("packages", pins)
    uv = [str(program("uv")), "pip"]
    here = ["--python", str(python())]
    exactly = ["--require-hashes", "--only-binary", ":all:"]
    build = ["--no-deps", "--no-build-isolation"]
    return call(*uv, "sync", *here, *exactly, packages) and call(
        *uv, "install", *here, *build, "--editable", ROOT
    )


def fill_with_pip(pins: Sequence[_lock.Pin]) -> bool:
    """Do the same with pip alone."""
    say("uv could not do it; pip tries, which takes some minutes")
    pip = [str(python()), "-m", "pip"]
    others = installed().keys() - {pin.name for pin in pins} - SEEDS
    return (
        call(*pip_install(), "--requirement", write_requirements("packages", pins))
        and (not others or call(*pip, "uninstall", "--yes", *sorted(others)))
        and call(*pip, "install", "--no-deps", "--no-build-isolation", "--editable", ROOT)
    )


def pip_install() -> list[object]:
    """Return the beginning of a line that installs locked packages with pip."""
    exactly = ["--require-hashes", "--no-deps", "--only-binary", ":all:"]
    return [python(), "-m", "pip", "install", "--disable-pip-version-check", *exactly]


def write_requirements(name: str, pins: Sequence[_lock.Pin]) -> Path:
    """Write a requirements file into the environment."""
    path = VENV / f"{name}.txt"
    path.write_text(_lock.requirements(pins), encoding="utf-8")
    return path


def installed() -> dict[str, Distribution]:
    """Return what is in `.venv`, by names as the lock writes them."""
    place = sysconfig.get_path("purelib", "venv", vars={"base": str(VENV)})
    return {
        re.sub("[-_.]+", "-", found.name).lower(): found for found in distributions(path=[place])
    }


def call(*command: object) -> bool:
    """Run an installer with its words in the log; return whether it succeeded."""
    return run_logged([str(word) for word in command], log=LOG) == 0


def remedy() -> str:
    """Return what to do about an installation that failed, as far as one can tell."""
    again = f"then start again: what was downloaded already is kept. All was written to {LOG}"
    if disk_is_full():
        return f"the disk is full: make room, {again}"
    if unreachable():
        return f"check the network or the proxy, {again}"
    return f"the lines above say why; mend that, {again}"


def disk_is_full() -> bool:
    """Return whether there is hardly any room, or the log ends with words of that."""
    said = "No space left" in last_words(LOG, lines=30)
    return said or shutil.disk_usage(ROOT).free < 0.5e9


def unreachable() -> bool:
    """Return whether the log ends with words of a network that does not answer."""
    return bool(NOT_REACHED.search(last_words(LOG, lines=30)))


def warn_of_machine(size: _lock.Size) -> None:
    """Say before a first installation how large it is, and what is likely to be in its way."""
    say(
        f"a first installation: about {_lock.amount(size.download)} to download and "
        f"{_lock.amount(size.disk)} of disk (less on macOS and Windows)"
    )
    free = shutil.disk_usage(ROOT).free
    if free < size.disk:
        say(
            f"{_lock.amount(free)} of disk are free, which may not do: if it fails, make room and "
            "start again"
        )
    linux = sys.platform.startswith("linux")
    if linux and not shutil.which("apt-get") and not find_library("portaudio"):
        say(
            "PortAudio was not found: for microphones install it with your system's package "
            "manager (often called portaudio; the window also needs xcb-util-cursor)"
        )


def works() -> bool:
    """Return whether `.venv` holds a Python of our version that can run pip."""
    try:
        answer = subprocess.run(
            [str(python()), "-c", "import pip, sys; print(*sys.version_info[:2], sep='.')"],
            check=False,
            capture_output=True,
            text=True,
        )
    except OSError:
        return False
    return answer.returncode == 0 and answer.stdout.strip() == dotted(sys.version_info[:2])


def make_venv() -> None:
    """Make `.venv` afresh with this Python.

    Raises:
        SetupError: when Python cannot.
    """
    package = f"python{dotted(sys.version_info[:2])}-venv"
    if importlib.util.find_spec("ensurepip") is None and shutil.which("apt-get"):
        install_packages([package], log=LOG)
    base = getattr(sys, "_base_executable", None) or sys.executable
    with step(f"making {VENV.name} with Python {dotted(sys.version_info[:3])}"):
        done = call(base, "-m", "venv", "--clear", VENV)
    if not done:
        raise SetupError(
            f"{base} -m venv failed\n{last_words(LOG)}\n"
            f"on Debian and Ubuntu type {apt_line([package])}, elsewhere check that {ROOT} can be "
            "written to, then start again"
        )
