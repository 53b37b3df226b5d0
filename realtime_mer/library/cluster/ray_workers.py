"""Tracks worked out by the workers of a Ray cluster, any of which may die without a loss."""

import os
import secrets
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from tempfile import TemporaryDirectory
from typing import Any

from realtime_mer.errors import InputError, RealtimeMerError
from realtime_mer.leaving import ending_signals
from realtime_mer.library.sound import Sound
from realtime_mer.library.walk import AudioFile, Broken
from realtime_mer.library.workers import Ear, Found, Known
from realtime_mer.model.files import find_checkpoint, shipped_checkpoints
from realtime_mer.wording import installing

TRIES = 3
"""Workers in a row that may die of one file, or before they have loaded the model."""

_STORE_BYTES = 1 << 27  # of a cluster of our own; what passes through it are tracks


@dataclass(eq=False, kw_only=True, slots=True)
class _Worker:
    """An actor, and the file that it is at; none while it loads."""

    actor: Any
    file: AudioFile | None = None


def annotated_on_ray(
    files: Iterable[AudioFile],
    *,
    known: Callable[[AudioFile, Sound], int | None],
    model: str,
    model_sha256: str,
    compute: str,
    jobs: int | None,
    most: int,
    address: str | None,
) -> Generator[Found, None, None]:
    """Work out tracks as ``realtime_mer.library.workers.annotated`` does, on a cluster.

    A worker has one file at a time, and files are taken as they are needed, so that few are held
    here. When a worker dies (it was killed, its machine was taken away, memory ran out) another
    one takes its place and its file; a file at which ``TRIES`` have died is told as broken. A
    worker whose model is not this one is refused.

    Args:
        files, known, model, compute: as for ``annotated``; paths must lead to the same files on
            every machine.
        model_sha256: ``checkpoint_sha256`` of the model here.
        jobs: how many workers; None for one a processor of the cluster, one a GPU with ``cuda``.
        most: workers there is something to do for, >= 1.
        address: of a cluster that runs; None for the one that the variable ``RAY_ADDRESS`` names,
            or else one of this machine alone, which ends with the work.

    Raises:
        InputError: Ray is not installed, its cluster cannot be used, or no worker starts there.
        CheckpointError: a worker cannot load the model.
    """
    with connected(address, jobs) as ray:
        crew = _Crew(ray, model=_everywhere(model), model_sha256=model_sha256, compute=compute)
        try:
            crew.start(jobs, most=most)
            yield from crew.work(iter(files), known)
        finally:
            crew.end()


