"""``training report``: a run measured in every respect."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from realtime_mer.errors import InputError

from .evaluate import judge_folds
from .options import (
    Cache,
    Data,
    Jobs,
    Resamples,
    RunFolder,
    Teachers,
    Threads,
    check_run,
    loading,
    teachers_folder,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..corpora import Clip
    from ..learn.run import Run
    from ..report.kept import Kept


def report(
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="Folder of the report.")],
    data: Data = None,
    part: Annotated[
        list[str] | None, typer.Option(help="Measure only this part, again (else what is missing).")
    ] = None,
    left_out: Annotated[
        list[Path] | None,
        typer.Option(help="A run that left a corpus out, to be judged by that corpus."),
    ] = None,
    tried: Annotated[
        list[Path] | None,
        typer.Option(help="An evaluated run of the same folds that was tried, to be told of."),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            help="A run of the same folds to be compared with: its folder, its report's, or the "
            "clip-predictions.npz there."
        ),
    ] = None,
    sound_font: Annotated[
        list[str] | None,
        typer.Option(help="Render with this one, TimGM6mb say (else with every one)."),
    ] = None,
    unseen_s: Annotated[
        int,
        typer.Option(
            "--unheard-s", min=6, help="Seconds heard of each piece of a corpus never trained on."
        ),
    ] = 60,
    teachers: Teachers = None,
    resamples: Resamples = 1000,
    jobs: Jobs = 1,
    threads: Threads = 1,
    cache_folder: Cache = None,
) -> None:
    """Measure a trained run in every respect and write it as Markdown and plots.

    What was measured of these very weights before is not measured again, unless named by --part.
    """
    for folder in (run, *(left_out or ()), *(tried or ())):
        check_run(folder)
    with loading():
        from ..corpora import data_root, read_clips

        root = data_root(data)
        import torch
        from rich.console import Console

        from ..features import cache
        from ..learn.run import open_run
        from ..report.measure import PARTS, Bench, measure, measured
        from ..report.page import write_report
    torch.set_num_threads(threads)
    clips = read_clips(root)
    opened = open_run(run, clips, None)
    place = cache_folder or cache.cache_folder()
    for name in part or ():
        if name not in PARTS:
            raise InputError(f"no part {name!r} of a report; parts are {', '.join(PARTS)}")
    if not _evaluated(opened):
        judge_folds(opened, place, list(range(opened.split.folds)), resamples)
    bench = Bench(
        root=root,
        cache=place,
        teachers=teachers_folder(teachers, root),
        fonts=_fonts(sound_font),
        unseen_s=unseen_s,
        left_out=[open_run(folder, clips, None) for folder in left_out or ()],
        tried=[open_run(folder, clips, None) for folder in tried or ()],
        against=_kept(against, clips),
        jobs=jobs,
        resamples=resamples,
    )
    reasons = {}
    missing = [
        name
        for name in PARTS
        # What a run that is named adds may not be among what lies there.
        if measured(opened, out, name) is None
        or (name in ("unheard", "intervals") and left_out)
        or (name == "tried" and tried)
        or (name == "against" and against)
    ]
    for name in part or missing:
        Console().print(f"measuring: {name}")
        try:
            measure(opened, out, name, bench)
        except InputError as error:
            # A corpus, a sound font or a teacher is not there; all the rest can be told.
            reasons[name] = str(error)
            Console().print(f"not measured: {name}: {error}")
    written = write_report(opened, out, reasons=reasons, resamples=resamples)
    Console().print(f"wrote {written}")


def _kept(against: Path | None, clips: "Sequence[Clip]") -> "Kept | None":
    """Return what was said by the run that is compared with: a run folder, or what was kept."""
    from ..learn.run import open_run
    from ..report import kept

    if against is None:
        return None
    if (there := against / kept.KEPT).is_file():
        return kept.read(there)
    return kept.of_run(open_run(against, clips, None)) if against.is_dir() else kept.read(against)


def _fonts(names: list[str] | None) -> list[Path] | None:
    from ..corpora.midi import sound_fonts

    if names is None:
        return None
    installed = {path.stem: path for path in sound_fonts()}
    for name in names:
        if name not in installed:
            raise InputError(
                f"the sound font {name} is not installed; there are: {', '.join(installed) or '-'}"
            )
    return [installed[name] for name in names]


def _evaluated(run: "Run") -> bool:
    from ..judge.evaluate import read_evaluation

    try:
        read_evaluation(run)
    except InputError:
        return False
    return (run.folder / "predictions.npz").is_file()
