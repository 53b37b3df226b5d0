"""``realtime-mer live``: listen, and show the emotion of the music as it plays."""

from itertools import zip_longest
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from realtime_mer.commands.arguments import (
    Cert,
    Compute,
    ComputeOption,
    Delay,
    Encrypt,
    Host,
    LayoutOption,
    Lsl,
    MapFiles,
    Midi,
    Model,
    MqttOrVariable,
    NewPassphraseFile,
    Osc,
    OscRate,
    PrivateKey,
    SampleFormat,
    Smoothing,
    Speed,
    WeakPassphrase,
)
from realtime_mer.commands.first_words import say
from realtime_mer.commands.refusals import check_output, read_plans
from realtime_mer.errors import InputError


class OptionalName(TyperCommand):
    """Lets ``--record`` stand without a name, which typer has no word for."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named: list[str] = []
        for arg, following in zip_longest(args, args[1:], fillvalue="-"):
            bare = arg == "--record" and following.startswith("-")
            named.append("--record=session" if bare else arg)
        return super().parse_args(ctx, named)


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
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the service; 0 for any free one.")] = 8765,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="REALTIME_MER_TOKEN",
            help="What subscribers must show; beyond this machine one is made up without it.",
        ),
    ] = None,
    weak_token: Annotated[
        bool,
        typer.Option("--weak-token", help="Let a --token that could be guessed do for a network."),
    ] = False,
    mdns: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Be found as NAME.local on the network, by phones nearby."
        ),
    ] = None,
    cert: Cert = None,
    key: PrivateKey = None,
    clients: Annotated[int, typer.Option(min=1, help="Most subscribers at a time.")] = 256,
    osc: Osc = None,
    osc_rate: OscRate = None,
    mqtt: MqttOrVariable = None,
    lsl: Lsl = None,
    midi: Midi = None,
    maps: MapFiles = None,
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
    align: Annotated[
        bool,
        typer.Option(
            "--align",
            help="Measure the way from loudspeaker to microphone by chirps first, and subtract it.",
        ),
    ] = False,
    rate: Annotated[
        int | None,
        typer.Option(help="Sample rate of raw sound on standard input; 48000 without it."),
    ] = None,
    channels: Annotated[
        str | None,
        typer.Option(
            metavar="N[,N]",
            help="Channels to hear, as in 3 or 3,4, remembered with a device; of raw sound on "
            "standard input how many there are, or which of how many, as in 3,4/18.",
        ),
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
    encrypt: Encrypt = False,
    passphrase_file: NewPassphraseFile = None,
    weak_passphrase: WeakPassphrase = False,
    pseudonym: Annotated[
        str | None, typer.Option(help="Whom the kept session is about, as only you know them.")
    ] = None,
    title: Annotated[
        str | None, typer.Option(help="What stands at the head of the kept session's report.")
    ] = None,
) -> None:
    """Watch the mood of what plays: a microphone, what this machine plays, a file or a pipe.

    `realtime-mer live` listens to your microphone; open the address it prints to see the mood.
    Ctrl-C ends it.

    More examples:

    `realtime-mer live mic --device scarlett`

    `realtime-mer live song.mp3 --jsonl estimates.jsonl`

    `realtime-mer live --host 0.0.0.0 --osc 192.168.1.20:9000`

    `realtime-mer live --map show.toml`

    `realtime-mer live mic --record friday`

    `ffmpeg -i song.m4a -f s16le -ac 1 -ar 24000 - | realtime-mer live - --rate 24000`
    """
    from realtime_mer.audio.spec import asked_sound, check_source, find_asked, refuse_overwriting
    from realtime_mer.model.files import check_checkpoint
    from realtime_mer.service.listening import check_free, check_token
    from realtime_mer.service.mdns import check_name
    from realtime_mer.sessions.passphrase import new_passphrase
    from realtime_mer.shaping import Shaper
    from realtime_mer.wire.tls import server_context

    # All that the arguments alone can tell comes first, before anything that takes long.
    if seconds is not None and not seconds > 0:
        raise InputError(f"--seconds {seconds} must be more than 0; leave it out to go on.")
    if key is not None and cert is None:
        raise InputError(f"--key {key} is of no use without --cert.")
    of_records = {"--record-audio": record_audio, "--pseudonym": pseudonym, "--title": title}
    useless = [option for option, value in of_records.items() if value not in (None, False)]
    if record is None and useless:
        raise InputError(f"{useless[0]} is of no use without --record.")
    if align and source not in (None, "mic"):
        raise InputError("--align is for a microphone: nothing else hears the loudspeaker.")
    fast = speed is Speed.MAX
    raw, picked = asked_sound(
        source,
        channels=channels,
        rate=rate,
        sample_format=None if sample_format is None else sample_format.value,
    )
    check_source(source, device=device, paced=not fast, raw=raw, channels=picked)
    Shaper(smoothing_s=smoothing, delay_s=delay)
    check_checkpoint(model)
    if jsonl not in (None, "-"):
        refuse_overwriting([source or ""], output=jsonl, option="--jsonl")
        check_output(jsonl, option="--jsonl")
    plans = read_plans(
        osc=osc,
        osc_rate=osc_rate,
        mqtt=mqtt,
        lsl=lsl,
        midi=midi,
        maps=maps or (),
        slower="--speed realtime" if fast else None,
    )
    if mdns is not None and (fast or not server):
        raise InputError(f"--mdns {mdns} needs the service, which this session does not have.")
    if server and not fast:
        check_free(host, port)
        if token is not None:
            check_token(token, host=host, weak=weak_token)
        if mdns is not None:
            mdns = check_name(mdns, host=host)
        if cert is not None:
            server_context(cert, key)
    passphrase = None
    if encrypt:
        whose = record or "what is recorded"
        passphrase = new_passphrase(
            whose, file=passphrase_file, weak=weak_passphrase, known=[whose, pseudonym or ""]
        )

    say(_about(source))
    if osc is not None:
        from realtime_mer.outlets.short_ways import look_up

        look_up(osc)  # which may take its time
    if device is not None:
        device = find_asked(source, device)

    from realtime_mer.live.outlets import ServiceOptions
    from realtime_mer.live.session import LiveOptions, run_live
    from realtime_mer.sessions.sealing import Key

    service = ServiceOptions(
        mdns=mdns,
        host=host,
        port=port,
        token=token,
        weak_token=weak_token,
        cert=cert,
        key=key,
        clients=clients,
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
            plans=tuple(plans),
            maps=tuple(maps or ()),
            jsonl=jsonl,
            smoothing_s=smoothing,
            delay_s=delay,
            align=align,
            raw=raw,
            channels=picked,
            record=record,
            record_sound=record_audio,
            key=None if passphrase is None else Key.new(passphrase),
            pseudonym=pseudonym,
            title=title,
        )
    )


def _about(source: str | None) -> str:
    match source:
        case None:
            return "Listening: choosing a source"
        case "mic":
            return "Listening: opening the microphone"
        case "system":
            return "Listening: opening what this machine plays"
        case "demo":
            return "Listening to the built-in piece"
        case "-":
            return "Listening to standard input"
        case path:
            return f"Listening to {path}"
