"""The files of the browser display, without a browser."""

import json
import posixpath
import re
from dataclasses import asdict
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer import emotion, mood, web
from realtime_mer.estimate import Status
from realtime_mer.web import library, rooms
from realtime_mer.wording import (
    NEEDS_SOMEBODY,
    OUTLET_NOTE,
    QUADRANT_WORDS,
    RECORDING_BADGES,
    ROOM_WORDS,
    STATUS_NOTES,
    STATUS_WORDS,
    TURN_SIGN,
    TURN_WORDS,
    WAITING_NOTE,
    WAITING_WORD,
)


def source(path: str) -> str:
    found = web.asset(path)
    assert found is not None
    return found.body.decode()


def test_every_file_of_the_folder_is_served_and_the_root_is_the_page() -> None:
    folder = {entry.name for entry in files(web).iterdir() if entry.is_file()}
    pages = {"": "index.html", "overlay": "overlay.html"}
    names = [path.removeprefix("/") for path in web.PATHS]
    served = {pages.get(name, name) for name in names}
    assert served == {name for name in folder if not name.endswith(".py")}
    assert source("/").startswith("<!doctype html>")


def test_every_file_of_the_rooms_is_served_and_none_hides_one_of_a_session() -> None:
    folder = {entry.name for entry in files(rooms).iterdir() if entry.is_file()}
    pages = {"rooms": "wall.html", "send": "send.html"}
    names = [path.removeprefix("/") for path in rooms.PATHS]
    assert {pages.get(name, name) for name in names} == {
        name for name in folder if not name.endswith(".py")
    }
    assert not set(rooms.PATHS) & set(web.PATHS)
    assert [path for path in rooms.PATHS if rooms.asset(path).microphone] == ["/send"]
    for path in web.PATHS:
        assert rooms.asset(path) == web.asset(path)
    assert rooms.asset("/wall.html") is None


def test_the_pages_of_rooms_name_nothing_of_another_host_and_import_what_is_there() -> None:
    for path in rooms.PATHS:
        found = rooms.asset(path)
        assert found is not None
        text = found.body.decode()
        assert not re.findall(r"(?:https?:|wss?:)?//[a-z0-9][\w.-]+", text), path
        assert "<style" not in text
        assert not re.search(r"\s(style|on\w+)=\"", text), path
        for name in re.findall(r'from "\.(/[\w.-]+)"', text):
            assert rooms.asset(name) is not None, (path, name)
        for name in re.findall(r'(?:src|href)="([\w.-]+)"', text):
            assert rooms.asset(f"/{name}") is not None, (path, name)


def test_the_page_of_a_library_has_all_that_it_loads_and_nothing_of_another_host() -> None:
    folder = {entry.name for entry in files(library).iterdir() if entry.is_file()}
    own = {path.removeprefix("/library/") for path in library.PATHS if "/library/" in path}
    assert {*own, "index.html"} == {name for name in folder if not name.endswith(".py")}
    for path in library.PATHS:
        found = library.asset(path)
        assert found is not None
        text = found.body.decode()
        if path not in web.PATHS or path == "/":
            assert not re.findall(r"(?:https?:|wss?:)?//[a-z0-9][\w.-]+", text), path
        loaded = re.findall(r'(?:from|import) "(\.\.?/[^"]+)"|(?:href|src)="([^"]+)"', text)
        for names in loaded:
            name = next(filter(None, names))
            whole = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
            assert library.asset(whole) is not None, (path, name)
    page = library.asset("/")
    assert page is not None
    assert b"<style" not in page.body
    assert not re.search(rb"\s(style|on\w+)=\"", page.body)
    for path in ("/app.js", "/library/index.html", "/library/__init__.py", "/library/../app.js"):
        assert library.asset(path) is None


@pytest.mark.parametrize("path", web.PATHS)
def test_a_file_has_a_body_and_the_type_of_its_name(path: str) -> None:
    found = web.asset(path)
    assert found is not None
    assert found.body
    types = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
    expected = types.get(path.rpartition(".")[2], "text/html")
    assert found.content_type.partition(";")[0] == expected


@pytest.mark.parametrize(
    "path",
    [
        "",
        "index.html",
        "/index.html",
        "/__init__.py",
        "/../errors.py",
        "/%2e%2e/errors.py",
        "//style.css",
        "/style.css/",
        "/style.css?x",
        "/STYLE.CSS",
        "/etc/passwd",
        "\0",
    ],
)
def test_other_paths_are_not_there(path: str) -> None:
    assert web.asset(path) is None


@given(st.text())
def test_no_path_but_those_listed_gives_a_file(path: str) -> None:
    assert (web.asset(path) is not None) == (path in web.PATHS)


def test_the_page_names_nothing_of_another_host_and_holds_no_inline_script_or_style() -> None:
    for path in web.PATHS:
        text = source(path).replace("http://www.w3.org/2000/svg", "")
        addresses = re.findall(r"(?:https?:|wss?:)?//[a-z0-9][\w.-]+", text)
        # Comments show how a program connects.
        assert set(addresses) <= {"ws://127.0.0.1"}, path
    page = source("/")
    assert "<style" not in page
    assert not re.search(r"\s(style|on\w+)=", page)
    assert re.findall(r"<script[^>]*>", page) == ['<script type="module" src="app.js">']


def test_the_words_of_the_page_are_those_of_the_package() -> None:
    page = constants(source("/emotion.js"))
    assert page == {
        "MOOD_WORDS": [asdict(word) for word in emotion.MOOD_WORDS],
        "QUADRANTS": [{"name": name, "label": QUADRANT_WORDS[name]} for name in emotion.QUADRANTS],
        "GEMS": list(emotion.GEMS),
        "MIDDLE_RADIUS": emotion.MIDDLE_RADIUS,
        "MAJORITY": mood.MAJORITY,
        "BETWEEN": mood.BETWEEN,
        "BETWEEN_SHORT": mood.BETWEEN_SHORT,
        "STATUS": {
            status.value: {"word": STATUS_WORDS[status], "note": STATUS_NOTES[status]}
            for status in Status
        },
        "TURN_WORDS": TURN_WORDS,
        "OUTLET_NOTE": OUTLET_NOTE,
        "WAITING": {"word": WAITING_WORD, "note": WAITING_NOTE},
        "ROOM": {state: {"word": word, "note": note} for state, (word, note) in ROOM_WORDS.items()},
        "RECORDING_BADGES": [
            {"recorded": list(recorded), "badge": badge}
            for recorded, badge in RECORDING_BADGES.items()
        ],
        "ATTENTION": [status.value for status in NEEDS_SOMEBODY],
    }


def test_the_page_tells_of_turns_by_the_sign_of_the_package() -> None:
    assert f"<dt>{TURN_SIGN} {TURN_WORDS}, to a new section or song</dt>" in source("/")


def constants(script: str) -> dict[str, Any]:
    """Return the constants that a module of nothing but constants exports, by their names."""
    without_comments = re.sub(r"/\*.*?\*/", "", script, flags=re.DOTALL)
    found = {}
    for statement in without_comments.split(";\n"):
        if statement.strip():
            export = re.fullmatch(r"\s*export const (\w+) = (.*)", statement, re.DOTALL)
            assert export is not None, statement
            name, literal = export.groups()
            # Outside texts JavaScript differs from JSON in its bare keys and its last commas.
            quoted = re.sub(
                r'"[^"]*"|\b[a-z_]+(?=:)',
                lambda found: found[0] if found[0].startswith('"') else f'"{found[0]}"',
                literal,
            )
            found[name] = json.loads(re.sub(r",(?=\s*[\]}])", "", quoted))
    return found
