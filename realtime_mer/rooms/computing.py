"""Where the streams of rooms are computed: beside the recogniser, or in place on its GPU."""

from realtime_mer.batch import StreamBatch
from realtime_mer.hops import StreamPolicy
from realtime_mer.recognizer.contract import StreamingRecognizer
from realtime_mer.rooms.scheduler import (
    AT_ONCE,
    CATCH_UP_S,
    MAX_BACKLOG_S,
    MAX_WAIT_S,
    Scheduler,
)


def schedule(
    recognizer: StreamingRecognizer,
    *,
    streams: int,
    policy: StreamPolicy | None = None,
    max_wait_s: float = MAX_WAIT_S,
    max_backlog_s: float = MAX_BACKLOG_S,
    catch_up_s: float = CATCH_UP_S,
) -> Scheduler:
    """Return what schedules streams with a recogniser.

    Args:
        recognizer: on CUDA the reference's states lie on the GPU, and its hops are graphs.
        streams: how many there may be on a GPU, >= 1.
        policy, max_wait_s, max_backlog_s, catch_up_s: as for ``StreamBatch`` and ``Scheduler``.
    """

    def scheduler(batch: StreamBatch, at_once: int = AT_ONCE) -> Scheduler:
        return Scheduler(
            batch,
            max_wait_s=max_wait_s,
            at_once=at_once,
            max_backlog_s=max_backlog_s,
            catch_up_s=catch_up_s,
        )

    if not recognizer.compute.startswith("cuda"):
        return scheduler(StreamBatch(recognizer, policy=policy))
    from realtime_mer.recognizer.graphs import BUCKETS, DeviceBank
    from realtime_mer.recognizer.reference import Recognizer

    if not isinstance(recognizer, Recognizer):  # of another package
        return scheduler(StreamBatch(recognizer, policy=policy))
    room = 1 << (streams - 1).bit_length()  # a batch grows by doubling
    batch = StreamBatch(recognizer, policy=policy, bank=DeviceBank(recognizer, streams=room))
    return scheduler(batch, at_once=BUCKETS[-1])
