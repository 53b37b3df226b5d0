"""Rows of the streaming network of this repository, on the clips that its folds held out."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from realtime_mer.emotion import GEMS
from realtime_mer.recognizer import Recognizer
from training.corpora import label_hash
from training.evaluate import clip_table, load_network, load_predictions
from training.export import checkpoint
from training.files import write_json
from training.metrics import AFFECT, QUADRANT_COLUMNS
from training.papers.protocols import Said, plain
from training.papers.records import STREAMING, judged, predictions, provenance, refuse_shorter
from training.papers.system import TASKS, target
from training.run import REFIT, Run


def streaming_rows(run: Run, folder: Path, *, resamples: int = 1000) -> list[dict[str, Any]]:
    """Return records of a run's network on the clips its folds held out, in the papers' metrics.

    Raises:
        InputError: the run is not evaluated, or a row of a run of more epochs is kept.
    """
    table = clip_table(run, load_predictions(run))
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
                **judged(said, clips, task, "clips", resamples),
                "parameters": parameters,
                **cost,
                **provenance(),
                "predictions": predictions(said, clips, task),
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
