"""A whole music library worked out track by track: what ``realtime-mer annotate`` does."""

import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from realtime_mer.errors import CheckpointError, InputError
from realtime_mer.library.store import TrackStore
from realtime_mer.library.tables import check_extension, store_of, write_table
from realtime_mer.library.walk import AudioFile, Broken, walk
from realtime_mer.library.workers import annotated
from realtime_mer.model.files import checkpoint_files, find_checkpoint
from realtime_mer.printing.console import console
from realtime_mer.printing.progress import files_bar
from realtime_mer.recognizer.loading import computes_on_gpu
from realtime_mer.wording import counted


@dataclass(frozen=True, kw_only=True)
class AnnotateOptions:
    """What ``realtime-mer annotate`` was asked for.

    Attributes:
        folder: walked with all below it.
        out: table to write, ``.sqlite``, ``.parquet`` or ``.csv``; for the latter two the work is
            kept in the ``.sqlite`` of the same name beside it.
        model, compute: checkpoint and device. The model that a library deserves takes long: it is
            heard once, and no stream waits for it.
        jobs: processes at a time; None for one per core, or one if they share a GPU.
    """

    folder: Path
    out: Path
    model: str = "library"
    compute: str = "auto"
    jobs: int | None = None


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """What has become of a library.

    Attributes:
        done, kept: tracks worked out now, and those that had not changed since an earlier time.
        gone: tracks forgotten, because their files are no longer in the folder.
        broken: what gave no track.
        remarks: what was wrong with the sound of tracks worked out now, one line each.
        total: tracks now in the table, those of other folders included.
    """

    done: int
    kept: int
    gone: int
    broken: Sequence[Broken]
    remarks: Sequence[str]
    total: int


def annotate(options: AnnotateOptions) -> Annotation:
    """Bring a table up to date with the music in a folder.

    Each track is kept as soon as it is found, so that after a Ctrl-C or a kill the same command
    goes on from there. A file whose path, size, time and model are those of a track in the table
    is not read again; broken files are tried again every time.

    Raises:
        InputError: the folder, the table or a setting cannot be used.
        CheckpointError: the model cannot be loaded.
    """
    check_extension(options.out)
    model_sha256 = fingerprint(options.model)
    files, broken = walk(options.folder)
    if not files and not broken:
        raise InputError(f"{options.folder} holds no audio file: name the folder your music is in")
    done = 0
    remarks: list[str] = []
    with TrackStore(store_of(options.out)) as store:
        before = store.done(model_sha256)
        new = [file for file in files if file not in before]
        gone = _gone(options.folder, store.paths(), files, broken)
        store.drop(gone)
        shown = console(stderr=True)
        if told := _anew(new, store.of_others(model_sha256), model=options.model):
            shown.print(told)
        found = annotated(
            new, model=options.model, compute=options.compute, jobs=_jobs(options, tracks=len(new))
        )
        with files_bar(shown) as progress, closing(found):
            bar = progress.add_task("", total=len(new))
            for file, result in found:
                if isinstance(result, Broken):
                    broken.append(result)
                    store.drop([file.path])  # what it was before it broke
                else:
                    store.put(file, result.track, model_sha256=model_sha256)
                    done += 1
                    remarks += (f"{file.path}: {n} {what}." for what, n in result.faults.items())
                progress.update(bar, advance=1, description=Path(file.path).name)
        total = len(store.paths())
        if total and store.path != options.out:
            write_table(options.out, list(store.tracks()))
    return Annotation(
        done=done,
        kept=len(files) - len(new),
        gone=len(gone),
        broken=sorted(broken, key=lambda one: one.path),
        remarks=sorted(remarks),
        total=total,
    )


def fingerprint(model: str) -> str:
    """Return the SHA-256, in hexadecimal, of a checkpoint's card and weights.

    Raises:
        CheckpointError: there is no such checkpoint, or it cannot be read.
    """
    digest = hashlib.sha256()
    for path in checkpoint_files(model):
        try:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read ({error.strerror}).") from error
    return digest.hexdigest()


def _anew(new: Sequence[AudioFile], models: Mapping[str, str], *, model: str) -> str:
    """Return what is said of tracks that another model had made; empty where there are none.

    Args:
        new: the files that are worked out now.
        models: the names of other models, by the paths of the tracks that they made.
        model: the one that works them out.
    """
    others = Counter(models[file.path] for file in new if file.path in models)
    if not others:
        return ""
    told = (
        f"realtime-mer: {counted(others.total(), 'track')} in the table by another model "
        f"({', '.join(others)}) will be worked out anew."
    )
    (name, _), *_ = others.most_common(1)
    if name == find_checkpoint(model).name:  # an earlier one of that name, which is gone
        return told
    return f"{told} To keep what is there, press Ctrl-C and give --model {name}."


def _gone(
    folder: Path, known: Sequence[str], files: Sequence[AudioFile], broken: Sequence[Broken]
) -> set[str]:
    """Return which known tracks were in the folder and are no more; what cannot be read may be."""
    root = os.path.join(os.path.abspath(folder), "")
    unread = tuple(os.path.join(one.path, "") for one in broken)
    there = {file.path for file in files}
    return {
        path
        for path in known
        if path.startswith(root) and path not in there and not path.startswith(unread)
    }


def _jobs(options: AnnotateOptions, *, tracks: int) -> int:
    if options.jobs is not None:
        return options.jobs
    return 1 if tracks <= 1 or _on_gpu(options) else _cores()


def _on_gpu(options: AnnotateOptions) -> bool:
    return computes_on_gpu(options.model, options.compute)


def _cores() -> int:
    # Those that this process may use, where the system tells.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
