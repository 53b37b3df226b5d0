"""The live session: a source, the recogniser, and whoever wants the results, wired together."""

from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Literal

import realtime_mer
from realtime_mer.audio.opening import open_source
from realtime_mer.audio.ring import RingBuffer
from realtime_mer.audio.spec import RawFormat
from realtime_mer.audio.switch import SwitchableSource
from realtime_mer.engine import RING_S, Engine
from realtime_mer.errors import RecordingError
from realtime_mer.live.aligned import ask_for_quiet, tell_way
from realtime_mer.live.controller import Controller
from realtime_mer.live.follower import Follower, json_lines
from realtime_mer.live.outlets import ServiceOptions, open_outlets
from realtime_mer.live.settings import LiveSettings, PhoneAccess
from realtime_mer.live.terminal import TerminalView
from realtime_mer.live.window import open_window
from realtime_mer.outlets.mapping.tables import Plan
from realtime_mer.printing.console import console as console_for_people
from realtime_mer.recognizer.compute import compute_on_one_thread
from realtime_mer.recognizer.contract import StreamingRecognizer
from realtime_mer.recognizer.loading import load_recognizer
from realtime_mer.sessions.manifest import Manifest
from realtime_mer.sessions.recording import Deck, Recording
from realtime_mer.sessions.sealing import Key
from realtime_mer.sessions.store import AUDIO, create_folder
from realtime_mer.shaping import Shaper
from realtime_mer.stream import EmotionStream
from realtime_mer.wire.protocol import Hello
from realtime_mer.wording import legible, literal

_WINDOW_CLOSED = "The window is closed; the session goes on. Ctrl-C ends it."


@dataclass(frozen=True, kw_only=True)
class LiveOptions:
    """What ``realtime-mer live`` was asked for.

    Attributes:
        source: ``mic``, ``system``, ``demo``, ``-`` or a path; None chooses what there is.
        device: index or part of the name, for ``mic`` and ``system``.
        seconds: stop after so much sound; None for no limit.
        speed: ``realtime`` paces files and the demo by the clock; ``max`` does not.
        model: name or path of a checkpoint.
        compute: as for ``choose_compute``.
        service: the WebSocket service; None for none.
        window: whether to have a window; it needs a screen.
        layout: of the window; None for that of the last time.
        plans, maps: what goes where besides, as it stands and as files that may change meanwhile.
        jsonl: path for a line per estimate, ``-`` for standard output.
        smoothing_s, delay_s: see ``Shaper``.
        align: measure the way from the loudspeaker to the microphone first, and subtract it.
        raw: what raw sound on standard input is; None for the usual.
        channels: which to hear, counted from 0; None for those that carry signal, or, of a device,
            those of the last time.
        record: name of the session to record; None for none.
        record_sound: whether to record its sound too.
        key: encrypts what is recorded; None does not.
        pseudonym: whom the session is about; None for nobody.
        title: of the session's report; None for its name.
    """

    source: str | None = None
    device: str | None = None
    seconds: float | None = None
    speed: Literal["realtime", "max"] = "realtime"
    model: str = "default"
    compute: str = "auto"
    service: ServiceOptions | None = field(default_factory=ServiceOptions)
    window: bool = True
    layout: Literal["dj", "therapy"] | None = None
    plans: tuple[Plan, ...] = ()
    maps: tuple[Path, ...] = ()
    jsonl: str | None = None
    smoothing_s: float = 0.0
    delay_s: float = 0.0
    align: bool = False
    raw: RawFormat | None = None
    channels: tuple[int, ...] | None = None
    record: str | None = None
    record_sound: bool = False
    key: Key | None = None
    pseudonym: str | None = None
    title: str | None = None


