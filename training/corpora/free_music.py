"""Free music to learn from without labels: packages of Debian's archive, fetched by name.

Nothing is installed and no root is needed: ``apt-get download`` fetches a package, its sound files
are taken out as they are, and the package is deleted. A folder for each package::

    FOLDER/PACKAGE/
        package.json    version, licences, and every sound file with its seconds
        copyright       Debian's record of authors and licences, as packed
        ...             the sound files, under the paths they have in the package

``package.json`` is written last: where it is, the package is whole and is not fetched again, so a
fetching that was cut off goes on with the package it was at. Music inside ``.zip`` and ``.pk3``
archives is taken out too. It is instrumental music of games; files shorter than 20 s are mostly
effects and do not count as music.
"""

import json
import os
import re
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from rich.progress import Progress

from realtime_mer.errors import AudioFileError, InputError

from ..files import write_json
from .sound import SUFFIXES, duration

PACKAGES = (
    "singularity-music",
    "colobot-common-sounds",
    "marsshooter-data",
    "nexuiz-music",
    "warzone2100-music",
    "flare-game",
    "wesnoth-1.16-music",
    "supertux-data",
    "ufoai-music",
    "freedroidrpg-data",
    "naev-data",
    "widelands-data",
)
"""What is fetched when nothing is named: about 2 GB, the smallest first."""

MORE_PACKAGES = ("supertuxkart-data", "0ad-data")
"""Two more with music, another 2 GB."""

SHORTEST_MUSIC_S = 20.0

_ARCHIVES = frozenset((".zip", ".pk3"))
_SPARE_BYTES = 1_000_000_000
_POLL_S = 0.5


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package as the archive describes it.

    Attributes:
        name, version: which.
        download: size of the package in bytes.
        unpacked: bytes that all of its files take, more than the sound files among them.
    """

    name: str
    version: str
    download: int
    unpacked: int


def look_up(names: Sequence[str]) -> list[Package]:
    """Return what the package lists of this system say.

    Raises:
        InputError: this is no Debian-like system, or the lists do not hold a package.
    """
    missing = [program for program in ("apt-get", "apt-cache", "dpkg-deb") if not _has(program)]
    if missing:
        raise InputError(
            f"the free music is fetched by Debian's {missing[0]}, which is not here; run this on "
            "Debian or Ubuntu, or in a container of one of them, and copy the folder it makes"
        )
    packages = []
    for name in names:
        if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", name):
            raise InputError(f"{name!r} is not the name of a package")
        done = subprocess.run(
            ("apt-cache", "show", "--no-all-versions", name),
            capture_output=True,
            text=True,
            check=False,
        )
        fields = dict(re.findall(r"^([A-Za-z-]+): *(.*)$", done.stdout, re.MULTILINE))
        if done.returncode or not {"Version", "Size", "Installed-Size"} <= fields.keys():
            raise InputError(
                f"the package lists do not hold {name!r}; run apt-get update, or leave it out"
            )
        packages.append(
            Package(
                name=name,
                version=fields["Version"],
                download=int(fields["Size"]),
                unpacked=1024 * int(fields["Installed-Size"]),
            )
        )
    return packages


def missing_packages(packages: Iterable[Package], folder: Path) -> list[Package]:
    """Return the packages that are not whole, in this version, in a folder."""
    return [
        package
        for package in packages
        if not (path := folder / package.name / "package.json").is_file()
        or json.loads(path.read_text(encoding="utf-8"))["version"] != package.version
    ]


def space_needed(packages: Sequence[Package]) -> int:
    """Return the most bytes that fetching takes: all that stays, and the largest package."""
    stays = sum(package.unpacked for package in packages)
    return stays + max((package.download for package in packages), default=0)


def fetch_music(
    packages: Sequence[Package], folder: Path, *, most_bytes: int, progress: Progress
) -> list[dict[str, Any]]:
    """Fetch the packages that are not there yet.

    Args:
        packages: as looked up.
        folder: where to; a cache outside the repository.
        most_bytes: bound on what may be taken of the disc; nothing is begun that may exceed it.
        progress: shows the bytes of every download.

    Returns:
        The ``package.json`` of every package.

    Raises:
        InputError: the bound or the free space is too small, or a download or package is broken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = missing_packages(packages, folder)
    needed = space_needed(wanted)
    free = shutil.disk_usage(folder).free - _SPARE_BYTES
    if needed > min(most_bytes, free):
        raise InputError(
            f"this may take {needed / 1e9:.1f} GB, but "
            + (
                f"only {max(free, 0) / 1e9:.1f} GB of the disc may be used; name a larger --folder"
                if free < most_bytes
                else f"{most_bytes / 1e9:.1f} GB are allowed; raise --most-gb"
            )
            + " or fewer packages"
        )
    for package in wanted:
        archive = _download(package, folder / "partial", progress)
        unpack(archive, package, folder)
        archive.unlink()
    return [
        json.loads((folder / package.name / "package.json").read_text(encoding="utf-8"))
        for package in packages
    ]


