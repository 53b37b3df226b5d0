"""What is fuzzed: a way to damage something as a seed has it, and everything that reads it.

A target is prepared in a folder and then tried with seeds. A try raises nothing where all is well:
the errors of this package are an answer like any other, and every other exception is a fault.
"""

import io
import json
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import soundfile

from realtime_mer.errors import ProtocolError, RealtimeMerError
from realtime_mer.library.rows import row_of, track_of
from realtime_mer.library.tables import read_table, write_table
from realtime_mer.wire.control import (
    DeviceEntry,
    Devices,
    SessionState,
    parse_command,
    parse_report,
)
from realtime_mer.wire.protocol import (
    SERVER_TYPES,
    encode,
    parse_client_message,
    parse_server_message,
)
from tests.fuzzing.damage import damaged, forged, with_number
from tests.library.made import made_sound, made_track

Try = Callable[[int], None]
Target = Callable[[Path], Try]

EVER_FAILED: Mapping[str, tuple[int, ...]] = {
    "audio": (0, 9, 45, 500437),
    "checkpoints": (508517, 518551),
    "messages": (),
    "sessions": (),
    "tables": (2358, 2527),
}
"""Seeds that once raised what they should not, by target."""

_HEAD = 256  # bytes in which most of a header stands
_RATE = 22_050
_LONGEST_S = 60.0  # of sound that is read, however much there is


# -- audio -----------------------------------------------------------------------------------------


def audio(folder: Path) -> Try:
    """Return the fuzzer of sound files: headers, lengths, cuts, joins."""
    from realtime_mer.audio.files import load_audio

    files = _sounds()
    good = folder / "good.wav"
    good.write_bytes(files["wav"])
    expected = load_audio(good)
    names = sorted(files)

    def one(seed: int) -> None:
        draw = random.Random(seed)
        suffix = draw.choice(names)
        content = files[suffix]
        for _ in range(draw.choice((1, 1, 2, 5))):
            what = draw.random()
            if what < 0.6:
                content = with_number(draw, content, head=_HEAD)
            elif what < 0.8 and content:
                content = damaged(draw, content)
            elif what < 0.9:
                content += files[draw.choice(names)]
            else:
                content = content[: draw.randrange(len(content) + 1)]
        path = folder / f"bad.{draw.choice((suffix, draw.choice(names)))}"
        path.write_bytes(content)
        try:
            samples = load_audio(path, longest_s=_LONGEST_S)
        except RealtimeMerError:
            pass
        else:
            assert np.isfinite(samples).all()
        finally:
            path.unlink()
        if seed % 20 == 0:  # what was read costs nothing that is read next
            np.testing.assert_array_equal(load_audio(good), expected)

    return one


