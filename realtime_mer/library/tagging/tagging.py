"""The files of a whole library tagged, one after the other: what ``realtime-mer tag`` does."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from realtime_mer.errors import AudioFileError, InputError
from realtime_mer.library.checking.shown import read_shown
from realtime_mer.library.tables import check_table
from realtime_mer.library.tagging.fields import (
    NAMES,
    NOTE,
    Fields,
    Outcome,
    Wish,
    taken_back,
    written,
)
from realtime_mer.library.tagging.files import FULL, Plan, planned, write
from realtime_mer.library.walk import Broken, check_folder, walk
from realtime_mer.wording import counted, in_one_line, legible

Wanted = Callable[[Fields], Outcome]


@dataclass(frozen=True, kw_only=True)
class TagOptions:
    """What ``realtime-mer tag`` was asked for.

    Attributes:
        table: what ``annotate`` wrote; to remove, a folder will do.
        only: files and folders; none for all of the table.
        write: else nothing is written, and what would be is shown.
        remove: take back what an earlier time wrote.
        wish: what is written besides, and over what.
        keep_times: files keep the time at which they were last written.
        my_scale: the answers of a check, for numbers on the owner's scale.
    """

    table: Path
    only: Sequence[Path] = ()
    write: bool = False
    remove: bool = False
    wish: Wish = field(default_factory=Wish)
    keep_times: bool = False
    my_scale: Path | None = None


@dataclass(kw_only=True)
class Tagged:
    """What has become of the files.

    Attributes:
        changed: how many were written, or would be.
        same: how many say already what they should.
        failed: why others are left as they are, one line each.
    """

    changed: int = 0
    same: int = 0
    failed: list[str] = field(default_factory=list)


def check_options(options: TagOptions) -> None:
    """Refuse what the arguments alone tell cannot be.

    Raises:
        InputError: there is no such table or folder.
    """
    if not (options.remove and options.table.is_dir()):
        check_table(options.table)
    for path in options.only:
        if not path.exists():
            check_folder(path)  # which knows what beside it is called nearly so


def tag(options: TagOptions, *, tell: Callable[[str], None]) -> Tagged:
    """Write what is known of tracks into their files, or show what would be written.

    Args:
        options: as ``check_options`` lets them pass.
        tell: is told of each file that changes, in one line, and of what stays as others have it.

    Raises:
        InputError: the table cannot be used, something is to be installed, or the disk is full.
    """
    done = Tagged()
    for path, wanted in _files(options, done):
        try:
            plan = planned(path, wanted)
            if plan.changes:
                tell(sentence(plan))
            for remark in plan.remarks:
                tell(f"{_shown(path)}: {remark}")
            if plan.changes and options.write:
                write(plan, keep_times=options.keep_times)
        except AudioFileError as error:
            done.failed.append(str(error))
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise InputError(
                f"The disk is full: {counted(done.changed, 'file')} written, all others are as "
                "they were. Make room, and give the same command again."
            ) from error
        else:
            done.changed += bool(plan.changes)
            done.same += not plan.changes
    return done


def sentence(plan: Plan) -> str:
    """Return what becomes of a file, such as ``a.mp3: MOOD calm (was Happy)``."""
    said = []
    for name in NAMES:
        if name not in plan.changes or name == NOTE:
            continue
        new, old = plan.changes[name], plan.now.get(name)
        was = f" (was {'; '.join(old)})" if old else ""
        said.append(f"{name} {'; '.join(new)}{was}" if new else f"no {name}{was}")
    return f"{_shown(plan.path)}: {', '.join(said) or 'only what is noted of it'}"


def _shown(path: Path) -> str:
    return in_one_line(legible(os.fspath(path)))


def _files(options: TagOptions, done: Tagged) -> Iterator[tuple[Path, Wanted]]:
    """Yield the files that are asked for, and what is wanted of each."""
    if options.remove and options.table.is_dir():
        broken: list[Broken] = []
        found = [file.path for file in walk(options.table, complain=broken.append)]
        done.failed += (one.reason for one in broken)
        known: dict[str, Wanted] = dict.fromkeys(found, taken_back)
    else:
        known = {}
        for track in read_shown(options.table, options.my_scale):
            if options.remove or track.says_nothing:
                wanted: Wanted = taken_back
            else:
                wanted = partial(written, track=track, wish=options.wish)
            known |= dict.fromkeys(track.paths, wanted)
    met = dict.fromkeys((os.path.abspath(path) for path in options.only), False)
    for path, wanted in known.items():
        asked = [one for one in (path, *map(str, Path(path).parents)) if one in met] if met else []
        met.update(dict.fromkeys(asked, True))
        if asked or not met:
            yield Path(path), wanted
    for path, was_met in met.items():
        if not was_met:
            done.failed.append(f"{legible(path)} is not in {options.table}: annotate it first")
