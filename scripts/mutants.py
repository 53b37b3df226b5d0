#!/usr/bin/env python3
"""Break the pure rooms in every small way, and count what the tests do not notice.

    python3 scripts/run.py --with mutate doctor    # sets up what it needs
    .venv/bin/python scripts/mutants.py            # every room
    .venv/bin/python scripts/mutants.py ring tls   # these alone
    .venv/bin/python scripts/mutants.py --page     # only write the page anew

mutmut, which runs on Linux and macOS, makes the mutants, in a copy of the working tree, and runs
only the tests of the room. What survives is printed with its change: write the missing test, or,
where no test could tell it from the original, say why in ``scripts/equivalent_mutants.toml``.
Counts go to ``docs/results/mutants.json`` and, as a table, to ``docs/results/mutants.md``.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
COUNTS = ROOT / "docs" / "results" / "mutants.json"
PAGE = COUNTS.with_suffix(".md")
EQUIVALENT = ROOT / "scripts" / "equivalent_mutants.toml"

ROOMS = {
    "hops": ("hops.py", "tests/test_hops.py"),
    "stream": ("stream.py", "tests/test_stream.py"),
    "shaping": ("shaping.py", "tests/test_shaping.py"),
    "ring": ("audio/ring.py", "tests/audio/test_ring.py"),
    "access": ("wire/access.py", "tests/wire tests/service/test_gate.py"),
    "control": ("wire/control.py", "tests/wire/test_control.py"),
    "mailbox": ("wire/mailbox.py", "tests/wire/test_mailbox.py"),
    "protocol": ("wire/protocol.py", "tests/wire/test_protocol.py"),
    "schema": ("wire/schema.py", "tests/wire/test_protocol.py"),
    "tls": ("wire/tls.py", "tests/wire/test_tls.py"),
    "turns": ("wire/turns.py", "tests/wire/test_turns.py"),
    "contract": ("recognizer/contract.py", "tests/recognizer/test_contract.py"),
    "loading": ("recognizer/loading.py", "tests/recognizer/test_loading.py"),
    "reference": (
        "recognizer/reference.py",
        "tests/recognizer/test_reference.py tests/recognizer/test_reference_cuda.py",
    ),
}
"""By name: a module of the package, and the tests that hold it."""

# mutmut's exit codes of the tests of a mutant; none where no test so much as calls it.
_OUTCOMES = {0: "survived", 1: "killed", 3: "killed", 5: "survived", 33: "survived"}
_TIMEOUTS = {-24, 24, 36, 152, 255}

_PYTEST = ["-m", "not slow", "-p", "no:cacheprovider", "-o", "timeout=0"]
_SETTINGS = """
[tool.mutmut]
source_paths = ["realtime_mer"]
only_mutate = ["realtime_mer/{module}"]
also_copy = ["docs", "examples", "models", "scripts", "training"]
pytest_add_cli_args_test_selection = {tests}
pytest_add_cli_args = {options}
use_git_change_detection = false
"""


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One change of one line or a few.

    Attributes:
        function: where it was made.
        change: the lines taken out, with a minus, and put in, with a plus.
        outcome: ``killed``, ``survived`` or ``timeout``, which is a death too.
    """

    function: str
    change: tuple[str, ...]
    outcome: str


