"""A whole music library worked out track by track: what ``realtime-mer annotate`` does."""

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from realtime_mer.errors import InputError
from realtime_mer.library.changes import Changes
from realtime_mer.library.cluster.places import Place, check_place, files_of, look
from realtime_mer.library.sound import Sound
from realtime_mer.library.store import TrackStore
from realtime_mer.library.tables import check_extension, store_of, write_table
from realtime_mer.library.walk import AudioFile, Broken
from realtime_mer.library.workers import Found, Heard, Known, annotated
from realtime_mer.model.files import checkpoint_sha256
from realtime_mer.printing.console import console
from realtime_mer.printing.progress import files_bar
from realtime_mer.recognizer.loading import computes_on_gpu
from realtime_mer.wording import counted

KEPT = "what is known of its files is kept."

Ready = Callable[[AudioFile], bool]
"""Says whether a file that is new or has changed is to be heard now."""


@dataclass(frozen=True, kw_only=True)
class AnnotateOptions:
    """What ``realtime-mer annotate`` was asked for.

    Attributes:
        folders: walked with all below them; as ``place_of`` returns them.
        out: table to write, ``.sqlite``, ``.parquet`` or ``.csv``; for the latter two the work is
            kept in the ``.sqlite`` of the same name beside it.
        model, compute: checkpoint and device.
        engine: what runs the workers, ``pool`` (processes of this machine) or ``ray``.
        cluster: address of the Ray cluster; None as for ``annotated_on_ray``.
        jobs: workers at a time; None for one per core, or one if they share a GPU.
        outdated: hear tracks again that another model has spoken of.
        forget: delete what is known of files that are gone.
    """

    folders: Sequence[Place]
    out: Path
    model: str = "default"
    compute: str = "auto"
    engine: str = "pool"
    cluster: str | None = None
    jobs: int | None = None
    outdated: bool = False
    forget: bool = False


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """What has become of a library.

    Attributes:
        done: tracks worked out now.
        again: of these, tracks whose file had not changed, heard anew because it was asked for.
        known: files that hold a track that was known, by another name, with other tags or in
            another format, and that were not worked out.
        kept: files that had not changed since an earlier time.
        gone: files that are no longer there.
        away: files that are not there while their drive is not; their tracks stay in the table.
        forgotten: tracks deleted.
        outdated: tracks that another model has spoken of.
        broken: what gave no track.
        remarks: what else there is to tell, one line each.
        total: tracks now in the table, those of other folders included.
    """

    done: int
    again: int
    known: int
    kept: int
    gone: int
    away: int
    forgotten: int
    outdated: int
    broken: Sequence[Broken]
    remarks: Sequence[str]
    total: int

    @property
    def changed(self) -> bool:
        """Whether the table may be another one than before."""
        return bool(self.done or self.known or self.gone or self.forgotten)


def annotate(options: AnnotateOptions, *, ready: Ready = lambda file: True) -> Annotation:
    """Bring a table up to date with the music in some folders.

    Each track is kept as soon as it is found, so that after a Ctrl-C or a kill the same command
    goes on from there. A file whose path, size and time are those of one in the table is not read
    again; of any other one the sound is decoded, and the network hears only what is not known.
    Broken files are tried again every time.

    Args:
        options: what is asked for.
        ready: may put off a file for another time.

    Raises:
        InputError: a folder, the table or a setting cannot be used.
        CheckpointError: the model cannot be loaded.
    """
    check_extension(options.out)
    model_sha256 = checkpoint_sha256(options.model)
    broken: list[Broken] = []
    remarks: list[str] = []
    if not store_of(options.out).exists():
        _check_music(options.folders)
    with TrackStore(store_of(options.out)) as store:
        folders = [folder for folder in options.folders if _is_there(folder, store, remarks)]
        changes = Changes(store, _walked(folders, broken))
        unread = [one.path for one in broken]
        gone = away = 0
        for folder in options.folders:
            lost = changes.missing(folder, unread=unread)
            gone, away = gone + lost.gone, away + lost.away
            if lost.whole and folder in folders:
                remarks.append(f"{folder} holds no audio file now: {KEPT}")
        if not changes.seen and not broken and not away:
            raise _no_music(options.folders)
        kept = changes.seen - changes.waiting
        if options.outdated:
            changes.outdate(model_sha256)
        done, again, known = _work(options, changes, store, model_sha256, ready, broken, remarks)
        forgotten = store.forget() if options.forget else 0
        found = Annotation(
            done=done,
            again=again,
            known=known,
            kept=kept,
            gone=gone,
            away=away,
            forgotten=forgotten,
            outdated=store.count_outdated(model_sha256),
            broken=sorted(broken, key=lambda one: one.path),
            remarks=sorted(remarks),
            total=store.count(),
        )
        stale = not options.out.exists() or not store.is_exported(options.out)
        if found.total and store.path != options.out and stale:
            write_table(options.out, store.tracks())
            store.note_export(options.out)
    return found


