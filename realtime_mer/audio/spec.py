"""What you can ask to listen to, and what is refused before anything is opened.

No library of sound is imported here, so that a mistyped word is answered at once.
"""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal, get_args

from realtime_mer.audio.devices import Kind, select, survey
from realtime_mer.audio.limits import unfit
from realtime_mer.audio.picking import Picked, parse_channels, parse_raw_channels
from realtime_mer.errors import AudioFileError, DeviceError, InputError
from realtime_mer.wording import nearest

SampleFormat = Literal["s16le", "s24le", "s32le", "f32le", "u8"]

DEVICE_WORDS: dict[str, tuple[Kind, str]] = {
    "mic": ("input", "microphone"),
    "system": ("loopback", "system audio"),
}
"""The words for devices: what kind each means, and what that is called."""

# What people type who mean one of the words.
_MEANT = {
    "mic": "mic",
    "microphone": "mic",
    "input": "mic",
    "system": "system",
    "loopback": "system",
    "speakers": "system",
    "demo": "demo",
    "stdin": "-",
}


@dataclass(frozen=True, kw_only=True)
class RawFormat:
    """Raw sound on standard input.

    Attributes:
        rate: sample rate in Hz.
        channels: samples in a frame.
        sample_format: ``s16le``, ``s24le``, ``s32le``, ``f32le`` or ``u8``.
    """

    rate: int = 48_000
    channels: int = 1
    sample_format: SampleFormat = "s16le"


def asked_sound(
    source: str | None,
    *,
    channels: str | None,
    rate: int | None,
    sample_format: SampleFormat | None,
) -> tuple[RawFormat | None, Picked | None]:
    """Return what was asked of the raw sound on standard input, and which channels are to be heard.

    Args:
        source: as for ``check_source``.
        channels: as they were typed; of raw sound also how many there are.
        rate, sample_format: of raw sound; None for the usual ones.

    Raises:
        InputError: that is no channel, or no number of channels.
    """
    count, picked = None, None
    if channels is not None and source == "-":
        count, picked = parse_raw_channels(channels)
    elif channels is not None:
        picked = parse_channels(channels)
    if (rate, count, sample_format) == (None, None, None):
        return None, picked
    usual = RawFormat()
    raw = RawFormat(
        rate=usual.rate if rate is None else rate,
        channels=usual.channels if count is None else count,
        sample_format=usual.sample_format if sample_format is None else sample_format,
    )
    return raw, picked


def check_source(
    spec: str | None,
    *,
    device: str | None,
    paced: bool,
    raw: RawFormat | None,
    channels: Picked | None = None,
) -> None:
    """Refuse what cannot be listened to; arguments as for ``open_source``.

    Raises:
        InputError: one of these does not go with the other, or standard input is closed.
        AudioFileError: there is no such file.
    """
    if device is not None and spec not in {None, *DEVICE_WORDS}:
        raise InputError(f"--device {device} goes with mic and system, not with {spec}.")
    if raw is not None and spec != "-":
        raise InputError(
            "--rate and --format are those of raw sound on standard input: leave them "
            f"out, or listen to - instead of {spec or 'a device'}."
        )
    if channels is not None and spec == "demo":
        raise InputError("--channels picks of devices, files and pipes: leave it out for the demo.")
    if not paced and spec in {None, *DEVICE_WORDS}:
        raise InputError("--speed max needs a FILE, demo or -: a device plays at its own speed.")
    if spec == "-":
        if sys.stdin is None:
            raise InputError("Standard input is closed: pipe raw sound into `live -`.")
        check_raw(raw or RawFormat())
    elif spec not in {None, "demo", *DEVICE_WORDS}:
        _check_word_or_file(str(spec))


def find_asked(spec: str | None, device: str) -> str:
    """Return the whole name of the device that a person means.

    Args:
        spec: ``mic``, ``system``, or None for either.
        device: index, name or part of a name.

    Raises:
        DeviceError: there is no such device, or several fit.
    """
    listing = survey()
    found = {one.kind for one in listing.devices}
    kinds = [kind for kind, _ in DEVICE_WORDS.values() if kind in found]
    failures = []
    for kind in kinds if spec is None else [DEVICE_WORDS[spec][0]]:
        problem = listing.problems.get(kind)
        try:
            return select(listing.devices, device, kind=kind, problem=problem).name
        except DeviceError as error:
            failures.append(error)
    raise failures[0] if failures else no_device(device)


def no_device(device: str) -> DeviceError:
    """Return what is said where a device is named and there is none at all."""
    return DeviceError(f"There is no device {device!r}, nor any other; see `realtime-mer doctor`.")


def check_raw(raw: RawFormat) -> None:
    """Refuse a format that sound cannot have.

    Raises:
        InputError: the format is unknown, or rate or channels are beyond ``audio/limits.py``.
    """
    if raw.sample_format not in get_args(SampleFormat):
        raise InputError(
            f"sample format {raw.sample_format!r} is not one of {', '.join(get_args(SampleFormat))}"
        )
    if raw.rate < 1 or raw.channels < 1:
        raise InputError(f"{raw.rate} Hz and {raw.channels} channels: both must be at least 1")
    if trouble := unfit(rate=raw.rate, channels=raw.channels):
        raise InputError(f"--rate and --channels say {trouble}.")


def check_file(path: str | PathLike[str]) -> None:
    """Refuse a file that is not there, is a folder or is empty.

    Raises:
        AudioFileError: it is one of these; a file of nearly that name in the folder is named.
    """
    file, shown = Path(path), os.fspath(path)
    try:
        if not file.exists():
            near = nearest(file.name, _names_beside(file))
            advice = "check the path" if near is None else f"did you mean {file.with_name(near)}?"
            raise AudioFileError(f"{shown} does not exist: {advice}")
        if file.is_dir():
            raise AudioFileError(f"{shown} is a folder: name the audio files in it")
        if file.is_file() and file.stat().st_size == 0:
            raise AudioFileError(f"{shown} is empty (0 bytes): copy or record it again")
        if not os.access(file, os.R_OK):
            raise AudioFileError(f"{shown} cannot be opened: Permission denied")
    except OSError as error:
        raise AudioFileError(f"{shown} cannot be opened: {error.strerror or error}") from error


def refuse_overwriting(
    recordings: Iterable[str], *, output: str | PathLike[str], option: str
) -> None:
    """Raise InputError where ``output`` is one of the recordings about to be read."""
    for path in recordings:
        if os.path.exists(path) and os.path.exists(output) and os.path.samefile(path, output):
            raise InputError(f"{option} {output} is the recording itself: name another file.")


def _check_word_or_file(spec: str) -> None:
    path = Path(spec)
    bare = path.name == spec and not path.suffix  # as the words are
    if not bare or path.exists():
        check_file(spec)
        return
    near = nearest(spec, [*_MEANT, *_names_beside(path)])
    meant = "" if near is None else f": did you mean {_MEANT.get(near, near)}?"
    raise InputError(
        f"{spec!r} is neither a source (mic, system, demo or -) nor a file that exists{meant}"
    )


def _names_beside(file: Path) -> list[str]:
    try:
        return sorted(path.name for path in file.parent.iterdir())
    except OSError:  # that folder is not there either
        return []
