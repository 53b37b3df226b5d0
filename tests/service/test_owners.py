"""Who may change the settings of a session over the WebSocket, and who may not."""

import secrets

import pytest

from realtime_mer.service.connection import Connection
from realtime_mer.wire.settings import Change, Settings
from tests.subscribers import Client, in_loop, running

KEY = secrets.token_urlsafe()


def test_whoever_shows_the_key_sees_the_settings_and_may_ask_for_others() -> None:
    with running(key=KEY) as service, Client(service) as owner:
        service.tell_settings(Settings(speed=1.0, opens="all can watch"))
        owner.send(type="own", key=KEY)
        told = owner.receive()
        assert (told["type"], told["speed"], told["opens"]) == ("settings", 1.0, "all can watch")
        owner.send(type="change", speed=2.0)
        assert owner.settle() == []
        assert service.take_changes() == [Change(speed=2.0)]
        assert service.take_changes() == []
        service.tell_settings(Settings(speed=2.0))
        assert owner.receive()["speed"] == 2.0
        service.refuse_change("no port is free")
        assert owner.receive() == {
            "type": "error",
            "code": "not_changed",
            "message": "no port is free",
        }


@pytest.mark.parametrize(
    "key", ["", "wrong", KEY[:-1], KEY + "x"], ids=["none", "another", "a part", "too long"]
)
def test_whoever_shows_another_key_changes_and_sees_nothing(key: str) -> None:
    with running(key=KEY) as service, Client(service) as other:
        service.tell_settings(Settings(speed=1.0))
        other.send(type="own", key=key)
        assert other.receive()["code"] == "not_owner"
        other.send(type="change", phones=True)
        assert other.receive()["code"] == "not_owner"
        service.tell_settings(Settings(speed=2.0))
        assert other.settle() == []
        assert service.take_changes() == []


def test_without_a_key_nobody_may_change_anything() -> None:
    with running() as service, Client(service) as client:
        client.send(type="own", key="")
        assert client.receive()["code"] == "not_owner"


def test_the_token_of_a_reader_lets_nobody_change_anything() -> None:
    token = secrets.token_urlsafe()
    with running(host="0.0.0.0", token=token, key=KEY) as service:
        with Client(service, additional_headers={"Authorization": f"Bearer {token}"}) as phone:
            phone.send(type="own", key=token)
            assert phone.receive()["code"] == "not_owner"
            phone.send(type="change", phones=True)
            assert phone.receive()["code"] == "not_owner"
        assert service.take_changes() == []


def test_the_key_does_not_do_from_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "address", "192.168.1.7")
    with running(key=KEY) as service, Client(service) as away:
        away.send(type="own", key=KEY)
        assert away.receive()["code"] == "not_owner"


def test_the_key_does_not_do_in_the_place_of_the_token() -> None:
    with running(token="t" * 40, key=KEY) as service, Client(service) as client:
        client.send(type="own", key=KEY)
        assert client.receive()["code"] == "unauthorized"


def test_changes_that_nobody_takes_are_bounded_and_the_rest_is_refused() -> None:
    with running(key=KEY) as service, Client(service) as owner:
        owner.send(type="own", key=KEY)
        for delay in range(17):
            owner.send(type="change", delay_s=delay)
        assert owner.receive()["code"] == "not_changed"
        assert [change.delay_s for change in service.take_changes()] == list(range(16))


def test_an_owner_that_has_left_is_forgotten() -> None:
    with running(key=KEY) as service:
        with Client(service) as owner:
            owner.send(type="own", key=KEY)
            owner.settle()
            assert in_loop(service, lambda: len(service._owners._clients)) == 1
        with Client(service) as other:
            other.settle()
            assert in_loop(service, lambda: len(service._owners._clients)) == 0


@pytest.mark.parametrize(
    "change", [{"speed": 100}, {"speed": 0}, {"delay_s": 61}, {"smoothing_s": -1}, {"phones": 1}]
)
def test_a_change_beyond_its_bounds_is_refused(change: dict[str, object]) -> None:
    with running(key=KEY) as service, Client(service) as owner:
        owner.send(type="own", key=KEY)
        owner.send(type="change", **change)
        assert owner.receive()["code"] == "bad_message"


def test_before_the_start_and_after_the_end_telling_settings_does_nothing() -> None:
    with running(key=KEY) as service:
        pass
    service.tell_settings(Settings(speed=2.0))
    service.refuse_change("too late")
