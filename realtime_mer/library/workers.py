"""Tracks worked out in parallel, each by a process that may die without taking the rest along."""

import multiprocessing
import signal
import sys
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING

from realtime_mer.errors import InputError, RealtimeMerError
from realtime_mer.library.hops import Hops
from realtime_mer.library.tracks import Track
from realtime_mer.library.walk import AudioFile, Broken

if TYPE_CHECKING:  # brings torch, which only the other processes have a use for
    from realtime_mer.recognizer.contract import StreamingRecognizer


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """A track, and in words what was wrong with its sound, and how often."""

    track: Track
    faults: Mapping[str, int]


Found = tuple[AudioFile, Heard | Broken]


@dataclass(slots=True)
class _Worker:
    """A process and the file it is at."""

    process: BaseProcess
    connection: Connection
    file: AudioFile
    loaded: bool = False

    def work_on(self, file: AudioFile) -> None:
        self.file = file
        # One that died meanwhile is told from the end of what it sends.
        with suppress(BrokenPipeError):
            self.connection.send(file.path)

    def end(self) -> int | None:
        """End the process at once and return its exit status."""
        self.process.kill()
        self.process.join()
        self.connection.close()
        return self.process.exitcode


def annotated(
    files: Iterable[AudioFile], *, model: str, compute: str, jobs: int
) -> Generator[Found, None, None]:
    """Work out tracks in processes of their own; yield each as it is found, in no certain order.

    A file that crashes its decoder ends one process, is told as broken, and another process takes
    over. Closing the iterator ends all processes at once; when this process is killed, each of
    them ends after the file it is at.

    Args:
        files: taken as they are needed.
        model, compute: as for ``load_recognizer``; each process loads the model.
        jobs: how many processes, >= 1.

    Raises:
        InputError: the model cannot be loaded.
    """
    waiting = deque(files)
    workers: list[_Worker] = []
    try:
        for _ in range(min(jobs, len(waiting))):
            workers.append(_start(model, compute, waiting.popleft()))
        while workers:
            ready = wait([worker.connection for worker in workers])
            for worker in [worker for worker in workers if worker.connection in ready]:
                try:
                    message = worker.connection.recv()
                except (EOFError, ConnectionError):
                    workers.remove(worker)
                    yield worker.file, _crashed(worker)
                    if waiting:
                        workers.append(_start(model, compute, waiting.popleft()))
                    continue
                if message is None:
                    worker.loaded = True
                elif isinstance(message, RealtimeMerError):
                    raise message
                else:
                    file = worker.file
                    if waiting:
                        worker.work_on(waiting.popleft())
                    else:
                        workers.remove(worker)
                        worker.end()
                    yield file, message
    finally:
        for worker in workers:
            worker.end()


def _start(model: str, compute: str, file: AudioFile) -> _Worker:
    # Spawned, because torch's threads and CUDA do not survive a fork.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, model, compute), daemon=True)
    with _ctrl_c_is_ours():
        process.start()
    theirs.close()  # so that its end is seen here
    worker = _Worker(process=process, connection=ours, file=file)
    worker.work_on(file)
    return worker


def _crashed(worker: _Worker) -> Broken:
    status = worker.end()
    if not worker.loaded:
        raise InputError(
            f"A process ended while it loaded the model (exit status {status}): "
            "if memory is short, give fewer --jobs"
        )
    path = worker.file.path
    reason = (
        f"{path} crashed what reads it (exit status {status}): convert it, or give fewer --jobs"
    )
    return Broken(path=path, reason=reason)


@contextmanager
def _ctrl_c_is_ours() -> Iterator[None]:
    """Let processes started inside never see a Ctrl-C, which the terminal sends to all."""
    if sys.platform == "win32":
        yield  # there the process itself ignores it, once it runs (not run on Windows)
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# -- in the other process --------------------------------------------------------------------------


def _work(connection: Connection, model: str, compute: str) -> None:
    """Answer paths with what was found, after a None once the model is loaded, until the end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    from realtime_mer.recognizer.compute import compute_on_one_thread
    from realtime_mer.recognizer.loading import load_recognizer

    with suppress(EOFError, ConnectionError):  # nobody asks any more
        try:
            recognizer = load_recognizer(model, compute)
            compute_on_one_thread()
        except RealtimeMerError as error:
            connection.send(error)
            return
        connection.send(None)
        while True:
            connection.send(annotate_file(connection.recv(), recognizer=recognizer))


def annotate_file(path: str, *, recognizer: "StreamingRecognizer") -> Heard | Broken:
    """Return what ``analyze`` finds of a file, as a track; a file that breaks off is broken."""
    from realtime_mer.analysis import FileAnalysis

    try:
        analysis = FileAnalysis(path, recognizer=recognizer)
        hops = Hops()
        for estimate in analysis.estimates():
            hops.add(estimate)
        track = hops.track(analysis.summary(), model=recognizer.card.name)
        faults = {what: count for what, count in analysis.faults().items() if count}
        return Heard(track=track, faults=faults)
    except RealtimeMerError as error:
        return Broken(path=path, reason=str(error))
