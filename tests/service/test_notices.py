"""What strangers may cause in the log: a short line now and then."""

import asyncio
import logging

import pytest

from realtime_mer.service.notices import LibraryLog, Notices


@pytest.fixture
def log() -> logging.Logger:
    return logging.getLogger("tests.notices")


def test_of_a_kind_one_line_a_minute_is_logged_and_the_rest_counted(
    log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    notices = Notices(log, clock=lambda: now[0])
    for number in range(1000):
        notices.tell("noise", f"noise {number}")
    notices.tell("other", "something else")
    now[0] = 60.0
    notices.tell("noise", "noise again")
    assert caplog.messages == ["noise 0", "something else", "noise again (999 more before)"]
    assert notices.left_out == 999


def test_a_line_is_one_line_and_short(
    log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    Notices(log, clock=lambda: 0.0).tell("noise", "a\nb\x1b[2J\u202e" + 10_000 * "x")
    (line,) = caplog.messages
    assert line.startswith("a?b?[2J?xxx")
    assert len(line) <= 300


def test_no_error_of_the_loop_or_the_library_brings_a_traceback(
    log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    notices = Notices(log, clock=lambda: 0.0)
    library = LibraryLog(log, notices)
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        loop.set_exception_handler(notices.handle)
        for _ in range(100):
            loop.call_exception_handler(
                {"message": "no file left", "exception": OSError(24, "Too many open files")}
            )
        loop.call_exception_handler({"message": "a loop that is odd"})
    try:
        raise ValueError("broken")
    except ValueError:
        library.error("%s failed", "this", exc_info=True)
    library.info("connection open")
    library.debug("< GET / with a token")
    assert not library.isEnabledFor(logging.DEBUG)
    assert [record.exc_info for record in caplog.records] == [None] * 3
    assert caplog.messages == [
        "no file left: OSError(24, 'Too many open files')",
        "a loop that is odd",
        "this failed: ValueError('broken')",
    ]
