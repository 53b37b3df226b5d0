"""What came of a run of `scripts/moving_rooms.py`: accounts, silences, latencies, costs, faults.

It takes what feeders and watchers saw, and what a node recorded, as they are when all has ended.
"""

import contextlib
import json
import platform
import re
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from _accounting import Account, Heard, account, faults, joined
from _fed_rooms import HOP, RATE, Fed, Feeder, Sounds, Watcher, heard
from _machines import Cluster, Machine
from numpy.typing import NDArray

from realtime_mer.audio.block import Block
from realtime_mer.audio.intake import Intake
from realtime_mer.recognizer.loading import load_recognizer
from realtime_mer.stream import EmotionStream

BOUND = 1e-4
WITHIN_S = 15.0  # of a step: what is silent then is silent because of it
NUMBERS = ("valence", "arousal", "valence_sd", "arousal_sd", "music", "familiar", "changed")
_ESTIMATE = re.compile(r'\{"type": ?"estimate"')


class Ran(Protocol):
    """What a run leaves behind.

    Attributes:
        begins_at: second of the steady clock at which it began.
        sounds: of its rooms.
        feeders, watchers: of each room, in the order of the rooms.
        done: what was done when.
    """

    begins_at: float
    sounds: Sounds
    feeders: list[Feeder]
    watchers: list[Watcher]
    done: list[dict[str, Any]]


def recorded(sessions: Path, room: str) -> list[dict[str, Any]]:
    """Return the estimates that a node recorded of a room, in the order in which it told them."""
    found: list[dict[str, Any]] = []
    for folder in sorted(sessions.glob(f"{room}-*")):
        with (folder / "events.jsonl").open(encoding="utf-8") as lines:
            found += [json.loads(line) for line in lines if _ESTIMATE.match(line)]
    return found


