from pathlib import Path

import numpy as np
import pytest

from realtime_mer.emotion import GEMS
from training.corpora import Clip
from training.corpora.emotify import read_answers
from training.judge.yardsticks.ceilings import perfect, repeat_ceilings, share_ceilings


def _song(n: int, **labels: object) -> Clip:
    return Clip(
        corpus="made",
        id=str(n),
        path=Path("none"),
        seconds=6.0,
        group=f"artist {n // 2}",
        **labels,  # type: ignore[arg-type]
    )


def _answers(songs: int, listeners: int, *, agree: bool) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    shares = generator.uniform(0.05, 0.95, (songs, len(GEMS)))
    ask = shares if agree else np.full_like(shares, 0.5)
    return {
        f"made/{n}": generator.uniform(size=(listeners, len(GEMS))) < ask[n] for n in range(songs)
    }


def test_the_ceiling_of_listeners_who_agree_is_what_the_true_shares_correlate_with_theirs() -> None:
    generator = np.random.default_rng(0)
    shares = generator.uniform(0.05, 0.95, (120, len(GEMS)))
    answers = _answers(120, 24, agree=True)
    rows = share_ceilings([_song(n) for n in range(120)], answers, resamples=20)
    votes = np.array([answers[f"made/{n}"].mean(0) for n in range(120)])
    reached = np.mean([np.corrcoef(shares[:, n], votes[:, n])[0, 1] for n in range(len(GEMS))])
    assert rows[0]["metric"] == "mean r over nine items"
    assert rows[0]["value"] == pytest.approx(reached, abs=0.02)
    assert rows[0]["low"] <= rows[0]["value"] <= rows[0]["high"]
    assert {row["metric"] for row in rows[1:]} == {f"r {item}" for item in GEMS}
    assert (rows[0]["n"], rows[0]["groups"]) == (120, 60)


def test_listeners_who_answer_at_random_leave_little_to_be_reached() -> None:
    clips = [_song(n) for n in range(200)]
    rows = share_ceilings(clips, _answers(200, 20, agree=False), resamples=5)
    assert rows[0]["value"] < 0.3


def test_the_ceilings_of_all_items_at_once_are_those_of_each() -> None:
    halves = np.random.default_rng(0).uniform(size=(2, 50, 4))
    halves[1, :, 0] = 0.7 * halves[0, :, 0] + 0.3 * halves[1, :, 0]
    halves[1, :, 1] = -halves[0, :, 1]  # they contradict one another
    halves[0, :, 2] = 0.25
    found = perfect(halves)
    half = np.corrcoef(halves[0, :, 0], halves[1, :, 0])[0, 1]
    assert found[0] == pytest.approx(np.sqrt(2 * half / (1 + half)), abs=1e-12)
    assert found[1] == 0.0
    assert np.isnan(found[2])  # everybody said the same


def test_songs_with_one_answer_have_no_halves() -> None:
    assert share_ceilings([_song(0)], {"made/0": np.ones((1, 9), bool)}, resamples=5) == []


def test_the_noise_of_a_rating_follows_from_recordings_rated_twice() -> None:
    generator = np.random.default_rng(1)
    clips = []
    for n in range(400):
        true = generator.normal(0, 0.4)
        for take in range(2):
            said = true + generator.normal(0, 0.2)
            clips.append(_song(2 * n + take, valence=said, arousal=said, recording=f"r{n}"))
    found = {row["metric"]: row for row in repeat_ceilings(clips, resamples=50)}
    assert found["RMSE valence"]["value"] == pytest.approx(0.2, abs=0.02)
    assert found["R² valence"]["value"] == pytest.approx(0.8, abs=0.05)
    assert found["r arousal"]["value"] == pytest.approx(0.8**0.5, abs=0.03)
    assert found["R² valence"]["low"] < found["R² valence"]["value"] < found["R² valence"]["high"]
    assert found["R² valence"]["n"] == 400


def test_without_repeated_recordings_nothing_is_said_of_noise() -> None:
    clips = [_song(n, valence=0.1 * n, arousal=0.0, recording=f"r{n}") for n in range(5)]
    assert repeat_ceilings(clips, resamples=5) == []


@pytest.mark.parametrize(
    ("table", "track"), [("annotations.csv", "track_id"), ("data.csv", " Track ID")]
)
def test_single_answers_are_read_from_either_layout(table: str, track: str, tmp_path: Path) -> None:
    first, second = (",".join("1" if n == k else "0" for n in range(9)) for k in (0, 8))
    head = ",".join((track, "genre", *GEMS))
    (tmp_path / table).write_text(f"{head}\n001,pop,{first}\n1,pop,{second}\n12,pop,{first}\n")
    answers = read_answers(tmp_path)
    assert {key: ticks.shape for key, ticks in answers.items()} == {
        "emotify/001": (2, 9),
        "emotify/012": (1, 9),
    }
    np.testing.assert_array_equal(answers["emotify/001"].sum(0), [1, *(0,) * 7, 1])
