"""A room is fed by a stream of the web, which is fetched again when it breaks off."""

import io
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import soundfile

from realtime_mer.errors import InputError
from realtime_mer.rooms.fetching.address import WebAddress, web_address
from tests.rooms.serving import Watcher, serving
from tests.tones import RATE, tones

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


@contextmanager
def a_station(seconds: float) -> Iterator[tuple[str, list[str]]]:
    """A server that plays so much sound to whoever comes, and then breaks off."""
    sound = io.BytesIO()
    soundfile.write(sound, tones(seconds, music=0.9), RATE, format="OGG", subtype="VORBIS")
    asked: list[str] = []

    class Station(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "audio/ogg")
            self.end_headers()
            self.wfile.write(sound.getvalue())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Station) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


@needs_ffmpeg
def test_a_stream_feeds_its_room_and_is_fetched_again_after_a_gap(tmp_path: Path) -> None:
    with a_station(2.0) as (url, asked):
        stream = WebAddress("radio", f"{url}/live?key=secret")
        with (
            serving(tmp_path, streams=(stream,)) as at,
            Watcher(at, "radio", "estimates", "status") as watcher,
        ):
            found = at.all_of("radio")
            watcher.wait(35)
            there = at.service.find("radio")
            assert there is not None
            assert there.source == f"{url}/live"  # and no key
        assert set(asked) == {"/live?key=secret"}
        assert len(asked) >= 2
        statuses = [estimate["status"] for estimate in found]
        assert "gap" in statuses
        assert [line for line in at.said if "secret" in line] == []
        assert "broke off" in at.said[0]
        heard = [e["valence"] for e in found if e["seq"] in range(5, 15)]
        assert heard == pytest.approx([0.9] * 10, abs=0.01)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("radio", "NAME=URL"),
        ("=http://x", "name"),
        ("radio=file:///etc/passwd", "http"),
        ("radio=concat:a|b", "http"),
        ("radio=http://", "http"),
        ("radio=http://host:port/", "http"),
    ],
)
def test_what_is_no_stream_of_the_web_is_refused(text: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        web_address(text)


@needs_ffmpeg
def test_what_is_shown_of_an_address_holds_no_secrets() -> None:
    address = web_address("radio=https://me:pass@host:8443/a/b?token=1#x")
    assert address.room == "radio"
    assert address.shown == "https://host:8443/a/b"
