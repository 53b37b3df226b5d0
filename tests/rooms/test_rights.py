"""Who may feed, watch and manage a room, and for how long."""

import json
import stat
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from websockets.exceptions import InvalidStatus

from realtime_mer.errors import InputError
from realtime_mer.rooms.names import Right
from realtime_mer.rooms.rights import Rights
from realtime_mer.rooms.tokens.file import TOKENS, TokenFile
from realtime_mer.rooms.tokens.grants import EVERY_ROOM
from tests.rooms.serving import Feeder, Serving, Watcher, serving
from tests.tones import HOP, tones


@pytest.fixture
def file(tmp_path: Path) -> TokenFile:
    return TokenFile(tmp_path / TOKENS)


def ignore(line: str) -> None:
    pass


def test_a_token_is_kept_as_a_digest_that_only_its_owner_can_read(file: TokenFile) -> None:
    grant, token = file.make("hall", Right.FEED, note="the desk")
    kept = file.path.read_text()
    assert token not in kept
    assert file.grants() == (grant,)
    if sys.platform != "win32":
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("room", "right", "lets"),
    [
        ("hall", Right.FEED, {("hall", Right.FEED)}),
        ("hall", Right.WATCH, {("hall", Right.WATCH)}),
        ("hall", Right.MANAGE, {("hall", right) for right in Right}),
        (EVERY_ROOM, Right.WATCH, {("hall", Right.WATCH), ("other", Right.WATCH)}),
        (
            EVERY_ROOM,
            Right.MANAGE,
            {(room, right) for room in ("hall", "other") for right in Right},
        ),
    ],
)
def test_a_token_lets_do_what_it_was_made_for_and_no_more(file, room, right, lets) -> None:
    _, token = file.make(room, right)
    rights = Rights(file, asked=True, say=ignore)
    found = {(r, what) for r in ("hall", "other") for what in Right if rights.may(token, r, what)}
    assert found == lets
    assert not any(rights.may(other, "hall", Right.WATCH) for other in (None, "", token[:-1]))


def test_a_token_that_was_revoked_lets_do_nothing_and_the_others_stay(file: TokenFile) -> None:
    grant, token = file.make("hall", Right.FEED)
    _, other = file.make("hall", Right.FEED)
    rights = Rights(file, asked=True, say=ignore)
    with pytest.raises(InputError, match="no token abc"):
        file.revoke([grant.id, "abc"])
    assert not rights.renew()
    file.revoke([grant.id])
    assert rights.renew()
    assert not rights.may(token, "hall", Right.FEED)
    assert rights.may(other, "hall", Right.FEED)


def test_a_file_that_breaks_throws_nobody_out(file: TokenFile) -> None:
    _, token = file.make("hall", Right.FEED)
    said: list[str] = []
    rights = Rights(file, asked=True, say=said.append)
    file.path.write_text("[{")
    assert not rights.renew()
    assert rights.may(token, "hall", Right.FEED)
    assert "move it away" in said[0]
    assert not rights.renew()
    assert len(said) == 1
    with pytest.raises(InputError, match="no tokens that can be read"):
        Rights(file, asked=True, say=ignore)


def rooms_of(at: Serving, token: str) -> list[str]:
    request = Request(
        f"http://127.0.0.1:{at.service.port}/rooms", headers={"Authorization": f"Bearer {token}"}
    )
    with urlopen(request) as answer:
        return [room["name"] for room in json.load(answer)["rooms"]]


def test_over_the_network_each_does_what_its_token_lets(file: TokenFile, tmp_path: Path) -> None:
    _, feed = file.make("hall", Right.FEED)
    _, watch = file.make("hall", Right.WATCH)
    _, manage = file.make(EVERY_ROOM, Right.MANAGE)
    with serving(tmp_path, ask=True, rooms=("hall", "other")) as at:
        for token in (None, watch, "x" * 43):
            with Feeder(at, "hall") as nobody:
                nobody.say("open", rate=24_000, token=token)
                assert nobody.until("error")[-1]["code"] == "unauthorized"
                assert nobody.close_code() == 4401
        with pytest.raises(InvalidStatus, match="401"):
            Feeder(at, "other", token=feed)
        with pytest.raises(InvalidStatus, match="401"):
            Watcher(at, "hall", token=feed)
        with (
            Feeder(at, "hall") as feeder,
            Feeder(at, "hall", token=feed) as second,
            Watcher(at, "hall", token=watch) as watcher,
        ):
            assert watcher.hello["authorization_required"]
            feeder.open(token=feed)
            feeder.send(tones(0.1, music=0.9))
            assert watcher.wait(0)
            second.say("open", rate=24_000, take_over=True)
            assert second.until("error")[-1]["code"] == "unauthorized"
            with Feeder(at, "hall", token=manage) as manager:
                assert manager.open(take_over=True)["next"] == HOP
                assert feeder.close_code() == 4410
        assert rooms_of(at, watch) == ["hall"]
        assert rooms_of(at, manage) == ["hall", "other"]
        assert rooms_of(at, feed) == []


def test_a_token_made_or_revoked_meanwhile_counts_at_once(file: TokenFile, tmp_path: Path) -> None:
    with serving(tmp_path, ask=True, rooms=("hall",)) as at:
        feed_grant, feed = file.make("hall", Right.FEED)
        watch_grant, watch = file.make("hall", Right.WATCH)
        _, other = file.make("hall", Right.WATCH)
        at.service.rights.renew()
        with (
            Feeder(at, "hall") as feeder,
            Watcher(at, "hall", token=watch) as watcher,
            Watcher(at, "hall", token=other) as stays,
        ):
            feeder.open(token=feed)
            file.revoke([feed_grant.id, watch_grant.id])
            assert feeder.until("error")[-1]["message"] == "the token was revoked"
            assert feeder.close_code() == 4401
            assert watcher.close_code() == 4401
            stays.say("ping", id="here")
            assert stays.until("pong")