def accounts(
    run: Ran, names: Sequence[str], kept: dict[str, list[dict[str, Any]]]
) -> tuple[dict[str, Any], list[str]]:
    """Return what is to be said of all estimates, and what must not be."""
    wrong: list[str] = []
    whole: list[Account] = []
    watched: list[Account] = []
    for name, feeder, watcher in zip(names, run.feeders, run.watchers, strict=True):
        ends = feeder.fed.sent // HOP
        rows = [heard(message, at=0.0) for message in kept[name]]
        recording, watching = account(rows), account(watcher.heard)
        # Each who tells or hears must do it in order; what is missing is looked for in both.
        for found, whose in ((recording, "recorded"), (watching, "watched")):
            wrong += [
                f"{whose} {line}"
                for line in faults(name, found, begins=0, ends=ends)
                if "twice" in line or "behind a later" in line or "nothing came" in line
            ]
        both = account(joined(rows, watcher.heard))
        wrong += faults(name, both, begins=0, ends=ends)
        whole.append(both)
        watched.append(watching)
    holes = [hole for each in whole for hole in each.holes]
    sent = sum(feeder.fed.sent // HOP for feeder in run.feeders)
    return {
        "hops_sent": sent,
        "told": sum(each.told for each in whole),
        "told_twice": sum(len(each.repeated) for each in [*whole, *watched]),
        "out_of_order": sum(len(each.disordered) for each in [*whole, *watched]),
        "missing_and_marked": sum(hole.hops for hole in holes if hole.marked),
        "missing_and_not_marked": sum(hole.hops for hole in holes if not hole.marked),
        "estimates_that_say_gap": sum(each.in_gaps for each in whole),
        "longest_hole_s": round(max((hole.hops for hole in holes), default=0) * HOP / RATE, 1),
        "rooms_with_lost_sound": sum(
            bool(each.holes or each.in_gaps or feeder.fed.lost)
            for each, feeder in zip(whole, run.feeders, strict=True)
        ),
        "longest_silence_of_a_watcher_s": round(max(each.longest_silence_s for each in watched), 2),
        "seen_by_watchers": sum(each.told for each in watched),
        "sound_lost_by_senders_s": round(sum(f.fed.lost for f in run.feeders) / RATE, 2),
        "connections_of_senders": sum(len(feeder.fed.began) for feeder in run.feeders),
        "longest_without_connection_s": round(max(f.fed.away_s for f in run.feeders), 2),
        "refusals": _added(feeder.fed.refused for feeder in run.feeders),
    }, wrong


def silences(run: Ran) -> list[dict[str, Any]]:
    """Return, of each step that takes something away, the longest silence that began in it."""
    takes = [step for step in run.done if not step["what"].startswith("start")]
    ends = [*(step["at_s"] for step in takes[1:]), float("inf")]
    found = []
    for step, next_s in zip(takes, ends, strict=True):
        # The last estimate before may be a little older than the step.
        begins = run.begins_at + step["at_s"] - 0.3
        until = run.begins_at + min(step["at_s"] + WITHIN_S, next_s) - 0.3
        longest = max(_silence(watcher.heard, begins, until) for watcher in run.watchers)
        found.append({**step, "longest_silence_s": round(longest, 2)})
    return found


def _silence(estimates: Sequence[Heard], begins: float, ends: float) -> float:
    return max((b.at - a.at for a, b in pairwise(estimates) if begins <= a.at < ends), default=0.0)


def latencies(run: Ran, *, seconds: float) -> dict[str, float]:
    """Return how long it takes from the capture of a hop's last sample to its estimate, in ms.

    Of all estimates, and of those that came more than ``WITHIN_S`` after whatever was done last. In
    a run in which much is done these are few, and many of them are of its first seconds, in which
    workers come to their rooms: how fast a calm service is they do not tell.
    """
    steps = [run.begins_at + step["at_s"] for step in run.done]
    away, all_of_them = [], []
    for feeder, watcher in zip(run.feeders, run.watchers, strict=True):
        for each in watcher.heard:
            late_ms = 1000 * (each.at - feeder.captured_at(each.seq))
            all_of_them.append(late_ms)
            if not any(step <= each.at <= step + WITHIN_S for step in steps):
                away.append(late_ms)
    return {
        "away_from_steps_s": away_from_steps_s(run.done, seconds=seconds),
        "away_from_steps_p50_ms": _percentile(away, 50),
        "away_from_steps_p99_ms": _percentile(away, 99),
        "p50_ms": _percentile(all_of_them, 50),
        "p99_ms": _percentile(all_of_them, 99),
        "most_ms": _percentile(all_of_them, 100),
    }


def away_from_steps_s(done: Sequence[dict[str, Any]], *, seconds: float) -> float:
    """Return how much of a run lies more than ``WITHIN_S`` after whatever was done last."""
    away, free_from = 0.0, 0.0
    for at in sorted(step["at_s"] for step in done):
        away += max(0.0, at - free_from)
        free_from = max(free_from, at + WITHIN_S)
    return round(away + max(0.0, seconds - free_from), 1)


def _percentile(values: Sequence[float], which: float) -> float:
    return round(float(np.percentile(values, which)), 1) if values else float("nan")


def compared(
    run: Ran, names: Sequence[str], kept: dict[str, list[dict[str, Any]]], *, rooms: int, model: str
) -> dict[str, Any]:
    """Return how far moved rooms are from the same sound computed here, up to their first gap."""
    recognizer = load_recognizer(model, "light")
    most = dict.fromkeys(NUMBERS, 0.0)
    hops = statuses = 0
    for number in range(0, len(names), max(1, len(names) // rooms)):
        told = {message["seq"]: message for message in kept[names[number]]}
        stream = EmotionStream(recognizer)
        sound = taken_in(run.sounds, number, run.feeders[number].fed)
        for start in range(0, len(sound), 100 * HOP):
            for estimate in stream.push(sound[start : start + 100 * HOP]):
                expected, found = estimate.to_dict(), told.get(estimate.seq)
                if found is None or found["status"] == "gap":
                    break
                hops += 1
                statuses += found["status"] != expected["status"]
                for name in NUMBERS:
                    most[name] = max(most[name], abs(found[name] - expected[name]))
            else:
                continue
            break
    return {
        "rooms": len(range(0, len(names), max(1, len(names) // rooms))),
        "hops": hops,
        "other_status": statuses,
        "most_apart": {name: round(value, 7) for name, value in most.items()},
    }


def taken_in(sounds: Sounds, room: int, fed: Fed) -> NDArray[np.float32]:
    """Return the sound of a room as its nodes take it in, which is without what no ear hears.

    A node that goes on for another one follows the offset of the sound anew, from the sample on
    that it was given first.
    """
    borders = [0, *(now[1] for before, now in pairwise(fed.began) if now[0] != before[0])]
    parts = []
    for start, end in zip(borders, [*borders[1:], fed.sent], strict=True):
        # Offsets move in a line to that of the next 0.1 s: what comes behind counts.
        raw = sounds.part(room, start, min(fed.sent, end + RATE) - start)
        intake = Intake(target_rate=RATE)
        samples = raw.astype(np.float32)[:, np.newaxis] / np.float32(32768)
        pieces = [*intake.push(Block(samples=samples, rate=RATE)), *intake.flush()]
        parts.append(np.concatenate([piece.samples for piece in pieces])[: end - start])
    return np.concatenate(parts)


def _added(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for each in counts:
        for name, count in each.items():
            total[name] = total.get(name, 0) + count
    return total


def versions(cluster: Cluster) -> dict[str, str]:
    """Return those of what runs."""
    found = {"python": platform.python_version(), "nats-server": cluster.version()}
    for package in ("nats-py", "websockets", "numpy", "onnxruntime"):
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def costs(cluster: Cluster, *, rooms: int, seconds: float, traffic: dict[str, int]) -> Any:
    """Return what the machines used, and what went through NATS for a room in a second."""

    def of(machines: Sequence[Machine]) -> dict[str, float]:
        used = [machine.used() for machine in machines]
        processor = sum(each["processor_s"] for each in used)
        return {
            "processor_ms_a_room_second": round(1000 * processor / rooms / seconds, 3),
            "resident_mb": round(max(each["resident_mb"] for each in used), 1),
        }

    return {
        "nats": of([cluster.nats]),
        "nodes": of(cluster.nodes),
        "workers": of(cluster.workers),
        "traffic_a_room_second": {
            name: round(count / rooms / seconds, 1) for name, count in traffic.items()
        },
    }


def judged(result: dict[str, Any], wrong: Sequence[str]) -> list[str]:
    """Return what must not be, a line each."""
    found = list(wrong)
    far = {
        name: value
        for name, value in result["moved_beside_unmoved"]["most_apart"].items()
        if value > BOUND
    }
    if far:
        found.append(f"moved rooms are not what unmoved ones are: {far}")
    if result["moved_beside_unmoved"]["hops"] == 0:
        found.append("no moved room could be compared")
    if result["moved_beside_unmoved"]["other_status"]:
        found.append(f"{result['moved_beside_unmoved']['other_status']} hops with another status")
    for step in result["done"]:
        if step["what"] == "drain" and step.get("status") != 0:
            found.append(f"a drained worker ended with {step.get('status')}")
    return found
