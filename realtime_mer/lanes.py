"""A number of one stream, or an array of the numbers of many: what is written once works for both.

A single stream pays for no arrays this way: an operation on an array costs as much as twenty on a
number. Pure.

Dimensions: n streams, H hops.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Number = Any
"""A number, or ``(n,)`` of them. (No type of Python's is both where it is reckoned with.)"""
Flag = Any
"""A bool, or ``(n,)`` of them; write ``flag ^ True`` for its opposite."""
Rows = int | NDArray[np.int64]
"""Which rows of a table are meant: that of one stream, whose numbers are numbers, or ``(n,)``."""
Table = Any
"""A few numbers of each: a list of one stream's, or ``(n, k)``."""


def where(which: Flag, then: Any, other: Any) -> Any:
    """Return ``then`` for those streams for which ``which`` holds, ``other`` for the rest."""
    if isinstance(which, np.ndarray):
        return np.where(which, then, other)
    return then if which else other


def rows_where(which: Flag, then: Any, other: Any) -> Any:
    """Return the same of arrays: ``(n, k)`` of many streams, ``(k,)`` of one."""
    if isinstance(which, np.ndarray):
        return np.where(which[:, np.newaxis], then, other)
    return then if which else other


def some(which: Flag) -> bool:
    """Return whether it holds for any stream."""
    return bool(which.any()) if isinstance(which, np.ndarray) else bool(which)


def chosen(which: Flag, table: NDArray[Any]) -> NDArray[Any]:
    """Return the rows of those streams for which it holds; of one, for which it holds, its own."""
    return table[which] if isinstance(which, np.ndarray) else table


def decibels(power: Number, *, floor: float) -> Number:
    """Return powers in hundredths of a decibel, those under ``floor`` as that; both > 0."""
    return in_steps(power, floor=floor, steps=100) / 100


def in_steps(power: Number, *, floor: float, steps: int) -> Number:
    """Return powers in whole steps of a decibel, those under ``floor`` as that; both > 0."""
    if isinstance(power, np.ndarray):
        return np.rint(10 * steps * np.log10(np.maximum(power, floor))).astype(np.int64)
    return round(10 * steps * math.log10(max(power, floor)))


def clipped(value: Number, most: float) -> Number:
    """Return numbers, those further than ``most`` from 0 as that."""
    if isinstance(value, np.ndarray):
        return np.minimum(np.maximum(value, -most), most)
    return min(max(value, -most), most)


def faded(seconds: Number, *, time_constant: float) -> Any:
    """Return which share has faded after this time: of many ``(n, 1)``, for their rows."""
    if isinstance(seconds, np.ndarray):
        return 1 - np.exp(-seconds / time_constant)[:, np.newaxis]
    return 1 - float(np.exp(-seconds / time_constant))  # as of many, to the last bit


def taken(table: NDArray[Any], rows: Rows) -> Table:
    """Return rows of ``(streams, k)`` as numbers or arrays; the table stays as it is."""
    return table[rows].tolist() if isinstance(rows, int) else table[rows]


def put(table: Table, at: Number, value: Number) -> None:
    """Write one number of each stream, at its own place."""
    if isinstance(at, np.ndarray):
        table[np.arange(len(at)), at] = value
    else:
        table[at] = value


def got(table: Table, at: Number) -> Number:
    """Return one number of each stream, from its own place."""
    return table[np.arange(len(at)), at] if isinstance(at, np.ndarray) else table[at]


def total(table: Table) -> Number:
    """Return the sum of each stream's numbers."""
    return table.sum(axis=1) if isinstance(table, np.ndarray) else sum(table)


def hop_by_hop(table: NDArray[Any] | None, *, hops: int) -> Sequence[Any]:
    """Return what ``(n, H)`` holds of each of H hops; None stands for a table of zeros."""
    if table is None:
        return [False] * hops
    hops_of: Sequence[Any] = table[0].tolist() if len(table) == 1 else list(table.T)
    return hops_of
