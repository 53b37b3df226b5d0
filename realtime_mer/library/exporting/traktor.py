"""Traktor's NML: a collection with comments, and playlists.

Native Instruments tells nothing of it; what is written is what its own files hold, as read by
traktor-nml-utils (``models/collection.py``).
"""

import ntpath
import os
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from realtime_mer.library.exporting.entries import Crate, Entry
from realtime_mer.library.exporting.xml import add, document, legal

_BETWEEN = "/:"  # folders


def traktor_nml(entries: Sequence[Entry], crates: Sequence[Crate]) -> bytes:
    """Return the document; a file whose name XML cannot hold is in none of it."""
    root = Element("NML", VERSION="19")
    add(root, "HEAD", COMPANY="www.native-instruments.com", PROGRAM="Traktor")
    add(root, "MUSICFOLDERS")
    known = [legal(entry.track.path) == entry.track.path for entry in entries]
    collection = add(root, "COLLECTION", ENTRIES=sum(known))
    boot = _boot_volume()
    places = [_place(entry.track.path, boot) for entry in entries]
    for entry, (volume, folder, name), is_known in zip(entries, places, known, strict=True):
        if not is_known:
            continue
        names = entry.names
        node = add(collection, "ENTRY", TITLE=names.title, ARTIST=names.artist)
        add(node, "LOCATION", DIR=folder, FILE=name, VOLUME=volume, VOLUMEID=volume)
        if names.album:
            add(node, "ALBUM", TITLE=names.album)
        seconds = entry.track.seconds
        add(
            node,
            "INFO",
            COMMENT=entry.comment,
            PLAYTIME=round(seconds),
            PLAYTIME_FLOAT=f"{seconds:.6f}",
        )
    top = add(add(root, "PLAYLISTS"), "NODE", TYPE="FOLDER", NAME="$ROOT")
    ours = _folder(add(top, "SUBNODES", COUNT=1), "realtime-mer")
    groups = list(dict.fromkeys(crate.group for crate in crates))
    inside = add(ours, "SUBNODES", COUNT=len(groups))
    for group in groups:
        within = [crate for crate in crates if crate.group == group]
        nodes = add(_folder(inside, group), "SUBNODES", COUNT=len(within))
        for crate in within:
            node = add(nodes, "NODE", TYPE="PLAYLIST", NAME=crate.name)
            held = [place for place in crate.places if known[place]]
            # The same crate has the same name for it every time.
            number = uuid.uuid5(uuid.NAMESPACE_URL, f"realtime-mer/{group}/{crate.name}").hex
            tracks = add(node, "PLAYLIST", ENTRIES=len(held), TYPE="LIST", UUID=number)
            for place in held:
                add(add(tracks, "ENTRY"), "PRIMARYKEY", TYPE="TRACK", KEY="".join(places[place]))
    return document(root)


def _folder(parent: Element, name: str) -> Element:
    return add(parent, "NODE", TYPE="FOLDER", NAME=name)


def _place(path: str, boot: str) -> tuple[str, str, str]:
    """Return volume, folder and name of a file as Traktor tells them.

    Args:
        path: absolute; of Windows where it begins with a drive.
        boot: name of the volume that a Mac started from; "" elsewhere.
    """
    drive, rest = ntpath.splitdrive(path)
    parts = (rest.replace("\\", "/") if drive else path).strip("/").split("/")
    volume = drive or boot
    if boot and parts[0] == "Volumes" and len(parts) > 2:
        volume, parts = parts[1], parts[2:]
    folder = _BETWEEN + "".join(f"{part}{_BETWEEN}" for part in parts[:-1])
    return volume, folder, parts[-1]


def _boot_volume() -> str:
    """Return what a Mac calls the volume that it started from (not run there)."""
    if sys.platform == "darwin":
        names = [one.name for one in Path("/Volumes").iterdir() if os.path.realpath(one) == "/"]
        return names[0] if names else "Macintosh HD"
    return ""
