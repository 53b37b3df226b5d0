"""The terminal view: a small live panel, or plain lines where the output is not a terminal."""

import sys
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from realtime_mer.emotion import QUADRANTS
from realtime_mer.estimate import Estimate, Status
from realtime_mer.mood import Held, Words, mood_text
from realtime_mer.printing.console import console as console_for_people
from realtime_mer.summary import Averager
from realtime_mer.wire.protocol import Marker
from realtime_mer.wording import STATUS_NOTES, STATUS_WORDS, clock, counted, literal, mostly, spoken

_PANEL_SECONDS = 0.1  # between two drawings of the panel
_LINE_SECONDS = 1.0  # of sound between two plain lines
_HOLD_SECONDS = 1.0  # of sound that new words must stand before they take the place of others
_LONGEST_BAR = 41  # cells; odd, so that 0 has a cell of its own
_SHORTEST_BAR = 11
_BESIDE_BAR = 35  # cells of a row that are not bar
_FLOOR_DBFS = -60.0
_TOP_GEMS = 3
_WIDEST_PANEL = 78


@dataclass(frozen=True, kw_only=True)
class _Glyphs:
    thin: str
    thick: str
    dot: str
    centre: str
    full: str
    empty: str
    plus_minus: str


_UNICODE = _Glyphs(thin="─", thick="━", dot="●", centre="│", full="█", empty="░", plus_minus="±")
_ASCII = _Glyphs(thin="-", thick="=", dot="o", centre="|", full="#", empty=".", plus_minus="+/-")


def marker_line(marker: Marker) -> str:
    """Return a marker as one line for people."""
    where = "before the first estimate" if marker.t is None else f"at {clock(marker.t)}"
    return f"marker {where}: {marker.label}"


class Tally:
    """What a session came to: means over its estimates, of a size that does not grow.

    As in a clip's summary, means are over ``music`` hops, and over all hops if there are none.
    """

    def __init__(self) -> None:
        self._count = 0
        self._mean = Averager(words=True)
        self._last: Estimate | None = None

    def add(self, estimate: Estimate) -> None:
        """Count an estimate."""
        self._last = estimate
        self._count += 1
        self._mean.add(estimate)

    def summary_lines(self) -> list[str]:
        """Return what is printed at the end of a session, one statement a line."""
        last = self._last
        if last is None:
            return ["no estimate: less than 0.1 s of sound was heard"]
        mean = self._mean
        music = mean.count if mean.of_music else 0
        of = "music" if mean.of_music else "all hops, none was music"
        most = mean.said.most()
        return [
            f"heard {last.t:.1f} s: {self._count} estimates, {music} of music",
            f"mean valence {mean.valence:+.2f}, arousal {mean.arousal:+.2f} (over {of})",
            f"mostly {mostly(most)}" if most is not None else "",
            _losses(last),
        ]


def _losses(last: Estimate) -> str:
    """Return what was lost until an estimate, as one line."""
    if not (last.xruns or last.skipped):
        return "no sound was lost"
    return (
        f"sound was lost {counted(last.xruns, 'time')} (xruns), "
        f"{counted(last.skipped, 'estimate')} left out"
    )


