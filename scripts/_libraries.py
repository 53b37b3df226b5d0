"""Debian's packages that running and testing need besides Python's; standard library only."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from _telling import run_logged, say, step

RUN_LIBRARIES = (
    "libportaudio2",  # microphones
    "libpulse0",  # microphones and system audio of PulseAudio and PipeWire
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
    "jackd2",  # a MIDI system where the kernel has none
    "ffmpeg",
    "mosquitto",
    "mpd",
    "liblo-tools",  # oscdump
    "fluidsynth",  # renders corpora of notes, with
    "timgm6mb-soundfont",
)
TEST_BROWSER = ("chromium", "chromium-driver")  # as Debian has them; Ubuntu has snaps instead


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


def install_packages(packages: Sequence[str], *, log: Path) -> None:
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
        done = any(all(_run(command, log, env) == 0 for command in plan) for plan in plans)
    if not done:
        say(f"apt-get failed (see {log}); going on without; later type:")
        say(f"    {apt_line(packages)}")


def _run(command: Sequence[str], log: Path, env: dict[str, str]) -> int:
    # dpkg is given time to finish what it has begun: cut off, it must be repaired by hand.
    return run_logged(command, log=log, env=env, patience_s=60)
