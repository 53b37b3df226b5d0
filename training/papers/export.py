"""A system of a paper, learnt from every clip and written as a checkpoint that runs live."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime_mer.emotion import GEMS
from realtime_mer.errors import InputError
from realtime_mer.model.card import Calibration
from realtime_mer.model.checkpoint import save_files

from ..corpora import Clip, label_hash
from ..corpora.cards import RESEARCH_ONLY, entry
from ..learn.run import git_commit
from .live import (
    Head,
    HeadCard,
    PapersCard,
    not_live,
    tensors_of,
    view_of,
)
from .systems.features import segment_store, segments_in
from .systems.system import TASKS, Effort, System, Task, View, target
from .trials.options import TrialOptions
from .trials.protocols import labelled_segments, training_on_all
from .trials.records import SystemRecord, read_record, record_path

PREFERRED: Mapping[Task, str] = {"quadrants": "panda4q", "affect": "grekow", "gems": "emotify"}
"""The corpus whose labels are the task's own, which comes before others."""

SHORT_HOP_S = 0.5
LONG_HOP_S = 1.0
"""Seconds from one estimate to the next, of windows up to 6 s and of longer ones: these cost more
and change less."""


def export(
    system: System,
    corpora: Mapping[str, Sequence[Clip]],
    stem: Path,
    *,
    options: TrialOptions,
    progress: Callable[[int, Mapping[str, float]], None] = lambda _epoch, _measured: None,
) -> PapersCard:
    """Fit a system on every clip and write ``stem.safetensors`` and ``stem.json``.

    Each task that the system can learn makes a head, from the corpus in ``PREFERRED`` if that is
    among the corpora, else from the first that has the labels. Clips that the table fills up with
    zeros are repeated here until they fill a window: a live one holds no such zeros. Metrics and
    sd of the table are not of that recipe, so such a head gets none.

    Args:
        system: which.
        corpora: clips by the name of their corpus.
        stem: where to, without suffix.
        options: how a fit is run. Of the table's records those of the same recipe tell metrics and
            uncertainty.
        progress: as in ``Effort``.

    Returns:
        The card.

    Raises:
        InputError: the system cannot run live, or the corpora have no label that it can learn.
    """
    if system.not_live is not None:
        raise InputError(not_live(system))
    effort = replace(options.effort(system), progress=progress)
    chosen = {
        task: corpora[name]
        for task in TASKS
        if task in system.tasks and (name := _corpus_for(task, corpora)) is not None
    }
    if not chosen:
        raise InputError(
            f"{system.name} learns {' or '.join(system.tasks)}, of which {', '.join(corpora)} "
            "says nothing; name another --corpus"
        )
    heads: dict[Task, Head] = {}
    cards: dict[Task, HeadCard] = {}
    metrics: list[dict[str, Any]] = []
    for task, clips in chosen.items():
        short = _shorter(clips, system.view)
        view = system.view.live if short else system.view
        data = labelled_segments(
            clips, segment_store(clips, view, options.cache, jobs=options.jobs), task
        )
        training, prepared = training_on_all(system, data, effort)
        fitted = system.fit(training)
        record = _record_of(replace(system, view=view), clips, task, effort, options.records)
        heads[task] = Head(
            prepared=prepared,
            fitted=fitted,
            shares=_shares(data.clips) if task == "gems" else None,
        )
        cards[task] = HeadCard(
            corpus=clips[0].corpus,
            clips=len(data.clips),
            segments=len(training.train),
            parameters=fitted.parameters,
            repeated=len(short & {clip.key for clip in data.clips}),
            affect_sd=_affect_sd(data.clips, record) if task == "affect" else None,
        )
        metrics += _metrics(record)
    card = PapersCard(
        name=stem.name,
        description=f"{system.summary} ({system.paper}), over windows of "
        f"{system.view.seconds:g} s without a state. Learnt from every clip{_repeated(cards)}. "
        "Metrics, if any, are out of fold, of the same recipe with songs and artists kept "
        "together. Not calibrated.",
        system=system.name,
        view=view_of(system.view),
        window_s=system.view.seconds,
        hop_s=live_hop_s(system.view),
        heads=cards,
        scales=_scales(cards),
        calibration=_prior(chosen),
        weights_licence=RESEARCH_ONLY,
        corpora=[entry(name, clips) for name, clips in _used(chosen).items()],
        metrics=metrics,
        training={
            "recipe": _recipe(system, effort),
            "labels_sha256": {name: label_hash(clips) for name, clips in _used(chosen).items()},
            "git_commit": git_commit(),
            "versions": {
                name: version(name) for name in ("torch", "librosa", "scikit-learn", "numpy")
            },
        },
    )
    save_files(stem, tensors_of(heads), card)
    return card


def _corpus_for(task: Task, corpora: Mapping[str, Sequence[Clip]]) -> str | None:
    names = sorted(corpora, key=lambda name: name != PREFERRED[task])
    for name in names:
        labels = {target(clip, task) for clip in corpora[name]} - {None}
        if len(labels) > 1:
            return name
    return None


