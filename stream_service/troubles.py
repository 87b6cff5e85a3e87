"""What goes wrong with the instruments of one venue, and what is over; a status is what it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from market import Event, Instrument, VenueStatus
from market.events import VenueState
from stream_service.pulse import Pulse
from stream_service.venue import Session

Cause: TypeAlias = str | Session
"""What is wrong with an instrument; a session for what it says itself."""


class Troubles:
    """An instrument is well while nothing troubles it; ``pulse`` counts those that are not."""

    def __init__(self, pulse: Pulse, clock: Callable[[], int]) -> None:
        self._pulse = pulse
        self._clock = clock
        self._by_cause: dict[Instrument, dict[Cause, tuple[VenueState, str]]] = {}
        self._last_number = 0

    def note(
        self, instrument: Instrument, cause: Cause, state: VenueState, reason: str = ""
    ) -> bool:
        """Note that something is wrong with an instrument; True where nothing was before."""
        causes = self._by_cause.setdefault(instrument, {})
        was_well = not causes
        causes[cause] = state, reason
        self._pulse.troubled = len(self._by_cause)
        return was_well

    def relieve(self, instrument: Instrument, cause: Cause) -> bool:
        """Note that ``cause`` is over; True where nothing is wrong any more."""
        causes = self._by_cause.get(instrument)
        if causes is None or causes.pop(cause, None) is None or causes:
            return False
        del self._by_cause[instrument]
        self._pulse.troubled = len(self._by_cause)
        return True

    def sessions(self, instrument: Instrument) -> list[tuple[Session, VenueState]]:
        """Return the sessions that say that something is wrong with it, and what they say."""
        causes = self._by_cause.get(instrument, {})
        return [(cause, told[0]) for cause, told in causes.items() if isinstance(cause, Session)]

    def told(self) -> list[Event]:
        """Tell what is wrong now, instrument by instrument."""
        return [
            self.status(instrument, *next(reversed(causes.values())))
            for instrument, causes in self._by_cause.items()
        ]

    def status(self, instrument: Instrument, state: VenueState, reason: str = "") -> VenueStatus:
        """Make the status of one instrument."""
        now_ns = self._clock()
        self._last_number = max(self._last_number + 1, now_ns)
        return VenueStatus(
            venue=self._pulse.venue,
            instrument=instrument,
            state=state,
            reason=reason,
            event_ns=now_ns,
            received_ns=now_ns,
            sequence=self._last_number,
        )
