"""Every command says at once what it is about to do, before it imports anything that takes long."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from realtime_mer import cli
from tests.command_line import noise, write_sound
from tests.patience import PATIENCE_S

SLOW = "torch torchaudio pyarrow PySide6 pyqtgraph numpy soundfile"
HEAVY = "torch torchaudio pyarrow cryptography PySide6 pyqtgraph numpy soundfile websockets asyncio"

# One process for all: what none of them had imported was imported by no one of them. First words
# end a command, and tell what had been imported by then.
PROGRAM = f"""
import json, sys
from realtime_mer import cli

class Said(BaseException):
    pass

class FirstWords:
    def write(self, text):
        if text.strip():
            raise Said(text)

    def flush(self):
        pass

said = []
sys.stderr = FirstWords()
for typed in json.loads(sys.argv[1]):
    sys.argv = ["realtime-mer", *typed.split()]
    try:
        words = cli.run()
    except Said as first:
        words = str(first)
    said.append([words, [name for name in {HEAVY.split()} if name in sys.modules]])
print(json.dumps(said))
"""

# The same of what is refused: it ends by itself, with its status and all its words.
REFUSALS = f"""
import contextlib, io, json, sys
from realtime_mer import cli

said = []
for typed in json.loads(sys.argv[1]):
    sys.argv = ["realtime-mer", *typed.split()]
    with contextlib.redirect_stderr(io.StringIO()) as err:
        status = cli.run()
    heavy = [name for name in {SLOW.split()} if name in sys.modules]
    said.append([status, err.getvalue(), heavy])
print(json.dumps(said))
"""

COMMANDS = {
    "live": "Listening: choosing a source",
    "live mic": "Listening: opening the microphone",
    "live system": "Listening: opening what this machine plays",
    "live demo --jsonl -": "Listening to the built-in piece",
    "live song.wav": "Listening to song.wav",
    "live mic --device 3": "Listening: opening the microphone",
    "analyze song.wav": "Analysing song.wav",
    "analyze song.wav song.wav": "Analysing 2 files",
    "annotate .": "Looking for music in .",
    "suggest table.sqlite --at 0,0": "Looking through table.sqlite",
    "path table.sqlite --at 0,0": "Looking through table.sqlite",
    "library check table.sqlite": "Reading table.sqlite",
    "tag table.sqlite": "Looking at the tags of table.sqlite",
    "features song.wav": "Analysing song.wav",
    "devices --json": "Asking the sound system for its devices",
    "doctor --json": "Checking what a session needs",
    "subscribe 127.0.0.1:1 --jsonl": "Connecting to 127.0.0.1:1",
    "mark drop 127.0.0.1:1": "Setting the marker at 127.0.0.1:1",
    "display 127.0.0.1:1": "Opening the window on 127.0.0.1:1",
    "bench --json": "Measuring the speed of the recogniser",
    "bench serve": "Measuring how many subscribers the service bears",
    "bench rooms": "Measuring how many streams one process bears",
    "rooms send hall demo --to 127.0.0.1:1": "Sending to room hall: connecting to 127.0.0.1:1",
    "rooms serve --port 0 --no-keep": "Serving rooms: loading the model",
    "sessions list": "Reading the sessions",
    "sessions show friday": "Reading friday",
    "sessions replay friday --port 0": "Replaying friday",
    "sessions export friday": "Exporting friday",
    "sessions report friday": "Writing a report of friday",
    "sessions delete friday": "Reading the sessions",
}


@pytest.fixture(scope="module")
def first_words(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[object]]:
    """The first words of each command, and what heavy was imported by then."""
    folder = tmp_path_factory.mktemp("first-words")
    write_sound(folder / "song.wav", noise(0.1))
    (folder / "table.sqlite").touch()
    return dict(zip(COMMANDS, said(PROGRAM, [*COMMANDS], folder), strict=True))


def said(program: str, typed: list[str], folder: Path) -> list[list[object]]:
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(typed)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    answers: list[list[object]] = json.loads(done.stdout)
    return answers


@pytest.mark.parametrize("typed", COMMANDS)
def test_it_says_what_it_is_about_to_do_before_anything_that_takes_long(
    typed: str, first_words: dict[str, list[object]]
) -> None:
    assert first_words[typed] == [f"{COMMANDS[typed]} ...", []]


def test_a_session_that_is_not_there_is_refused_before_anything_heavy_is_imported(
    tmp_path: Path,
) -> None:
    typed = ["show no", "replay no --port 0", "export no", "report no"]
    for status, err, heavy in said(REFUSALS, [f"sessions {each}" for each in typed], tmp_path):
        assert (status, heavy) == (1, [])
        assert "realtime-mer: There is no session 'no'" in str(err)


def test_no_command_is_without_first_words() -> None:
    commands = {name for command in cli.app.registered_commands if (name := named(command))}
    assert commands | {"library", "rooms", "sessions"} == {typed.split()[0] for typed in COMMANDS}


def named(command) -> str:
    return command.name or command.callback.__name__
