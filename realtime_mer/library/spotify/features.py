"""A track in the shape of an audio features object of Spotify's Web API (pure)."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from realtime_mer.library.scales import from_zero_to_one
from realtime_mer.library.tracks import Track

_SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH = 22  # of Spotify's ids, which programs may count on
_DECIMALS = 3  # as Spotify gave them

Features = dict[str, Any]


def own_id(track: Track) -> str:
    """Return our id of a track: 22 letters and digits, made of its sound.

    Another name, another tag or another format leave it as it is. Where the table is from before
    tracks had a hash of their sound, it is made of the path.
    """
    known_by = track.sound.encode() or os.fsencode(track.path)
    number = int.from_bytes(hashlib.sha256(known_by).digest(), "big")
    signs = []
    for _ in range(_ID_LENGTH):
        number, sign = divmod(number, len(_SIGNS))
        signs.append(_SIGNS[sign])
    return "".join(signs)


def audio_features(track: Track, *, id: str | None = None) -> Features:
    """Return what is known of a track; null for what is not estimated.

    One on the owner's scale has ``scale`` too, which says so.

    Args:
        track: any.
        id: another one than ours.
    """
    return ({"scale": track.scale} if track.scale else {}) | {
        "acousticness": None,
        "analysis_url": None,
        "danceability": None,
        "duration_ms": round(track.seconds * 1000),
        "energy": _estimated(track, track.arousal),
        "id": own_id(track) if id is None else id,
        "instrumentalness": None,
        "key": None,
        "liveness": None,
        "loudness": track.loudness_lufs,
        "mode": None,
        "speechiness": None,
        "tempo": None,
        "time_signature": None,
        "track_href": None,
        "type": "audio_features",
        "uri": Path(os.path.abspath(track.path)).as_uri(),
        "valence": _estimated(track, track.valence),
    }


def _estimated(track: Track, value: float) -> float | None:
    return None if track.says_nothing else round(from_zero_to_one(value), _DECIMALS)


def by_id(tracks: Iterable[Track], ids: Mapping[str, str]) -> dict[str, Features]:
    """Return the features of tracks by our ids, and by other ids.

    Args:
        tracks: any.
        ids: absolute paths by other ids; those of no track are left out.
    """
    found: dict[str, Features] = {}
    by_path: dict[str, Track] = {}
    for track in tracks:
        found[own_id(track)] = audio_features(track)
        by_path |= dict.fromkeys(track.paths, track)
    for other, path in ids.items():
        if path in by_path:
            found[other] = audio_features(by_path[path], id=other)
    return found
