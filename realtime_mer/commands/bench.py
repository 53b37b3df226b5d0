"""``realtime-mer bench``: how fast it is on this machine."""

import math
from pathlib import Path
from typing import Annotated, Literal

import typer

from realtime_mer.commands.arguments import AsJson, Model
from realtime_mer.commands.first_words import say
from realtime_mer.commands.sending import check_maps
from realtime_mer.errors import InputError


def bench(
    what: Annotated[
        Literal["serve", "outlets"] | None,
        typer.Argument(
            metavar="[serve|outlets]",
            help="The WebSocket service: how many it bears. Or outlets: what they cost a hop.",
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
    seconds: Annotated[
        float | None,
        typer.Option(help="How long to watch each measurement; else 20, or 5 with a word."),
    ] = None,
) -> None:
    """Measure speed and latency on this machine, all in one run.

    `realtime-mer bench` measures the recogniser, `realtime-mer bench serve` how many subscribers
    the service bears, `realtime-mer bench outlets` whether what leaves besides makes a hop slower.
    Let nothing else run meanwhile.
    """
    from realtime_mer.model.files import check_checkpoint

    if maps and what != "outlets":
        raise InputError("--map is of use with `realtime-mer bench outlets` alone.")
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
    else:
        watched = 20.0 if seconds is None else seconds
        if not 1 <= watched < math.inf:
            raise InputError(f"--seconds {watched}: watch each session for at least 1 second.")
        check_checkpoint(model)
        say("Measuring the speed of the recogniser")

        from realtime_mer.bench.speed import run_bench

        run_bench(as_json=as_json, model=model, seconds=watched)
