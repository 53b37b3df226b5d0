"""What can be changed of a session while it runs: speed, smoothing, delay, and who may watch."""

import secrets
import threading

from realtime_mer.audio.switch import SwitchableSource
from realtime_mer.errors import InputError, RealtimeMerError
from realtime_mer.live.outlets import Outlets, ServiceOptions
from realtime_mer.service.door import Door
from realtime_mer.service.links import links, qr_rows
from realtime_mer.service.server import Service
from realtime_mer.shaping import Shaper
from realtime_mer.wire import access
from realtime_mer.wire.control import one_line
from realtime_mer.wire.settings import Change, Phones, Settings
from realtime_mer.wording import PHONES_END, PHONES_OPEN, UNENCRYPTED

_EVERYWHERE = "0.0.0.0"


class PhoneAccess:
    """Lets phones and other machines watch a session that was started for its own machine alone.

    Args:
        outlets: whose first service they come to.
        options: of that service; None where there is none but the window's own.

    Attributes:
        phones: how they may watch; None where they may not.
    """

    def __init__(self, outlets: Outlets, options: ServiceOptions | None) -> None:
        self._outlets, self._options = outlets, options or ServiceOptions()
        self._door: tuple[Service, Door] | None = None
        self.phones: Phones | None = None

    @property
    def always(self) -> bool:
        """Whether the service was started for a network, so that nothing can be changed."""
        return not access.is_loopback(self._options.host)

    @property
    def opens(self) -> str:
        """What it means that phones may watch, for people; empty where they always may."""
        if self.always:
            return ""
        return PHONES_OPEN if self._options.cert is not None else f"{PHONES_OPEN} {UNENCRYPTED}"

    def allow(self, on: bool) -> None:
        """Let phones watch, by a new link, or no longer.

        Raises:
            InputError: it was settled when the session was started.
            ServiceError: the service cannot listen on the network.
        """
        if self.always:
            raise InputError(
                "This session was started for a network: end it to keep phones out, and start it "
                "without --host."
            )
        if on and self._door is None:
            self._open()
        elif not on and self._door is not None:
            (service, door), self._door, self.phones = self._door, None, None
            service.close_door(door, PHONES_END)

    def show(self) -> None:
        """Take over the link of a service that was started for a network."""
        if self.always and self.phones is None and self._outlets.services:
            link = self._options.link(self._outlets.services[0])
            self.phones = None if link is None else Phones(link=link, code=qr_rows(link))

    def _open(self) -> None:
        if not self._outlets.services:
            raise InputError("This session has no service: start it without --no-server.")
        service, token = self._outlets.services[0], secrets.token_urlsafe()
        context = self._options.context()
        door = service.open_door(_EVERYWHERE, token=token, ssl=context)
        link = links(_EVERYWHERE, door.port, token=token, tls=context is not None)[0]
        self._door, self.phones = (service, door), Phones(link=link, code=qr_rows(link))


class LiveSettings:
    """The settings of a session, for its window and for the page of whoever started it.

    May be used from any thread; one change at a time.

    Args:
        switch: plays the sound.
        shaper: what estimates go through.
        outlets: tell and ask those pages that may change settings.
        phones: who else may watch.
    """

    def __init__(
        self, *, switch: SwitchableSource, shaper: Shaper, outlets: Outlets, phones: PhoneAccess
    ) -> None:
        self._switch, self._shaper = switch, shaper
        self._outlets, self._phones = outlets, phones
        self._lock = threading.Lock()
        self._told: Settings | None = None

    def state(self) -> Settings:
        """Return how they stand."""
        self._phones.show()
        return Settings(
            speed=self._switch.speed,
            smoothing_s=self._shaper.smoothing_s,
            delay_s=self._shaper.delay_s,
            phones=self._phones.phones,
            opens=self._phones.opens,
        )

    def apply(self, change: Change) -> None:
        """Change them.

        Raises:
            InputError: it cannot be changed.
            ServiceError: the service cannot listen on the network.
        """
        with self._lock:
            self._shaper.change(smoothing_s=change.smoothing_s, delay_s=change.delay_s)
            if change.speed is not None:
                self._switch.pace(change.speed)
            if change.phones is not None:
                self._phones.allow(change.phones)

    def serve_pages(self) -> None:
        """Do what pages have asked for since the last call, and tell them how settings stand."""
        made = False
        for change in self._outlets.take_changes():
            try:
                self.apply(change)
                made = True
            except RealtimeMerError as error:
                self._outlets.refuse_change(one_line(str(error)))
        state = self.state()
        if made or state != self._told:  # whoever asks is answered, be it for what stands already
            self._told = state
            self._outlets.tell_settings(state)
