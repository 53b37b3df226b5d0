"""What RFC 6455 asks of a server, over a plain socket: a test a section, a case a line."""

import json
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise

import pytest

from tests.patience import PATIENCE_S
from tests.subscribers import running

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 0x1, 0x2, 0x0, 0x8, 0x9, 0xA
PING_MESSAGE = b'{"type":"ping","id":"x"}'
PONG_MESSAGE = {"type": "pong", "id": "x"}
HEADERS = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",  # the example of section 1.3
    "Sec-WebSocket-Version": "13",
}


@dataclass(frozen=True)
class Frame:
    """A frame as a server sent it."""

    final: bool
    reserved: int
    opcode: int
    masked: bool
    payload: bytes


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    final: bool = True,
    reserved: int = 0,
    mask: bytes | None = b"\x12\x34\x56\x78",
    length_bytes: int | None = None,
) -> bytes:
    """A frame as a client sends it; ``length_bytes`` writes the length in more than it needs."""
    size = len(payload)
    if length_bytes is None:
        length_bytes = 0 if size < 126 else 2 if size < 65536 else 8
    head = bytes([0x80 * final | reserved << 4 | opcode])
    short = {0: size, 2: 126, 8: 127}[length_bytes]
    head += bytes([0x80 * (mask is not None) | short])
    head += size.to_bytes(length_bytes, "big") if length_bytes else b""
    if mask is None:
        return head + payload
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def close(code: int, reason: bytes = b"") -> bytes:
    """A close frame of a client."""
    return frame(CLOSE, struct.pack("!H", code) + reason)


class Wire:
    """One connection, byte by byte."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.file = sock.makefile("rb")

    def ask(self, headers: dict[str, str], *, line: str = "GET / HTTP/1.1") -> int:
        """Send an opening request; return the status of its answer, whose headers are kept."""
        lines = [line, *(f"{name}: {value}" for name, value in headers.items() if value), "", ""]
        self.sock.sendall("\r\n".join(lines).encode())
        status = int(self.file.readline().split()[1])
        self.answer = dict(
            text.decode().strip().lower().split(": ", 1)
            for text in iter(self.file.readline, b"\r\n")
        )
        return status

    def send(self, *parts: bytes) -> None:
        for part in parts:
            self.sock.sendall(part)

    def receive(self) -> Frame | None:
        """The next frame; None where the service has ended the connection."""
        with suppress(ConnectionResetError):
            head = self.file.read(2)
            if len(head) == 2:
                size = head[1] & 0x7F
                if size > 125:
                    size = int.from_bytes(self.file.read({126: 2, 127: 8}[size]), "big")
                return Frame(
                    final=bool(head[0] & 0x80),
                    reserved=head[0] >> 4 & 0x7,
                    opcode=head[0] & 0xF,
                    masked=bool(head[1] & 0x80),
                    payload=self.file.read(size),
                )
        return None

    def message(self) -> object:
        """The next message."""
        received = self.receive()
        assert received is not None
        assert received.opcode == TEXT
        return json.loads(received.payload)

    def close_code(self) -> int | None:
        """The code the service closes with; None where it just ends."""
        while (received := self.receive()) is not None:
            if received.opcode == CLOSE:
                assert self.receive() is None
                return struct.unpack("!H", received.payload[:2])[0] if received.payload else 1005
        return None


@contextmanager
def knocking() -> Iterator[Wire]:
    """A connection on which nothing was said."""
    with (
        running() as service,
        socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE_S) as sock,
    ):
        wire = Wire(sock)
        try:
            yield wire
        finally:
            wire.file.close()  # or the socket stays open with it


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A connection after ``hello``."""
    with knocking() as wire:
        assert wire.ask(HEADERS) == 101
        hello = wire.message()
        assert isinstance(hello, dict)
        assert hello["type"] == "hello"
        yield wire


