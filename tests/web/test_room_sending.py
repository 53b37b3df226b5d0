"""The page that sends what a browser hears, in a Chromium whose microphone plays a file."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from realtime_mer.sessions.store import FOLDER_VARIABLE
from realtime_mer.wording import ROOM_NOTICES
from tests.patience import PATIENCE_S
from tests.rooms.serving import Serving, serving
from tests.tones import tones
from tests.web.browser import DESKTOP, PHONE, Browser, browser, missing, until

pytestmark = pytest.mark.slow

STATE = "document.getElementById('state-word').textContent"
START = "document.getElementById('start').click()"


@pytest.fixture(scope="module")
def hearing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose microphone hears a low tone, of which a ``ToneRecognizer`` says music."""
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    sound = tmp_path_factory.mktemp("sound") / "tone.wav"
    soundfile.write(sound, np.repeat(tones(20.0, music=1.0), 2), 48_000, subtype="PCM_16")
    with browser(
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={sound}",
    ) as started:
        yield started


def told(at: Serving) -> dict[str, Any]:
    """What the service says of the room; empty before there is one."""
    with urllib.request.urlopen(f"http://127.0.0.1:{at.service.port}/rooms") as answer:
        rooms = json.load(answer)["rooms"]
    return rooms[0] if rooms else {}


def wait_for_music(at: Serving, *, after: float = 0.0) -> dict[str, Any]:
    """Wait until the room hears music, later than at a time of its own."""

    def music() -> dict[str, Any] | None:
        room = told(at)
        good = room.get("status") == "music" and room["estimate"]["t"] > after
        return room if good else None

    return until(music, what="music in the room", seconds=PATIENCE_S) or {}


def test_the_microphone_opens_only_at_start_and_the_room_hears_it_until_stop(
    hearing: Browser, tmp_path: Path
) -> None:
    with serving(tmp_path) as at:
        hearing.open(at.service, page="rooms/lobby/send", size=PHONE)
        assert hearing.wait_for("document.getElementById('room').textContent") == "lobby"
        consent = hearing.text("#consent")
        assert consent.startswith("When you press Start, this page opens the microphone")
        hearing.js(
            "const media = navigator.mediaDevices; window.opened = 0;"
            "const real = media.getUserMedia.bind(media);"
            "media.getUserMedia = (wanted) => { opened += 1; window.wanted = wanted;"
            "return real(wanted); };"
        )
        assert hearing.js(f"return [{STATE}, opened]") == ["off", 0]
        hearing.js(START)
        hearing.wait_for(f"{STATE} === 'sending'")
        assert hearing.js("return opened") == 1
        wanted = hearing.js("return wanted.audio")
        assert not any(wanted.values())  # nothing is to be done to its sound
        assert hearing.text("#notice").startswith("Nothing of what you send is stored")
        room = wait_for_music(at)
        assert (room["counts"]["gaps"], room["source"]) == (0, "the microphone of a browser")
        hearing.wait_for("parseInt(document.getElementById('level').textContent.slice(1)) < 40")
        assert hearing.js("return [sent, lost].map((e) => e.textContent)")[1] == "nothing"
        fed = at.service.find("lobby")
        assert fed is not None
        fed.lose(12_000, gap=True)
        hearing.wait_for(
            "document.getElementById('lost').textContent === '0.5 s, 0.5 s of it at the service'"
        )
        wide = "document.documentElement.scrollWidth > innerWidth"
        assert hearing.js(f"return {wide}") is False
        hearing.js(START)
        hearing.wait_for(f"{STATE} === 'off'")
        until(lambda: told(at)["state"] == "ended", what="the end of the sound")
        hearing.driver.get("about:blank")


def test_what_is_heard_while_the_service_is_away_is_kept_and_sent_when_it_is_back(
    hearing: Browser, tmp_path: Path
) -> None:
    with serving(tmp_path) as at:
        port = at.service.port
        hearing.open(at.service, page="rooms/lobby/send", size=DESKTOP)
        hearing.wait_for(f"{STATE} === 'off'")
        hearing.js(START)
        t = wait_for_music(at)["estimate"]["t"]
    hearing.wait_for(f"{STATE} === 'reconnecting'")
    hearing.wait_for("document.getElementById('waiting').textContent !== 'nothing'")
    with serving(tmp_path, port=port) as at:
        room = wait_for_music(at, after=t + 1)
        hearing.wait_for(f"{STATE} === 'sending'")
        assert (room["counts"]["gaps"], room["counts"]["lost_s"]) == (0, 0)
        hearing.wait_for("document.getElementById('waiting').textContent === 'nothing'")
        assert hearing.text("#lost") == "nothing"
        hearing.driver.get("about:blank")


