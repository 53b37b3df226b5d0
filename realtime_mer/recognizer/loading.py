"""A recogniser from its checkpoint: which kind it is, and who makes that kind."""

from importlib.metadata import entry_points
from pathlib import Path

from realtime_mer.errors import CheckpointError, foreign
from realtime_mer.model.card import CNN_LSTM, CardKind, load_card
from realtime_mer.model.committee import COMMITTEE
from realtime_mer.model.files import find_checkpoint
from realtime_mer.recognizer.compute import choose_compute
from realtime_mer.recognizer.contract import StreamingRecognizer

KINDS = "realtime_mer.recognizers"
"""The group of entry points that bring other kinds of recogniser, by ``BaseCard.architecture``.

Each is a function of the stem of a checkpoint's files and of what to compute with, ``auto``,
``cpu``, ``light``, ``torch``, ``cuda`` or ``cuda:N``, which returns a ``StreamingRecognizer`` or
raises a ``RealtimeMerError``.
"""


def load_recognizer(
    name_or_path: str | Path = "default", compute: str = "auto"
) -> StreamingRecognizer:
    """Load a checkpoint of any kind that is installed.

    Args:
        name_or_path: a shipped checkpoint's name, or the path of one of its files.
        compute: as for ``choose_compute``.

    Raises:
        CheckpointError: there is no such checkpoint, it does not fit its card, or its kind is not
            installed; the message says what to install.
        InputError: what to compute with is not there.
    """
    stem = find_checkpoint(name_or_path)
    kind = load_card(stem, CardKind)
    if kind.architecture == CNN_LSTM:
        return _own(stem, choose_compute(compute, light=bool(kind.onnx_sha256)).name)
    if kind.architecture == COMMITTEE:
        from realtime_mer.recognizer.committee import CommitteeRecognizer

        return CommitteeRecognizer.load(stem, compute)
    found = {entry.name: entry for entry in entry_points(group=KINDS)}
    advice = f"Install {kind.requires}." if kind.requires else "Install the package it came with."
    if kind.architecture not in found:
        raise CheckpointError(
            f"{stem}.json: field architecture: no {kind.architecture!r} is installed; there are: "
            f"{', '.join([CNN_LSTM, COMMITTEE, *sorted(found)])}. {advice}"
        )
    entry = found[kind.architecture]
    what = f"{stem}.json: the recogniser {entry.name!r} ({entry.value})"
    try:
        with foreign(what, CheckpointError, kept=(ImportError,)):
            load = entry.load()
    except ImportError as error:
        raise CheckpointError(
            f"{stem}.json: a recogniser {kind.architecture!r} cannot start: {error}. {advice}"
        ) from error
    with foreign(what, CheckpointError):
        recognizer: StreamingRecognizer = load(stem, compute)
    return recognizer


def computes_on_gpu(name_or_path: str | Path, compute: str) -> bool:
    """Return whether ``load_recognizer`` would compute on a GPU.

    Raises: as ``load_recognizer``, as far as can be told without loading.
    """
    kind = load_card(find_checkpoint(name_or_path), CardKind)
    return kind.architecture != COMMITTEE and choose_compute(compute).name.startswith("cuda")


def _own(stem: Path, compute: str) -> StreamingRecognizer:
    """Load a checkpoint of this package's kind; whoever needs no torch does not import it."""
    if compute == "light":
        from realtime_mer.recognizer.light import LightRecognizer

        return LightRecognizer.load(stem)
    from realtime_mer.recognizer.reference import Recognizer

    return Recognizer.load(stem, "cpu" if compute == "torch" else compute)
