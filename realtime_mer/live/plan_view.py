"""The plan of a path for people: a table that is kept up to date, or lines off a terminal."""

from collections.abc import Sequence
from pathlib import PurePath
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from realtime_mer.library.paths.lead import Lead
from realtime_mer.library.paths.points import shown
from realtime_mer.library.tracks import Point, Track
from realtime_mer.printing.console import console as console_for_people
from realtime_mer.wording import clock, signed

_BEFORE, _AFTER = 2, 9  # tracks that are shown around the one that plays


class PlanView:
    """Shows what plays, what is settled, and what is planned.

    Args:
        console: where; standard output if None.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or console_for_people()
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def next(self, track: Track, *, in_s: float) -> None:
        """Say which track is settled, and in how many seconds it begins."""
        if self._live is None:
            when = "now" if in_s < 1 else f"in {in_s:.0f} s"
            self._console.print(f"next, {when}: {track.path}")

    def plan(self, tracks: Sequence[Track]) -> None:
        """Say which tracks are planned from now on."""
        if self._live is None:
            names = ", ".join(PurePath(track.path).stem for track in tracks)
            self._console.print(f"planned: {names or 'nothing more'}")

    def show(self, tracks: Sequence[Track], lead: Lead, *, at_s: float, room: Point | None) -> None:
        """Draw the plan as it is now, on a terminal.

        Args:
            tracks: of the path.
            lead: with the path.
            at_s: seconds since it began.
            room: where the music in the room lies; None where that is not known.
        """
        if self._live is not None:
            self._live.update(plan_table(tracks, lead, at_s=at_s, room=room), refresh=True)


def plan_table(tracks: Sequence[Track], lead: Lead, *, at_s: float, room: Point | None) -> Group:
    """Return the picture of a plan; see ``PlanView.show``."""
    turns = lead.path.turns
    playing = max((n for n, turn in enumerate(turns) if turn.starts_s <= at_s), default=0)
    table = Table(box=None, pad_edge=False)
    for name in ("", "from", "step", "wanted", "track", "mood", ""):
        table.add_column(name, justify="right" if name in ("from", "step") else "left")
    first, stop = max(0, playing - _BEFORE), playing + _AFTER
    for number, track in list(enumerate(tracks))[first:stop]:
        place = lead.path.places[number]
        row = (
            _state(number, playing, lead.settled),
            clock(turns[number].starts_s),
            f"{place + 1}/{len(lead.way.places)}",
            # What is settled was chosen for the place of that time.
            _place(lead.way.places[place]) if number >= lead.settled else "",
            _place(track.mean),
            track.mood,
            PurePath(track.path).stem,
        )
        table.add_row(*row, style="dim" if number < playing else "")
    heard = "no music heard yet" if room is None else f"music in the room at {shown(room)}"
    end = clock(turns[-1].ends_s)
    moved = f"places moved by {shown(lead.correction)}"
    return Group(table, Text(f"{clock(at_s)} of {end}; {heard}; {moved}; Ctrl-C ends"))


def _state(number: int, playing: int, settled: int) -> str:
    if number < playing:
        return "played"
    if number == playing:
        return "now"
    return "next" if number < settled else "planned"


def _place(point: Point) -> str:
    return f"{signed(point.valence)} {signed(point.arousal)}"
