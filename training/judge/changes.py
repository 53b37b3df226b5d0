"""Whether a turn is told where one song was spliced to another, and how often where none was.

The detector (``realtime_mer.features.changes``) hears what the network hears and needs no network,
so this is of no run. Its numbers were chosen on clips of ``TUNING_FOLD``; all figures are of the
others.

Beside it stand two that know less: the same detector on nothing but the level, as sensitive as
gives it the detector's false alarms on ``TUNING_FOLD``, and as many alarms set at random.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.progress import track

from realtime_mer.features.changes import ChangeDetector, ChangePolicy
from realtime_mer.features.config import FeatureConfig

from ..corpora import Clip
from ..corpora.splits import Split
from ..features.cache import FeatureStore
from ..learn.augment import frames_of, power_of
from ..learn.sequences import HOP
from ..learn.sequences import hop_s as seconds_of_hop
from .metrics import Metric, bootstrap, interval_note, mean_of, quantile_of, row
from .splices import BEFORE_S, pairs
from .weighted import Floats

TUNING_FOLD = 0
"""The fold by whose clips the detector's numbers were chosen; none of them is judged."""

WITHIN_S = 10.0
"""Seconds after a splice in which a turn is of it; one at any other time is a false alarm."""

FADE_S = 4.0
"""Length of a fade from one song into the next."""

_SHORTEST_S = 20.0  # of a clip; what is shorter is over before a turn could count
_LEVEL_POLICY = ChangePolicy(usual_variance=0.01)  # a level's own, in the square of half log10


@dataclass(frozen=True, kw_only=True)
class Pieces:
    """Songs that follow one another in one stream.

    Attributes:
        columns: (H, M) of the whole stream.
        borders: hops at which a song begins, 0 first and the end last.
        clips: the songs.
    """

    columns: NDArray[np.float32]
    borders: tuple[int, ...]
    clips: tuple[Clip, ...]


Alarms = Callable[[NDArray[np.float32]], list[int]]
"""Maps the columns of a stream to the hops after which it has turned."""


def changes(
    clips: Sequence[Clip],
    features: FeatureStore,
    config: FeatureConfig,
    split: Split,
    *,
    seed: int = 0,
    most: int | None = None,
    resamples: int = 1000,
) -> list[dict[str, Any]]:
    """Return recall, delay and false alarms of the detector and of those that know less.

    Args:
        clips: songs; those too short are left out.
        features: their log-mel frames.
        config: settings of the frames.
        split: folds; splices are drawn within each.
        seed: of the pairs, as in ``splices``.
        most: splices of a fold at most, evenly taken from all; None for all.
        resamples: draws behind an interval.
    """
    hop_s = seconds_of_hop(config)
    long = [clip for clip in clips if clip.seconds >= _SHORTEST_S]
    rows: list[dict[str, Any]] = []
    for way, join in _ways(config).items():
        streams = {
            fold: _streams(split.held_out(long, fold), features, config, join, seed=seed, most=most)
            for fold in range(split.folds)
        }
        tuning = streams.pop(TUNING_FOLD)
        judged = [stream for fold in streams.values() for stream in fold]
        told = _table(judged, _detector(ChangePolicy(), hop_s), hop_s, f"{way}: spectrum")
        allowed = _table(tuning, _detector(ChangePolicy(), hop_s), hop_s, f"{way}: tuning")
        policy = _as_sensitive(tuning, _false_alarms(allowed), hop_s)
        level = _table(judged, _level(policy, hop_s), hop_s, f"{way}: level alone")
        which = "every clip" if most is None else f"{most} clips a fold"
        protocol = (
            f"{which} of {_SHORTEST_S:g} s or more after another one of its fold, {way}; folds "
            f"other than {TUNING_FOLD}; a turn within {WITHIN_S:g} s of the splice is of it, all "
            f"others are false, changes within a song among them; {interval_note(resamples)}"
        )
        for by, table in (("spectrum", told), ("level alone", level)):
            rows += _figures(table, by, way, protocol, resamples)
        rows.append(_at_random(told, way, protocol))
    return rows


