"""What teachers are worth to a committee: ridge regressions on combinations of them, on folds.

The committee is chosen on some folds and confirmed on the others, since the best of many
combinations is flattered by the songs that it was chosen by.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...features.cache import FeatureStore
from ...learn.committee import Voter
from ...learn.ridge import KERNELS
from ...learn.run import Run
from ..evaluate import Predictions, judge
from .committee import answered, votes_by_fold

Figures = Collection[tuple[str, str]]
"""Corpus and name of metrics."""

_MODELS = (*((kernel,) for kernel in KERNELS), KERNELS)


@dataclass(frozen=True)
class Combination:
    """A committee that is tried.

    Attributes:
        heard: in words: the teachers, side by side in a row (``+``) or each by models of its own
            whose answers are averaged (``and``).
        model: in words: the kernels of what learns; of several the answers are averaged.
        voters: the same for ``fit_committee``.
    """

    heard: str
    model: str
    voters: tuple[Voter, ...]

    @property
    def name(self) -> str:
        """Both in one line."""
        return f"{self.heard}: {self.model}"


def combinations(teachers: Sequence[str]) -> list[Combination]:
    """Return what is tried: each teacher alone, then the first two, three … of them together."""
    return [
        Combination(
            heard,
            " and ".join(models),
            tuple(Voter(own, model) for own, model in product(rows, models)),
        )
        for heard, rows in _ways(teachers)
        for models in _MODELS
    ]


def _ways(teachers: Sequence[str]) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    """Yield which rows of numbers models learn from."""
    for name in teachers:
        yield name, [(name,)]
    for count in range(2, len(teachers) + 1):
        together = tuple(teachers[:count])
        apart: list[tuple[str, ...]] = [(name,) for name in together]
        side_by_side = " + ".join(together)
        yield side_by_side, [together]
        yield " and ".join(together), apart
        yield " and ".join((*together, f"({side_by_side})")), [*apart, together]


def predict_combinations(
    run: Run, store: FeatureStore, teachers: Sequence[str]
) -> dict[Combination, Predictions]:
    """Return what every combination says of a run's clips out of fold.

    Args:
        run: whose folds and clips.
        store: what the teachers made of them.
        teachers: their names, in the order of their numbers in a row.
    """
    tried = combinations(teachers)
    voters = list(dict.fromkeys(voter for each in tried for voter in each.voters))
    hops: dict[Combination, dict[str, NDArray[np.float32]]] = {each: {} for each in tried}
    for judged, votes in votes_by_fold(run, store, teachers=teachers, of=voters):
        for each in tried:
            own = [voters.index(voter) for voter in each.voters]
            hops[each] |= answered(judged, votes[own].mean(0))
    return {each: Predictions(own, run.split.fold_of) for each, own in hops.items()}


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What was found.

    Attributes:
        tried: every combination.
        chosen_on, confirmed_on: the folds.
        chosen: the best on the former, ``alone`` the best of the first teacher alone there.
        rows: every combination on all folds, as ``judge`` gives rows: their lead is that of
            ``alone`` over it.
        folds: the same of ``alone`` and ``chosen`` in each fold, with ``fold`` and no interval.
        confirmed: the same of both on the folds that chose nothing.
    """

    tried: Sequence[Combination]
    chosen_on: Sequence[int]
    confirmed_on: Sequence[int]
    chosen: Combination
    alone: Combination
    rows: Sequence[Mapping[str, Any]]
    folds: Sequence[Mapping[str, Any]]
    confirmed: Sequence[Mapping[str, Any]]


def probe(
    run: Run,
    said: Mapping[Combination, Predictions],
    *,
    figures: Figures,
    chosen_on: Sequence[int],
    resamples: int = 1000,
) -> Probe:
    """Choose a combination on some folds and judge it, and all others, on the rest and on all.

    Args:
        run: whose folds and labels.
        said: from ``predict_combinations``; the first is of the teacher that others are to lead.
        figures: what is judged. The choice is by their mean, every corpus counting alike.
        chosen_on: the folds that choose.
        resamples: draws behind an interval.
    """
    confirmed_on = [fold for fold in range(run.split.folds) if fold not in chosen_on]
    tried = list(said)
    scores = _scores(run, {each: _of(said[each], chosen_on) for each in tried}, figures)
    chosen = max(tried, key=scores.__getitem__)
    alone = max((each for each in tried if each.heard == tried[0].heard), key=scores.__getitem__)

    def judged(
        asked: Sequence[Combination], folds: Sequence[int], draws: int
    ) -> list[dict[str, Any]]:
        models = {each.name: (_of(said[each], folds), _hearing(each)) for each in asked}
        return judge(run, models, only=figures, resamples=draws)

    every = range(run.split.folds)
    both = list(dict.fromkeys((alone, chosen)))
    return Probe(
        tried=tried,
        chosen_on=chosen_on,
        confirmed_on=confirmed_on,
        chosen=chosen,
        alone=alone,
        rows=judged([alone, *(each for each in tried if each != alone)], every, resamples),
        folds=[row | {"fold": fold} for fold in every for row in judged(both, [fold], 0)],
        confirmed=judged(both, confirmed_on, resamples),
    )


def _scores(
    run: Run, said: Mapping[Combination, Predictions], figures: Figures
) -> dict[Combination, float]:
    models = {each.name: (own, "") for each, own in said.items()}
    values: dict[str, dict[str, list[float]]] = {name: {} for name in models}
    for row in judge(run, models, only=figures, resamples=0):
        if row["value"] is not None:
            values[row["model"]].setdefault(row["data"], []).append(row["value"])
    return {
        each: float(np.mean([np.mean(own) for own in values[each.name].values()])) for each in said
    }


def _of(said: Predictions, folds: Sequence[int]) -> Predictions:
    """Return the predictions of some folds."""
    fold_of = {key: fold for key, fold in said.fold.items() if fold in folds}
    return Predictions({key: said.hops[key] for key in fold_of}, fold_of)


def _hearing(each: Combination) -> str:
    return f"the whole clip at once, {each.name}"
