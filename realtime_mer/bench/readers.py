"""Many lean subscribers in a process of their own, for ``realtime-mer bench serve``.

``python -m realtime_mer.bench.readers PORT COUNT`` connects COUNT readers, writes a line to
standard output, and reads until the service closes. Then it writes what its readers got: pairs of
float64, the ``seq`` of an estimate and ``time.monotonic()`` at its receipt. That clock is shared by
all processes on Linux and Windows, and on macOS since Python 3.5.

A whole WebSocket client in Python takes several times as long for a message as the service does,
and a thousand of them would measure themselves. These know just enough of RFC 6455.
"""

import json
import selectors
import socket
import sys
import time
from array import array

from realtime_mer.service.listening import allow_files

MANY_SOCKETS = 65536
"""Files of this process, as far as the system lets it."""

_HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA


class SocketSubscriber:
    """One subscriber on a socket, which reads only when it is told to."""

    def __init__(self, port: int, *, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(_HANDSHAKE)
        self._waiting = b""
        while b"\r\n\r\n" not in self._waiting:
            self._waiting += self._receive()
        self._waiting = self._waiting.partition(b"\r\n\r\n")[2]
        self._send(_TEXT, json.dumps({"type": "subscribe", "streams": ["estimates"]}).encode())

    def read(self, receipts: "array[float]") -> bool:
        """Note what has come, where something has; False once the service has closed."""
        try:
            data = self._receive()
        except OSError:
            return False
        now = time.monotonic()
        self._waiting += data
        while (frame := self._next_frame()) is not None:
            opcode, payload = frame
            if opcode == _CLOSE:
                self._send(_CLOSE, payload)
                return False
            if opcode == _PING:
                self._send(_PONG, payload)
            elif payload.startswith(b'{"type":"estimate","seq":'):
                receipts.append(float(payload[25 : payload.index(b",", 25)]))
                receipts.append(now)
        return True

    def _receive(self) -> bytes:
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the service closed")
        return data

    def _next_frame(self) -> tuple[int, bytes] | None:
        waiting = self._waiting
        if len(waiting) < 2:
            return None
        length, start = waiting[1] & 0x7F, 2
        if length == 126:
            length, start = int.from_bytes(waiting[2:4], "big"), 4
        if len(waiting) < start + length:
            return None
        self._waiting = waiting[start + length :]
        return waiting[0] & 0x0F, waiting[start : start + length]

    def _send(self, opcode: int, payload: bytes) -> None:
        # A mask of zeros: what it protects against are proxies between browser and service.
        self.socket.sendall(bytes([0x80 | opcode, 0x80 | len(payload)]) + bytes(4) + payload)


def _main(port: int, count: int) -> None:
    allow_files(MANY_SOCKETS)
    readers = [SocketSubscriber(port) for _ in range(count)]
    receipts: array[float] = array("d")
    with selectors.DefaultSelector() as selector:
        for reader in readers:
            selector.register(reader.socket, selectors.EVENT_READ, reader)
        print("ready", flush=True)
        left = count
        while left:
            for key, _ in selector.select():
                if not key.data.read(receipts):
                    selector.unregister(key.fileobj)
                    left -= 1
    for reader in readers:
        reader.socket.close()
    sys.stdout.buffer.write(receipts.tobytes())


if __name__ == "__main__":
    _main(*map(int, sys.argv[1:]))
