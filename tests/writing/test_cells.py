"""Texts in CSV files are read back as they were, and no spreadsheet runs them."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.writing.cells import from_cell, to_cells

RISKY = "=+-@\t\r\n"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_a_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert to_cells({"path": text}) == {"path": f"'{text}"}


@pytest.mark.parametrize("value", ["song.mp3", "/=.mp3", "'tis", "", -0.5, None, 3, True])
def test_all_else_stays_as_it_is(value: object) -> None:
    assert to_cells({"x": value}) == {"x": value}


@given(st.text(alphabet=st.sampled_from(f"{RISKY}'a,\"é")))
def test_every_text_is_read_back_from_a_cell_that_nothing_runs(text: str) -> None:
    cell = to_cells({"x": text})["x"]
    assert not cell or cell[0] not in RISKY
    assert from_cell(cell) == text
    file = io.StringIO(newline="")
    csv.writer(file).writerow([cell])
    file.seek(0)
    assert list(csv.reader(file)) == [[cell]]
