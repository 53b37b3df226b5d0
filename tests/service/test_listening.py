"""Where a service may listen, looked at without starting one."""

import socket

import pytest

from realtime_mer.errors import InputError, ServiceError
from realtime_mer.service.listening import check_free, check_port
from tests.subscribers import running


def test_a_port_that_is_taken_is_told_and_one_that_is_free_is_not() -> None:
    with running() as service:
        with pytest.raises(ServiceError, match=f"port {service.port} .* in use"):
            check_free("127.0.0.1", service.port)
        check_free("localhost", 0)
    check_free("127.0.0.1", service.port)


def test_a_host_that_is_not_of_this_machine_is_told() -> None:
    with pytest.raises(ServiceError, match=r"192\.0\.2\.1"):
        check_free("192.0.2.1", 8765)
    with pytest.raises(ServiceError, match=r"host\.invalid"):
        check_free("host.invalid", 8765)


def test_a_port_taken_on_one_address_is_not_free_on_all() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServiceError, match="in use"):
            check_free("0.0.0.0", port)
    check_free("0.0.0.0", port)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_number_that_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(InputError, match=str(port)):
        check_port(port)
