"""Cells of CSV files that spreadsheets do not run.

A spreadsheet takes a text that begins with ``=``, ``+``, ``-`` or ``@`` for a formula, whoever
wrote it, and some pass over a tab or a line's end before it. Such a text gets an apostrophe in
front, which spreadsheets know; numbers stay numbers. So that the very text can be read back, texts
that begin with apostrophes and then such a character get one more.
"""

import re
from collections.abc import Mapping
from typing import Any

_RUN = re.compile(r"'*[=+\-@\t\r\n]")


def to_cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row whose texts no spreadsheet runs."""
    return {name: _to_cell(value) for name, value in row.items()}


def from_cell(text: str) -> str:
    """Return the text that became this cell."""
    return text[1:] if text.startswith("'") and _RUN.match(text) else text


def _to_cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and _RUN.match(value) else value
