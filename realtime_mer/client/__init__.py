"""Python clients of a service, for programs with an event loop and without one.

They know the protocol and nothing of sound, networks or windows.
"""

from realtime_mer.client.streams import (
    Gap,
    Stream,
    StreamMessage,
    Subscription,
    connect,
    subscribe,
)

__all__ = ["Gap", "Stream", "StreamMessage", "Subscription", "connect", "subscribe"]
