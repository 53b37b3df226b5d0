"""Sample values for tests."""

from typing import Any

from realtime_mer.emotion import GEMS, MOOD_WORDS, QUADRANTS, quadrant_of
from realtime_mer.estimate import Estimate, Status


def sample_estimate(**changes: Any) -> Estimate:
    """Return an estimate, with some attributes changed; ``t`` follows from ``seq`` (0.1 s hop).

    A ``mood`` is a mood word, at whose place the estimate lies unless another one is given. The
    quadrants follow from the place unless they are given.
    """
    moved = {"mood", "valence", "arousal"} & changes.keys()
    mood = changes.pop("mood", None)
    if mood is not None:
        (word,) = (word for word in MOOD_WORDS if word.word == mood)
        # Slightly off the axis, so that "tired" is in its own quadrant.
        place = {"valence": word.valence - 0.02 * (mood == "tired"), "arousal": word.arousal}
        changes = {**place, **changes}
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
        "status": Status.MUSIC,
        "level_dbfs": -20.0,
        "latency_ms": 12.5,
        "state_age_s": 3.0,
    }
    values |= changes
    if moved and "quadrants" not in changes:
        here = quadrant_of(values["valence"], values["arousal"])
        middle = values["valence"] == values["arousal"] == 0.0
        values["quadrants"] = {
            name: 0.25 if middle else 0.7 if name == here else 0.1 for name in QUADRANTS
        }
    return Estimate.from_dict(values)


NAME_THAT_ACTS = "[out] [/rear] <b>&amp; \x1b[31mred\x07 \u202eevil :warning: \u2066x"
"""A name of a device that is markup for Rich, HTML and Qt, turns round the direction of writing and
sends a terminal commands."""

NAME_SPELT_OUT = r"[out] [/rear] <b>&amp; \x1b[31mred\x07 \u202eevil :warning: \u2066x"
"""How it is shown."""
