"""A committee as it ships, window by window: what it says of songs that it did not learn from.

It has no memory, so that what it says of a window is the same wherever the window lies. Rows are of
a window every 2 s, and stand for those every half a second that it hears live.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from realtime_mer.errors import InputError
from realtime_mer.model.committee import CommitteeCard
from realtime_mer.model.config import NetworkConfig
from realtime_mer.model.network import NetworkOutput

from ..corpora import Clip
from ..corpora.not_music import Sound
from ..features.cache import TEACHER_HOP_S, TEACHER_WINDOW_S, FeatureStore, Heard
from ..features.conditions import at_level
from ..features.teachers import COMMITTEE, committee_store, music_logits
from ..learn.committee import fit_committee
from ..learn.config import TrainingConfig
from ..learn.run import Run
from ..learn.sequences import hop_s
from .calibration import fit_rescaling
from .evaluate import (
    FIRST_WHOLE_HOP,
    HOP_COLUMNS,
    JudgedNetwork,
    Predictions,
    columns_of,
    load_network,
)
from .lean import OF_MEAN
from .music_prior import Verdict, logits_of
from .rescale import Rescaling
from .yardsticks.committee import as_hops

HEARING = "each window of 3 s by itself, one every 2 s; mean over a clip's windows"
"""How it hears a clip, for a protocol."""

_POINT = slice(HOP_COLUMNS.index("valence"), HOP_COLUMNS.index("arousal") + 1)
_SD = slice(HOP_COLUMNS.index("valence_sd"), HOP_COLUMNS.index("arousal_sd") + 1)
_SHARES = slice(HOP_COLUMNS.index("quadrant_3") + 1, None)
_NO_PENALTY = 1e6


def window_store(
    config: TrainingConfig, clips: Sequence[Clip], folder: Path, place: Path, *, jobs: int = 1
) -> FeatureStore:
    """Return what the teachers of a committee that ships make of clips.

    They hear them as a session gives them to it: brought to the level that the settings name.

    Args:
        config: settings of a run.
        clips, folder, place, jobs: as for ``features.teachers.committee_store``.
    """
    level, hop_s = config.level, CommitteeCard(name=config.name).hop_s
    condition = None if level is None else at_level(level, hop_s=hop_s)
    return committee_store(COMMITTEE, clips, folder, place, condition=condition, jobs=jobs)


def predict_windows(
    run: Run, store: FeatureStore, *, teachers: Sequence[str], features: FeatureStore | None = None
) -> Predictions:
    """Return what a committee says of the windows of a run's clips, out of fold.

    Where the network that the run trained sits in it, each answer is the mean of what the two say,
    and the sd are the network's. Else the sd are 1, the same for every window: calibration makes of
    that what they have to be.

    Args:
        run: whose folds.
        store: what the teachers made of its clips.
        teachers: their names, in the order of their numbers in a row.
        features: what the network hears of the clips; None for a committee without it.

    Raises:
        InputError: the network is to sit in it, and a fold's is not trained or not evaluated.
    """
    hop = hop_s(run.config.features)
    hops: dict[str, NDArray[np.float32]] = {}
    for fold in track(range(run.split.folds), description="asking the committee"):
        part = f"fold-{fold}"
        committee = fit_committee(
            run.training_clips(part),
            store,
            teachers=teachers,
            reference=run.config.losses.reference,
        )
        network = None if features is None else load_network(run, part)
        judged = run.held_out_clips(part)
        windows = committee.of_windows([store[clip.key] for clip in judged], smoothed=1)
        for clip, said in zip(judged, windows, strict=True):
            own = as_hops(said)
            own[:, _POINT] = np.clip(own[:, _POINT], -1.0, 1.0)
            own[:, _SHARES] = np.clip(own[:, _SHARES], 0.0, 1.0)
            own[:, _SD] = 1.0
            if network is not None and features is not None:
                own = _joined(own, network, features.heard(clip.key), every_s=hop)
            # Predictions hold the hops before the first whole window too, and nobody counts them.
            hops[clip.key] = np.concatenate((np.repeat(own[:1], FIRST_WHOLE_HOP, axis=0), own))
    return Predictions(hops, run.split.fold_of)


def predict_together(
    run: Run, store: FeatureStore, features: FeatureStore, *, teachers: Sequence[str]
) -> tuple[Mapping[str, Rescaling], Predictions]:
    """Return what a committee and the network in it say together, as it ships, out of fold.

    Args, Raises: as for ``predict_windows``.

    Returns:
        What the mean of both is rescaled with, by part, and what is said then.
    """
    said = predict_windows(run, store, teachers=teachers, features=features)
    return fit_rescaling(run, said, pull=OF_MEAN)


def _joined(
    said: NDArray[np.float32], network: JudgedNetwork, heard: Heard, *, every_s: float
) -> NDArray[np.float32]:
    """Return what a committee with a network in it says, from what one without it says."""
    other = heard_afresh(network, heard, windows=len(said), every_s=every_s)
    mean: NDArray[np.float32] = np.mean((said, other), axis=0, dtype=np.float32)
    mean[:, _SD] = other[:, _SD]
    return mean


def heard_afresh(
    network: JudgedNetwork, heard: Heard, *, windows: int, every_s: float
) -> NDArray[np.float32]:
    """Return what a network says at the end of each window, as if nothing had been before it.

    Args:
        network: which begins anew at every window.
        heard: of a clip, (T, M) frames and (T // 5, P) rows.
        windows: of 3 s, one every 2 s.
        every_s: seconds of the network's hop.

    Returns:
        (windows, 17), see ``HOP_COLUMNS``.
    """
    return columns_of(_afresh(network, heard, windows=windows, every_s=every_s))


def _afresh(network: JudgedNetwork, heard: Heard, *, windows: int, every_s: float) -> NetworkOutput:
    """Return the same as a network's output, (1, windows) and more."""
    if network.levelling is not None:
        heard = network.levelling(heard)
    hop_frames = NetworkConfig.hop_frames
    size, step = (round(seconds / every_s) for seconds in (TEACHER_WINDOW_S, TEACHER_HOP_S))
    past, columns = network.config.history_frames, network.config.columns - 1
    # Where the last hop is not whole, the last window ends a hop before it would.
    last = len(heard.frames) // hop_frames - size
    starts = [min(at * step, last) for at in range(windows)]

    def cut(rows: NDArray[Any], each: int, before: int) -> torch.Tensor:
        parts = [rows[at * each : (at + size) * each] for at in starts]
        after_zeros = np.pad(np.stack(parts), ((0, 0), (before, 0), (0, 0)))
        return torch.from_numpy(after_zeros.astype(np.float32))

    pitches = cut(heard.pitches, 1, columns) if heard.pitches.shape[1] else None
    with torch.inference_mode():
        said, _ = network(cut(heard.frames, hop_frames, past), pitches=pitches)
    return NetworkOutput(*(each[:, -1][None] for each in said))


# -- whether music sounds --------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Turn:
    """How the logits of music of those who tell it become one probability.

    The tagger learnt from videos of 10 s of which hardly any is music all through, so that it is
    slow to be sure: of 3 s of music it may say .3. Turned, half of what is said at .5 is music
    where as much of it is as is not.

    Attributes:
        tagger: what the tagger's logit is multiplied with.
        network: what that of the network in the committee is; 0 where none tells music.
        shift: what is added to the sum.
    """

    tagger: float = 1.0
    network: float = 0.0
    shift: float = 0.0

    def __call__(self, logits: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Return probabilities (n,) that music sounds, from logits (n, 1) or (n, 2)."""
        scales = (self.tagger, self.network)[: logits.shape[1]]
        probabilities: NDArray[np.float32] = expit(logits @ scales + self.shift).astype(np.float32)
        return probabilities


def fit_turn(heard: Sequence[Verdict]) -> Turn:
    """Return the turn under which it is likeliest where music sounds, and where none does.

    Args:
        heard: with logits for what is said, as ``logits_of_music`` and ``logits_of_both`` give it.

    Raises:
        InputError: all of it is music, or nothing is.
    """
    logits = np.concatenate([each.said for each in heard])
    music = np.concatenate([each.music for each in heard])
    if music.all() or not music.any():
        raise InputError("a committee that ships must have heard music, and what is none")
    model = LogisticRegression(C=_NO_PENALTY, class_weight="balanced")
    model.fit(logits.astype(np.float64), music)
    tagger, network, *_ = (*map(float, model.coef_[0]), 0.0)
    return Turn(tagger=tagger, network=network, shift=float(model.intercept_[0]))


def logits_of_music(
    clips: Sequence[Clip], store: FeatureStore, sounds: Sequence[Sound], *, teachers: Sequence[str]
) -> list[Verdict]:
    """Return the tagger's logits of music of windows.

    Args:
        clips: music, and sounds that are none or not all through.
        store: what the teachers made of them.
        sounds: those that are no music.
        teachers: their names, in the order of their numbers in a row.

    Returns:
        Of clips where it is known of a window whether music sounds; ``stream`` is (windows, 1).
    """
    by_key = {sound.clip.key: sound for sound in sounds}
    heard = []
    for clip in clips:
        logits = music_logits(teachers, store[clip.key])
        music = _music_by_window(clip, len(logits))
        if not np.isnan(music).all():
            sound = by_key.get(clip.key)
            heard.append(Verdict.of(clip, sound, truth=music, stream=logits[:, np.newaxis]))
    return heard


def logits_of_both(
    run: Run,
    store: FeatureStore,
    features: FeatureStore,
    sounds: Sequence[Sound],
    *,
    teachers: Sequence[str],
) -> list[Verdict]:
    """Return the tagger's logits and beside them those of the network that a run trained.

    Args:
        run: whose networks tell music.
        store: what the teachers made of its clips and of the sounds.
        features: what the network hears of them.
        sounds: that are no music.
        teachers: their names, in the order of their numbers in a row.

    Returns:
        As ``logits_of_music``, of the clips that a fold held out, by the network that knows nothing
        of them; ``stream`` is (windows, 2).
    """
    run = run.with_besides([sound.clip for sound in sounds])
    hop = hop_s(run.config.features)
    heard = []
    for fold in track(range(run.split.folds), description="asking for music"):
        part = f"fold-{fold}"
        network = load_network(run, part)
        clips = {clip.key: clip for clip in (*run.held_out_clips(part), *run.unheard(part))}
        for told in logits_of_music([*clips.values()], store, sounds, teachers=teachers):
            own = _afresh(
                network, features.heard(told.key), windows=len(told.stream), every_s=hop
            ).music_logits[0]
            known = logits_of(own.sigmoid().numpy())
            heard.append(replace(told, stream=np.column_stack((told.stream, known))))
    return heard


def _music_by_window(clip: Clip, count: int) -> NDArray[np.float64]:
    """Return 1 for windows of music, 0 for those without, no number where nobody can say."""
    begin = TEACHER_HOP_S * np.arange(count, dtype=np.float64)
    end = begin + TEACHER_WINDOW_S
    music = np.full(count, np.nan)
    if clip.music is not None:
        first, last = clip.music
        music[(begin >= first) & (end <= last)] = 1
        music[(end <= first) | (begin >= last)] = 0
    return music
