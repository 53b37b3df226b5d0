"""What disagreeing listeners leave a perfect system to reach."""

from pathlib import Path

import numpy as np
import pytest

from realtime_mer.emotion import GEMS
from training.corpora import Clip
from training.papers.trials.agreement import ceilings, item_ceilings


def songs(count: int) -> list[Clip]:
    return [
        Clip(corpus="emotify", id=f"{n:03}", path=Path("a.opus"), seconds=60.0, group=f"artist {n}")
        for n in range(count)
    ]


def values(share: float) -> tuple[float, float]:
    """How far listeners agree of whom a share ticks the first item and the others the second."""
    clips = songs(6)
    ticks = np.zeros((20, len(GEMS)), np.bool_)
    first = round(share * 20)
    ticks[:first, 0] = ticks[first:, 1] = True
    halves, perfect = item_ceilings(clips, {clip.key: ticks for clip in clips}, resamples=20)
    assert (halves["metric"], perfect["metric"]) == ("accuracy, two halves", "accuracy, perfect")
    assert halves["n"] == halves["groups"] == 6
    return halves["value"], perfect["value"]


def test_listeners_who_all_agree_leave_everything_to_be_reached() -> None:
    assert values(1.0) == (1.0, 1.0)


def test_halves_agree_less_often_than_a_panel_drawn_anew() -> None:
    halves, perfect = values(0.65)
    assert halves < perfect < 1


def test_listeners_who_are_divided_evenly_leave_about_a_coin_to_be_reached() -> None:
    _, perfect = values(0.5)
    assert perfect == pytest.approx(0.59, abs=0.05)  # ties go to the first item


def test_songs_with_a_single_answer_tell_nothing() -> None:
    clips = songs(2)
    one = np.ones((1, len(GEMS)), np.bool_)
    assert item_ceilings(clips, {clip.key: one for clip in clips}) == []


def test_recordings_rated_twice_tell_what_is_left_of_r2(corpora_root: Path) -> None:
    copy = Clip(corpus="grekow", id="a", path=Path("a"), seconds=6.0, group="a", recording="a")
    rated = [
        Clip(
            corpus="grekow",
            id=f"{n}",
            path=Path("a"),
            seconds=6.0,
            group=f"{n // 2}",
            recording=f"{n // 2}",
            valence=(-1) ** (n // 2) * 0.5 + 0.1 * (n % 2),
            arousal=0.1 * n,
        )
        for n in range(8)
    ]
    told = ceilings(corpora_root, {"grekow": rated, "panda4q": [copy]}, resamples=10)
    assert [row["metric"] for row in told["grekow"]] == ["R² valence", "R² arousal"]
    assert 0.9 < told["grekow"][0]["value"] < 1
    assert told["panda4q"] == []
