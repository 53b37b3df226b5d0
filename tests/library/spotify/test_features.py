"""Tracks in the shape of Spotify's audio features, as JSON and over HTTP."""

import csv
import http.client
import json
import re
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import spotipy
from hypothesis import given
from hypothesis import strategies as st

from realtime_mer.errors import InputError, ServiceError
from realtime_mer.library.spotify.answers import MOST_IDS
from realtime_mer.library.spotify.features import audio_features, by_id, own_id
from realtime_mer.library.spotify.ids import read_ids
from realtime_mer.library.spotify.serve import FeatureServer
from realtime_mer.library.tables import read_table, write_table
from tests.command_line import call, command, noise, write_model, write_sound
from tests.library.made import made_track

# As developer.spotify.com has it of the object AudioFeatures.
SHAPE = (
    "acousticness analysis_url danceability duration_ms energy id instrumentalness key liveness "
    "loudness mode speechiness tempo time_signature track_href type uri valence"
).split()
ESTIMATED = {"duration_ms", "energy", "id", "loudness", "type", "uri", "valence"}

TRACKS = [
    made_track("/music/a b.mp3", valence=0.5, arousal=-0.2, loudness_lufs=-20.0),
    made_track("/music/ä.flac"),
]
TOKEN = "iq3Xl0vT2k9uVnB7sWcE5yRz"


def test_what_is_known_is_said_and_all_else_is_null() -> None:
    found = audio_features(TRACKS[0])
    assert sorted(found) == SHAPE
    assert {name for name, value in found.items() if value is not None} == ESTIMATED
    assert (found["valence"], found["energy"]) == (0.75, 0.4)
    assert (found["duration_ms"], found["loudness"]) == (200_000, -20.0)
    assert (found["type"], found["uri"]) == ("audio_features", "file:///music/a%20b.mp3")


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_valence_and_energy_lie_between_zero_and_one_in_the_order_of_ours(one, other) -> None:
    first, second = (
        audio_features(made_track(valence=rating, arousal=rating))
        for rating in sorted((one, other))
    )
    for name in ("valence", "energy"):
        assert 0 <= first[name] <= second[name] <= 1


@given(st.text(min_size=1).map(lambda name: f"/{name}"))
def test_an_id_looks_like_one_of_spotify_and_is_always_the_same(path: str) -> None:
    one = own_id(made_track(path.replace("\0", "0")))
    assert re.fullmatch("[0-9A-Za-z]{22}", one)
    assert one == own_id(made_track(path.replace("\0", "0"), valence=0.3))


def test_an_id_is_that_of_the_sound_whatever_its_file_is_called() -> None:
    one = made_track("/a.mp3", sound="ab12")
    assert own_id(one) == own_id(made_track("/moved/b.flac", sound="ab12"))
    assert own_id(one) != own_id(made_track("/a.mp3", sound="cd34"))


def test_a_copy_is_the_same_track_by_its_other_ids() -> None:
    track = made_track("/a.mp3", copies=("/b.flac",))
    assert by_id([track], {"x": "/b.flac"})["x"] == audio_features(track, id="x")


def test_of_what_is_no_music_neither_valence_nor_energy_is_made_up() -> None:
    found = audio_features(made_track("/talk.flac", music_share=0.0, loudness_lufs=-20.0))
    assert (found["valence"], found["energy"], found["loudness"]) == (None, None, -20.0)


def test_a_loudness_that_is_not_known_is_null() -> None:
    assert audio_features(TRACKS[1])["loudness"] is None


def ids_file(folder: Path, rows: list[tuple[str, str]], *, head: str = "id,path") -> Path:
    path = folder / "ids.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        file.write(f"{head}\n")
        csv.writer(file).writerows(rows)
    return path


def test_other_ids_name_the_same_tracks(tmp_path: Path) -> None:
    rows = [("6rqhFgbbKwnb9MLmUQDhG6", "/music/ä.flac"), ("gone", "/music/gone.mp3")]
    ids = read_ids(ids_file(tmp_path, rows))
    assert ids["gone"] == "/music/gone.mp3"
    found = by_id(TRACKS, ids)
    assert list(found) == [own_id(TRACKS[0]), own_id(TRACKS[1]), "6rqhFgbbKwnb9MLmUQDhG6"]
    theirs = found["6rqhFgbbKwnb9MLmUQDhG6"]
    assert theirs == audio_features(TRACKS[1]) | {"id": "6rqhFgbbKwnb9MLmUQDhG6"}


@pytest.mark.parametrize(
    ("rows", "head", "match"),
    [
        ([], "track,file", "has no columns id and path"),
        ([("a", "/b"), ("a", "/c")], "id,path", "line 3: a is there twice"),
        ([("a,b", "/b")], "id,path", "line 2: 'a,b' for '/b' cannot be used"),
        ([("a", "")], "id,path", "cannot be used"),
    ],
)
def test_other_ids_that_cannot_be_used_are_told(tmp_path: Path, rows, head, match) -> None:
    with pytest.raises(InputError, match=match):
        read_ids(ids_file(tmp_path, rows, head=head))
    with pytest.raises(InputError, match="cannot be read"):
        read_ids(tmp_path / "no.csv")