class _Crew:
    """The workers of one job."""

    def __init__(self, ray: Any, *, model: str, model_sha256: str, compute: str) -> None:
        self._ray = ray
        self._load = (model, compute)
        self._model_sha256 = model_sha256
        self._at: dict[Any, _Worker] = {}  # by what each is to answer
        self._again: deque[AudioFile] = deque()
        self._deaths: dict[AudioFile, int] = {}
        self._stillborn = 0

    def start(self, jobs: int | None, *, most: int) -> None:
        """Start as many workers as are asked for, or as there is room for."""
        cuda = self._load[1].startswith("cuda")
        kind = "GPU" if cuda else "CPU"
        room = int(self._ray.cluster_resources().get(kind, 0))
        if not room:
            raise InputError(f"The cluster has no {kind}: ask for one, or give another --compute")
        count = min(jobs or room, most)
        gpus = min(1.0, room / count // 0.0001 * 0.0001) if cuda else 0
        self._kind = self._ray.remote(Ear).options(num_cpus=1, num_gpus=gpus, max_restarts=0)
        for _ in range(count):
            self._hire()

    def work(
        self, files: Iterator[AudioFile], known: Callable[[AudioFile, Sound], int | None]
    ) -> Iterator[Found]:
        """Yield what becomes of each file, until there is none left."""
        while self._at:
            (ready, *_), _ = self._ray.wait(list(self._at), num_returns=1)
            worker = self._at.pop(ready)
            try:
                answer = self._ray.get(ready)
            except self._ray.exceptions.RayError as error:
                if broken := self._lost(worker, error):
                    yield broken
                for left in self._next(files):
                    self._again.appendleft(left)
                    self._hire()
                continue
            file = worker.file
            if isinstance(answer, Sound) and file is not None:
                number = known(file, answer)
                if number is None:
                    self._ask(worker, worker.actor.hear.remote())
                    continue
                self._ask(worker, worker.actor.let_go.remote())
                worker.file = None
                yield file, Known(track=number)
                continue
            if isinstance(answer, str):
                self._check(answer)
            self._give(worker, files)
            if file is not None:
                self._deaths.pop(file, None)
                yield file, answer

    def end(self) -> None:
        """End all workers at once."""
        for worker in self._at.values():
            self._ray.kill(worker.actor)
        self._at.clear()

    def _hire(self) -> None:
        worker = _Worker(actor=self._kind.remote())
        self._ask(worker, worker.actor.load.remote(*self._load))

    def _ask(self, worker: _Worker, answer: Any) -> None:
        self._at[answer] = worker

    def _give(self, worker: _Worker, files: Iterator[AudioFile]) -> None:
        """Give a worker its next file, or let it go where there is none."""
        for worker.file in self._next(files):
            self._ask(worker, worker.actor.listen.remote(worker.file.path))
            return
        self._ray.kill(worker.actor)

    def _next(self, files: Iterator[AudioFile]) -> list[AudioFile]:
        return [self._again.popleft()] if self._again else list(islice(files, 1))

    def _check(self, model_sha256: str) -> None:
        """Note that a worker has loaded its model; refuse another one than ours."""
        if model_sha256 != self._model_sha256:
            raise InputError(
                f"A worker of the cluster has another model {self._load[0]}: install the same "
                "version of realtime-mer, and the same checkpoint, on all of its machines"
            )
        self._stillborn = 0

    def _lost(self, worker: _Worker, error: Exception) -> Found | None:
        """Take a worker as dead; return its file as broken if too many have died of that."""
        with suppress(self._ray.exceptions.RayError):  # or it is only out of reach
            self._ray.kill(worker.actor)
        cause = getattr(error, "cause", None)
        if isinstance(cause, RealtimeMerError):  # it cannot load the model
            raise cause from None
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        file = worker.file
        if file is None:
            self._stillborn += 1
            if self._stillborn >= TRIES:
                raise InputError(f"No worker starts on the cluster: {reason}") from error
            return None
        deaths = self._deaths[file] = self._deaths.get(file, 0) + 1
        if deaths < TRIES:
            self._again.append(file)
            return None
        del self._deaths[file]
        told = f"{file.path} crashed {TRIES} workers, one after the other ({reason}): convert it"
        return file, Broken(path=file.path, reason=told)


def _everywhere(model: str) -> str:
    """Return a checkpoint as any process of any machine finds it."""
    stem = find_checkpoint(model)
    return model if stem in shipped_checkpoints() else os.path.abspath(stem)


@contextmanager
def connected(address: str | None, jobs: int | None) -> Iterator[Any]:
    """Yield Ray, connected to a cluster, and leave that again; one that was connected stays.

    Args:
        address: as for ``annotated_on_ray``.
        jobs: workers that a cluster of our own has room for; None for one a processor.

    Raises:
        InputError: Ray is not installed, or the cluster cannot be used.
    """
    address = address or os.environ.get("RAY_ADDRESS")
    with ExitStack() as stack:
        own = {} if address else stack.enter_context(_of_our_own(jobs))
        with _signals_kept():
            try:
                import ray
            except ImportError as error:
                raise InputError(
                    f"--engine ray needs Ray, which is not installed: {installing('cluster')}"
                ) from error
            if not ray.is_initialized():
                stack.callback(ray.shutdown)
                _connect(ray, address, own)
        yield ray


def _connect(ray: Any, address: str | None, own: Mapping[str, Any]) -> None:
    try:
        ray.init(address or "local", log_to_driver=False, configure_logging=False, **own)
    except Exception as error:  # Ray raises nothing more certain where a node is slow to start
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        where = f"The cluster at {address}" if address else "A cluster of this machine"
        raise InputError(f"{where} cannot be used: {reason}") from error


@contextmanager
def _of_our_own(jobs: int | None) -> Iterator[dict[str, Any]]:
    """Yield the settings of a cluster of this machine alone, which leaves nothing behind.

    It tells nobody of itself, obeys only who knows a token that was never written down, and works
    as fast as the plain pool; Ray would give its workers a low priority. Its folder lies where the
    names of sockets stay short enough.
    """
    settings = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_niceness": "0",
        "RAY_gcs_server_port_wait_time_s": "120",  # on a busy machine
    }
    if "ray" not in sys.modules and "RAY_AUTH_MODE" not in os.environ:  # which it reads once
        settings |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    for name, value in settings.items():
        os.environ.setdefault(name, value)
    short = None if os.name == "nt" else "/tmp"
    with TemporaryDirectory(prefix="mer-", dir=short, ignore_cleanup_errors=True) as folder:
        yield {
            "num_cpus": jobs,
            "include_dashboard": False,
            "object_store_memory": _STORE_BYTES,
            "_temp_dir": folder,
        }


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Keep what this process does when it is asked to end; Ray has its own way, which exits."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in ending_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
