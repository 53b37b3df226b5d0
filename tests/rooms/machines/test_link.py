"""What the connection to NATS shows whom, and what it says where NATS does not store."""

import asyncio
from pathlib import Path

import pytest

from realtime_mer.errors import InputError
from realtime_mer.rooms.machines import link as link_module
from realtime_mer.rooms.machines.address import nats_address
from realtime_mer.rooms.machines.link import Link, Unstored
from realtime_mer.rooms.machines.names import Kind, Names
from tests.patience import PATIENCE_S
from tests.rooms.nats import nats_server

_HELLO = b'INFO {"server_id":"x","version":"2.11.0","headers":true,"max_payload":1048576}\r\n'


def link(url: str, said: list[str]) -> Link:
    async def back() -> None:
        pass

    return Link(nats_address(url), Names("abc"), say=said.append, lost=lambda: None, back=back)


async def fill(at: Link) -> None:
    """Write more than NATS may keep."""
    for _ in range(10):
        await at.put(Kind.TOLD, "hall", bytes(12_000))


def test_where_tls_is_asked_for_nothing_is_shown_to_a_server_without_it() -> None:
    pytest.importorskip("nats")
    came = bytearray()

    async def scenario() -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(_HELLO)
            while data := await reader.read(1024):
                came.extend(data)
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        asking = link(f"tls://mer:secret@127.0.0.1:{port}", [])
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(InputError, match="does not speak TLS") as caught:
                await asking.open()
        assert "secret" not in str(caught.value)
        server.close()

    asyncio.run(scenario())
    assert came == b""


def test_what_nats_has_no_room_for_is_counted_and_told_now_and_then(tmp_path: Path) -> None:
    config = tmp_path / "nats.conf"
    config.write_text("max_payload: 20000\njetstream { max_memory_store: 10000 }\n")
    said: list[str] = []

    async def scenario(url: str) -> None:
        at = link(url, said)
        async with asyncio.timeout(PATIENCE_S):
            await at.open()
            with pytest.raises(Unstored):
                await fill(at)
            with pytest.raises(Unstored):
                await at.put(Kind.TOLD, "hall", bytes(30_000))  # longer than it takes at all
            await at.close()
        assert at.unstored == 2

    with nats_server(tmp_path / "nats", "-c", str(config)) as server:
        asyncio.run(scenario(server.url))
    (line,) = said
    assert "does not store" in line


def test_a_stream_that_somebody_removes_is_made_anew_and_everybody_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "_SEE_EVERY_S", 0.05)
    said: list[str] = []
    happened: list[str] = []

    async def scenario(url: str) -> None:
        def linked(name: str) -> Link:
            async def back() -> None:
                happened.append(f"{name} is back")

            return Link(
                nats_address(url),
                Names("abc"),
                say=said.append,
                lost=lambda: happened.append(f"{name} lost it"),
                back=back,
            )

        one, other = linked("one"), linked("other")
        async with asyncio.timeout(PATIENCE_S):
            await one.open()
            await other.open()
            assert await one.put(Kind.FEEDS, "hall", b"a word") == 1
            await one._jetstream.delete_stream(Names("abc").stream(Kind.FEEDS))
            while len(happened) < 6:
                await asyncio.sleep(0.01)
            assert await other.put(Kind.FEEDS, "hall", b"another", expected=0) == 1
            await one.close()
            await other.close()

    with nats_server(tmp_path / "nats") as server:
        asyncio.run(scenario(server.url))
    assert happened[:2] == ["one is back", "other is back"]
    for name in ("one", "other"):
        assert [each for each in happened[2:] if each.startswith(name)] == [
            f"{name} lost it",
            f"{name} is back",
        ]
    assert [line.count("KV_mer-abc-feeds") for line in said] == [1, 1]
