#!/usr/bin/env python3
"""Make requirements.lock anew, show what changed, and run the tests with it.

    python3 scripts/lock.py            the newest versions that pyproject.toml allows
    python3 scripts/lock.py --keep     what pyproject.toml newly names; all else stays as it is

Everything after these goes to scripts/test.py; --no-tests runs none. uv resolves, for every system
and Python at once. The sizes that scripts/run.py --help tells are measured in .venv on the way.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import _lock
import _setup
from _telling import SetupError, say, step, wait_for

UNMEASURED = "no machine"


def main(arguments: list[str]) -> int:
    """Resolve, write, show, install and test; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog="Everything else goes to scripts/test.py."
    )
    parser.add_argument("--keep", action="store_true", help="change no version without need")
    parser.add_argument("--no-tests", action="store_true", help="run no tests")
    options, rest = parser.parse_known_args(arguments)
    try:
        _setup.check_version(sys.version_info[:2])
        old = _lock.read(_setup.LOCK).pins if _setup.LOCK.exists() else ()
        with tempfile.TemporaryDirectory() as name:
            lock, files = resolve(Path(name), keep=old if options.keep else ())
        _setup.LOCK.write_text(_lock.write(lock), encoding="utf-8")
        print(*changes(old, lock.pins) or ["nothing changed"], sep="\n")
        extras = sorted(extras_of(_setup.PROJECT))
        _setup.prepare(extras=extras)
        measured = lock._replace(
            machine=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
            sizes=sizes(lock, files),
        )
        _setup.LOCK.write_text(_lock.write(measured), encoding="utf-8")
        _setup.write_stamp(extras)
    except SetupError as error:
        say(str(error))
        return 1
    if options.no_tests:
        return 0
    code = wait_for([sys.executable, str(_setup.ROOT / "scripts/test.py"), *rest])
    if code:
        say(
            f"{_setup.LOCK.name} is written, but the tests failed: get the old one back with git, "
            "or mend what they show"
        )
    return code


def extras_of(project: Path) -> list[str]:
    """Return the extras that a project file names, in its order."""
    return list(_lock.read_toml(project)["project"].get("optional-dependencies", ()))


def resolve(folder: Path, *, keep: tuple[_lock.Pin, ...]) -> tuple[_lock.Lock, dict[str, Any]]:
    """Return a lock without sizes, and what the registry says of every package's files, by name.

    Args:
        folder: to work in.
        keep: pins that stay.

    Raises:
        SetupError: when there is no solution, or no uv.
    """
    project = _setup.PROJECT.read_text(encoding="utf-8")
    pins = [pin.text.partition(" \\")[0] for pin in keep]
    project = project.replace("[tool.uv]\n", f"[tool.uv]\nconstraint-dependencies = {pins}\n", 1)
    (folder / "pyproject.toml").write_text(project, encoding="utf-8")
    uv = [str(uv_program()), "--quiet", "--directory", str(folder)]
    with step("resolving"):
        run([*uv, "lock", "--python", sys.executable])
    parts = {"run": ["--no-dev"], "setup": ["--only-group", "setup"]}
    parts |= {extra: ["--extra", extra] for extra in extras_of(_setup.PROJECT)}
    plain = ["--frozen", "--no-emit-project", "--no-header", "--no-annotate"]
    needed: dict[str, list[str]] = {}  # requirement -> parts
    for part, chosen in parts.items():
        exported = run([*uv, "export", *plain, *chosen])
        for text in exported.replace("\n    --hash", "\0    --hash").splitlines():
            # What every start needs, the extras need not name again.
            if "run" not in needed.get(text, ()) or part == "setup":
                needed.setdefault(text, []).append(part)
    lock = _lock.Lock(
        _lock.project_key(_setup.PROJECT),
        UNMEASURED,
        {},
        tuple(
            _lock.pin(f"{' '.join(needed[text])}\n{text}".replace("\0", "\n"))
            for text in sorted(needed)
        ),
    )
    locked = _lock.read_toml(folder / "uv.lock")["package"]
    return lock, {f"{one['name']} {one['version']}": one for one in locked}


def uv_program() -> Path:
    """Return uv: the environment's own, or one that is put there.

    Raises:
        SetupError: when it cannot be had.
    """
    uv = _setup.program("uv")
    if not uv.exists():
        if not _setup.works():
            _setup.make_venv()
        if not _setup.call(_setup.python(), "-m", "pip", "install", "uv"):
            raise SetupError(f"uv cannot be had: {_setup.remedy()}")
    return uv


def run(command: list[str]) -> str:
    """Run a command and return what it prints.

    Raises:
        SetupError: when it fails, with its words.
    """
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise SetupError(f"{Path(command[0]).name} failed:\n{done.stderr.strip()}")
    return done.stdout


def changes(old: tuple[_lock.Pin, ...], new: tuple[_lock.Pin, ...]) -> list[str]:
    """Return a line for every package whose versions differ."""

    def versions(pins: tuple[_lock.Pin, ...], name: str) -> str:
        found = sorted({pin.version for pin in pins if pin.name == name})
        return " and ".join(found) or "none"

    names = sorted({pin.name for pin in (*old, *new)})
    both = [(name, versions(old, name), versions(new, name)) for name in names]
    return [f"{name}: {before} -> {after}" for name, before, after in both if before != after]


def sizes(lock: _lock.Lock, files: dict[str, Any]) -> dict[str, _lock.Size]:
    """Return what each part adds to those before it, as `.venv` has it on this machine.

    Args:
        lock: whose packages of all parts are installed.
        files: of the packages, by name and version, as uv.lock tells them.
    """
    found = _setup.installed()
    result: dict[str, _lock.Size] = {}
    counted: set[str] = set()
    for part in (*_lock.EVERY_START, *extras_of(_setup.PROJECT)):
        names = {pin.name for pin in _lock.needed(lock, [part])} & found.keys() - counted
        counted |= names
        result[part] = _lock.Size(
            sum(download(files[f"{name} {found[name].version}"], found[name]) for name in names),
            sum(disk(found[name]) for name in names),
        )
    return result


def download(package: dict[str, Any], installed: Distribution) -> int:
    """Return the bytes of the file that a package was installed from: that of the same tags."""
    told = installed.read_text("WHEEL") or ""
    tags = {line[5:] for line in told.splitlines() if line.startswith("Tag: ")}
    files: list[tuple[str, int]] = [(wheel["url"], wheel["size"]) for wheel in package["wheels"]]
    fitting = [size for url, size in files if tags_of(url) & tags]
    return max(fitting or [size for _, size in files])


def tags_of(url: str) -> set[str]:
    """Return the tags in the name of a wheel, one by one."""
    pythons, abis, platforms = (
        part.split(".") for part in url.removesuffix(".whl").split("-")[-3:]
    )
    return {f"{p}-{a}-{m}" for p in pythons for a in abis for m in platforms}


def disk(installed: Distribution) -> int:
    """Return the bytes that a package's files take, in blocks of 4096."""
    paths = [Path(str(installed.locate_file(file))) for file in installed.files or ()]
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in paths if path.exists())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
