"""``training evaluate``: the folds judged by the songs they held out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from realtime_mer.errors import InputError

from .options import (
    Cache,
    Data,
    Json,
    Resamples,
    RunFolder,
    Threads,
    check_run,
    loading,
    print_json,
)

if TYPE_CHECKING:
    from ..learn.run import Run


def evaluate(
    run: RunFolder,
    data: Data = None,
    fold: Annotated[list[int] | None, typer.Option(min=0, help="Only this fold.")] = None,
    resamples: Resamples = 1000,
    threads: Threads = 1,
    cache_folder: Cache = None,
    as_json: Json = False,
) -> None:
    """Judge the folds by the songs they held out; write predictions.npz and report.json."""
    check_run(run)
    with loading():
        from ..corpora import data_root, read_clips

        root = data_root(data)
        import torch
        from rich.console import Console
        from rich.table import Table

        from ..features import cache
        from ..learn.run import open_run
    torch.set_num_threads(threads)
    opened = open_run(run, read_clips(root), None)
    folds = sorted(set(fold)) if fold else list(range(opened.split.folds))
    report = judge_folds(opened, cache_folder or cache.cache_folder(), folds, resamples)
    if as_json:
        print_json(report)
        return
    table = Table("data", "metric", "value", "95 %", "baseline", "n")
    for row in report["metrics"]:
        value, low, high, baseline = (
            "-" if row[name] is None else f"{row[name]:.3f}"
            for name in ("value", "low", "high", "baseline")
        )
        interval = f"{low} … {high}"
        table.add_row(row["data"], row["metric"], value, interval, baseline, str(row["n"]))
    Console().print(table)
    covered = Table("share of ratings inside", *(levels := ("50%", "90%")))
    for name, shares in report["calibration"]["coverage"].items():
        covered.add_row(name.replace("_", " "), *(f"{shares[level]:.3f}" for level in levels))
    if covered.rows:
        Console().print(covered)
    Console().print(f"wrote {opened.folder / 'report.json'} and predictions.npz", soft_wrap=True)


def judge_folds(run: "Run", place: Path, folds: list[int], resamples: int) -> dict[str, Any]:
    """Judge folds by the songs they held out, and write ``predictions.npz`` and ``report.json``.

    Raises:
        InputError: there is no such fold, or it is not trained.
    """
    from ..features import cache
    from ..files import write_json
    from ..judge.calibration import calibrate, rescale
    from ..judge.evaluate import evaluate as metrics_of
    from ..judge.evaluate import fingerprint, predict, save_predictions
    from ..judge.familiarity import fit_familiarity
    from ..learn.run import audio_hash

    if folds[-1] >= run.split.folds:
        raise InputError(f"no fold {folds[-1]}: {run.folder} has folds 0 to {run.split.folds - 1}")
    features = cache.feature_store(run.clips, run.config.features, place)
    predictions = rescale(run, predict(run, features, folds))
    if run.config.network.familiar:
        fit_familiarity(run, features, folds)
    save_predictions(predictions, run.folder / "predictions.npz")
    report: dict[str, Any] = {
        "run": fingerprint(run),
        "folds": folds,
        "metrics": metrics_of(run, predictions, resamples=resamples),
        "calibration": calibrate(run, predictions),
        "audio_sha256": audio_hash(features.audio_hashes),
    }
    write_json(run.folder / "report.json", report)
    return report
