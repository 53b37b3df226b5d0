"""What the arguments alone tell cannot be is refused before anything heavy is imported."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import noise, write_sound
from tests.patience import PATIENCE_S

HEAVY = "torch torchaudio pyarrow cryptography PySide6 pyqtgraph numpy soundfile soxr"

# One process for all: what none of them imports was imported by no one of them.
PROGRAM = f"""
import contextlib, io, json, sys
from realtime_mer import cli

answers = []
for typed in json.loads(sys.argv[1]):
    sys.argv = ["realtime-mer", *typed]
    with contextlib.redirect_stderr(io.StringIO()) as err:
        status = cli.run()
    heavy = [name for name in {HEAVY.split()} if name in sys.modules]
    answers.append([status, err.getvalue(), heavy])
print(json.dumps(answers))
"""

REFUSED = {
    "live mcrophone": "'mcrophone' is neither a source (mic, system, demo or -) nor a file that "
    "exists: did you mean mic?",
    "live sytem": "nor a file that exists: did you mean system?",
    "live speaker": "did you mean system?",
    "live stdin": "did you mean -?",
    "live gibberish": "'gibberish' is neither a source (mic, system, demo or -) nor a file that "
    "exists",
    "live son.wav": "son.wav does not exist: did you mean song.wav?",
    "live song": "'song' is neither a source (mic, system, demo or -) nor a file that exists: "
    "did you mean song.wav?",
    "live no/song.wav": "no/song.wav does not exist: check the path",
    "live music": "music is a folder: name the audio files in it",
    "live empty.wav": "empty.wav is empty (0 bytes)",
    "live mic --device nosuchdevice": "nosuchdevice",
    "live song.wav --device 3": "--device 3 goes with mic and system",
    "live demo --model defalt": "Did you mean default?",
    "live demo --model torn.safetensors": "torn.safetensors cannot be read as safetensors",
    "live demo --model other.safetensors": "other.json is no JSON",
    "live demo --port BUSY": "in use by another program: choose another with --port",
    "live demo --port 65536": "port 65536 does not exist",
    "live demo --port 0 --token é": "the token must be ASCII",
    "live demo --port 0 --cert no.pem": "--cert no.pem or --key no.pem cannot be read",
    "live demo --port 0 --cert song.wav": "are no certificate with its unencrypted key",
    "live demo --seconds -1": "--seconds -1.0 must be more than 0",
    "live demo --smoothing -1": "--smoothing -1.0 must lie between",
    "live mic --delay -0.2": "--delay -0.2 is impossible: no estimate can come before the sound",
    "live demo --align": "--align is for a microphone",
    "live demo --osc nowhere": "--osc 'nowhere': give HOST:PORT",
    "live demo --osc 9000 --osc-rate 0": "--osc-rate 0.0: give more than 0",
    "live demo --map no.toml": "the mapping no.toml cannot be read: No such file",
    "live demo --map broken.toml": "broken.toml: [[output]] 1, to: it is missing",
    "live demo --map broken.toml --speed max": "--map needs --speed realtime",
    "map check broken.toml": "broken.toml: [[output]] 1, to: it is missing",
    "map show broken.toml": "broken.toml: [[output]] 1, to: it is missing",
    "map show broken.toml son.wav": "son.wav does not exist: did you mean song.wav?",
    "map learn no.toml": "the mapping no.toml cannot be read: No such file",
    "live demo --record-audio": "--record-audio is of no use without --record",
    "live demo --jsonl no/lines": "--jsonl no/lines cannot be written: No such file or directory.",
    "live demo --jsonl music": "--jsonl music cannot be written: Is a directory.",
    "live song.wav --jsonl song.wav": "--jsonl song.wav is the recording itself",
    "live - --rate 0": "0 Hz and 1 channels",
    "live demo --port 0 --record x --encrypt --passphrase-file no": "--passphrase-file no cannot",
    "analyze son.wav": "son.wav does not exist: did you mean song.wav?",
    "analyze song.wav --out no/out": "--out no/out cannot be written: No such file or directory.",
    "analyze song.wav --out song.wav": "--out song.wav is the recording itself",
    "analyze song.wav --model nosuch": "No checkpoint 'nosuch'",
    "annotate musik": "musik does not exist: did you mean music?",
    "annotate music --out table.txt": "table.txt is no table that is known",
    "annotate music --out no/table.csv": "--out no/table.csv cannot be written",
    "annotate music --model nosuch": "No checkpoint 'nosuch'",
    "suggest no.sqlite --at 0,0": "no.sqlite does not exist",
    "suggest table.sqlite": "Say where you are",
    "suggest table.sqlite --at 9,9": "--at 9,9 is no place",
    "path table.sqlite --at 0,0 --to 2,2": "--to 2,2 is no place",
    "suggest table.sqlite --at 0,0 --m3u8 no/set.m3u8": "--m3u8 no/set.m3u8 cannot be written",
    "display http://[": "is no address of a service",
    "display localhost:1 --screenshot no/a.png": "--screenshot no/a.png cannot be written",
    "bench --seconds 0": "--seconds 0.0: watch each session",
    "bench serve --seconds 0": "--seconds 0.0: watch each load",
    "bench rooms --seconds 0": "--seconds 0.0: watch each load",
    "bench serve --streams 3": "--streams and --compute are of use with `realtime-mer bench rooms",
    "bench rooms --streams 0": "--streams 0: give 1 to 1000000",
    "bench --model nosuch": "No checkpoint 'nosuch'",
    "subscribe http://[": "is no address of a service",
    "subscribe localhost:1 --max-rate 0": "max_rate 0.0",
    "subscribe wss://localhost:1 --ca no.pem": "--ca no.pem cannot be read",
    "mark": "Missing argument",
    "sessions replay friday --speed fast": "--speed 'fast'",
    "sessions replay friday --port BUSY": "in use by another program",
    "sessions export friday --out no/friday.csv": "--out no/friday.csv cannot be written",
    "sessions report friday --out no/friday.pdf": "--out no/friday.pdf cannot be written",
    "sessions delete": "Nothing to delete",
    "dvices": "Did you mean 'devices'?",
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str, list[str]]]:
    """What each refused command came to: status, standard error, and what heavy was imported."""
    folder = tmp_path_factory.mktemp("refused")
    write_sound(folder / "song.wav", noise(0.1))
    (folder / "music").mkdir()
    for name in ("empty.wav", "table.sqlite", "other.json", "other.safetensors"):
        (folder / name).touch()
    (folder / "torn.json").write_text("{}")
    (folder / "broken.toml").write_text("[[output]]")
    (folder / "torn.safetensors").write_bytes(b"\x10")
    with socket.create_server(("127.0.0.1", 0)) as holder:
        busy = str(holder.getsockname()[1])
        typed = [[busy if word == "BUSY" else word for word in line.split()] for line in REFUSED]
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, json.dumps(typed)],
            cwd=folder,
            env={**os.environ, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
    assert done.returncode == 0, done.stderr
    return dict(zip(REFUSED, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("typed", REFUSED)
def test_it_is_refused_before_anything_heavy_is_imported(typed: str, answers) -> None:
    status, err, heavy = answers[typed]
    if typed == "live mic --device nosuchdevice":  # what is wrong depends on the machine
        assert "device" in err
    else:
        assert REFUSED[typed] in err
    assert status != 0
    assert heavy == []


def test_a_file_that_exists_is_no_mistyped_word(tmp_path: Path) -> None:
    from realtime_mer.audio.spec import check_source

    song = write_sound(tmp_path / "mic.wav", noise(0.1)).rename(tmp_path / "mikrophone")
    check_source(str(song), device=None, paced=True, raw=None)


def test_nothing_is_made_where_a_file_could_be_written(tmp_path: Path) -> None:
    from realtime_mer.commands.refusals import check_output

    check_output(tmp_path / "new.csv", option="--out")
    assert list(tmp_path.iterdir()) == []
