"""docs/first-model.md as a reader follows it: its commands, its table and the settings it names."""

import csv
import json
import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from realtime_mer.cli import app as realtime_mer
from training.__main__ import app as training
from training.learn.config import read_config

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "first-model.md").read_text(encoding="utf-8")
SETTINGS = Path("training") / "configs" / "first.toml"

RATE = 24_000
EXTRA = {
    "train": ["--cache", "cache"],
    "evaluate": ["--cache", "cache", "--resamples", "20"],
    "live": ["--speed", "max", "--seconds", "4"],
}
"""What the test adds to a command of the page: its own cache, fewer draws, no clock to wait for."""


def commands() -> list[list[str]]:
    """Return the page's commands that train a model and listen with it, in order."""
    blocks = [block.split("```")[0] for block in PAGE.split("```sh\n")[1:]]
    lines = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    return [
        line
        for line in lines
        if line[:3] == ["python", "-m", "training"] or line[:1] == ["realtime-mer"]
    ]


def columns() -> list[str]:
    """Return the head of the page's table of labels."""
    return PAGE.split("```csv\n")[1].splitlines()[0].split(",")


def make_clips(folder: Path) -> None:
    """Write a clip for each of two moods on each of five albums, and their table."""
    (folder / "sound").mkdir(parents=True)
    time = np.arange(5 * RATE) / RATE
    rows = []
    for number in range(1, 11):
        loud = number % 2 == 1
        name = f"sound/{number:02}.flac"
        sound = (0.4 if loud else 0.02) * np.sin(2 * np.pi * (200 + 40 * number) * time)
        soundfile.write(folder / name, sound, RATE)
        quadrant = "Q1" if loud else "Q3"
        mood = 0.5 if loud else -0.5
        album = f"album {(number + 1) // 2}"
        rows.append(dict(zip(columns(), (name, mood, mood, quadrant, album), strict=True)))
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns())
        writer.writeheader()
        writer.writerows(rows)


def test_the_shipped_settings_learn_from_your_own_clips_alone() -> None:
    settings = read_config(ROOT / SETTINGS)
    assert settings.sequences.shares == {"own": 1.0}
    assert settings.losses.reference == "own"
    assert settings.losses.teacher == 0  # a teacher's weights do not ship


@pytest.mark.slow
def test_the_page_leads_from_a_table_of_labels_to_a_model_that_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = (ROOT / SETTINGS).read_text(encoding="utf-8")
    fewer = shipped.replace("epochs = 8", "epochs = 1").replace("_epoch = 20", "_epoch = 2")
    assert fewer != shipped
    monkeypatch.chdir(tmp_path)
    SETTINGS.parent.mkdir(parents=True)
    SETTINGS.write_text(fewer, encoding="utf-8")
    make_clips(tmp_path / "my-clips")

    said = {}
    for line in commands():
        program, arguments = (
            (training, line[3:]) if line[0] == "python" else (realtime_mer, line[1:])
        )
        name = arguments[0]
        done = CliRunner().invoke(program, [*arguments, *EXTRA.get(name, [])])
        assert done.exit_code == 0, (line, done.output, done.exception)
        said[name] = done.output

    assert list(said) == ["corpora", "train", "evaluate", "export", "live"]
    assert "with model first" in said["live"]
    assert "heard 4.0 s: 40 estimates" in said["live"]
    card = json.loads((tmp_path / "runs" / "first" / "model.json").read_text(encoding="utf-8"))
    assert [corpus["name"] for corpus in card["corpora"]] == ["own"]
    # Nothing of other people's corpora is in it, and the card does not say so.
    assert "Grekow" not in json.dumps(card)
    assert card["weights_licence"].startswith("Yours to state")
    judged = {row["metric"]: row["n"] for row in card["metrics"] if "groups" in row}
    assert judged["r arousal"] == 10