Join = Callable[[Sequence[NDArray[np.float64]], Sequence[Clip]], Pieces]
"""Makes one stream of the power by band of several songs, (T, M) each."""


def _ways(config: FeatureConfig) -> Mapping[str, Join]:
    before = round(BEFORE_S / seconds_of_hop(config)) * HOP
    fade = round(FADE_S / seconds_of_hop(config)) * HOP

    def as_is(powers: Sequence[NDArray[np.float64]], clips: Sequence[Clip]) -> Pieces:
        return _joined(powers, clips, config)

    def levelled(powers: Sequence[NDArray[np.float64]], clips: Sequence[Clip]) -> Pieces:
        return _joined([_level_with(powers[0], power) for power in powers], clips, config)

    def short(powers: Sequence[NDArray[np.float64]], clips: Sequence[Clip]) -> Pieces:
        return levelled([powers[0][:before], *powers[1:]], clips)

    def faded(powers: Sequence[NDArray[np.float64]], clips: Sequence[Clip]) -> Pieces:
        even = [_level_with(powers[0], power) for power in powers]
        return _joined(even, clips, config, fade=fade)

    return {
        "as loud as they are": as_is,
        "equally loud": levelled,
        f"equally loud, after {BEFORE_S} s of it as in splices.json": short,
        f"equally loud, faded over {FADE_S:g} s": faded,
    }


