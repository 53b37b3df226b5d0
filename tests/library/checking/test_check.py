"""An owner is asked about tracks; what is answered is kept at once."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from realtime_mer.errors import AudioFileError, InputError
from realtime_mer.library.checking.answers import Answers, answers_beside, read_answers
from realtime_mer.library.checking.asking import AtPlane, InLines, Question, Reply, Turn
from realtime_mer.library.checking.check import CheckOptions, by_name, check
from realtime_mer.library.checking.telling import told
from realtime_mer.library.tables import write_table
from realtime_mer.library.tracks import Point, Track
from tests.command_line import call, command
from tests.library.checking.made_answers import answers_of
from tests.library.made import made_track
from tests.patience import PATIENCE_S

HERE = Point(valence=0.5, arousal=-0.5)
TRACKS = [
    made_track(f"/music/{n:02}.mp3", valence=n / 20 - 1, arousal=((n * 7) % 40) / 20 - 1,
               typical_s=70.0)
    for n in range(40)
]  # fmt: skip


class Scripted:
    """Says what it was told to say, one thing a question, and then stops."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = [*reversed(replies)]
        self.asked: list[Question] = []

    def ask(self, question: Question) -> Reply:
        self.asked.append(question)
        return self._replies.pop() if self._replies else Turn.STOP


class Asked:
    """A check of a table in a folder."""

    def __init__(self, folder: Path, *, broken: tuple[str, ...] = ()) -> None:
        self.table = folder / "table.csv"
        self.kept_in = answers_beside(self.table)
        write_table(self.table, TRACKS)
        self.broken = broken
        self.heard: list[str] = []
        self.said: list[str] = []

    def present(self, track: Track) -> AbstractContextManager[object]:
        if track.path in self.broken:
            raise AudioFileError(f"{track.path} is damaged")
        self.heard.append(track.path)
        return nullcontext()

    def run(self, *replies: Reply, **options: Any) -> Answers:
        values = {"table": self.table, "answers": self.kept_in, "count": 5} | options
        owner = Scripted(*replies)
        found = check(
            CheckOptions(**values), owner=owner, present=self.present, tell=self.said.append
        )
        self.asked = owner.asked
        return found


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(tmp_path)


def test_as_many_as_are_wanted_are_heard_and_placed(asked: Asked) -> None:
    found = asked.run(*[HERE] * 9)
    assert len(found.both) == 5
    assert asked.heard == [one.path for one in found.drawn]
    assert [question.head for question in asked.asked] == [f"Track {n} of 5" for n in range(1, 6)]
    assert read_answers(asked.kept_in) == found


def test_what_was_answered_is_kept_at_once_and_gone_on_from(asked: Asked) -> None:
    asked.run(HERE, HERE)
    assert [one.waits for one in read_answers(asked.kept_in).drawn] == [False] * 2 + [True] * 3
    first, asked.heard = asked.heard[:2], []
    found = asked.run(*[HERE] * 9)
    assert [question.head for question in asked.asked] == [f"Track {n} of 5" for n in (3, 4, 5)]
    assert not {*first} & {*asked.heard}
    assert len(found.both) == 5


def test_nothing_of_the_model_is_seen_before_the_answer(asked: Asked) -> None:
    asked.run(HERE)
    for one in read_answers(asked.kept_in).drawn[1:]:
        assert one.said is None
    assert asked.asked[1] == Question(head="Track 2 of 5", before=None)
    assert asked.said == []


def test_a_broken_file_is_passed_over_with_a_line_and_another_takes_its_place(
    tmp_path: Path,
) -> None:
    first = Asked(tmp_path).run().drawn[0].path
    asked = Asked(tmp_path, broken=(first,))
    found = asked.run(*[HERE] * 9)
    assert asked.said == [f"{first} is damaged: another track takes its place."]
    assert len(found.both) == 5
    assert found.left_out == (first,)
    assert first not in asked.heard
    assert asked.run(count=6).left_out == (first,)


def test_where_everything_is_broken_it_ends(tmp_path: Path) -> None:
    asked = Asked(tmp_path, broken=tuple(track.path for track in TRACKS))
    assert asked.run(HERE).drawn == ()
    assert len(asked.said) == len(TRACKS)


