"""What a session is of: its manifest, plain or sealed."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Base64Bytes,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from realtime_mer.errors import InputError
from realtime_mer.sessions.files import open_plain
from realtime_mer.sessions.sealing import Derivation, Key
from realtime_mer.wire.protocol import Hello
from realtime_mer.writing.replacing import replacing

MANIFEST = "manifest.json"

_LONGEST = 16 * 2**20  # bytes of a manifest; a card and the settings take some thousands


def _checked_moment(text: str) -> str:
    """Return a time as it is written, if it can be compared with others."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("it lacks its offset from UTC")
    if not 1970 < moment.year < 9999:  # beyond, offsets lead out of what can be computed
        raise ValueError("no session was recorded then")
    return text


def _checked_hello(hello: Hello) -> Hello:
    """Return it, if times of a session can be computed with it."""
    if not (0.001 <= hello.hop <= 60 and hello.sample_rate <= 10**6):
        raise ValueError("no sound is estimated with such a hop and sample rate")
    return hello


_Moment = Annotated[str, AfterValidator(_checked_moment)]
_Count = Annotated[int, Field(ge=0, le=2**53)]
_Seconds = Annotated[float, Field(ge=0, le=1e9)]


class Manifest(BaseModel):
    """What a session is of.

    Attributes:
        format, version: of the session's files.
        name: of the session and its folder.
        pseudonym: whom the session is about, as the therapist calls them; None for nobody.
        title: of its report; None for the name.
        started_at: ISO 8601 time with offset.
        ended_at: the same; None while it is recorded, and for ever after a crash.
        software: version of realtime-mer.
        source: device, file or piece, as a person would call it.
        hello: what subscribers were told.
        model_card: the checkpoint's card.
        compute: where the network ran.
        settings: options of the command line, without secrets.
        audio: name of the sound file in the folder, which is always the same; None for none.
        audio_start: position of the sound file's first sample in the stream, in samples at
            ``hello.sample_rate``.
        estimates, markers: how many were recorded; None until the session was ended.
        start: seconds of the stream at which the first estimate's hop begins: more than 0 where the
            recording began amid the session; None until the session was ended.
        seconds: seconds of sound from there to the last estimate; None until the session was ended.
        lost: messages that could not be recorded.
        failures: what went wrong, one line each.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, defer_build=True)

    format: Literal["realtime-mer.session"] = "realtime-mer.session"
    version: Literal[1] = 1
    name: str
    pseudonym: str | None = None
    title: str | None = None
    started_at: _Moment
    ended_at: _Moment | None = None
    software: str
    source: str
    hello: Annotated[Hello, AfterValidator(_checked_hello)]
    model_card: dict[str, Any]
    compute: str
    settings: dict[str, Any]
    audio: Literal["audio.flac"] | None = None
    audio_start: _Count = 0
    estimates: _Count | None = None
    markers: _Count | None = None
    start: _Seconds | None = None
    seconds: _Seconds | None = None
    lost: _Count = 0
    failures: tuple[str, ...] = ()

    def write(self, folder: Path, *, key: Key | None = None) -> None:
        """Put the manifest into a folder, so that a crash leaves the old one or the new one.

        Args:
            key: seals all but name and start, which listing and deleting need.
        """
        value: BaseModel = self if key is None else SealedManifest.of(self, key=key)
        with replacing(folder / MANIFEST, "w", encoding="utf-8") as file:
            json.dump(value.model_dump(mode="json"), file, indent=2, allow_nan=False)
            file.write("\n")


class SealedManifest(BaseModel):
    """What anybody may see of an encrypted session.

    Attributes:
        format, version: of the session's files.
        name: of the session and its folder.
        started_at: ISO 8601 time with offset.
        derivation: how the key is made of the passphrase.
        sealed: the manifest, as JSON.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    format: Literal["realtime-mer.sealed-session"] = "realtime-mer.sealed-session"
    version: Literal[1] = 1
    name: str
    started_at: _Moment
    derivation: Derivation
    sealed: Base64Bytes = b""

    @classmethod
    def of(cls, manifest: Manifest, *, key: Key) -> "SealedManifest":
        """Seal a manifest."""
        open_ = cls.model_construct(
            name=manifest.name, started_at=manifest.started_at, derivation=key.derivation
        )
        text = manifest.model_dump_json().encode()
        return open_.model_copy(update={"sealed": key.seal(text, bound_to=open_._seen())})

    def unseal(self, key: Key) -> Manifest:
        """Return the manifest.

        Raises:
            InputError: the key is another, or anything was changed.
        """
        text = key.unseal(self.sealed, bound_to=self._seen())
        if text is None:
            raise InputError(
                f"The passphrase does not open {self.name}: it is another one, or the session's "
                f"{MANIFEST} was damaged or changed."
            )
        try:
            return Manifest.model_validate_json(text)
        except ValidationError as error:
            raise _unusable(f"{self.name}: what is sealed in {MANIFEST}", error) from error

    def _seen(self) -> bytes:
        """Return what anybody may see, which must not be changed either."""
        return json.dumps(self.model_dump(mode="json", exclude={"sealed"})).encode()


_MANIFESTS: TypeAdapter[Manifest | SealedManifest] = TypeAdapter(
    Annotated[Manifest | SealedManifest, Field(discriminator="format")],
    config=ConfigDict(defer_build=True),
)


def read_manifest(folder: Path) -> Manifest | SealedManifest:
    """Read the manifest in a folder, every field of which is checked.

    Raises:
        InputError: there is none, or it cannot be used.
    """
    try:
        with open_plain(folder / MANIFEST) as file:
            text = file.read(_LONGEST + 1)
    except OSError as error:
        raise InputError(f"{folder} holds no session: {error}.") from error
    if len(text) > _LONGEST:
        raise InputError(f"{folder / MANIFEST} cannot be used: it is longer than {_LONGEST} bytes.")
    try:
        return _MANIFESTS.validate_json(text)
    except ValidationError as error:
        raise _unusable(str(folder / MANIFEST), error) from error


def _unusable(what: str, error: ValidationError) -> InputError:
    problem = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, problem["loc"])) or "it"
    return InputError(
        f"{what} cannot be used: {where}: {problem['msg']}; "
        "it may be of a newer version of realtime-mer."
    )
