"""``realtime-mer rooms send``: this machine's sound, to a room of a service."""

from enum import StrEnum
from typing import Annotated

import typer

from realtime_mer.commands.arguments import DEFAULT_URL, AsJson, Ca, SampleFormat
from realtime_mer.commands.first_words import say


class Format(StrEnum):
    """How samples are written for a room."""

    S16LE = "s16le"
    F32LE = "f32le"
    OPUS = "opus"


def send(
    room: Annotated[str, typer.Argument(help="Name of the room.")],
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[mic|system|demo|FILE|-]",
            help="What to send; - is raw sound on standard input. "
            "Without it: the microphone, else the system's audio, else the built-in piece.",
        ),
    ] = None,
    to: Annotated[
        str, typer.Option(metavar="URL", help="Address of the service, as in wss://HOST:PORT.")
    ] = DEFAULT_URL,
    token: Annotated[
        str | None,
        typer.Option(envvar="REALTIME_MER_TOKEN", help="That lets you feed the room."),
    ] = None,
    ca: Ca = None,
    wire_format: Annotated[
        Format,
        typer.Option("--format", help="How sound is sent; opus takes a sixth of the network."),
    ] = Format.S16LE,
    device: Annotated[
        str | None, typer.Option(help="Index or part of the name, see `realtime-mer devices`.")
    ] = None,
    rate: Annotated[
        int | None, typer.Option(help="Sample rate of raw sound on standard input; else 48000.")
    ] = None,
    channels: Annotated[
        str | None,
        typer.Option(
            metavar="N[,N]",
            help="Channels to hear, as in 3 or 3,4; of raw sound on standard input how many there "
            "are, or which of how many, as in 3,4/18.",
        ),
    ] = None,
    raw_format: Annotated[
        SampleFormat | None,
        typer.Option("--raw-format", help="Format of raw sound on standard input; else s16le."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Send what this machine hears to a room: a microphone, what it plays, a file or a pipe.

    `realtime-mer rooms send stage-1 mic --to wss://rooms.example:8765` sends the microphone until
    Ctrl-C. While the network is away the last 10 s are kept.

    One more example:

    `ffmpeg -i rtsp://camera -f s16le -ac 1 -ar 24000 - | realtime-mer rooms send lobby - --rate
    24000`
    """
    from realtime_mer.audio.spec import asked_sound, check_source
    from realtime_mer.rooms.names import check_room

    check_room(room)
    raw, picked = asked_sound(
        source,
        channels=channels,
        rate=rate,
        sample_format=None if raw_format is None else raw_format.value,
    )
    check_source(source, device=device, paced=True, raw=raw, channels=picked)
    say(f"Sending to room {room}: connecting to {to}")

    from realtime_mer.rooms.sending.session import SendOptions, send_to_room

    send_to_room(
        SendOptions(
            room=room,
            to=to,
            token=token,
            ca=ca,
            source=source,
            device=device,
            raw=raw,
            channels=picked,
            format=wire_format.value,
            as_json=as_json,
        )
    )
