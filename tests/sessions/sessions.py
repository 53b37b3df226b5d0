"""Sessions for tests, recorded without any sound."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from realtime_mer.estimate import Estimate
from realtime_mer.sessions.recorder import Recorder
from realtime_mer.sessions.store import Manifest, Session, create_folder
from realtime_mer.wire.protocol import ServerMessage
from tests.samples import sample_estimate
from tests.subscribers import HELLO

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
PASSPHRASE = "correct horse battery staple"


def manifest(folder: Path, **changes: Any) -> Manifest:
    values: dict[str, Any] = {
        "name": folder.name,
        "started_at": datetime.now().astimezone().isoformat("T", "milliseconds"),
        "software": "0.1.0",
        "source": "USB microphone",
        "hello": HELLO,
        "model_card": {"name": "default"},
        "compute": "cpu",
        "settings": {"source": "mic"},
    }
    return Manifest(**{**values, **changes})


def begin(label: str = "evening", *, changes: Any = None, **options: Any) -> Recorder:
    """Start to record a session, in the folder of sessions."""
    folder = create_folder(label, now=datetime.now().astimezone())
    return Recorder(folder, manifest(folder, **(changes or {})), **options)


def recorded(messages: Iterable[ServerMessage], label: str = "evening", **changes: Any) -> Session:
    """Return a finished session that holds these messages."""
    with begin(label, changes=changes, wait=True) as recorder:
        for message in messages:
            recorder.record(message)
    return Session(recorder.folder)


def estimates(count: int, **changes: Any) -> list[Estimate]:
    return [sample_estimate(seq=seq, **changes) for seq in range(count)]
