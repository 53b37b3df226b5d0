"""Calibration of valence, arousal, their standard deviations and the quadrants, out of fold.

Valence and arousal reach as far as ratings do, standard deviations hold as many ratings as they
claim, hop and clip apart, and the likeliest quadrant is right as often as its probability claims.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from ..corpora import Clip
from ..files import write_json
from ..learn.run import REFIT, Run
from . import weighted
from .evaluate import (
    HOP_COLUMNS,
    POINT,
    QUADRANTS,
    Predictions,
    learnt_hash,
    reference_clips,
    rescaling_file,
    whole_hops,
)
from .lean import (
    LEANS,
    OF_NETWORK,
    Pull,
    agreeing,
    fit_leans,
    leaning_point,
    leaning_quadrants,
)
from .metrics import AFFECT, QUADRANT_COLUMNS, Metric, coverage
from .rescale import LEAN, Rescaling, fit_factors, rescaled

LEVELS = (0.5, 0.9)
BINS = 8
"""Bins of equal size behind the reliability of the quadrants."""

_Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class HeldErrors:
    """Errors over predictive sd, each fold's under factors fitted on the other folds.

    Attributes:
        clips: the reference corpus' clips that were predicted.
        z: by ``hop_valence`` and so on: for every clip of ``clips``, in their order, its hops'
            errors or the one of their mean.
    """

    clips: Sequence[Clip]
    z: Mapping[str, Sequence[_Floats]]


def rescale(run: Run, predictions: Predictions) -> Predictions:
    """Fit every part's factors and lean on what was predicted, keep them in the run, apply them.

    A fold's factors are fitted on the reference corpus' clips that other folds held out, the
    refit's on all of them; see ``training.judge.rescale``. How far point and quadrants lean on each
    other is fitted likewise, on the clips of all corpora; see ``training.judge.lean``.

    Args:
        run: whose folder gets ``stretch.json``.
        predictions: as ``predict`` returns them.

    Returns:
        What the rescaled networks, which ``load_network`` returns from here on, say of the clips.
    """
    parts, said = fit_rescaling(run, predictions)
    write_json(rescaling_file(run), {"learnt": learnt_hash(run), "parts": parts})
    return said


def fit_rescaling(
    run: Run, predictions: Predictions, *, pull: Pull = OF_NETWORK
) -> tuple[Mapping[str, Rescaling], Predictions]:
    """Return what ``rescale`` fits, by part, and what is said under it.

    Args:
        run, predictions: as for ``rescale``.
        pull: how strongly point and quadrants lean on each other.
    """
    folds = [f"fold-{fold}" for fold in range(run.split.folds)]
    # A tied head agrees by itself.
    leans = (0.0,) if run.config.network.tied else LEANS
    fitted = {lean: _fitted(run, predictions, lean, pull) for lean in leans}
    chosen = _leans(run, predictions.fold, fitted) if len(leans) > 1 else [0.0] * (len(folds) + 1)
    parts = {
        part: fitted[lean].factors[part] | {LEAN: lean}
        for part, lean in zip((*folds, REFIT), chosen, strict=True)
    }
    own = predictions.fold
    hops = {key: fitted[chosen[own[key]]].hops[key] for key in predictions.hops}
    return parts, Predictions(hops, own)


@dataclass(frozen=True)
class _Fitted:
    """What comes of one lean.

    Attributes:
        factors: by part and axis.
        hops: by ``Clip.key``, each by the factors of the fold that held it out.
    """

    factors: Mapping[str, dict[str, float]]
    hops: Mapping[str, NDArray[np.float32]]


def _fitted(run: Run, predictions: Predictions, lean: float, pull: Pull) -> _Fitted:
    folds = [f"fold-{fold}" for fold in range(run.split.folds)]
    factors: dict[str, dict[str, float]] = {part: {} for part in (*folds, REFIT)}
    hops = {}
    for key, said in predictions.hops.items():
        hops[key] = said.copy()
        hops[key][:, POINT] = leaning_point(said[:, POINT], said[:, QUADRANTS], lean, pull=pull)
    clips = reference_clips(run, predictions)
    for axis in AFFECT:
        column = HOP_COLUMNS.index(axis)
        held, refit = fit_factors(
            [whole_hops(hops[clip.key])[:, column] for clip in clips],
            np.array([getattr(clip, axis) for clip in clips], float),
            np.array([predictions.fold[clip.key] for clip in clips], int),
            run.split.folds,
        )
        for part, factor in zip((*folds, REFIT), (*held, refit), strict=True):
            factors[part][axis] = factor
        for key, said in hops.items():
            factor = factors[f"fold-{predictions.fold[key]}"][axis]
            said[:, column] = rescaled(said[:, column], factor)
    for said in hops.values():
        said[:, QUADRANTS] = leaning_quadrants(said[:, POINT], said[:, QUADRANTS], lean, pull=pull)
    return _Fitted(factors, hops)


def _leans(run: Run, fold: Mapping[str, int], fitted: Mapping[float, _Fitted]) -> list[float]:
    """Return how far each fold's network must lean, and the refit."""
    keys = [clip.key for clip in run.clips if clip.key in fold]
    counts = np.array([agreements(each.hops[key] for key in keys) for each in fitted.values()])
    held, refit = fit_leans(counts, np.array([fold[key] for key in keys], int), run.split.folds)
    return [*held, refit]