def _sounds() -> dict[str, bytes]:
    """Return a short sound in every container and coding that can be written here."""
    draw = np.random.default_rng(0)
    sound = (0.1 * draw.standard_normal((_RATE // 2, 2))).astype(np.float32)
    ways = {
        "wav": ("WAV", "PCM_16"),
        "wave": ("WAVEX", "FLOAT"),
        "rf64": ("RF64", "PCM_24"),
        "w64": ("W64", "PCM_16"),
        "aiff": ("AIFF", "PCM_16"),
        "aifc": ("AIFF", "IMA_ADPCM"),
        "au": ("AU", "ULAW"),
        "caf": ("CAF", "ALAC_16"),
        "flac": ("FLAC", "PCM_16"),
        "ogg": ("OGG", "VORBIS"),
        "opus": ("OGG", "OPUS"),
        "mp3": ("MP3", "MPEG_LAYER_III"),
    }
    files = {}
    for suffix, (format, subtype) in ways.items():
        file = io.BytesIO()
        rate = 48_000 if subtype == "OPUS" else _RATE
        one = sound[:, :1] if subtype == "IMA_ADPCM" else sound
        soundfile.write(file, one, rate, format=format, subtype=subtype)
        files[suffix] = file.getvalue()
    return files


# -- cards and weights -----------------------------------------------------------------------------


def checkpoints(folder: Path) -> Try:
    """Return the fuzzer of cards, weights and ``.onnx`` files, whose hash the card is given."""
    from realtime_mer.model.checkpoint import save_checkpoint
    from realtime_mer.model.files import card_path, check_checkpoint, network_path, weights_path
    from realtime_mer.model.network_file import sha256
    from realtime_mer.recognizer import reference
    from realtime_mer.recognizer.loading import load_recognizer
    from tests.networks import random_checkpoint
    from training.export.network import network_file

    stem = folder / "network"
    whole = random_checkpoint()
    save_checkpoint(stem, whole.network, whole.card)
    card, weights = card_path(stem).read_bytes(), weights_path(stem).read_bytes()
    network = network_file(whole)
    noise = 0.1 * np.random.default_rng(0).standard_normal((1, 12_000)).astype(np.float32)
    hear = load_recognizer(stem, "cpu")
    hear.step(noise, hear.initial_state())  # which the whole one does
    # torch keeps each graph that it froze until the process ends, some megabytes a network.
    untraced = mock.patch.object(reference, "_compile", lambda module, *example: module)

    def one(seed: int) -> None:
        draw = random.Random(seed)
        bad_card, bad_weights, bad_network = card, weights, network
        what = draw.random()
        if what < 0.5:
            bad_card = _forged_bytes(draw, card)
        elif what < 0.8:
            bad_weights = _forged_weights(draw, weights)
        else:
            bad_network = damaged(draw, network)
            told = {**json.loads(card), "onnx_sha256": sha256(bad_network)}
            bad_card = json.dumps(told).encode()
        card_path(stem).write_bytes(bad_card)
        weights_path(stem).write_bytes(bad_weights)
        network_path(stem).write_bytes(bad_network)
        with suppress(RealtimeMerError), untraced:
            check_checkpoint(stem)
            recognizer = load_recognizer(stem, "cpu")
            recognizer.step(noise, recognizer.initial_state())

    return one


def _forged_bytes(draw: random.Random, content: bytes) -> bytes:
    if draw.random() < 0.2:
        return damaged(draw, content)
    value = json.loads(content)
    for _ in range(draw.choice((1, 1, 3))):
        value = forged(draw, value)
    return json.dumps(value).encode()


def _forged_weights(draw: random.Random, content: bytes) -> bytes:
    """Damage the header of a safetensors file, or its numbers."""
    if draw.random() < 0.3:
        return damaged(draw, content)
    if draw.random() < 0.2:
        return with_number(draw, content, head=8)
    length = int.from_bytes(content[:8], "little")
    header = json.dumps(forged(draw, json.loads(content[8 : 8 + length]))).encode()
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


# -- sessions --------------------------------------------------------------------------------------


def sessions(folder: Path) -> Try:
    """Return the fuzzer of sessions, whose folder the environment names."""
    from tests.sessions.fuzz import files_of, fuzz, made

    session = made()
    files = files_of(session)
    return lambda seed: fuzz(seed, session, files, folder / "out")


# -- tables ----------------------------------------------------------------------------------------


def tables(folder: Path) -> Try:
    """Return the fuzzer of tables of tracks: CSV, Parquet and SQLite."""
    from realtime_mer.library.store import TrackStore
    from realtime_mer.library.walk import AudioFile

    tracks = [made_track(f"/music/{number}.flac", valence=number / 20) for number in range(12)]
    for suffix in ("csv", "parquet"):
        write_table(folder / f"table.{suffix}", tracks)
    with TrackStore(folder / "table.sqlite") as store:
        for track in tracks:
            file = AudioFile(path=track.path, size=1, mtime_ns=1)
            store.put(file, track, made_sound(track.path))
    files = {suffix: (folder / f"table.{suffix}").read_bytes() for suffix in _TABLES}

    def one(seed: int) -> None:
        draw = random.Random(seed)
        suffix = draw.choice(_TABLES)
        content = files[suffix]
        for _ in range(draw.choice((1, 1, 3))):
            if suffix == "csv" and draw.random() < 0.7:
                content = _forged_cell(draw, content)
            elif draw.random() < 0.5:
                content = with_number(draw, content or b"\0", head=len(content) or 1)
            else:
                content = damaged(draw, content or b"\0")
        path = folder / f"bad.{suffix}"
        path.write_bytes(content)
        try:
            for track in read_table(path):
                assert track == track_of(row_of(track))
        except RealtimeMerError:
            pass

    return one


_TABLES = ("csv", "parquet", "sqlite")


def _forged_cell(draw: random.Random, content: bytes) -> bytes:
    cells = content.split(b",")
    value = str(forged(draw, None)) if draw.random() < 0.9 else '\0\r\n"'
    cells[draw.randrange(len(cells))] = value.encode("utf-8", "surrogatepass")
    return b",".join(cells)


# -- messages --------------------------------------------------------------------------------------


def messages(folder: Path) -> Try:
    """Return the fuzzer of messages, of the service and of the window's pipe."""
    from tests.wire.test_control import LINES
    from tests.wire.test_protocol import CLIENT_MESSAGES, SERVER_MESSAGES

    device = DeviceEntry(kind="mic", name="USB", default=True)
    state = SessionState(
        paused=False, source="mic", device="USB", title="USB", recording="friday", sound=True
    )
    texts = [encode(message) for message in (*SERVER_MESSAGES.values(), *CLIENT_MESSAGES.values())]
    texts += LINES
    texts += [report.to_json() for report in (state, Devices(devices=(device,)))]

    def one(seed: int) -> None:
        draw = random.Random(seed)
        text: Any = draw.choice(texts)
        if draw.random() < 0.7:
            text = json.dumps(forged(draw, json.loads(text)), ensure_ascii=draw.random() < 0.5)
        if draw.random() < 0.4:
            text = damaged(draw, text.encode()).decode("utf-8", "replace")
        for parse in (parse_command, parse_report):
            parse(text)
        for read in (parse_client_message, parse_server_message):
            try:
                message = read(text)
            except ProtocolError:
                continue
            if type(message) in SERVER_TYPES.values():
                written = encode(message)  # rounded, so what was read may have had more digits
                again = parse_server_message(written)
                assert again is not None
                assert encode(again) == written

    return one


TARGETS: Mapping[str, Target] = {
    "audio": audio,
    "checkpoints": checkpoints,
    "messages": messages,
    "sessions": sessions,
    "tables": tables,
}
