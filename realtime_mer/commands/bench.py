"""``realtime-mer bench``: how fast it is on this machine."""

import math
from typing import Annotated, Literal

import typer

from realtime_mer.commands.arguments import AsJson, Model
from realtime_mer.commands.first_words import say
from realtime_mer.errors import InputError


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
    """Measure speed and latency on this machine, all in one run.

    `realtime-mer bench` measures the recogniser, `realtime-mer bench serve` how many subscribers
    the service bears. Let nothing else run meanwhile.
    """
    from realtime_mer.model.files import check_checkpoint

    if what == "serve":
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
