"""``training probe``: what teachers are worth to simple models, before any network learns."""

from pathlib import Path
from typing import Annotated

import typer

from realtime_mer.errors import InputError

from .options import Cache, Data, Jobs, Resamples, Teachers, Threads, loading, teachers_folder


def probe(
    out: Annotated[Path, typer.Option(help="Folder of the page and its numbers.")],
    config: Annotated[
        Path | None,
        typer.Option(help="Settings whose corpora and folds are taken (else the default's)."),
    ] = None,
    teacher: Annotated[
        list[str] | None,
        typer.Option(help="A teacher, the first being what others are to lead; name it again."),
    ] = None,
    chosen_on: Annotated[
        list[int] | None, typer.Option(min=0, help="A fold that chooses (else the first three).")
    ] = None,
    data: Data = None,
    teachers: Teachers = None,
    resamples: Resamples = 1000,
    jobs: Jobs = 1,
    threads: Threads = 1,
    cache_folder: Cache = None,
) -> None:
    """Try combinations of teachers on grouped folds; write probe.md and probe.json."""
    with loading():
        from ..corpora import data_root, read_clips

        root = data_root(data)
        import datetime

        import torch
        from rich.console import Console

        from ..features import cache
        from ..features.teachers import COMMITTEE, TEACHERS, committee_store
        from ..judge.yardsticks.probe import predict_combinations
        from ..judge.yardsticks.probe import probe as probed
        from ..learn.config import DEFAULT_SETTINGS, read_config
        from ..learn.run import unkept_run
        from ..report.probe import write_probe
        from ..report.targets import JUDGED
    torch.set_num_threads(threads)
    names = tuple(teacher or COMMITTEE)
    for name in names:
        if name not in TEACHERS:
            raise InputError(f"no teacher {name!r}; teachers are {', '.join(TEACHERS)}")
    run = unkept_run(read_config(config or DEFAULT_SETTINGS), read_clips(root))
    split = run.split
    choosing = sorted(set(chosen_on if chosen_on is not None else range(min(3, split.folds - 1))))
    if not choosing or choosing[-1] >= split.folds or len(choosing) == split.folds:
        raise InputError(
            f"folds {choosing} cannot choose: there are folds 0 to {split.folds - 1}, and one or "
            "more must be left to confirm"
        )
    store = committee_store(
        names,
        run.clips,
        teachers_folder(teachers, root),
        cache_folder or cache.cache_folder(),
        jobs=jobs,
    )
    said = predict_combinations(run, store, names)
    found = probed(run, said, figures=JUDGED, chosen_on=choosing, resamples=resamples)
    page = write_probe(found, run, out, teachers=names, day=datetime.date.today())
    Console().print(f"{found.chosen.name} was chosen; wrote {page}", soft_wrap=True)