def mutants_of(room: str, *, processes: int) -> list[Mutant]:
    """Make and try all mutants of a room; those that survive are tried once more, on their own.

    Raises:
        SystemExit: mutmut is missing, or the tests fail without any change.
    """
    module, tests = ROOMS[room]
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        folder = Path(name)
        _copy_tree(folder)
        with (folder / "pyproject.toml").open("a", encoding="utf-8") as file:
            file.write(
                _SETTINGS.format(
                    module=module,
                    tests=json.dumps(tests.split()),
                    options=json.dumps(_PYTEST),
                )
            )
        command = [sys.executable, "-c", "from mutmut.__main__ import cli; cli()", "run"]
        done = subprocess.run(
            [*command, "--max-children", str(processes)],
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1", "QT_QPA_PLATFORM": "offscreen"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise SystemExit(f"{done.stdout[-3000:]}\n{room}: mutmut failed, see above.")
        known = reasons().get(room, {}).keys()
        return list(_read(folder, Path("realtime_mer") / module, tests.split(), known))


def _copy_tree(folder: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    for path in filter(None, listed.stdout.split("\0")):
        if (ROOT / path).is_file():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, folder / path)


def _read(
    folder: Path, module: Path, tests: list[str], known: Container[tuple[str, tuple[str, ...]]]
) -> Iterator[Mutant]:
    from mutmut.configuration import reset_config
    from mutmut.mutation.diff_apply import apply_mutant, get_diff_for_mutant

    original = (folder / module).read_bytes()
    before = Path.cwd()
    os.chdir(folder)  # where mutmut looks for everything
    reset_config()  # it remembers the room before
    try:
        meta = json.loads(Path("mutants", f"{module}.meta").read_text(encoding="utf-8"))
        for name, code in meta["exit_code_by_key"].items():
            change: tuple[str, ...] = ()
            outcome = "timeout" if code in _TIMEOUTS else _OUTCOMES.get(code, "suspicious")
            if outcome != "killed":
                difference = get_diff_for_mutant(name, path=str(module))
                change = tuple(_changed(difference.splitlines()))
            if outcome == "survived" and (_function(name), change) not in known:
                # In a process of its own and by all tests of the room, for mutmut neither
                # exchanges what runs at import nor sees who uses what a fixture or a trace made.
                apply_mutant(name)
                outcome = "survived" if _passes(tests) else "killed"
                module.write_bytes(original)
            yield Mutant(function=_function(name), change=change, outcome=outcome)
    finally:
        os.chdir(before)


def _passes(tests: list[str]) -> bool:
    command = [sys.executable, "-m", "pytest", "-x", "-q", *_PYTEST, *tests]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _changed(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        if line[:1] in {"+", "-"} and line[:3] not in {"+++", "---"}:
            yield f"{line[0]} {line[1:].strip()}"


def _function(name: str) -> str:
    """Return ``Class.method`` or ``function`` of mutmut's name of a mutant."""
    mangled = name.rpartition(".")[2].rpartition("__mutmut_")[0]
    if mangled.startswith("xǁ"):
        return ".".join(mangled.split("ǁ")[1:])
    return mangled.removeprefix("x_")


def reasons() -> dict[str, dict[tuple[str, tuple[str, ...]], str]]:
    """Return why some mutants are equivalent, by room, function and change."""
    found: dict[str, dict[tuple[str, tuple[str, ...]], str]] = {}
    for room, entries in tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).items():
        found[room] = {}
        for entry in entries:
            for change in entry["changes"]:
                lines = tuple(line.strip() for line in change.strip().splitlines())
                found[room][entry["function"], lines] = entry["reason"]
    return found


def counted(room: str, mutants: list[Mutant]) -> dict[str, Any]:
    """Return a room's row of the table."""
    known = reasons().get(room, {})
    living = [mutant for mutant in mutants if mutant.outcome in {"survived", "suspicious"}]
    equivalent = Counter(
        known[mutant.function, mutant.change]
        for mutant in living
        if (mutant.function, mutant.change) in known
    )
    survivors = [m for m in living if (m.function, m.change) not in known]
    return {
        "module": f"realtime_mer/{ROOMS[room][0]}",
        "date": f"{date.today():%Y-%m-%d}",
        "mutants": len(mutants),
        "killed": sum(mutant.outcome == "killed" for mutant in mutants),
        "timeouts": sum(mutant.outcome == "timeout" for mutant in mutants),
        "survived": len(survivors),
        "survivors": [
            {"function": mutant.function, "change": list(mutant.change)} for mutant in survivors
        ],
        "equivalent": dict(sorted(equivalent.items())),
    }


def page(rows: Iterable[dict[str, Any]]) -> str:
    """Return the table as Markdown."""
    rows = list(rows)
    lines = [
        "# What the tests notice",
        "",
        "Each mutant is the code with one small change: another number, a comparison turned",
        "round, an argument left out. A mutant survives where the tests of its room pass all the",
        "same. One that ends in a time-out is noticed too. `python scripts/mutants.py` makes this",
        "page; mutmut 3 makes the mutants, and leaves alone what stands outside functions and in",
        "decorated ones. The tests ran on Linux without a GPU; those marked `slow` were left out,",
        "and those marked `cuda` skipped.",
        "",
        "| module | date | mutants | killed | time-outs | equivalent | survived | of the others |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        equivalent = sum(row["equivalent"].values())
        share = 100 * row["survived"] / max(1, row["mutants"] - equivalent)
        lines.append(
            f"| `{row['module']}` | {row['date']} | {row['mutants']} | {row['killed']} | "
            f"{row['timeouts']} | {equivalent} | {row['survived']} | {share:.1f} % |"
        )
    for row in rows:
        if "note" in row:  # written by hand; gone when the room is tried again
            lines += ["", f"`{row['module']}`: {row['note']}"]
    lines += ["", "## Equivalent mutants", ""]
    for row in rows:
        for reason, count in row["equivalent"].items():
            lines.append(f"- `{row['module']}`, {count}: {reason}")
    lines += ["", "## Survivors", ""]
    for row in rows:
        for survivor in row["survivors"]:
            change = "\n".join(survivor["change"])
            lines += [f"`{row['module']}`, `{survivor['function']}`:", "", "```diff"]
            lines += [change, "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def _rows() -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    if COUNTS.exists():
        rows = json.loads(COUNTS.read_text(encoding="utf-8"))
    return rows


def main() -> None:
    """Try the rooms that were asked for and write down what survived."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("room", nargs="*", help=f"these alone: {', '.join(ROOMS)}")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--page", action="store_true", help="only write the page anew")
    options = parser.parse_args()
    if unknown := set(options.room) - set(ROOMS):
        parser.error(f"no room {', '.join(sorted(unknown))}; rooms are {', '.join(ROOMS)}")
    if not options.page and find_spec("mutmut") is None:
        parser.error("mutmut is missing: type python3 scripts/run.py --with mutate doctor")
    for room in [] if options.page else options.room or ROOMS:
        print(f"{room} …", flush=True)
        row = counted(room, mutants_of(room, processes=options.processes))
        for survivor in row["survivors"]:
            print(survivor["function"], *survivor["change"], sep="\n  ")
        print(f"{room}: {row['survived']} of {row['mutants']} survived", flush=True)
        rows = _rows() | {room: row}  # read anew, for another run may have written its rooms
        ordered = {name: rows[name] for name in ROOMS if name in rows}
        COUNTS.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", "utf-8")
    PAGE.write_text(page(_rows().values()), encoding="utf-8")


if __name__ == "__main__":
    main()
