"""Asking the owner about tracks, one after the other: what ``realtime-mer library check`` does."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from realtime_mer.errors import AudioFileError, InputError
from realtime_mer.library.checking.answers import (
    Answers,
    Drawn,
    Placed,
    Said,
    read_answers,
    write_answers,
)
from realtime_mer.library.checking.asking import Owner, Question, Turn
from realtime_mer.library.checking.drawing import drawn
from realtime_mer.library.tables import each_track
from realtime_mer.library.tracks import Point, Track
from realtime_mer.wording import clock, legible

Present = Callable[[Track], AbstractContextManager[object]]
"""Lets the owner hear a track until left; raises AudioFileError where the file is broken."""

Tell = Callable[[str], None]

_SPARE = 4  # times as many as are asked about are looked for, in case that files are broken


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """What ``realtime-mer library check`` was asked for.

    Attributes:
        table: what ``annotate`` wrote.
        answers: file to keep the answers in, or to go on with.
        count: how many tracks, >= 1.
        seed: of the draw.
    """

    table: Path
    answers: Path
    count: int = 20
    seed: int = 0


def check(options: CheckOptions, *, owner: Owner, present: Present, tell: Tell) -> Answers:
    """Ask about the tracks that wait, and return all answers; each is kept at once.

    Args:
        options: what was asked for.
        owner: who answers.
        present: how a track is heard.
        tell: is told of what is passed over, in one line.

    Raises:
        InputError: the table or the file of answers cannot be used.
        DeviceError: sound cannot be played.
    """
    answers = _begun(options)
    tracks = _Tracks(options)
    answers = _filled(_up_to_date(answers, tracks), tracks, options.count)
    if answers.both:  # of which the model may say something else now
        write_answers(options.answers, answers)
    place = _first_waiting(answers)
    while place < len(answers.drawn):
        one = answers.drawn[place]
        track = tracks.at(one.path)
        try:
            if track is None:
                raise AudioFileError(f"{legible(one.path)} is not in {options.table} any more")
            with present(track):
                reply = owner.ask(_question(answers, place))
        except AudioFileError as error:
            tell(f"{error}: another track takes its place.")
            answers = _filled(_without(answers, place), tracks, options.count)
            write_answers(options.answers, answers)
            place = _first_waiting(answers)
            continue
        if reply is Turn.STOP:
            break
        if reply is Turn.BACK:
            place = max(0, place - 1)
        elif reply is not Turn.AGAIN:
            answered = _answered(one, track, reply)
            answers = replace(answers, drawn=_with(answers.drawn, place, answered))
            write_answers(options.answers, answers)
            place = _first_waiting(answers)
    return answers


def by_name(tell: Tell) -> Present:
    """Let the owner play a track, by saying which and from where on."""

    def name(track: Track) -> AbstractContextManager[object]:
        if not Path(track.path).is_file():
            raise AudioFileError(f"{legible(track.path)} is not there")
        tell(f"Play {track.path} from {clock(track.typical_s or 0)}")
        return nullcontext()

    return name


class _Tracks:
    """The tracks of a table that may be asked about, in the order of the draw."""

    def __init__(self, options: CheckOptions) -> None:
        self._options = options
        paths, places = [], []
        for track in each_track(options.table, courses=False):
            if track.music_share != 0:  # there is nothing to place where nothing is music
                paths.append(track.path)
                places.append(track.mean)
        if not paths:
            raise InputError(f"{options.table} holds no music: annotate a folder with music in it")
        self._known = set(paths)
        order = drawn(places, count=options.count, seed=options.seed)
        self.order = [paths[number] for number in order]
        self._read: dict[str, Track] = {}

    def at(self, path: str) -> Track | None:
        """Return a track by the path it was drawn by; None if the table has it no more."""
        return self._read.get(path)

    def read(self, paths: set[str]) -> None:
        """Read these tracks, and some that may stand in for them."""
        wanted = (paths | set(islice(self.order, _SPARE * self._options.count))) & self._known
        if wanted <= self._read.keys():
            return
        for track in each_track(self._options.table, courses=False):
            if track.path in wanted:
                self._read[track.path] = track


def _begun(options: CheckOptions) -> Answers:
    """Return the answers to go on with."""
    if not options.answers.exists():
        return Answers(seed=options.seed)
    answers = read_answers(options.answers)
    if answers.seed != options.seed:
        raise InputError(
            f"{options.answers} holds a check with --seed {answers.seed}: go on with that, or "
            "begin another one with --answers FILE"
        )
    return answers


def _up_to_date(answers: Answers, tracks: _Tracks) -> Answers:
    """Let what the model says of placed tracks be what it says now; the owner's word stays."""
    tracks.read({one.path for one in answers.drawn})

    def refreshed(one: Drawn) -> Drawn:
        track = tracks.at(one.path)
        if one.placed is None or track is None:
            return one
        return replace(one, said=Said.of(track))

    return replace(answers, drawn=tuple(refreshed(one) for one in answers.drawn))


def _filled(answers: Answers, tracks: _Tracks, count: int) -> Answers:
    """Draw as many tracks as are lacking."""
    met = {*answers.left_out, *(one.path for one in answers.drawn)}
    lacking = max(0, count - len(answers.drawn))
    more = list(islice((path for path in tracks.order if path not in met), lacking))
    tracks.read({*more})
    return replace(answers, drawn=(*answers.drawn, *(Drawn(path=path) for path in more)))


def _without(answers: Answers, place: int) -> Answers:
    drawn = answers.drawn
    return replace(
        answers,
        drawn=(*drawn[:place], *drawn[place + 1 :]),
        left_out=(*answers.left_out, drawn[place].path),
    )


def _with(drawn: tuple[Drawn, ...], place: int, one: Drawn) -> tuple[Drawn, ...]:
    return (*drawn[:place], one, *drawn[place + 1 :])


def _first_waiting(answers: Answers) -> int:
    return next((n for n, one in enumerate(answers.drawn) if one.waits), len(answers.drawn))


def _answered(one: Drawn, track: Track, reply: Point | Turn) -> Drawn:
    if isinstance(reply, Turn):  # to skip what was placed leaves it where it is
        return one if one.placed is not None else replace(one, skipped=True)
    placed = Placed(valence=reply.valence, arousal=reply.arousal)
    return Drawn(path=one.path, placed=placed, said=Said.of(track))


def _question(answers: Answers, place: int) -> Question:
    before = answers.drawn[place].placed
    return Question(
        head=f"Track {place + 1} of {len(answers.drawn)}",
        before=None if before is None else Point(valence=before.valence, arousal=before.arousal),
    )
