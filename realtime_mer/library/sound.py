"""``Sound``: what a file's sound is known by, whatever the file is called and its tags say."""

from dataclasses import dataclass

LONGEST_APART_S = 0.2
"""How far the lengths of one sound in two formats may lie apart."""

LOUDEST_APART_LU = 0.7
"""How far their loudness may."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sound:
    """What the sound of a file is known by.

    Attributes:
        sha256: of its samples as they were decoded, with their rates and channels, in hexadecimal.
        seconds: its duration.
        loudness_lufs: integrated loudness by ITU-R BS.1770-4; None where nothing is loud enough.
        fingerprint: see ``fingerprint``.
    """

    sha256: str
    seconds: float
    loudness_lufs: float | None
    fingerprint: bytes
