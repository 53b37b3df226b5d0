"""A second address of a running service: who comes by it, and that it closes for good."""

import secrets
import socket
import threading

import pytest
from websockets.exceptions import InvalidStatus

from realtime_mer.errors import InputError, ServiceError
from realtime_mer.service.connection import Limits
from realtime_mer.service.server import Service
from realtime_mer.wire.settings import Settings
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate
from tests.subscribers import HELLO, Client, in_loop, running, seqs

ADDRESS = "0.0.0.0"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def come_by(service: Service, url: str, token: str, *streams: str) -> Client:
    """A client that comes by another door than the service's own."""
    port = int(url.rpartition(":")[2])

    class Way:
        def __init__(self) -> None:
            self.port, self.url = port, url

    return Client(Way(), *streams, additional_headers=bearer(token))  # type: ignore[arg-type]


def test_whoever_comes_by_another_door_sees_the_same_session_from_its_past_on() -> None:
    token = secrets.token_urlsafe()
    with running() as service, Client(service, "estimates") as inside:
        for seq in range(50):
            service.publish(sample_estimate(seq=seq))
            inside.receive()
        door = service.open_door(ADDRESS, token=token)
        with come_by(service, door.url, token) as phone:
            assert phone.hello["session"] == inside.hello["session"]
            assert phone.hello["authorization_required"] is True
            assert inside.hello["authorization_required"] is False
            phone.send(type="subscribe", streams=["estimates", "markers"], history=600)
            messages = phone.until("estimate")
            assert messages[0]["type"] == "history"
            assert seqs(messages) == [49]
            service.publish(sample_estimate(seq=50))
            assert (phone.receive()["seq"], inside.receive()["seq"]) == (50, 50)
            assert service.clients == 2


def test_another_door_asks_for_its_own_token_and_the_first_goes_on_without() -> None:
    token = secrets.token_urlsafe()
    with running() as service:
        door = service.open_door(ADDRESS, token=token)
        with pytest.raises(InvalidStatus, match="401"):
            come_by(service, door.url, secrets.token_urlsafe())
        with Client(service, "estimates") as inside:
            service.publish(sample_estimate())
            assert inside.receive()["type"] == "estimate"


def test_closing_a_door_says_bye_to_those_who_came_by_it_and_to_nobody_else() -> None:
    token = secrets.token_urlsafe()
    with running() as service, Client(service, "estimates") as inside:
        door = service.open_door(ADDRESS, token=token)
        with come_by(service, door.url, token, "estimates") as phone:
            closing = threading.Thread(target=service.close_door, args=(door, "phones may not"))
            closing.start()
            assert phone.receive() == {"type": "bye", "reason": "phones may not"}
            assert phone.close_code() == 1001
            closing.join(PATIENCE_S)
            assert not closing.is_alive()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", door.port), timeout=1).close()
        service.publish(sample_estimate(seq=7))
        assert inside.receive()["seq"] == 7
        service.close_door(door, "again")  # does nothing
        assert in_loop(service, lambda: len(service._reception.doors)) == 1


def test_closing_a_door_waits_for_no_reader_that_stalls_and_no_open_handshake() -> None:
    token = secrets.token_urlsafe()
    with running(limits=Limits(open_timeout_s=3600.0)) as service:
        door = service.open_door(ADDRESS, token=token)
        knocking = socket.create_connection(("127.0.0.1", door.port))
        knocking.sendall(b"GET / HTTP/1.1\r\n")
        with come_by(service, door.url, token, "estimates"):
            closing = threading.Thread(
                target=service.close_door, args=(door, "phones may not"), daemon=True
            )
            closing.start()
            closing.join(PATIENCE_S)
            assert not closing.is_alive()
            assert service.clients == 0
        knocking.close()


def test_ending_the_service_closes_all_its_doors() -> None:
    token = secrets.token_urlsafe()
    service = Service(hello=HELLO, port=0)
    service.start()
    door = service.open_door(ADDRESS, token=token)
    with come_by(service, door.url, token, "estimates") as phone:
        service.close("night")
        assert phone.receive() == {"type": "bye", "reason": "night"}
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", door.port), timeout=1).close()
    service.close_door(door, "too late")  # does nothing


def test_a_door_to_a_network_needs_a_token_that_nobody_guesses_and_a_free_port() -> None:
    with running() as service:
        with pytest.raises(ServiceError, match="give a --token"):
            service.open_door(ADDRESS)
        with pytest.raises(InputError, match="128"):
            service.open_door(ADDRESS, token="guessable")
        with pytest.raises(ServiceError, match="in use"):
            service.open_door("127.0.0.1", service.port)


def test_a_service_that_does_not_run_opens_no_door() -> None:
    service = Service(hello=HELLO, port=0)
    with pytest.raises(ServiceError, match="does not run"):
        service.open_door("127.0.0.1")
    with service:
        pass
    with pytest.raises(ServiceError, match="does not run"):
        service.open_door("127.0.0.1")


def test_whoever_comes_later_is_told_what_estimates_go_through_by_then() -> None:
    with running() as service:
        service.tell_settings(Settings(smoothing_s=1.0, delay_s=2.5))
        with Client(service) as client:
            assert (client.hello["smoothing_s"], client.hello["delay_s"]) == (1.0, 2.5)