def _shorter(clips: Sequence[Clip], view: View) -> set[str]:
    """Return the keys of the clips that a view has to fill up."""
    whole = replace(view, fill=False)
    return {clip.key for clip in clips if view.fill and not segments_in(clip.seconds, whole)}


def _used(chosen: Mapping[Task, Sequence[Clip]]) -> dict[str, Sequence[Clip]]:
    return {clips[0].corpus: clips for clips in chosen.values()}


def live_hop_s(view: View) -> float:
    """Return the seconds from one estimate to the next of a system that runs live."""
    return SHORT_HOP_S if view.seconds <= 6 else LONG_HOP_S


def _recipe(system: System, effort: Effort) -> dict[str, Any]:
    """Return what a fit depends on besides its data, as a record tells it."""
    recipe = {
        "system": system.name,
        "settings": dict(system.settings),
        "balance": system.balance,
        "epochs": effort.epochs,
        "most_steps": effort.most_steps,
        "seed": effort.seed,
    }
    read: dict[str, Any] = json.loads(json.dumps(recipe))
    return read


def _record_of(
    system: System, clips: Sequence[Clip], task: Task, effort: Effort, records: Path
) -> SystemRecord | None:
    """Return the record of this very recipe and data under the grouped protocol, if it is there."""
    path = record_path(records, system.name, clips[0].corpus, "grouped")
    if not path.is_file():
        return None
    record = read_record(path)
    wanted = _recipe(system, effort) | {
        "view": {name: value for name, value in vars(system.view).items() if name != "compute"},
        "task": task,
        "labels_sha256": label_hash(clips),
    }
    if isinstance(record, SystemRecord) and wanted.items() <= vars(record.asked).items():
        return record
    return None


def _metrics(record: SystemRecord | None) -> list[dict[str, Any]]:
    if record is None:
        return []
    asked = record.asked
    return [
        {
            "data": asked.corpus,
            "task": asked.task,
            "protocol": "grouped: out of fold, songs and artists kept together",
            **row,
        }
        for row in record.metrics
    ]


def _affect_sd(clips: Sequence[Clip], record: SystemRecord | None) -> tuple[float, float]:
    """Return the root mean square error of what was said out of fold of single segments.

    Without a record it is the spread of the ratings: no more certain than not to listen.
    """
    true = np.array([target(clip, "affect") for clip in clips], np.float64)
    if record is None:
        return _root_mean_square(true)
    predictions = record.predictions
    return _root_mean_square(
        np.concatenate(
            [
                np.asarray(predictions[clip.id]) - rating
                for clip, rating in zip(clips, true, strict=True)
            ]
        )
    )


def _root_mean_square(rows: NDArray[np.float64]) -> tuple[float, float]:
    valence, arousal = np.sqrt((rows**2).mean(0)).tolist()
    return valence, arousal


def _shares(clips: Sequence[Clip]) -> NDArray[np.float64]:
    """Return the mean shares of the songs of each class, (9, 9); of all where a class is empty."""
    shares = np.array([clip.gems for clip in clips], np.float64)
    classes = np.array([target(clip, "gems") for clip in clips])
    return np.stack(
        [
            (shares[classes == kind] if (classes == kind).any() else shares).mean(0)
            for kind in range(len(GEMS))
        ]
    )


def _prior(chosen: Mapping[Task, Sequence[Clip]]) -> Calibration:
    """Return what is known before any sound: spread of the ratings, mean shares, or defaults."""
    known: dict[str, Any] = {}
    rated = [target(clip, "affect") for clip in chosen.get("affect", ())]
    if spread := [rating for rating in rated if rating is not None]:
        valence, arousal = _root_mean_square(np.array(spread, np.float64))
        known |= {"prior_valence_sd": valence, "prior_arousal_sd": arousal}
    if shares := [clip.gems for clip in chosen.get("gems", ()) if clip.gems is not None]:
        known["prior_gems"] = np.mean(shares, axis=0).tolist()
    return Calibration.model_validate(known)


def _scales(cards: Mapping[Task, HeadCard]) -> dict[str, str]:
    if "affect" in cards:
        rating = f"rating in [-1, 1], neutral 0, as {cards['affect'].corpus} has it"
    elif "quadrants" in cards:
        sd = Calibration().prior_valence_sd
        rating = (
            "not learnt: in [-1, 1], the mean of a rating whose sign the quadrants' probabilities "
            f"tell and which scatters about 0 with an sd of {sd:g}"
        )
    else:
        rating = "not learnt: always 0, with the sd of not knowing"
    gems = (
        f"expected share of listeners who tick the item, in [0, 1]: the mean shares of the songs "
        f"of each class in {cards['gems'].corpus}, weighted by the class' probability"
        if "gems" in cards
        else "not learnt: always the same"
    )
    return {"valence": rating, "arousal": rating, "gems": gems}


def _repeated(cards: Mapping[Task, HeadCard]) -> str:
    counts = [
        f"{task} {card.repeated} of {card.clips}" for task, card in cards.items() if card.repeated
    ]
    if not counts:
        return ""
    return (
        "; those shorter than a window were repeated until they filled one, because live sound "
        f"has no zeros behind it ({', '.join(counts)}), of which the table has no metrics"
    )
