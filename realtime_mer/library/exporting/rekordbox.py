"""rekordbox XML: a collection with comments, and playlists.

Source: "Developing rekordbox XML", rekordbox.com/en/support/developer.
"""

import os
from collections.abc import Sequence
from pathlib import PurePath
from urllib.parse import quote
from xml.etree.ElementTree import Element

from realtime_mer import __version__
from realtime_mer.library.exporting.entries import Crate, Entry
from realtime_mer.library.exporting.xml import add, document

_FOLDER, _PLAYLIST, _BY_TRACK_ID = 0, 1, 0
_KINDS = {".aif": "AIFF", ".mp4": "M4A"}  # where a suffix is not what it calls the kind


def rekordbox_xml(entries: Sequence[Entry], crates: Sequence[Crate]) -> bytes:
    """Return the document."""
    root = Element("DJ_PLAYLISTS", Version="1.0.0")
    add(root, "PRODUCT", Name="realtime-mer", Version=__version__, Company="")
    collection = add(root, "COLLECTION", Entries=len(entries))
    for number, entry in enumerate(entries, start=1):
        suffix = PurePath(entry.track.path).suffix.lower()
        add(
            collection,
            "TRACK",
            TrackID=number,
            Name=entry.names.title,
            Artist=entry.names.artist,
            Album=entry.names.album,
            Kind=f"{_KINDS.get(suffix, suffix[1:].upper())} File",
            TotalTime=round(entry.track.seconds),
            Comments=entry.comment,
            Location=_location(entry.track.path),
        )
    groups = list(dict.fromkeys(crate.group for crate in crates))
    top = add(add(root, "PLAYLISTS"), "NODE", Type=_FOLDER, Name="ROOT", Count=1 if groups else 0)
    ours = add(top, "NODE", Type=_FOLDER, Name="realtime-mer", Count=len(groups))
    for group in groups:
        within = [crate for crate in crates if crate.group == group]
        folder = add(ours, "NODE", Type=_FOLDER, Name=group, Count=len(within))
        for crate in within:
            node = add(
                folder,
                "NODE",
                Type=_PLAYLIST,
                Name=crate.name,
                KeyType=_BY_TRACK_ID,
                Entries=len(crate.places),
            )
            for place in crate.places:
                add(node, "TRACK", Key=place + 1)
    return document(root)


def _location(path: str) -> str:
    # "file://localhost/C:/..." on Windows (not run there).
    return "file://localhost/" + quote(os.fsencode(path.replace(os.sep, "/")).lstrip(b"/"), "/:")
