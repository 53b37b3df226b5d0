"""A decoder for each format of sound."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import soundfile

from realtime_mer.audio.decoding import chunks, flac, mpeg, ogg, wide
from realtime_mer.audio.decoding.bytes import ByteStream, Forwards, Window
from realtime_mer.audio.decoding.ffmpeg import FfmpegDecoder
from realtime_mer.audio.decoding.marks import FOREIGN, recognise, to_beginning
from realtime_mer.audio.decoding.sndfile import NOTHING, Chain, Decoder, SndfileDecoder
from realtime_mer.audio.limits import unfit
from realtime_mer.errors import AudioFileError

NO_END = "Ogg streams without their end mark, so cut off or still being written"
LOST_PAGES = "pages of Ogg that are missing, with the sound in them"
SKIPPED = "bytes that are no sound and were left out"

_GARBAGE = 1 << 24  # bytes in front of the sound that are looked through
_SOME_GARBAGE = 4096  # bytes; what is less has no sound to lose


def open_file(path: Path, shown: str) -> Decoder:
    """Return the decoder of a file, whatever its name.

    Args:
        path: the file; nothing that can only be read once.
        shown: what to call it in messages.

    Raises:
        AudioFileError: it is no sound that can be decoded, or claims what no sound can be.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        stream = ByteStream(file.read)
        kind = recognise(stream)
        size = os.fstat(file.fileno()).st_size
        left_out = 0
        if kind in {None, "MPEG"}:
            left_out = to_beginning(stream, within=_GARBAGE)
            kind = recognise(stream) if stream.position else kind
        faults = {SKIPPED: left_out} if left_out > _SOME_GARBAGE else {}
        with suppress(soundfile.LibsndfileError):  # damaged: others may make something of it
            if kind in {"WAV", "AIFF", "AU"} and (layout := chunks.layout_of(stream)) is not None:
                layouts = list(chunks.all_of(file, size, first=layout))
                if decoder := _by_layouts(path, shown, layouts, faults):
                    return decoder
            if kind in {"CAF", "W64"} and (layout := wide.layout_of(stream)) is not None:
                layout = chunks.measured(layout, file, size)
                if decoder := _by_layouts(path, shown, [layout], faults):
                    return decoder
            if kind == "Ogg" and (links := ogg.links(stream)):
                return Chain(_ogg_links(path, shown, links, faults), shown)
            if kind == "FLAC" and (starts := flac.starts(stream, size)):
                return Chain(_flac_links(path, shown, starts, size, faults), shown)
    if kind == "MPEG" and (decoder := _mpeg_file(path, shown)):
        return decoder
    if kind in FOREIGN:  # some of their sound may look like a frame or two of MPEG
        return _by_ffmpeg(path, shown, reason=f"it is {kind}")
    return _by_library(path, shown)


def open_stream(stream: ByteStream, kind: str, shown: str, *, stop: Callable[[], None]) -> Decoder:
    """Return the decoder of a stream that is read once, forwards, as it comes.

    Args:
        stream: at its beginning.
        kind: what ``recognise`` says of it.
        shown: what to call it in messages.
        stop: ends a read of the stream in progress.

    Raises:
        AudioFileError: it cannot be decoded as a stream, or claims what no sound can be.
    """
    links: Iterator[Decoder]
    try:
        match kind:
            case "MPEG":
                links = _mpeg_links(stream, shown)
            case "Ogg":
                links = _ogg_stream_links(stream, shown)
            case "WAV" | "AIFF" | "AU":
                links = _chunk_stream(stream, shown)
            case "FLAC":
                data, announced = flac.without_length(stream)
                file = Forwards(_then(data, stream))
                links = iter([SndfileDecoder(file, shown, announced=announced or NOTHING)])
            case _:
                raise _no_stream(shown, kind, "which needs the whole file")
        return Chain(links, shown, stop=stop)
    except soundfile.LibsndfileError as error:
        raise _no_stream(shown, kind, error.error_string.strip().rstrip(".")) from error
    except StopIteration:
        raise _no_stream(shown, kind, "without any sound") from None


def _no_stream(shown: str, kind: str, reason: str) -> AudioFileError:
    return AudioFileError(
        f"{shown} is {kind}, {reason}: give the file itself, or pipe raw sound, as in "
        "`ffmpeg -v error -i FILE -f s16le -ac 1 -ar 48000 - | realtime-mer live - --rate 48000`"
    )


