"""``python -m training``: list corpora, train, evaluate, export."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table

from realtime_mer.errors import RealtimeMerError
from training import cache
from training.calibration import calibrate
from training.corpora import CORPORA, data_root, read_clips
from training.evaluate import evaluate, predict, save_predictions
from training.export import export
from training.files import write_json
from training.run import audio_hash, open_run
from training.train import train_part

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Data = Annotated[
    Path | None, typer.Option("--data", help="Folder of the corpora [REALTIME_MER_DATA].")
]
RunFolder = Annotated[Path, typer.Option("--run", help="Run folder.")]
Threads = Annotated[int, typer.Option(min=1, help="Processor threads.")]
Cache = Annotated[Path | None, typer.Option("--cache", help="Folder for what is computed once.")]


@app.command()
def corpora(data: Data = None) -> None:
    """List the corpora that are found, with counts, hours, labels and licences."""
    root = data_root(data)
    clips = read_clips(root)
    table = Table("corpus", "clips", "groups", "hours", "labels", "licence")
    for corpus in CORPORA:
        own = [clip for clip in clips if clip.corpus == corpus.name]
        if own:
            hours = sum(clip.seconds for clip in own) / 3600
            groups = len({clip.group for clip in own})
            table.add_row(
                corpus.name, str(len(own)), str(groups), f"{hours:.2f}", corpus.kind, corpus.licence
            )
    Console().print(table)


@app.command()
def train(
    run: RunFolder,
    config: Annotated[Path | None, typer.Option(help="Settings; for a new run folder.")] = None,
    data: Data = None,
    part: Annotated[
        list[str] | None, typer.Option(help="Only this part: fold-0 ... or all (the refit).")
    ] = None,
    teacher: Annotated[
        Path | None, typer.Option(help="The teacher's arrays [DATA/teachers/msd_musicnn.npz].")
    ] = None,
    threads: Threads = 1,
    cache_folder: Cache = None,
) -> None:
    """Train every fold and the refit, or some parts; a killed training goes on where it was."""
    torch.set_num_threads(threads)
    root = data_root(data)
    opened = open_run(run, read_clips(root), config)
    place = cache_folder or cache.cache_folder()
    features = cache.feature_store(opened.clips, opened.config.features, place)
    embeddings = None
    if opened.config.losses.teacher > 0:
        arrays = teacher or root / "teachers" / "msd_musicnn.npz"
        embeddings = cache.teacher_store(opened.clips, arrays, place)
    for name in part or opened.parts:
        train_part(
            opened.training_clips(name),
            features,
            embeddings,
            opened.config,
            opened.folder / name,
            stream_key=opened.parts.index(name),
        )


@app.command(name="evaluate")
def evaluate_command(
    run: RunFolder,
    data: Data = None,
    fold: Annotated[list[int] | None, typer.Option(help="Only these folds.")] = None,
    threads: Threads = 1,
    cache_folder: Cache = None,
) -> None:
    """Judge the folds by the songs they held out; write predictions.npz and report.json."""
    torch.set_num_threads(threads)
    opened = open_run(run, read_clips(data_root(data)), None)
    features = cache.feature_store(
        opened.clips, opened.config.features, cache_folder or cache.cache_folder()
    )
    folds = sorted(set(fold)) if fold else list(range(opened.split.folds))
    predictions = predict(opened, features, folds)
    save_predictions(predictions, run / "predictions.npz")
    report: dict[str, Any] = {
        "folds": folds,
        "metrics": evaluate(opened, predictions),
        "calibration": calibrate(opened, predictions),
        "audio_sha256": audio_hash(features),
    }
    write_json(run / "report.json", report)
    table = Table("data", "metric", "value", "95 %", "baseline", "n")
    for row in report["metrics"]:
        value, low, high, baseline = (
            "-" if row[name] is None else f"{row[name]:.3f}"
            for name in ("value", "low", "high", "baseline")
        )
        interval = f"{low} … {high}"
        table.add_row(row["data"], row["metric"], value, interval, baseline, str(row["n"]))
    Console().print(table)
    Console().print_json(json.dumps(report["calibration"]))


@app.command(name="export")
def export_command(
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="Where to write, without suffix.")],
    data: Data = None,
) -> None:
    """Write the refit's weights and a card that carries the out-of-fold figures."""
    card = export(open_run(run, read_clips(data_root(data)), None), out)
    Console().print(f"wrote {out}.safetensors and {out}.json: {card.description}")


def main() -> None:
    """Run the command line; an expected error is one line and exit status 1."""
    try:
        app()
    except RealtimeMerError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
