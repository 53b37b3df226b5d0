"""Damages and forges the files of a session at random, and has everything read it.

It is one of the targets of `tests/fuzzing`.
"""

import json
import random
from collections.abc import Mapping
from pathlib import Path

from realtime_mer.errors import InputError
from realtime_mer.sessions.export import export
from realtime_mer.sessions.html import to_html
from realtime_mer.sessions.report import report
from realtime_mer.sessions.store import (
    EVENTS,
    MANIFEST,
    LockedSession,
    Session,
    find_session,
    list_sessions,
)
from realtime_mer.wire.protocol import LevelMessage, Marker
from tests.fuzzing.damage import damaged, forged
from tests.sessions.sessions import estimates, recorded
from tests.subscribers import status

FORMATS = ("csv", "jsonl", "parquet", "vtt", "audacity", "flac")


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
        path.write_bytes(damaged(draw, content))
    else:
        path.write_text(json.dumps(forged(draw, json.loads(content))))


def _damage_events(draw: random.Random, path: Path, content: bytes) -> None:
    if draw.random() < 0.2:
        path.write_bytes(damaged(draw, content))
        return
    lines = content.splitlines()
    for _ in range(draw.choice((1, 3, 20))):
        number = draw.randrange(len(lines))
        lines[number] = json.dumps(forged(draw, json.loads(lines[number]))).encode()
    path.write_bytes(b"\n".join(lines) + b"\n")
