"""``python -m training corpora``."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from realtime_mer.errors import InputError
from tests.training.made_corpora import sound, table
from training.__main__ import app
from training.corpora.listing import survey


def test_found_corpora_are_counted(corpora_root: Path) -> None:
    content = survey(corpora_root)
    counted = {entry["name"]: entry for entry in content["corpora"]}
    assert list(counted) == ["emotify", "panda4q", "grekow"]
    assert {entry["clips"] for entry in counted.values()} == {12}
    assert counted["emotify"]["labels"] == ["gems"]
    assert counted["emotify"]["answers"] == [12, 23]
    assert counted["panda4q"]["answers"] is None
    assert counted["grekow"]["groups"] == 11
    assert counted["grekow"]["repeats"] == 1
    assert content["total"]["clips"] == 35
    assert "deam" in content["absent"]


def test_missing_audio_is_counted_and_does_not_stop_the_listing(tmp_path: Path) -> None:
    sound(tmp_path / "mine" / "a.wav", seconds=36)
    rows = [{"path": "a.wav", "quadrant": "Q1"}, {"path": "b.wav", "quadrant": "Q2"}]
    table(tmp_path / "mine" / "labels.csv", rows)
    (entry,) = survey(tmp_path)["corpora"]
    assert (entry["clips"], entry["missing_audio"], entry["hours"]) == (2, 1, 0.01)


def test_a_folder_without_corpora_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no known corpus"):
        survey(tmp_path)


def test_the_command_prints_a_table_or_nothing_but_json(corpora_root: Path) -> None:
    shown = CliRunner().invoke(app, ["corpora", "--data", str(corpora_root)])
    assert shown.exit_code == 0
    assert "panda4q" in shown.stdout
    listed = CliRunner().invoke(app, ["corpora", "--data", str(corpora_root), "--json"])
    assert json.loads(listed.stdout) == survey(corpora_root)
