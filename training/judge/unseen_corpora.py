"""A corpus nothing was trained on: the refit beside models of the teacher's embedding.

These are ridge regressions on what the run learnt from, and Essentia's head as it is published. All
hear the same first seconds of every piece, rendered with every sound font that is there; what they
say is averaged over the fonts, and told of each font too. The pieces' ratings stay out of
everything that is fitted.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.progress import track

from ..corpora import Clip
from ..corpora.splits import joined_groups
from ..features.cache import FeatureStore
from ..learn.run import REFIT, Run
from ..learn.sequences import hop_s
from .curves import curve_agreement
from .evaluate import AS_LIVE, HOP_COLUMNS, clip_mean, load_network, run_clip
from .metrics import (
    AFFECT,
    bootstrap,
    correlation,
    draws,
    interval,
    interval_note,
    mean_of,
    row,
    sd_of,
)
from .yardsticks.baselines import AFFECT_HEAD, clip_rows, fit
from .yardsticks.heads import LEARNT_FROM, Heads

NETWORK = "the network, refit on every clip"
EMBEDDING = "MusiCNN + ridge on {}"
CONSTANT = "one number for all"


def judge_unseen(
    run: Run,
    clips: Sequence[Clip],
    *,
    features: FeatureStore,
    own_embeddings: FeatureStore,
    embeddings: FeatureStore,
    heads: Heads | None = None,
    longest_s: int,
    resamples: int = 1000,
) -> list[dict[str, Any]]:
    """Return correlations with the ratings of pieces of a corpus that the run never heard.

    Args:
        run: a trained run.
        clips: the corpus, as sound.
        features: its log-mel frames.
        own_embeddings: its embeddings by the teacher.
        embeddings: those of the run's own clips, for the ridge regression.
        heads: Essentia's, where they are there; left out of a corpus that they learnt from.
        longest_s: seconds that were heard of each, for the protocol.
        resamples: draws behind an interval.

    Returns:
        Rows as ``metrics.row`` gives, with ``model`` besides: every model's r, the network's lead
        over each, the mean and the standard deviation of its errors, and the network's agreement
        with curves where the corpus has them.
    """
    if clips[0].corpus in LEARNT_FROM:
        heads = None
    network = load_network(run, REFIT)
    hops = {
        clip.key: run_clip(network, *features.heard(clip.key))
        for clip in track(clips, description="hearing what was never trained on")
    }
    at = [HOP_COLUMNS.index(axis) for axis in AFFECT]
    said = {NETWORK: np.array([clip_mean(hops[clip.key])[at] for clip in clips])}
    rows = clip_rows(own_embeddings, clips)
    heard = np.stack([rows[clip.key] for clip in clips])
    for name, learnt in _learnt(run, run.config.losses.reference).items():
        said[EMBEDDING.format(name)] = _ridge(learnt, embeddings, heard)
    if heads is not None:
        rated = clip_rows(own_embeddings, clips, heard=heads.affect)
        said[AFFECT_HEAD] = np.stack([rated[clip.key] for clip in clips])
    every = pd.DataFrame(
        {
            "piece": clip.id.partition("@")[0],
            "font": clip.id.partition("@")[2],
            "group": clip.group,
            "true_valence": clip.valence,
            "true_arousal": clip.arousal,
        }
        for clip in clips
    )
    for model, values in said.items():
        for n, axis in enumerate(AFFECT):
            every[f"{model} {axis}"] = values[:, n]
    fonts = sorted(set(every["font"]) - {""})
    heard_as = (
        f"never trained on; first {longest_s} s of each piece; the network {AS_LIVE}; "
        + ("Essentia's head as published, nothing fitted; " if heads is not None else "")
        + interval_note(resamples, f"{clips[0].corpus}'s groups")
    )
    tables = {font: every[every["font"] == font] for font in fonts} if len(fonts) > 1 else {}
    report = []
    for font, table in {"": every, **tables}.items():
        sounds = "the mean over sounds rendered with " if tables and not font else "rendered with "
        protocol = f"{heard_as}; {sounds}{font or ', '.join(fonts)}" if fonts else heard_as
        pieces = table.drop(columns="font").groupby(["piece", "group"], as_index=False).mean()
        report += _agreement(
            pieces,
            list(said),
            data=f"{clips[0].corpus}, {font}" if font else clips[0].corpus,
            protocol=protocol,
            resamples=resamples,
        )
    curves = f"{heard_as}; at the rated times, means over the hops up to the next"
    return report + [
        {"model": NETWORK, **each}
        for each in curve_agreement(
            clips,
            hops,
            hop_s=hop_s(run.config.features),
            protocol=curves,
            resamples=resamples,
        )
    ]


def _agreement(
    table: pd.DataFrame, models: Sequence[str], *, data: str, protocol: str, resamples: int
) -> list[dict[str, Any]]:
    """Return every model's r, after it the network's lead, from paired draws of groups, and errors.

    Raters who hear one kind of music alone spread it over their scale, and those who hear all kinds
    do not. So the mean error tells how far apart two scales lie, and the standard deviation of the
    errors what is wrong apart from that; the ratings' own is that of a constant.
    """
    report = []
    for axis in AFFECT:
        network = correlation(f"{NETWORK} {axis}", f"true_{axis}")
        own = draws(table, network, resamples=resamples)
        errors = pd.DataFrame(
            {model: table[f"{model} {axis}"] - table[f"true_{axis}"] for model in models}
            | {CONSTANT: -table[f"true_{axis}"], "group": table["group"]}
        )
        spread = f"sd of errors, {axis}"
        for model in models:
            metric = correlation(f"{model} {axis}", f"true_{axis}")
            values = draws(table, metric, resamples=resamples)
            found = {f"r {axis}": interval(metric(table), values)}
            if model != NETWORK:
                ahead = network(table) - metric(table)
                found[f"r {axis}, the network's lead"] = interval(ahead, own - values)
            found[f"mean error, {axis}"] = bootstrap(errors, mean_of(model), resamples=resamples)
            found[spread] = bootstrap(errors, sd_of(model), resamples=resamples)
            report += [
                {"model": model, **row(table, each, data=data, metric=name, protocol=protocol)}
                for name, each in found.items()
            ]
        constant = bootstrap(errors, sd_of(CONSTANT), resamples=resamples)
        report.append(
            {
                "model": CONSTANT,
                **row(table, constant, data=data, metric=spread, protocol=protocol),
            }
        )
    return report


def _learnt(run: Run, reference: str) -> dict[str, list[tuple[Clip, float, float]]]:
    """Return clips with valence and arousal on the reference's scale, by what they are called."""
    joins: dict[str, Any] = json.loads((run.folder / REFIT / "joins.json").read_text())
    own, joined = [], []
    for clip in run.clips:
        if clip.valence is None or clip.arousal is None:
            continue
        if clip.corpus == reference:
            own.append((clip, clip.valence, clip.arousal))
        elif clip.corpus in joins:
            (offset_v, offset_a), (scale_v, scale_a) = (
                joins[clip.corpus][name] for name in ("offset", "scale")
            )
            joined.append(
                (clip, (clip.valence - offset_v) / scale_v, (clip.arousal - offset_a) / scale_a)
            )
    sets = {reference: own}
    if joined:
        names = sorted({clip.corpus for clip, _, _ in joined})
        sets[f"{reference} and {', '.join(names)}, joined"] = own + joined
    return sets


def _ridge(
    learnt: Sequence[tuple[Clip, float, float]],
    embeddings: FeatureStore,
    heard: NDArray[np.float64],
) -> NDArray[np.float64]:
    clips = [clip for clip, _, _ in learnt]
    rows = clip_rows(embeddings, clips)
    known = np.stack([rows[clip.key] for clip in clips])
    groups = joined_groups(clips)
    return np.stack(
        [
            fit(
                known,
                np.array([labels[n] for labels in learnt]),
                groups,
                model="linear",
                classes=False,
            ).predict(heard)
            for n in (1, 2)
        ],
        axis=1,
    )
