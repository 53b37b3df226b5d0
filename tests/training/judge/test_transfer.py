from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.corpora import Clip
from training.judge.evaluate import FIRST_WHOLE_HOP, HOP_COLUMNS
from training.judge.transfer import Rated, fit, transfer

_SAID_SD = 0.1


def _heard(
    corpus: str,
    *,
    errs_by: Callable[[float], float],
    clips: int = 60,
    familiar: Callable[[int], float] | None = None,
    seed: int = 0,
) -> Rated:
    """A corpus whose clips' means err by so much, hops alike, and whose network says .1 of all."""
    generator = np.random.default_rng(seed)
    made, hops, near = [], {}, {}
    for n in range(clips):
        clip = Clip(
            corpus=corpus, id=str(n), path=Path("none"), seconds=6.0, group=f"g{n // 2}",
            valence=0.1, arousal=-0.1,
        )  # fmt: skip
        known = familiar(n) if familiar else 1.0
        said = np.full((35, len(HOP_COLUMNS)), _SAID_SD)
        for column, rating in ((0, 0.1), (1, -0.1)):
            said[:, column] = rating + errs_by(known) * generator.standard_normal()
        made.append(clip)
        hops[clip.key], near[clip.key] = said, np.full(35, known)
    return Rated(
        corpus=corpus, how="made", clips=made, hops=hops, familiar=near if familiar else None
    )


@pytest.mark.parametrize("times", [0.5, 3.0])
def test_an_sd_is_multiplied_by_what_the_errors_are_larger(times: float) -> None:
    one = _heard("one", errs_by=lambda _: times * _SAID_SD, clips=400)
    widening = fit([one], axis="valence")
    assert widening.factor == pytest.approx(times, rel=0.1)
    assert widening.unfamiliar == 0.0
    assert widening.clip == pytest.approx(1.0)  # hops of a clip err alike here


def test_corpora_count_alike_however_many_clips_they_have() -> None:
    small = _heard("small", errs_by=lambda _: 3 * _SAID_SD, clips=200)
    large = _heard("large", errs_by=lambda _: _SAID_SD, clips=800, seed=1)
    both = fit([small, large], axis="arousal").factor
    assert both == pytest.approx(np.sqrt((9 + 1) / 2), rel=0.1)


def test_a_corpus_is_judged_by_factors_of_the_others_alone() -> None:
    corpora = [
        _heard("narrow", errs_by=lambda _: _SAID_SD),
        _heard("wide", errs_by=lambda _: 3 * _SAID_SD, seed=1),
        # The same corpus heard by another network tells nothing of itself either.
        _heard("wide", errs_by=lambda _: 3 * _SAID_SD, seed=2),
    ]
    rows = [
        row
        for row in transfer(corpora, resamples=20)
        if (row["metric"], row["level"]) == ("clip valence", 0.9)
    ]
    narrow, wide, _ = rows
    assert narrow["factor"] == pytest.approx(3, rel=0.2)
    assert narrow["value"] > 0.98
    assert wide["factor"] == pytest.approx(1, rel=0.2)
    assert wide["value"] < 0.6
    assert (wide["data"], wide["n"], wide["groups"]) == ("wide", 60, 30)
    assert "fitted on narrow (made), each" in wide["protocol"]
    assert transfer(corpora[1:], resamples=5) == []


def test_what_is_unfamiliar_is_widened_where_it_errs_more_and_only_then() -> None:
    def familiar(n: int) -> float:
        return (n % 5) / 4

    def honest(known: float) -> float:
        return _SAID_SD * (1 + 2 * (1 - known))

    errs = _heard("errs", errs_by=honest, clips=1000, familiar=familiar)
    widening = fit([errs], axis="valence")
    assert widening.factor == pytest.approx(1, rel=0.15)
    assert widening.unfamiliar == pytest.approx(2, rel=0.3)
    steady = _heard("steady", errs_by=lambda _: _SAID_SD, clips=1000, familiar=familiar)
    assert fit([steady], axis="valence").unfamiliar < 0.1
    # Beside a network that does not tell, nothing can be told of all.
    silent = _heard("silent", errs_by=honest, clips=100)
    assert fit([errs, silent], axis="valence").unfamiliar == 0.0


def test_a_clip_has_the_rms_of_its_hops_widened_sd_times_a_factor_of_its_own() -> None:
    """Where a clip's hops err apart from each other, their mean errs less than each of them."""
    generator = np.random.default_rng(3)
    one = _heard("one", errs_by=lambda _: 0.0, clips=400, familiar=lambda n: (n % 5) / 4)
    for said in one.hops.values():
        said[:, :2] += 2 * _SAID_SD * generator.standard_normal((len(said), 2))
    whole = 35 - FIRST_WHOLE_HOP
    widening = fit([one], axis="valence")
    assert widening.factor == pytest.approx(2, rel=0.1)
    assert widening.clip == pytest.approx(whole**-0.5, rel=0.1)
    other = replace(one, corpus="other")
    covered = {
        row["metric"]: row["value"]
        for row in transfer([one, other], resamples=5)
        if row["level"] == 0.9
    }
    assert covered["hop valence"] == pytest.approx(0.9, abs=0.03)
    assert covered["clip valence"] == pytest.approx(0.9, abs=0.05)


def test_widening_carries_over_to_a_corpus_that_is_less_familiar() -> None:
    def honest(known: float) -> float:
        return _SAID_SD * (1 + 2 * (1 - known))

    near = _heard("near", errs_by=honest, clips=400, familiar=lambda n: 1 - (n % 5) / 8)
    far = _heard("far", errs_by=honest, clips=400, familiar=lambda n: (n % 5) / 8, seed=1)
    covered = {
        tells: next(
            row["value"]
            for row in transfer([near, far] if tells else [_deaf(near), _deaf(far)], resamples=5)
            if (row["data"], row["metric"], row["level"]) == ("far", "clip valence", 0.9)
        )
        for tells in (True, False)
    }
    assert covered[True] == pytest.approx(0.9, abs=0.05)
    assert covered[False] < 0.8


def _deaf(heard: Rated) -> Rated:
    return Rated(corpus=heard.corpus, how=heard.how, clips=heard.clips, hops=heard.hops)
