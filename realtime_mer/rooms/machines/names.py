"""What is called how in NATS: its streams, their subjects, and the rooms in these (pure)."""

import re
from dataclasses import dataclass
from enum import StrEnum

from realtime_mer.errors import ProtocolError

_MODEL_DIGITS = 12
_DOT = "="  # stands in no name of a room, and may stand in a key of a bucket


class Kind(StrEnum):
    """What is written into NATS, each message of it under a key."""

    SOUND = "sound"
    """Chunks of a room's sound, of the last seconds and in memory alone. Key: the room."""
    TOLD = "told"
    """What a worker tells of a room, of the last minute. Key: the room."""
    FEEDS = "feeds"
    """Which node feeds a room, the newest word alone. Key: the room."""
    STATES = "states"
    """A room's state, the newest alone. Key: the room."""
    LEASES = "leases"
    """Which worker computes a room, the newest word alone. Key: the room."""
    TOKENS = "tokens"
    """What is kept of a token, the newest word alone; of all models. Key: the token's id."""
    ALIVE = "alive"
    """That a process lives; not stored. Key: what the process calls itself."""
    GLANCES = "glances"
    """The newest hop of each room of a worker, now and then; not stored. Key: the worker."""
    MARKS = "marks"
    """A marker that a watcher set, for those at other nodes; not stored. Key: the room."""
    RECORDED = "recorded"
    """What a node records of a room, once a second; not stored. Key: the room."""

    @property
    def stored(self) -> bool:
        """Whether it can be read later."""
        return self not in (Kind.ALIVE, Kind.GLANCES, Kind.MARKS, Kind.RECORDED)

    @property
    def newest_alone(self) -> bool:
        """Whether it lies in a bucket of NATS' key-value store."""
        return self in (Kind.FEEDS, Kind.STATES, Kind.LEASES, Kind.TOKENS)


OF_A_MODEL = (Kind.SOUND, Kind.TOLD, Kind.FEEDS, Kind.STATES, Kind.LEASES)
"""What is stored for each model apart."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of all that belongs to one model, so that states of two never meet.

    Tokens alone belong to all: another model must shut nobody out.

    Attributes:
        model: the first 12 hexadecimal digits of ``states.model_of``.
    """

    model: str

    @classmethod
    def of(cls, model: str) -> "Names":
        """Return the names for a model.

        Args:
            model: as of ``states.model_of``.
        """
        return cls(model[:_MODEL_DIGITS])

    @classmethod
    def of_all_models(cls) -> "Names":
        """Return the names for who has to do with tokens alone."""
        return cls("")

    def bucket(self, kind: Kind) -> str:
        """Return what the key-value store calls the bucket of a kind."""
        return f"mer-{kind}" if kind is Kind.TOKENS else f"mer-{self.model}-{kind}"

    def stream(self, kind: Kind) -> str:
        """Return the stream in which a kind is stored."""
        if kind.newest_alone:
            return f"KV_{self.bucket(kind)}"
        return f"MER_{self.model}_{kind.upper()}"

    def subject(self, kind: Kind, key: str = "*") -> str:
        """Return where a kind is written to; ``*`` stands for every key."""
        if kind.newest_alone:
            return f"$KV.{self.bucket(kind)}.{_token(key)}"
        return f"mer.{self.model}.{kind}.{_token(key)}"

    def heard(self, kind: Kind, key: str = "*") -> str:
        """Return where a kind is listened to.

        What is written under a condition reaches those who listen at its own subject also where
        the condition fails. So NATS says again elsewhere what it has stored.
        """
        if kind is Kind.SOUND or not kind.stored:
            return self.subject(kind, key)
        if kind is Kind.TOKENS:
            return f"mer.stored.{kind}.{_token(key)}"
        return f"mer.{self.model}.stored.{kind}.{_token(key)}"


EVERY_MODEL = "*"
"""In the place of a model: names under which those of all models are heard."""


def model_of_subject(subject: str) -> str:
    """Return the model that a subject of what is not in a bucket tells."""
    return subject.split(".")[1]


def model_of_stream(stream: str) -> str | None:
    """Return the model whose rooms a stream tells who feeds; None for every other stream."""
    found = re.fullmatch(rf"KV_mer-([0-9a-f]{{{_MODEL_DIGITS}}})-{Kind.FEEDS}", stream)
    return None if found is None else found[1]


def _token(key: str) -> str:
    """Return a key as one token of a subject, which dots would part."""
    return key.replace(".", _DOT)


_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def key_of(subject: str) -> str:
    """Return the key that a subject ends with.

    Raises:
        ProtocolError: ``bad_subject``, what it ends with can be none.
    """
    key = subject.rpartition(".")[2].replace(_DOT, ".")
    if not _KEY.fullmatch(key):
        raise ProtocolError("bad_subject", f"{subject!r} ends with no name of a room or process")
    return key
