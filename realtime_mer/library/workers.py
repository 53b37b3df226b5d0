"""Tracks worked out in parallel, each by a process that may die without taking the rest along."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING

from realtime_mer.errors import InputError, RealtimeMerError
from realtime_mer.library.cluster.stores import fetched
from realtime_mer.library.sound import Sound
from realtime_mer.library.tracks import Track
from realtime_mer.library.walk import AudioFile, Broken
from realtime_mer.model.files import checkpoint_sha256

if TYPE_CHECKING:  # brings torch, which only the other processes have a use for
    from realtime_mer.audio.block import Source
    from realtime_mer.recognizer.contract import StreamingRecognizer


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """A track, its sound, and in words what was wrong with that, and how often."""

    track: Track
    sound: Sound
    faults: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """The number of the track that a file holds, and that was not worked out again."""

    track: int


Found = tuple[AudioFile, Heard | Known | Broken]


@dataclass(slots=True)
class _Worker:
    """A process and the file it is at."""

    process: BaseProcess
    connection: Connection
    file: AudioFile
    loaded: bool = False

    def work_on(self, file: AudioFile) -> None:
        self.file = file
        self.send(file.path)

    def send(self, what: str | bool) -> None:
        # One that died meanwhile is told from the end of what it sends.
        with suppress(BrokenPipeError):
            self.connection.send(what)

    def end(self) -> int | None:
        """End the process at once and return its exit status."""
        self.process.kill()
        self.process.join()
        self.connection.close()
        return self.process.exitcode


def annotated(
    files: Iterable[AudioFile],
    *,
    known: Callable[[AudioFile, Sound], int | None],
    model: str,
    compute: str,
    jobs: int,
) -> Generator[Found, None, None]:
    """Work out tracks in processes of their own; yield each as it is found, in no certain order.

    Each file is decoded first, and the network hears it only where nobody knows its sound. A file
    that crashes its decoder ends one process, is told as broken, and another process takes over.
    Closing the iterator ends all processes at once; when this process is killed, each of them ends
    after the file it is at.

    Args:
        files: taken as they are needed.
        known: returns the number of the track that has a sound, if any.
        model, compute: as for ``load_recognizer``; each process loads the model.
        jobs: how many processes, >= 1.

    Raises:
        InputError: the model cannot be loaded.
    """
    waiting = iter(files)
    workers: list[_Worker] = []
    try:
        workers += (_start(model, compute, file) for file in islice(waiting, jobs))
        while workers:
            ready = wait([worker.connection for worker in workers])
            for worker in [worker for worker in workers if worker.connection in ready]:
                try:
                    message = worker.connection.recv()
                except (EOFError, ConnectionError):
                    workers.remove(worker)
                    yield worker.file, _crashed(worker)
                    workers += (_start(model, compute, file) for file in islice(waiting, 1))
                    continue
                if message is None:
                    worker.loaded = True
                    continue
                if isinstance(message, RealtimeMerError):
                    raise message
                if isinstance(message, Sound):
                    number = known(worker.file, message)
                    worker.send(number is None)
                    if number is None:
                        continue
                    message = Known(track=number)
                done, following = worker.file, next(waiting, None)
                if following is not None:
                    worker.work_on(following)
                else:
                    workers.remove(worker)
                    worker.end()
                yield done, message
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
    """Say with a None that the model is loaded; then answer each path, until the end.

    The first answer is its sound. True says that the network is to hear it too; the second answer
    is then the track.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ear = Ear()
    with suppress(EOFError, ConnectionError):  # nobody asks any more
        try:
            ear.load(model, compute)
        except RealtimeMerError as error:
            connection.send(error)
            return
        connection.send(None)
        while True:
            path = connection.recv()
            with _decoders_quiet():
                found = ear.listen(path)
            connection.send(found)
            if isinstance(found, Sound):
                if connection.recv():
                    with _decoders_quiet():
                        heard = ear.hear()
                    connection.send(heard)
                else:
                    ear.let_go()


@contextmanager
def _decoders_quiet() -> Iterator[None]:
    """Keep what decoders print by themselves, as libmpg123 does, off the terminal of this process.

    What is wrong with a file is told in a line of its own. A traceback is printed after this.
    """
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class Ear:
    """What a process of any engine has: it takes in one file at a time, in two steps.

    First it listens, and tells by what the sound is known. Then the network hears what was listened
    to, or it lets go of it.
    """

    def __init__(self) -> None:
        self._held = ExitStack()  # what is decoded, or fetched, until it was heard
        self._path = ""

    def load(self, model: str, compute: str) -> str:
        """Load a model, as ``load_recognizer`` does, and return its ``checkpoint_sha256``.

        Raises:
            RealtimeMerError: as ``load_recognizer``.
        """
        from realtime_mer.recognizer.compute import compute_on_one_thread
        from realtime_mer.recognizer.loading import load_recognizer

        self._recognizer = load_recognizer(model, compute)
        compute_on_one_thread()
        return checkpoint_sha256(model)

    def listen(self, path: str) -> Sound | Broken:
        """Decode a file, of this machine or of a store, and hold it until it is heard."""
        from realtime_mer.library.listening import listen

        self.let_go()
        self._path, local = path, path
        try:
            local = self._held.enter_context(fetched(path))
            self._sound, self._source = listen(local)
            self._held.callback(self._source.close)
        except RealtimeMerError as error:
            self.let_go()
            return Broken(path=path, reason=str(error).replace(local, path))
        return self._sound

    def hear(self) -> Heard | Broken:
        """Let the network hear what was listened to, and let go of it."""
        path = self._path
        try:
            return hear(path, self._sound, self._source, recognizer=self._recognizer)
        except RealtimeMerError as error:
            return Broken(path=path, reason=str(error))
        finally:
            self.let_go()

    def let_go(self) -> None:
        """Forget what was listened to."""
        self._held.close()


def hear(path: str, sound: Sound, source: "Source", *, recognizer: "StreamingRecognizer") -> Heard:
    """Return what a recogniser says of a file that was listened to, see ``listen``."""
    from realtime_mer.analysis import FileAnalysis
    from realtime_mer.library.describing import describe
    from realtime_mer.sessions.course import Course

    analysis = FileAnalysis(path, recognizer=recognizer, source=source)
    hops = Course.of(analysis.estimates(), hop=recognizer.card.hop_s)
    track = describe(hops, analysis.summary(), sound=sound, model=recognizer.card.name)
    faults = {what: count for what, count in analysis.faults().items() if count}
    return Heard(track=track, sound=sound, faults=faults)
