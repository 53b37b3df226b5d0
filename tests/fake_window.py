"""A window that follows a script: started by a session in place of the real one.

``python -m tests.fake_window URL --controls`` carries out the steps in the file that the variable
FAKE_WINDOW_SCRIPT names, writes what it was told beside it, one line a report, and ends the session
with Ctrl-C. A step is ``["do", command]``, ``["until", part of a report]`` or ``["hear", status,
sources, whether it is one of them]``: the next such status that the service tells its clients.
"""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from realtime_mer.client.streams import subscribe
from realtime_mer.wire.protocol import StatusMessage

VARIABLE = "FAKE_WINDOW_SCRIPT"


def _hear(messages: Iterator[Any], status: str, sources: list[str], inside: bool) -> None:
    for message in messages:
        if (
            isinstance(message, StatusMessage)
            and message.status.value == status
            and (message.source in sources) is inside
        ):
            return


def _until(part: dict[str, Any], log: Any) -> None:
    for line in sys.stdin:
        log.write(line)
        log.flush()
        report = json.loads(line)
        if part.items() <= report.items():
            return
    raise SystemExit(f"the session ended before it said {part}")


def main() -> None:
    """Follow the script, then end the session."""
    url = sys.argv[1]
    assert sys.argv[2:] == ["--controls"]
    script = Path(os.environ[VARIABLE])
    messages = iter(subscribe(url, streams=["status"], events=True, backlog=256))
    next(messages)  # the hello: from here on every status is kept
    with script.with_suffix(".log").open("w") as log:
        for what, *rest in json.loads(script.read_text()):
            if what == "do":
                print(json.dumps(rest[0]), flush=True)
            elif what == "until":
                _until(rest[0], log)
            else:
                _hear(messages, *rest)
    script.with_suffix(".done").touch()
    os.kill(os.getppid(), signal.SIGINT)
    sys.stdin.read()


if __name__ == "__main__":
    main()
