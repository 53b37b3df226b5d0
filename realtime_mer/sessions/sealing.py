"""Encryption at rest: a key from a passphrase, and files that are sealed while they grow.

A sealed file is a head of 40 bytes, ``RMERSEAL`` and a random salt, and then frames. A frame is its
length (4 bytes, big-endian, of what follows) and AES-256-GCM of one write, tag included, under a
key of this file's own (HKDF-SHA256 of the session's key, the salt and the file's purpose). The
nonce is the frame's number and whether it is the last, so that a frame that was changed, moved,
doubled or left out does not open, and a file whose end is missing is known by it (the construction
STREAM, Hoang, Reyhanitabar, Rogaway & Vizár, CRYPTO 2015). A write is padded to 1 KiB, because the
length of an estimate would tell its mood word.

The library of ciphers is imported where it is used: most sessions are not encrypted.
"""

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self, cast

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field

from realtime_mer.errors import InputError
from realtime_mer.sessions.files import open_plain

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SHORTEST_PASSPHRASE = 8
"""Characters; a longer one is better, of words nobody would guess."""

SEALED = ".sealed"
"""What is added to the names of encrypted files."""

_MAGIC = b"RMERSEAL"
_SALT_BYTES = 32
_NONCE_BYTES = 12
_PAD = 1024


