"""The file that holds an owner's answers."""

import json
from pathlib import Path

import pytest

from realtime_mer.errors import InputError
from realtime_mer.library.checking.answers import (
    Answers,
    Drawn,
    answers_beside,
    read_answers,
    write_answers,
)
from tests.library.checking.made_answers import answers_of
from tests.library.made import made_track

TRACKS = [made_track("/a.mp3", valence=0.2, model_sha256="ab"), made_track("/n\udcff.mp3")]


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    answers = answers_of(TRACKS, lambda track: (0.5, -1.0), seed=4)
    answers = Answers(
        seed=4,
        drawn=(*answers.drawn, Drawn(path="/b.mp3"), Drawn(path="/c.mp3", skipped=True)),
        left_out=("/broken\udcfe.mp3",),
    )
    write_answers(tmp_path / "a.json", answers)
    assert read_answers(tmp_path / "a.json") == answers
    assert answers.models == ["", "ab"]
    assert [one.waits for one in answers.drawn] == [False, False, True, False]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"seed": 0, "drawn": [{"path": ""}]}',
        '{"seed": 0, "drawn": [{"path": "/a", "placed": {"valence": 2, "arousal": 0}}]}',
        '{"seed": 0, "format": 2}',
        '{"seed": 0, "what": 1}',
        "[" * 100_000,
    ],
)
def test_something_else_is_refused_in_one_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match="holds no answers of"):
        read_answers(tmp_path / "a.json")


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="library check` makes it"):
        read_answers(tmp_path / "a.json")


def test_the_model_stands_in_it_only_beside_an_answer(tmp_path: Path) -> None:
    write_answers(tmp_path / "a.json", Answers(seed=0, drawn=(Drawn(path="/a.mp3"),)))
    (one,) = json.loads((tmp_path / "a.json").read_text())["drawn"]
    assert one == {"path": "/a.mp3", "placed": None, "said": None, "skipped": False}


def test_answers_lie_beside_their_table() -> None:
    assert answers_beside(Path("/x/music.sqlite")) == Path("/x/music.check.json")
