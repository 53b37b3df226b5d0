"""What others have written into a file's tags: title, artists, album, comment, tempo, key."""

from collections.abc import Mapping

from realtime_mer.library.tagging.with_mutagen import mutagen_at_work

_OF_ID3 = {
    "title": "TIT2",
    "artist": "TPE1",
    "album": "TALB",
    "tempo": "TBPM",
    "key": "TKEY",
}
_FREE = "----:com.apple.iTunes:"
_OF_MP4 = {
    "title": ("\xa9nam",),
    "artist": ("\xa9ART",),
    "album": ("\xa9alb",),
    "comment": ("\xa9cmt",),
    "tempo": (f"{_FREE}BPM", "tmpo"),
    "key": (f"{_FREE}initialkey", f"{_FREE}KEY"),
}
_OF_VORBIS = {
    "title": ("title",),
    "artist": ("artist",),
    "album": ("album",),
    "comment": ("comment",),
    "tempo": ("bpm", "tempo"),
    "key": ("initialkey", "key"),
}

Told = Mapping[str, tuple[str, ...]]
"""Texts by ``title``, ``artist``, ``album``, ``comment``, ``tempo`` and ``key``, as they stand."""


def told(path: str) -> Told:
    """Return what the tags of a file tell; what they do not is not there.

    Raises:
        InputError: mutagen is not installed.
        AudioFileError: the tags cannot be read.
        OSError: nor can the file.
    """
    with mutagen_at_work():
        import mutagen
        from mutagen.id3 import ID3
        from mutagen.mp4 import MP4Tags

        tags = getattr(mutagen.File(path), "tags", None)
        if not tags:
            return {}
        found: dict[str, tuple[str, ...]] = {}
        if isinstance(tags, ID3):
            for name, key in _OF_ID3.items():
                frames = tags.getall(key)
                found[name] = tuple(str(text) for frame in frames for text in frame.text)
            # Of any language, without a description.
            comments = (frame for frame in tags.getall("COMM") if not frame.desc)
            found["comment"] = tuple(str(frame) for frame in comments)
        else:
            fields: Mapping[str, tuple[str, ...]]
            fields = _OF_MP4 if isinstance(tags, MP4Tags) else _OF_VORBIS
            for name, keys in fields.items():
                found[name] = tuple(_text(value) for key in keys for value in tags.get(key, ()))
        return {name: texts for name, texts in found.items() if texts}


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