def test_a_service_that_keeps_the_sound_is_asked_about_before_it_gets_any(
    hearing: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "sessions"))
    with serving(tmp_path) as at:
        port = at.service.port
        hearing.open(at.service, page="rooms/lobby/send", size=DESKTOP)
        hearing.wait_for(f"{STATE} === 'off'")
        hearing.js(START)
        t = wait_for_music(at)["estimate"]["t"]
    recorded = {"rooms": ("lobby",), "record_sound": ("lobby",)}
    with serving(tmp_path, port=port, **recorded) as at:
        hearing.wait_for(f"{STATE} === 'off'")  # nobody has agreed to that
        assert "keeps the sound from now on" in hearing.text("#problem")
        assert told(at)["counts"]["messages"] == 0
        hearing.js(START)
        hearing.wait_for("document.getElementById('store-dialog').open")
        assert hearing.text("#store-notice") == ROOM_NOTICES[True, True]
        assert told(at)["counts"]["messages"] == 0
        hearing.js("document.querySelector('#store-dialog [value=send]').click()")
        wait_for_music(at, after=t)
        assert hearing.js("return document.getElementById('notice').className") == "warns"
    with serving(tmp_path, port=port, **recorded) as at:
        wait_for_music(at, after=t)  # it was agreed to, and goes on
        hearing.driver.get("about:blank")


def test_a_room_that_asks_for_a_token_opens_no_microphone_before_it_has_one(
    hearing: Browser, tmp_path: Path
) -> None:
    with serving(tmp_path, ask=True) as at:
        hearing.open(at.service, page="rooms/lobby/send")
        hearing.wait_for(f"{STATE} === 'off'")
        hearing.js(
            "window.opened = 0;navigator.mediaDevices.getUserMedia = async () => { opened += 1; }"
        )
        hearing.js(START)
        hearing.wait_for("document.getElementById('token-dialog').open")
        assert hearing.js(f"return [{STATE}, opened]") == ["off", 0]
        hearing.driver.get("about:blank")


def test_a_microphone_that_is_denied_is_said_and_can_be_tried_again(
    hearing: Browser, tmp_path: Path
) -> None:
    with serving(tmp_path) as at:
        hearing.open(at.service, page="rooms/lobby/send")
        hearing.wait_for(f"{STATE} === 'off'")
        hearing.js(
            "navigator.mediaDevices.getUserMedia = async () => {"
            " throw new DOMException('no', 'NotAllowedError'); }"
        )
        hearing.js(START)
        problem = "document.getElementById('problem').textContent"
        assert hearing.wait_for(problem).startswith("The microphone may not be used")
        assert hearing.js(f"return [{STATE}, start.textContent, start.disabled]") == [
            "off",
            "Start",
            False,
        ]
        hearing.driver.get("about:blank")


def test_samples_that_gave_way_unsent_are_lost_and_those_underway_are_sent_again(
    hearing: Browser, tmp_path: Path
) -> None:
    with serving(tmp_path) as at:
        hearing.open(at.service, page="rooms/lobby/send")
        blocks = "for (let n = 0; n < 20; n += 1) kept.add(10 * n, new Int16Array(10));"
        script = f"const kept = new m.Kept(100); {blocks}"
        assert hearing.module("kept.js", f"{script} return [kept.lost, kept.waiting]") == [100, 100]
        assert hearing.module("kept.js", f"{script} return kept.take().index") == 100
        again = "while (kept.take()); kept.confirm(150); kept.goBackTo(160);"
        assert hearing.module("kept.js", f"{script} {again} return kept.take().index") == 160
        forgot = "while (kept.take()); kept.confirm(180); kept.goBackTo(0);"
        found = hearing.module("kept.js", f"{script} {forgot} return [kept.lost, kept.next]")
        assert found == [100, 100]
        bytes_ = hearing.module(
            "feeder.js", "return [...new Uint8Array(m.message(258, new Int16Array([1, -2])))]"
        )
        assert bytes_ == [2, 1, 0, 0, 0, 0, 0, 0, 1, 0, 254, 255]
        hearing.driver.get("about:blank")
