"""The tables in `docs/scale.md` that `scripts/room_costs.py` fills from its result."""

from pathlib import Path
from typing import Any

from _page_table import write_between

WHO = ("node", "other_node", "worker", "nats")
CELL = 1000
"""Rooms that share one NATS in the reckoning of a million."""
RESERVE_MS = 600.0
"""Of a core's second: no machine is loaded further."""
KEPT_UP = 0.9
"""Of real time: where sound came slower, what goes by the clock was counted more often."""


def table(result: dict[str, Any]) -> str:
    """Return what is to be said of a measurement, as Markdown."""
    head = (
        "Milliseconds of processor that a room takes in a second, and in brackets the rooms that "
        f"a core would carry with them, on {result['machine']} ({result['at'][:10]}, nats-server "
        f"{result['nats_server']}), all on one machine with what feeds and watches the rooms:\n\n"
    )
    names = (
        *("rooms", "the node that feeds them, each with a watcher", "a node that only lists them"),
        *("their worker", "of that the network", "NATS", "sound came, of real time"),
    )
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for row in result["rows"]:
        node, other, worker, nats = (_cores(row[who]["processor_ms"]) for who in WHO)
        rooms, pace = str(row["rooms"]), f"{row['of_real_time']:.0%}"
        cells = (rooms, node, other, worker, _cores(row["network_ms"]), nats, pace)
        lines.append(f"| {' | '.join(cells)} |")
    return head + "\n".join(lines) + "\n"


def million(result: dict[str, Any]) -> str:
    """Return the cores that a million rooms take, by the largest row that kept up, as Markdown."""
    kept_up = [row for row in result["rows"] if row["of_real_time"] >= KEPT_UP]
    if not kept_up:
        return "Nothing was measured that kept up with real time.\n"
    row = kept_up[-1]
    own, other, worker, nats = (row[who]["processor_ms"] for who in WHO)
    at_a_node = (RESERVE_MS - CELL * other) / (own - other)
    rows = (
        ("nodes", f"{at_a_node:.0f} rooms fed at each, which also lists all others", at_a_node),
        ("workers", f"{RESERVE_MS:.0f} / {worker:.2f} rooms each", RESERVE_MS / worker),
        ("NATS", f"{RESERVE_MS:.0f} / {nats:.2f} rooms each", RESERVE_MS / nats),
    )
    lines = [
        f"| {who} | {how} | {CELL / rooms:.1f} | {1e6 / rooms:,.0f} |" for who, how, rooms in rows
    ]
    head = f"| cores at 60 %, by the row of {row['rooms']} rooms | | a cell of {CELL} | a million |"
    return "\n".join([head, "|---|---|---|---|", *lines]) + "\n"


def write_tables(page: Path, result: dict[str, Any]) -> None:
    """Put the tables of a measurement into a page, in the place of those before."""
    write_between(page, "room-costs", table(result))
    write_between(page, "a-million", million(result))


def _cores(ms: float) -> str:
    return f"{ms:.2f} ({1000 / ms:.0f})" if ms else "–"
