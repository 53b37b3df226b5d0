"""``tag`` as a work: files of every family that needs no other program, some of them tagged."""

from pathlib import Path

from realtime_mer.errors import InputError
from realtime_mer.library.tables import write_table
from realtime_mer.library.tagging.families import family_of
from realtime_mer.library.tagging.tagging import TagOptions, tag
from realtime_mer.writing.replacing import PART
from tests.crashing.steps import Outcome, Tell, Way
from tests.crashing.work import Files, Work, files_below
from tests.library.made import made_track
from tests.library.tagging.made_files import make, seen

NAMES = ("a.mp3", "b.flac", "c.ogg", "d.wav")


def tagging() -> Work:
    """Return the tagging of a library, file by file."""
    return Work(name="tag", prepare=_prepare, do=_do, problems=_problems)


def _prepare(home: Path) -> None:
    for name in NAMES:
        make(home / name)
    write_table(home / "table.csv", [made_track(str(home / name)) for name in NAMES])


def _do(home: Path, tell: Tell) -> None:
    try:
        done = tag(_options(home), tell=lambda line: None)
        tell(["done", done.changed, done.failed])
    except (InputError, OSError) as error:
        tell(["refused", str(error)])


def _options(home: Path) -> TagOptions:
    return TagOptions(table=home / "table.csv", write=True)


def _fields(path: Path) -> int:
    with path.open("rb") as file:
        return len(family_of(file).read(file))


def _problems(home: Path, before: Files, way: Way, outcome: Outcome) -> list[str]:
    found, tagged = [], 0
    after = files_below(home)
    for name in NAMES:
        if after.get(name) == before[name]:
            continue
        tagged += 1
        if name not in after:
            found.append(f"{name} is gone")
        elif _fields(home / name) != 4:
            found.append(f"{name} is neither the old nor the new file")
    strangers = after.keys() - before.keys() - {f"{name}{PART}" for name in NAMES}
    if strangers or after["table.csv"] != before["table.csv"]:
        found.append(f"{strangers} came, or the table changed")
    match outcome.told[-1:]:
        case [["done", changed, failed]] if (changed, len(failed)) != (tagged, len(NAMES) - tagged):
            found.append(f"{changed} and {failed} are told, and {tagged} are tagged")
        case [["refused", why]] if way == "full" and "disk is full" not in why:
            found.append(why)
    tag(_options(home), tell=lambda line: None)
    for name in NAMES:
        if _fields(home / name) != 4 or (home / f"{name}{PART}").exists():
            found.append(f"again: {name} is not done")
    tag(TagOptions(table=home, remove=True, write=True), tell=lambda line: None)
    for name in NAMES:
        path = home / name
        (home / f"first-{name}").write_bytes(before[name])
        if seen(path) != seen(home / f"first-{name}"):
            found.append(f"again: {name} is not what it was")
    return found