class Derivation(BaseModel):
    """How a key was made of a passphrase: scrypt (RFC 7914), which takes 128 · n · r bytes.

    Attributes:
        n, r, p: cost; bounded, so that a file from elsewhere cannot ask for all memory.
        salt: random, 16 bytes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    n: int = Field(default=2**17, ge=2, le=2**20)
    r: int = Field(default=8, ge=1, le=16)
    p: int = Field(default=1, ge=1, le=16)
    salt: Base64Bytes


@dataclass(frozen=True, kw_only=True)
class Key:
    """The key of one session.

    Attributes:
        derivation: how it was made, for whoever opens the session later.
        secret: 32 bytes, told to nobody.
    """

    derivation: Derivation
    secret: bytes = field(repr=False)

    @classmethod
    def new(cls, passphrase: str, *, n: int = 2**17) -> Self:
        """Return the key of a new session; takes about half a second and 128 MiB on purpose.

        Raises:
            InputError: the passphrase is too short.
        """
        if len(passphrase) < SHORTEST_PASSPHRASE:
            raise InputError(
                f"A passphrase of {len(passphrase)} characters is guessed in no time: give at "
                f"least {SHORTEST_PASSPHRASE}, better some words."
            )
        derivation = Derivation.model_construct(n=n, r=8, p=1, salt=os.urandom(16))
        return cls.of(passphrase, derivation)

    @classmethod
    def of(cls, passphrase: str, derivation: Derivation) -> Self:
        """Return the key that a passphrase gives, right or wrong.

        Raises:
            InputError: no key is made in such a way, or the memory does not suffice.
        """
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

        cost = {"n": derivation.n, "r": derivation.r, "p": derivation.p}
        # Keyboards and systems write the same letter as one character or as two.
        text = unicodedata.normalize("NFC", passphrase)
        try:
            secret = Scrypt(salt=derivation.salt, length=32, **cost).derive(text.encode())
        except (ValueError, MemoryError) as error:
            raise InputError(f"No key can be made of a passphrase with {cost}: {error}.") from error
        return cls(derivation=derivation, secret=secret)

    def seal(self, text: bytes, *, bound_to: bytes) -> bytes:
        """Return a short text sealed; it opens only beside the same ``bound_to``."""
        salt = os.urandom(_SALT_BYTES)
        return salt + self._cipher(salt, b"text").encrypt(bytes(_NONCE_BYTES), text, bound_to)

    def unseal(self, sealed: bytes, *, bound_to: bytes) -> bytes | None:
        """Return what was sealed; None if the key is another or anything was changed."""
        from cryptography.exceptions import InvalidTag

        salt, rest = sealed[:_SALT_BYTES], sealed[_SALT_BYTES:]
        try:
            return self._cipher(salt, b"text").decrypt(bytes(_NONCE_BYTES), rest, bound_to)
        except InvalidTag:
            return None

    def cipher(self, salt: bytes, *, purpose: str) -> "AESGCM":
        """Return what seals one file."""
        return self._cipher(salt, b"file " + purpose.encode())

    def _cipher(self, salt: bytes, info: bytes) -> "AESGCM":
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        return AESGCM(HKDF(SHA256(), length=32, salt=salt, info=info).derive(self.secret))


class SealedWriter:
    """Append sealed writes to a new file; every write is readable on its own, whatever follows.

    Args:
        file: unbuffered, empty.
        key, purpose: whoever reads it must give the same.

    Raises:
        OSError: the head cannot be written.
    """

    def __init__(self, file: BinaryIO, *, key: Key, purpose: str) -> None:
        self._file = file
        salt = os.urandom(_SALT_BYTES)
        self._cipher = key.cipher(salt, purpose=purpose)
        self._frames = 0
        self._broken = False
        self._put(_MAGIC + salt)

    def write(self, data: bytes | memoryview, /) -> int:
        """Seal all of ``data`` as one frame and return its length.

        Raises:
            OSError: the disk did not take it; nothing can be appended any more.
        """
        self._seal(bytes(data), last=False)
        return len(data)

    def fileno(self) -> int:
        """Return the file's descriptor, to force it to the disk."""
        return self._file.fileno()

    def close(self) -> None:
        """Note that this is the end, and close the file. May be called twice.

        Raises:
            OSError: the end could not be noted; the file is closed all the same.
        """
        if self._file.closed:
            return
        try:
            if not self._broken:
                self._seal(b"", last=True)
                os.fsync(self.fileno())
        finally:
            self._file.close()

    def _seal(self, data: bytes, *, last: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self._frames, last=last), _padded(data), None)
        self._put(len(sealed).to_bytes(4, "big") + sealed)
        self._frames += 1

    def _put(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            self._broken = True  # after a torn frame nothing could be found any more
            raise


class SealedReader:
    """Yield what was written, write by write. It may be read while it is written.

    Args:
        path: of the file.
        key, purpose: as for ``SealedWriter``.

    Attributes:
        damaged: frames that do not open, because they were damaged or changed; left out.
        ended: whether the end was noted, known once all was read.
    """

    def __init__(self, path: Path, *, key: Key, purpose: str) -> None:
        self.damaged = 0
        self.ended = False
        self._path, self._key, self._purpose = path, key, purpose

    def __iter__(self) -> Iterator[bytes]:
        self.damaged, self.ended = 0, False
        with open_plain(self._path) as file:
            head = file.read(len(_MAGIC) + _SALT_BYTES)
            if len(head) < len(_MAGIC) + _SALT_BYTES:
                return  # torn at its very beginning
            if not head.startswith(_MAGIC):
                self.damaged = 1
                return
            cipher = self._key.cipher(head[len(_MAGIC) :], purpose=self._purpose)
            number = 0
            while not self.ended:
                data = _frame(file)
                if data is None:
                    return
                text = _opened(cipher, data, _nonce(number, last=False))
                if text is not None:
                    yield text
                elif _opened(cipher, data, _nonce(number, last=True)) is not None:
                    self.ended = True
                else:
                    self.damaged += 1
                number += 1
            self.damaged += file.read(1) != b""  # nobody may append after the end


def sealed_path(path: Path) -> Path:
    """Return where the encrypted form of a file is kept."""
    return path.with_name(f"{path.name}{SEALED}")


def open_sealed(path: Path, *, key: Key, purpose: str) -> SealedWriter:
    """Open a file for sealed appending.

    Raises:
        OSError: the file is there already, or cannot be written.
    """
    return SealedWriter(_open_unbuffered(path), key=key, purpose=purpose)


def _open_unbuffered(path: Path) -> BinaryIO:
    return cast(BinaryIO, path.open("xb", buffering=0))


def _frame(file: BinaryIO) -> bytes | None:
    """Return the next frame; None at the end, torn or not."""
    head = file.read(4)
    length = int.from_bytes(head, "big")
    if len(head) < 4 or not length:  # a power cut may leave zeros
        return None
    left = os.fstat(file.fileno()).st_size - file.tell()
    return file.read(length) if length <= left else None


def _opened(cipher: "AESGCM", data: bytes, nonce: bytes) -> bytes | None:
    from cryptography.exceptions import InvalidTag

    try:
        return cipher.decrypt(nonce, data, None).rstrip(b"\0")[:-1]
    except InvalidTag:
        return None


def _padded(data: bytes) -> bytes:
    """Return data, a one bit and as many zero bits as fill it up (ISO/IEC 7816-4)."""
    return data + b"\x80" + bytes(-(len(data) + 1) % _PAD)


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(_NONCE_BYTES - 1, "big") + (b"\1" if last else b"\0")
