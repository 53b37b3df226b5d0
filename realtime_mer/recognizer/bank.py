"""The states of many streams side by side, and the next hops of any of them in one call.

Dimensions: n of the streams, H hops.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from realtime_mer.errors import InputError
from realtime_mer.lanes import Flag, Number, Rows, some
from realtime_mer.recognizer.contract import ESTIMATES, Estimates, Samples, StreamingRecognizer


class Bank(Protocol):
    """What is asked of the states of many streams, wherever they lie.

    A stream is known by its row. What a row holds before ``put`` or ``reset`` is a new stream.
    """

    def resize(self, streams: int) -> None:
        """Make room for so many streams, >= those there are, which stay as they are."""

    def step(
        self, rows: Rows, samples: Samples, anew: Sequence[Flag]
    ) -> Estimates[NDArray[np.float32]]:
        """Take the next H >= 1 hops of n streams and return what the network says of them.

        Args:
            rows: of n streams, each of them once.
            samples: float32 ``(n, H * hop_samples)``.
            anew: of each of the H hops, whether streams forget all before it begins.
        """

    def reset(self, rows: Rows, *, keep_memory: bool = False) -> None:
        """Let streams start anew; ``keep_memory`` as for a recogniser's ``reset``."""

    def get(self, row: int) -> Any:
        """Return the state of one stream, as the recogniser has it of a batch of one."""

    def put(self, row: int, state: Any) -> None:
        """Let a row go on from a state of one stream."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """What a hop of n streams was, and what the network says of it.

    Attributes:
        numbers: H = 1.
        power: float64 ``(n,)``, mean squares of their samples as they came.
        peak: float64 ``(n,)``, their largest absolute sample.
        anew: bool ``(n,)``, which of them forgot all before it.
    """

    numbers: Estimates[NDArray[np.float32]]
    power: NDArray[np.float64]
    peak: NDArray[np.float64]
    anew: NDArray[np.bool_]


@runtime_checkable
class HearingBank(Bank, Protocol):
    """A bank that hears for itself how loud a hop is, as sound need not come by the host then."""

    def hop(
        self,
        rows: NDArray[np.int64],
        samples: Samples,
        *,
        anew: Flag,
        if_sound: Flag,
        above_dbfs: float,
        gain_db: Number = 0.0,
    ) -> Heard:
        """Take the next hop of n streams and return what it was and what the network says of it.

        Args:
            rows: ``(n,)``, each of them once.
            samples: ``(n, hop_samples)``.
            anew: which streams forget all before it.
            if_sound: which do so too if the hop is louder than ``above_dbfs``.
            above_dbfs: in dB relative to full scale.
            gain_db: by how many decibels the network hears it louder; where a stream forgets all
                before it, by none.
        """


class ValueBank:
    """A bank for any recogniser: one state of all streams, of which rows are taken and put back.

    Args:
        recognizer: whose states they are.
    """

    def __init__(self, recognizer: StreamingRecognizer) -> None:
        self._recognizer = recognizer
        self._hop = recognizer.hop_samples
        self._streams = 1
        self._all = np.arange(1)
        self._state = recognizer.initial_state(1)

    def resize(self, streams: int) -> None:
        """As ``Bank`` promises."""
        if streams == self._streams:
            return
        state = self._recognizer.initial_state(streams)
        _write(state, slice(0, self._streams), self._state)
        self._state, self._streams, self._all = state, streams, np.arange(streams)

    def step(
        self, rows: Rows, samples: Samples, anew: Sequence[Flag]
    ) -> Estimates[NDArray[np.float32]]:
        """As ``Bank`` promises."""
        # All at once, as one stream always is: nothing is copied.
        whole = self._streams == 1 or np.array_equal(rows, self._all)
        state = self._state if whole else _read(self._state, _index(rows))
        parts, begin = [], 0
        for hop, which in enumerate(anew):
            if some(which):
                if hop > begin:
                    piece = samples[:, begin * self._hop : hop * self._hop]
                    numbers, state = self._recognizer.step(np.ascontiguousarray(piece), state)
                    parts.append(numbers)
                begin = hop
                state = self._recognizer.reset(state, np.flatnonzero(which).tolist())
        piece = samples[:, begin * self._hop :] if begin else samples
        numbers, state = self._recognizer.step(np.ascontiguousarray(piece), state)
        if whole:
            self._state = state
        else:
            _write(self._state, _index(rows), state)
        return _joined([*parts, numbers]) if parts else numbers

    def reset(self, rows: Rows, *, keep_memory: bool = False) -> None:
        """As ``Bank`` promises."""
        if self._streams == 1:
            self._state = self._recognizer.reset(self._state, [0], keep_memory=keep_memory)
            return
        index = _index(rows)
        state = _read(self._state, index)
        streams = range(1 if isinstance(rows, int) else len(rows))
        _write(self._state, index, self._recognizer.reset(state, streams, keep_memory=keep_memory))

    def get(self, row: int) -> Any:
        """As ``Bank`` promises."""
        if self._streams == 1:
            return self._state
        return _read(self._state, [row])  # a list of places copies, a slice does not

    def put(self, row: int, state: Any) -> None:
        """As ``Bank`` promises."""
        own = self._recognizer.reset(state, [])  # of no stream: as this runtime has it
        if self._streams == 1:
            self._state = own
        else:
            _write(self._state, slice(row, row + 1), own)


def _index(rows: Rows) -> Any:
    """Return rows as what copies least: a slice where they follow one another."""
    if isinstance(rows, int):
        return slice(rows, rows + 1)
    first, last = int(rows[0]), int(rows[-1])
    if last - first + 1 == len(rows) and (np.diff(rows) == 1).all():
        return slice(first, last + 1)
    return rows


def _read(state: Any, index: Any) -> Any:
    return _mapped(lambda part: part[index], state)


def _write(state: Any, index: Any, new: Any) -> None:
    """Write what is new into some rows of a state, in place."""

    def write(part: Any, other: Any) -> None:
        part[index] = other

    _mapped(write, state, new)


def _mapped(change: Callable[..., Any], *states: Any) -> Any:
    """Return a state whose arrays are what ``change`` makes of those of one or more states."""
    state = states[0]
    if hasattr(state, "shape"):
        return change(*states)
    if isinstance(state, tuple):
        parts = [_mapped(change, *same) for same in zip(*states, strict=True)]
        return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)
    if is_dataclass(state) and not isinstance(state, type):
        names = [field.name for field in fields(state)]
        return replace(
            state,
            **{name: _mapped(change, *(getattr(one, name) for one in states)) for name in names},
        )
    raise InputError(
        f"A state of {type(state).__name__} cannot be split by streams: this recogniser runs one "
        "stream a process. Its state must be made of arrays, tuples and dataclasses."
    )


def _joined(parts: Sequence[Estimates[NDArray[np.float32]]]) -> Estimates[NDArray[np.float32]]:
    """Return estimates of successive hops as one."""
    return Estimates(
        **{
            name: np.concatenate([getattr(part, name) for part in parts], axis=1)
            for name in ESTIMATES
        }
    )
