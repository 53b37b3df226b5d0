"""The streams and buckets in NATS: what is kept of each kind, where, and for how long."""

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from realtime_mer.errors import InputError
from realtime_mer.rooms.machines.names import Kind, Names

if TYPE_CHECKING:
    from nats.js import JetStreamContext
    from nats.js.api import StreamConfig

SOUND_S = 30.0
"""Seconds of sound of a room that lie in NATS."""
TOLD_S = 60.0
"""Seconds of what was told of a room that do."""

_OTHER_SETTINGS = 10058  # of JetStream's errors
_NO_JETSTREAM = (10039, 10076)


async def make_streams(
    jetstream: "JetStreamContext", names: Names, kinds: Collection[Kind]
) -> None:
    """Make what is not there of the streams and buckets of some kinds.

    Sound is in memory alone: it never lies on a disk. So is what is told, which is much and soon
    of no use. NATS loses both when it is restarted; they are made anew, and nodes still have the
    sound. What a bucket holds outlives NATS.

    Raises:
        InputError: NATS has no JetStream, or streams that another version made.
        nats.errors.Error: it does not answer.
    """
    from nats.js.api import KeyValueConfig, RePublish, StorageType
    from nats.js.errors import APIError

    try:
        for kind in kinds:
            if not kind.newest_alone:
                await jetstream.add_stream(_in_memory(names, kind))
                continue
            again = RePublish(src=names.subject(kind, ">"), dest=names.heard(kind, ">"))
            await jetstream.create_key_value(
                KeyValueConfig(
                    bucket=names.bucket(kind),
                    storage=StorageType.FILE,
                    direct=True,
                    republish=None if kind is Kind.STATES else again,
                )
            )
    except APIError as error:
        if error.err_code == _OTHER_SETTINGS:
            raise InputError(
                "NATS holds streams of another version of realtime-mer for this model: let nodes "
                f"and workers be of one version, or remove those that begin with "
                f"{names.stream(Kind.SOUND).rpartition('_')[0]} and "
                f"{names.stream(Kind.LEASES).rpartition('-')[0]}"
            ) from error
        if error.err_code in _NO_JETSTREAM:
            raise InputError(
                "NATS has no JetStream, which keeps sound and states: start it with -js, or "
                "switch it on for this account"
            ) from error
        raise


async def born(
    jetstream: "JetStreamContext", names: Names, kinds: Collection[Kind]
) -> dict[Kind, datetime | None]:
    """Return when each stream and bucket was made that is there: one made anew is another one.

    Raises:
        nats.errors.Error: NATS does not answer.
    """
    from nats.js.errors import NotFoundError

    found: dict[Kind, datetime | None] = {}
    for kind in kinds:
        with suppress(NotFoundError):
            found[kind] = (await jetstream.stream_info(names.stream(kind))).created
    return found


def _in_memory(names: Names, kind: Kind) -> "StreamConfig":
    from nats.js.api import RePublish, StorageType, StreamConfig

    again = RePublish(src=names.subject(kind, ">"), dest=names.heard(kind, ">"))
    return StreamConfig(
        name=names.stream(kind),
        subjects=[names.subject(kind)],
        storage=StorageType.MEMORY,
        max_age=SOUND_S if kind is Kind.SOUND else TOLD_S,
        allow_direct=True,
        republish=again if again.src != again.dest else None,
    )
