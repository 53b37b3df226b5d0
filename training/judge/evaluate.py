"""How well a run does on songs it never heard: causal, from a fresh state, out of fold.

Every clip is run as live, by the fold that holds it out; its prediction is the mean over the hops
whose window holds 3 s of it. Intervals are 95 % percentile intervals of a bootstrap over groups.
"""

import hashlib
import math
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from rich.progress import track
from safetensors import safe_open
from safetensors.torch import load_file

from realtime_mer.emotion import GEMS
from realtime_mer.errors import InputError
from realtime_mer.model.config import NetworkConfig
from realtime_mer.model.network import EmotionNetwork, NetworkOutput

from ..corpora import Clip, label_hash
from ..features.cache import FeatureStore, Heard
from ..files import read_json, replacing
from ..learn.config import TrainingConfig
from ..learn.levelling import Levelling
from ..learn.run import Run
from .lean import lean_point, lean_quadrants
from .metrics import (
    AFFECT,
    QUADRANT_COLUMNS,
    Baseline,
    Interval,
    Metric,
    affect_metrics,
    correlation_metrics,
    draws,
    gems_metrics,
    interval,
    interval_note,
    quadrant_metrics,
    rounded,
    row,
    sign_metrics,
)
from .rescale import LEAN, UNCHANGED, Rescaling, rescale_head

FIRST_WHOLE_HOP = math.ceil(NetworkConfig.window_frames / NetworkConfig.hop_frames) - 1
"""The first hop whose window holds nothing from before the start: number 29, the thirtieth."""

FAMILIARITY = "familiarity.safetensors"
"""What evaluation found to tell by how near a window lies to what a part learnt from."""

MUSIC_PRIOR = "music.json"
"""What ``music_prior`` found to add to a part's logits of music."""

HOP_COLUMNS = ("valence", "arousal", "valence_sd", "arousal_sd", *QUADRANT_COLUMNS, *GEMS)
"""The numbers of a hop in ``Predictions``."""

POINT, QUADRANTS = slice(0, 2), slice(4, 8)
"""Where valence and arousal, and the probabilities of the quadrants, stand among them."""


class JudgedNetwork(EmotionNetwork):
    """A network that hears its clips at one level, if its run's settings name one.

    Args:
        config: settings of the run.
    """

    def __init__(self, config: TrainingConfig) -> None:
        super().__init__(config.network)
        self.levelling = None if config.level is None else Levelling(config.level, config.features)


@dataclass(frozen=True)
class Predictions:
    """What networks said of the clips they were not trained on, hop by hop.

    Attributes:
        hops: by ``Clip.key``, (H, 17) float32, see ``HOP_COLUMNS``; sd as the network gives it,
            quadrants as probabilities, GEMS as shares.
        fold: which fold held the clip out.
    """

    hops: Mapping[str, NDArray[np.float32]]
    fold: Mapping[str, int]


def fingerprint(run: Run) -> str:
    """Return a hash of what a run says: settings, folds, labels, weights, and their rescaling."""
    if not rescaling_file(run).is_file():
        return learnt_hash(run)
    return hashlib.sha256(learnt_hash(run).encode() + rescaling_file(run).read_bytes()).hexdigest()


def learnt_hash(run: Run) -> str:
    """Return a hash of what a run learnt: settings, folds, labels, and the weights there are."""
    digest = hashlib.sha256((run.folder / "config.toml").read_bytes())
    digest.update(f"{run.split.hash} {label_hash(run.clips)}".encode())
    for part in run.parts:
        if run.weights(part).is_file():
            digest.update(run.weights(part).read_bytes())
    return digest.hexdigest()


def rescaling_file(run: Run) -> Path:
    """Return where ``calibration.rescale`` keeps its factors, with the hash of what was learnt."""
    return run.folder / "stretch.json"  # its first name, which run folders have


def read_evaluation(run: Run) -> dict[str, Any]:
    """Return the content of ``report.json``: what ``evaluate`` said of all folds of these weights.

    Raises:
        InputError: the run is not evaluated, not on all its folds, or was trained on since.
    """
    path = run.folder / "report.json"
    if not path.is_file():
        raise InputError(f"{run.folder} is not evaluated yet: run evaluate first")
    report = read_json(path)
    if report["folds"] != list(range(run.split.folds)):
        raise InputError(
            f"{path} covers folds {report['folds']} of {run.split.folds}; evaluate all of them"
        )
    if report.get("run") != fingerprint(run):
        raise InputError(
            f"{path} is of other weights than lie in {run.folder} now; run evaluate again"
        )
    return report


