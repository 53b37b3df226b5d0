#!/usr/bin/env python3
"""Check everything on a GPU in at most eight minutes: `python3 scripts/gpu.py --out gpu.json`.

For a bare Linux machine with torch and torchaudio and no network: the project need not be
installed, and what else is missing is named, with the line that fetches it elsewhere. Each part
runs in a process of its own with a limit of its own, so that one that fails, crashes or hangs
costs no other; what it had measured by then is kept. With `--dry` the same parts run on the
processor, on less: this checks the script, not the project.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import _lock

ROOT = Path(__file__).resolve().parent.parent
TOTAL_S = 480

FOR_THE_NETWORK = {
    "torch": "torch",
    "torchaudio": "torchaudio",
    "numpy": "numpy",
    "safetensors": "safetensors",
    "pydantic": "pydantic",
}
FOR_SOUND = {"soundfile": "soundfile", "soxr": "soxr"}
FOR_SESSIONS = {
    "websockets": "websockets",
    "prometheus-client": "prometheus_client",
    "typer": "typer",
    "rich": "rich",
    "platformdirs": "platformdirs",
    "psutil": "psutil",
    "cryptography": "cryptography",
    "python-osc": "pythonosc",
    "segno": "segno",
}
FOR_TRAINING = {
    "rich": "rich",
    "platformdirs": "platformdirs",
    "librosa": "librosa",
    "mido": "mido",
    "scipy": "scipy",
    "scikit-learn": "sklearn",
}
"""Packages and what they are imported as."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of the check.

    Attributes:
        name: as ``_gpu_checks.py`` knows it.
        limit_s: seconds it may take.
        needs: packages and what they are imported as.
    """

    name: str
    limit_s: float
    needs: Mapping[str, str]


# Their limits and what starting them takes come to less than the total.
PARTS = (
    Part(name="machine", limit_s=20, needs={"torch": "torch", "torchaudio": "torchaudio"}),
    Part(
        name="tests",
        limit_s=160,
        needs={"pytest": "pytest"} | FOR_THE_NETWORK | FOR_SOUND | FOR_SESSIONS,
    ),
    Part(name="bench", limit_s=90, needs=FOR_THE_NETWORK | FOR_SOUND),
    Part(name="rooms", limit_s=110, needs=FOR_THE_NETWORK | FOR_SOUND),
    Part(name="training", limit_s=80, needs=FOR_THE_NETWORK | FOR_SOUND | FOR_TRAINING),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every part and write what came of it after each; return 0 where all of it holds."""
    options = _parser().parse_args(arguments)
    device = "cpu" if options.dry else "cuda"
    parts = [part for part in PARTS if not options.part or part.name in options.part]
    missing = missing_packages(parts)
    if missing:
        say(f"missing: {', '.join(missing)}. Parts that need them are left out.")
        say("Fetch them where there is a network, bring the folder here and install from it:")
        for line in carry_lines(missing):
            say(f"    {line}")
    report: dict[str, Any] = {
        "format": 1,
        "begun": datetime.now(UTC).isoformat(timespec="seconds"),
        "revision": options.revision or revision(),
        "dry": options.dry,
        "device": device,
        "missing": missing,
        "ok": False,
        "parts": {},
    }
    # A processor may be slow, and is checked for nothing but the script.
    patience = 10 if options.dry else 1
    began = time.monotonic()
    for part in parts:
        say(f"{part.name} ...")
        lacking = [name for name in part.needs if name in missing]
        left_s = patience * TOTAL_S - (time.monotonic() - began) - 5
        if lacking:
            outcome: dict[str, Any] = {
                "status": "not run",
                "why": f"not installed: {', '.join(lacking)}",
            }
        else:
            outcome = run_part(
                part.name, device=device, limit_s=min(patience * part.limit_s, left_s)
            )
        report["parts"][part.name] = outcome
        report["seconds"] = round(time.monotonic() - began, 1)
        report["ok"] = len(report["parts"]) == len(parts) and all(
            each["status"] == "passed" for each in report["parts"].values()
        )
        write(options.out, report)
        why = f": {outcome['why']}" if "why" in outcome else ""
        say(f"... {part.name} {outcome['status']}{why}")
        for name, told in outcome.get("failed", {}).items():
            say(f"    {name}: {told.strip().splitlines()[-1]}")
    say(f"{options.out}: {'all of it holds' if report['ok'] else 'not all of it holds'}")
    return 0 if report["ok"] else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Check everything on a GPU in at most eight minutes."
    )
    parser.add_argument("--out", type=Path, default=Path("gpu.json"), help="the JSON to write")
    parser.add_argument("--dry", action="store_true", help="on the processor: checks the script")
    parser.add_argument(
        "--part",
        action="append",
        choices=[part.name for part in PARTS],
        help="this part only; may be given again",
    )
    parser.add_argument("--revision", help="of the code, where git cannot tell")
    return parser