def test_a_table_and_a_file_are_printed(capsys, tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", TRACKS)
    found = json.loads(call(capsys, "features", tmp_path / "t.csv").out)
    kept = read_table(tmp_path / "t.csv")
    assert found == {"audio_features": [audio_features(track) for track in kept]}
    complaint = call(capsys, "features", tmp_path / "no.mp3").complaint()
    assert "no.mp3" in complaint


@contextmanager
def serving(**options: object) -> Iterator[FeatureServer]:
    with FeatureServer(by_id(TRACKS, {}), **options) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def ask(server: FeatureServer, target: str, *, method: str = "GET", **headers: str):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=60)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, target, headers=named)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, json.loads(body) if body else None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of spotipy: Spotify has removed it
def test_spotipy_gets_from_us_what_spotify_gives_no_longer() -> None:
    with serving() as server:
        spotify = spotipy.Spotify(auth="anything", retries=0, requests_timeout=60)
        spotify.prefix = server.url
        asked = [own_id(TRACKS[1]), "unknown", f"spotify:track:{own_id(TRACKS[0])}"]
        assert spotify.audio_features(asked) == [
            audio_features(TRACKS[1]),
            None,
            audio_features(TRACKS[0]),
        ]
        with pytest.raises(spotipy.SpotifyException, match="nothing is here but"):
            spotify.track(own_id(TRACKS[0]))


@pytest.mark.parametrize(
    ("target", "status", "message"),
    [
        ("/v1/audio-features/nobody", 404, "no such id"),
        ("/v1/audio-features", 400, "give ids=ID,ID"),
        ("/v1/audio-features?ids=" + ",".join("a" * (MOST_IDS + 1)), 400, "101 ids: ask for 100"),
        ("/v1/audio-features?" + "&" * 30, 400, "the query cannot be read"),
        ("/", 404, "nothing is here"),
        ("/v1/tracks/1", 404, "nothing is here"),
    ],
)
def test_what_cannot_be_answered_is_said_as_spotify_says_it(target, status, message) -> None:
    with serving() as server:
        found, body = ask(server, target)
    assert (found, body["error"]["status"]) == (status, status)
    assert message in body["error"]["message"]


def test_one_track_is_answered_as_one_object() -> None:
    with serving() as server:
        one = ask(server, f"/v1/audio-features/{own_id(TRACKS[0])}")
        head = ask(server, f"/v1/audio-features/{own_id(TRACKS[0])}", method="HEAD")
        put = ask(server, "/v1/audio-features", method="PUT")
    assert one == (200, audio_features(TRACKS[0]))
    assert head == (200, None)
    assert put == (501, {"error": {"status": 501, "message": "Unsupported method ('PUT')"}})


def test_pages_of_others_and_rebound_names_get_nothing() -> None:
    target = f"/v1/audio-features/{own_id(TRACKS[0])}"
    with serving() as server:
        assert ask(server, target, Origin="https://example.org")[0] == 403
        assert ask(server, target, Host="example.org")[0] == 403
        assert ask(server, target, Origin="http://localhost:3000")[0] == 200


def test_a_token_is_asked_for_where_there_is_one() -> None:
    target = f"/v1/audio-features/{own_id(TRACKS[0])}"
    with serving(token=TOKEN) as server:
        assert ask(server, target)[0] == 401
        assert ask(server, target, Authorization="Bearer wrong")[0] == 401
        assert ask(server, target, Authorization=f"Bearer {TOKEN}")[0] == 200


def test_nobody_serves_a_network_without_a_token_or_where_somebody_listens() -> None:
    with pytest.raises(InputError, match="give --token"):
        FeatureServer({}, host="0.0.0.0")
    with serving() as server, pytest.raises(ServiceError, match="in use by another program"):
        FeatureServer({}, port=server.server_address[1])


@pytest.mark.slow
def test_a_file_is_heard_and_printed(capsys, tmp_path: Path) -> None:
    write_sound(tmp_path / "song.wav", noise(4))
    result = call(
        capsys, "features", tmp_path / "song.wav", "--model", write_model(tmp_path), "--compute",
        "light",
    )  # fmt: skip
    found = json.loads(result.out)
    assert (found["duration_ms"], found["key"]) == (4000, None)
    assert 0 <= found["valence"] <= 1


@pytest.mark.slow
def test_the_command_says_where_it_answers_and_ends_at_ctrl_c(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", TRACKS)
    words = command("library", "serve", str(tmp_path / "t.csv"), "--port", "0")
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        found = re.fullmatch(r"2 tracks at (http://127\.0\.0\.1:\d+/v1/); Ctrl-C ends it\n", said)
        assert found is not None, said
        with urllib.request.urlopen(f"{found[1]}audio-features/{own_id(TRACKS[1])}") as answer:
            assert json.load(answer) == audio_features(TRACKS[1])
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
