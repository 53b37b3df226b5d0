"""What ``realtime-mer subscribe`` does: print a service's estimates as they come."""

import json
from contextlib import ExitStack

from rich.console import Console

from realtime_mer.client import subscribe
from realtime_mer.estimate import Estimate
from realtime_mer.protocol import Bye, Hello, StatusMessage
from realtime_mer.terminal import TerminalView

_BACKLOG = 256  # a pipe that is slow for a moment loses nothing


def print_subscription(
    url: str, *, token: str | None, max_rate: float | None, jsonl: bool, count: int | None
) -> None:
    """Print estimates until the service stops, ``count`` have come, or Ctrl-C.

    Args:
        url, token, max_rate: as for ``client.subscribe``.
        jsonl: a JSON line for every estimate instead of a view for people.
        count: stop after so many; None for no limit.

    Raises:
        ServiceError: nobody serves there, or it refuses.
    """
    console = Console(stderr=jsonl, highlight=False, soft_wrap=True)
    messages = subscribe(
        url,
        streams=("estimates", "status"),
        max_rate=max_rate,
        token=token,
        events=True,
        backlog=_BACKLOG,
    )
    seen = 0
    with ExitStack() as stack:
        view: TerminalView | None = None
        try:
            for message in messages:
                match message:
                    case Hello() if view is None and not jsonl:
                        view = stack.enter_context(
                            TerminalView(console=console, source=url, model=message.model)
                        )
                    case Estimate():
                        seen += 1
                        if view is not None:
                            view.show(message)
                        else:
                            print(json.dumps(message.to_dict(), allow_nan=False), flush=True)
                        if seen == count:
                            return
                    case StatusMessage() if view is not None:
                        view.message(f"{message.status.value}: {message.detail}")
                    case Bye():
                        console.print(f"{url}: {message.reason}; waiting for it to return.")
        except KeyboardInterrupt:
            return
