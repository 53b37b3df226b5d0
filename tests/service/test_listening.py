"""Where a service may listen, looked at without starting one."""

import socket
import sys
from collections.abc import Iterator

import pytest

from realtime_mer.errors import InputError, ServiceError
from realtime_mer.service.connection import Limits
from realtime_mer.service.listening import allow_files, check_free, check_port
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


@pytest.fixture
def few_files() -> Iterator[int]:
    """A limit of open files as macOS has it."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    yield 256
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def files_allowed() -> tuple[int, int]:
    import resource

    return resource.getrlimit(resource.RLIMIT_NOFILE)


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of files to set")
def test_a_service_makes_room_for_the_connections_that_it_bounds_itself(few_files: int) -> None:
    with running(limits=Limits(connections=300, waiting=200)):
        now, most = files_allowed()
    assert now == min(300 + 200 + 512, most)


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of files to set")
def test_a_limit_of_files_that_is_higher_stays(few_files: int) -> None:
    allow_files(few_files - 1)
    assert files_allowed()[0] == few_files
    _, most = files_allowed()
    allow_files(most)
    allow_files(few_files)
    assert files_allowed()[0] == most