# 4.2 Opening handshake


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 101),
        ({"Upgrade": "WebSocket"}, 101),
        ({"Connection": "keep-alive, upgrade"}, 101),
        ({"Connection": ""}, 426),
        ({"Upgrade": "h2c"}, 426),
        ({"Sec-WebSocket-Key": ""}, 400),
        ({"Sec-WebSocket-Key": "c2hvcnQ="}, 400),
        ({"Sec-WebSocket-Key": "no base64"}, 400),
        ({"Sec-WebSocket-Version": ""}, 400),
        ({"Sec-WebSocket-Version": "8"}, 400),
        ({"Host": ""}, 403),
        ({"Sec-WebSocket-Protocol": "realtime-mer.v9"}, 400),
        ({"Sec-WebSocket-Extensions": "permessage-deflate"}, 101),
    ],
)
def test_4_2_the_opening_handshake(change: dict[str, str], status: int) -> None:
    with knocking() as wire:
        assert wire.ask(HEADERS | change) == status
        if status == 101:
            assert wire.answer["sec-websocket-accept"] == "s3pplmbitxaq9kygzzhzrbk+xoo="
            assert wire.answer["upgrade"] == "websocket"
            assert "sec-websocket-extensions" not in wire.answer
            assert "sec-websocket-protocol" not in wire.answer


def test_4_2_1_only_get_and_http_1_1_open() -> None:
    for line, status in (("POST / HTTP/1.1", 405), ("GET / HTTP/1.0", 505)):
        with knocking() as wire:
            assert wire.ask(HEADERS, line=line) == status


# 5.1 and 5.3 Masking


@pytest.mark.parametrize("mask", [bytes(4), b"\x00\x00\x00\x01", b"\xff\xff\xff\xff", b'{"ty'])
def test_5_3_every_mask_is_taken_off(wire: Wire, mask: bytes) -> None:
    wire.send(frame(TEXT, PING_MESSAGE, mask=mask))
    received = wire.receive()
    assert received is not None
    assert json.loads(received.payload) == PONG_MESSAGE
    assert not received.masked  # a server must not


@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, PONG, CLOSE])
def test_5_1_a_frame_without_a_mask_ends_the_connection(wire: Wire, opcode: int) -> None:
    wire.send(frame(opcode, mask=None))
    assert wire.close_code() == 1002


# 5.2 Base framing


@pytest.mark.parametrize("reserved", [0x1, 0x2, 0x4, 0x7])
@pytest.mark.parametrize("opcode", [TEXT, CONTINUATION, PING, CLOSE])
def test_5_2_reserved_bits_mean_nothing_here(wire: Wire, reserved: int, opcode: int) -> None:
    wire.send(frame(opcode, reserved=reserved))
    assert wire.close_code() == 1002


@pytest.mark.parametrize("opcode", [0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF])
def test_5_2_reserved_opcodes_mean_nothing_here(wire: Wire, opcode: int) -> None:
    wire.send(frame(opcode))
    assert wire.close_code() == 1002


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 4000, 4096])
def test_5_2_every_length_is_read(wire: Wire, size: int) -> None:
    message = PING_MESSAGE.ljust(size) if size >= len(PING_MESSAGE) else b"x" * size
    wire.send(frame(TEXT, message), frame(TEXT, PING_MESSAGE))
    first = wire.message()
    assert isinstance(first, dict)
    assert first == PONG_MESSAGE or first["code"] == "bad_json"
    assert wire.message() == PONG_MESSAGE


@pytest.mark.parametrize(("size", "code"), [(65535, None), (65536, None), (65537, 1009)])
def test_5_2_and_7_4_1_a_message_has_at_most_65536_bytes(
    wire: Wire, size: int, code: int | None
) -> None:
    wire.send(frame(TEXT, b" " * size))
    if code is None:
        answer = wire.message()
        assert isinstance(answer, dict)
        assert answer["code"] == "too_large"
    else:
        assert wire.close_code() == code


def test_5_2_a_frame_may_come_in_any_pieces(wire: Wire) -> None:
    wire.send(*(bytes([byte]) for byte in frame(TEXT, PING_MESSAGE)))
    assert wire.message() == PONG_MESSAGE


# 5.4 Fragmentation


@pytest.mark.parametrize("cuts", [[1], [3, 5], list(range(1, len(PING_MESSAGE))), [0], [0, 0, 9]])
def test_5_4_fragments_make_one_message_and_control_frames_may_come_between(
    wire: Wire, cuts: list[int]
) -> None:
    edges = [0, *cuts, len(PING_MESSAGE)]
    parts = [PING_MESSAGE[a:b] for a, b in pairwise(edges)]
    for number, part in enumerate(parts):
        opcode = CONTINUATION if number else TEXT
        wire.send(frame(opcode, part, final=number == len(parts) - 1))
        if number == 0:
            wire.send(frame(PING, b"between"))
            pong = wire.receive()
            assert pong is not None
            assert (pong.opcode, pong.payload) == (PONG, b"between")
    assert wire.message() == PONG_MESSAGE


