"""What was put aside goes back to where it came from; what fails again stays, with the new reason.

An event goes to the mailbox that refused it alone. A frame is read by the venue's decoder of today;
of its events those that tell what happened are published. Those that tell how things stood then are
left out, as newer ones took their place.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from cryptotracker.decoding import Recorded, reader_of
from infrastructure.bus.port import LATEST_ONLY, Bus, DeadLetter
from market import CryptoTrackerError, Event, FrameError, Listing, Trade, VenueStatus, codec
from stream_service.plausible import Plausibility
from stream_service.polled import PolledVenue
from stream_service.venue import Venue
from stream_service.venue_clock import VenueClock

WATCHED_S = 3.0
"""How long it is waited for that what was given back is refused anew."""

LOOK_EVERY_S = 0.3
LOOKED_AT = 10_000
STALE: tuple[type, ...] = (*LATEST_ONLY, VenueStatus)

_event_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


class Outcome(NamedTuple):
    """What became of one letter; ``stays``: it is in quarantine still, or again."""

    letter: DeadLetter
    said: str
    stays: bool = False


class StillBadError(CryptoTrackerError):
    """A letter fails as it did, or otherwise; the text is the reason."""


class Replay:
    """Gives letters back to a bus.

    Args:
        bus: Where they are, and where they go.
        venues: By name; whose decoders read frames.

    """

    def __init__(self, bus: Bus, venues: Mapping[str, Venue | PolledVenue]) -> None:
        self._bus = bus
        self._venues = venues
        self._outcomes: dict[str, Outcome] = {}
        self._given: list[tuple[DeadLetter, Event]] = []

    async def of(self, ids: Collection[str], *, watched_s: float = WATCHED_S) -> Sequence[Outcome]:
        """Give back the letters of these ids; return what became of each, oldest first."""
        began_ns = time.time_ns()
        await self._bus.revise(ids, self._decide)
        await self._watch(began_ns, watched_s)
        return list(self._outcomes.values())

    async def _decide(self, letter: DeadLetter) -> DeadLetter | None:
        try:
            said = await (self._frame(letter) if letter.event is None else self._event(letter))
        except StillBadError as error:
            self._outcomes[letter.id] = Outcome(letter, f"stays: {error}", stays=True)
            return replace(letter, reason=str(error))
        self._outcomes[letter.id] = Outcome(letter, said)
        return None

    async def _event(self, letter: DeadLetter) -> str:
        if not await self._bus.give_back(letter):
            raise StillBadError(
                f"{letter.reason.partition(NOBODY)[0]}{NOBODY}{letter.mailbox}, which is a view or "
                "of an earlier version: drop it"
            )
        if letter.event is not None:
            self._given.append((letter, letter.event))
        return f"given back to {letter.mailbox}"

    async def _frame(self, letter: DeadLetter) -> str:
        name = letter.mailbox.removeprefix("stream.")
        if name == letter.mailbox:
            return await self._message(letter)
        events = [event for event in self._read(letter, name) if not isinstance(event, STALE)]
        if not events:
            raise StillBadError("it can be read now, but tells only how things stood then: drop it")
        for event in events:
            told = replace(event, backfilled=True) if isinstance(event, Trade) else event
            await self._bus.give_back(DeadLetter("", letter.reason, event=told))
        return f"read and published: {_number(events)}"

    async def _message(self, letter: DeadLetter) -> str:
        """Give back what a mailbox could not read of a message, if it can be read now."""
        try:
            events = codec.decode(letter.body, codec.JSON)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise StillBadError(f"no events: {error}") from None
        for event in events:
            if not await self._bus.give_back(replace(letter, event=event, body=b"")):
                raise StillBadError(f"nobody has the mailbox {letter.mailbox}")
        return f"given back to {letter.mailbox}: {_number(events)}"

    def _read(self, letter: DeadLetter, name: str) -> Sequence[Event]:
        """Read a frame, an answer, or the row of an answer that was put aside as an event."""
        try:
            events: Sequence[Event] = [_event_decoder.decode(letter.body)]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            events = self._decoded(letter, name)
        judge = Plausibility(VenueClock())
        for event in events:
            if why_not := judge.why_not(event):
                raise StillBadError(why_not)
        return events

    def _decoded(self, letter: DeadLetter, name: str) -> Sequence[Event]:
        venue = self._venues.get(name)
        if venue is None:
            raise StillBadError(f"there is no venue {name} any more")
        recorded = Recorded("quarantine", letter.body, letter.at_ns)
        try:
            lines = reader_of(venue).read(recorded)
        except FrameError as error:
            raise StillBadError(error.reason) from None
        except CryptoTrackerError as error:
            raise StillBadError(str(error)) from None
        return [line for line in lines if not isinstance(line, Listing)]

    async def _watch(self, began_ns: int, watched_s: float) -> None:
        """Note what is refused anew, and what nobody takes."""
        until = time.monotonic() + watched_s
        waiting = await self._bus.being_given_back()
        is_seen_through = waiting > 0  # what was taken was dealt with as well
        while (waiting or self._given) and time.monotonic() < until:
            await asyncio.sleep(LOOK_EVERY_S)
            waiting = await self._bus.being_given_back()
            self._note(await self._bus.dead_letters(LOOKED_AT), began_ns)
            if is_seen_through and not waiting:
                return
        if waiting:
            for outcome_id, outcome in self._outcomes.items():
                if not outcome.stays:
                    said = f"{outcome.said}; it waits for the next start ({waiting} in all)"
                    self._outcomes[outcome_id] = outcome._replace(said=said)

    def _note(self, letters: Iterable[DeadLetter], began_ns: int) -> None:
        refused = {(new.mailbox, new.event): new.reason for new in letters if new.at_ns >= began_ns}
        for letter, event in list(self._given):
            reason = refused.get((letter.mailbox, event))
            if reason is not None:
                said = f"was refused anew: {reason}"
                self._outcomes[letter.id] = Outcome(letter, said, stays=True)
                self._given.remove((letter, event))


NOBODY = "; nobody has the mailbox "


def _number(events: Sequence[Event]) -> str:
    return "one event" if len(events) == 1 else f"{len(events)} events"
