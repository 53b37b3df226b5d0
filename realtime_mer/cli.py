"""The command line: parse, wire rooms together, report errors."""

import io
import json
import os
import signal
import sys
from enum import StrEnum
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperCommand

from realtime_mer import __version__
from realtime_mer.commands.sessions import app as sessions_app
from realtime_mer.errors import InputError, RealtimeMerError

if TYPE_CHECKING:
    from realtime_mer.sessions.sealing import Key

app = typer.Typer(
    name="realtime-mer",
    help="Real-time music emotion recognition: sound in, valence, arousal, quadrants and GEMS out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="markdown",
)
app.add_typer(sessions_app, name="sessions")


class Speed(StrEnum):
    """How fast a file is played."""

    REALTIME = "realtime"
    MAX = "max"


class Compute(StrEnum):
    """Where the network runs."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Layout(StrEnum):
    """What the window is for."""

    DJ = "dj"
    THERAPY = "therapy"


class Format(StrEnum):
    """How estimates are written."""

    JSONL = "jsonl"
    CSV = "csv"


class SampleFormat(StrEnum):
    """Raw samples on standard input, little-endian."""

    U8 = "u8"
    S16LE = "s16le"
    S24LE = "s24le"
    S32LE = "s32le"
    F32LE = "f32le"


Model = Annotated[
    str, typer.Option(help="A shipped checkpoint's name, or the path of a .safetensors file.")
]
ComputeOption = Annotated[Compute, typer.Option(help="Where the network runs.")]
Smoothing = Annotated[
    float, typer.Option(metavar="SECONDS", help="Smooth what is shown and sent over this time.")
]
Delay = Annotated[
    float, typer.Option(metavar="SECONDS", help="Hold back what is shown and sent this long.")
]
LayoutOption = Annotated[
    Layout | None,
    typer.Option(help="The window for a booth or for a therapy room; else that of the last time."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Url = Annotated[str, typer.Argument(help="Address of the service.")]
Token = Annotated[
    str | None, typer.Option(envvar="REALTIME_MER_TOKEN", help="What the service asks for.")
]

Ca = Annotated[
    str | None,
    typer.Option(metavar="PEM", help="Certificate to trust, where the service has its own."),
]

DEFAULT_URL = "ws://127.0.0.1:8765"


@app.callback(invoke_without_command=True)
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        print(f"realtime-mer {__version__}")
        raise typer.Exit


class _OptionalName(TyperCommand):
    """Lets ``--record`` stand without a name, which typer has no word for."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named: list[str] = []
        for arg, following in zip_longest(args, args[1:], fillvalue="-"):
            bare = arg == "--record" and following.startswith("-")
            named.append("--record=session" if bare else arg)
        return super().parse_args(ctx, named)


