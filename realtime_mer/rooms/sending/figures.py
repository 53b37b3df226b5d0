"""How a sender fares, as numbers (plain data)."""

from dataclasses import dataclass
from typing import Literal

State = Literal["connecting", "sending", "away", "ended"]
"""Whether there is a connection, with which sound is sent as it comes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """How a sender fares.

    Attributes:
        state: whether there is a connection.
        reason: why there is none; empty otherwise.
        recorded_s: seconds of sound so far, those that the device lost included.
        waiting_s: seconds that are kept and not sent yet.
        lost_s: seconds that gave way before they could be sent.
        missed_s: seconds that the device itself lost.
        undelivered_s: seconds that the service took and lost between its machines.
        level_dbfs: of the newest sound, >= -120.
        gone: whether the device is away and being reopened.
        reconnects: connections after the first.
        drift_ppm: how much faster the clock of the sound runs than that of the service, in
            millionths; None until the service tells.
    """

    state: State
    reason: str
    recorded_s: float
    waiting_s: float
    lost_s: float
    missed_s: float
    undelivered_s: float
    level_dbfs: float
    gone: bool
    reconnects: int
    drift_ppm: float | None
