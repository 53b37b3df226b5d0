"""A MIDI library that writes down what it is told, for the process that holds a port."""

from pathlib import Path

import pytest

_LIBRARY = """
import json, os, time
API_LINUX_ALSA, API_RTMIDI_DUMMY = 2, 5
class RtMidiError(Exception): pass
def get_compiled_api(): return [int(os.environ["FAKE_API"])]
class MidiOut:
    def __init__(self, api, name):
        if api == 9: raise RtMidiError("no")
    def get_ports(self):
        return open(os.environ["FAKE_PORTS"]).read().split("|")
    def open_port(self, place, name): self._tell("open %d" % place)
    def open_virtual_port(self, name): self._tell("own " + name)
    def close_port(self): self._tell("closed")
    def send_message(self, data):
        if list(data) == [0xC0, 99]: time.sleep(3600)
        self._tell(json.dumps(list(data)))
    def _tell(self, text):
        with open(os.environ["FAKE_LOG"], "a") as log: log.write(text + "\\n")
"""


class FakeMidi:
    """A machine with three MIDI ports.

    Args:
        folder: where the library is put.
        monkeypatch: makes the process that holds a port find it.

    Attributes:
        log, ports: files of what the library was told, and of its ports.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (folder / "rtmidi.py").write_text(_LIBRARY)
        self.log, self.ports = folder / "log", folder / "ports"
        self.ports.write_text("Synth A:in|Synth B:in|Drums")
        monkeypatch.setenv("PYTHONPATH", str(folder))
        monkeypatch.syspath_prepend(folder)  # so that it counts as installed
        monkeypatch.setenv("FAKE_API", "3")
        monkeypatch.setenv("FAKE_LOG", str(self.log))
        monkeypatch.setenv("FAKE_PORTS", str(self.ports))

    @property
    def told(self) -> list[str]:
        """What the library was told, a line each."""
        return self.log.read_text().splitlines()