def _check_music(folders: Sequence[Place]) -> None:
    """Refuse folders without music before a table of nothing is made."""
    broken: list[Broken] = []
    if next(_walked(folders, broken), None) is None and not broken:
        raise _no_music(folders)


def _no_music(folders: Sequence[Place]) -> InputError:
    named = ", ".join(map(str, folders))
    return InputError(f"{named} holds no audio file: name the folder your music is in")


def _is_there(folder: Place, store: TrackStore, remarks: list[str]) -> bool:
    """Return whether a folder can be walked; one that is away and in the table is no mistake."""
    try:
        check_place(folder)
    except InputError:
        if (isinstance(folder, Path) and folder.exists()) or not store.holds(folder):
            raise
        remarks.append(f"{folder} is away: {KEPT}")
        return False
    return True


def _walked(folders: Sequence[Place], broken: list[Broken]) -> Iterator[AudioFile]:
    for folder in folders:
        yield from files_of(folder, complain=broken.append)


def _work(
    options: AnnotateOptions,
    changes: Changes,
    store: TrackStore,
    model_sha256: str,
    ready: Ready,
    broken: list[Broken],
    remarks: list[str],
) -> tuple[int, int, int]:
    """Hear what waits; return tracks worked out, of these the unchanged ones, and files known."""
    total = changes.waiting
    done = anew = recognised = 0
    if not total:
        return done, anew, recognised
    again: set[AudioFile] = set()  # of those that are under way
    vanished = 0

    def files() -> Iterator[AudioFile]:
        nonlocal vanished
        for file, even_if_known in changes.to_hear():
            if look(file.path) is None:  # a drive that goes away in the middle
                vanished += 1
            elif even_if_known:
                again.add(file)
                yield file
            elif ready(file):
                yield file

    def known(file: AudioFile, sound: Sound) -> int | None:
        return None if file in again else store.known(sound)

    found = _engine(options, files(), known, tracks=total, model_sha256=model_sha256)
    with files_bar(console(stderr=True)) as progress, closing(found):
        bar = progress.add_task("", total=total)
        for file, result in found:
            unchanged = file in again
            again.discard(file)
            if isinstance(result, Broken):
                broken.append(replace(result, file=file))
                if not unchanged and look(file.path) == file:  # else its drive may have gone away
                    store.lose([file.path])  # what it was before it broke
            elif isinstance(result, Known):
                store.link(file, result.track)
                recognised += 1
            else:
                _keep(store, file, result, model_sha256)
                done += 1
                anew += unchanged
                remarks += (f"{file.path}: {n} {what}." for what, n in result.faults.items())
            progress.update(bar, advance=1, description=Path(file.path).name)
    if vanished:
        remarks.append(f"{counted(vanished, 'file')} went away unheard: {KEPT}")
    return done, anew, recognised


def _engine(
    options: AnnotateOptions,
    files: Iterator[AudioFile],
    known: Callable[[AudioFile, Sound], int | None],
    *,
    tracks: int,
    model_sha256: str,
) -> Generator[Found, None, None]:
    if options.engine == "pool":
        return annotated(
            files,
            known=known,
            model=options.model,
            compute=options.compute,
            jobs=_jobs(options, tracks=tracks),
        )
    from realtime_mer.library.cluster.ray_workers import annotated_on_ray

    return annotated_on_ray(
        files,
        known=known,
        model=options.model,
        model_sha256=model_sha256,
        compute=options.compute,
        jobs=options.jobs,
        most=tracks,
        address=options.cluster,
    )


def _keep(store: TrackStore, file: AudioFile, heard: Heard, model_sha256: str) -> None:
    store.put(file, replace(heard.track, model_sha256=model_sha256), heard.sound)


def _jobs(options: AnnotateOptions, *, tracks: int) -> int:
    if options.jobs is not None:
        return options.jobs
    return 1 if tracks <= 1 or _on_gpu(options) else _cores()


def _on_gpu(options: AnnotateOptions) -> bool:
    return computes_on_gpu(options.model, options.compute)


def _cores() -> int:
    # Those that this process may use, where the system tells.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