def load_network(run: Run, part: str) -> JudgedNetwork:
    """Return a finished part's network in evaluation mode, rescaled if the run is evaluated.

    Raises:
        InputError: the part is not finished, or the rescaling is of other weights.
    """
    network = trained_network(run, part)
    rescaling = load_rescaling(run, part)
    lean = rescaling.get(LEAN, 0.0)
    lean_point(network, lean)
    rescale_head(network, rescaling)
    lean_quadrants(network, lean)
    if network.familiarity is not None and (run.folder / FAMILIARITY).is_file():
        network.familiarity.load_state_dict(_fitted_familiarity(run, part))
    if network.music_head is not None and (run.folder / MUSIC_PRIOR).is_file():
        shift = _of_these_weights(run, run.folder / MUSIC_PRIOR, part, by="not-music")
        with torch.no_grad():
            network.music_head.bias.add_(shift)
    return network


def _fitted_familiarity(run: Run, part: str) -> dict[str, torch.Tensor]:
    path = run.folder / FAMILIARITY
    with safe_open(path, "pt") as file:
        kept = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        learnt = file.metadata()["learnt"]
    own = {
        name.removeprefix(f"{part}."): value
        for name, value in kept.items()
        if name.startswith(f"{part}.")
    }
    if learnt != learnt_hash(run) or not own:
        raise InputError(
            f"{path} is of other weights than lie in {run.folder} now; run evaluate again"
        )
    return own


def load_rescaling(run: Run, part: str) -> Rescaling:
    """Return what evaluation found to rescale a part by, nothing where the run is not evaluated.

    Raises:
        InputError: the run was trained on since.
    """
    path = rescaling_file(run)
    if not path.is_file():
        return UNCHANGED
    rescaling: Rescaling = _of_these_weights(run, path, part, by="evaluate")
    return rescaling


def _of_these_weights(run: Run, path: Path, part: str, *, by: str) -> Any:
    """Return what a command fitted to a part's weights."""
    kept = read_json(path)
    if kept["learnt"] != learnt_hash(run) or part not in kept["parts"]:
        raise InputError(f"{path} is of other weights than lie in {run.folder} now; run {by} again")
    return kept["parts"][part]


def trained_network(run: Run, part: str) -> JudgedNetwork:
    """Return a finished part's network in evaluation mode, as it was trained.

    Raises:
        InputError: the part is not finished.
    """
    path = run.weights(part)
    if not path.is_file():
        raise InputError(f"part {part} of {run.folder} is not trained yet: run train first")
    network = JudgedNetwork(run.config)
    tensors = load_file(path)
    network.load_state_dict({key.removeprefix("network."): tensors[key] for key in tensors})
    network.eval()
    return network


def run_clip(
    network: EmotionNetwork,
    frames: NDArray[np.floating[Any]],
    pitches: NDArray[np.floating[Any]] | None = None,
) -> NDArray[np.float32]:
    """Run a clip as live, from a fresh state after digital zeros.

    Args:
        frames: (T, M) as ``feature_store`` keeps them.
        pitches: (T // 5, P) likewise; None for a network without a harmonic branch.

    Returns:
        (T // 5, 17), see ``HOP_COLUMNS``.
    """
    return columns_of(run_network(network, frames, pitches))


def columns_of(output: NetworkOutput) -> NDArray[np.float32]:
    """Return what was said of a clip as ``Predictions`` keeps it, (H, 17)."""
    columns = (
        *(values[0, :, None] for values in output[:4]),
        output.quadrant_logits[0].softmax(-1),
        output.gems_logits[0].sigmoid(),
    )
    hops: NDArray[np.float32] = torch.cat(columns, 1).numpy()
    return hops


def run_network(
    network: EmotionNetwork,
    frames: NDArray[np.floating[Any]],
    pitches: NDArray[np.floating[Any]] | None = None,
) -> NetworkOutput:
    """Return all that the heads say of a clip, as ``run_clip`` hears it."""
    sound, rows = after_silence(network, frames, pitches)
    with torch.inference_mode():
        output, _ = network(sound, pitches=rows)
    said: NetworkOutput = output
    return said


