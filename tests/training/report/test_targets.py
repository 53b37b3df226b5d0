"""What is wanted, set beside what was measured."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.judge.unseen_corpora import NETWORK
from training.report.targets import COVERAGE, EVALUATION, TARGETS, Target, found, table_of_targets

F1 = Target(part=EVALUATION, data="panda4q", metric="macro-F1", least=0.75)


def _row(value: float | None, **more: Any) -> dict[str, Any]:
    interval = {"low": None, "high": None}
    if value is not None:
        interval = {"low": value - 0.03, "high": value + 0.03}
    row = {"data": "panda4q", "metric": "macro-F1", "value": value, "n": 720, "groups": 523}
    return row | interval | {"protocol": "made"} | more


def _line(rows: dict[str, list[dict[str, Any]]], figure: str) -> str:
    (line,) = (line for line in table_of_targets(rows).splitlines() if f"| {figure}" in line)
    return line


def test_a_missed_target_says_by_how_much_and_what_others_reach() -> None:
    rows = {
        EVALUATION: [_row(0.7)],
        "baselines": [_row(0.65, model="features + SVM"), _row(0.71, model="embedding + SVM")],
        "ceilings": [_row(0.9)],
    }
    line = _line(rows, "macro-F1 |")
    assert "≥ 0.75 | 0.700 (0.670 … 0.730) | **missed by 0.050** |" in line
    assert "0.710, embedding + SVM | 0.900 | 720 / 523" in line


def test_an_interval_that_holds_the_bound_leaves_the_verdict_open() -> None:
    assert "missed by 0.010**; the interval holds both" in _line(
        {EVALUATION: [_row(0.74)]}, "macro-F1 |"
    )
    assert "reached, 0.010 to spare; the interval holds both" in _line(
        {EVALUATION: [_row(0.76)]}, "macro-F1 |"
    )
    assert "reached, 0.000 to spare" in _line({EVALUATION: [_row(0.75)]}, "macro-F1 |")
    assert "the interval" not in _line({EVALUATION: [_row(0.9)]}, "macro-F1 |")


def test_what_was_not_measured_is_told_and_counted_as_no_success() -> None:
    text = table_of_targets({EVALUATION: [_row(0.9), _row(None, metric="R² valence")]})
    assert f"1 of {len(TARGETS)} are reached, 0 missed, {len(TARGETS) - 1} not measured" in text
    assert text.count("| not measured |") == len(TARGETS) - 1


def test_a_run_of_other_corpora_is_told_only_what_was_measured() -> None:
    cost = _row(0.7, data="the refit", metric="one hop, median (ms)")
    text = table_of_targets({EVALUATION: [_row(0.9, data="own")], "cost": [cost]})
    assert "1 of 1 are reached, 0 missed, 0 not measured" in text
    assert "panda4q" not in text


def test_of_several_conditions_the_worst_counts_and_clean_is_none_of_them() -> None:
    target = next(
        each for each in TARGETS if each.part == "robustness" and each.metric == "macro-F1"
    )
    rows = [
        _row(0.7, condition=name, relative_value=value, relative_low=value, relative_high=value)
        for name, value in (("clean", 1.0), ("phone", 0.85), ("room", 0.95))
    ]
    worst = found(target, {"robustness": rows})
    assert worst is not None
    assert worst["condition"] == "phone"
    assert "**missed by 0.050**" in _line({"robustness": rows}, "macro-F1 kept of the clean one's")
    assert found(target, {"robustness": rows[:1]}) is None


def test_a_condition_that_is_asked_for_alone_is_judged_alone() -> None:
    clipped = "clipped by 6 to 18 dB"
    target = next(each for each in TARGETS if each.condition == clipped)
    rows = [
        _row(0.5, data="grekow", metric="CCC valence", condition=name, relative_value=value)
        | {"relative_low": value, "relative_high": value}
        for name, value in (("phone", 0.5), (clipped, 0.92))
    ]
    judged_by = found(target, {"robustness": rows})
    assert judged_by is not None
    assert judged_by["condition"] == clipped
    line = _line({"robustness": rows}, f"CCC valence kept of the clean one's, {clipped}")
    assert "≥ 0.9 | 0.920" in line
    assert "reached" in line
    assert found(target, {"robustness": rows[:1]}) is None


def test_what_a_network_is_to_say_of_music_never_met_is_not_judged_by_what_others_say() -> None:
    target = next(each for each in TARGETS if each.model == NETWORK and "valence" in each.metric)
    rows = [
        _row(value, data="vgmidi", metric="r valence", model=model)
        for model, value in ((NETWORK, 0.6), ("ridge", 0.2))
    ]
    judged_by = found(target, {"unheard": rows})
    assert judged_by is not None
    assert judged_by["value"] == 0.6
    assert found(target, {"unheard": rows[1:]}) is None


def test_intervals_are_judged_on_corpora_never_met_however_well_they_hold_on_others() -> None:
    rows = [
        _row(value, data="grekow", metric="clip valence", level=level, condition=how, protocol=how)
        for value, level, how in (
            (0.99, 0.9, "out of fold"),
            (0.8, 0.9, "never met"),
            (0.45, 0.5, "never met"),
        )
    ]
    line = _line({"intervals": rows}, "ratings inside the 90 % interval fitted on other corpora")
    assert "clip valence, never met | ≥ 0.85 | 0.800" in line
    assert "missed by 0.050" in line


def test_the_gain_that_moves_the_estimate_most_counts_and_no_fold_alone() -> None:
    rows = [
        _row(value, data="grekow, panda4q", metric=metric, gain_db=gain, fold=fold)
        for value, metric, gain, fold in (
            (0.04, "moved, mean", -6, None),
            (0.12, "moved, mean", -30, None),
            (0.2, "moved, mean, one fold", -30, 1),
        )
    ]
    line = _line({"level": rows}, "the farther of both axes moved by gain")
    assert "worst gain: −30 dB | < 0.1 | 0.120" in line
    assert "missed by 0.020" in line


def test_of_several_rivals_the_one_the_network_leads_least_counts() -> None:
    metric = "r valence, the network's lead"
    rows = [
        _row(value, data="vgmidi", metric=metric, model=model, protocol=protocol)
        for value, model, protocol in (
            (0.1, "ridge on a", "the run"),
            (0.05, "ridge on b", "the run"),
            (-0.2, "ridge on c", "another run"),
        )
    ]
    target = next(each for each in TARGETS if (each.data, each.metric) == ("vgmidi", metric))
    judged_by = found(target, {"unheard": rows})
    assert judged_by is not None
    assert judged_by["model"] == "ridge on b"
    # Being level with the embedding is not being ahead of it.
    assert not target.reached(0.0)


def test_only_the_level_that_is_asked_for_is_judged() -> None:
    rows = [_row(level, data="grekow", metric="hop valence", level=level) for level in (0.5, 0.9)]
    (target,) = (each for each in TARGETS if (each.part, each.metric) == (COVERAGE, "hop valence"))
    judged_by = found(target, {COVERAGE: rows})
    assert judged_by is not None
    assert judged_by["value"] == 0.9


@given(st.floats(-2, 2), st.floats(-1, 1), st.floats(0, 1))
def test_a_value_is_reached_exactly_where_nothing_is_missing(
    value: float, least: float, width: float
) -> None:
    both = replace(F1, least=least, most=least + width)
    assert both.reached(value) == (least <= value <= least + width)
    if not both.reached(value):
        beyond = least - value if value < least else value - (least + width)
        assert both.shortfall(value) == pytest.approx(beyond)
