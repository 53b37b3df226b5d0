"""What ``scripts/moving_rooms.py`` does to machines, and what it makes of what came."""

import json
from pathlib import Path
from typing import Any

import _costs_table
import _moving_result
import pytest
from _accounting import Heard
from _disturbing import CALM_S, Step, plan
from _fed_rooms import HOP, Fed, Sounds
from _moving_table import table, write_table
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "docs" / "results" / "moving-rooms.json"
BEGINS, ENDS = "<!-- moving-rooms -->", "<!-- /moving-rooms -->"

# -- what is done


def alive_after(steps: list[Step], workers: int) -> list[int]:
    alive, counts = set(range(workers)), []
    for step in steps:
        if step.what in ("kill", "drain"):
            assert step.which in alive
            alive.remove(step.which)
        elif step.what == "start":
            assert step.which not in alive
            alive.add(step.which)
        counts.append(len(alive))
    return counts


@given(seed=st.integers(0, 1000), seconds=st.floats(45, 900), workers=st.integers(2, 5))
def test_one_worker_always_stays_and_all_are_back_at_the_end(
    seed: int, seconds: float, workers: int
) -> None:
    steps = plan(seed=seed, seconds=seconds, workers=workers)
    counts = alive_after(steps, workers)
    assert min(counts) >= 1
    assert counts[-1] == workers
    assert [step.at_s for step in steps] == sorted(step.at_s for step in steps)
    assert steps[0].at_s >= CALM_S
    assert steps[-1].at_s <= seconds - CALM_S + 0.1
    whole = [step.what for step in steps]
    assert whole.count("restart nats") == 1
    assert whole.count("kill node") == whole.count("start node") == 1
    assert "kill" in whole
    assert "drain" in whole or seconds < 90


def test_a_seed_always_does_the_same_and_ten_minutes_do_much() -> None:
    steps = plan(seed=1, seconds=600, workers=3)
    assert steps == plan(seed=1, seconds=600, workers=3)
    assert steps != plan(seed=2, seconds=600, workers=3)
    whole = [step.what for step in steps]
    assert whole.count("kill") >= 5
    assert whole.count("drain") >= 5


@pytest.mark.parametrize(("seconds", "workers"), [(30, 3), (600, 1)])
def test_too_little_is_refused(seconds: float, workers: int) -> None:
    with pytest.raises(ValueError, match="give at least 45 s and 2"):
        plan(seed=1, seconds=seconds, workers=workers)


# -- what is sent


@pytest.fixture(scope="module")
def sounds() -> Sounds:
    return Sounds(2)


@pytest.mark.slow
def test_any_part_of_a_room_can_be_had_again_and_rooms_differ(sounds: Sounds) -> None:
    whole = sounds.part(1, 0, 70 * 24_000)  # longer than a take, so that it goes round
    assert (sounds.part(1, 63 * 24_000, HOP) == whole[63 * 24_000 :][:HOP]).all()
    assert abs(whole).max() > 10_000
    assert (sounds.part(0, 0, HOP * 10) != sounds.part(1, 0, HOP * 10)).any()


@pytest.mark.slow
def test_a_room_at_one_node_sounds_as_one_that_nobody_cut_and_begins_anew_at_another(
    sounds: Sounds,
) -> None:
    begun = 5 * HOP
    stayed = _moving_result.taken_in(sounds, 0, Fed(sent=30 * HOP, began=[(0, 0), (0, begun)]))
    assert (stayed == _moving_result.taken_in(sounds, 0, Fed(sent=30 * HOP, began=[(0, 0)]))).all()
    moved = _moving_result.taken_in(sounds, 0, Fed(sent=30 * HOP, began=[(0, 0), (1, begun)]))
    assert len(moved) == len(stayed) == 30 * HOP
    assert (moved[:begun] == stayed[:begun]).all()
    assert 0 < abs(moved[begun:] - stayed[begun:]).max() < 0.01


# -- what is made of it


def test_estimates_are_read_from_all_recordings_of_a_room(tmp_path: Path) -> None:
    for number, seqs in enumerate([(0, 1), (2,)]):
        folder = tmp_path / f"room-01-2026-01-0{number + 1}"
        folder.mkdir()
        lines = [
            json.dumps({"type": "estimate", "seq": seq}, separators=(",", ":")) for seq in seqs
        ]
        (folder / "events.jsonl").write_text("\n".join([*lines, '{"type": "level"}']) + "\n")
    (tmp_path / "room-011-2026").mkdir()
    assert [each["seq"] for each in _moving_result.recorded(tmp_path, "room-01")] == [0, 1, 2]


