"""How well anybody could do: people do not agree, so nobody can agree with all of them.

Where single answers are there, listeners are split into halves at random, the halves' shares are
correlated over the songs and stepped up to the whole panel by Spearman and Brown: r' = 2 r / (1 +
r). A perfect prediction of what all people would say correlates with this panel by the square root
of that. Where a recording was rated more than once, the differences tell the noise of a rating.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from realtime_mer.emotion import GEMS

from ...corpora import Clip
from ..metrics import (
    AFFECT,
    Interval,
    bootstrap,
    interval,
    interval_note,
    mean_of,
    row,
)

SPLITS = 200
"""Random halves whose mean is the value."""

Answers = Mapping[str, NDArray[np.bool_]]
"""Every listener's ticks (listeners, 9) of a song, by ``Clip.key``."""


def share_ceilings(
    clips: Sequence[Clip], answers: Answers, *, seed: int = 0, resamples: int = 1000
) -> list[dict[str, Any]]:
    """Return the correlation with vote shares that a perfect prediction reaches, item by item.

    Args:
        clips: songs, those without at least two answers left out.
        answers: of these songs.
        seed: of the halves and of the draws of groups.
        resamples: draws behind an interval; each has halves of its own.
    """
    asked = [clip for clip in clips if len(answers.get(clip.key, ())) > 1]
    if not asked:
        return []
    generator = np.random.default_rng(seed)
    groups = np.array([clip.group for clip in asked])
    names = np.unique(groups)
    places = [np.flatnonzero(groups == name) for name in names]

    lengths = np.array([len(answers[clip.key]) for clip in asked])
    sizes = np.stack((lengths // 2, lengths - lengths // 2), axis=1).ravel()
    starts = np.cumsum(sizes) - sizes

    def halves() -> NDArray[np.float64]:
        """Return both halves' shares, (2, songs, 9)."""
        ticks = np.concatenate([generator.permutation(answers[clip.key]) for clip in asked])
        counts = np.add.reduceat(ticks, starts, axis=0, dtype=np.int64)
        shares = (counts / sizes[:, None]).reshape(len(asked), 2, -1)
        return np.asarray(shares.transpose(1, 0, 2))

    split = [halves() for _ in range(SPLITS)]
    value = np.mean([perfect(each) for each in split], axis=0)
    drawn = []
    for n in range(resamples):
        chosen = generator.integers(0, len(names), len(names))
        songs = np.concatenate([places[each] for each in chosen])
        drawn.append(perfect(split[n % len(split)][:, songs]))
    spread = np.array(drawn)
    table = pd.DataFrame({"group": groups})
    protocol = (
        f"{SPLITS} random halves of each song's listeners, stepped up by Spearman and Brown, "
        f"square root; {interval_note(resamples)}, each draw with other halves"
    )
    found = {
        "mean r over nine items": interval(float(value.mean()), spread.mean(1)),
        **{f"r {item}": interval(float(value[n]), spread[:, n]) for n, item in enumerate(GEMS)},
    }
    return [
        row(table, each, data=asked[0].corpus, metric=metric, protocol=protocol)
        for metric, each in found.items()
    ]


def perfect(halves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ceiling of each item from both halves' shares (2, songs, items).

    It is no number for an item of which one half says the same of every song.
    """
    varied = (halves.std(axis=1) > 0).all(axis=0)
    first, second = halves - halves.mean(axis=1, keepdims=True)
    powers = np.square(first).sum(axis=0) * np.square(second).sum(axis=0)
    together = (first * second).sum(axis=0) / np.sqrt(np.where(varied, powers, np.nan))
    # Halves that contradict one another leave nothing to be reached.
    half = np.clip(together, 0.0, 1.0)
    return np.asarray(np.sqrt(2 * half / (1 + half)))


def repeat_ceilings(clips: Sequence[Clip], *, resamples: int = 1000) -> list[dict[str, Any]]:
    """Return what the noise of a rating leaves to be reached, from recordings rated repeatedly.

    Half the mean square difference between two ratings of a recording is the variance of a
    rating's noise; the variance over all clips less that is what can be foretold.

    Returns:
        Ceilings of R² and r and the floor of RMSE for each corpus with repeated recordings.
    """
    repeated: dict[tuple[str, str], list[Clip]] = defaultdict(list)
    for clip in clips:
        if clip.valence is not None and clip.recording is not None:
            repeated[clip.corpus, clip.recording].append(clip)
    report: list[dict[str, Any]] = []
    for corpus in sorted({corpus for corpus, _ in repeated}):
        pairs = [
            (name, pair)
            for (own, name), takes in repeated.items()
            if own == corpus
            for pair in combinations(takes, 2)
        ]
        if not pairs:
            continue
        for axis in AFFECT:
            rated = [getattr(clip, axis) for clip in clips if clip.corpus == corpus]
            whole = float(np.var([each for each in rated if each is not None]))
            table = pd.DataFrame(
                {
                    "group": [name for name, _ in pairs],
                    "noise": [
                        (getattr(a, axis) - getattr(b, axis)) ** 2 / 2 for _, (a, b) in pairs
                    ],
                }
            )
            noise = bootstrap(table, mean_of("noise"), resamples=resamples)
            foretold = [max(1 - each / whole, 0.0) for each in noise]
            best = Interval(foretold[0], foretold[2], foretold[1])
            protocol = (
                f"{len(pairs)} pairs of clips of the same recording, rated by the same panel, "
                "whose common taste is no noise here; noise against the variance over all clips; "
                f"{interval_note(resamples, 'recordings')}"
            )
            for metric, found in (
                (f"R² {axis}", best),
                (f"r {axis}", Interval(*np.sqrt(best))),
                (f"RMSE {axis}", Interval(*np.sqrt(noise))),
            ):
                report.append(row(table, found, data=corpus, metric=metric, protocol=protocol))
    return report
