"""``realtime-mer rooms worker``: a worker as a process, until somebody ends it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from realtime_mer.leaving import call_when_asked_to_end
from realtime_mer.recognizer.compute import compute_on_one_thread
from realtime_mer.recognizer.loading import load_recognizer
from realtime_mer.rooms.machines.health import HealthServer
from realtime_mer.rooms.machines.worker import Worker, WorkerOptions


@dataclass(frozen=True, kw_only=True)
class WorkOptions:
    """What ``realtime-mer rooms worker`` was asked for.

    Attributes:
        worker: of the worker itself.
        host, port, token: where it answers of its health, and what shows who may see its numbers.
        model: name or path of a checkpoint.
        compute: as for ``choose_compute``.
    """

    worker: WorkerOptions
    host: str = "127.0.0.1"
    port: int = 8770
    token: str | None = None
    model: str = "default"
    compute: str = "auto"


def run_rooms_worker(options: WorkOptions, *, say: Callable[[str], None]) -> None:
    """Compute rooms until a signal asks for the end; then they are handed over.

    Args:
        options: what was asked for.
        say: takes a line for people, in any thread.

    Raises:
        InputError: a setting or a file cannot be used, or NATS refuses what it is shown.
        ServiceError: nobody can listen there, or the worker cannot go on.
    """
    recognizer = load_recognizer(options.model, options.compute)
    compute_on_one_thread()
    worker = Worker(recognizer, options.worker, say=say)
    health = HealthServer(
        lambda: worker.figures, host=options.host, port=options.port, token=options.token
    )

    def announce() -> None:
        say(
            f"Worker {options.worker.id}: computes up to {options.worker.most} rooms that come "
            f"through NATS at {options.worker.nats.shown}; its health is at {health.url}"
        )

    with health.answering():
        asyncio.run(_until_asked(worker, announce, say))


def last_words(rooms: int, *, takers: int) -> str:
    """Return what a worker that ends says of its rooms.

    Args:
        rooms: that it computes.
        takers: other workers that would take them.
    """
    if not rooms:
        return "Ending: it computes no room."
    its = "its room" if rooms == 1 else f"its {rooms} rooms"
    if takers:
        return f"Ending: other workers are given {its}."
    return (
        f"Ending: no other worker takes rooms now, so nobody computes {its} until one is there. It "
        "goes on from what NATS has: the state of each, and the last 30 s of sound."
    )


async def _until_asked(
    worker: Worker, announce: Callable[[], None], say: Callable[[str], None]
) -> None:
    def end() -> None:
        say(last_words(len(worker.rooms), takers=worker.takers))
        worker.stop()

    call_when_asked_to_end(end)
    await worker.run(announce)
