"""Files of every format made for tests of tags, with tags of others in them."""

import json
import shutil
import struct
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import soundfile

from realtime_mer.library.tagging.id3 import Frame, Tag, build

FORMATS = ("mp3", "flac", "ogg", "opus", "m4a", "aiff", "wav")
BY_FFMPEG = ("m4a",)
RATE = 48_000

PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000a49444154789c6300010000050001"
)

FOREIGN = (
    Frame(name=b"TIT2", flags=b"\0\0", content=b"\1\xff\xfe" + "Tïtle\0".encode("utf-16-le")),
    Frame(name=b"TPE1", flags=b"\0\0", content=b"\0Artist\0"),
    Frame(name=b"GEOB", flags=b"\0\0", content=b"\0application/octet-stream\0\0Serato\0\1\2\xff\0"),
    Frame(name=b"APIC", flags=b"\0\0", content=b"\0image/png\0\3\0" + PICTURE),
    Frame(name=b"COMM", flags=b"\0\0", content=b"\0engiTunNORM\0 00001"),
)
"""Frames of others."""

ODD = (
    Frame(name=b"COMM", flags=b"\0\0", content=b"\0engiTunNORM\0 00002"),  # mutagen joins the two
    Frame(name=b"PRIV", flags=b"\0\0", content=b"TRAKTOR4\0" + bytes(range(256))),
    Frame(name=b"TCOM", flags=b"\0\0", content=b""),  # which mutagen drops
    Frame(name=b"XSOP", flags=b"\0\0", content=b"\7damaged"),
    Frame(name=b"TXXX", flags=b"\0\x08", content=b"\0MER_VALENCE\0packed"),  # no text as it stands
    Frame(name=b"TXXX", flags=b"\0\0", content=b"\0MER_VALENCE"),  # without an end
    Frame(name=b"TXXX", flags=b"\0\0", content=b"\3mood\0by another name"),
)
"""Frames of others that are damaged, packed or twice there."""

ID3V1 = b"TAG" + b"old title".ljust(60, b"\0") + b"old comment".ljust(64, b"\0") + b"\1"


def tag_of_others(comment: bytes | None = None) -> bytes:
    """Return an ID3 tag with ``FOREIGN``, and a comment as the content of its frame."""
    frames = FOREIGN
    if comment is not None:
        frames = (*frames, Frame(name=b"COMM", flags=b"\0\0", content=comment))
    return build(Tag(version=3, frames=frames, size=4096))


def make(path: Path, *, comment: str | None = None) -> Path:
    """Make a file of half a second of sound, in the format of its suffix, with tags of others."""
    path.write_bytes(_made(path.suffix[1:], comment))
    return path


@cache
def _made(kind: str, comment: str | None) -> bytes:
    if kind in BY_FFMPEG and shutil.which("ffmpeg") is None:
        pytest.skip(f"ffmpeg, which makes .{kind}, is not installed")
    sound = np.random.default_rng(0).uniform(-0.1, 0.1, (RATE // 2, 2))
    with TemporaryDirectory() as folder:
        path = Path(folder, f"made.{kind}")
        if kind in BY_FFMPEG:
            wav = path.with_suffix(".wav")
            soundfile.write(wav, sound, RATE)
            command = ["ffmpeg", "-v", "error", "-i", wav, "-movflags", "+faststart", path]
            subprocess.run(command, check=True)
        else:
            how = {"ogg": {"subtype": "VORBIS"}, "opus": {"format": "OGG", "subtype": "OPUS"}}
            soundfile.write(path, sound, RATE, **how.get(kind, {}))
        _tag(path, kind, comment)
        return path.read_bytes()


def _tag(path: Path, kind: str, comment: str | None) -> None:
    content = None if comment is None else b"\0deu\0" + comment.encode("latin-1")
    tag = tag_of_others(content)
    whole = path.read_bytes()
    if kind == "mp3":
        path.write_bytes(tag + whole + ID3V1)
    elif kind in ("aiff", "wav"):
        order, name = (">", b"ID3 ") if kind == "aiff" else ("<", b"id3 ")
        whole += name + struct.pack(f"{order}I", len(tag)) + tag
        path.write_bytes(whole[:4] + struct.pack(f"{order}I", len(whole) - 8) + whole[8:])
    else:
        import mutagen
        from mutagen.flac import Picture

        file = mutagen.File(path)
        if file.tags is None:
            file.add_tags()
        if kind == "m4a":
            file.tags.update({"\xa9nam": "Tïtle", "covr": [PICTURE], "tmpo": [120]})
            if comment is not None:
                file.tags["\xa9cmt"] = comment
        else:
            file.tags.update({"TITLE": "Tïtle", "ARTIST": ["One", "Two"], "serato_markers": "x="})
            if comment is not None:
                file.tags["COMMENT"] = comment
            if kind == "flac":
                picture = Picture()
                picture.data, picture.mime, picture.type = PICTURE, "image/png", 3
                file.add_picture(picture)
        file.save()


def probed(path: Path) -> dict[str, str]:
    """Return the tags of a file as ffprobe tells them."""
    asked = ["-select_streams", "a", "-show_entries", "format_tags:stream_tags", "-of", "json"]
    said = subprocess.check_output(["ffprobe", "-v", "error", *asked, path])
    found: dict[str, Any] = json.loads(said)
    (stream,) = found["streams"]
    return {**stream.get("tags", {}), **found["format"].get("tags", {})}


def seen(path: Path) -> tuple[dict[str, str], bytes]:
    """Return all tags of a file as mutagen reads them, and its sound, decoded where it can be."""
    import mutagen

    file = mutagen.File(path)
    tags = {name: repr(value) for name, value in (file.tags or {}).items()}
    if path.suffix == ".flac":
        tags["pictures"] = repr([picture.data for picture in file.pictures])
    if path.suffix == ".m4a":
        whole = path.read_bytes()
        at = whole.index(b"mdat")
        return tags, whole[at : at + int.from_bytes(whole[at - 4 : at], "big")]
    return tags, soundfile.read(path)[0].tobytes()


def encoded_sound(path: Path) -> bytes:
    """Return a hash of the encoded sound as ffmpeg takes it out."""
    command = ["ffmpeg", "-v", "error", "-i", path, "-map", "0:a", "-c", "copy", "-f", "hash", "-"]
    return subprocess.check_output(command)
