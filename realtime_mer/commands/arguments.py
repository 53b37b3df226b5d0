"""The options that commands share: what they are called, and what their help says."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

Table = Annotated[Path, typer.Argument(metavar="TABLE", help="What `annotate` wrote.")]
MyScale = Annotated[
    Path | None,
    typer.Option(
        "--my-scale",
        metavar="FILE",
        help="Numbers on your own scale: the answers of `library check`. What is stored stays.",
    ),
]


class Speed(StrEnum):
    """How fast a file is played."""

    REALTIME = "realtime"
    MAX = "max"


class Compute(StrEnum):
    """What the network runs on."""

    AUTO = "auto"
    LIGHT = "light"
    TORCH = "torch"
    CUDA = "cuda"
    CPU = "cpu"


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
    str, typer.Option(help="A shipped checkpoint's name, or the path of one of its files.")
]
ComputeOption = Annotated[
    Compute,
    typer.Option(
        help="What the network runs on: auto takes a GPU that PyTorch sees, else light (also "
        "called cpu), which needs no PyTorch."
    ),
]
Host = Annotated[
    str,
    typer.Option(
        help="Address the service listens on; 0.0.0.0 lets phones and others in, with a token."
    ),
]
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
MQTT_VARIABLE = "REALTIME_MER_MQTT"
"""May hold the address of the broker that live sessions tell."""

Osc = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", help="Send OSC messages there, over UDP.")
]
OscRate = Annotated[
    float | None, typer.Option(help="Most estimates per second by OSC; all without it.")
]
_OF_MQTT = "Tell this MQTT broker, and Home Assistant by it, as in mqtt://user:password@host."
Mqtt = Annotated[str | None, typer.Option(metavar="URL", help=_OF_MQTT)]
MqttOrVariable = Annotated[
    str | None, typer.Option(metavar="URL", envvar=MQTT_VARIABLE, help=_OF_MQTT)
]
Lsl = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Be two streams of the Lab Streaming Layer, so named."),
]
Midi = Annotated[
    str | None,
    typer.Option(
        metavar="PORT", help="Send MIDI controllers to this port; 'virtual' is one of its own."
    ),
]
MapFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--map",
        metavar="FILE",
        help="Send what this mapping says, to lights, instruments and the like; may stand several "
        "times. See `realtime-mer map`.",
    ),
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

Cert = Annotated[
    str | None, typer.Option(metavar="PEM", help="Certificate of the service, for TLS.")
]
PrivateKey = Annotated[
    str | None, typer.Option(metavar="PEM", help="Its private key, if in a file of its own.")
]
Encrypt = Annotated[
    bool,
    typer.Option("--encrypt", help="Encrypt what is kept; asks for a passphrase to open it."),
]
NewPassphraseFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Take the passphrase from its first line."),
]
WeakPassphrase = Annotated[
    bool, typer.Option("--weak-passphrase", help="Take it even if it is guessed soon.")
]

StartTrack = Annotated[
    str | None,
    typer.Option("--from", metavar="TRACK", help="What plays now: a path or a part of it."),
]
At = Annotated[str | None, typer.Option(metavar="V,A", help="Or the present valence and arousal.")]
Playlist = Annotated[
    Path | None, typer.Option(metavar="PATH", help="Write them as a playlist too.")
]
Tempo = Annotated[
    float | None,
    typer.Option(
        metavar="PERCENT", min=0, help="Most by which a tempo differs from the one before."
    ),
]
Keys = Annotated[
    bool, typer.Option("--keys", help="Keys that suit the one before, as on a DJ's wheel.")
]
ArtistOnce = Annotated[
    int, typer.Option("--artist-once", metavar="N", min=1, help="No artist twice in N tracks.")
]
Music = Annotated[
    float, typer.Option(metavar="SHARE", min=0, max=1, help="Least share of music in a track.")
]
MinLufs = Annotated[
    float | None, typer.Option(metavar="LUFS", help="No track is quieter than that, as in -30.")
]
MaxLufs = Annotated[float | None, typer.Option(metavar="LUFS", help="No track is louder.")]

DEFAULT_URL = "ws://127.0.0.1:8765"
