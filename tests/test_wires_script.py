"""What ``scripts/wires.py`` makes of its turns: did memory grow, and what is not as it must be?"""

from typing import Any

import pytest

from realtime_mer.bench.playing import Turn

try:
    import wires
except (ImportError, RuntimeError) as error:
    pytest.skip(f"needs all wires' libraries: {error}", allow_module_level=True)

CAME = dict.fromkeys("osc sacn artnet file lsl mqtt midi obs events websocket".split(), 7)
STILL = {"most_grown_within_a_turn_mb": 0.5, "grown_a_reopening_mb": -1.0}
FINE: dict[str, Any] = {
    "p99_ratio": 1.04,
    "outlets": [{"name": "booth", "state": "connected", "failed": 0}],
}


def turn(before: float, after: float) -> Turn:
    return Turn(
        hop_ms=[1.0], told_ms=[1.0], skipped=0, processor_s=0.1, resident_mb=(before, after)
    )


def test_growth_is_told_within_turns_and_over_them_and_the_first_is_left_out() -> None:
    found = wires.grown([turn(100, 150), turn(150, 151), turn(151, 153), turn(153, 155)])
    assert found["resident_mb"] == [150, 151, 153, 155]
    assert found["most_grown_within_a_turn_mb"] == 2
    assert found["grown_a_reopening_mb"] == 2
    alone = wires.grown([turn(100, 103)])
    assert (alone["most_grown_within_a_turn_mb"], alone["grown_a_reopening_mb"]) == (3, 0)


def test_a_run_in_which_all_is_well_has_no_problem() -> None:
    assert wires.wrong(FINE, STILL, CAME) == []


@pytest.mark.parametrize(
    ("found", "memory", "came", "told"),
    [
        ({**FINE, "p99_ratio": 1.11}, STILL, CAME, "1.11 times that without"),
        (FINE, {**STILL, "most_grown_within_a_turn_mb": 11.0}, CAME, "within_a_turn_mb: 11.0"),
        (FINE, {**STILL, "grown_a_reopening_mb": 2.5}, CAME, "grown_a_reopening_mb: 2.5"),
        (FINE, STILL, {**CAME, "midi": 0}, "nothing came by midi"),
        (
            {**FINE, "outlets": [{"name": "lab", "state": "failing", "failed": 2}]},
            STILL,
            CAME,
            "lab: failing, 2 failed",
        ),
    ],
)
def test_what_is_not_as_it_must_be_is_told(
    found: dict[str, Any], memory: dict[str, float], came: dict[str, int], told: str
) -> None:
    (problem,) = wires.wrong(found, memory, came)
    assert told in problem
