"""Title, artist, album and comment of files, from their tags."""

from collections.abc import Iterable

from realtime_mer.errors import AudioFileError
from realtime_mer.library.exporting.entries import Names
from realtime_mer.library.tagging.with_mutagen import mutagen_at_work
from realtime_mer.library.tracks import Track

_OF_ID3 = {"title": "TIT2", "artist": "TPE1", "album": "TALB"}
_OF_MP4 = {"title": "\xa9nam", "artist": "\xa9ART", "album": "\xa9alb", "comment": "\xa9cmt"}
_OF_VORBIS = {name: name for name in _OF_MP4}


def names_of(tracks: Iterable[Track]) -> dict[str, Names]:
    """Return what the tags of files say, by their paths; of none that cannot be read.

    Raises:
        InputError: mutagen is not installed.
    """
    found = {}
    for track in tracks:
        try:
            with mutagen_at_work():
                found[track.path] = _names(track.path)
        except (AudioFileError, OSError):
            continue  # its file's name will do
    return found


def _names(path: str) -> Names:
    import mutagen
    from mutagen.id3 import ID3
    from mutagen.mp4 import MP4Tags

    tags = getattr(mutagen.File(path), "tags", None)
    if not tags:
        return Names()
    if isinstance(tags, ID3):
        texts = {name: [str(frame) for frame in tags.getall(key)] for name, key in _OF_ID3.items()}
        # Of any language, without a description.
        texts["comment"] = [str(frame) for frame in tags.getall("COMM") if not frame.desc]
    else:
        keys = _OF_MP4 if isinstance(tags, MP4Tags) else _OF_VORBIS
        texts = {name: [str(text) for text in tags.get(key, ())] for name, key in keys.items()}
    return Names(**{name: " ".join(next(iter(told), "").split()) for name, told in texts.items()})