def test_skipping_going_back_and_hearing_again(asked: Asked) -> None:
    other = Point(valence=-1.0, arousal=1.0)
    found = asked.run(Turn.BACK, Turn.AGAIN, HERE, Turn.SKIP, HERE, Turn.BACK, other)
    paths = [one.path for one in found.drawn]
    assert asked.heard == [paths[place] for place in (0, 0, 0, 1, 2, 3, 2, 3)]
    assert asked.asked[6].before == HERE
    assert [one.skipped for one in found.drawn] == [False, True, False, False, False]
    assert [(placed.valence, placed.arousal) for placed, _ in found.both] == [
        (0.5, -0.5), (-1.0, 1.0),
    ]  # fmt: skip
    kept = asked.run(Turn.BACK, Turn.SKIP)
    assert kept.both == found.both


def test_a_track_that_has_left_the_table_is_replaced(asked: Asked) -> None:
    gone = asked.run(HERE).drawn[1].path
    write_table(asked.table, [track for track in TRACKS if track.path != gone])
    asked.heard.clear()
    found = asked.run(*[HERE] * 9)
    assert len(found.both) == 5
    assert gone not in asked.heard
    assert "is not in" in asked.said[0]


def test_what_another_model_says_is_taken_over_and_the_owners_word_stays(asked: Asked) -> None:
    before = asked.run(*[HERE] * 5)
    others = [replace(track, model_sha256="new", affect=replace(track.affect, valence=0.11))
              for track in TRACKS]  # fmt: skip
    write_table(asked.table, others)
    asked.run()
    after = read_answers(asked.kept_in)
    assert [placed for placed, _ in after.both] == [placed for placed, _ in before.both]
    assert after.models == ["new"]
    assert {said.valence for _, said in after.both} == {0.11}


def test_more_tracks_may_be_wanted_later_and_another_seed_begins_anew(asked: Asked) -> None:
    first = asked.run(*[HERE] * 5)
    more = asked.run(*[HERE] * 9, count=8)
    assert more.drawn[:5] == first.drawn
    assert len(more.both) == 8
    with pytest.raises(InputError, match="go on with that, or begin another one with --answers"):
        asked.run(seed=1)


def test_a_table_of_fewer_tracks_is_asked_about_wholly(asked: Asked) -> None:
    write_table(asked.table, TRACKS[:3])
    assert len(asked.run(*[HERE] * 9).both) == 3


def test_what_is_no_music_is_not_asked_about(asked: Asked) -> None:
    silent = [replace(track, music_share=0.0) for track in TRACKS]
    write_table(asked.table, silent)
    with pytest.raises(InputError, match="holds no music"):
        asked.run()


def test_by_name_is_told_what_to_play_from_where_on(tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "a.mp3").write_bytes(b"x")
    with by_name(said.append)(made_track(str(tmp_path / "a.mp3"), typical_s=70.0)):
        assert said == [f"Play {tmp_path / 'a.mp3'} from 1:10"]
    with pytest.raises(AudioFileError, match="is not there"):
        by_name(said.append)(TRACKS[0])


# -- asking ----------------------------------------------------------------------------------------


def keyboard(*pressed: str) -> AtPlane:
    waiting = [*reversed(pressed)]

    def read() -> str:
        if not waiting:
            raise EOFError
        return waiting.pop()

    return AtPlane(read)


QUESTION = Question(head="Track 1 of 2")


def test_a_plane_is_moved_on_and_left_by_enter() -> None:
    assert keyboard("\x1b[A\x1b[A", "\x1b[D", "x", "\r").ask(QUESTION) == Point(
        valence=-0.1, arousal=0.2
    )
    before = Question(head="", before=HERE)
    assert keyboard("\r").ask(before) == HERE


@pytest.mark.parametrize("turn", Turn)
def test_a_letter_says_something_else(turn: Turn) -> None:
    assert keyboard("\x1b[A", turn.value).ask(QUESTION) is turn


def test_the_end_of_keys_stops() -> None:
    assert keyboard().ask(QUESTION) is Turn.STOP


def test_lines_are_read_until_one_is_a_place(monkeypatch, capsys, tmp_path: Path) -> None:
    (tmp_path / "typed").write_text("what\n0.3 -0.5\nb\n")
    with (tmp_path / "typed").open() as typed:
        monkeypatch.setattr("sys.stdin", typed)
        assert InLines().ask(QUESTION) == Point(valence=0.3, arousal=-0.5)
        assert InLines().ask(Question(head="", before=HERE)) is Turn.BACK
        assert InLines().ask(QUESTION) is Turn.STOP
    captured = capsys.readouterr()
    assert "'what' is no place" in captured.err
    assert "You placed it at +0.5 -0.5." in captured.out


