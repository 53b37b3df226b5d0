"""The live session: a source, the recogniser, and whoever wants the results, wired together."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from rich.console import Console

import realtime_mer
from realtime_mer.audio.block import Source
from realtime_mer.audio.demo import DemoSource
from realtime_mer.audio.devices import Kind, list_devices
from realtime_mer.audio.files import FileSource
from realtime_mer.audio.sources import DeviceSource
from realtime_mer.audio.stdin import SampleFormat, StdinSource
from realtime_mer.engine import Engine
from realtime_mer.errors import AudioError, DeviceError, InputError
from realtime_mer.estimate import Estimate
from realtime_mer.osc import Target
from realtime_mer.outlets import Outlets, ServiceOptions, open_outlets
from realtime_mer.protocol import Hello, StatusMessage
from realtime_mer.recognizer import Recognizer
from realtime_mer.shaping import Shaper
from realtime_mer.stream import EmotionStream
from realtime_mer.terminal import TerminalView, marker_line


@dataclass(frozen=True, kw_only=True)
class LiveOptions:
    """What ``realtime-mer live`` was asked for.

    Attributes:
        source: ``mic``, ``system``, ``demo``, ``-`` or a path; None chooses what there is.
        device: index or part of the name, for ``mic`` and ``system``.
        seconds: stop after so much sound; None for no limit.
        speed: ``realtime`` paces files and the demo by the clock; ``max`` does not.
        model: name or path of a checkpoint.
        compute: ``auto``, ``cpu`` or ``cuda``.
        service: the WebSocket service; None for none.
        window: whether to have a window; it needs a screen.
        osc, osc_rate: where OSC messages go, and most estimates a second; None for nowhere, all.
        jsonl: path for a line per estimate, ``-`` for standard output.
        smoothing_s, delay_s: see ``Shaper``.
        rate, channels, sample_format: of raw sound on standard input.
    """

    source: str | None = None
    device: str | None = None
    seconds: float | None = None
    speed: Literal["realtime", "max"] = "realtime"
    model: str = "default"
    compute: str = "auto"
    service: ServiceOptions | None = field(default_factory=ServiceOptions)
    window: bool = True
    osc: Target | None = None
    osc_rate: float | None = None
    jsonl: str | None = None
    smoothing_s: float = 0.0
    delay_s: float = 0.0
    rate: int = 48_000
    channels: int = 1
    sample_format: SampleFormat = "s16le"


def run_live(options: LiveOptions) -> None:
    """Run a session until its sound ends, ``seconds`` have passed or Ctrl-C.

    Raises:
        RealtimeMerError: something that was asked for cannot be had; what was estimated until
            then has been shown, sent and written.
    """
    if options.seconds is not None and not options.seconds > 0:
        raise InputError(f"--seconds {options.seconds} must be more than 0; leave it out to go on.")
    torch.set_num_threads(1)  # a hop is too small to share, and threads would wait for one another
    shaper = Shaper(smoothing_s=options.smoothing_s, delay_s=options.delay_s)
    to_stderr = options.jsonl == "-"
    console = Console(stderr=to_stderr, highlight=False, soft_wrap=True)
    with ExitStack() as stack:
        write = stack.enter_context(_jsonl(options.jsonl)) if options.jsonl else None
        source, why = _open_source(options)
        stack.callback(source.close)
        console.print(f"Source: {source.name} ({why})", markup=False)
        recognizer = Recognizer.load(options.model, device=options.compute)
        fast = options.speed == "max"  # over before anybody could follow
        outlets = open_outlets(
            hello=_hello(options, recognizer),
            service=None if fast else options.service,
            window=options.window and not fast,
            osc=None if fast else options.osc,
            osc_rate=options.osc_rate,
            console=console,
            stack=stack,
        )
        engine = Engine(
            source=source,
            stream=EmotionStream(recognizer),
            shaper=shaper,
            publish=outlets.publish,
            seconds=options.seconds,
        )
        view = TerminalView(console=console, source=source.name, model=recognizer.card.name)
        events = engine.events()

        def follow() -> None:
            for event in events:
                if isinstance(event, Estimate):
                    if write is not None:
                        write(event)
                    view.show(event)
                elif isinstance(event, StatusMessage):
                    view.message(f"{event.status.value}: {event.detail}")
                for marker in outlets.take_markers():
                    view.message(marker_line(marker))

        try:
            with view:
                try:
                    follow()
                except KeyboardInterrupt:
                    engine.stop()
                    follow()  # what was estimated until now
        except KeyboardInterrupt:
            engine.stop()  # before the first estimate, or once more
        finally:
            for line in [*view.tally.summary_lines(), *_faults(engine, source, outlets)]:
                console.print(line, markup=False)


def _open_source(options: LiveOptions) -> tuple[Source, str]:
    """Return the source that was asked for, or the best there is, and why it is that one."""
    paced = options.speed == "realtime"
    match options.source:
        case None:
            return _best_source(options)
        case "mic":
            return DeviceSource(kind="input", device=options.device), "microphone"
        case "system":
            return DeviceSource(kind="loopback", device=options.device), "system audio"
        case "demo":
            return DemoSource(paced=paced), "the built-in piece"
        case "-":
            if sys.stdin is None:
                raise InputError("Standard input is closed: pipe raw sound into `live -`.")
            return (
                StdinSource(
                    sys.stdin.buffer,
                    rate=options.rate,
                    channels=options.channels,
                    sample_format=options.sample_format,
                ),
                f"raw {options.sample_format}, {options.rate} Hz, {options.channels} channel(s)",
            )
        case path:
            return FileSource(path, paced=paced), f"file, speed {options.speed}"


def _best_source(options: LiveOptions) -> tuple[Source, str]:
    """Return the microphone, else the system's audio, else the demo piece; or the named device."""
    if options.speed == "max":
        raise InputError("--speed max needs a FILE, demo or -: a device plays at its own speed.")
    reasons = []
    failures: list[AudioError] = []
    kinds: tuple[tuple[Kind, str], ...] = (("input", "microphone"), ("loopback", "system audio"))
    found = {device.kind for device in list_devices()}
    for kind, what in kinds:
        if kind not in found:
            reasons.append(f"no {what}")
            continue
        try:
            source = DeviceSource(kind=kind, device=options.device)
        except AudioError as error:
            reasons.append(f"{what}: {error}")
            failures.append(error)
            continue
        return source, "; ".join([*reasons, what])
    if options.device is not None:
        raise (
            failures[0]
            if failures
            else DeviceError(
                f"There is no device {options.device!r}, nor any other; see `realtime-mer doctor`."
            )
        )
    return DemoSource(paced=True), "; ".join([*reasons, "so the built-in piece plays"])


