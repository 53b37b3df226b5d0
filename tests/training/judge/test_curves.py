from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.features.config import FeatureConfig
from realtime_mer.shaping import Shaper
from tests.samples import sample_estimate
from training.corpora import Clip, Curve
from training.judge.curves import (
    MOVEMENT,
    SMOOTHINGS_S,
    at_times,
    curve_agreement,
    smoothed,
    smoothing_note,
)
from training.judge.evaluate import FIRST_WHOLE_HOP, HOP_COLUMNS
from training.learn.sequences import hop_s

HOP_S = hop_s(FeatureConfig())
TIMES = tuple(float(time) for time in range(4, 20, 2))


def _pieces(*, sd: float | None = 0.1) -> list[Clip]:
    generator = np.random.default_rng(0)
    pieces = []
    for n in range(8):
        rated = n / 8 - 0.5 + 0.05 * generator.standard_normal(len(TIMES))
        spread = None if sd is None else (sd,) * len(TIMES)
        pieces.append(
            Clip(
                corpus="made",
                id=f"piece{n}@Font",
                path=Path("none"),
                seconds=20.0,
                group=f"series {n // 2}",
                answers=25,
                curve=Curve(
                    times=TIMES,
                    valence=tuple(rated),
                    arousal=tuple(-rated),
                    valence_sd=spread,
                    arousal_sd=spread,
                ),
            )
        )
    return pieces


def _hops(piece: Clip, *, within: float = 1.0) -> np.ndarray:
    """What a network would say that knows valence, its movement times a factor."""
    assert piece.curve is not None
    ends = (np.arange(200) + 1) * HOP_S
    place = np.clip(np.searchsorted(TIMES, ends + 1e-6, side="right") - 1, 0, None)
    rated = np.array(piece.curve.valence)
    hops = np.zeros((200, len(HOP_COLUMNS)), np.float32)
    hops[:, HOP_COLUMNS.index("valence")] = (rated.mean() + within * (rated - rated.mean()))[place]
    return hops


def _told(pieces: list[Clip], within: float) -> dict[str, dict[str, object]]:
    hops = {piece.key: _hops(piece, within=within) for piece in pieces}
    rows = curve_agreement(pieces, hops, hop_s=HOP_S, protocol="made", resamples=20)
    return {str(row["metric"]): row for row in rows}


def test_who_knows_the_curves_agrees_between_songs_and_within_them() -> None:
    found = _told(_pieces(), 1.0)
    assert found["r between songs, valence"]["value"] == pytest.approx(1, abs=1e-3)
    assert found["r within a song, valence"]["value"] == pytest.approx(1, abs=1e-3)
    assert found["movement within a song (sd), predicted, valence"]["value"] == pytest.approx(
        found["movement within a song (sd), rated, valence"]["value"], abs=1e-3
    )
    # Arousal is said to be constant, which correlates with nothing.
    assert found["r between songs, arousal"]["value"] is None
    assert found["r between songs, valence"]["n"] == 8


def test_who_moves_the_wrong_way_agrees_between_songs_alone() -> None:
    found = _told(_pieces(), -0.5)
    assert found["r between songs, valence"]["value"] == pytest.approx(1, abs=1e-3)
    assert found["r within a song, valence"]["value"] == pytest.approx(-1, abs=1e-3)


@pytest.mark.parametrize("within", [0.5, 3.0])
def test_movement_is_told_over_that_of_the_ratings_whatever_is_between_songs(within: float) -> None:
    told = _told(_pieces(), within)
    assert told[f"{MOVEMENT}, valence"]["value"] == pytest.approx(within, abs=1e-3)
    assert told[f"{MOVEMENT}, arousal"]["value"] == 0.0


def test_smoothing_takes_from_movement_and_is_told_apart() -> None:
    told = _told(_pieces(), 2.0)
    found = [told[f"{MOVEMENT}, valence{smoothing_note(seconds)}"] for seconds in SMOOTHINGS_S]
    values = [row["value"] for row in found]
    assert values == sorted(values, reverse=True)
    assert 0 < values[-1] < 0.9 * values[0]  # type: ignore[operator]
    assert [row["smoothing_s"] for row in found] == list(SMOOTHINGS_S)
    assert "r between songs, valence, smoothed over 1 s" not in told


@pytest.mark.parametrize("seconds", SMOOTHINGS_S)
def test_hops_are_smoothed_as_a_live_stream_is(seconds: float) -> None:
    hops = np.random.default_rng(0).uniform(-1, 1, (40, 2))
    shaper = Shaper(smoothing_s=seconds)
    live = []
    for number, (valence, arousal) in enumerate(hops):
        made = sample_estimate(valence=valence, arousal=arousal, t=(number + 1) * HOP_S)
        (shaped,) = shaper.shape(made)
        live.append((shaped.valence, shaped.arousal))
    np.testing.assert_allclose(smoothed(hops, seconds, hop_s=HOP_S), live, atol=1e-9)


@pytest.mark.parametrize("lag_s", [0.0, 2.5])
def test_who_answers_before_the_listeners_agrees_at_their_lag(lag_s: float) -> None:
    pieces = _pieces()
    early = {piece.key: np.roll(_hops(piece), -round(lag_s / HOP_S), axis=0) for piece in pieces}
    name = "r within a song, valence"

    def told(judged_at: float) -> dict[str, object]:
        rows = curve_agreement(
            pieces, early, hop_s=HOP_S, protocol="made", lag_s=judged_at, resamples=20
        )
        return next(row for row in rows if row["metric"] == name)

    assert told(lag_s)["value"] == pytest.approx(1, abs=1e-3)
    assert told(lag_s)["protocol"] == f"made; annotation lag {lag_s:g} s"
    assert told(lag_s + 2)["value"] < 0.9  # type: ignore[operator]


def test_a_ceiling_is_told_only_where_the_listeners_spread_is_known() -> None:
    name = "ceiling of r between songs, by the raters' sd, valence"
    assert name not in _told(_pieces(sd=None), 1.0)
    quiet, loud = _told(_pieces(sd=0.1), 1.0)[name], _told(_pieces(sd=1.0), 1.0)[name]
    assert 0 < loud["value"] < quiet["value"] < 1  # type: ignore[operator]


def test_clips_without_a_curve_say_nothing() -> None:
    clip = Clip(corpus="made", id="1", path=Path("none"), seconds=9.0, group="a")
    hops = {clip.key: np.zeros((90, len(HOP_COLUMNS)))}
    assert curve_agreement([clip], hops, hop_s=HOP_S, protocol="made", resamples=5) == []


@given(st.integers(0, 80), st.lists(st.floats(0, 12), min_size=1, max_size=6, unique=True))
def test_a_rated_time_is_met_by_the_hops_from_it_to_the_next(
    count: int, times: list[float]
) -> None:
    times = sorted(round(time, 1) for time in times)
    times = sorted(set(times))
    hops = np.arange(count, dtype=float)[:, None]
    means = at_times(hops, times, hop_s=HOP_S)
    last = times[-1] + (times[-1] - times[-2] if len(times) > 1 else np.inf)
    for start, stop, (mean,) in zip(times, [*times[1:], last], means, strict=True):
        own = [
            n
            for n in range(FIRST_WHOLE_HOP, count)
            if start - 1e-6 <= (n + 1) * HOP_S < stop - 1e-6
        ]
        assert mean == pytest.approx(np.mean(own)) if own else np.isnan(mean)
