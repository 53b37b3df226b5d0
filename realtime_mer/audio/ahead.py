"""Sound that is decoded ahead of whoever takes it, in a thread of its own."""

from concurrent.futures import Future, ThreadPoolExecutor

from realtime_mer.audio.block import Block, Source


class ReadAhead:
    """A ``Source`` that reads another one block ahead: decoding and network work side by side.

    Blocks, and what ends them, come in their order and once; the first is read when it is asked
    for. It is for a source that can wait: never more than one block does.

    Args:
        source: read from the thread alone from now on, and closed with this one.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
        self._next: Future[Block | None] | None = None
        self._closed = False

    @property
    def name(self) -> str:
        """The source's name."""
        return self._source.name

    @property
    def real_time(self) -> bool:
        """Whether a clock drives the source."""
        return self._source.real_time

    def read(self) -> Block | None:
        """Return the next block; None at the end or once closed.

        Raises:
            AudioError: the source failed, after everything that came before.
        """
        if self._closed:
            return None
        coming = self._next or self._reader.submit(self._source.read)
        self._next = None
        block = coming.result()
        if block is not None and not self._closed:
            self._next = self._reader.submit(self._source.read)
        return block

    def close(self) -> None:
        """Stop, and wait until the thread has let go of the source. May be called twice."""
        self._closed = True
        self._source.close()
        self._reader.shutdown()