@app.command(cls=_OptionalName)
def live(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[mic|system|demo|FILE|-]",
            help="What to listen to; - is raw sound on standard input. "
            "Without it: the microphone, else the system's audio, else the built-in piece.",
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Index or part of the name, see `realtime-mer devices`.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="Stop after so much sound.")] = None,
    speed: Annotated[
        Speed,
        typer.Option(help="Play a file or demo by the clock, or as fast as possible (no service)."),
    ] = Speed.REALTIME,
    model: Model = "default",
    compute: ComputeOption = Compute.AUTO,
    host: Annotated[str, typer.Option(help="Address the service listens on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the service; 0 for any free one.")] = 8765,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="REALTIME_MER_TOKEN",
            help="What subscribers must show; beyond this machine one is made up without it.",
        ),
    ] = None,
    cert: Annotated[
        str | None, typer.Option(metavar="PEM", help="Certificate of the service, for TLS.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(metavar="PEM", help="Its private key, if in a file of its own.")
    ] = None,
    clients: Annotated[int, typer.Option(min=1, help="Most subscribers at a time.")] = 256,
    osc: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Send OSC messages there, over UDP.")
    ] = None,
    osc_rate: Annotated[
        float | None, typer.Option(help="Most estimates per second by OSC; all without it.")
    ] = None,
    server: Annotated[bool, typer.Option("--server/--no-server", help="WebSocket service.")] = True,
    window: Annotated[
        bool, typer.Option("--window/--no-window", help="Window, where there is a screen.")
    ] = True,
    layout: LayoutOption = None,
    jsonl: Annotated[
        str | None, typer.Option(metavar="FILE|-", help="Write every estimate as a JSON line.")
    ] = None,
    smoothing: Smoothing = 0.0,
    delay: Delay = 0.0,
    rate: Annotated[
        int | None,
        typer.Option(help="Sample rate of raw sound on standard input; 48000 without it."),
    ] = None,
    channels: Annotated[
        int | None, typer.Option(help="Channels of raw sound on standard input; 1 without it.")
    ] = None,
    sample_format: Annotated[
        SampleFormat | None,
        typer.Option("--format", help="Format of raw sound on standard input; s16le without it."),
    ] = None,
    record: Annotated[
        str | None,
        typer.Option(
            metavar="[NAME]",
            help="Keep a session of this name, to replay and report; see `realtime-mer sessions`.",
        ),
    ] = None,
    record_audio: Annotated[
        bool, typer.Option("--record-audio", help="Keep its sound too; else no sound is kept.")
    ] = False,
    encrypt: Annotated[
        bool,
        typer.Option("--encrypt", help="Encrypt what is kept; asks for a passphrase to open it."),
    ] = False,
    passphrase_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Take the passphrase from its first line."),
    ] = None,
    pseudonym: Annotated[
        str | None, typer.Option(help="Whom the kept session is about, as only you know them.")
    ] = None,
) -> None:
    """Listen, and show the emotion of the music as it plays.

    Examples:

    `realtime-mer live mic --device scarlett`

    `realtime-mer live song.mp3 --jsonl estimates.jsonl`

    `realtime-mer live --host 0.0.0.0 --osc 192.168.1.20:9000`

    `realtime-mer live mic --record friday`

    `ffmpeg -i song.m4a -f s16le -ac 1 -ar 24000 - | realtime-mer live - --rate 24000`
    """
    from realtime_mer.audio.opening import RawFormat
    from realtime_mer.live.outlets import ServiceOptions
    from realtime_mer.live.session import LiveOptions, run_live
    from realtime_mer.outlets.osc import Target

    if key is not None and cert is None:
        raise InputError(f"--key {key} is of no use without --cert.")
    service = ServiceOptions(host=host, port=port, token=token, cert=cert, key=key, clients=clients)
    raw = None
    if (rate, channels, sample_format) != (None, None, None):
        usual = RawFormat()
        raw = RawFormat(
            rate=usual.rate if rate is None else rate,
            channels=usual.channels if channels is None else channels,
            sample_format=usual.sample_format if sample_format is None else sample_format.value,
        )

    run_live(
        LiveOptions(
            source=source,
            device=device,
            seconds=seconds,
            speed=speed.value,
            model=model,
            compute=compute.value,
            service=service if server else None,
            window=window,
            layout=None if layout is None else layout.value,
            osc=None if osc is None else Target.parse(osc),
            osc_rate=osc_rate,
            jsonl=jsonl,
            smoothing_s=smoothing,
            delay_s=delay,
            raw=raw,
            record=record,
            record_sound=record_audio,
            key=_new_key(record, file=passphrase_file) if encrypt else None,
            pseudonym=pseudonym,
        )
    )


def _new_key(record: str | None, *, file: Path | None) -> "Key":
    from realtime_mer.sessions.passphrase import take_passphrase
    from realtime_mer.sessions.sealing import Key

    return Key.new(take_passphrase(record or "what is recorded", file=file, new=True))


