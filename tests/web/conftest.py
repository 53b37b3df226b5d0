"""One headless Chromium for all tests of the browser display."""

from collections.abc import Iterator

import pytest

from realtime_mer.service.server import Service
from tests.web.browser import HELLO, Browser, browser, missing

_OWN = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "about:blank", "blob:http://127.0.0.1:")


@pytest.fixture(scope="session")
def _browser() -> Iterator[Browser]:
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    with browser() as started:
        yield started


@pytest.fixture
def tab(_browser: Browser) -> Iterator[Browser]:
    """A tab in which nothing was chosen yet.

    Whatever the test did, nothing may have gone to the console that it did not expect, and no
    request to another host.
    """
    _browser.expected = None
    yield _browser
    expected = _browser.expected
    messages = [text for text in _browser.console() if expected is None or expected not in text]
    requests = _browser.requests()
    _browser.cdp("Emulation.setEmulatedMedia", features=[])
    _browser.driver.get("about:blank")
    assert messages == []
    assert [url for url in requests if not url.startswith(_OWN)] == []


@pytest.fixture
def service(tab: Browser) -> Iterator[Service]:
    """A running service without a token, for a tab that is closed before it stops."""
    with Service(hello=HELLO, port=0) as running:
        yield running
        tab.driver.get("about:blank")  # a page left open would complain that the service is gone
