"""``training committee``: a committee of teachers that ships."""

import hashlib
from pathlib import Path
from typing import Annotated

import typer

from realtime_mer.errors import InputError

from .options import (
    Cache,
    Data,
    Jobs,
    Resamples,
    Teachers,
    Threads,
    check_run,
    loading,
    teachers_folder,
)


def committee(
    out: Annotated[Path, typer.Option(help="Where to write, without suffix.")],
    run_folder: Annotated[
        Path | None,
        typer.Option(
            "--run", help="An evaluated run, whose network sits in the committee (else none does)."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Without --run, settings whose corpora and folds are taken (else the default's)."
        ),
    ] = None,
    data: Data = None,
    teachers: Teachers = None,
    resamples: Resamples = 1000,
    jobs: Jobs = 1,
    threads: Threads = 1,
    cache_folder: Cache = None,
) -> None:
    """Fit a committee on every rated clip, judge it fold by fold, and write its file and card."""
    if run_folder is not None:
        if config is not None:
            raise InputError("a run has settings of its own: give --run or --config, not both")
        check_run(run_folder)
    with loading():
        from ..corpora import data_root, find_corpora, read_clips
        from ..corpora.not_music import NOT_MUSIC, read_sounds

        root = data_root(data)
        import numpy as np
        import torch

        from ..export.library import Material, ship_committee
        from ..features import cache
        from ..features.teachers import COMMITTEE, TEACHERS, arrays_of
        from ..judge.committee import window_store
        from ..learn.config import DEFAULT_SETTINGS, read_config
        from ..learn.run import open_run, provenance_of, unkept_run
        from ..report.targets import JUDGED
    torch.set_num_threads(threads)
    clips = read_clips(root)
    if run_folder is None:
        settings = config or DEFAULT_SETTINGS
        run = unkept_run(read_config(settings), clips)
        provenance = provenance_of(run.clips, run.split, settings, seed=run.config.seed)
    else:
        run = open_run(run_folder, clips, None)
        provenance = run.provenance()
    found = find_corpora(root, [NOT_MUSIC])
    if not found:
        raise InputError(
            f"no {NOT_MUSIC.layouts[0].shape} in {root}: without sounds that are no music nobody "
            "can say when music sounds"
        )
    sounds = read_sounds(found[0].folder)
    folder = teachers_folder(teachers, root)
    arrays = {name: arrays_of(name, folder) for name in COMMITTEE}
    place = cache_folder or cache.cache_folder()
    both = run.clips, [sound.clip for sound in sounds]
    stores = [window_store(run.config, heard, folder, place, jobs=jobs) for heard in both]
    features = None
    if run_folder is not None:
        features = cache.merged(
            [cache.feature_store(heard, run.config.features, place, jobs=jobs) for heard in both]
        )
    card = ship_committee(
        out,
        Material(
            run=run,
            sounds=sounds,
            networks={
                name: TEACHERS[name].network(np.load(path)).eval() for name, path in arrays.items()
            },
            teachers_sha256={
                name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in arrays.items()
            },
            store=cache.merged(stores),
            features=features,
        ),
        figures_of=JUDGED,
        provenance=provenance,
        resamples=resamples,
    )
    typer.echo(f"wrote {out}.onnx and {out}.json: {card.description}")
