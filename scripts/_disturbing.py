"""What is done to machines while rooms run on them, and when: drawn once, from a seed (pure)."""

import random
from dataclasses import dataclass
from typing import Literal

What = Literal["kill", "drain", "start", "restart nats", "kill node", "start node"]

CALM_S = 12.0
"""Seconds at both ends in which nothing is done."""
AWAY_S = (2.0, 8.0)
"""How long a worker stays away."""
APART_S = (6.0, 24.0)
"""From one worker that goes to the next."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that is done.

    Attributes:
        at_s: when, in seconds from the beginning.
        what: kill (-9), drain (SIGTERM) or start a worker, the same for a node, or start NATS anew.
        which: number of the worker or node; 0 for NATS.
    """

    at_s: float
    what: What
    which: int


def plan(*, seed: int, seconds: float, workers: int) -> list[Step]:
    """Return what is to be done, in its order.

    Workers drawn at random are killed and drained by turns and started again, at times drawn at
    random; one of them always stays. NATS starts anew once, and a node is killed once; no worker
    goes within 6 s of either.

    Args:
        seed: the same one gives the same steps.
        seconds: of the whole run, at least 45.
        workers: at least 2.

    Raises:
        ValueError: there is too little time, or there are too few workers.
    """
    if seconds < 45 or workers < 2:
        raise ValueError(f"{seconds:.0f} s and {workers} workers: give at least 45 s and 2")
    chance = random.Random(seed)
    ends = seconds - CALM_S
    nats_at = round(CALM_S + 0.45 * (ends - CALM_S), 1)
    node_at = round(CALM_S + 0.75 * (ends - CALM_S), 1)
    steps = [
        Step(nats_at, "restart nats", 0),
        Step(node_at, "kill node", 0),
        Step(round(node_at + 3.0, 1), "start node", 0),
    ]
    back_at = [0.0] * workers
    at, drains = CALM_S, False
    while at < ends:
        free = [worker for worker in range(workers) if back_at[worker] + 2 < at]
        if len(free) > 1 and all(abs(at - apart) > 6 for apart in (nats_at, node_at)):
            which = chance.choice(free)
            away = min(chance.uniform(*AWAY_S), ends - at)
            back_at[which] = at + away
            steps.append(Step(round(at, 1), "drain" if drains else "kill", which))
            steps.append(Step(round(at + away, 1), "start", which))
            drains = not drains
            at += chance.uniform(*APART_S) * min(1.0, seconds / 180)
        else:
            at += 1.0
    return sorted(steps, key=lambda step: step.at_s)
