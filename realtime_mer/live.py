"""The live session: a source, the recogniser, and whoever wants the results, wired together."""

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Literal

import torch
from rich.console import Console

import realtime_mer
from realtime_mer.audio.block import Source
from realtime_mer.audio.demo import DemoSource
from realtime_mer.audio.devices import Kind, list_devices
from realtime_mer.audio.files import FileSource, refuse_overwriting
from realtime_mer.audio.sources import DeviceSource
from realtime_mer.audio.stdin import SampleFormat, StdinSource
from realtime_mer.engine import Engine
from realtime_mer.errors import AudioError, DeviceError, InputError
from realtime_mer.estimate import Estimate
from realtime_mer.osc import Target
from realtime_mer.outlets import Outlets, ServiceOptions, open_outlets
from realtime_mer.protocol import Hello, StatusMessage
from realtime_mer.recognizer import Recognizer
from realtime_mer.sessions.recording import Recording
from realtime_mer.sessions.store import AUDIO, Manifest, create_folder
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
        record: name of the session to record; None for none.
        record_sound: whether to record its sound too.
        pseudonym: whom the session is about; None for nobody.
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
    record: str | None = None
    record_sound: bool = False
    pseudonym: str | None = None


def run_live(options: LiveOptions) -> None:
    """Run a session until its sound ends, ``seconds`` have passed or Ctrl-C.

    Raises:
        RealtimeMerError: something that was asked for cannot be had; what was estimated until
            then has been shown, sent and written.
    """
    if options.seconds is not None and not options.seconds > 0:
        raise InputError(f"--seconds {options.seconds} must be more than 0; leave it out to go on.")
    if options.record is None and (options.record_sound or options.pseudonym is not None):
        option = "--record-audio" if options.record_sound else "--pseudonym"
        raise InputError(f"{option} is of no use without --record.")
    torch.set_num_threads(1)  # a hop is too small to share, and threads would wait for one another
    shaper = Shaper(smoothing_s=options.smoothing_s, delay_s=options.delay_s)
    to_stderr = options.jsonl == "-"
    console = Console(stderr=to_stderr, highlight=False, soft_wrap=True)
    with ExitStack() as stack:
        if options.jsonl:
            refuse_overwriting([options.source or ""], output=options.jsonl, option="--jsonl")
        source, why = _open_source(options)
        stack.callback(source.close)
        write = stack.enter_context(_jsonl(options.jsonl)) if options.jsonl else None
        console.print(f"Source: {source.name} ({why})", markup=False)
        recognizer = Recognizer.load(options.model, device=options.compute)
        fast = options.speed == "max"  # over before anybody could follow
        hello = _hello(options, recognizer)
        recording = None
        if options.record is not None:
            recording = _open_recording(options.record, options, source, recognizer, hello)
            stack.callback(recording.close)
        outlets = open_outlets(
            hello=hello,
            service=None if fast else options.service,
            window=options.window and not fast,
            osc=None if fast else options.osc,
            osc_rate=options.osc_rate,
            console=console,
            stack=stack,
            recording=recording,
        )
        engine = Engine(
            source=source,
            stream=EmotionStream(recognizer),
            shaper=shaper,
            publish=outlets.publish,
            seconds=options.seconds,
        )
        view = TerminalView(console=console, source=source.name, model=recognizer.card.name)
        if recording is not None:
            if options.record_sound:
                recording.record_sound(engine.ring, rate=recognizer.sample_rate)
            console.print(f"Session: {recording.folder}", markup=False)
            console.print(recording.sentence, markup=False)
            view.note = recording.sentence
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
                if recording is not None:
                    view.note = recording.sentence
                    for failure in recording.take_failures():
                        view.message(failure)

        try:
            with _gently_stopped(engine), view:
                try:
                    follow()
                except KeyboardInterrupt:
                    engine.stop()
                    follow()  # what was estimated until now
        except KeyboardInterrupt:
            engine.stop()  # before the first estimate, or once more
        finally:
            outlets.take_markers()  # those that came with the last estimate are recorded
            faults = _faults(engine, source, outlets)
            if recording is not None:
                recording.close()
                faults += [*recording.take_failures(), *_counted(recording.faults())]
            for line in [*view.tally.summary_lines(), *faults]:
                console.print(line, markup=False)


@contextmanager
def _gently_stopped(engine: Engine) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end a session that has a clock without an exception; twice means now.

    An exception would break off whatever the main thread is at, such as the writing of a line. A
    source that can wait blocks that very thread in a read, so there it must be an exception.
    """
    if not engine.source.real_time or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.default_int_handler)
        # In a thread of its own: what is interrupted here may hold a lock that stopping takes.
        threading.Thread(target=engine.stop, name="stop").start()

    numbers = (signal.SIGINT, signal.SIGTERM)
    previous = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _open_source(options: LiveOptions) -> tuple[Source, str]:
    """Return the source that was asked for, or the best there is, and why it is that one."""
    paced = options.speed == "realtime"
    if not paced and options.source in {None, "mic", "system"}:
        raise InputError("--speed max needs a FILE, demo or -: a device plays at its own speed.")
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


def _open_recording(
    label: str, options: LiveOptions, source: Source, recognizer: Recognizer, hello: Hello
) -> Recording:
    if options.record_sound and not source.real_time:
        raise InputError(
            "--record-audio keeps the sound of a device, or of a file played by the clock; sound "
            "that comes faster than it plays is in a file or a pipe already."
        )
    now = datetime.now().astimezone()
    folder = create_folder(label, now=now)
    secret = {"service", "osc", "pseudonym"}  # addresses and tokens are nobody else's business
    return Recording(
        folder,
        Manifest(
            name=folder.name,
            pseudonym=options.pseudonym,
            started_at=now.isoformat("T", "milliseconds"),
            software=realtime_mer.__version__,
            source=source.name,
            hello=hello,
            model_card=recognizer.card.model_dump(mode="json"),
            compute=str(recognizer.device),
            settings={name: value for name, value in asdict(options).items() if name not in secret},
            audio=AUDIO if options.record_sound else None,
        ),
        wait=not source.real_time,
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
        **engine.intake.faults(),
        "estimates that came too fast to be written": engine.lost_events,
        **outlets.faults(),
    }
    faults = _counted(counts)
    if isinstance(source, StdinSource) and source.warning:
        faults.append(source.warning)
    return faults


def _counted(counts: Mapping[str, int]) -> list[str]:
    return [f"{count} {what}" for what, count in counts.items() if count]