def test_the_silence_after_a_step_is_looked_for_from_then_on() -> None:
    came = [Heard(at, 0, "music", 0, 0) for at in (0.0, 8.0, 10.0, 13.5, 14.0, 40.0)]
    assert _moving_result._silence(came, 9.8, 20.0) == 26.0
    assert _moving_result._silence(came, 9.8, 14.0) == 3.5
    assert _moving_result._silence(came, 8.5, 9.5) == 0.0
    assert _moving_result._silence([], 0.0, 1.0) == 0.0


def test_what_of_a_run_is_away_from_all_steps_is_told_as_it_is() -> None:
    steps = [{"at_s": at} for at in (12.0, 20.0, 60.0)]
    assert _moving_result.away_from_steps_s(steps, seconds=100.0) == 12.0 + 25.0 + 25.0
    assert _moving_result.away_from_steps_s(steps, seconds=70.0) == 12.0 + 25.0
    assert _moving_result.away_from_steps_s([], seconds=70.0) == 70.0
    result = json.loads(RESULT.read_text())
    # Starts are steps, too, and the result tells how many there were, not when.
    most = _moving_result.away_from_steps_s(result["done"], seconds=60 * result["minutes"])
    assert 0 < result["latency"]["away_from_steps_s"] < most
    assert result["started"] > 0


FINE: dict[str, Any] = {
    "rooms": 64,
    "minutes": 10.0,
    "nodes": 2,
    "workers": 3,
    "machine": "Linux x86_64, 2 processors",
    "at": "2026-12-01T00:00:00+00:00",
    "versions": {"nats-server": "2.12.1"},
    "estimates": {
        "told": 384_000,
        "hops_sent": 384_000,
        "told_twice": 0,
        "out_of_order": 0,
        "missing_and_marked": 0,
        "missing_and_not_marked": 0,
        "longest_hole_s": 0.0,
    },
    "latency": {
        "away_from_steps_s": 92.4,
        "away_from_steps_p50_ms": 61.0,
        "away_from_steps_p99_ms": 140.0,
        "p50_ms": 63.0,
        "p99_ms": 2800.0,
    },
    "moved_beside_unmoved": {
        "rooms": 16,
        "hops": 90_000,
        "other_status": 0,
        "most_apart": {"valence": 3e-6},
    },
    "costs": {
        "nats": {"processor_ms_a_room_second": 0.5, "resident_mb": 120.0},
        "nodes": {"processor_ms_a_room_second": 3.0, "resident_mb": 200.0},
        "workers": {"processor_ms_a_room_second": 4.0, "resident_mb": 300.0},
        "traffic_a_room_second": {
            "in_bytes": 150_000.0,
            "out_bytes": 110_000.0,
            "in_msgs": 20.0,
            "out_msgs": 20.0,
        },
    },
    "done": [
        {"at_s": 20.0, "what": "kill", "which": 1, "status": -9, "longest_silence_s": 4.2},
        {"at_s": 60.0, "what": "drain", "which": 0, "status": 0, "longest_silence_s": 0.6},
    ],
}


def test_a_run_in_which_all_is_well_has_no_fault() -> None:
    assert _moving_result.judged(FINE, []) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"most_apart": {"valence": 2e-4}}, "moved rooms are not what unmoved ones are"),
        ({"hops": 0}, "no moved room could be compared"),
        ({"other_status": 3}, "3 hops with another status"),
    ],
)
def test_what_is_not_as_unmoved_is_told(change: dict[str, Any], told: str) -> None:
    moved = {**FINE["moved_beside_unmoved"], **change}
    (fault,) = _moving_result.judged({**FINE, "moved_beside_unmoved": moved}, [])
    assert told in fault


def test_a_worker_that_does_not_drain_well_is_told() -> None:
    done = [{**FINE["done"][1], "status": 1}]
    assert _moving_result.judged({**FINE, "done": done}, []) == ["a drained worker ended with 1"]


def test_the_table_stands_in_the_place_of_the_one_before(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGINS}\nold\n{ENDS}\nbehind\n", encoding="utf-8")
    for _ in range(2):
        write_table(page, FINE)
    text = page.read_text(encoding="utf-8")
    assert text == f"before\n{BEGINS}\n{table(FINE)}{ENDS}\nbehind\n"
    assert "| estimates told, of hops sent | 384000 of 384000 |" in text
    assert "| longest pause of a watcher after *kill* (1 times) | 4.2 s |" in text
    assert "3.00 ms: 333 rooms a core; a million rooms 5,000 cores at 60 %" in text


def test_the_page_says_what_the_result_says() -> None:
    page = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    costs = json.loads(RESULT.with_name("room-costs.json").read_text(encoding="utf-8"))
    moved = json.loads(RESULT.read_text(encoding="utf-8"))
    for name, text in (
        ("moving-rooms", table(moved)),
        ("room-costs", _costs_table.table(costs)),
        ("a-million", _costs_table.million(costs)),
    ):
        assert f"<!-- {name} -->\n{text}<!-- /{name} -->\n" in page
