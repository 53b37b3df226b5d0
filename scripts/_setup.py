"""Makes the environment that `run.py` and `test.py` start things in; standard library only.

`prepare` brings `.venv` in the repository's root up to date: it installs only when
`pyproject.toml`, the Python version or the folder changed since the last complete installation, or
when an extra is wanted that is not there yet. Everything it says goes to standard error, because
the standard output belongs to the program that is started afterwards.

Run on Linux; the macOS and Windows paths are written for them but were not run there.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ctypes.util import find_library
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "setup.json"
OLDEST = (3, 11)
NEEDED_GB = 8

RUN_LIBRARIES = (
    "libportaudio2",  # microphones
    "libasound2-plugins",  # lets PortAudio see PulseAudio and PipeWire
    "libpulse0",  # system audio
    "libegl1",  # the rest: Qt on a screen
    "libgl1",
    "libdbus-1-3",
    "libfontconfig1",
    "libxkbcommon-x11-0",
    "libxcb-cursor0",
    "libxcb-icccm4",
    "libxcb-keysyms1",
    "libxcb-randr0",
    "libxcb-shape0",
    "libxcb-sync1",
    "libxcb-xfixes0",
)
TEST_LIBRARIES = (
    *RUN_LIBRARIES,
    "pulseaudio",
    "pulseaudio-utils",
    "xvfb",
    "openbox",
    "xdotool",
    "x11-utils",
    "ffmpeg",
    "fluidsynth",  # renders corpora of notes, with
    "timgm6mb-soundfont",
)
TEST_BROWSER = ("chromium", "chromium-driver")  # as Debian has them; Ubuntu has snaps instead


class SetupError(Exception):
    """Setting up failed; the message says what happened and what to do."""


def prepare(
    *, extras: Sequence[str], libraries: Sequence[str], optional: Sequence[str] = ()
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
    for packages in (libraries, optional):
        missing = missing_packages(packages)
        if missing:
            install_packages(missing)
    wanted = set(extras)
    stamp = read_stamp()
    if stamp.get("key") == stamp_key() and wanted <= set(stamp["extras"]) and python().exists():
        return
    install(sorted(wanted | set(stamp.get("extras", ()))))


def check_version(version: tuple[int, ...]) -> None:
    """Refuse a Python that is too old and name one that is there and is not.

    Raises:
        SetupError: when `version` is below `OLDEST`.
    """
    if version >= OLDEST:
        return
    names = ("python3.14", "python3.13", "python3.12", "python3.11")
    newer = next((name for name in names if shutil.which(name)), None)
    advice = (
        f"type {newer} {' '.join(sys.argv)}"
        if newer
        else "install a newer one (python.org, or your system's packages)"
    )
    raise SetupError(
        f"this is Python {dotted(version)}, and {dotted(OLDEST)} or newer is needed: {advice}"
    )


def dotted(version: Sequence[int]) -> str:
    """Return a version tuple as text."""
    return ".".join(map(str, version))


# --- system libraries -----------------------------------------------------------------------------


def missing_packages(names: Sequence[str]) -> list[str]:
    """Return those Debian packages that are not installed; none where there is no dpkg and apt."""
    if not (shutil.which("dpkg-query") and shutil.which("apt-get")):
        return []
    listing = subprocess.run(
        ["dpkg-query", "--show", "--showformat", r"${db:Status-Abbrev}|${Package}|${Provides}\n"],
        check=False,
        capture_output=True,
        text=True,
    ).stdout
    return missing_from(listing, names)


def missing_from(listing: str, names: Sequence[str]) -> list[str]:
    """Return the names that a listing of lines ``status|package|provides`` does not have installed.

    A package also counts when another one provides it, as ``libfoo1t64`` does for ``libfoo1``.
    """
    installed = set()
    for line in listing.splitlines():
        status, _, rest = line.partition("|")
        if status.startswith("ii"):
            package, _, provides = rest.partition("|")
            installed.add(package)
            installed.update(item.split()[0] for item in provides.split(",") if item.strip())
    return [name for name in names if name not in installed]


def apt_line(packages: Sequence[str]) -> str:
    """Return the one line that installs system packages, to be typed by a person."""
    return "sudo apt-get install " + " ".join(packages)


def install_packages(packages: Sequence[str]) -> None:
    """Install system packages if we may; otherwise, or if it fails, say the line to type."""
    if os.geteuid() != 0:
        say("system libraries are missing; to install them type:")
        say(f"    {apt_line(packages)}")
        return
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    update = ["apt-get", "update", "-qq"]
    quietly = ["-y", "-qq", "-o", "Dpkg::Use-Pty=0", "--no-install-recommends"]
    get = ["apt-get", "install", *quietly, *packages]
    listed = any(Path("/var/lib/apt/lists").glob("*_Packages*"))
    # The lists may be absent, as in a fresh container, or too old to find the packages.
    plans = [[get], [update, get]] if listed else [[update, get]]
    with step(f"installing system packages: {' '.join(packages)}"):
        done = any(all(call(command, env=env) == 0 for command in plan) for plan in plans)
    if not done:
        say("apt-get failed (its words are above); going on without; later type:")
        say(f"    {apt_line(packages)}")


# --- the virtual environment ----------------------------------------------------------------------


def python() -> Path:
    """Return the path of the environment's Python."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def program(name: str) -> Path:
    """Return the path of a command that the environment holds."""
    return VENV / (f"Scripts/{name}.exe" if os.name == "nt" else f"bin/{name}")


