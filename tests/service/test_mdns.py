"""A name on the network, asked for by another program on loopback."""

import http.client
import secrets
from collections.abc import Iterator
from contextlib import closing
from queue import Queue
from threading import Semaphore
from uuid import uuid4

import pytest

from realtime_mer.errors import InputError, ServiceError
from realtime_mer.service.mdns import OWN_TYPE, announced, check_name
from realtime_mer.service.server import Service
from tests.command_line import call
from tests.patience import PATIENCE_S
from tests.subscribers import HELLO

zeroconf = pytest.importorskip("zeroconf", reason="the extra mdns is not installed")

LOOPBACK = ["127.0.0.1"]
WAIT_MS = 10_000


@pytest.fixture
def name() -> str:
    """Return a name that nobody else has."""
    return f"mer-{uuid4().hex[:8]}"


@pytest.fixture
def phone() -> Iterator["zeroconf.Zeroconf"]:
    """Somebody on the network."""
    network = zeroconf.Zeroconf(interfaces=LOOPBACK)
    yield network
    network.close()


def addresses_of(name: str, phone: "zeroconf.Zeroconf", *, wait_ms: int = WAIT_MS) -> list[str]:
    """Return what a name leads to."""
    asked = zeroconf.AddressResolver(f"{name}.local.")
    asked.request(phone, wait_ms)
    return asked.parsed_addresses()


def test_a_phone_finds_the_machine_by_its_name(name: str, phone: "zeroconf.Zeroconf") -> None:
    with announced(
        name, addresses=lambda: ["192.0.2.7"], port=8765, tls=False, interfaces=LOOPBACK
    ):
        assert addresses_of(name, phone) == ["192.0.2.7"]


@pytest.mark.parametrize(("tls", "kind"), [(False, "_http._tcp"), (True, "_https._tcp")])
def test_programs_find_the_service_and_its_port(
    name: str, phone: "zeroconf.Zeroconf", tls: bool, kind: str
) -> None:
    with announced(name, addresses=lambda: ["192.0.2.7"], port=1234, tls=tls, interfaces=LOOPBACK):
        for each in (f"{kind}.local.", OWN_TYPE):
            info = phone.get_service_info(each, f"realtime-mer {name}.{each}", WAIT_MS)
            assert (info.port, info.server) == (1234, f"{name}.local.")
            assert info.parsed_addresses() == ["192.0.2.7"]


def test_at_the_end_it_says_that_it_is_gone(name: str, phone: "zeroconf.Zeroconf") -> None:
    with announced(
        name, addresses=lambda: ["192.0.2.7"], port=1234, tls=False, interfaces=LOOPBACK
    ):
        assert addresses_of(name, phone)
    later = zeroconf.Zeroconf(interfaces=LOOPBACK)
    try:
        assert addresses_of(name, later, wait_ms=500) == []
    finally:
        later.close()


@pytest.mark.slow
def test_it_follows_the_machine_to_another_address_and_says_so(name: str) -> None:
    here, looked, told = ["192.0.2.7"], Semaphore(0), Queue[str]()

    def addresses() -> list[str]:
        looked.release()
        return list(here)

    with announced(
        name,
        addresses=addresses,
        port=1234,
        tls=False,
        interfaces=LOOPBACK,
        tell=told.put,
        look_every_s=0.02,
    ):
        for new in (["192.0.2.8", "198.51.100.9"], ["198.51.100.9"]):
            here[:] = new
            assert told.get(timeout=PATIENCE_S) == (
                f"--mdns {name}: {name}.local leads to {', '.join(new)} now."
            )
            with closing(zeroconf.Zeroconf(interfaces=LOOPBACK)) as phone:
                assert sorted(addresses_of(name, phone)) == new
                info = phone.get_service_info(OWN_TYPE, f"realtime-mer {name}.{OWN_TYPE}", WAIT_MS)
                assert (info.port, sorted(info.parsed_addresses())) == (1234, new)
        here[:] = ["localhost"]  # as without a network
        while looked.acquire(blocking=False):
            pass
        for _ in range(2):  # one look with it is over by the second
            assert looked.acquire(timeout=PATIENCE_S)
    assert told.empty()


def test_the_name_of_another_machine_is_left_to_it(name: str) -> None:
    how = {"port": 1, "tls": False, "interfaces": LOOPBACK}
    with (
        announced(name, addresses=lambda: ["192.0.2.7"], **how),
        pytest.raises(ServiceError, match=r"192\.0\.2\.7 is called so already"),
        announced(name, addresses=lambda: ["192.0.2.8"], **how),
    ):
        pass


def test_a_network_that_takes_nothing_is_told(name: str) -> None:
    how = {"port": 1, "tls": False, "interfaces": ["203.0.113.1"]}  # no card has it
    with (
        pytest.raises(ServiceError, match="--mdns"),
        announced(name, addresses=lambda: ["192.0.2.7"], **how),
    ):
        pass


def test_a_name_is_read_as_people_write_it() -> None:
    for text in ("Mer", "mer.local", "mer.local."):
        assert check_name(text, host="0.0.0.0") == "mer"


@pytest.mark.parametrize("text", ["", "-mer", "mer-", "a b", "größe", "a.b", "x" * 64, ".local"])
def test_what_can_be_no_name_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="letters, digits and hyphens"):
        check_name(text, host="0.0.0.0")


def test_the_service_answers_to_its_name_and_to_no_other() -> None:
    token = secrets.token_urlsafe()
    with Service(hello=HELLO, host="0.0.0.0", port=0, token=token, name="mer") as service:
        for host, status in (("mer.local", 200), ("evil.local", 403)):
            there = http.client.HTTPConnection("127.0.0.1", service.port)
            there.request("GET", "/", headers={"Host": f"{host}:{service.port}"})
            assert there.getresponse().status == status
            there.close()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--mdns", "mer"), "of no use on this machine alone"),
        (("--mdns", "mer", "--host", "0.0.0.0", "--no-server"), "--mdns mer needs the service"),
        (("--mdns", "a b", "--host", "0.0.0.0"), "letters, digits and hyphens"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused(
    options: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told in call(capsys, "live", "demo", "--port", 0, *options).complaint()
