"""Rows of the streaming network of this repository, on what it did not learn from."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.progress import track

from realtime_mer.emotion import GEMS
from realtime_mer.model.network import EmotionNetwork
from realtime_mer.recognizer.reference import Recognizer

from ...corpora import Clip, label_hash
from ...corpora.splits import Split
from ...export.shipping import checkpoint
from ...features.cache import FeatureStore
from ...judge.evaluate import (
    HOP_COLUMNS,
    clip_mean,
    clip_table,
    load_network,
    load_predictions,
    run_clip,
)
from ...judge.metrics import AFFECT, QUADRANT_COLUMNS
from ...learn.run import REFIT, Run
from ..systems.system import TASKS, target
from .protocols import SegmentPredictions, baseline_of
from .records import (
    STREAMING,
    StreamingAsked,
    StreamingRecord,
    evaluation,
    predictions_by_clip,
    provenance,
    refuse_shorter,
    write_record,
)


def streaming_rows(run: Run, folder: Path, *, resamples: int = 1000) -> list[StreamingRecord]:
    """Return records of a run's network on the clips its folds held out, in the papers' metrics.

    Raises:
        InputError: the run is not evaluated, or a row of a run of more epochs is kept.
    """
    table = clip_table(run, load_predictions(run))
    clip_of = {clip.key: clip for clip in run.clips}
    cost = _cost(run, load_network(run, f"fold-{table['fold'].iloc[0]}"))
    asked = {"split": run.split.hash, "labels_sha256": label_hash(run.clips)}
    records = []
    for corpus in table["corpus"].unique():
        own = table[table["corpus"] == corpus].reset_index(drop=True)
        clips = [clip_of[key] for key in own["key"]]
        records += _records(run, clips, own, asked, cost, folder, resamples)
    return records


def unseen_rows(
    run: Run,
    clips: Sequence[Clip],
    split: Split,
    features: FeatureStore,
    folder: Path,
    *,
    resamples: int = 1000,
) -> list[StreamingRecord]:
    """Return records of a run's refit on a corpus that it learnt nothing of.

    Args:
        run: whose.
        clips: of that corpus, as sound.
        split: the folds of the other systems' rows; the baseline learns from these.
        features: log-mel frames of the clips.
        folder: where rows are kept.
        resamples: draws behind an interval.

    Raises:
        InputError: there is no refit, or a row of a run of more epochs is kept.
    """
    network = load_network(run, REFIT)
    heard = track(clips, description=f"hearing {clips[0].corpus}")
    predicted = [clip_mean(run_clip(network, *features.heard(clip.key))) for clip in heard]
    table = pd.DataFrame(predicted, columns=list(HOP_COLUMNS))
    table["fold"] = [split.fold_of[clip.key] for clip in clips]
    asked = {"split": split.hash, "labels_sha256": label_hash(clips), "unheard": True}
    return _records(run, clips, table, asked, _cost(run, network), folder, resamples)


def _records(
    run: Run,
    clips: Sequence[Clip],
    table: pd.DataFrame,
    asked: Mapping[str, Any],
    cost: Mapping[str, Any],
    folder: Path,
    resamples: int,
) -> list[StreamingRecord]:
    """Return, and keep, a record of each task that clips of one corpus are labelled with.

    Args:
        table: a row for each clip: ``HOP_COLUMNS`` and ``fold``.
        asked: what a record says of folds and labels, and whether the corpus is ``unheard``.
    """
    corpus = clips[0].corpus
    columns = {"quadrants": QUADRANT_COLUMNS, "gems": GEMS, "affect": AFFECT}
    records = []
    for task in TASKS:
        labels = [target(clip, task) for clip in clips]
        known = [number for number, label in enumerate(labels) if label is not None]
        if not known:
            continue
        path = folder / corpus / f"{STREAMING}.{task}.json"
        refuse_shorter(path, _epochs(run), None)
        fold, true = table["fold"].to_numpy()[known], np.array([labels[n] for n in known])
        predictions = SegmentPredictions(
            clip=np.arange(len(known)),
            oversampled=np.zeros(len(known), np.bool_),
            fold=fold,
            true=true,
            predicted=table[list(columns[task])].to_numpy(float)[known],
            baseline=_out_of_fold_baseline(true, fold),
            parameters=cost["parameters"],
            fit_s=0.0,
            predict_s=0.0,
            train_sizes=(),
        )
        own = [clips[number] for number in known]
        record = StreamingRecord(
            asked=StreamingAsked(
                system=STREAMING,
                corpus=corpus,
                protocol="grouped",
                task=task,
                run=run.config.name,
                epochs=_epochs(run),
                **asked,
            ),
            leaks=None,
            **evaluation(predictions, own, task, "clips", resamples),
            **cost,
            **provenance(),
            predictions=predictions_by_clip(predictions, own, task),
        )
        write_record(record, path)
        records.append(record)
    return records


def _epochs(run: Run) -> int:
    return run.config.shared_epochs + run.config.epochs


def _cost(run: Run, network: EmotionNetwork) -> dict[str, Any]:
    """Return a network's parameters, how long a run's folds learnt, what a second costs live.

    Where there is no refit, whose network is heard hop by hop, the last is None.
    """
    logs = [run.weights(part).with_name("log.jsonl") for part in run.parts if part != REFIT]
    epochs = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    cost: dict[str, Any] = {
        "parameters": sum(weights.numel() for weights in network.parameters()),
        "fit_seconds": round(sum(epoch["seconds"] for epoch in epochs), 1),
        "cpu_ms_per_second": None,
    }
    if run.weights(REFIT).is_file():
        recognizer = Recognizer(checkpoint(run), device="cpu")
        generator = np.random.default_rng(0)
        second = 0.1 * generator.standard_normal((1, recognizer.sample_rate), np.float32)
        hops = np.split(
            second, range(recognizer.hop_samples, second.shape[1], recognizer.hop_samples), axis=1
        )
        state, times = recognizer.initial_state(), []
        for _ in range(5):
            before = time.process_time()
            for hop in hops:
                _, state = recognizer.step(hop, state)
            times.append(time.process_time() - before)
        cost["cpu_ms_per_second"] = round(1000 * float(np.median(times)), 2)
    return cost


def _out_of_fold_baseline(true: NDArray[Any], fold: NDArray[Any]) -> NDArray[Any]:
    return np.stack([baseline_of(true[fold != held_out]) for held_out in fold])
