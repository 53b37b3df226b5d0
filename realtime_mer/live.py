"""The live session: a source, the recogniser, and whoever wants the results, wired together."""

import json
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from rich.console import Console

import realtime_mer
from realtime_mer import display
from realtime_mer.audio.block import Source
from realtime_mer.audio.demo import DemoSource
from realtime_mer.audio.devices import Kind, list_devices
from realtime_mer.audio.files import FileSource
from realtime_mer.audio.sources import DeviceSource
from realtime_mer.audio.stdin import SampleFormat, StdinSource
from realtime_mer.engine import Engine, Event
from realtime_mer.errors import AudioError, DeviceError, InputError
from realtime_mer.estimate import Estimate
from realtime_mer.protocol import Hello, LevelMessage, StatusMessage
from realtime_mer.recognizer import Recognizer
from realtime_mer.server import Service
from realtime_mer.shaping import Shaper
from realtime_mer.stream import EmotionStream
from realtime_mer.terminal import TerminalView


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
        host, port, token: of the WebSocket service.
        serve, window: whether to have either; a window needs a screen.
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
    host: str = "127.0.0.1"
    port: int = 8765
    token: str | None = None
    serve: bool = True
    window: bool = True
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
        publish = _serve(options, recognizer, console, stack)
        engine = Engine(
            source=source,
            stream=EmotionStream(recognizer),
            shaper=shaper,
            publish=publish,
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
            for line in [*view.tally.summary_lines(), *_faults(engine, source)]:
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


def _serve(
    options: LiveOptions, recognizer: Recognizer, console: Console, stack: ExitStack
) -> Callable[[Event], None] | None:
    """Start service and window as far as they are wanted; return what feeds them."""
    if options.speed == "max":
        return None  # over before anybody could follow
    window = options.window and display.has_screen() and display.is_installed()
    if not (options.serve or window):
        return None
    # The window is a client like any other; without a public service it gets a private one.
    token = options.token if options.serve else secrets.token_urlsafe()
    rate = recognizer.sample_rate
    hello = Hello(
        server_version=realtime_mer.__version__,
        model=recognizer.card.name,
        hop=recognizer.hop_samples / rate,
        window=recognizer.window_samples / rate,
        sample_rate=rate,
        smoothing_s=options.smoothing_s,
        delay_s=options.delay_s,
    )
    service = stack.enter_context(
        Service(hello=hello, host=options.host, port=options.port, token=token)
        if options.serve
        else Service(hello=hello, port=0, token=token)
    )
    if options.serve:
        console.print(f"Service: {service.url}", markup=False)
    if window:
        stack.enter_context(_window(service.url, token))

    def publish(event: Event) -> None:
        match event:
            case Estimate():
                service.publish_estimate(event)
            case StatusMessage():
                service.publish_status(event)
            case LevelMessage():
                service.publish_level(event)

    return publish


@contextmanager
def _window(url: str, token: str | None) -> Iterator[None]:
    process = display.spawn(url, token=token)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            process.kill()


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


def _faults(engine: Engine, source: Source) -> list[str]:
    counts = {
        "values that were not finite and became 0": engine.intake.replaced,
        "values far over full scale that were clipped": engine.intake.clipped,
        "estimates that came too fast to be written": engine.lost_events,
    }
    faults = [f"{count} {what}" for what, count in counts.items() if count]
    if isinstance(source, StdinSource) and source.warning:
        faults.append(source.warning)
    return faults
