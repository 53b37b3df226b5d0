"""Sessions as tables and as labels for other programs."""

import csv
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from realtime_mer.errors import InputError
from realtime_mer.estimate import Estimate, columns
from realtime_mer.sessions.course import Course, Segment, segments
from realtime_mer.sessions.store import Session
from realtime_mer.wire.protocol import Level, Marker, ServerMessage
from realtime_mer.wording import STATUS_WORDS, TURN_WORDS
from realtime_mer.writing.cells import to_cells
from realtime_mer.writing.replacing import replacing

Format = Literal["csv", "jsonl", "parquet", "vtt", "audacity", "flac"]

_ROWS = 10_000  # written to Parquet at a time
_MARKER_S = 3.0  # how long the caption of a marker or a turn stands
_INTEGERS = ("seq", "turns", "xruns", "skipped")
_TEXTS = ("wall_time", "mood", "status")


def export(session: Session, *, format: Format, out: Path | None) -> None:
    """Write a session for other programs.

    ``csv``, ``jsonl`` and ``parquet`` hold a row per estimate, with the numbers to the bit; ``vtt``
    (WebVTT captions) and ``audacity`` (label track) hold the markers, the segments and where the
    music turned, at their times in the sound where it was kept, else in the stream; ``flac`` is the
    sound.

    Args:
        out: where to write, over what is there; None for standard output.

    Raises:
        InputError: it cannot be written there, or there is no such thing to write.
    """
    if format == "flac":
        if out is None:
            raise InputError("Sound is no text: give --out PATH.")
        try:
            with replacing(out) as file:
                file.write(session.sound())
        except OSError as error:
            raise _not_written(out, error) from error
        return
    if format == "parquet":
        if out is None:
            raise InputError("Parquet is no text: give --out PATH.")
        _write_parquet(session, out)
        return
    with _output(out) as file:
        _WRITERS[format](session, file)


def _write_csv(session: Session, file: IO[str]) -> None:
    writer: csv.DictWriter[str] | None = None
    for estimate in session.estimates():
        row = _row(estimate)
        if writer is None:
            # The first row says what there is; unknown fields of later ones have no column.
            writer = csv.DictWriter(file, list(row), lineterminator="\n", extrasaction="ignore")
            writer.writeheader()
        writer.writerow(to_cells(row))


def _write_jsonl(session: Session, file: IO[str]) -> None:
    for estimate in session.estimates():
        print(json.dumps(estimate.to_dict(), allow_nan=False), file=file)


def _write_parquet(session: Session, out: Path) -> None:
    schema = None
    writer: pq.ParquetWriter | None = None
    try:
        with ExitStack() as stack:
            estimates = map(_row, session.estimates())
            while rows := list(islice(estimates, _ROWS)):
                if writer is None:
                    schema = pa.schema([(name, _type(name)) for name in rows[0]])
                    # Opened here, as pyarrow opens no file whose name is no UTF-8.
                    file = stack.enter_context(replacing(out))
                    writer = stack.enter_context(pq.ParquetWriter(file, schema))
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))
    except OSError as error:
        raise _not_written(out, error) from error
    if writer is None:
        raise InputError(f"{session.name} holds no estimate to export.")


def _row(estimate: Estimate) -> dict[str, Any]:
    return dict(columns({**estimate.to_dict(), "status": estimate.status.value}))


def _type(name: str) -> pa.DataType:
    if name in _INTEGERS:
        return pa.int64()
    return pa.string() if name in _TEXTS else pa.float64()


def _write_vtt(session: Session, file: IO[str]) -> None:
    print("WEBVTT", file=file)
    for start, end, text in _labels(session, marker_s=_MARKER_S):
        for sign, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            text = text.replace(sign, name)
        print(f"\n{_clock(start)} --> {_clock(end)}\n{text}", file=file)


def _write_audacity(session: Session, file: IO[str]) -> None:
    for start, end, text in _labels(session, marker_s=0.0):
        print(f"{start:.6f}\t{end:.6f}\t{text}", file=file)


def _labels(session: Session, *, marker_s: float) -> list[tuple[float, float, str]]:
    """Return start, end and text of segments, markers and turns, in order of time.

    Times count from the first sample of the sound that was kept, so that the two fit together;
    without any, from the beginning of the stream.
    """
    zero = session.sound_start or 0.0
    markers: list[Marker] = []

    def keep(message: ServerMessage | Level) -> None:
        if isinstance(message, Marker):
            markers.append(message)

    course = Course.of(session.rows(others=keep), hop=session.manifest.hello.hop)
    labels = [
        (max(0.0, one.start - zero), one.end - zero, segment_text(one))
        for one in segments(course)
        if one.end > zero
    ]
    turned = (t - zero for t in course.turned or () if t >= zero)
    labels += [(t, t + marker_s, TURN_WORDS) for t in turned]
    for one in markers:
        at = max(0.0, (one.t or 0.0) - zero)
        labels.append((at, at + marker_s, one.label))
    return sorted(labels, key=lambda label: label[0])


def segment_text(segment: Segment) -> str:
    """Return what a segment is, in one line."""
    if not segment.words:
        return STATUS_WORDS[segment.status]
    return f"{segment.mood} (valence {segment.valence:+.2f}, arousal {segment.arousal:+.2f})"


def _clock(seconds: float) -> str:
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds / 1000:06.3f}"


_WRITERS: Mapping[str, Callable[[Session, IO[str]], None]] = {
    "csv": _write_csv,
    "jsonl": _write_jsonl,
    "vtt": _write_vtt,
    "audacity": _write_audacity,
}


@contextmanager
def _output(out: Path | None) -> Iterator[IO[str]]:
    if out is None:
        yield sys.stdout
        return
    try:
        with replacing(out, "w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        raise _not_written(out, error) from error


def _not_written(out: Path, error: OSError) -> InputError:
    return InputError(f"--out {out} cannot be written: {error.strerror or error}.")