def _level_with(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the other one's power at a gain that makes it as loud as the one, on the mean."""
    gain = float(one.sum() / len(one)) / max(float(other.sum() / len(other)), 1e-12)
    return other * gain


def _joined(
    powers: Sequence[NDArray[np.float64]],
    clips: Sequence[Clip],
    config: FeatureConfig,
    *,
    fade: int = 0,
) -> Pieces:
    """Join songs, the end of each faded into the beginning of the next over some frames."""
    whole = [power[: len(power) // HOP * HOP] for power in powers]
    stream = whole[0]
    borders = [0]
    rise = (np.arange(fade)[:, np.newaxis] + 1) / (fade + 1)
    for power in whole[1:]:
        borders.append((len(stream) - fade) // HOP)
        if fade:
            # Amplitudes fade linearly; different songs add up by their power.
            mixed = stream[-fade:] * (1 - rise) ** 2 + power[:fade] * rise**2
            stream = np.concatenate((stream[:-fade], mixed, power[fade:]))
        else:
            stream = np.concatenate((stream, power))
    frames = frames_of(stream, config.log_gain)
    columns = frames.reshape(-1, HOP, frames.shape[1]).max(axis=1)
    return Pieces(columns=columns, borders=(*borders, len(columns)), clips=tuple(clips))


def _streams(
    clips: Sequence[Clip],
    features: FeatureStore,
    config: FeatureConfig,
    join: Join,
    *,
    seed: int,
    most: int | None,
) -> list[Pieces]:
    drawn = pairs(clips, seed=seed)
    if most is not None and most < len(drawn):
        drawn = [drawn[int(at)] for at in np.linspace(0, len(drawn) - 1, most)]
    made = []
    for pair in drawn:
        powers = [power_of(np.asarray(features[clip.key]), config.log_gain) for clip in pair]
        made.append(join(powers, pair))
    return made


def _detector(policy: ChangePolicy, hop_s: float) -> Alarms:
    def alarms(columns: NDArray[np.float32]) -> list[int]:
        made = ChangeDetector(hop_s=hop_s, policy=policy)
        here = np.array([0])
        return [
            hop
            for hop, column in enumerate(columns, start=1)
            if made.take(here, column[np.newaxis]).any()
        ]

    return alarms


def _level(policy: ChangePolicy, hop_s: float) -> Alarms:
    detect = _detector(policy, hop_s)

    def alarms(columns: NDArray[np.float32]) -> list[int]:
        level = np.log10(1 + power_of(columns, 1.0).sum(axis=1))
        # Beside a band that never moves: of a single one nothing would be left without its mean.
        return detect(np.stack((level, np.zeros_like(level)), axis=1).astype(np.float32))

    return alarms


def _as_sensitive(tuning: Sequence[Pieces], allowed: float, hop_s: float) -> ChangePolicy:
    """Return how sensitive the level alone may be to give no more false alarms than allowed."""
    low, high = 1.0, 50.0
    for _ in range(6):
        middle = math.sqrt(low * high)
        policy = replace(_LEVEL_POLICY, turns_at=middle)
        found = _table(tuning, _level(policy, hop_s), hop_s, f"level alone at {middle:.2g}")
        if _false_alarms(found) > allowed:
            low = middle
        else:
            high = middle
    return replace(_LEVEL_POLICY, turns_at=high)


def _table(streams: Sequence[Pieces], alarms: Alarms, hop_s: float, what: str) -> pd.DataFrame:
    """Return a row for each splice: whether and when it was told, and the false alarms about it."""
    policy = ChangePolicy()
    deaf = round((policy.recent_s + policy.least_past_s) / hop_s)
    within = round(WITHIN_S / hop_s)
    rows = []
    for stream in track(streams, description=what):
        turned = np.array(alarms(stream.columns), dtype=int)
        songs = list(pairwise(stream.borders))
        for number, (border, end) in enumerate(songs[1:], start=1):
            told = turned[(turned > border) & (turned <= border + within)]
            spans = [(border + within, end)]
            if number == 1:
                spans.insert(0, (deaf, border))  # before that nothing is said
            false = sum(int(((turned > a) & (turned <= b)).sum()) for a, b in spans)
            rows.append(
                {
                    "corpus": stream.clips[number].corpus,
                    "group": stream.clips[number].group,
                    "told": float(len(told) > 0),
                    "delay_s": (told[0] - border) * hop_s if len(told) else math.nan,
                    # A second alarm for the same splice is one too many.
                    "false": false + max(0, len(told) - 1),
                    "minutes": sum(max(0, b - a) for a, b in spans) * hop_s / 60,
                    "alarms": len(turned),
                    "heard": (stream.borders[-1] - deaf) * hop_s / 60,
                }
            )
    return pd.DataFrame(rows)


def _per_minute() -> Metric:
    def of(table: pd.DataFrame, weights: Floats) -> Floats:
        false, minutes = (table[name].to_numpy(float) for name in ("false", "minutes"))
        per_minute: Floats = (weights @ false) / (weights @ minutes)
        return per_minute

    return Metric(of)


def _false_alarms(table: pd.DataFrame) -> float:
    return _per_minute()(table)


def _figures(
    table: pd.DataFrame, by: str, way: str, protocol: str, resamples: int
) -> list[dict[str, Any]]:
    data = ", ".join(sorted(table["corpus"].unique()))
    told = []
    for metric, measure in (
        ("recall", mean_of("told")),
        ("false alarms a minute", _per_minute()),
        ("delay, median (s)", quantile_of("delay_s", 0.5)),
        ("delay, upper quartile (s)", quantile_of("delay_s", 0.75)),
    ):
        found = bootstrap(table, measure, resamples=resamples)
        one = row(table, found, data=data, metric=metric, protocol=protocol)
        told.append(one | {"by": by, "splices": way})
    return told


def _at_random(table: pd.DataFrame, way: str, protocol: str) -> dict[str, Any]:
    """Return the recall of as many alarms as the detector's, set at random."""
    rate = table["alarms"].sum() / table["heard"].sum()
    return {
        "data": ", ".join(sorted(table["corpus"].unique())),
        "metric": "recall",
        "value": round(1 - math.exp(-rate * WITHIN_S / 60), 4),
        "n": len(table),
        "protocol": f"{protocol}; computed: {rate:.2f} alarms a minute, as the spectrum's",
        "by": "random",
        "splices": way,
    }