class TerminalView:
    """Shows estimates on a terminal as they come. A context manager.

    On a terminal a thread of its own draws a panel at most ten times a second, so that a stopped
    terminal (Ctrl-S) holds up nobody else; elsewhere ``show`` prints a line per second of sound.
    ``show`` is to be called from one thread.

    Args:
        console: where to write, by default standard error.
        source: where the sound comes from, for the eye.
        model: what estimates, for the eye.

    Attributes:
        source: may be changed at any time.
        tally: what the session came to so far.
        note: stands above the numbers of the panel, such as what is recorded; may be empty.
    """

    def __init__(self, *, console: Console | None = None, source: str, model: str) -> None:
        self._console = console_for_people(file=sys.stderr) if console is None else console
        self.source = source
        self._model = model
        self._latest: tuple[Estimate, Words] | None = None
        self._printed_t: float | None = None
        self._live: Live | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._held = Held(_HOLD_SECONDS)
        self.tally = Tally()
        self.note = ""

    def __enter__(self) -> Self:
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            file = self._console.file
            self._live = Live(
                self._draw(),
                console=self._console,
                auto_refresh=False,
                # What goes to another stream, such as JSON lines, is none of the panel's business.
                redirect_stdout=file is sys.stdout,
                redirect_stderr=file is sys.stderr,
            )
            self._live.start()
            self._thread = threading.Thread(target=self._draw_on, name="terminal", daemon=True)
            self._thread.start()
        else:
            self.message(f"listening to {self.source} with model {self._model}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if self._live is not None:
            self._live.update(self._draw(), refresh=True)
            self._live.stop()
            self._live = None

    def show(self, estimate: Estimate) -> None:
        """Show an estimate: store it for the panel, or print a line when one is due."""
        self.tally.add(estimate)
        self._latest = estimate, self._held.offer(estimate, now=estimate.t)
        if self._live is None and self._line_is_due(estimate.t):
            self._printed_t = estimate.t
            self._print(_plain_line(estimate, self._glyphs()))

    def message(self, text: str) -> None:
        """Print a line of text, above the panel where there is one."""
        self._print(text)

    def _print(self, text: str) -> None:
        self._console.print(Text(self._writable(text)), soft_wrap=True)

    def _line_is_due(self, t: float) -> bool:
        printed = self._printed_t
        # Half a millisecond, because times are sums of hops in floating point.
        return printed is None or t < printed or t - printed >= _LINE_SECONDS - 0.0005

    def _draw_on(self) -> None:
        drawn = None
        while not self._stop.wait(_PANEL_SECONDS):
            live, shown = self._live, (self._latest, self.source, self.note)
            if live is not None and shown != drawn:
                drawn = shown
                live.update(self._draw(), refresh=True)

    def _draw(self) -> Panel:
        head = Text(
            self._writable(f"{self.source}, model {self._model}"),
            "dim",
            no_wrap=True,
            overflow="crop",
        )
        latest = self._latest
        width = min(self._console.width, _WIDEST_PANEL)
        if latest is None:
            body: Text | Table = Text("waiting for sound", "dim")
        else:
            cells = max(_SHORTEST_BAR, min(_LONGEST_BAR, width - _BESIDE_BAR))
            body = _table(*latest, glyphs=self._glyphs(), cells=cells - 1 + cells % 2)
        note = Text(self._writable(self.note), "bold red")
        return Panel(Group(head, note, body), title="realtime-mer", width=width)

    def _glyphs(self) -> _Glyphs:
        return _ASCII if self._console.options.ascii_only else _UNICODE

    def _writable(self, text: str) -> str:
        """Replace what the console's encoding cannot write, as in a device name."""
        encoding = self._console.encoding
        text = literal(text)
        return text.encode(encoding, "replace").decode(encoding)


def _plain_line(estimate: Estimate, glyphs: _Glyphs) -> str:
    """Return an estimate as one line of text: time, numbers, status, level, mood."""
    sign = glyphs.plus_minus
    return (
        f"{clock(estimate.t):>7}"
        f"  V {estimate.valence:+.2f} {sign} {estimate.valence_sd:.2f}"
        f"  A {estimate.arousal:+.2f} {sign} {estimate.arousal_sd:.2f}"
        f"  {STATUS_WORDS[estimate.status]:<12}  {estimate.level_dbfs:4.0f} dBFS"
        f"  {estimate.mood}"
    )


def _table(estimate: Estimate, words: Words, *, glyphs: _Glyphs, cells: int) -> Table:
    current = estimate.status is Status.MUSIC
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True, min_width=9)
    table.add_column(no_wrap=True)
    mood = Text(mood_text(words).upper(), "bold" if current else "dim")
    table.add_row("mood", mood)
    table.add_row("status", Text(STATUS_WORDS[estimate.status], "green" if current else "yellow"))
    table.add_row("", Text(STATUS_NOTES[estimate.status], "dim"))  # kept empty, so nothing jumps
    for name, mean, sd, colour in (
        ("valence", estimate.valence, estimate.valence_sd, "bright_blue"),
        ("arousal", estimate.arousal, estimate.arousal_sd, "yellow"),
    ):
        numbers = Text(f"{mean:+.2f} {glyphs.plus_minus} {sd:.2f}  ")
        bar = _bar(mean, sd, glyphs=glyphs, cells=cells)
        table.add_row(name, numbers.append(bar, colour if current else "dim"))
    table.add_row(
        "quadrants", "   ".join(f"{name} {estimate.quadrants[name]:.0%}" for name in QUADRANTS)
    )
    top = sorted(estimate.gems, key=estimate.gems.__getitem__, reverse=True)[:_TOP_GEMS]
    table.add_row("GEMS", "   ".join(f"{spoken(name)} {estimate.gems[name]:.0%}" for name in top))
    level = f"{estimate.level_dbfs:.0f} dBFS"
    meter = _meter(estimate.level_dbfs, glyphs=glyphs, cells=cells)
    numbers_width = len(f"+0.00 {glyphs.plus_minus} 0.00")
    table.add_row("level", f"{level:>{numbers_width}}  {meter}")
    latency = "none" if estimate.latency_ms is None else f"{estimate.latency_ms:.0f} ms"
    table.add_row(
        "stream",
        f"{clock(estimate.t)}   xruns {estimate.xruns}   skipped {estimate.skipped}   "
        f"latency {latency}",
    )
    return table


def _bar(mean: float, sd: float, *, glyphs: _Glyphs, cells: int) -> str:
    """Return [-1, 1] as a line of cells: the band of one sd thick, the mean as a dot."""

    def place(value: float) -> int:
        return round((min(1.0, max(-1.0, value)) + 1.0) / 2.0 * (cells - 1))

    line = [glyphs.thin] * cells
    for cell in range(place(mean - sd), place(mean + sd) + 1):
        line[cell] = glyphs.thick
    line[place(0.0)] = glyphs.centre
    line[place(mean)] = glyphs.dot
    return "".join(line)


def _meter(level_dbfs: float, *, glyphs: _Glyphs, cells: int) -> str:
    share = min(1.0, max(0.0, 1.0 - level_dbfs / _FLOOR_DBFS))
    filled = round(share * cells)
    return glyphs.full * filled + glyphs.empty * (cells - filled)
