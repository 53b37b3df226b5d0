"""``training train``: the folds and the refit."""

import hashlib
from pathlib import Path
from typing import Annotated

import typer

from .options import (
    Cache,
    Data,
    Jobs,
    RunFolder,
    Teachers,
    Threads,
    check_run,
    loading,
    teachers_folder,
)


def train(
    run: RunFolder,
    config: Annotated[
        Path | None, typer.Option(help="Settings, of a new run; see training/configs.")
    ] = None,
    begin: Annotated[
        Path | None,
        typer.Option(
            help="Begin a new run where this finished one ended: each part from its own, on the "
            "same folds.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    data: Data = None,
    part: Annotated[
        list[str] | None, typer.Option(help="Only this part: fold-0 ... or all (the refit).")
    ] = None,
    teachers: Teachers = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto: CUDA where it is.")] = "auto",
    jobs: Jobs = 1,
    threads: Threads = 1,
    cache_folder: Cache = None,
) -> None:
    """Train every fold and the refit, or some parts; a killed training goes on where it was.

    Several processes train together: torchrun --nproc-per-node 2 -m -- training train --run …
    """
    check_run(run, config)
    with loading():
        from ..corpora import data_root, read_clips

        root = data_root(data)
        import torch
        from rich.console import Console

        from ..corpora.splits import too_few
        from ..features import cache
        from ..features.teachers import arrays_of
        from ..learn.processes import joined
        from ..learn.run import SHARED, begin_from, open_run
        from ..learn.train import train_part
        from ..learn.training_set import gather
    torch.set_num_threads(threads)
    place = cache_folder or cache.cache_folder()
    with joined(device) as world:
        with world.in_turn():
            new = not run.exists()
            clips = read_clips(root)
            begun = begin_from(run, open_run(begin, clips, None)) if begin is not None else {}
            opened = open_run(run, clips, config)
            if new and (remark := too_few(opened.clips, opened.split.folds)) is not None:
                Console().print(remark, soft_wrap=True)
            folder = None
            if opened.config.losses.teacher > 0:
                folder = teachers_folder(teachers, root)
                arrays = {name: arrays_of(name, folder) for name in opened.config.teachers}
                opened.record(
                    teachers_sha256={
                        name: hashlib.sha256(path.read_bytes()).hexdigest()
                        for name, path in arrays.items()
                    }
                )
            training_set = gather(opened, root, place, folder, jobs=jobs)
            opened.record(device=world.device.type, processes=world.size, **begun)
        shared = opened.folder / SHARED if opened.config.shared_epochs else None
        for name in part or opened.parts:
            train_part(
                training_set.run.training_clips(name),
                training_set.features,
                training_set.teacher,
                opened.config,
                opened.folder / name,
                stream_key=opened.parts.index(name),
                labelled=name != SHARED,
                start=shared if name != SHARED else None,
                changed=training_set.changed,
                world=world,
            )