def after_silence(
    network: EmotionNetwork,
    frames: NDArray[np.floating[Any]],
    pitches: NDArray[np.floating[Any]] | None,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return what a network takes of a clip that follows digital zeros, see ``run_clip``."""
    if isinstance(network, JudgedNetwork) and network.levelling is not None:
        silent = np.empty((len(frames) // NetworkConfig.hop_frames, 0), np.float32)
        even = network.levelling(Heard(frames, silent if pitches is None else pitches))
        frames, pitches = even.frames, None if pitches is None else even.pitches

    def heard(rows: NDArray[np.floating[Any]], past: int) -> torch.Tensor:
        return torch.from_numpy(np.pad(np.asarray(rows, np.float32), ((past, 0), (0, 0))))[None]

    sizes = network.config
    rows = None if pitches is None else heard(pitches, sizes.columns - 1)
    return heard(frames, sizes.history_frames), rows


def predict(run: Run, features: FeatureStore, folds: Iterable[int]) -> Predictions:
    """Return out-of-fold predictions of some folds, before any rescaling."""
    hops: dict[str, NDArray[np.float32]] = {}
    fold_of: dict[str, int] = {}
    for fold in folds:
        part = f"fold-{fold}"
        network = trained_network(run, part)
        for clip in track(run.held_out_clips(part), description=f"hearing {part}"):
            hops[clip.key] = run_clip(network, *features.heard(clip.key))
            fold_of[clip.key] = fold
    return Predictions(hops, fold_of)


def reference_clips(run: Run, predictions: Predictions) -> list[Clip]:
    """Return the predicted clips of the corpus whose valence and arousal define the scale."""
    return [
        clip
        for clip in run.clips
        if clip.corpus == run.config.losses.reference
        and clip.valence is not None
        and clip.key in predictions.hops
    ]


def clip_table(run: Run, predictions: Predictions) -> pd.DataFrame:
    """Return a row for each predicted clip: labels, predictions and what the baselines say.

    Columns: ``key``, ``corpus``, ``group``, ``fold``; labels ``true_*`` and ``answers``;
    predictions by ``HOP_COLUMNS``, means over hops; baselines ``mean_*`` and ``majority``, from
    the fold's training clips of the same corpus.
    """
    labels = _labels(run.clips)
    table = labels[labels["key"].isin(list(predictions.hops))].reset_index(drop=True)
    table["fold"] = [predictions.fold[key] for key in table["key"]]
    said = [clip_mean(predictions.hops[key]) for key in table["key"]]
    table = table.join(pd.DataFrame(said, columns=list(HOP_COLUMNS)))
    baselines = {
        (fold, corpus): _baseline(
            labels[
                labels["key"].isin([clip.key for clip in run.training_clips(f"fold-{fold}")])
                & (labels["corpus"] == corpus)
            ]
        )
        for fold in table["fold"].unique()
        for corpus in table["corpus"].unique()
    }
    rows = [baselines[key] for key in zip(table["fold"], table["corpus"], strict=True)]
    return table.join(pd.DataFrame(rows))


def _labels(clips: Sequence[Clip]) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for clip in clips:
        row = {
            "key": clip.key,
            "corpus": clip.corpus,
            "group": clip.group,
            "answers": clip.answers,
            "true_valence": clip.valence,
            "true_arousal": clip.arousal,
            "true_quadrant": clip.quadrant,
        }
        shares = clip.gems or (math.nan,) * len(GEMS)
        rows.append(row | {f"true_{item}": share for item, share in zip(GEMS, shares, strict=True)})
    # A label that nobody was asked for is no number, also where that is so of every clip.
    given = [f"true_{name}" for name in (*AFFECT, "quadrant", *GEMS)]
    return pd.DataFrame(rows).astype(dict.fromkeys(given, float))


def clip_mean(hops: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a clip's answer, (17,), from its hops, (hops, 17): see ``whole_hops``."""
    mean: NDArray[np.float32] = whole_hops(hops).mean(0)
    return mean


def whole_hops(hops: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the hops whose window holds nothing from before the start, all where there are none.

    A clip's answer is their mean, as live.
    """
    return hops[FIRST_WHOLE_HOP:] if len(hops) > FIRST_WHOLE_HOP else hops


def _baseline(learnt: pd.DataFrame) -> dict[str, float]:
    """Return what the mean or the commonest label of training clips would say."""
    means = {f"mean_{item}": float(learnt[f"true_{item}"].mean()) for item in (*GEMS, *AFFECT)}
    commonest = learnt["true_quadrant"].mode()
    return means | {"majority": float(commonest.iloc[0]) if len(commonest) else math.nan}


AS_LIVE = "causal from a fresh state; mean over a clip's hops after the first 3 s"
"""How the network hears a clip, for a protocol."""


def evaluate(
    run: Run, predictions: Predictions, *, resamples: int = 1000, hearing: str = AS_LIVE
) -> list[dict[str, Any]]:
    """Return every metric of out-of-fold predictions as ``report.json`` and the card list them.

    A number that these clips do not define, such as the correlation with a constant, is None.

    Args:
        run: whose folds and labels.
        predictions: of the clips they held out.
        resamples: draws behind an interval.
        hearing: how a clip was heard, for the protocol.
    """
    rows = judge(run, {"": (predictions, hearing)}, resamples=resamples)
    return [
        {name: row[name] for name in row if not name.startswith(("model", "lead"))} for row in rows
    ]


def judge(
    run: Run,
    models: Mapping[str, tuple[Predictions, str]],
    *,
    resamples: int = 1000,
    only: Collection[tuple[str, str]] | None = None,
) -> list[dict[str, Any]]:
    """Return every metric of every model, and the first model's lead over each.

    Args:
        run: whose folds and labels.
        models: predictions of the same clips, and how a clip was heard, by the model's name.
        resamples: draws behind an interval.
        only: corpus and name of the metrics that are asked for; None for all.

    Returns:
        Rows as ``evaluate``'s with ``model`` besides, and ``lead_value``, ``lead_low`` and
        ``lead_high``: the first model's value less this one's, with paired draws of groups.

    Raises:
        InputError: the models speak of different clips.
    """
    tables = {name: clip_table(run, said) for name, (said, _) in models.items()}
    first = next(iter(tables.values()))
    for name, table in tables.items():
        if list(table["key"]) != list(first["key"]):
            raise InputError(
                f"{name} was judged by {len(table)} clips, others by {len(first)} or by other "
                "ones; compare what heard the same clips"
            )
    report: list[dict[str, Any]] = []
    for corpus, chosen, metrics in _questions(first, run.config.losses.reference):
        for name, (metric, baseline) in metrics.items():
            if only is not None and (corpus, name) not in only:
                continue
            lead_of: tuple[float, NDArray[np.float64]] | None = None
            for model, table in tables.items():
                own = table[chosen].reset_index(drop=True)
                value, drawn = metric(own), draws(own, metric, resamples=resamples)
                lead_of = lead_of or (value, drawn)
                said, hearing = models[model]
                report.append(
                    {
                        "model": model,
                        **row(
                            own,
                            interval(value, drawn),
                            data=corpus,
                            metric=name,
                            protocol=f"{_protocol(run, said, hearing)}; {interval_note(resamples)}",
                        ),
                        "baseline": rounded(Interval(baseline(own), 0.0, 0.0))["value"],
                        **rounded(interval(lead_of[0] - value, lead_of[1] - drawn), "lead_"),
                    }
                )
    return report


def _questions(
    table: pd.DataFrame, reference: str
) -> Iterator[tuple[str, pd.Series, dict[str, tuple[Metric, Baseline]]]]:
    """Yield what people were asked: corpus, its rows that have an answer, what is measured."""
    for corpus in table["corpus"].unique():
        own = table["corpus"] == corpus
        for label, metrics in (
            ("true_quadrant", quadrant_metrics()),
            (f"true_{GEMS[0]}", gems_metrics()),
            ("true_valence", affect_metrics() if corpus == reference else correlation_metrics()),
        ):
            answered = own & table[label].notna()
            if answered.any():
                yield str(corpus), answered, metrics
        clear = own & (table["true_arousal"].abs() > 0.5)
        if corpus == reference and clear.any():
            yield str(corpus), clear, sign_metrics()


def _protocol(run: Run, predictions: Predictions, hearing: str) -> str:
    return (
        f"{len(set(predictions.fold.values()))} of {run.split.folds} grouped folds (artist or "
        f"recording, jointly over corpora), out of fold; {hearing}"
    )


def save_predictions(predictions: Predictions, path: Path) -> None:
    """Write predictions as ``.npz``: an array (H, 17) float16 for every clip, by its key.

    The file is written whole or not at all.
    """
    hops = {key: value.astype(np.float16) for key, value in predictions.hops.items()}
    with replacing(path) as partial:
        np.savez_compressed(partial, allow_pickle=False, **hops)


def load_predictions(run: Run) -> Predictions:
    """Return what ``save_predictions`` wrote into a run folder.

    Raises:
        InputError: the run is not evaluated, or its predictions cannot be read.
    """
    path = run.folder / "predictions.npz"
    if not path.is_file():
        raise InputError(f"{run.folder} is not evaluated yet: run evaluate first")
    try:
        with np.load(path) as arrays:
            hops = {key: arrays[key].astype(np.float32) for key in arrays.files}
        return Predictions(hops, {key: run.split.fold_of[key] for key in hops})
    except (zipfile.BadZipFile, EOFError, ValueError, KeyError) as error:
        raise InputError(
            f"{path} is damaged or of another run ({error}); run evaluate again"
        ) from error
