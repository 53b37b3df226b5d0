"""A row of the table, run once and kept: everything needed to repeat and to judge it, as JSON."""

import hashlib
import json
import platform
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress

from realtime_mer.audio.files import load_audio
from realtime_mer.emotion import GEMS
from realtime_mer.errors import InputError
from realtime_mer.recognizer import Recognizer
from training.corpora import Clip, label_hash
from training.evaluate import clip_table as streaming_table
from training.evaluate import load_network, load_predictions
from training.export import checkpoint
from training.files import write_json
from training.metrics import AFFECT, QUADRANT_COLUMNS
from training.papers.costs import steps_of
from training.papers.features import cut, segment_store
from training.papers.protocols import (
    LEAKY,
    Protocol,
    Said,
    as_grouped,
    as_paper,
    gather,
    plain,
    task_of,
)
from training.papers.scores import clip_table, confusion, per_class, score, segment_table
from training.papers.system import (
    TASKS,
    Effort,
    PaperSplit,
    System,
    Task,
    View,
    labels_of,
    target,
)
from training.run import REFIT, Run, git_commit
from training.splits import Split

STREAMING = "streaming"
"""How the streaming CNN-LSTM of this repository is called among the papers' systems."""

_PACKAGES = ("torch", "librosa", "scikit-learn", "imbalanced-learn", "numpy")


def record_path(folder: Path, system: str, corpus: str, protocol: Protocol) -> Path:
    """Return where a row is kept."""
    return folder / corpus / f"{system}.{protocol}.json"


