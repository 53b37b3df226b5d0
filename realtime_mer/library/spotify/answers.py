"""What is answered to a request for audio features (pure, no socket)."""

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qs, unquote

from realtime_mer.library.spotify.features import Features
from realtime_mer.service.pages import Page

PLACE = "/v1/audio-features"
"""Where audio features are asked for."""

MOST_IDS = 100
"""Of one request, as at Spotify."""

_MOST_FIELDS = 20


def answer(target: str, features: Mapping[str, Features]) -> Page:
    """Return what is at a place.

    Args:
        target: path and query of the request.
        features: by the ids of tracks.
    """
    path, _, query = target.partition("?")
    if path.rstrip("/") == PLACE:
        return _several(query, features)
    place, _, name = path.rpartition("/")
    if place == PLACE and name:
        found = features.get(unquote(name))
        return refusal(HTTPStatus.NOT_FOUND, "no such id") if found is None else Page.json(found)
    return refusal(HTTPStatus.NOT_FOUND, f"nothing is here but {PLACE}")


def refusal(status: HTTPStatus, message: str, **headers: str) -> Page:
    """Return an error as Spotify's clients read it; ``headers`` with underscores for hyphens."""
    said = {"error": {"status": status.value, "message": message}}
    return Page.json(said, status=status, **headers)


def _several(query: str, features: Mapping[str, Features]) -> Page:
    try:
        asked = parse_qs(query, max_num_fields=_MOST_FIELDS).get("ids", [])
    except ValueError:
        return refusal(HTTPStatus.BAD_REQUEST, "the query cannot be read")
    ids = [one for one in ",".join(asked).split(",") if one]
    if not ids:
        return refusal(HTTPStatus.BAD_REQUEST, "give ids=ID,ID")
    if len(ids) > MOST_IDS:
        return refusal(HTTPStatus.BAD_REQUEST, f"{len(ids)} ids: ask for {MOST_IDS} at a time")
    return Page.json({"audio_features": [features.get(one) for one in ids]})
