"""``realtime-mer rooms worker``: computes rooms that others take in."""

from typing import Annotated

import typer

from realtime_mer.commands.arguments import Compute, ComputeOption, Model
from realtime_mer.commands.first_words import say
from realtime_mer.printing.lines import notice


def worker(
    nats: Annotated[
        str,
        typer.Option(
            envvar="REALTIME_MER_NATS",
            metavar="URL",
            help="Address of NATS with JetStream, as in nats://HOST:4222; tls:// for TLS, and "
            "several servers with commas in between.",
        ),
    ],
    nats_ca: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="PEM file of the authority that NATS' certificate has."),
    ] = None,
    rooms: Annotated[int, typer.Option(min=1, max=100_000, help="Most rooms.")] = 64,
    host: Annotated[
        str,
        typer.Option(
            help="Address to answer at of its health; beyond this machine it needs --token."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port of /healthz, /readyz and /metrics; 0 for any free one.")
    ] = 8770,
    token: Annotated[
        str | None,
        typer.Option(envvar="REALTIME_MER_TOKEN", help="That /metrics asks for."),
    ] = None,
    model: Model = "default",
    compute: ComputeOption = Compute.AUTO,
) -> None:
    """Compute rooms that `rooms serve --nats` takes in, on this machine.

    `realtime-mer rooms worker --nats nats://HOST:4222` takes its share of the rooms. Start as many
    as you need, with the same model. Ctrl-C hands its rooms to the others, if there are any.
    """
    from realtime_mer.model.files import check_checkpoint
    from realtime_mer.rooms.machines.address import nats_address
    from realtime_mer.service.listening import check_free
    from realtime_mer.wire.tls import client_context

    address = nats_address(nats, ca=nats_ca)
    if nats_ca is not None:
        client_context(nats_ca, option="--nats-ca")
    check_checkpoint(model)
    check_free(host, port)
    say("Computing rooms: loading the model")

    from realtime_mer.rooms.machines.process import WorkOptions, run_rooms_worker
    from realtime_mer.rooms.machines.worker import WorkerOptions

    run_rooms_worker(
        WorkOptions(
            worker=WorkerOptions(nats=address, most=rooms),
            host=host,
            port=port,
            token=token,
            model=model,
            compute=compute.value,
        ),
        say=notice,
    )
