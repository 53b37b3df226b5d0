"""The few pieces of Markdown that reports are made of."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def number(value: float | None, *, sign: bool = False) -> str:
    """Return a number with three digits, a dash for what is none."""
    if value is None or not np.isfinite(value):
        return "–"
    return (f"{value:+.3f}" if sign else f"{value:.3f}").replace("-", "−")


def with_interval(row: Mapping[str, Any], prefix: str = "", *, sign: bool = False) -> str:
    """Return ``value (low … high)`` of a row's fields of these names after a prefix."""
    value, low, high = (
        number(row[f"{prefix}{name}"], sign=sign) for name in ("value", "low", "high")
    )
    return f"{value} ({low} … {high})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; bars within cells are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    )


def protocols(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a list of the protocols of rows, each once."""
    return "\n".join(f"- {protocol}" for protocol in dict.fromkeys(row["protocol"] for row in rows))