def _has(program: str) -> bool:
    return shutil.which(program) is not None


def _download(package: Package, folder: Path, progress: Progress) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    # apt escapes the colon of an epoch in the file's name.
    version = package.version.replace(":", "%3a")
    # As root, apt would fetch as a user who may not write here, and say so in four lines.
    root = ("-o", "APT::Sandbox::User=root") if hasattr(os, "geteuid") and not os.geteuid() else ()
    command = ("apt-get", "-qq", *root, "download", f"{package.name}={package.version}")
    task = progress.add_task(package.name, total=package.download)
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        while True:
            try:
                _, complaint = process.communicate(timeout=_POLL_S)
                break
            except subprocess.TimeoutExpired:
                sizes = [path.stat().st_size for path in folder.glob(f"{package.name}_{version}_*")]
                progress.update(task, completed=sum(sizes))
    finally:
        process.kill()
        process.wait()
    found = next(iter(folder.glob(f"{package.name}_{version}_*.deb")), None)
    if process.returncode or found is None or found.stat().st_size != package.download:
        reason = complaint.strip().splitlines() or ["it ended early"]
        raise InputError(
            f"apt-get could not download {package.name}: {reason[-1]}; start again to go on with "
            "it, after apt-get update if the version is gone"
        )
    progress.update(task, completed=package.download)
    return found


def unpack(archive: Path, package: Package, folder: Path) -> None:
    """Take the sound files and the copyright record out of a package.

    Raises:
        InputError: the package is broken.
    """
    target = folder / package.name
    fresh = folder / f"{package.name}.partial"
    for old in (fresh, target):
        shutil.rmtree(old, ignore_errors=True)
    fresh.mkdir(parents=True)
    process = subprocess.Popen(
        ("dpkg-deb", "--fsys-tarfile", str(archive)),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        # ``stdout`` is a pipe, as asked for.
        with tarfile.open(fileobj=process.stdout, mode="r|") as files:
            for member in files:
                content = files.extractfile(member) if member.isfile() else None
                if content is not None:
                    _keep(PurePosixPath(member.name), content, package.name, fresh)
    except (tarfile.TarError, zipfile.BadZipFile) as error:
        raise InputError(f"{archive} is broken ({error}); delete it and start again") from error
    finally:
        process.kill()
        process.wait()
    write_json(fresh / "package.json", _record(package, fresh))
    fresh.rename(target)


def _keep(name: PurePosixPath, content: IO[bytes], package: str, target: Path) -> None:
    """Write a file of a package or archive, if it is sound or the record of licences."""
    suffix = name.suffix.lower()
    if name.parts[-3:] == ("doc", package, "copyright"):
        (target / "copyright").write_bytes(content.read())
    elif suffix in SUFFIXES:
        # Whatever a name says, the file stays below the target.
        path = target.joinpath(*(part for part in name.parts if part not in ("/", "..", ".")))
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            shutil.copyfileobj(content, file)
    elif suffix in _ARCHIVES:
        spooled = target / "archive"
        with spooled.open("wb") as file:
            shutil.copyfileobj(content, file)
        with zipfile.ZipFile(spooled) as inner:
            for each in inner.infolist():
                inside = PurePosixPath(each.filename)
                if inside.suffix.lower() in SUFFIXES:
                    with inner.open(each) as sound:
                        _keep(name.with_suffix("") / inside, sound, package, target)
        spooled.unlink()


def _record(package: Package, folder: Path) -> dict[str, Any]:
    sounds: list[dict[str, Any]] = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            try:
                seconds = duration(path)
            except AudioFileError:
                # Not sound after all, such as a text named like it.
                path.unlink()
                continue
            name = path.relative_to(folder).as_posix()
            sounds.append({"path": name, "seconds": round(seconds, 2)})
    music = [sound["seconds"] for sound in sounds if sound["seconds"] >= SHORTEST_MUSIC_S]
    record = folder / "copyright"
    return {
        "package": package.name,
        "version": package.version,
        "licences": licences(record.read_text("utf-8", "replace")) if record.is_file() else [],
        "music_files": len(music),
        "music_hours": round(sum(music) / 3600, 3),
        "sounds": sounds,
    }


def licences(record: str) -> list[dict[str, str]]:
    """Return which files of the source bear which licence, by Debian's copyright record.

    Returns:
        ``files`` (patterns of the source package, which are not the paths of the binary one) and
        ``licence`` of every paragraph with both; for a record in free text, one entry that says so.
    """
    entries = []
    for paragraph in re.split(r"\n[ \t]*\n", record):
        # A line that begins with a blank continues the field before it.
        joined = re.sub(r"\n[ \t]+", " ", paragraph)
        fields = dict(re.findall(r"^(Files|License): *(.*)$", joined, re.MULTILINE))
        short = re.search(r"^License: *(.*)$", paragraph, re.MULTILINE)
        if "Files" in fields and short:
            entries.append({"files": fields["Files"].strip(), "licence": short[1].strip()})
    return entries or [{"files": "*", "licence": "free text: read the file copyright"}]
