"""How an owner's scale lies to the model's: an offset and a slope for each axis (pure).

The owner's rating is told from the model's number, not the other way round: which tracks were asked
about was chosen by the model's numbers, and that leaves such a line where it is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from realtime_mer.library.checking.agreement import (
    Measured,
    Numbers,
    resamples,
    with_percentiles,
)

FEWEST = 10
"""Tracks below which no line is fitted."""

_LEAST_SPREAD = 0.1  # of the model's numbers, from the least to the greatest


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """own = offset + slope * model, on one axis.

    Attributes:
        offset: what the owner says of what the model calls neutral.
        slope: how many steps of the owner's a step of the model's is.
        count: tracks it was fitted to.
    """

    offset: Measured
    slope: Measured
    count: int

    def __call__(self, value: float) -> float:
        """Return a rating of the model on the owner's scale, in [-1, 1]."""
        return min(1.0, max(-1.0, self.offset.value + self.slope.value * value))


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """What is known of one axis.

    Attributes:
        line: as fitted; None where there was nothing to fit it to.
        refused: why the line is not used; "" where it is.
    """

    line: Line | None
    refused: str

    @property
    def used(self) -> Line | None:
        """The line, where it means something."""
        return None if self.refused else self.line


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnScale:
    """The owner's scale.

    Attributes:
        valence, arousal: each axis.
        models: fingerprints of the models whose numbers it starts from.
    """

    valence: Axis
    arousal: Axis
    models: tuple[str, ...]

    @property
    def means_something(self) -> bool:
        """Whether a line of it is used."""
        return self.valence.used is not None or self.arousal.used is not None

    @property
    def words(self) -> str:
        """What is said of it beside numbers, such as ``own scale: valence +0.10 + 1.20 x``."""
        said = []
        for name, axis in (("valence", self.valence), ("arousal", self.arousal)):
            if (line := axis.used) is not None:
                said.append(f"{name} {line.offset.value:+z.2f} {line.slope.value:+z.2f} m")
        return f"own scale: {', '.join(said)}"


def fitted(own: Sequence[float], model: Sequence[float], *, seed: int = 0) -> Axis:
    """Fit a line to one axis, and say whether it means something.

    The slope is the median of those between all pairs of tracks (Theil 1950, Sen 1968), and the
    offset the median of what is left, so that up to 29 % of odd answers hardly move them. Intervals
    are percentiles of a bootstrap over tracks. A line is refused that says nothing: of too few
    tracks, of tracks that the model takes for alike, one that chance could have given, and one that
    cannot be told from the model's own scale.

    Args:
        own: the owner's ratings in [-1, 1].
        model: the model's, of the same tracks.
        seed: of the bootstrap.
    """
    x, y = np.asarray(model, dtype=np.float64), np.asarray(own, dtype=np.float64)
    if len(x) < FEWEST:
        return Axis(line=None, refused=f"{len(x)} tracks are too few: it takes {FEWEST}")
    if np.ptp(x) < _LEAST_SPREAD:
        return Axis(line=None, refused="the model gives these tracks nearly the same number")
    slope, offset = _lines(x[None], y[None])
    again = resamples(len(x), seed=seed)
    slopes, offsets = _lines(x[again], y[again])
    line = Line(
        offset=with_percentiles(float(offset[0]), offsets),
        slope=with_percentiles(float(slope[0]), slopes),
        count=len(x),
    )
    refused = ""
    if line.slope.low <= 0:
        refused = "your answers do not follow the model's numbers more than chance may"
    elif line.slope.low <= 1 <= line.slope.high and line.offset.low <= 0 <= line.offset.high:
        refused = "it cannot be told from the model's own scale"
    return Axis(line=line, refused=refused)


def scale_of(
    pairs: Iterable[tuple[tuple[float, float], tuple[float, float]]], *, models: Sequence[str]
) -> OwnScale:
    """Fit both axes.

    Args:
        pairs: the owner's and the model's valence and arousal of each track.
        models: fingerprints of the models that spoke of them.
    """
    own, model = zip(*pairs, strict=True) if (pairs := list(pairs)) else ((), ())
    valence, arousal = (
        fitted([one[axis] for one in own], [one[axis] for one in model]) for axis in (0, 1)
    )
    return OwnScale(valence=valence, arousal=arousal, models=tuple(models))


def _lines(x: Numbers, y: Numbers) -> tuple[Numbers, Numbers]:
    """Return slope and offset of each row of points, ``(rows, n)``."""
    one, other = np.triu_indices(x.shape[1], k=1)
    run, rise = x[:, other] - x[:, one], y[:, other] - y[:, one]
    with np.errstate(invalid="ignore", divide="ignore"):
        steep = np.where(run == 0, np.nan, rise / run)
    known = ~np.isnan(steep).all(axis=1)  # a draw may hold one track alone
    slopes = np.full(len(x), np.nan)
    slopes[known] = np.nanmedian(steep[known], axis=1)
    return slopes, np.median(y - slopes[:, None] * x, axis=1)