@app.command()
def analyze(
    files: Annotated[list[str], typer.Argument(metavar="FILES...", help="Audio files.")],
    format: Annotated[Format, typer.Option(help="How to write.")] = Format.JSONL,
    summary: Annotated[
        bool, typer.Option("--summary", help="One line a file instead of one a hop.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Write there, not to standard output.")
    ] = None,
    model: Model = "default",
    compute: ComputeOption = Compute.AUTO,
    smoothing: Smoothing = 0.0,
    delay: Delay = 0.0,
) -> None:
    """Recognise whole files as fast as possible.

    Files that cannot be read are named on standard error and do not stop the others; the exit
    status is then 1.

    Examples:

    `realtime-mer analyze *.flac --summary --format csv --out moods.csv`

    `realtime-mer analyze song.mp3 | jq .valence`
    """
    from realtime_mer.commands.analyze import BatchOptions, run_batch

    failed = run_batch(
        BatchOptions(
            files=tuple(files),
            format=format.value,
            summary=summary,
            out=out,
            model=model,
            compute=compute.value,
            smoothing_s=smoothing,
            delay_s=delay,
        )
    )
    if failed:
        raise typer.Exit(1)


@app.command()
def annotate(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the music is.")],
    out: Annotated[
        Path,
        typer.Option(
            metavar="TABLE",
            help="Table to write or go on with: .sqlite, .parquet or .csv. For the latter two the "
            "work is kept in the .sqlite of the same name.",
        ),
    ] = Path("library.sqlite"),
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Processes at a time; else one per core, one on a GPU."),
    ] = None,
    model: Model = "default",
    compute: ComputeOption = Compute.AUTO,
) -> None:
    """Work out the mood of every track in a folder and those below it.

    Stopped at any moment, the same command goes on from there; tracks that have not changed are not
    read again. Broken files are listed and do not stop the others; the exit status is 1 only if no
    file could be read.

    Examples:

    `realtime-mer annotate ~/Music --out music.sqlite`

    `realtime-mer annotate ~/Music --out music.parquet --jobs 4`
    """
    from realtime_mer.library.annotate import AnnotateOptions
    from realtime_mer.library.annotate import annotate as run

    found = run(
        AnnotateOptions(folder=folder, out=out, model=model, compute=compute.value, jobs=jobs)
    )
    for broken in found.broken:
        print(f"realtime-mer: {broken.reason}", file=sys.stderr)
    print(
        f"{out}: {found.total} tracks; {found.done} new, {found.kept} unchanged, "
        f"{found.gone} gone, {len(found.broken)} broken"
    )
    if not found.done + found.kept:
        raise typer.Exit(1)