@pytest.mark.parametrize(
    "frames",
    [
        [frame(CONTINUATION, b"{}")],
        [frame(CONTINUATION, b"{}", final=False)],
        [frame(TEXT, b"{", final=False), frame(TEXT, b"}")],
        [frame(TEXT, b"{", final=False), frame(BINARY, b"}")],
        [frame(TEXT, b"{}"), frame(CONTINUATION, b"{}")],
    ],
)
def test_5_4_fragments_out_of_order_end_the_connection(wire: Wire, frames: list[bytes]) -> None:
    wire.send(*frames)
    assert wire.close_code() == 1002


# 5.5 Control frames


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_5_5_control_frames_are_whole_and_short(opcode: int) -> None:
    for bad in (frame(opcode, final=False), frame(opcode, b"\x03\xe8" + b"x" * 124)):
        with knocking() as wire:
            wire.ask(HEADERS)
            wire.send(bad)
            assert wire.close_code() == 1002


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(CLOSE), 1005),  # none was given
        (close(1000), 1000),
        (close(1001, b"bye"), 1001),
        (close(1000, b"x" * 123), 1000),
    ],
)
def test_5_5_1_a_close_is_answered_with_its_code(wire: Wire, sent: bytes, code: int) -> None:
    wire.send(sent)
    assert wire.close_code() == code


def test_5_5_1_nothing_counts_after_a_close(wire: Wire) -> None:
    wire.send(close(1000) + frame(TEXT, PING_MESSAGE) + frame(PING, b"late"))
    received = wire.receive()
    assert received is not None
    assert received.opcode == CLOSE
    assert wire.receive() is None


@pytest.mark.parametrize("payload", [b"", b"hello", bytes(range(125))])
def test_5_5_2_a_ping_is_answered_with_its_own_words(wire: Wire, payload: bytes) -> None:
    wire.send(frame(PING, payload))
    pong = wire.receive()
    assert pong == Frame(final=True, reserved=0, opcode=PONG, masked=False, payload=payload)


def test_5_5_3_a_pong_that_nobody_asked_for_is_left_unanswered(wire: Wire) -> None:
    wire.send(frame(PONG, b"unasked"), frame(TEXT, PING_MESSAGE))
    assert wire.message() == PONG_MESSAGE


# 5.6 Data frames


def test_5_6_binary_messages_are_none_of_this_protocol_and_end_nothing(wire: Wire) -> None:
    wire.send(frame(BINARY, PING_MESSAGE), frame(TEXT, PING_MESSAGE))
    error = wire.message()
    assert isinstance(error, dict)
    assert error["code"] == "bad_message"
    assert wire.message() == PONG_MESSAGE


# 7.4 Close codes


@pytest.mark.parametrize(
    "code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
)
def test_7_4_codes_that_may_be_sent_are_answered(wire: Wire, code: int) -> None:
    wire.send(close(code))
    assert wire.close_code() == code


@pytest.mark.parametrize(
    "sent",
    [
        frame(CLOSE, b"\x03"),  # half a code
        *(close(code) for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535)),
    ],
)
def test_7_4_codes_that_may_not_be_sent_are_an_error(wire: Wire, sent: bytes) -> None:
    wire.send(sent)
    assert wire.close_code() == 1002


# 8.1 UTF-8


@pytest.mark.parametrize(
    "text",
    [
        b"\xff",
        b"\xc0\xaf",  # longer than needed
        b"\xed\xa0\x80",  # half of a pair
        b"\xf4\x90\x80\x80",  # beyond Unicode
        b"caf\xc3",  # cut short
        b"\x80",
    ],
)
def test_8_1_what_is_no_utf_8_ends_the_connection(text: bytes) -> None:
    for frames in (
        [frame(TEXT, text)],
        [frame(TEXT, text[:1], final=False), frame(CONTINUATION, text[1:])],
        [frame(CLOSE, b"\x03\xe8" + text)],
    ):
        with knocking() as wire:
            wire.ask(HEADERS)
            wire.send(*frames)
            assert wire.close_code() == 1007


def test_8_1_a_sign_may_be_cut_between_fragments(wire: Wire) -> None:
    message = '{"type":"ping","id":"é𝄞"}'.encode()
    at = message.index(b"\x9d")
    wire.send(
        frame(TEXT, message[:at], final=False),
        frame(CONTINUATION, message[at : at + 2], final=False),
        frame(CONTINUATION, message[at + 2 :]),
    )
    assert wire.message() == {"type": "pong", "id": "é𝄞"}
