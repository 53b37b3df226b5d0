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

# Ends with the first words, and tells what had been imported by then.
PROGRAM = f"""
import json, os, sys
from realtime_mer import cli

class FirstWords:
    def write(self, text):
        if text.strip():
            heavy = [name for name in {HEAVY.split()} if name in sys.modules]
            os.write(1, json.dumps([text, heavy]).encode())
            os._exit(0)

    def flush(self):
        pass

sys.stderr = FirstWords()
cli.main()
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


@pytest.mark.parametrize("typed", COMMANDS)
def test_it_says_what_it_is_about_to_do_before_anything_that_takes_long(
    typed: str, tmp_path: Path
) -> None:
    write_sound(tmp_path / "song.wav", noise(0.1))
    (tmp_path / "table.sqlite").touch()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *typed.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [f"{COMMANDS[typed]} ...", []]


@pytest.mark.parametrize("command", ["show", "replay", "export", "report"])
def test_a_session_that_is_not_there_is_refused_before_anything_heavy_is_imported(
    command: str, tmp_path: Path
) -> None:
    program = (
        "import sys\nfrom realtime_mer import cli\n"
        "assert cli.run() == 1\nprint([one for one in HEAVY.split() if one in sys.modules])"
    )
    options = ["--port", "0"] if command == "replay" else []
    done = subprocess.run(
        [sys.executable, "-c", f"HEAVY = {SLOW!r}\n{program}", "sessions", command, "no", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert "realtime-mer: There is no session 'no'" in done.stderr
    assert done.stdout == "[]\n"


def test_no_command_is_without_first_words() -> None:
    commands = {name for command in cli.app.registered_commands if (name := named(command))}
    assert commands | {"library", "rooms", "sessions"} == {typed.split()[0] for typed in COMMANDS}


def named(command) -> str:
    return command.name or command.callback.__name__