def stamp_key() -> str:
    """Return what an installation depends on, as a hash: project file, Python version and place."""
    project = (ROOT / "pyproject.toml").read_bytes()
    parts = (project, dotted(sys.version_info[:2]).encode(), os.fsencode(ROOT))
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


def install(extras: Sequence[str]) -> None:
    """Make `.venv` if it is missing or broken and install the package with extras into it.

    The record of the last installation goes first and the new one comes last: after an interruption
    the next start sees none and completes the work.
    """
    STAMP.unlink(missing_ok=True)
    if not works():
        warn_of_machine()
        make_venv()
    target = f"{ROOT}[{','.join(extras)}]"
    pip = [str(python()), "-m", "pip", "--disable-pip-version-check"]
    with step(f"installing realtime-mer [{', '.join(extras)}]: some minutes the first time"):
        code = call([*pip, "install", "--editable", target])
    if code != 0:
        remedy = (
            "the disk is full: make room"
            if shutil.disk_usage(ROOT).free < 0.5e9
            else "if they speak of connections or timeouts, check the network or the proxy"
        )
        raise SetupError(
            f"pip failed with exit code {code}, its last words are above; {remedy}, then start "
            "again: what was downloaded already is kept"
        )
    write_stamp(extras)


def warn_of_machine() -> None:
    """Say before a first installation what is likely to be in its way."""
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < NEEDED_GB:
        say(
            f"{free:.1f} GB of disk are free and a first installation takes up to {NEEDED_GB} GB: "
            "if it fails, make room and start again"
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
        install_packages([package])
    base = getattr(sys, "_base_executable", None) or sys.executable
    with step(f"making {VENV.name} with Python {dotted(sys.version_info[:3])}"):
        code = call([base, "-m", "venv", "--clear", str(VENV)])
    if code != 0:
        raise SetupError(
            f"{base} -m venv failed with exit code {code}, its last words are above; "
            f"on Debian and Ubuntu type {apt_line([package])}, elsewhere check that {ROOT} can be "
            "written to, then start again"
        )


# --- running and telling --------------------------------------------------------------------------


def say(message: str) -> None:
    """Tell the user."""
    print(f"setup: {message}", file=sys.stderr, flush=True)


@contextmanager
def step(message: str) -> Iterator[None]:
    """Tell what is being done and, afterwards, how long it took."""
    say(f"{message} ...")
    start = time.monotonic()
    yield
    say(f"... {time.monotonic() - start:.1f} s")


def call(command: Sequence[str], *, env: dict[str, str] | None = None) -> int:
    """Run a command with its output on standard error; return its exit code."""
    sys.stderr.flush()
    return subprocess.run(command, check=False, env=env, stdout=sys.stderr).returncode


def hand_over(command: Sequence[str]) -> int:
    """Become a command (POSIX), or run it and return its exit code (Windows).

    Raises:
        SetupError: when it cannot be started.
    """
    try:
        if os.name != "nt":
            os.execv(command[0], list(command))
        return wait_for(command)
    except OSError as error:
        raise SetupError(
            f"{command[0]} cannot be started ({error.strerror}): delete {VENV} and start again"
        ) from error


def wait_for(command: Sequence[str], *, env: dict[str, str] | None = None) -> int:
    """Run a command to its end, leaving Ctrl-C to it, and return its exit code."""
    process = subprocess.Popen(command, env=env)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue  # the console sent it to the command too, which decides when to end