def run_live(options: LiveOptions) -> None:
    """Run a session until its sound ends, ``seconds`` have passed or Ctrl-C.

    Raises:
        RealtimeMerError: something that was asked for cannot be had; what was estimated until
            then has been shown, sent and written.
        RecordingError: a part of what was to be recorded is missing; the session itself went on.
    """
    shaper = Shaper(smoothing_s=options.smoothing_s, delay_s=options.delay_s)
    to_stderr = options.jsonl == "-"
    console = console_for_people(stderr=to_stderr)
    fast = options.speed == "max"  # over before anybody could follow
    with ExitStack() as stack:
        if options.align:
            ask_for_quiet(console)
        opened = open_source(
            options.source,
            device=options.device,
            paced=not fast,
            raw=options.raw,
            channels=options.channels,
        )
        source = SwitchableSource(opened.source)
        stack.callback(source.close)
        write = stack.enter_context(json_lines(options.jsonl)) if options.jsonl else None
        console.print(f"Source: {source.name} ({opened.why})")
        way_s = tell_way(opened, console) if options.align else 0.0
        recognizer = load_recognizer(options.model, options.compute)
        compute_on_one_thread()
        hello = _hello(options, recognizer)
        ring = RingBuffer(round(RING_S * recognizer.sample_rate))
        deck = Deck(
            partial(
                _recording, options, hello=hello, source=source, recognizer=recognizer, ring=ring
            )
        )
        stack.callback(deck.close)
        outlets = open_outlets(
            hello=hello,
            service=None if fast else options.service,
            plans=options.plans,
            maps=options.maps,
            console=console,
            stack=stack,
            deck=deck,
            controls=True,
        )
        engine = Engine(
            source=source,
            stream=EmotionStream(recognizer),
            ring=ring,
            shaper=shaper,
            publish=outlets.publish,
            make_room=deck.make_room,
            seconds=options.seconds,
            way_s=way_s,
        )
        settings = LiveSettings(
            switch=source,
            shaper=shaper,
            outlets=outlets,
            phones=PhoneAccess(outlets, options.service),
        )
        controller = Controller(
            opened, switch=source, deck=deck, tell=outlets.tell_recording, settings=settings
        )
        view = TerminalView(console=console, source=source.name, model=recognizer.card.name)
        if options.record is not None:
            recording = deck.begin(options.record, sound=options.record_sound)
            console.print(f"Session: {recording.folder}")
            console.print(recording.state.sentence)
        if options.window and not fast:
            open_window(
                outlets,
                hello=hello,
                service=options.service,
                console=console,
                stack=stack,
                controller=controller,
                layout=options.layout,
                closed=lambda: console.print(_WINDOW_CLOSED),
            )
        follower = Follower(
            engine, view=view, outlets=outlets, deck=deck, controller=controller, write=write
        )
        try:
            follower.run()
        finally:
            for line in [*view.tally.summary_lines(), *follower.end(), *source.warnings()]:
                console.print(line)
    if not deck.whole:
        raise RecordingError(
            "A part of what was to be recorded is missing, as was said above; the rest is kept."
        )


def _hello(options: LiveOptions, recognizer: StreamingRecognizer) -> Hello:
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


def _recording(
    options: LiveOptions,
    label: str | None,
    sound: bool,
    *,
    hello: Hello,
    source: SwitchableSource,
    recognizer: StreamingRecognizer,
    ring: RingBuffer,
) -> Recording:
    """Make a recording of what happens from now on, and of what passes through the ring."""
    options = replace(options, record=label, record_sound=sound)
    now = datetime.now().astimezone()
    begun = ring.written
    folder = create_folder(label or "session", now=now)
    # Addresses and tokens are nobody else's business.
    secret = {"service", "plans", "maps", "pseudonym", "title", "key"}
    recording = Recording(
        folder,
        Manifest(
            name=folder.name,
            pseudonym=None if options.pseudonym is None else legible(options.pseudonym),
            title=None if options.title is None else legible(options.title),
            started_at=now.isoformat("T", "milliseconds"),
            software=realtime_mer.__version__,
            source=literal(source.name),
            hello=hello,
            model_card=recognizer.card.model_dump(mode="json"),
            compute=recognizer.compute,
            settings={
                name: legible(value) if isinstance(value, str) else value
                for name, value in asdict(replace(options, plans=(), maps=())).items()
                if name not in secret
            },
            audio=AUDIO if sound else None,
            audio_start=begun if sound else 0,
        ),
        wait=not source.real_time,
        key=options.key,
    )
    if sound:
        recording.record_sound(ring, rate=recognizer.sample_rate, start=begun)
    return recording
