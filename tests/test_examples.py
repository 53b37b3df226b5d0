"""The examples, run as they are against a real service."""

import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from realtime_mer.outlets.mapped import MappedOutlet
from realtime_mer.outlets.short_ways import osc_plan
from realtime_mer.service.server import Service
from realtime_mer.wire.protocol import Marker
from tests.patience import PATIENCE_S
from tests.samples import sample_estimate
from tests.subscribers import HELLO
from tests.web.browser import browser, missing

FOLDER = Path(__file__).parents[1] / "examples"


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(hello=HELLO, port=0) as service:
        yield service


@contextmanager
def example(name: str, *args: object) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, str(FOLDER / name), *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    text = process.stdout.readline()
    assert text, process.communicate()[1]
    return text


def test_the_asyncio_example_shows_estimates_markers_and_losses(service: Service) -> None:
    service.publish(sample_estimate(seq=41))
    with example("subscribe_async.py", service.url) as process:
        assert "model default, an estimate every 0.1 s" in line(process)
        assert "4.2 s  valence +0.25  arousal -0.50  calm (music)" in line(process)
        service.publish(Marker(label="drop", t=4.2, wall_time=None))
        assert line(process) == "marker: drop\n"
        service.close("good night")
        assert line(process) == "away: good night\n"


def test_the_blocking_example_shows_the_mood_when_it_changes(service: Service) -> None:
    service.publish(sample_estimate(seq=0, mood="calm"))
    with example("subscribe_blocking.py", service.url) as process:
        assert line(process).split() == ["0.1", "s", "calm"]
        service.publish(sample_estimate(seq=1, mood="calm"))
        service.publish(sample_estimate(seq=2, mood="excited"))
        assert line(process).split() == ["0.3", "s", "excited"]


def test_the_lights_example_prints_a_colour(service: Service) -> None:
    service.publish(sample_estimate(seq=0, valence=-0.4, arousal=-0.4, mood="sad"))
    with example("lights.py", service.url) as process:
        sad = line(process).split()
        red, green, blue = (int(value) for value in sad[-4:-1])
        assert sad[-1] == "sad"
        assert blue > max(red, green)
        service.publish(sample_estimate(seq=1, valence=0.5, arousal=0.5, mood="excited"))
        red, green, blue = (int(value) for value in line(process).split()[-4:-1])
        assert red > green > blue  # golden


def test_the_lights_example_sends_art_net(service: Service) -> None:
    service.publish(sample_estimate(seq=6))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as node:
        node.bind(("127.0.0.1", 0))
        node.settimeout(PATIENCE_S)
        port = node.getsockname()[1]
        with example("lights.py", service.url, "--artnet", "127.0.0.1", "--port", port):
            packet = node.recv(1024)
    # Identifier, ArtDmx, version 14, sequence, physical, universe 0, length: the standard's order.
    assert packet[:18] == b"Art-Net\0" + bytes([0, 0x50, 0, 14, 7, 0, 0, 0, 0, 4])
    assert len(packet) == 18 + 4
    assert max(packet[18:21]) > 0


def test_the_osc_example_prints_what_is_sent() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    sender = MappedOutlet(plans=[osc_plan(f"127.0.0.1:{port}")])
    with example("osc_receiver.py", port) as process:
        assert process.stdout is not None
        said: list[object] = []
        while not said:  # until it listens, nobody knows whether it does
            assert process.poll() is None
            sender.publish(Marker(label="drop"))
            said, _, _ = select.select([process.stdout], [], [], 0.1)
        text = process.stdout.readline()
    sender.close()
    assert text == "/mer/marker drop\n"


@pytest.mark.skipif(missing() is not None, reason=missing() or "")
def test_a_page_of_one_s_own_uses_the_module_of_the_service(service: Service) -> None:
    handler = partial(SimpleHTTPRequestHandler, directory=str(FOLDER))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as pages, browser() as tab:
        thread = Thread(target=pages.serve_forever)
        thread.start()
        try:
            service.publish(sample_estimate(seq=0, mood="serene"))
            port = pages.server_address[1]
            address = f"http://localhost:{port}/page.html?service=127.0.0.1:{service.port}"
            tab.driver.get(address)
            tab.wait_for("document.getElementById('mood').textContent === 'serene'")
            tab.js("document.getElementById('mark').click()")
            tab.wait_for("document.getElementById('markers').textContent.includes('from my page')")
            assert [marker.label for marker in service.take_markers()] == ["from my page"]
            severe = [line for line in tab.console() if "favicon" not in line]
            assert severe == []
        finally:
            pages.shutdown()
            thread.join()
