"""How well a run does on songs it never heard: causal, from a fresh state, out of fold.

Every clip is run as live, by the fold that holds it out; its prediction is the mean over the hops
after the first 3 s. Intervals are 95 % percentile intervals of a bootstrap over groups.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from rich.progress import track
from safetensors.torch import load_file
from scipy.stats import norm
from sklearn.metrics import accuracy_score, f1_score, mean_squared_error, r2_score, roc_auc_score

from realtime_mer.emotion import GEMS
from realtime_mer.errors import InputError
from realtime_mer.model.network import EmotionNetwork
from training.cache import Store
from training.run import Run

FIRST_WHOLE_HOP = EmotionNetwork.columns + EmotionNetwork.receptive_field // 5 - 1
"""The first hop whose window holds 3 s of sound: the 30th, number 29."""

_QUADRANT = [f"quadrant_{n}" for n in range(4)]
_AFFECT = ("valence", "arousal")
_COLUMNS = ("valence", "arousal", "valence_sd", "arousal_sd", *_QUADRANT, *GEMS)

Metric = Callable[[pd.DataFrame], float]


@dataclass(frozen=True)
class Predictions:
    """What a network said of clips, hop by hop.

    Attributes:
        hops: by ``Clip.key``, (H, 17) float32: valence, arousal, their raw sd, four quadrant
            probabilities, nine shares.
        fold: which fold held the clip out.
    """

    hops: Mapping[str, NDArray[np.float32]]
    fold: Mapping[str, int]


def load_network(run: Run, part: str) -> EmotionNetwork:
    """Return a finished part's network in evaluation mode.

    Raises:
        InputError: the part is not finished.
    """
    path = run.weights(part)
    if not path.is_file():
        raise InputError(f"part {part} of {run.folder} is not trained yet: run train first")
    network = EmotionNetwork(run.config.network)
    tensors = load_file(path)
    network.load_state_dict({key.removeprefix("network."): tensors[key] for key in tensors})
    return network.eval()


def run_clip(network: EmotionNetwork, frames: NDArray[np.floating]) -> NDArray[np.float32]:
    """Run a clip as live, from a fresh state after digital zeros.

    Args:
        frames: (T, M) as ``feature_store`` keeps them.

    Returns:
        (T // 5, 17), see ``Predictions``.
    """
    sound = torch.from_numpy(np.asarray(frames, np.float32))
    silence = torch.zeros(network.history_frames, sound.shape[1])
    with torch.inference_mode():
        output, _ = network(torch.cat((silence, sound))[None])
    columns = (
        *(values[0, :, None] for values in output[:4]),
        output.quadrant_logits[0].softmax(-1),
        output.gems_logits[0].sigmoid(),
    )
    return torch.cat(columns, 1).numpy()


def predict(run: Run, features: Store, folds: Sequence[int]) -> Predictions:
    """Return out-of-fold predictions of some folds."""
    hops, fold_of = {}, {}
    for fold in folds:
        part = f"fold-{fold}"
        network = load_network(run, part)
        for clip in track(run.held_out_clips(part), description=f"hearing {part}"):
            hops[clip.key] = run_clip(network, features[clip.key])
            fold_of[clip.key] = fold
    return Predictions(hops, fold_of)


def save_predictions(predictions: Predictions, path: Path) -> None:
    """Write predictions, half precision, as ``.npz``."""
    np.savez_compressed(
        path, **{key: value.astype(np.float16) for key, value in predictions.hops.items()}
    )


def clip_table(run: Run, predictions: Predictions) -> pd.DataFrame:
    """Return a row for each predicted clip: labels, baselines and the mean over its hops.

    Columns: key, corpus, group, fold, seconds; labels ``true_*``; predictions by ``_COLUMNS``;
    ``valence_sd`` and ``arousal_sd`` are root mean squares over hops; ``mean_*`` is the mean of the
    fold's training clips of the same corpus, ``majority`` their commonest quadrant.
    """
    rows = []
    for clip in run.clips:
        if clip.key not in predictions.hops:
            continue
        hops = predictions.hops[clip.key]
        hops = hops[FIRST_WHOLE_HOP:] if len(hops) > FIRST_WHOLE_HOP else hops
        said = dict(zip(_COLUMNS, hops.mean(0), strict=True))
        for axis in _AFFECT:
            column = _COLUMNS.index(f"{axis}_sd")
            said[f"{axis}_sd"] = np.sqrt(np.mean(hops[:, column] ** 2))
        labels = {
            "true_valence": clip.valence,
            "true_arousal": clip.arousal,
            "true_quadrant": clip.quadrant,
            "answers": clip.answers,
        }
        labels |= {
            f"true_{item}": clip.gems[n] if clip.gems else None for n, item in enumerate(GEMS)
        }
        rows.append(
            {
                "key": clip.key,
                "corpus": clip.corpus,
                "group": clip.group,
                "fold": predictions.fold[clip.key],
                **labels,
                **said,
            }
        )
    table = pd.DataFrame(rows)
    return table.join(_baselines(run, table))


def _baselines(run: Run, table: pd.DataFrame) -> pd.DataFrame:
    """Return what the mean or commonest label of the fold's training clips would have said."""
    known = {}
    for fold, corpus in table[["fold", "corpus"]].drop_duplicates().itertuples(index=False):
        clips = [c for c in run.training_clips(f"fold-{fold}") if c.corpus == corpus]
        means = {
            f"mean_{item}": np.mean([clip.gems[n] for clip in clips])
            for n, item in enumerate(GEMS)
            if clips[0].gems
        }
        if clips[0].valence is not None:
            means["mean_valence"] = np.mean([clip.valence for clip in clips])
            means["mean_arousal"] = np.mean([clip.arousal for clip in clips])
        if clips[0].quadrant is not None:
            means["majority"] = np.bincount([clip.quadrant for clip in clips]).argmax()
        known[fold, corpus] = means
    rows = [known[key] for key in zip(table["fold"], table["corpus"], strict=True)]
    return pd.DataFrame(rows, index=table.index)


def bootstrap(
    table: pd.DataFrame, metric: Metric, *, resamples: int = 1000, seed: int = 0
) -> dict[str, float]:
    """Return a metric with its 95 % interval over resampled groups.

    Args:
        table: with a column ``group``.
        metric: of such a table.
        resamples: how many are drawn.

    Returns:
        ``value``, ``low`` and ``high``.
    """
    groups = list(table.groupby("group", sort=True).indices.values())
    generator = np.random.default_rng(seed)
    values = []
    for _ in range(resamples):
        drawn = generator.integers(0, len(groups), len(groups))
        values.append(metric(table.iloc[np.concatenate([groups[n] for n in drawn])]))
    low, high = np.nanpercentile(values, (2.5, 97.5))
    return {"value": metric(table), "low": float(low), "high": float(high)}


def evaluate(run: Run, predictions: Predictions, *, resamples: int = 1000) -> list[dict[str, Any]]:
    """Return every metric of out-of-fold predictions as ``report.json`` and the card list them.

    A number that these clips do not define, such as the correlation with a constant, is None.
    """
    table = clip_table(run, predictions)
    protocol = (
        f"{len(set(predictions.fold.values()))} of {run.split.folds} grouped folds (artist or "
        "recording, jointly over corpora), out of fold; causal from a fresh state; mean over a "
        "clip's hops after the first 3 s; 95 % interval by bootstrap over groups"
    )
    report: list[dict[str, Any]] = []
    for corpus, metrics in (
        ("panda4q", _quadrant_metrics()),
        ("emotify", _gems_metrics()),
        ("grekow", _affect_metrics()),
    ):
        own = table[table["corpus"] == corpus].reset_index(drop=True)
        if own.empty:
            continue
        for name, (metric, baseline) in metrics.items():
            interval = bootstrap(own, metric, resamples=resamples)
            report.append(
                {
                    "data": corpus,
                    "metric": name,
                    **{key: _finite(value) for key, value in interval.items()},
                    "baseline": _finite(baseline(own)),
                    "n": len(own),
                    "groups": int(own["group"].nunique()),
                    "protocol": protocol,
                }
            )
    return report


def _finite(value: float) -> float | None:
    return round(float(value), 4) if math.isfinite(value) else None


def _quadrant_metrics() -> dict[str, tuple[Metric, Metric]]:
    def said(table: pd.DataFrame) -> NDArray[np.int64]:
        return table[_QUADRANT].to_numpy().argmax(1)

    def f1(truth: pd.Series, answer: Any) -> float:
        return float(f1_score(truth, answer, average="macro", labels=range(4), zero_division=0))

    def auc(column: str, positive: tuple[int, int], *, by_quadrant: bool) -> Metric:
        def metric(table: pd.DataFrame) -> float:
            truth = table["true_quadrant"].isin(positive)
            score = table[[f"quadrant_{n}" for n in positive]].sum(axis=1)
            return float(roc_auc_score(truth, score if by_quadrant else table[column]))

        return metric

    half = lambda _table: 0.5  # noqa: E731
    return {
        "accuracy": (
            lambda t: float(accuracy_score(t["true_quadrant"], said(t))),
            lambda t: float(accuracy_score(t["true_quadrant"], t["majority"])),
        ),
        "macro-F1": (
            lambda t: f1(t["true_quadrant"], said(t)),
            lambda t: f1(t["true_quadrant"], t["majority"]),
        ),
        "AUC of valence's sign, by quadrants": (auc("valence", (0, 3), by_quadrant=True), half),
        "AUC of arousal's sign, by quadrants": (auc("arousal", (0, 1), by_quadrant=True), half),
        "AUC of valence's sign, by valence": (auc("valence", (0, 3), by_quadrant=False), half),
        "AUC of arousal's sign, by arousal": (auc("arousal", (0, 1), by_quadrant=False), half),
    }


def _gems_metrics() -> dict[str, tuple[Metric, Metric]]:
    def correlation(item: str) -> Metric:
        return lambda t: float(np.corrcoef(t[item], t[f"true_{item}"])[0, 1])

    def deviance(table: pd.DataFrame, prefix: str) -> float:
        truth = table[[f"true_{item}" for item in GEMS]].to_numpy(float)
        share = np.clip(table[[f"{prefix}{item}" for item in GEMS]].to_numpy(float), 1e-4, 1 - 1e-4)
        likelihood = truth * np.log(share) + (1 - truth) * np.log(1 - share)
        counts = table["answers"].to_numpy(float)[:, None]
        return float(-2 * (counts * likelihood).sum())

    def explained(table: pd.DataFrame) -> float:
        """Share of the mean-share baseline's deviance, above the saturated model's, explained."""
        saturated = deviance(table, "true_")
        return 1 - (deviance(table, "") - saturated) / (deviance(table, "mean_") - saturated)

    zero = lambda _table: 0.0  # noqa: E731
    return {
        "mean r over nine items": (
            lambda t: float(np.mean([correlation(item)(t) for item in GEMS])),
            zero,
        ),
        "binomial deviance explained": (explained, zero),
        **{f"r of {item}": (correlation(item), zero) for item in GEMS},
    }


def _affect_metrics() -> dict[str, tuple[Metric, Metric]]:
    def pair(score: Callable[[pd.Series, pd.Series], float], axis: str) -> tuple[Metric, Metric]:
        return (
            lambda t: float(score(t[f"true_{axis}"], t[axis])),
            lambda t: float(score(t[f"true_{axis}"], t[f"mean_{axis}"])),
        )

    def rmse(truth: pd.Series, said: pd.Series) -> float:
        return float(mean_squared_error(truth, said) ** 0.5)

    def ccc(truth: pd.Series, said: pd.Series) -> float:
        shared = np.cov(truth, said, bias=True)
        gap = (truth.mean() - said.mean()) ** 2
        return float(2 * shared[0, 1] / (shared[0, 0] + shared[1, 1] + gap))

    def sign(table: pd.DataFrame, column: str) -> float:
        clear = table[table["true_arousal"].abs() > 0.5]
        return float((np.sign(clear[column]) == np.sign(clear["true_arousal"])).mean())

    metrics = {}
    for axis in _AFFECT:
        for name, score in (("R²", r2_score), ("RMSE", rmse), ("CCC", ccc)):
            metrics[f"{name} {axis}"] = pair(score, axis)
    metrics["sign of arousal where |arousal| > .5"] = (
        lambda t: sign(t, "arousal"),
        lambda t: sign(t, "mean_arousal"),
    )
    return metrics


def coverage(z: NDArray[np.floating], level: float) -> float:
    """Return how often a central interval of a normal distribution held the rating.

    Args:
        z: errors over predictive sd.
        level: of the interval, in (0, 1).
    """
    return float(np.mean(np.abs(z) <= norm.ppf(0.5 + level / 2)))


def calibrate(run: Run, predictions: Predictions) -> dict[str, Any]:
    """Fit factors on the network's sd on the reference corpus, and measure their coverage.

    A hop's factor and a clip's floor and scale are fitted on all out-of-fold predictions; the
    coverage stated is of each fold under factors fitted on the other folds.

    Returns:
        ``hop_valence``, ``hop_arousal``: factor; ``clip_valence``, ``clip_arousal``: ``floor``,
        ``scale`` on the root mean square of the calibrated hop sd; ``coverage``: by output, by
        level.
    """
    reference = [
        clip
        for clip in run.clips
        if clip.corpus == run.config.losses.reference and clip.key in predictions.hops
    ]
    result: dict[str, Any] = {}
    covered: dict[str, dict[str, float]] = {}
    folds = np.array([predictions.fold[clip.key] for clip in reference])
    for axis in _AFFECT:
        column, sd_column = _COLUMNS.index(axis), _COLUMNS.index(f"{axis}_sd")
        hops = [predictions.hops[clip.key][FIRST_WHOLE_HOP:] for clip in reference]
        truth = np.array([getattr(clip, axis) for clip in reference])
        error = [h[:, column] - t for h, t in zip(hops, truth, strict=True)]
        sd = [h[:, sd_column] for h in hops]

        def hop_factor(chosen: NDArray[np.bool_], error=error, sd=sd) -> float:
            z2 = [np.mean((e / s) ** 2) for e, s, c in zip(error, sd, chosen, strict=True) if c]
            return float(np.mean(z2) ** 0.5)

        clip_error = np.array([e.mean() for e in error])
        clip_rms = np.array([np.mean(s**2) ** 0.5 for s in sd])

        def clip_factor(chosen: NDArray[np.bool_], e=clip_error, s=clip_rms) -> float:
            return float(np.mean((e[chosen] / s[chosen]) ** 2) ** 0.5)

        every = np.ones(len(reference), bool)
        factor = hop_factor(every)
        result[f"hop_{axis}"] = factor
        result[f"clip_{axis}"] = {"floor": 0.0, "scale": clip_factor(every) / factor}
        hop_z, clip_z = [], []
        for fold in np.unique(folds):
            own, others = folds == fold, folds != fold
            if not others.any():
                others = own
            factor = hop_factor(others)
            hop_z += [e / (s * factor) for e, s, c in zip(error, sd, own, strict=True) if c]
            clip_z.append(clip_error[own] / (clip_rms[own] * clip_factor(others)))
        for name, z in (("hop", np.concatenate(hop_z)), ("clip", np.concatenate(clip_z))):
            covered[f"{name}_{axis}"] = {
                f"{level:.0%}": round(coverage(z, level), 3) for level in (0.5, 0.9)
            }
    result["coverage"] = covered
    return result