def read_records(folder: Path) -> list[dict[str, Any]]:
    """Return every row that is kept below a folder, in the order of their paths."""
    return [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*/*.json"))
    ]


def refuse_shorter(path: Path, epochs: int, most_steps: int | None) -> None:
    """Keep a row that took hours from being replaced by a trial.

    Args:
        path: where a row is, or would be, kept.
        epochs: of the row to come.
        most_steps: of each of its fits; None for no limit.

    Raises:
        InputError: the row that is kept had more epochs, or more steps.
    """
    if not path.is_file():
        return
    kept = json.loads(path.read_text(encoding="utf-8"))["asked"]
    limit = kept.get("most_steps")
    fewer_steps = most_steps is not None and (limit is None or most_steps < limit)
    if epochs < kept["epochs"] or fewer_steps:
        raise InputError(
            f"{path} is a row of {_length(kept['epochs'], limit)}, which one of "
            f"{_length(epochs, most_steps)} does not replace; name another folder by --out, or "
            "delete that file"
        )


def _length(epochs: int, most_steps: int | None) -> str:
    limit = "" if most_steps is None else f" and at most {most_steps} steps"
    return f"{epochs} epochs{limit}"


def run_row(
    system: System,
    clips: Sequence[Clip],
    protocol: Protocol,
    split: Split,
    effort: Effort,
    *,
    folder: Path,
    cache: Path,
    jobs: int = 1,
    resamples: int = 1000,
) -> dict[str, Any] | None:
    """Return the record of one system on one corpus under one protocol, running what is not kept.

    Each fit is kept in the cache as soon as it is judged, until the row is whole: a row that was
    killed goes on with the next fit.

    Args:
        system: which.
        clips: of one corpus.
        protocol: who learns from what.
        split: the folds of the grouped protocol.
        effort: how long each fit may take.
        folder: where records are kept.
        cache: where features are.
        jobs: processes that compute features.
        resamples: draws behind an interval. A row that is kept stays as it is, with those it had.

    Returns:
        None where the corpus has no labels that the system can learn.

    Raises:
        InputError: a row of more epochs or steps is kept; it is not replaced.
    """
    task = task_of(system, clips)
    if task is None:
        return None
    corpus = clips[0].corpus
    segments = segment_store(clips, system.view, cache, jobs=jobs)
    asked: dict[str, Any] = {
        "system": system.name,
        "corpus": corpus,
        "protocol": LEAKY if protocol == "paper" else protocol,
        "task": task,
        "view": _view(system.view),
        "settings": dict(system.settings),
        "balance": system.balance,
        "epochs": effort.epochs,
        "most_steps": steps_of(system, effort.most_steps),
        "seed": effort.seed,
        "labels_sha256": label_hash(clips),
        "audio_sha256": segments.audio_sha256,
        "split": _division(system.split) if protocol == "paper" else split.hash,
    }
    # As it will be read again, so that the two can be compared.
    asked = json.loads(json.dumps(asked))
    path = record_path(folder, system.name, corpus, protocol)
    if path.is_file():
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if kept["asked"] == asked:
            return kept
    refuse_shorter(path, asked["epochs"], asked["most_steps"])
    unfinished = cache / "papers" / f"unfinished-{_hash(asked)}"
    data = gather(clips, segments, task)
    rounds = split.folds if protocol == "grouped" else max(1, system.split.folds)
    with Progress(transient=True) as bar:
        name = f"{system.name} on {corpus}, {asked['protocol']}"
        row = bar.add_task(name, total=rounds * effort.epochs or None)

        def step(_epoch: int, measured: Mapping[str, float]) -> None:
            text = ", ".join(f"{what} {value:.3f}" for what, value in measured.items())
            bar.update(row, advance=1, description=f"{name}: {text}")

        shown = replace(effort, progress=step)
        said = (
            as_paper(system, data, shown, kept=unfinished)
            if protocol == "paper"
            else as_grouped(system, data, split, shown, kept=unfinished)
        )
    record = {
        "asked": asked,
        "leaks": system.split.leaks if protocol == "paper" else None,
        **_judged(said, data.clips, task, "segments" if protocol == "paper" else "both", resamples),
        "parameters": said.parameters,
        "resamples": resamples,
        "fits": len(said.learnt),
        "learnt": list(said.learnt),
        "fit_cpu_seconds": round(said.seconds, 1),
        "curve": _rounded(said.curve),
        "threads": effort.threads,
        "cpu_ms_per_second": round(_ms_per_second(system.view, data.clips, said), 2),
        **_provenance(),
        "predictions": _predictions(said, data.clips, task),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, record)
    shutil.rmtree(unfinished, ignore_errors=True)
    return record


def _division(split: PaperSplit) -> dict[str, Any]:
    # Whether the text states it changes no number, so that rows are the same with and without.
    return {name: value for name, value in asdict(split).items() if name != "stated"}


def _hash(asked: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]


def _rounded(curve: Sequence[Mapping[str, float]]) -> list[dict[str, float | None]]:
    """Return a learning curve for JSON: four digits, None for what is no number."""
    return [
        {name: round(value, 4) if np.isfinite(value) else None for name, value in epoch.items()}
        for epoch in curve
    ]


def streaming_rows(run: Run, folder: Path, *, resamples: int = 1000) -> list[dict[str, Any]]:
    """Return records of a run's network on the clips its folds held out, in the papers' metrics.

    Raises:
        InputError: the run is not evaluated, or a row of a run of more epochs is kept.
    """
    table = streaming_table(run, load_predictions(run))
    clip_of = {clip.key: clip for clip in run.clips}
    network = load_network(run, f"fold-{table['fold'].iloc[0]}")
    parameters = sum(weights.numel() for weights in network.parameters())
    cost = _streaming_cost(run)
    columns = {"quadrants": QUADRANT_COLUMNS, "gems": GEMS, "affect": AFFECT}
    records = []
    for corpus in table["corpus"].unique():
        for task in TASKS:
            own = table[table["corpus"] == corpus]
            labels = {key: target(clip_of[key], task) for key in own["key"]}
            own = own[[labels[key] is not None for key in own["key"]]].reset_index(drop=True)
            if own.empty:
                continue
            path = folder / corpus / f"{STREAMING}.{task}.json"
            refuse_shorter(path, run.config.shared_epochs + run.config.epochs, None)
            true = np.array([labels[key] for key in own["key"]])
            said = Said(
                clip=np.arange(len(own)),
                made=np.zeros(len(own), np.bool_),
                fold=own["fold"].to_numpy(),
                true=true,
                said=own[list(columns[task])].to_numpy(float),
                baseline=_out_of_fold_baseline(true, own["fold"].to_numpy()),
                parameters=parameters,
                seconds=0.0,
                answer_s=0.0,
                learnt=(),
            )
            clips = [clip_of[key] for key in own["key"]]
            record = {
                "asked": {
                    "system": STREAMING,
                    "corpus": corpus,
                    "protocol": "grouped",
                    "task": task,
                    "split": run.split.hash,
                    "run": run.config.name,
                    "epochs": run.config.shared_epochs + run.config.epochs,
                    "labels_sha256": label_hash(run.clips),
                },
                "leaks": None,
                **_judged(said, clips, task, "clips", resamples),
                "parameters": parameters,
                **cost,
                **_provenance(),
                "predictions": _predictions(said, clips, task),
            }
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, record)
            records.append(record)
    return records


def _streaming_cost(run: Run) -> dict[str, float | None]:
    """Return how long a run's folds learnt, and what a second of sound costs live.

    Where there is no refit, whose network is heard hop by hop, the second is None.
    """
    logs = [run.weights(part).with_name("log.jsonl") for part in run.parts if part != REFIT]
    epochs = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    cost: dict[str, float | None] = {
        "fit_seconds": round(sum(epoch["seconds"] for epoch in epochs), 1),
        "cpu_ms_per_second": None,
    }
    if run.weights(REFIT).is_file():
        recognizer = Recognizer(checkpoint(run), device="cpu")
        generator = np.random.default_rng(0)
        second = 0.1 * generator.standard_normal((1, recognizer.sample_rate), np.float32)
        hops = torch.split(torch.from_numpy(second), recognizer.hop_samples, dim=1)
        state, times = recognizer.initial_state(), []
        for _ in range(5):
            before = time.process_time()
            for hop in hops:
                _, state = recognizer.step(hop, state)
            times.append(time.process_time() - before)
        cost["cpu_ms_per_second"] = round(1000 * float(np.median(times)), 2)
    return cost


def _out_of_fold_baseline(true: NDArray[Any], fold: NDArray[Any]) -> NDArray[Any]:
    return np.stack([plain(true[fold != own]) for own in fold])


def _judged(
    said: Said, clips: Sequence[Clip], task: Task, unit: str, resamples: int
) -> dict[str, Any]:
    """Return the metrics of segments, of clips, or of both, and a classifier's confusions."""
    tables = {}
    if unit != "clips":
        tables["segments"] = segment_table(said, clips, task)
        if said.made.any():
            tables["real segments"] = tables["segments"][~said.made].reset_index(drop=True)
    if unit != "segments":
        tables["clips"] = clip_table(said, clips, task)
    metrics = [
        row
        for name, table in tables.items()
        for row in score(table, task, unit=name, resamples=resamples)
    ]
    judged: dict[str, Any] = {
        "n": {
            "segments": len(said.clip),
            "made by over-sampling": int(said.made.sum()),
            "clips": len(np.unique(said.clip)),
        },
        "metrics": metrics,
    }
    if task != "affect":
        first = next(iter(tables.values()))
        counts = confusion(first["true"].to_numpy(), first["said"].to_numpy(), len(labels_of(task)))
        precision, recall, f1 = per_class(counts).round(4).tolist()
        judged |= {
            "classes": list(labels_of(task)),
            "confusion": counts.tolist(),
            "per_class": {"precision": precision, "recall": recall, "F1": f1},
        }
    return judged


def _predictions(said: Said, clips: Sequence[Clip], task: Task) -> dict[str, Any]:
    """Return what was said of every real segment by clip.

    Of classes a text with a digit, from 0, for each segment; else valence and arousal of each.
    """
    by_clip: dict[str, Any] = {}
    for number in np.unique(said.clip[~said.made]):
        rows = said.said[(said.clip == number) & ~said.made]
        by_clip[clips[number].id] = (
            rows.round(3).tolist() if task == "affect" else "".join(map(str, rows.argmax(1)))
        )
    return by_clip


def _provenance() -> dict[str, Any]:
    return {
        "git_commit": git_commit(),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
        "platform": platform.platform(),
    }


def _view(view: View) -> dict[str, Any]:
    names = ("name", "version", "sample_rate", "seconds", "hop_s", "longest_s", "fill")
    return {name: getattr(view, name) for name in names}


def _ms_per_second(view: View, clips: Sequence[Clip], said: Said) -> float:
    """Return the processor time that features and answer take, in ms per second of sound."""
    piece = cut(load_audio(clips[int(said.clip[0])].path, sample_rate=view.sample_rate), view)[0]
    times = []
    for _ in range(3):
        before = time.process_time()
        view.compute(piece)
        times.append(time.process_time() - before)
    return 1000 * (float(np.median(times)) + said.answer_s) / view.hop_s
