"""A recogniser from its checkpoint: which kind it is, and who makes that kind."""

from importlib.metadata import entry_points
from pathlib import Path

from realtime_mer.errors import CheckpointError
from realtime_mer.model.card import CNN_LSTM, CardKind, load_card
from realtime_mer.model.files import find_checkpoint
from realtime_mer.recognizer.contract import StreamingRecognizer
from realtime_mer.recognizer.reference import Recognizer

KINDS = "realtime_mer.recognizers"
"""The group of entry points that bring other kinds of recogniser, by ``BaseCard.architecture``.

Each is a function of the stem of a checkpoint's files and of ``cpu``, ``cuda``, ``cuda:N`` or
``auto``, which returns an ``StreamingRecognizer`` or raises a ``RealtimeMerError``.
"""


def load_recognizer(
    name_or_path: str | Path = "default", device: str = "auto"
) -> StreamingRecognizer:
    """Load a checkpoint of any kind that is installed.

    Args:
        name_or_path, device: as for ``Recognizer.load``.

    Raises:
        CheckpointError: there is no such checkpoint, it does not fit its card, or its kind is not
            installed; the message says what to install.
        InputError: the device is not there.
    """
    stem = find_checkpoint(name_or_path)
    kind = load_card(stem, CardKind)
    if kind.architecture == CNN_LSTM:
        return Recognizer.load(stem, device)
    found = {entry.name: entry for entry in entry_points(group=KINDS)}
    advice = f"Install {kind.requires}." if kind.requires else "Install the package it came with."
    if kind.architecture not in found:
        raise CheckpointError(
            f"{stem}.json: field architecture: no {kind.architecture!r} is installed; there are: "
            f"{', '.join([CNN_LSTM, *sorted(found)])}. {advice}"
        )
    try:
        load = found[kind.architecture].load()
    except ImportError as error:
        raise CheckpointError(
            f"{stem}.json: a recogniser {kind.architecture!r} cannot start: {error}. {advice}"
        ) from error
    recognizer: StreamingRecognizer = load(stem, device)
    return recognizer
