"""Title, artist, album and comment of files, from their tags."""

from collections.abc import Iterable

from realtime_mer.errors import AudioFileError
from realtime_mer.library.exporting.entries import Names
from realtime_mer.library.tagging.told import told
from realtime_mer.library.tracks import Track


def names_of(tracks: Iterable[Track]) -> dict[str, Names]:
    """Return what the tags of files say, by their paths; of none that cannot be read.

    Raises:
        InputError: mutagen is not installed.
    """
    found = {}
    for track in tracks:
        try:
            found[track.path] = read_names(track.path)
        except (AudioFileError, OSError):
            continue  # its file's name will do
    return found


def read_names(path: str) -> Names:
    """Return what the tags of one file say.

    Raises:
        InputError: mutagen is not installed.
        AudioFileError, OSError: it cannot be read.
    """
    texts = told(path)
    names = ("title", "artist", "album", "comment")
    return Names(**{name: " ".join(next(iter(texts.get(name, ())), "").split()) for name in names})
