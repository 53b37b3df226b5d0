"""Sung lines of one's own: the branch of the words beside that of the sound, by command."""

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from realtime_mer.errors import InputError
from training import __main__ as command_line
from training.papers.systems import parisi
from training.papers.systems.parisi import EMOTIONS, WordVectors, read_lines
from training.papers.systems.system import Effort
from training.papers.trials import lyrics

WORDS = dict(zip(EMOTIONS, ("tears", "sun", "night", "fire", "mud"), strict=True))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Ten sad or joyful songs of two lines; a word tells which, and all sound the same."""
    sound = 0.1 * np.random.default_rng(0).standard_normal(8_000)
    soundfile.write(tmp_path / "line.wav", sound, 8_000)
    path = tmp_path / "lyrics.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("song", "audio", "lyrics", "emotion"))
        for song in range(10):
            emotion = EMOTIONS[song % 2]
            for _ in range(2):
                writer.writerow((f"song {song}", "line.wav", f"the {WORDS[emotion]}", emotion))
    return path


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    path = tmp_path / "made.vec"
    rows = (f"{word} {' '.join(map(str, np.eye(5)[n]))}" for n, word in enumerate(WORDS.values()))
    path.write_text("\n".join(("5 5", *rows)) + "\n", encoding="utf-8")
    return path


@pytest.mark.slow
def test_words_that_recur_in_other_songs_are_learnt(
    table: Path, vectors: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lyrics, "BRANCHES", {"words": parisi.fit_words})
    (words,) = lyrics.judge_lines(
        read_lines(table), WordVectors.read(vectors), Effort(epochs=60), resamples=10
    )
    assert words.accuracy.value > 0.8 > words.baseline
    assert (words.lines, words.songs) == (20, 10)


def test_no_song_is_learnt_from_where_it_is_asked(
    table: Path, vectors: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt = []

    def spy(training, *, outputs):  # type: ignore[no-untyped-def]
        learnt.append((set(training.train.groups), set(training.validation.groups)))
        return parisi.fit_words(training, outputs=outputs)

    monkeypatch.setattr(lyrics, "BRANCHES", {"words": spy})
    lyrics.judge_lines(read_lines(table), WordVectors.read(vectors), Effort(epochs=1), resamples=10)
    assert len(learnt) == 5
    for train, validation in learnt:
        assert not train & validation
        assert len(train | validation) == 8


def test_two_songs_cannot_be_judged(table: Path, vectors: Path) -> None:
    lines = read_lines(table)[:4]
    with pytest.raises(InputError, match="lines of 2 songs cannot be judged"):
        lyrics.judge_lines(lines, WordVectors.read(vectors), Effort(epochs=1))


def test_the_command_prints_each_branch_beside_the_commonest_emotion(
    table: Path, vectors: Path
) -> None:
    arguments = ["papers", "--lyrics", str(table), "--vectors", str(vectors), "--steps", "1"]
    result = CliRunner().invoke(command_line.app, arguments, env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    for text in ("sound", "words", "both", "20 lines of 10 songs"):
        assert text in result.output


def test_words_without_vectors_are_asked_for(table: Path) -> None:
    result = CliRunner().invoke(command_line.app, ["papers", "--lyrics", str(table)])
    assert isinstance(result.exception, InputError)
    assert "needs both --lyrics" in str(result.exception)
