#!/usr/bin/env python3
"""Prove that the newest versions of everything work: what users get who install without the lock.

Builds the wheel, installs it into an empty environment with the newest versions that its
requirements allow, says which differ from requirements.lock, analyses a sound there, and runs the
fast tests with them. The exit code is 0 if all went well. Run it now and then, and before a
release.

    python3 scripts/newest.py
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import _libraries
import _proof
import _setup
from _telling import SetupError, say, step, wait_for

SECONDS = 10
# Runs in the environment that is proved: the built-in piece, which needs nothing but the package.
MAKE_SOUND = """
import sys, soundfile
from realtime_mer.audio.demo import compose
soundfile.write(sys.argv[1], compose(sample_rate=24000)[: int(sys.argv[2]) * 24000], 24000)
"""


def main() -> int:
    """Build, install, compare and test; return the exit code."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    try:
        _setup.prepare(
            extras=("test",),
            libraries=_libraries.TEST_LIBRARIES,
            optional=_libraries.TEST_BROWSER,
        )
    except SetupError as error:
        say(str(error))
        return 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            environment = install_newest(folder)
            print(
                *differences(environment, folder) or ["the newest versions are those of the lock"],
                sep="\n",
            )
            with step("analysing"):
                sound = folder / "piece.wav"
                environment.run("-c", MAKE_SOUND, sound, SECONDS, cwd=folder)
                estimates = environment.analyze(sound, cwd=folder)
        except RuntimeError as error:
            say(f"the newest versions do not work: {error}")
            return 1
        if len(estimates) != SECONDS * 10:
            say(f"{len(estimates)} estimates of {SECONDS} s: there should be ten a second")
            return 1
        print(f"analysis: {len(estimates)} estimates, the last {estimates[-1]['mood']}")
        os.chdir(_setup.ROOT)
        env = {"QT_QPA_PLATFORM": "offscreen", **os.environ}
        tests = ["-m", "pytest", "-q", "-m", "not slow", "--numprocesses=2", "--dist=loadfile"]
        return wait_for([str(environment.python), *tests], env=env)


def install_newest(folder: Path) -> _proof.Environment:
    """Return an environment that holds the wheel, and the newest of all it and its tests need."""
    with step("building the wheel and installing it with the newest versions"):
        wheel = _proof.build_wheel(folder)
        environment = _proof.Environment(folder / "newest")
        environment.install(f"{wheel}[test]")
    return environment


def differences(environment: _proof.Environment, folder: Path) -> list[str]:
    """Return a line for every package whose version the lock does not have."""
    listing = (
        "import importlib.metadata as m, json, re; print(json.dumps({"
        "re.sub('[-_.]+', '-', d.name).lower(): d.version for d in m.distributions()}))"
    )
    found = json.loads(environment.run("-c", listing, cwd=folder))
    held: dict[str, list[str]] = {}
    for pin in _setup.fitting_lock().pins:
        held.setdefault(pin.name, []).append(pin.version)
    return [
        f"{name} {version} (locked: {' and '.join(held.get(name, ['none']))})"
        for name, version in sorted(found.items())
        if name != "realtime-mer" and version not in held.get(name, ())
    ]


if __name__ == "__main__":
    sys.exit(main())
