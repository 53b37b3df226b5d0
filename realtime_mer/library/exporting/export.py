"""A library written for another program: what ``realtime-mer library export`` does."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from realtime_mer.errors import InputError
from realtime_mer.library.checking.shown import read_shown
from realtime_mer.library.exporting.entries import (
    Crate,
    Entry,
    Names,
    crates,
    entries,
    file_name,
    made_by,
)
from realtime_mer.library.exporting.names import names_of
from realtime_mer.library.exporting.ours import is_ours, refuse_stranger
from realtime_mer.library.exporting.rekordbox import rekordbox_xml
from realtime_mer.library.exporting.table import table
from realtime_mer.library.exporting.traktor import traktor_nml
from realtime_mer.library.playlist import check_nameable, m3u8
from realtime_mer.library.tracks import Track
from realtime_mer.writing.replacing import replacing

Contents = Mapping[str, bytes]
"""What is written, by the names of files; "" for the path that was given itself."""

PLUGIN = "realtime_mer"
"""What beets calls its plugin."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A program, or a kind of file.

    Attributes:
        extension: of the file that is written; "" where it is a folder.
        contents: what is written, given entries, crates and where.
        after: what to do then, where ``{path}`` stands for what was written.
        by_lines: whether a file is named in a line, so that its name may hold no line break.
        lists: whether there are playlists in it.
    """

    extension: str = ""
    contents: Callable[[Sequence[Entry], Sequence[Crate], Path], Contents]
    after: str
    by_lines: bool = False
    lists: bool = True

    @property
    def folder(self) -> bool:
        """Whether a folder is written rather than a file."""
        return not self.extension


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written.

    Attributes:
        tracks, crates: how many; no crates where there are no playlists in it.
        remarks: what is missing in it, one line each.
        after: what to do now.
    """

    tracks: int
    crates: int
    remarks: tuple[str, ...]
    after: str


def check_export(to: str, out: Path) -> None:
    """Refuse a place where something else is, or nothing can be.

    Raises:
        InputError: it says what.
    """
    if TARGETS[to].folder:
        if out.exists() and not out.is_dir():
            raise InputError(f"--out {out} is a file: --to {to} writes a folder, name another one")
        return
    if out.is_dir():
        raise InputError(f"--out {out} is a folder: --to {to} writes a file, name one")
    wanted = TARGETS[to].extension
    if out.suffix.lower() != wanted:
        raise InputError(
            f"--out {out} does not end in {wanted}, as what --to {to} writes does: name "
            f"{out.with_suffix(wanted)}, for instance"
        )
    refuse_stranger(out)


def export(table_path: Path, *, to: str, out: Path, my_scale: Path | None = None) -> Exported:
    """Write a library for another program; each file whole or not at all, over none of others.

    Args:
        table_path: what ``annotate`` wrote.
        to: one of ``TARGETS``.
        out: file or folder, as ``check_export`` lets it pass.
        my_scale: the answers of a check, for numbers on the owner's scale.

    Raises:
        InputError: the table or the scale cannot be used, or something cannot be written.
    """
    target = TARGETS[to]
    tracks = read_shown(table_path, my_scale)
    names: Mapping[str, Names] = {}
    remarks: list[str] = []
    if target.by_lines:
        tracks, remarks = _nameable(tracks)
    try:
        names = names_of(tracks)
    except InputError as error:
        remarks.append(f"Titles are the names of files: {error}")
    found = entries(tracks, names)
    packed = crates(found)
    contents = target.contents(found, packed, out)
    for name in contents:
        refuse_stranger(out / name if name else out)
    try:
        if target.folder:
            out.mkdir(exist_ok=True)
        for name, content in contents.items():
            with replacing(out / name if name else out) as file:
                file.write(content)
        if target.folder:
            _remove_stale(out, contents)
    except OSError as error:
        raise InputError(f"--out {out} cannot be written: {error.strerror}") from error
    return Exported(
        tracks=len(found),
        crates=len(packed) if target.lists else 0,
        remarks=tuple(remarks),
        after=target.after.format(path=out.absolute()),
    )


def _nameable(tracks: Iterable[Track]) -> tuple[list[Track], list[str]]:
    """Return the tracks that a playlist can name, and a line for each other one."""
    found, remarks = [], []
    for track in tracks:
        try:
            check_nameable(track)
        except InputError as error:
            remarks.append(str(error))
        else:
            found.append(track)
    return found, remarks


def _remove_stale(folder: Path, contents: Contents) -> None:
    """Remove crates of an earlier time that hold nothing any more."""
    for path in folder.glob("*.m3u8"):
        if path.name not in contents and is_ours(path):
            path.unlink()


def _lists(entries: Sequence[Entry], crates: Sequence[Crate], base: Path | None) -> Contents:
    contents = {}
    for crate in crates:
        held = [entries[place] for place in crate.places]
        titles = [" - ".join(filter(None, (one.names.artist, one.names.title))) for one in held]
        remark = made_by(held[0].track.scale)
        text = m3u8([one.track for one in held], titles=titles, folder=base, remark=remark)
        contents[file_name(crate.group, crate.name)] = text.encode("utf-8", "surrogateescape")
    return contents


def _for_beets(entries: Sequence[Entry]) -> Contents:
    plugin = files("realtime_mer.library.exporting").joinpath("beets_plugin.py").read_bytes()
    rows = table(entries, for_spreadsheets=False)
    return {f"{PLUGIN}.py": plugin, f"{PLUGIN}.csv": rows}


TARGETS: Mapping[str, Target] = {
    "rekordbox": Target(
        extension=".xml",
        contents=lambda entries, crates, out: {"": rekordbox_xml(entries, crates)},
        after="In rekordbox: Preferences, Advanced, Database, rekordbox xml: name {path}. Take "
        "playlists from the tree rekordbox xml.",
    ),
    "traktor": Target(
        extension=".nml",
        contents=lambda entries, crates, out: {"": traktor_nml(entries, crates)},
        after="In Traktor: right-click Track Collection, Import Another Collection, name {path}.",
    ),
    "mixxx": Target(
        contents=lambda entries, crates, out: _lists(entries, crates, None),
        after="In Mixxx: right-click Crates, Import Crate, and take the files in {path}.",
        by_lines=True,
    ),
    "m3u8": Target(
        contents=lambda entries, crates, out: _lists(entries, crates, out),
        after="The playlists in {path} name files from there on: move both together.",
        by_lines=True,
    ),
    "beets": Target(
        contents=lambda entries, crates, out: _for_beets(entries),
        lists=False,
        after="In beets' config.yaml: add {path} to pluginpath and realtime_mer to plugins; then "
        "`beet mer`, and `beet ls mer_valence:0.3..`.",
    ),
    "csv": Target(
        extension=".csv",
        contents=lambda entries, crates, out: {"": table(entries)},
        lists=False,
        after="{path} opens in any spreadsheet.",
    ),
}
"""What can be written, by the word that asks for it."""
