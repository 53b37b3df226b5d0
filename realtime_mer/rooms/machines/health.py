"""What a worker answers over HTTP: whether it lives, whether it takes rooms, and its numbers."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus

from realtime_mer.rooms.machines.figures import Figures
from realtime_mer.service.pages import Page
from realtime_mer.service.plain import PlainServer, Request

_STUCK_S = 10.0  # that a loop or a thread has not looked up: whoever runs it is to start it again


class HealthServer(PlainServer):
    """Answers ``/healthz`` and ``/readyz`` to anybody, ``/metrics`` to who shows the token.

    Args:
        figures: says how the worker fares, in any thread.
        host, port, token: as of ``PlainServer``.

    Raises:
        InputError, ServiceError: as of ``PlainServer``.
    """

    def __init__(
        self, figures: Callable[[], Figures], *, host: str, port: int, token: str | None
    ) -> None:
        super().__init__(host=host, port=port, token=token)
        self._figures = figures

    def answer(self, request: Request) -> Page:
        """As ``PlainServer`` promises."""
        path = request.target.partition("?")[0]
        figures = self._figures()
        stuck = max(figures.compute_idle_s, time.monotonic() - figures.at) > _STUCK_S
        if path == "/healthz":
            return _word(not stuck, "it is stuck")
        if path == "/readyz":
            ready = figures.nats_up and not figures.stopping and not stuck
            return _word(ready, "NATS is away, or it ends")
        if path != "/metrics":
            return self.refuse(HTTPStatus.NOT_FOUND, "there is /healthz, /readyz and /metrics")
        if not request.authorized:
            return Page.text(
                HTTPStatus.UNAUTHORIZED, "a token is needed", WWW_Authenticate="Bearer"
            )
        return Page.of(*figures.render(), status=HTTPStatus.OK)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Answer in a thread for as long as this is entered."""
        thread = threading.Thread(target=self.serve_forever, name="realtime-mer-health")
        thread.start()
        try:
            yield
        finally:
            self.shutdown()
            thread.join()
            self.server_close()


def _word(good: bool, why_not: str) -> Page:
    if good:
        return Page.text(HTTPStatus.OK, "ok")
    return Page.text(HTTPStatus.SERVICE_UNAVAILABLE, why_not)
