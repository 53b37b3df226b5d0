"""Follow a session with a plain loop: `python subscribe_blocking.py [URL]`.

The loop may take its time: it always gets the latest estimate.
"""

import sys
from contextlib import suppress

from realtime_mer import subscribe
from realtime_mer.estimate import Estimate


def main(url: str) -> None:
    mood = ""
    with subscribe(url) as estimates:
        for estimate in estimates:
            if isinstance(estimate, Estimate) and estimate.mood != mood:
                mood = estimate.mood
                print(f"{estimate.t:7.1f} s  {mood}", flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:8765")
