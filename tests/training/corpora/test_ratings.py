"""Tables of ratings without sound."""

import os
from pathlib import Path

import pytest

from tests.training.made_corpora import table
from training.corpora import data_root, read_ratings
from training.corpora.deam import columns_exchanged


def test_every_table_is_brought_onto_one_scale_with_its_spread(tmp_path: Path) -> None:
    folder = tmp_path / "label_only"
    means = {"valence_mean": 7, "valence_std": 1, "arousal_mean": 3, "arousal_std": 2}
    table(folder / "deam_static.csv", [{"song_id": 18, **means, "columns_exchanged": 1}])
    table(
        folder / "pmemo_static.csv",
        [
            {
                "song_id": 1,
                "valence_mean_1to9": 5.6,
                "valence_std_0to1": 0.16,
                "arousal_mean_1to9": 4.2,
                "arousal_std_0to1": 0.15,
                "valence_unit": 0.15,
                "arousal_unit": -0.2,
            }
        ],
    )
    moving = {"valence_mean": 0.75, "valence_std": 0.25, "arousal_mean": 0.5, "arousal_std": 0.1}
    for name in ("emomusic", "pmemo"):
        rows = [{"song_id": 18, "time_s": time, **moving} for time in (15.0, 15.5)]
        table(folder / f"{name}_dynamic.csv", rows)
    ratings = read_ratings(tmp_path)
    (deam,), (pmemo,) = ratings["deam_static"], ratings["pmemo_static"]
    assert (deam.valence, deam.arousal, deam.valence_sd, deam.arousal_sd) == (0.5, -0.5, 0.25, 0.5)
    assert (pmemo.valence, pmemo.valence_sd) == pytest.approx((0.15, 0.32))
    (emomusic,), (pmemo,) = ratings["emomusic_dynamic"], ratings["pmemo_dynamic"]
    assert emomusic.curve is not None
    assert emomusic.curve.valence == (0.75, 0.75)
    assert emomusic.curve.valence_sd == (0.25, 0.25)
    assert pmemo.curve is not None
    assert pmemo.curve.valence == (0.5, 0.5)
    assert pmemo.curve.valence_sd == (0.5, 0.5)
    assert emomusic.recording == deam.recording


def test_a_folder_without_tables_gives_none(tmp_path: Path) -> None:
    assert read_ratings(tmp_path) == {}


@pytest.mark.skipif(
    "REALTIME_MER_DATA" not in os.environ, reason="REALTIME_MER_DATA names no folder of corpora"
)
def test_the_check_tells_exchanged_columns_in_the_real_tables() -> None:
    ratings = read_ratings(data_root(None))
    moving = {
        rating.song: (
            sum(rating.curve.valence) / len(rating.curve.times),
            sum(rating.curve.arousal) / len(rating.curve.times),
        )
        for rating in ratings["emomusic_dynamic"]
        if rating.curve
    }
    right = {
        rating.song: (rating.valence, rating.arousal)
        for rating in ratings["deam_static"]
        if rating.valence is not None and rating.arousal is not None and int(rating.song) <= 1000
    }
    assert len(right) > 700
    assert not columns_exchanged(right, moving)
    assert columns_exchanged({song: (a, v) for song, (v, a) in right.items()}, moving)