def run_part(name: str, *, device: str, limit_s: float) -> dict[str, Any]:
    """Run a part in a process of its own and return what it found, and why it ended where it did.

    Returns:
        ``status`` (``passed``, ``failed`` or ``out of time``), ``seconds``, ``limit_s``, ``found``
        (what was measured), ``failed`` (what did not hold, with the reason) and, unless it passed,
        ``why``.
    """
    if limit_s <= 0:
        return {"status": "out of time", "why": "no time was left for it"}
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        out, words = Path(folder) / "part.json", Path(folder) / "words"
        with words.open("wb") as sink:
            process = subprocess.Popen(
                [sys.executable, str(ROOT / "scripts" / "_gpu_checks.py"), name, device, str(out)],
                cwd=ROOT,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code: int | None = process.wait(timeout=limit_s)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                _end(process)  # with all that it started
        told = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
        last = words.read_text(encoding="utf-8", errors="replace").strip()[-3000:]
    outcome: dict[str, Any] = {"status": "passed", "seconds": round(time.monotonic() - began, 1)}
    at = told.pop("at", "the start")
    outcome |= {"limit_s": round(limit_s, 1), "found": {}, "failed": {}} | told
    if code is None:
        outcome |= {"status": "out of time", "why": f"ended after {limit_s:.0f} s at {at}"}
    elif code != 0:
        outcome |= {"status": "failed", "why": f"exit status {code} at {at}", "words": last}
    elif outcome["failed"]:
        outcome |= {"status": "failed", "why": f"{len(outcome['failed'])} did not hold"}
    return outcome


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):  # nothing of it is left
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _environment() -> dict[str, str]:
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "QT_QPA_PLATFORM": "offscreen",
        "PYTHONDONTWRITEBYTECODE": "1",
        # Only what the tests ask for: other plug-ins of pytest may want what is not there.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }


def write(path: Path, report: Mapping[str, Any]) -> None:
    """Write the report whole or not at all."""
    beside = path.with_name(f"{path.name}.new")
    text = json.dumps(report, indent=2, allow_nan=False, ensure_ascii=False)
    beside.write_text(text + "\n", encoding="utf-8")
    beside.replace(path)


def revision() -> str:
    """Return the commit of the code, with ``+changes`` if files differ from it, or ``unknown``."""
    try:
        commit, changes = (
            subprocess.run(
                ["git", *command], cwd=ROOT, capture_output=True, text=True, check=True
            ).stdout.strip()
            for command in (("rev-parse", "HEAD"), ("status", "--porcelain"))
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit}+changes" if changes else commit


# --- what is missing ------------------------------------------------------------------------------


def missing_packages(parts: Sequence[Part]) -> list[str]:
    """Return the packages that parts need and that cannot be imported here."""
    needs = {name: imported for part in parts for name, imported in part.needs.items()}
    return [name for name, imported in needs.items() if importlib.util.find_spec(imported) is None]


def carry_lines(missing: Sequence[str], *, lock: Path = ROOT / "requirements.lock") -> list[str]:
    """Return the lines that fetch missing packages elsewhere and install them here.

    They name the lock's versions; what those packages need themselves pip finds out.
    """
    versions = {pin.name: pin.version for pin in _lock.read(lock).pins if _for_here(pin.text)}
    wanted = [f"{name}=={versions[name]}" for name in missing]
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    platforms = " ".join(
        f"--platform manylinux_2_{minor}_{platform.machine()}" for minor in (35, 34, 31, 28, 27, 17)
    )
    return [
        f"python3 -m pip download --only-binary=:all: --python-version {python} "
        f"--implementation cp {platforms} --dest wheels {' '.join(wanted)}",
        f"python3 -m pip install --no-index --find-links wheels {' '.join(wanted)}",
    ]


def _for_here(text: str) -> bool:
    """Whether a requirement is for this Python and system; where nobody can tell, it is."""
    marker = text.partition("\\")[0].partition(";")[2].strip()
    try:
        from packaging.markers import Marker
    except ImportError:
        return True
    return not marker or bool(Marker(marker).evaluate())


def say(message: str) -> None:
    """Tell whoever started this."""
    print(f"gpu: {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
