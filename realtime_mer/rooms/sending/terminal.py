"""What a terminal says while sound is sent to a room: one line, or a JSON object a second."""

import json
import sys
import time
from dataclasses import asdict
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from realtime_mer.printing.lines import line
from realtime_mer.rooms.sending.figures import Figures
from realtime_mer.wording import clock, literal

_PLAIN_S = 10.0  # between two lines where no terminal shows them
_JSON_S = 1.0
_BAR = 12  # cells of the level
_FLOOR_DBFS = -60.0
_ON_ITS_WAY_S = 0.5  # what waits for less is nothing to talk about


def sentence(room: str, figures: Figures) -> str:
    """Return how a sender fares, in a line for people."""
    said = [f"{room}: {_state(figures)}", clock(figures.recorded_s), _level(figures.level_dbfs)]
    if figures.waiting_s > _ON_ITS_WAY_S:
        said.append(f"{figures.waiting_s:.1f} s kept")
    said.append(losses(figures))
    return "  ".join(said)


def losses(figures: Figures) -> str:
    """Return what was lost so far, in a few words."""
    lost = []
    if figures.lost_s > 0:
        lost.append(f"{figures.lost_s:.1f} s lost while the network was away")
    if figures.missed_s > 0:
        lost.append(f"{figures.missed_s:.1f} s lost by the device")
    if figures.undelivered_s > 0:
        lost.append(f"{figures.undelivered_s:.1f} s lost at the service, between its machines")
    return ", ".join(lost) or "nothing lost"


def summary(room: str, figures: Figures) -> list[str]:
    """Return what a sender came to, one statement a line."""
    sent = max(0.0, figures.recorded_s - figures.lost_s - figures.missed_s)
    lines = [f"sent {sent:.1f} s of sound to {room}: {losses(figures)}"]
    if figures.reconnects:
        times = "once" if figures.reconnects == 1 else f"{figures.reconnects} times"
        lines.append(f"the connection was lost and made again {times}")
    return lines


def _state(figures: Figures) -> str:
    if figures.gone:
        return "the sound device is gone and being reopened"
    if figures.state == "away":
        return f"no connection ({figures.reason})"
    return figures.state


def _level(dbfs: float) -> str:
    full = round(_BAR * max(0.0, 1 - dbfs / _FLOOR_DBFS))
    return f"[{'#' * full}{'.' * (_BAR - full)}] {dbfs:4.0f} dBFS"


class SendingView:
    """Shows how a sender fares. A context manager.

    Args:
        room: its name.
        console: for people.
        as_json: print a JSON object a second on standard output instead of the line.
    """

    def __init__(self, room: str, *, console: Console, as_json: bool) -> None:
        self._room, self._console, self._as_json = room, console, as_json
        self._live: Live | None = None
        self._said: tuple[tuple[str, bool], float] = (("", False), -float("inf"))

    def __enter__(self) -> Self:
        if not self._as_json and self._console.is_terminal and not self._console.is_dumb_terminal:
            file = self._console.file
            self._live = Live(
                console=self._console,
                auto_refresh=False,
                redirect_stdout=file is sys.stdout,
                redirect_stderr=file is sys.stderr,
            )
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

    def show(self, figures: Figures) -> None:
        """Show how it fares now."""
        if self._live is not None:
            text = Text(literal(sentence(self._room, figures)), no_wrap=True, overflow="ellipsis")
            self._live.update(text, refresh=True)
            return
        now = time.monotonic()
        # What is lost at the service shows nowhere else here: people are told when it begins.
        said = (_state(figures), figures.undelivered_s > 0), now
        every = _JSON_S if self._as_json else _PLAIN_S
        if said[0] == self._said[0] and now - self._said[1] < every:
            return
        self._said = said
        if self._as_json:
            self.record(figures)
        else:
            self._console.print(sentence(self._room, figures), soft_wrap=True)

    def record(self, figures: Figures) -> None:
        """Print how it fares as a JSON object."""
        line(json.dumps({"type": "sending", "room": self._room, **asdict(figures)}))

    def message(self, text: str) -> None:
        """Print a line for people, above what is shown."""
        self._console.print(Text(literal(text)), soft_wrap=True)