def agreements(clips: Iterable[_Floats]) -> NDArray[np.int_]:
    """Return of each clip how many clear hops agree, of how many, (clips, 2): see ``agreeing``.

    Args:
        clips: hops of each, as ``Predictions`` holds them.
    """
    counts = [
        agreeing(said[:, POINT], said[:, QUADRANTS]) for said in (whole_hops(own) for own in clips)
    ]
    return np.array(counts, int).reshape(-1, 2)


def calibrate(run: Run, predictions: Predictions) -> dict[str, Any]:
    """Fit factors on the network's sd on the reference corpus, and measure their coverage.

    A hop's factor makes its standardised errors have mean square 1, every clip counted alike; a
    clip's does the same for the error of the mean over its hops. Both are fitted on all
    out-of-fold predictions; the coverage told is of each fold under factors fitted on the others.

    The temperature of the quadrants is fitted likewise, and is 1 unless it made the expected
    calibration error of other folds smaller.

    Returns:
        ``hop_valence``, ``hop_arousal``: factor; ``clip_valence``, ``clip_arousal``: ``floor`` and
        ``scale``, see ``ClipCalibration``; ``quadrant_temperature``; ``coverage``: by output and
        level. Without a rated clip of the reference corpus the temperature alone.
    """
    result: dict[str, Any] = {}
    clips = reference_clips(run, predictions)
    # Without ratings to be held to there is nothing to fit, and the network's sd stands.
    for axis in AFFECT if clips else ():
        hops, means = _errors(clips, predictions, axis)
        hop_factor, clip_factor = _spread(_squares(hops)), _spread(_squares(means))
        result[f"hop_{axis}"] = hop_factor
        result[f"clip_{axis}"] = {"floor": 0.0, "scale": clip_factor / hop_factor}
    covered = {
        name: {f"{level:.0%}": coverage(np.concatenate(z), level) for level in LEVELS}
        for name, z in (held_errors(run, predictions).z.items() if clips else ())
    }
    quadrants = held_quadrants(run, predictions)
    before, after = (
        calibration_error(prefix)(quadrants) if len(quadrants) else 0.0 for prefix in ("", "held_")
    )
    temperature = _temperature(_quadrants(run, predictions)) if after < before else 1.0
    return result | {"quadrant_temperature": temperature, "coverage": covered}


def held_quadrants(run: Run, predictions: Predictions) -> pd.DataFrame:
    """Return how sure the network was of the likeliest quadrant of every clip, and whether rightly.

    Returns:
        ``group``; ``said`` and ``right`` as the network gives it; ``held_said`` and
        ``held_right`` under the temperature fitted on the other folds.
    """
    clips = _quadrants(run, predictions)
    folds = np.array([clip.fold for clip in clips])
    rows = []
    for fold in np.unique(folds):
        others = folds != fold if (folds != fold).any() else folds == fold
        temperature = _temperature(
            [clip for clip, other in zip(clips, others, strict=True) if other]
        )
        for clip in (clip for clip in clips if clip.fold == fold):
            plain, held = clip.mean(1.0), clip.mean(temperature)
            rows.append(
                {
                    "group": clip.group,
                    "said": plain.max(),
                    "right": plain.argmax() == clip.quadrant,
                    "held_said": held.max(),
                    "held_right": held.argmax() == clip.quadrant,
                }
            )
    return pd.DataFrame(rows)


