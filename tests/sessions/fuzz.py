"""Damages and forges the files of a session at random, and has everything read it.

``python -m tests.sessions.fuzz SECONDS [SEED]`` goes on for so long and prints a line for each seed
that raised anything but an error of ours. Such a seed belongs into ``EVER_FAILED``.
"""

import json
import os
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from realtime_mer.errors import InputError
from realtime_mer.sessions.export import export
from realtime_mer.sessions.html import to_html
from realtime_mer.sessions.report import report
from realtime_mer.sessions.store import (
    EVENTS,
    FOLDER_VARIABLE,
    MANIFEST,
    LockedSession,
    Session,
    find_session,
    list_sessions,
)
from realtime_mer.wire.protocol import LevelMessage, Marker
from tests.sessions.sessions import estimates, recorded
from tests.subscribers import status

EVER_FAILED: tuple[int, ...] = ()
"""Seeds that once raised what they should not."""

FORMATS = ("csv", "jsonl", "parquet", "vtt", "audacity", "flac")
VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1e308, -1e308, 5e-324, 1e15, 2**63, 10**30, 10**400),
    *("", "yesterday", "2020-01-01T00:00:00", "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00Z"),
    *("\x1b[2J", "\u202e", "=1+1", "[/x]", "../../../../etc/passwd", "x" * 5000, "音"),
    *([], {}, [1], {"a": 1}),
)


def files_of(session: Session) -> dict[str, bytes]:
    """Return what a session consists of."""
    return {path.name: path.read_bytes() for path in session.folder.iterdir()}


def made() -> Session:
    """Return a session that holds something of everything."""
    level = LevelMessage(t=0.1, level_dbfs=-20.0, peak_dbfs=-6.0)
    marker = Marker(label="a", t=1.0)
    return recorded([status("on air"), *estimates(120), marker, level], "fuzzed")


def fuzz(seed: int, session: Session, files: Mapping[str, bytes], out: Path) -> None:
    """Damage a session as the seed has it, and read it in every way.

    Args:
        files: what it consists of when it is whole.
        out: may be written.
    """
    draw = random.Random(seed)
    for name, content in files.items():
        (session.folder / name).write_bytes(content)
    if draw.random() < 0.4:
        _damage_manifest(draw, session.folder / MANIFEST, files[MANIFEST])
    else:
        _damage_events(draw, session.folder / EVENTS, files[EVENTS])
    assert sum(len(things) for things in list_sessions()) == 1
    try:
        found = find_session(session.name)
        if isinstance(found, LockedSession):
            return
        found.totals(read=draw.random() < 0.5)
        to_html(report([found]))
    except InputError:
        return
    for format in draw.sample(FORMATS, 3):
        try:
            export(found, format=format, out=out)
        except InputError:
            continue


def _damage_manifest(draw: random.Random, path: Path, content: bytes) -> None:
    if draw.random() < 0.2:
        path.write_bytes(_damaged(draw, content))
    else:
        path.write_text(json.dumps(_forged(draw, json.loads(content))))


def _damage_events(draw: random.Random, path: Path, content: bytes) -> None:
    if draw.random() < 0.2:
        path.write_bytes(_damaged(draw, content))
        return
    lines = content.splitlines()
    for _ in range(draw.choice((1, 3, 20))):
        number = draw.randrange(len(lines))
        lines[number] = json.dumps(_forged(draw, json.loads(lines[number]))).encode()
    path.write_bytes(b"\n".join(lines) + b"\n")


def _damaged(draw: random.Random, content: bytes) -> bytes:
    start = draw.randrange(len(content))
    length = draw.choice((1, 10, 1000, len(content)))
    put = draw.choice((b"", b"\0" * length, draw.randbytes(length)))
    return content[:start] + put + content[start + length :]


def _forged(draw: random.Random, value: Any) -> Any:
    if not isinstance(value, dict) or not value or draw.random() < 0.2:
        return draw.choice(VALUES)
    key = draw.choice(list(value))
    what = draw.random()
    if what < 0.1:
        return {name: one for name, one in value.items() if name != key}
    if what < 0.2:
        return {**value, "unknown": draw.choice(VALUES)}
    return {**value, key: _forged(draw, value[key])}


def main(seconds: float, seed: int) -> int:
    """Go on for so long; return how many seeds failed."""
    end, first, failed = time.monotonic() + seconds, seed, 0
    with tempfile.TemporaryDirectory() as name:
        os.environ[FOLDER_VARIABLE] = f"{name}/sessions"
        session = made()
        files = files_of(session)
        while time.monotonic() < end:
            try:
                fuzz(seed, session, files, Path(name) / "out")
            except Exception:  # noqa: BLE001  to name the seed, and go on
                failed += 1
                print(f"seed {seed}: {traceback.format_exc()}", flush=True)
            seed += 1
    print(f"{seed - first} seeds from {first} on, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0) > 0)
