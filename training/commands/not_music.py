"""``training not-music``: what is said of noise and speech, and how well a run tells them."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import Cache, Data, Json, Threads, check_run, loading, print_json


def not_music(
    model: Annotated[str, typer.Option(help="Name or path of a checkpoint.")] = "default",
    run: Annotated[
        Path | None, typer.Option(help="Judge this run's folds by not_music, not a checkpoint.")
    ] = None,
    fold: Annotated[list[int] | None, typer.Option(min=0, help="Only this fold.")] = None,
    data: Data = None,
    threads: Threads = 1,
    cache_folder: Cache = None,
    as_json: Json = False,
) -> None:
    """Tell what a checkpoint says of noise and speech, or how well a run's folds tell them."""
    if run is not None:
        report = _judge(run, fold, data, threads, cache_folder)
        print_json(report) if as_json else _show(report)
        return
    with loading():
        import torch
        from rich.console import Console
        from rich.table import Table

        from realtime_mer.recognizer.reference import Recognizer

        from ..judge.not_music import false_emotions, judge, sounds
    torch.set_num_threads(1)
    recognizer = Recognizer.load(model, device="cpu")
    if as_json:
        print_json({"model": model, "sounds": false_emotions(recognizer)})
        return
    table = Table("sound", "valence", "arousal", "false emotions", "likeliest quadrant")
    for sound, samples in sounds(recognizer.sample_rate):
        judgement = judge(recognizer, sound, samples)
        quadrant, probability = judgement.quadrant
        table.add_row(
            judgement.sound,
            f"{judgement.valence:+.2f}",
            f"{judgement.arousal:+.2f}",
            f"{judgement.false_emotions:.0%}",
            f"{quadrant} {probability:.2f}",
        )
    Console().print(table)


def _judge(
    run: Path, fold: list[int] | None, data: Path | None, threads: int, place: Path | None
) -> dict[str, Any]:
    """Judge a run's folds and write ``not_music.json`` into its folder."""
    check_run(run)
    with loading():
        from ..corpora import data_root, find_corpora, read_clips
        from ..corpora.not_music import NOT_MUSIC, read_sounds

        root = data_root(data)
        import torch

        from realtime_mer.errors import InputError

        from ..features import cache
        from ..files import write_json
        from ..judge.not_music import judge_run, verdict_file
        from ..learn.run import open_run
    torch.set_num_threads(threads)
    found = find_corpora(root, [NOT_MUSIC])
    if not found:
        raise InputError(f"no {NOT_MUSIC.layouts[0].shape} in {root}")
    sounds = read_sounds(found[0].folder)
    opened = open_run(run, read_clips(root), None).with_besides([sound.clip for sound in sounds])
    folder = place or cache.cache_folder()
    stores = [
        cache.feature_store(clips, opened.config.features, folder)
        for clips in (opened.clips, opened.also)
    ]
    folds = sorted(set(fold)) if fold else list(range(opened.split.folds))
    report = judge_run(opened, cache.merged(stores), sounds, folds)
    write_json(verdict_file(opened), report)
    return report


def _show(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    kinds = Table("kind", "made", "clips", "right", "worst", title=f"AUC {report['auc']}")
    for row in report["kinds"]:
        worst = ", ".join(f"{each['clip']} {each['right']:.2f}" for each in row["worst"][:2])
        kinds.add_row(row["kind"], row["made"], str(row["clips"]), f"{row['right']:.3f}", worst)
    at = Table("below", "of not-music", "of music", "songs with more than a tenth")
    rows = [(f"{row['threshold']:.1f}", row) for row in report["thresholds"]]
    for below, row in [*rows, ("the status, as live", report["told"])]:
        shares = (
            "-" if row[name] is None else f"{row[name]:.3f}"
            for name in ("not_music_told", "music_mistaken")
        )
        at.add_row(
            below,
            *shares,
            f"{row['songs_mistaken_by_a_tenth']} of {row['songs']}",
        )
    Console().print(kinds, at, f"speech over music: {report['speech_over_music']}")