@app.command()
def suggest(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="What `annotate` wrote.")],
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="TRACK", help="What plays now: a path or a part of it."),
    ] = None,
    at: Annotated[
        str | None, typer.Option(metavar="V,A", help="Or the present valence and arousal.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(metavar="TRACK|V,A", help="Lead there; without it, continue the mood."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="At most so many tracks.")] = 10,
    m3u8: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Write them as a playlist too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List tracks that continue the present mood, or lead from here to a wanted one.

    Examples:

    `realtime-mer suggest music.sqlite --from "blue monday"`

    `realtime-mer suggest music.sqlite --at 0.2,-0.4 --to 0.5,0.6 --count 8 --m3u8 set.m3u8`
    """
    from realtime_mer.library.suggest import SuggestOptions
    from realtime_mer.library.suggest import suggest as run

    run(
        SuggestOptions(
            table=table, start=start, at=at, to=to, count=count, m3u8=m3u8, as_json=as_json
        )
    )


@app.command()
def devices(as_json: AsJson = False) -> None:
    """List microphones and loopbacks to listen to."""
    from realtime_mer.audio.devices import survey

    listing = survey()
    if as_json:
        print(json.dumps([device.to_dict() for device in listing.devices], indent=2))
    else:
        table = Table("index", "kind", "name", "rate", "channels", "default", box=None)
        for device in listing.devices:
            table.add_row(
                str(device.index),
                device.kind,
                device.name,
                f"{device.rate} Hz",
                str(device.channels),
                "yes" if device.default else "",
            )
        Console(highlight=False).print(table if listing.devices else "No device to listen to.")
    for problem in listing.problems.values():
        print(problem, file=sys.stderr)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Check what a session needs, and say what to do about what is missing."""
    from realtime_mer.commands.doctor import checks

    console = Console(highlight=False, soft_wrap=True)
    results = []
    for check in checks():
        results.append(check)
        if not as_json:
            sign = {True: "[green]ok[/]", False: "[red]no[/]", None: "[yellow]--[/]"}[check.ok]
            console.print(f"{sign}  [bold]{check.name}[/]: ", end="")
            console.print(check.detail, markup=False)
            if not check.ok and check.advice:
                console.print(f"    {check.advice}", markup=False)
    if as_json:
        print(json.dumps([check.to_dict() for check in results], indent=2, allow_nan=False))
    if any(check.ok is False for check in results):
        raise typer.Exit(1)


@app.command()
def subscribe(
    url: Url = DEFAULT_URL,
    token: Token = None,
    ca: Ca = None,
    max_rate: Annotated[
        float | None, typer.Option(help="Most estimates per second; all of them without it.")
    ] = None,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Print JSON lines for programs.")] = False,
    markers: Annotated[
        bool, typer.Option("--markers", help="Among the JSON lines, a line for every marker too.")
    ] = False,
    count: Annotated[int | None, typer.Option(min=1, help="Stop after so many estimates.")] = None,
) -> None:
    """Print the estimates and markers of a running session, here or elsewhere."""
    from realtime_mer.commands.subscribe import print_subscription

    print_subscription(
        url,
        token=token,
        ca=ca,
        max_rate=max_rate,
        jsonl=jsonl,
        jsonl_markers=markers,
        count=count,
    )


@app.command()
def mark(
    label: Annotated[str, typer.Argument(help="What happens now, in one line.")],
    url: Url = DEFAULT_URL,
    token: Token = None,
    ca: Ca = None,
) -> None:
    """Set a marker at this moment of a running session, for everybody who follows it."""
    from realtime_mer.commands.subscribe import set_marker

    set_marker(url, label, token=token, ca=ca)


@app.command()
def display(
    url: Url = DEFAULT_URL,
    token: Token = None,
    screenshot: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Write a picture of the window, then close.")
    ] = None,
    after: Annotated[
        float, typer.Option(metavar="SECONDS", help="When to take the picture.")
    ] = 10.0,
    layout: LayoutOption = None,
) -> None:
    """Open the window on a running session, here or elsewhere."""
    from realtime_mer.display import main as window

    raise typer.Exit(
        window(
            url,
            token,
            screenshot=screenshot,
            after=after,
            layout=None if layout is None else layout.value,
        )
    )


@app.command()
def bench(
    what: Annotated[
        Literal["serve"] | None,
        typer.Argument(metavar="[serve]", help="The WebSocket service: how many it bears."),
    ] = None,
    as_json: AsJson = False,
    model: Model = "default",
    seconds: Annotated[
        float | None, typer.Option(help="How long to watch each measurement; else 20, 5 to serve.")
    ] = None,
) -> None:
    """Measure speed and latency on this machine, all in one run."""
    if what == "serve":
        from realtime_mer.bench.serve import run_bench_serve

        run_bench_serve(as_json=as_json, seconds=5.0 if seconds is None else seconds)
    else:
        from realtime_mer.bench.speed import run_bench

        run_bench(as_json=as_json, model=model, seconds=20.0 if seconds is None else seconds)


def main() -> None:
    """Run the command line; errors of ours become one line and exit status 1."""
    # A service manager's stop is a Ctrl-C: the session ends with its summary.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A file's name may be no text, a device's name none that the output's encoding knows.
        unicode = sys.stdout.encoding.lower() == "utf-8"
        sys.stdout.reconfigure(errors="surrogateescape" if unicode else "backslashreplace")
    try:
        app()
    except RealtimeMerError as error:
        print(f"realtime-mer: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        # Whoever read us has gone, as `head` does; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:  # a full disk, a folder that may not be read
        print(f"realtime-mer: {error}: see that there is room and access", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