def _hello(options: LiveOptions, recognizer: Recognizer) -> Hello:
    rate = recognizer.sample_rate
    return Hello(
        server_version=realtime_mer.__version__,
        model=recognizer.card.name,
        hop=recognizer.hop_samples / rate,
        window=recognizer.window_samples / rate,
        sample_rate=rate,
        smoothing_s=options.smoothing_s,
        delay_s=options.delay_s,
    )


@contextmanager
def _jsonl(path: str) -> Iterator[Callable[[Estimate], None]]:
    """Open a JSON Lines file and yield what writes an estimate to it at once."""
    if path == "-":
        yield lambda estimate: print(_line(estimate), flush=True)
        return
    try:
        file = Path(path).open("w", encoding="utf-8", buffering=1)  # noqa: SIM115  closed below
    except OSError as error:
        raise InputError(f"--jsonl {path} cannot be written: {error.strerror}.") from error
    with file:
        yield lambda estimate: print(_line(estimate), file=file)


def _line(estimate: Estimate) -> str:
    return json.dumps(estimate.to_dict(), allow_nan=False)


def _faults(engine: Engine, source: Source, outlets: Outlets) -> list[str]:
    counts = {
        "values that were not finite and became 0": engine.intake.replaced,
        "values far over full scale that were clipped": engine.intake.clipped,
        "estimates that came too fast to be written": engine.lost_events,
        **outlets.faults(),
    }
    faults = [f"{count} {what}" for what, count in counts.items() if count]
    if isinstance(source, StdinSource) and source.warning:
        faults.append(source.warning)
    return faults
