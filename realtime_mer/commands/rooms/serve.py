"""``realtime-mer rooms``: many rooms in one service."""

from typing import Annotated

import typer

from realtime_mer.commands.arguments import (
    Cert,
    Compute,
    ComputeOption,
    Encrypt,
    Host,
    Model,
    NewPassphraseFile,
    PrivateKey,
    WeakPassphrase,
)
from realtime_mer.commands.first_words import say
from realtime_mer.commands.rooms.forget import forget
from realtime_mer.commands.rooms.places import Folder, Nats, NatsCa, folder_of
from realtime_mer.commands.rooms.send import send
from realtime_mer.commands.rooms.token import app as token
from realtime_mer.commands.rooms.worker import worker
from realtime_mer.errors import InputError
from realtime_mer.printing.lines import notice

app = typer.Typer(
    help="Serve many rooms at once: each is fed over the network, and watched like a session.\n\n"
    "`realtime-mer rooms serve` begins; `realtime-mer rooms token make` lets others in.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.add_typer(token, name="token")
app.command()(send)
app.command()(worker)
app.command()(forget)


@app.command()
def serve(
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the service; 0 for any free one.")] = 8765,
    public_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Where others reach it through a proxy, as in https://rooms.example.org. They are "
            "asked for tokens then.",
        ),
    ] = None,
    room: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A room that is there before anybody feeds it; may stand several times.",
        ),
    ] = None,
    stream: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=URL",
            help="A room that is fed by this stream of the web (Icecast, HLS), through ffmpeg; may "
            "stand several times.",
        ),
    ] = None,
    record: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Keep a session of what is estimated in this room, not of its sound; may stand "
            "several times. See `realtime-mer sessions`.",
        ),
    ] = None,
    record_audio: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="The same, and keep the SOUND of this room too. Whoever sends is told.",
        ),
    ] = None,
    new_session_at: Annotated[
        str,
        typer.Option(
            metavar="HH:MM|never",
            help="Time of day, by this machine's clock, at which a recorded room's next session "
            "begins: a session a day.",
        ),
    ] = "00:00",
    encrypt: Encrypt = False,
    passphrase_file: NewPassphraseFile = None,
    weak_passphrase: WeakPassphrase = False,
    rooms: Annotated[int, typer.Option(min=1, max=100_000, help="Most rooms.")] = 64,
    ask: Annotated[
        bool,
        typer.Option("--ask-tokens", help="Ask for tokens on this machine too, not only beyond."),
    ] = False,
    folder: Folder = None,
    keep: Annotated[
        bool,
        typer.Option("--keep/--no-keep", help="Keep the states of rooms, to go on after a crash."),
    ] = True,
    nats: Nats = None,
    nats_ca: NatsCa = None,
    cert: Cert = None,
    key: PrivateKey = None,
    clients: Annotated[
        int, typer.Option(min=1, help="Most senders and watchers at a time, of all rooms.")
    ] = 1024,
    model: Model = "default",
    compute: ComputeOption = Compute.AUTO,
) -> None:
    """Serve rooms: sound comes in by a WebSocket a room, what is estimated goes out like a session.

    `realtime-mer rooms serve` listens on this machine. Ctrl-C ends it; rooms go on where they
    were when you start it again.

    `realtime-mer rooms serve --host 0.0.0.0 --cert cert.pem --key key.pem` lets others in, who
    have a token.

    `realtime-mer rooms serve --nats nats://HOST` is a node of many: `realtime-mer rooms worker`
    computes its rooms, on this machine or others, and every node lists and shows all of them.
    """
    from realtime_mer.model.files import check_checkpoint
    from realtime_mer.rooms.fetching.address import web_address
    from realtime_mer.rooms.limits import RoomLimits
    from realtime_mer.rooms.machines.address import nats_address
    from realtime_mer.rooms.names import check_room
    from realtime_mer.rooms.recording.days import time_of_day
    from realtime_mer.service.listening import check_free
    from realtime_mer.sessions.passphrase import new_passphrase
    from realtime_mer.wire.public import public_address
    from realtime_mer.wire.tls import server_context

    between = None if nats is None else nats_address(nats, ca=nats_ca)
    if between is None and nats_ca is not None:
        raise InputError(f"--nats-ca {nats_ca} is of no use without --nats.")
    if between is not None and not keep:
        raise InputError("--no-keep is of no use with --nats: the workers keep states in NATS.")
    if between is not None and compute is not Compute.AUTO:
        raise InputError(
            f"--compute {compute.value} is of no use with --nats: give it to `realtime-mer rooms "
            "worker`, which computes."
        )
    if key is not None and cert is None:
        raise InputError(f"--key {key} is of no use without --cert.")
    with_sound = tuple(dict.fromkeys(map(check_room, record_audio or ())))
    recorded = tuple(dict.fromkeys([*map(check_room, record or ()), *with_sound]))
    names = tuple(dict.fromkeys([*map(check_room, room or ()), *recorded]))
    if encrypt and not recorded:
        raise InputError("--encrypt is of no use without --record or --record-audio.")
    public = None if public_url is None else public_address(public_url)
    new_at = time_of_day(new_session_at)
    streams = tuple(map(web_address, stream or ()))
    asked = len({*names, *(address.room for address in streams)})
    if asked > rooms:
        raise InputError(f"You name {asked} rooms, and --rooms allows {rooms}.")
    check_checkpoint(model)
    check_free(host, port)
    if cert is not None:
        server_context(cert, key)
    passphrase = None
    if encrypt:
        passphrase = new_passphrase(
            "what is recorded", file=passphrase_file, weak=weak_passphrase, known=recorded
        )
    say("Serving rooms: loading the model" if between is None else "Serving rooms: asking NATS")

    from realtime_mer.rooms.serve import ServeOptions, check_folder, run_rooms_serve
    from realtime_mer.rooms.service import RoomsOptions
    from realtime_mer.service.connection import Limits
    from realtime_mer.sessions.sealing import Key

    where = folder_of(folder)
    check_folder(where)
    run_rooms_serve(
        ServeOptions(
            folder=where,
            rooms=RoomsOptions(
                host=host,
                port=port,
                public=public,
                ask=ask,
                rooms=names,
                streams=streams,
                record=recorded,
                record_sound=with_sound,
                new_session_at=new_at,
                key=None if passphrase is None else Key.new(passphrase),
                limits=RoomLimits(rooms=rooms),
                client_limits=Limits(connections=clients),
            ),
            nats=between,
            keep=keep,
            model=model,
            compute=compute.value,
            cert=cert,
            key=key,
        ),
        say=notice,
    )
