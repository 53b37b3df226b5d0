"""Follow a session with asyncio: `python subscribe_async.py [URL]`."""

import asyncio
import sys
from contextlib import suppress

from realtime_mer import connect
from realtime_mer.client import Gap
from realtime_mer.estimate import Estimate
from realtime_mer.wire.protocol import Bye, Marker


async def main(url: str) -> None:
    async with connect(url, streams=["estimates", "markers"], max_rate=2, events=True) as stream:
        print(f"model {stream.hello.model}, an estimate every {stream.hello.hop} s")
        async for message in stream:
            match message:
                case Estimate():
                    print(
                        f"{message.t:7.1f} s  valence {message.valence:+.2f}  "
                        f"arousal {message.arousal:+.2f}  {message.mood} ({message.status})"
                    )
                case Marker():
                    print(f"marker: {message.label}")
                case Bye():
                    print(f"away: {message.reason}")  # it comes back by itself
                case Gap():
                    print(f"back after {message.offline_s} s, missed {message.missed_s} s of sound")


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:8765"))
