"""``map show``: what mappings would send now, as a live table; nothing is sent."""

import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from realtime_mer.audio.opening import open_source
from realtime_mer.engine import Engine
from realtime_mer.estimate import Estimate
from realtime_mer.outlets.learning import shown
from realtime_mer.outlets.map_file import MapFile
from realtime_mer.outlets.mapping.evaluation import Evaluation
from realtime_mer.outlets.mapping.routes import Shaped
from realtime_mer.outlets.mapping.rules import Watched
from realtime_mer.outlets.mapping.tables import Plan
from realtime_mer.outlets.mapping.values import Plain
from realtime_mer.outlets.wires import Target, Value
from realtime_mer.printing.console import console as console_for_people
from realtime_mer.recognizer.compute import compute_on_one_thread
from realtime_mer.recognizer.loading import load_recognizer
from realtime_mer.stream import EmotionStream
from realtime_mer.wire.protocol import Event
from realtime_mer.wording import STATUS_WORDS, clock

_DRAW_EVERY_S = 0.1
_LINE_EVERY_S = 1.0  # of sound, where nobody watches a terminal
_BAR = 12


@dataclass(frozen=True, kw_only=True)
class ShowOptions:
    """What ``map show`` was asked for; see ``LiveOptions``."""

    files: Sequence[Path]
    source: str | None = "demo"
    device: str | None = None
    seconds: float | None = None
    model: str = "default"
    compute: str = "auto"


class MapView:
    """What mappings make of a session's events.

    Args:
        files: the mappings; a change in one is taken up.
        console: is told of such.
    """

    def __init__(self, files: Iterable[Path], *, console: Console) -> None:
        self._files = [MapFile(path, check=lambda _plan: None) for path in files]
        self._console = console
        self._estimate: Estimate | None = None
        for evaluation in self._evaluations:
            for _ in evaluation.begin():
                pass

    @property
    def _evaluations(self) -> list[Evaluation]:
        return [file.evaluation for file in self._files]

    def take(self, event: Event) -> None:
        """Take an event; what it makes is shown and goes nowhere."""
        if isinstance(event, Estimate):
            self._estimate = event
        for evaluation in self._evaluations:
            for _ in evaluation.take(event):
                pass

    def look_at_files(self) -> None:
        """Take up what has changed in the files."""
        for file in self._files:
            file.take_changes(self._console.print)

    def table(self) -> Group:
        """Return how everything stands, to be drawn."""
        return Group(
            *(
                part
                for evaluation in self._evaluations
                for part in (
                    _routes_table(evaluation),
                    *([_rules_table(evaluation)] if evaluation.rules else []),
                )
            ),
            Text(self._foot(), "dim"),
        )

    def line(self) -> str:
        """Return the same as one line."""
        values = (
            f"{shown(shaped.route.place)} {_number(shaped.value)}"
            for evaluation in self._evaluations
            for shaped in evaluation.routes
        )
        fired = (
            f"{rule.rule.name} {rule.fired}×"
            for evaluation in self._evaluations
            for rule in evaluation.rules
        )
        return f"{self._foot()}  {'  '.join((*values, *fired))}"

    def _foot(self) -> str:
        estimate = self._estimate
        if estimate is None:
            return "waiting for sound; nothing is sent"
        status = STATUS_WORDS[estimate.status]
        return f"{clock(estimate.t)}  {status}, {estimate.mood}; nothing is sent"


def run_show(options: ShowOptions) -> None:
    """Show what mappings would send until the sound ends, ``seconds`` have passed or Ctrl-C.

    Raises:
        RealtimeMerError: a mapping or the source cannot be used.
    """
    console = console_for_people(wrap=True)
    view = MapView(options.files, console=console)
    with ExitStack() as stack:
        opened = open_source(options.source, device=options.device, paced=True)
        stack.callback(opened.source.close)
        recognizer = load_recognizer(options.model, options.compute)
        compute_on_one_thread()
        engine = Engine(
            source=opened.source,
            stream=EmotionStream(recognizer),
            publish=view.take,
            seconds=options.seconds,
        )
        live = None
        if console.is_terminal and not console.is_dumb_terminal:
            live = stack.enter_context(Live(view.table(), console=console, auto_refresh=False))
        drawn, printed = 0.0, -_LINE_EVERY_S
        for event in engine.events():
            view.look_at_files()
            if live is not None and time.monotonic() - drawn >= _DRAW_EVERY_S:
                drawn = time.monotonic()
                live.update(view.table(), refresh=True)
            elif (
                live is None and isinstance(event, Estimate) and event.t - printed >= _LINE_EVERY_S
            ):
                printed = event.t
                console.print(view.line(), soft_wrap=True)
        if live is not None:
            live.update(view.table(), refresh=True)
        else:
            console.print(view.table())


def _routes_table(evaluation: Evaluation) -> Table:
    plan = evaluation.plan
    table = Table(title=plan.file, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("to", "place", "from", "value", "now", ""):
        number = name in {"value", "now", ""}
        table.add_column(name, justify="right" if name and number else "left", no_wrap=number)
    for shaped in evaluation.routes:
        route = shaped.route
        source = route.shape.source
        table.add_row(
            ", ".join(_to(plan, target) for target in route.targets),
            shown(route.place),
            source,
            _number(evaluation.values.get(source)),
            _number(shaped.value),
            _bar(shaped),
        )
    return table


def _rules_table(evaluation: Evaluation) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("rule", "sends", "stands", "fired"):
        table.add_column(name, justify="right" if name == "fired" else "left")
    for watched in evaluation.rules:
        sends = "; ".join(
            f"{shown(send.place)} {_number(send.value) if send.source is None else send.source}"
            for send in watched.rule.sends
        )
        table.add_row(watched.rule.name, sends, _stands(watched), str(watched.fired))
    return table


def _stands(watched: Watched) -> str:
    if watched.waited_s is not None:
        return f"so for {watched.waited_s:.1f} of {watched.rule.for_s:g} s"
    return "waits for its end" if watched.spent else "waits"


def _to(plan: Plan, target: Target) -> str:
    return plan.names.get(target, target.url.shown)


def _number(value: Value | Plain | None) -> str:
    if value is None:
        return "–"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _bar(shaped: Shaped) -> str:
    """Return where a number lies on its target, as a bar."""
    target, value = shaped.route.target, shaped.value
    if target is None or not isinstance(value, float | int) or target[0] == target[1]:
        return ""
    part = (float(value) - min(target)) / abs(target[1] - target[0])
    filled = round(part * _BAR)
    return "█" * filled + "·" * (_BAR - filled)