def _by_library(path: Path, shown: str) -> Decoder:
    try:
        decoder = SndfileDecoder(path, shown)
        if decoder.format == "MP3" and (frames := _mpeg_file(path, shown)):  # behind garbage
            decoder.close()
            return frames
        return decoder
    except TypeError as error:  # soundfile's answer to a name that ends in .raw
        raise AudioFileError(
            f"{shown} is raw sound without a header: pipe it in and state its format, "
            f"as in `realtime-mer live - --rate 44100 < {shown}`"
        ) from error
    except soundfile.LibsndfileError as error:
        reason = error.error_string.strip().rstrip(".")
    if frames := _mpeg_file(path, shown):
        return frames
    return _by_ffmpeg(path, shown, reason=reason)


def _by_ffmpeg(path: Path, shown: str, *, reason: str) -> Decoder:
    if shutil.which("ffmpeg") is None:
        raise AudioFileError(
            f"{shown} cannot be decoded ({reason}): install ffmpeg, which reads more formats, "
            "or convert the file to WAV, FLAC or MP3"
        )
    return FfmpegDecoder(path, shown)


def _by_layouts(
    path: Path, shown: str, layouts: list[chunks.Layout], faults: dict[str, int]
) -> Decoder | None:
    """Return a decoder of what lies in a file; None where only libsndfile knows what it is."""
    for layout in layouts:
        trouble = unfit(rate=layout.rate, channels=layout.channels, seconds=layout.seconds)
        if trouble:
            raise AudioFileError(f"{shown} claims {trouble}: convert it")
    layouts = [layout for layout in layouts if layout.size]
    if not layouts or (len(layouts) == 1 and _is_right(layouts[0])):
        return None
    links = (link for one in layouts if (link := _by_layout(path, shown, one, faults)))
    return Chain(links, shown)


def _is_right(layout: chunks.Layout) -> bool:
    """Whether a decoder may read the header by itself."""
    needs_one = layout.subtype is None and not layout.mpeg
    return needs_one and layout.origin == 0 and layout.announced == layout.size


def _by_layout(
    path: Path, shown: str, layout: chunks.Layout, faults: dict[str, int]
) -> Decoder | None:
    size, announced = layout.size or 0, layout.announced
    end = layout.start + size
    if layout.mpeg:
        return _mpeg_file(path, shown, start=layout.start, end=end)
    if layout.subtype is None:
        file = Window(path.open("rb"), parts=[(layout.origin, end)], corrected=layout.corrected())
        share = 1.0 if announced is None else announced / size
        return SndfileDecoder(file, shown, share=share, faults=faults)
    return SndfileDecoder(
        Window(path.open("rb"), parts=[(layout.start, end)]),
        shown,
        announced=NOTHING if announced is None else announced // layout.width,
        faults=faults,
        settings=_raw(layout),
    )


def _raw(layout: chunks.Layout) -> dict[str, object]:
    return {
        "samplerate": layout.rate,
        "channels": layout.channels,
        "format": "RAW",
        "subtype": layout.subtype,
        "endian": layout.endian,
    }


def _chunk_stream(stream: ByteStream, shown: str) -> Iterator[Decoder]:
    header: list[bytes] = []
    in_header = True

    def read(_: int) -> bytes:
        data = stream.take_some()
        if in_header:
            header.append(data)
        return data

    sound = ByteStream(read)
    layout = chunks.layout_of(sound)
    in_header = False
    if layout is not None and (trouble := unfit(rate=layout.rate, channels=layout.channels)):
        raise AudioFileError(f"{shown} claims {trouble}: convert it")
    if layout is not None and layout.mpeg:
        yield from _mpeg_links(sound, shown)
        return
    if layout is None or layout.subtype is None:
        data = b"".join(header)
        yield SndfileDecoder(Forwards(_then(data, stream)), shown, announced=NOTHING)
        return
    # Who cannot go back to the header leaves 0 there.
    announced, order = layout.announced or None, layout.order
    left = announced

    def more() -> bytes:
        nonlocal left
        if left == 0:
            if chunks.is_no_sound(sound.peek(32), order):
                return b""
            left = None
        data = sound.take_some(left)
        if left is not None:
            left -= len(data)
        return data

    frames = NOTHING if announced is None else announced // layout.width
    yield SndfileDecoder(Forwards(more), shown, announced=frames, settings=_raw(layout))
    if chunks.to_next_file(sound, order):
        yield from _chunk_stream(sound, shown)


