"""realtime_mer, a plugin for beets: mer_valence, mer_arousal, mer_energy and mer_mood in queries.

Made by realtime-mer, which writes this file and a table beside it. It needs nothing but beets, so
that beets may live in an environment of its own.
"""

import csv
import os
from pathlib import Path
from typing import Any

from beets import util
from beets.dbcore import types
from beets.plugins import BeetsPlugin
from beets.ui import Subcommand, print_
from mediafile import (
    MediaField,
    MP3DescStorageStyle,
    MP3StorageStyle,
    MP4StorageStyle,
    StorageStyle,
)

_FREEFORM = "----:com.apple.iTunes:"
_TYPES = {
    "mer_valence": types.NULL_FLOAT,
    "mer_arousal": types.NULL_FLOAT,
    "mer_energy": types.INTEGER,
    "mer_mood": types.STRING,
    "mer_model": types.STRING,
    "mer_scale": types.STRING,
}


class RealtimeMerPlugin(BeetsPlugin):  # type: ignore[misc]
    """Takes valence, arousal, energy and mood of items from the table beside this file.

    `beet mer` takes them for what is in beets' library, and imports do so by themselves. An item
    that is not in the table has what `realtime-mer tag` wrote into it. Files are never written.
    """

    item_types = _TYPES

    def __init__(self) -> None:
        super().__init__()
        self.config.add({"table": str(Path(__file__).with_suffix(".csv"))})
        for name in ("mer_valence", "mer_arousal"):
            self.add_media_field(name, _of_tag(name.upper(), out_type=float))
        self.add_media_field("mer_mood", _of_tag("MOOD"))
        self.register_listener("item_imported", lambda lib, item: self._take([item]))
        self.register_listener("album_imported", lambda lib, album: self._take(album.items()))

    def commands(self) -> list[Any]:
        """Return the command `beet mer`."""
        command = Subcommand("mer", help="take moods from the table of realtime-mer")
        command.func = self._command
        return [command]

    def _command(self, lib: Any, options: Any, words: list[str]) -> None:
        items = list(lib.items(words))
        print_(f"{self._take(items)} of {len(items)} items are in the table")

    def _take(self, items: Any) -> int:
        rows = self._rows()
        found = 0
        for item in items:
            row = rows.get(os.path.realpath(util.syspath(item.path)))
            if row is not None:
                found += 1
                for name, kind in _TYPES.items():
                    if row[name]:
                        item[name] = kind.parse(row[name])
                    elif name in item:  # nothing of it is music any more
                        del item[name]
                item.store()
        return found

    def _rows(self) -> dict[str, dict[str, str]]:
        path = self.config["table"].as_filename()
        try:
            with open(path, encoding="utf-8", newline="") as file:
                return {os.path.realpath(row["path"]): row for row in csv.DictReader(file)}
        except OSError as error:
            self._log.warning("{} cannot be read: {}", path, error.strerror)
            return {}


def _of_tag(name: str, *, out_type: type = str) -> Any:
    """Return a field that is read from tags and never written into them."""
    return MediaField(
        MP3DescStorageStyle(name, read_only=True),
        *([MP3StorageStyle("TMOO", read_only=True)] if name == "MOOD" else []),  # of ID3v2.4
        MP4StorageStyle(_FREEFORM + name, read_only=True),
        StorageStyle(name, read_only=True),
        out_type=out_type,
    )
