"""Reads `requirements.lock`: the version of everything, who needs it, and how large that is.

The file is a requirements file with hashes, as pip and uv read it, in which the line before each
requirement names the parts that need it: `run` (what every start needs), `setup` (what installs
the rest), and the extras of `pyproject.toml`. `scripts/lock.py` makes it. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from _telling import SetupError

RENEW = "python3 scripts/lock.py (with --keep all other versions stay)"
EVERY_START = ("run", "setup")


class Pin(NamedTuple):
    """One requirement.

    Attributes:
        name, version: of the package.
        parts: that need it.
        text: the requirement with marker and hashes, as it stands in the file.
    """

    name: str
    version: str
    parts: tuple[str, ...]
    text: str


class Size(NamedTuple):
    """What a part adds to those before it, in bytes."""

    download: int
    disk: int


class Lock(NamedTuple):
    """What the file says.

    Attributes:
        project: key of the pyproject.toml that it was made from.
        machine: where the sizes were measured.
        sizes: by part, in the order in which they add up.
        pins: in the order of the file.
    """

    project: str
    machine: str
    sizes: dict[str, Size]
    pins: tuple[Pin, ...]


def project_key(pyproject: Path) -> str:
    """Return what a lock depends on, as a hash: all that a project file says of requirements."""
    told = read_toml(pyproject)
    project = told.get("project", {})
    named = ("requires-python", "dependencies", "optional-dependencies")
    wanted = [
        *(project.get(name) for name in named),
        told.get("dependency-groups"),
        told.get("tool", {}).get("uv"),
    ]
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a TOML file says."""
    import tomllib  # Python 3.11; an older one is refused before

    return tomllib.loads(path.read_text(encoding="utf-8"))


def read(path: Path) -> Lock:
    """Return what a lock says.

    Raises:
        SetupError: when it is missing or not one of ours.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return parse(text)
    except OSError as error:
        raise SetupError(
            f"{path.name} cannot be read ({error.strerror}): get it back from the repository, or "
            f"make it with {RENEW}"
        ) from error
    except ValueError as error:
        raise SetupError(
            f"{path.name} is no lock of ours ({error}): get it back from the repository, or make "
            f"it with {RENEW}"
        ) from error


def parse(text: str) -> Lock:
    """Return what a lock of this text says.

    Raises:
        ValueError: when it is not one.
    """
    head, *blocks = re.split(r"^# for ", text, flags=re.MULTILINE)
    project = re.search(r"^# project (\w{64})$", head, re.MULTILINE)
    if not project or not blocks:
        raise ValueError("it names no project or no packages")
    machine = re.search(r"^# measured on (.+)$", head, re.MULTILINE)
    sizes = re.findall(r"^# size (\w+) (\d+) (\d+)$", head, re.MULTILINE)
    return Lock(
        project[1],
        machine[1] if machine else "",
        {part: Size(int(download), int(disk)) for part, download, disk in sizes},
        tuple(pin(block) for block in blocks),
    )


def pin(block: str) -> Pin:
    """Return the requirement of a block: its parts in the first line, then its text.

    Raises:
        ValueError: when it has no version or no hash.
    """
    parts, _, text = block.partition("\n")
    named = re.match(r"([\w.-]+)==([^\s;]+)", text)
    if not named or "--hash=sha256:" not in text:
        raise ValueError(f"{text.splitlines()[:1]} has no version or no hash")
    return Pin(named[1], named[2], tuple(parts.split()), text.strip() + "\n")


def write(lock: Lock) -> str:
    """Return the text of a lock."""
    head = (
        "# Made from pyproject.toml by scripts/lock.py: change that, then run this.\n"
        "# docs/decisions/0009-one-lock.md says what it is for.\n"
        f"# project {lock.project}\n"
        f"# measured on {lock.machine}\n"
        "# Bytes to download and on disk, of each part beyond those above it:\n"
    )
    sizes = (f"# size {part} {size.download} {size.disk}\n" for part, size in lock.sizes.items())
    pins = (f"# for {' '.join(pin.parts)}\n{pin.text}" for pin in lock.pins)
    return "".join((head, *sizes, *pins))


def needed(lock: Lock, parts: Collection[str]) -> list[Pin]:
    """Return the requirements of any of these parts."""
    return [pin for pin in lock.pins if set(parts) & set(pin.parts)]


def requirements(pins: Iterable[Pin]) -> str:
    """Return the text of a requirements file."""
    return "".join(pin.text for pin in pins)


def size(lock: Lock, parts: Collection[str]) -> Size:
    """Return what parts take together, with those that they bring along."""
    brought = set(needed(lock, parts))
    sizes = [size for part, size in lock.sizes.items() if brought.issuperset(needed(lock, [part]))]
    return Size(sum(size.download for size in sizes), sum(size.disk for size in sizes))


def amount(number: float) -> str:
    """Return bytes for people."""
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"