def _then(data: bytes, stream: ByteStream) -> Callable[[], bytes]:
    first = iter([data] if data else [])
    return lambda: next(first, b"") or stream.take_some()


# -- Ogg -------------------------------------------------------------------------------------------


def _ogg_links(
    path: Path, shown: str, links: list[ogg.Link], faults: dict[str, int]
) -> Iterator[Decoder]:
    for link in links:
        if link.left_out > _SOME_GARBAGE:
            faults[SKIPPED] = faults.get(SKIPPED, 0) + link.left_out
        if link.missing:
            faults[LOST_PAGES] = link.missing
        if not link.ended:
            faults[NO_END] = 1
        yield SndfileDecoder(Window(path.open("rb"), parts=link.parts), shown, faults=faults)


def _ogg_stream_links(stream: ByteStream, shown: str) -> Iterator[Decoder]:
    pages = ogg.pages(stream)
    next_page = next(pages, None)

    def feed(end: int, first: ogg.Page) -> None:
        """Write the pages of one link where libsndfile reads them."""
        nonlocal next_page
        page: ogg.Page | None = first
        opening = True
        try:
            with os.fdopen(end, "wb", buffering=0) as file:
                while page is not None and (opening or not page.first):
                    opening = page.first
                    file.write(page.data)
                    page = next(pages, None)
        except OSError:  # libsndfile has what it needs, or was closed
            while page is not None and not page.first:
                page = next(pages, None)
        next_page = page

    while next_page is not None:
        there, here = os.pipe()
        feeder = threading.Thread(target=feed, args=(here, next_page), daemon=True)
        feeder.start()
        yield SndfileDecoder(there, shown, announced=NOTHING)
        feeder.join()


# -- FLAC ------------------------------------------------------------------------------------------


def _flac_links(
    path: Path, shown: str, starts: list[int], size: int, faults: dict[str, int]
) -> Iterator[Decoder]:
    for start, end in zip(starts, [*starts[1:], size], strict=True):
        with path.open("rb") as file:
            file.seek(start)
            announced, corrected = flac.length(file.read(flac.HEAD))
        window = Window(path.open("rb"), parts=[(start, end)], corrected=corrected)
        yield SndfileDecoder(window, shown, announced=announced or NOTHING, faults=faults)


# -- MPEG ------------------------------------------------------------------------------------------


def _mpeg_file(path: Path, shown: str, *, start: int = 0, end: int | None = None) -> Decoder | None:
    """Return a decoder of a file's MPEG frames; None where it has none near its beginning."""
    end = path.stat().st_size if end is None else end
    with Window(path.open("rb"), parts=[(start, min(end, start + _GARBAGE))]) as beginning:
        if mpeg.Frames(ByteStream(beginning.read)).next() is None:
            return None
    file = Window(path.open("rb"), parts=[(start, end)])
    try:
        return Chain(_mpeg_links(ByteStream(file.read), shown), shown, close=file.close)
    except (soundfile.LibsndfileError, StopIteration):  # a few bytes that only looked like it
        file.close()
        return None


def _mpeg_links(stream: ByteStream, shown: str) -> Iterator[Decoder]:
    """Yield a decoder for every file that was joined into this one, told by its header frame.

    The header frames themselves hold no sound. libsndfile, which would believe them, never sees
    them; what the encoder put in front and behind is left out here, as they say.
    """
    frames = mpeg.Frames(stream)
    following = frames.next()
    faults: dict[str, int] = {}
    fresh = True

    def more() -> bytes:
        """Return the next frame of this link."""
        nonlocal following, fresh
        if fresh:
            fresh = False
            return first[1]
        following = frames.next()
        if following is None and frames.skipped > _SOME_GARBAGE:
            faults[SKIPPED] = frames.skipped
        if following is None or not following[0].goes_on(first[0]) or mpeg.info(following[1]):
            return b""
        return following[1]

    while following is not None:
        about = mpeg.info(following[1]) or mpeg.Info(None, 0, 0)
        if mpeg.info(following[1]) and (following := frames.next()) is None:
            return
        first, fresh = following, True
        samples, around = first[0].samples, about.delay + about.padding
        yield SndfileDecoder(
            Forwards(more),
            shown,
            announced=samples * about.frames - around if about.frames else NOTHING,
            skip=about.delay,
            drop=about.padding,
            slack=2 * samples,
            faults=faults,
        )
