"""Who asks the owner: by a plane of text that is moved on, or by lines to type."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from rich.live import Live
from rich.text import Text

from realtime_mer.errors import InputError
from realtime_mer.library.checking.placing import Place, keys, plane, read_point
from realtime_mer.library.tracks import Point
from realtime_mer.printing.console import console
from realtime_mer.printing.lines import complain, line


class Turn(Enum):
    """What the owner may say in the place of an answer."""

    SKIP = "s"
    BACK = "b"
    AGAIN = "r"
    STOP = "q"


Reply = Point | Turn

HELP_OF_KEYS = "arrow keys move, Enter places; s skips, b goes back, r plays again, q stops"
HELP_OF_LINES = "type valence and arousal, as in 0.3 -0.5; s skips, b goes back, r plays again, "
HELP_OF_LINES += "q stops"


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What is asked.

    Attributes:
        head: which track it is, such as ``Track 3 of 20``.
        before: where the owner placed it earlier; None where that was not.
    """

    head: str
    before: Point | None = None


class Owner(Protocol):
    """Whoever answers."""

    def ask(self, question: Question) -> Reply:
        """Return what is said to a question."""
        ...


class AtPlane:
    """Asks on a terminal, with a plane of text.

    Args:
        read: returns the keys that were pressed, at least one; raises EOFError at the end.
    """

    def __init__(self, read: Callable[[], str]) -> None:
        self._read = read

    def ask(self, question: Question) -> Reply:
        """Return where the owner has moved to, or what else was said."""
        place = Place() if question.before is None else Place.at(question.before)
        with Live(
            _drawn(question, place), console=console(), auto_refresh=False, transient=True
        ) as live:
            while True:
                try:
                    pressed = self._read()
                except EOFError:
                    return Turn.STOP
                for key in keys(pressed):
                    if key in {"\r", "\n"}:
                        return place.point
                    if key in {turn.value for turn in Turn}:
                        return Turn(key)
                    place = place.moved(key)
                live.update(_drawn(question, place), refresh=True)


class InLines:
    """Asks in lines, wherever standard input comes from; its end stops."""

    def ask(self, question: Question) -> Reply:
        """Return what was typed, asking again where that was nothing."""
        line(f"{question.head}: {HELP_OF_LINES}")
        if question.before is not None:
            before = question.before
            line(f"You placed it at {before.valence:+z.1f} {before.arousal:+z.1f}.")
        while typed := sys.stdin.readline():
            said = typed.strip().lower()
            if said in {turn.value for turn in Turn}:
                return Turn(said)
            try:
                return read_point(said)
            except InputError as error:
                complain(error)
        return Turn.STOP


def _drawn(question: Question, place: Place) -> Text:
    return Text("\n".join([question.head, *plane(place), HELP_OF_KEYS]))
