import numpy as np
import pandas as pd
import pytest

from training.judge.evaluate import HOP_COLUMNS, Predictions
from training.report.consistency import consistency


def _hops(points: list[tuple[float, float]], quadrants: list[int]) -> np.ndarray:
    hops = np.zeros((len(points), len(HOP_COLUMNS)), np.float32)
    hops[:, :2] = points
    first = HOP_COLUMNS.index("quadrant_0")
    hops[:, first : first + 4] = 0.1
    hops[np.arange(len(points)), first + np.array(quadrants)] = 0.7
    return hops


def test_hops_count_alike_over_clips_and_each_corpus_is_told_of() -> None:
    clips = pd.DataFrame(
        {"key": ["a", "b", "c"], "corpus": ["one", "one", "two"], "group": ["x", "y", "z"]}
    )
    hops = {
        # Hops before the first whole one are left out: all of a's thirty first ones contradict.
        "a": _hops([(0.5, 0.5)] * 39, [2] * 29 + [0] * 10),
        "b": _hops([(-0.5, 0.5)] * 30, [1] * 15 + [0] * 15),
        "c": _hops([(0.01, 0.9)] * 30, [3] * 30),
    }
    rows = consistency(clips, Predictions(hops, dict.fromkeys(hops, 0)), resamples=20)
    assert [row["data"] for row in rows] == ["one"]  # nothing of the other is clear
    assert rows[0]["value"] == pytest.approx((10 + 0) / (10 + 1), abs=1e-3)
    assert (rows[0]["n"], rows[0]["hops"]) == (2, 11)
    assert consistency(clips[2:], Predictions(hops, dict.fromkeys(hops, 0)), resamples=5) == []
