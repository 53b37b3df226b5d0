"""Move what a network says of music to where one half means as likely as not.

A network hears far more music than anything else while it learns, so it takes music for granted: a
sound must speak loudly against it. One number, added to the logits, makes the probability that of a
listener to whom music and all else are equally likely beforehand, every kind of the latter counted
alike. It is fitted on what folds held out: for a fold on what the others did, for the refit on all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from ..corpora import Clip
from ..corpora.not_music import Sound
from ..files import read_json, write_json
from ..learn.run import REFIT, Run
from .evaluate import MUSIC_PRIOR, learnt_hash

_BOUNDS = (-8.0, 8.0)
SUREST = 1e-6
"""A probability of music counts as this far from 0 and 1 at least."""

_Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was said of a clip, hop by hop, and whether music sounds.

    Attributes:
        key: of the clip.
        kind: of the sound, or ``music``.
        synthetic: it was made by a machine.
        truth: (H,) 1 where music sounds in the hop's window, 0 where it does not, NaN where that is
            not known or does not count.
        stream: (H,) how likely it was said to be, of every hop from the first; (H, k) where it is k
            logits that are not joined yet.
    """

    key: str
    kind: str
    synthetic: bool
    truth: _Floats
    stream: NDArray[np.float32]

    @classmethod
    def of(
        cls, clip: Clip, sound: Sound | None, *, truth: _Floats, stream: NDArray[np.float32]
    ) -> "Verdict":
        """Return what was said of a clip; ``sound`` is what is known of one that is not music."""
        return cls(
            key=clip.key,
            kind=sound.kind if sound else "music",
            synthetic=sound.synthetic if sound else False,
            truth=truth,
            stream=stream,
        )

    @property
    def known(self) -> NDArray[np.bool_]:
        """(H,) Which hops count."""
        return ~np.isnan(self.truth)

    @property
    def music(self) -> NDArray[np.bool_]:
        """(n,) Whether music sounds, of the hops that count."""
        music: NDArray[np.bool_] = self.truth[self.known] == 1
        return music

    @property
    def said(self) -> NDArray[np.float32]:
        """(n,) or (n, k) What was said of the hops that count."""
        return self.stream[self.known]

    def moved(self, shift: float) -> "Verdict":
        """Return what would have been said had so much been added to the logits."""
        return replace(self, stream=expit(logits_of(self.stream) + shift).astype(np.float32))


def fit_priors(heard: Mapping[str, Sequence[Verdict]]) -> dict[str, float]:
    """Return what is to be added to every part's logits.

    Args:
        heard: by fold's part, what its network, as it was trained, said of what it held out.

    Returns:
        A shift for each of these parts, fitted on the others (its own where there is no other), and
        the refit's, fitted on all. 0 where music or all else was never heard.
    """
    shifts = {}
    for part in heard:
        others = [each for name, own in heard.items() if name != part for each in own]
        shifts[part] = _fit(others or heard[part])
    return shifts | {REFIT: _fit([each for own in heard.values() for each in own])}


def keep_priors(run: Run, shifts: Mapping[str, float]) -> None:
    """Keep shifts in the run's folder: ``load_network`` returns networks with them from then on."""
    kept = {part: round(shift, 4) for part, shift in shifts.items()}
    write_json(prior_file(run), {"learnt": learnt_hash(run), "parts": kept})


def kept_prior(run: Run, part: str) -> float:
    """Return what was kept of a part, 0 where nothing was."""
    return float(read_json(prior_file(run))["parts"][part]) if prior_file(run).is_file() else 0.0


def prior_file(run: Run) -> Path:
    """Return where shifts are kept, with the hash of what was learnt."""
    return run.folder / MUSIC_PRIOR


def _fit(heard: Sequence[Verdict]) -> float:
    """Return the shift of the least cross-entropy: sides alike, kinds alike, clips alike."""
    sides = []
    for music in (True, False):
        there = [each for each in heard if (each.music == music).any()]
        if not there:
            return 0.0

        def kind(each: Verdict) -> tuple[str, bool]:
            return each.kind, each.synthetic

        groups = [list(own) for _, own in groupby(sorted(there, key=kind), key=kind)]
        rows = [
            (logits_of(each.said[each.music == music]), 1 / len(groups) / len(own))
            for own in groups
            for each in own
        ]
        values = np.concatenate([logits for logits, _ in rows])
        weight = np.concatenate([np.full(len(x), share / len(x)) for x, share in rows])
        sides.append((values if music else -values, weight, 1 if music else -1))

    def surprise(shift: float) -> float:
        return float(sum(w @ np.logaddexp(0, -(x + sign * shift)) for x, w, sign in sides))

    return float(minimize_scalar(surprise, bounds=_BOUNDS, method="bounded").x)


def logits_of(said: _Floats) -> NDArray[np.float64]:
    """Return the logits of probabilities that music sounds, any shape."""
    clipped: NDArray[np.float64] = logit(np.clip(said.astype(np.float64), SUREST, 1 - SUREST))
    return clipped
