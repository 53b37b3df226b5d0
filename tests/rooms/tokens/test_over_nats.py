"""Tokens are made and revoked once for all nodes, and lie in NATS as digests alone."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from realtime_mer.errors import InputError
from realtime_mer.rooms.machines.address import nats_address
from realtime_mer.rooms.machines.link import Link
from realtime_mer.rooms.machines.names import Kind, Names
from realtime_mer.rooms.names import Right
from realtime_mer.rooms.nodes import asking
from realtime_mer.rooms.tokens.bucket import TokenBucket
from realtime_mer.rooms.tokens.file import TOKENS, TokenFile
from tests.command_line import call
from tests.rooms.nats import NatsServer, nats_server
from tests.rooms.nodes.hands import node
from tests.rooms.serving import Feeder, Serving, Watcher, until
from tests.tones import tones


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[NatsServer]:
    with nats_server(tmp_path / "nats") as server:
        yield server


def written(nats: NatsServer) -> list[bytes]:
    """Return all that stands in NATS of tokens."""

    async def read() -> list[bytes]:
        async def back() -> None:
            pass

        link = Link(
            nats_address(nats.url),
            Names.of_all_models(),
            say=print,
            lost=lambda: None,
            back=back,
            kinds=(Kind.TOKENS,),
        )
        await link.open()
        found = [stored.data for stored in await link.read(Kind.TOKENS)]
        await link.close()
        return found

    return asyncio.run(read())


def knows(at: Serving, token: str, room: str, right: Right) -> bool:
    return at.service.rights.may(token, room, right)


def test_what_is_made_is_listed_and_revoked_and_only_digests_are_kept(nats: NatsServer) -> None:
    tokens = TokenBucket(nats_address(nats.url))
    assert tokens.grants() == ()
    first, one = tokens.make("hall", Right.FEED, note="the desk")
    second, other = tokens.make("*", Right.WATCH)
    assert tokens.grants() == (first, second)
    kept = b"".join(written(nats))
    assert first.digest.encode() in kept
    assert one.encode() not in kept
    assert other.encode() not in kept
    with pytest.raises(InputError, match="no token abc"):
        tokens.revoke([first.id, "abc"])
    assert tokens.grants() == (first, second)
    assert tokens.revoke([first.id]) == [first]
    assert tokens.grants() == (second,)
    with pytest.raises(InputError, match="no token"):
        tokens.revoke([first.id])


def test_the_commands_make_list_and_revoke_for_all_nodes(
    nats: NatsServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: str) -> str:
        found = call(capsys, "rooms", "token", *words, "--nats", nats.url)
        assert found.code == 0, found.err
        return found.out

    token = run("make", "hall", "feed", "--note", "the desk").strip()
    assert len(token) == 43
    listed = run("list")
    assert "the desk" in listed
    (grant,) = TokenBucket(nats_address(nats.url)).grants()
    assert "is revoked" in run("revoke", grant.id)
    assert run("list") == ""
    here = call(capsys, "rooms", "token", "list", "--nats-ca", "x.pem", "--folder", str(tmp_path))
    assert "without --nats" in here.complaint()


def test_where_nats_is_not_there_a_command_says_so_and_ends(
    nats: NatsServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nats.kill()
    monkeypatch.setattr(asking, "PATIENCE_S", 0.2)
    found = call(capsys, "rooms", "token", "list", "--nats", nats.url)
    assert "does not answer" in found.complaint()


def test_without_the_library_for_nats_a_command_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nats.aio.client", None)
    found = call(capsys, "rooms", "token", "list", "--nats", "nats://127.0.0.1")
    assert "realtime-mer[nats]" in found.complaint()


def test_a_token_counts_at_every_node_and_when_it_is_revoked_ends_what_it_opened_there(
    nats: NatsServer, tmp_path: Path
) -> None:
    tokens = TokenBucket(nats_address(nats.url))
    _, before = tokens.make("hall", Right.WATCH)
    TokenFile(tmp_path / "a" / TOKENS).make("hall", Right.FEED)  # of a time without NATS
    with (
        node(tmp_path / "a", nats, ask=True, rooms=("hall",)) as a,
        node(tmp_path / "b", nats, ask=True, rooms=("hall",)) as b,
    ):
        assert all(knows(at, before, "hall", Right.WATCH) for at in (a, b))
        feed_grant, feed = tokens.make("hall", Right.FEED)
        watch_grant, watch = tokens.make("*", Right.WATCH)
        until(lambda: all(knows(at, watch, "hall", Right.WATCH) for at in (a, b)))
        with (
            Feeder(a, "hall") as feeder,
            Watcher(b, "hall", token=watch) as watcher,
            Watcher(b, "hall", token=before) as stays,
        ):
            feeder.open(token=feed)
            feeder.send(tones(0.1, music=0.9))
            tokens.revoke([feed_grant.id, watch_grant.id])
            assert feeder.until("error")[-1]["message"] == "the token was revoked"
            assert feeder.close_code() == 4401
            assert watcher.close_code() == 4401
            stays.say("ping", id="here")
            assert stays.until("pong")
        assert not any(knows(at, feed, "hall", Right.FEED) for at in (a, b))


@pytest.mark.slow
def test_while_nats_is_away_tokens_hold_and_what_changed_meanwhile_is_read(
    nats: NatsServer, tmp_path: Path
) -> None:
    tokens = TokenBucket(nats_address(nats.url))
    grant, token = tokens.make("hall", Right.WATCH)
    with node(tmp_path / "a", nats, ask=True, rooms=("hall",)) as a:
        link = a.service._computer._link  # type: ignore[attr-defined]
        nats.kill()
        until(lambda: not link.up)
        assert knows(a, token, "hall", Right.WATCH)
        with Watcher(a, "hall", token=token) as watcher:
            nats.start()
            tokens.revoke([grant.id])
            assert watcher.close_code() == 4401
