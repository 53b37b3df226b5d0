"""Sample values for tests."""

from typing import Any

from realtime_mer.emotion import GEMS
from realtime_mer.estimate import Estimate, Status


def sample_estimate(**changes: Any) -> Estimate:
    """Return an estimate, with some attributes changed; ``t`` follows from ``seq`` (0.1 s hop)."""
    seq = changes.get("seq", 0)
    values: dict[str, Any] = {
        "seq": seq,
        "t": round((seq + 1) * 0.1, 3),
        "wall_time": "2026-01-01T12:00:00.000+00:00",
        "valence": 0.25,
        "arousal": -0.5,
        "valence_sd": 0.2,
        "arousal_sd": 0.3,
        "quadrants": {"Q1": 0.1, "Q2": 0.2, "Q3": 0.3, "Q4": 0.4},
        "gems": dict.fromkeys(GEMS, 0.125),
        "mood": "calm",
        "status": Status.MUSIC,
        "level_dbfs": -20.0,
        "latency_ms": 12.5,
        "state_age_s": 3.0,
    }
    return Estimate.from_dict({**values, **changes})