# -- what is said ----------------------------------------------------------------------------------


def text(answers: Answers) -> str:
    return "\n".join(told(answers, kept_in=Path("a.json")))


def test_the_agreement_its_limits_and_the_scale_are_said() -> None:
    said = text(answers_of(TRACKS, lambda track: (0.2 + 0.5 * track.valence, track.arousal)))
    assert "40 tracks placed, 0 skipped, 0 to go" in said
    assert "correlation r                      +1.00 (+1.00 to +1.00)" in said
    assert "What 40 tracks can tell" in said
    assert "What they cannot" in said
    assert "valence: +0.20 + 0.50 m" in said
    assert "arousal: +0.00 + 1.00 m" in said
    assert "not used: it cannot be told from the model's own scale" in said
    assert "`--my-scale a.json`" in said
    farthest = said[said.index("You differ most on") :].splitlines()
    assert farthest[1].startswith("  /music/00.mp3: you −0.30")


def test_two_tracks_tell_nothing_and_that_is_said() -> None:
    said = text(answers_of(TRACKS[:2], lambda track: (0.0, 0.0)))
    assert "Place 3 tracks or more" in said
    assert "correlation" not in said


def test_who_always_says_the_same_is_told_so_and_gets_no_scale() -> None:
    said = text(answers_of(TRACKS, lambda track: (0.1, 0.1)))
    assert "none: one of you gives all the same" in said
    assert "no scale of your own" in said


# -- the command -----------------------------------------------------------------------------------


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """A table of files that are there."""
    tracks = []
    for number, track in enumerate(TRACKS[::4]):
        path = tmp_path / f"{number}.mp3"
        path.write_bytes(b"sound")
        tracks.append(replace(track, path=str(path)))
    write_table(tmp_path / "table.csv", tracks)
    return tmp_path / "table.csv"


def test_the_command_asks_in_lines_where_there_is_no_terminal(
    capsys, monkeypatch, music: Path, tmp_path: Path
) -> None:
    (tmp_path / "typed").write_text("0.1 0.1\n0.2 0.9\n-0.3 0\nq\n")
    with (tmp_path / "typed").open() as typed:
        monkeypatch.setattr("sys.stdin", typed)
        result = call(capsys, "library", "check", music, "--no-sound", "--count", 4)
    assert (result.code, result.remarks()) == (0, [])
    assert f"Play {tmp_path}" in result.out
    assert "3 tracks placed, 0 skipped, 1 to go" in result.out
    assert "Say what the music expresses" in result.out
    assert len(read_answers(answers_beside(music)).both) == 3


def test_the_command_refuses_what_it_cannot_use(capsys, music: Path, tmp_path: Path) -> None:
    words = ("library", "check", music, "--no-sound")
    complaint = call(capsys, *words, "--answers", tmp_path / "no" / "a.json").complaint()
    assert "cannot be written" in complaint
    (tmp_path / "a.json").write_text("{}")
    complaint = call(capsys, *words, "--answers", tmp_path / "a.json").complaint()
    assert "holds no answers" in complaint


@contextmanager
def on_terminal(*words: object) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    import pty

    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "30"}
    with subprocess.Popen(
        command(*words), stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        try:
            yield process, ours
        finally:
            process.kill()
            os.close(ours)


def read_until(terminal: int, wanted: bytes) -> bytes:
    """Return what a terminal shows, up to something that must come."""
    shown, deadline = b"", time.monotonic() + PATIENCE_S
    while wanted not in shown:
        ready, _, _ = select.select([terminal], [], [], deadline - time.monotonic())
        assert ready, shown
        shown += os.read(terminal, 65536)
    return shown


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there are no terminals of this kind")
def test_on_a_real_terminal_arrows_move_and_ctrl_c_loses_nothing(music: Path) -> None:
    import termios

    with on_terminal("library", "check", music, "--no-sound", "--count", "3") as (process, there):
        read_until(there, b"q stops")
        os.write(there, b"\x1b[A\x1b[C")
        read_until(there, b"valence +0.10   arousal +0.10")
        os.write(there, b"\r")
        read_until(there, b"Track 2 of 3")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) != 0
        echoes = termios.tcgetattr(there)[3] & termios.ECHO  # as it did before
        assert echoes
    (kept, _) = read_answers(answers_beside(music)).both[0]
    assert (kept.valence, kept.arousal) == (0.1, 0.1)