def calibration_error(prefix: str = "") -> Metric:
    """Return the metric that is the expected calibration error over ``BINS`` bins of equal size.

    It is 0 at best.

    Args:
        prefix: of the columns ``said`` and ``right``.
    """
    return Metric(
        lambda table, weights: weighted.calibration_error(
            table[f"{prefix}said"].to_numpy(np.float64),
            table[f"{prefix}right"].to_numpy(np.float64),
            weights,
            bins=BINS,
        )
    )


@dataclass(frozen=True)
class _Heard:
    """A clip's quadrant and the log probabilities of its hops, (H, 4)."""

    group: str
    fold: int
    quadrant: int
    logits: _Floats

    def mean(self, temperature: float) -> _Floats:
        """Return the mean of its hops' probabilities under a temperature, (4,)."""
        mean: _Floats = softmax(self.logits / temperature, axis=1).mean(0)
        return mean


def _quadrants(run: Run, predictions: Predictions) -> list[_Heard]:
    """Return the clips that have a quadrant of their own, not one that follows from ratings."""
    at = [HOP_COLUMNS.index(column) for column in QUADRANT_COLUMNS]
    heard = []
    for clip in run.clips:
        if (
            clip.quadrant is None
            or clip.corpus == run.config.losses.reference
            or clip.key not in predictions.hops
        ):
            continue
        whole = whole_hops(predictions.hops[clip.key])
        # Half precision may have rounded a probability down to nothing.
        logits = np.log(np.maximum(whole[:, at].astype(np.float64), 1e-8))
        heard.append(_Heard(clip.group, predictions.fold[clip.key], clip.quadrant, logits))
    return heard


def _temperature(clips: Sequence[_Heard]) -> float:
    """Return the temperature of the logits under which the clips' quadrants are likeliest."""
    if not clips:
        return 1.0

    def surprise(log_temperature: float) -> float:
        temperature = float(np.exp(log_temperature))
        return -float(np.mean([np.log(clip.mean(temperature)[clip.quadrant]) for clip in clips]))

    return float(np.exp(minimize_scalar(surprise, bounds=(-2.0, 2.0), method="bounded").x))


def held_errors(run: Run, predictions: Predictions) -> HeldErrors:
    """Return every standardised error of the reference corpus, calibrated on the other folds."""
    clips = reference_clips(run, predictions)
    folds = np.array([predictions.fold[clip.key] for clip in clips])
    held: dict[str, Sequence[_Floats]] = {}
    for axis in AFFECT:
        for name, errors in zip(("hop", "clip"), _errors(clips, predictions, axis), strict=True):
            squares = _squares(errors)
            factors = {}
            for fold in np.unique(folds):
                others = folds != fold if (folds != fold).any() else folds == fold
                factors[fold] = _spread(squares[others])
            held[f"{name}_{axis}"] = [
                z / factors[fold] for z, fold in zip(errors, folds, strict=True)
            ]
    return HeldErrors(clips, held)


def _errors(
    clips: Sequence[Clip], predictions: Predictions, axis: str
) -> tuple[list[_Floats], list[_Floats]]:
    """Return the errors over the network's own sd of every clip's hops, and of their mean."""
    mean, sd = HOP_COLUMNS.index(axis), HOP_COLUMNS.index(f"{axis}_sd")
    hop_z: list[_Floats] = []
    clip_z: list[_Floats] = []
    for clip in clips:
        hops = whole_hops(predictions.hops[clip.key])
        error = hops[:, mean] - getattr(clip, axis)
        hop_z.append(error / hops[:, sd])
        # A clip's own sd, before its factor, is the root mean square of its hops'.
        clip_z.append(np.atleast_1d(error.mean() / np.sqrt(np.mean(hops[:, sd] ** 2))))
    return hop_z, clip_z


def _squares(errors: Sequence[_Floats]) -> _Floats:
    return np.array([np.mean(z**2) for z in errors])


def _spread(squares: _Floats) -> float:
    return float(np.mean(squares) ** 0.5)
