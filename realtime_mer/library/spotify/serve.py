"""The library's service: audio features over plain HTTP, on this machine unless told otherwise."""

from collections.abc import Mapping
from http import HTTPStatus

from realtime_mer.library.spotify.answers import answer, refusal
from realtime_mer.library.spotify.features import Features
from realtime_mer.service.pages import Page
from realtime_mer.service.plain import PlainServer, Request


class FeatureServer(PlainServer):
    """Answers with the features of tracks to whoever shows the token, if there is one.

    Args:
        features: by the ids of tracks.
        host, port, token: as for ``PlainServer``.

    Raises:
        InputError, ServiceError: as ``PlainServer`` does.
    """

    def __init__(
        self,
        features: Mapping[str, Features],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | None = None,
    ) -> None:
        self.features = features
        super().__init__(host=host, port=port, token=token)

    @property
    def url(self) -> str:
        """Where a client on this machine asks; Spotify's has its paths below ``/v1/``."""
        return f"{super().url}v1/"

    def answer(self, request: Request) -> Page:
        """Return what is at a place."""
        if not request.authorized:
            return refusal(HTTPStatus.UNAUTHORIZED, "a token is needed", WWW_Authenticate="Bearer")
        return answer(request.target, self.features)

    def refuse(self, status: HTTPStatus, message: str) -> Page:
        """Return an error as Spotify's clients read it."""
        return refusal(status, message)
