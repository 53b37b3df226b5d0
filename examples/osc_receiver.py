"""Print what `realtime-mer live --osc 127.0.0.1:9000` sends: `python osc_receiver.py [PORT]`."""

import sys
from contextlib import suppress

from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_server import BlockingOSCUDPServer


def show(address: str, *values: float | int | str) -> None:
    print(address, *values, flush=True)


def main(port: int) -> None:
    dispatcher = Dispatcher()
    dispatcher.map("/mer/*", show)
    with BlockingOSCUDPServer(("127.0.0.1", port), dispatcher) as server:
        server.serve_forever()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 9000)
