from typing import Any

from training.judge.curves import MOVEMENT, smoothing_note
from training.report.steadiness import consistent, steady_or_quick, transferred


def _row(value: float, metric: str, **more: Any) -> dict[str, Any]:
    found = {"value": value, "low": value - 0.1, "high": value + 0.1}
    return {"data": "vgmidi", "metric": metric, "protocol": "made"} | found | more


def test_movement_stands_beside_reaction_under_every_smoothing_and_the_run_itself_is_told() -> None:
    curves = [
        _row(value, f"{MOVEMENT}, valence{smoothing_note(seconds)}", axis="valence")
        | {"smoothing_s": seconds}
        for value, seconds in ((3.0, 0.0), (1.5, 1.0))
    ]
    other_run = curves[0] | {"value": 9.0, "protocol": "a network trained on less"}
    splices = [
        _row(value, "reaction", axis="valence", smoothing_s=seconds, share=share)
        for value, seconds, share in ((2.0, 0.0, 0.5), (2.9, 1.0, 0.5), (8.0, 1.0, 0.75))
    ]
    text = steady_or_quick([*curves, other_run], splices)
    assert "| valence | none | 3.000 (2.900 … 3.100) | 2.000 (1.900 … 2.100) |" in text
    assert "| valence | 1 s | 1.500 (1.400 … 1.600) | 2.900 (2.800 … 3.000) |" in text
    assert steady_or_quick([], splices) == ""
    assert steady_or_quick(curves, [{"metric": "macro-F1", "cost": {}}]) == ""


def test_hops_that_agree_are_told_with_how_many_were_asked() -> None:
    rows = [_row(0.98, "agree", hops=1234, n=10, groups=5)]
    assert "| vgmidi | 0.980 (0.880 … 1.080) | 1234 | 10 / 5 |" in consistent(rows)
    assert consistent([]) == ""


def test_intervals_of_a_corpus_stand_in_one_line_with_the_factor_that_others_wanted() -> None:
    rows = [
        _row(value, "clip valence", level=level, condition="never met", factor=1.7, n=10, groups=5)
        | {"unfamiliar": 0.4}
        for value, level in ((0.6, 0.5), (0.9, 0.9))
    ]
    text = transferred(rows)
    assert "| data | the network | output | inside 50% | inside 90% | factor |" in text
    said = "0.600 (0.500 … 0.700) | 0.900 (0.800 … 1.000) | 1.700 | 0.400 | 10 / 5 |"
    assert f"| vgmidi | never met | clip valence | {said}" in text
    assert transferred([]) == ""
