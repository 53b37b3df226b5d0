"""The tokens of one service, in a file that commands change while it runs."""

import json
import os
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from realtime_mer.errors import InputError
from realtime_mer.rooms.names import Right
from realtime_mer.rooms.tokens.grants import Grant, check_known, new_grant
from realtime_mer.writing.replacing import replacing

TOKENS = "tokens.json"
"""The file's name in the folder of a service."""

_FILE = TypeAdapter(tuple[Grant, ...])


class TokenFile:
    """The tokens of a service (``Tokens``, ``TokenStore``).

    Args:
        path: of the file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen = self._looks()

    def grants(self) -> tuple[Grant, ...]:
        """As ``Tokens`` promises."""
        try:
            return _FILE.validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return ()
        except (OSError, ValidationError) as error:
            raise InputError(
                f"{self.path} holds no tokens that can be read: move it away, and make new ones "
                "with `realtime-mer rooms token make`"
            ) from error

    def changed(self) -> bool:
        """As ``Tokens`` promises."""
        before, self._seen = self._seen, self._looks()
        return before != self._seen

    def make(self, room: str, right: Right, *, note: str = "") -> tuple[Grant, str]:
        """As ``TokenStore`` promises."""
        grants = self.grants()
        grant, token = new_grant(room, right, note=note, taken={each.id for each in grants})
        self._write((*grants, grant))
        return grant, token

    def revoke(self, ids: list[str]) -> list[Grant]:
        """As ``TokenStore`` promises."""
        grants = self.grants()
        check_known(ids, {grant.id for grant in grants})
        self._write(tuple(grant for grant in grants if grant.id not in ids))
        return [grant for grant in grants if grant.id in ids]

    def _looks(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _write(self, grants: tuple[Grant, ...]) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self.path, "w", encoding="utf-8") as file:
                os.chmod(file.name, 0o600)
                json.dump([asdict(grant) for grant in grants], file, indent=1)
        except OSError as error:
            raise InputError(f"{self.path} cannot be written: {error.strerror}") from error
