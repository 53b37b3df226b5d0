"""The table in `docs/scale.md` that `scripts/moving_rooms.py` fills from its result."""

from collections import Counter
from pathlib import Path
from typing import Any

from _page_table import write_between

RESERVE = 0.6  # as in the arithmetic of that page


def table(result: dict[str, Any]) -> str:
    """Return what is to be said of a run, as Markdown."""
    told, latency, costs = result["estimates"], result["latency"], result["costs"]
    moved, traffic = result["moved_beside_unmoved"], costs["traffic_a_room_second"]
    done = Counter(step["what"] for step in result["done"])
    silent: dict[str, float] = {}
    for step in result["done"]:
        silent[step["what"]] = max(silent.get(step["what"], 0.0), step["longest_silence_s"])
    rows = [
        ("estimates told, of hops sent", f"{told['told']} of {told['hops_sent']}"),
        ("told twice; out of order", f"{told['told_twice']}; {told['out_of_order']}"),
        ("missing and marked; missing and not", _both(told)),
        ("longest hole", f"{told['longest_hole_s']} s"),
        *(
            (f"longest pause of a watcher after *{what}* ({done[what]} times)", f"{longest} s")
            for what, longest in sorted(silent.items())
        ),
        ("from a hop's last sample to its estimate: p50, p99", _both_of(latency, "")),
        (
            "the same, more than 15 s after whatever was done last "
            f"({latency['away_from_steps_s']:.0f} s, the first of the run among them)",
            _both_of(latency, "away_from_steps_"),
        ),
        (
            f"moved beside unmoved, {moved['rooms']} rooms, {moved['hops']} hops: most apart",
            f"{max(moved['most_apart'].values()):.1e}",
        ),
        *((f"processor time of {who}, a room and second", _cores(costs[who])) for who in WHO),
        (
            "through NATS a room and second: in, out",
            f"{traffic['in_bytes'] / 1000:.0f} kB in {traffic['in_msgs']:.0f} messages, "
            f"{traffic['out_bytes'] / 1000:.0f} kB in {traffic['out_msgs']:.0f}",
        ),
        ("memory of NATS", f"{costs['nats']['resident_mb']:.0f} MB"),
    ]
    head = (
        f"{result['rooms']} rooms for {result['minutes']:g} minutes, {result['nodes']} nodes and "
        f"{result['workers']} workers, on {result['machine']} ({result['at'][:10]}, nats-server "
        f"{result['versions']['nats-server']}), all on one machine with what feeds and watches "
        "them:\n\n"
    )
    lines = [f"| {what} | {value} |" for what, value in rows]
    return head + "\n".join(["| what | measured |", "|---|---|", *lines]) + "\n"


WHO = ("nats", "nodes", "workers")


def write_table(page: Path, result: dict[str, Any]) -> None:
    """Put the table of a run into a page, in the place of the one before."""
    write_between(page, "moving-rooms", table(result))


def _both(told: dict[str, Any]) -> str:
    return f"{told['missing_and_marked']}; {told['missing_and_not_marked']}"


def _both_of(latency: dict[str, float], which: str) -> str:
    return f"{latency[f'{which}p50_ms']:.0f} ms, {latency[f'{which}p99_ms']:.0f} ms"


def _cores(cost: dict[str, float]) -> str:
    ms = cost["processor_ms_a_room_second"]
    cores = 1_000_000 * ms / 1000 / RESERVE
    return f"{ms:.2f} ms: {1000 / ms:.0f} rooms a core; a million rooms {cores:,.0f} cores at 60 %"
