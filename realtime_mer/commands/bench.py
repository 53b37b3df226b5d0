"""``realtime-mer bench``: how fast it is on this machine."""

import math
from pathlib import Path
from typing import Annotated, Literal

import typer

from realtime_mer.commands.arguments import AsJson, Compute, ComputeOption, Model
from realtime_mer.commands.first_words import say
from realtime_mer.commands.refusals import check_maps
from realtime_mer.errors import InputError


def bench(
    what: Annotated[
        Literal["serve", "outlets", "rooms"] | None,
        typer.Argument(
            metavar="[serve|outlets|rooms]",
            help="The WebSocket service: how many it bears. Or outlets: what they cost a hop. Or "
            "rooms: how many streams are recognised at once.",
        ),
    ] = None,
    maps: Annotated[
        list[Path] | None,
        typer.Option(
            "--map",
            metavar="FILE",
            help="Of outlets: measure this mapping, and really send; may stand several times.",
        ),
    ] = None,
    as_json: AsJson = False,
    model: Model = "default",
    compute: ComputeOption = Compute.AUTO,
    streams: Annotated[
        list[int] | None,
        typer.Option(metavar="N", help="Of rooms: how many streams; may stand several times."),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(help="How long to watch each measurement; else 20, or 5 with a word."),
    ] = None,
) -> None:
    """Measure speed and latency on this machine, all in one run.

    `realtime-mer bench` measures the recogniser, `realtime-mer bench serve` how many subscribers
    the service bears, `realtime-mer bench outlets` whether what leaves besides makes a hop slower,
    `realtime-mer bench rooms` how many streams are recognised at once. Let nothing else run
    meanwhile.
    """
    from realtime_mer.model.files import check_checkpoint

    if maps and what != "outlets":
        raise InputError("--map is of use with `realtime-mer bench outlets` alone.")
    if (streams or compute is not Compute.AUTO) and what != "rooms":
        raise InputError(
            "--streams and --compute are of use with `realtime-mer bench rooms` alone."
        )
    if what == "outlets":
        watched = 5.0 if seconds is None else seconds
        if not 1 <= watched <= 3600:
            raise InputError(f"--seconds {watched}: watch each turn for 1 to 3600 seconds.")
        check_checkpoint(model)
        check_maps(maps or ())
        say("Measuring what outlets cost a hop")

        from realtime_mer.bench.outlets import run_bench_outlets

        run_bench_outlets(as_json=as_json, model=model, maps=maps or (), seconds=watched)
    elif what == "serve":
        watched = 5.0 if seconds is None else seconds
        if not 1 <= watched <= 3600:
            raise InputError(f"--seconds {watched}: watch each load for 1 to 3600 seconds.")
        say("Measuring how many subscribers the service bears")

        from realtime_mer.bench.serve import run_bench_serve

        run_bench_serve(as_json=as_json, seconds=watched)
    elif what == "rooms":
        watched = 5.0 if seconds is None else seconds
        if not 0.1 <= watched <= 3600:
            raise InputError(f"--seconds {watched}: watch each load for 0.1 to 3600 seconds.")
        if bad := [count for count in streams or () if not 1 <= count <= 1_000_000]:
            raise InputError(f"--streams {bad[0]}: give 1 to 1000000 streams.")
        check_checkpoint(model)
        say("Measuring how many streams one process bears")

        from realtime_mer.bench.rooms import run_bench_rooms

        run_bench_rooms(
            as_json=as_json, model=model, compute=compute, streams=streams or (), seconds=watched
        )
    else:
        watched = 20.0 if seconds is None else seconds
        if not 1 <= watched < math.inf:
            raise InputError(f"--seconds {watched}: watch each session for at least 1 second.")
        check_checkpoint(model)
        say("Measuring the speed of the recogniser")

        from realtime_mer.bench.speed import run_bench

        run_bench(as_json=as_json, model=model, seconds=watched)
