"""What a venue's frames and answers become on the bus.

    bytes ─▶ session ─▶ can it be true? ─▶ is it new? ─▶ bus
                │              │
                └── put aside ─┘   the raw bytes, with the reason

All connections to one venue share one intake, so a trade that two of them hear is passed on once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from math import inf
from typing import Protocol, cast

import msgspec
import structlog

from market import (
    Book,
    Event,
    FrameError,
    Instrument,
    Quote,
    Trade,
    VenueRefusedError,
    VenueStatus,
)
from stream_service.accounts import Accounts, FramesInHand
from stream_service.gathering import Outlet
from stream_service.ledger import LedgerState, TradeLedger
from stream_service.letters import Letters
from stream_service.plausible import Plausibility
from stream_service.pulse import Pulse
from stream_service.rhythm import Kind, StreamWatch
from stream_service.troubles import Cause, Troubles
from stream_service.venue import HttpRequest, Session, Venue
from stream_service.venue_clock import VenueClock

log = structlog.get_logger()

SET_NS = 1_000_000_000
"""Our clock was set when it parted from the steady one by more at once."""

HELD_BACK_S = 0.5
"""A bus that takes so long for one frame's events holds us back."""

OVERLAP_NS = 5_000_000_000
"""Trades that are so much late are still missed, and those of a clock that was set by so much."""

JUST_QUOTES = {Quote}
_HEARD: Mapping[type, Kind] = {Quote: "quote", Trade: "trade", Book: "book"}


class Tap(Protocol):
    """Hears the bytes of a venue as they came, before anything is made of them."""

    def frame(self, venue: str, link: int, body: bytes, received_ns: int) -> None:
        """Hear a frame; ``link`` numbers the connections of the venue."""

    def answer(self, venue: str, request: HttpRequest, body: bytes, received_ns: int) -> None:
        """Hear the answer to a request."""


class Intake:
    """Passes on what the sessions of one venue read.

    ``letters`` are the refused frames that wait to be put aside, ``troubles`` what is wrong with
    instruments; ``doubted`` says that trades may
    be among those that could not be read. ``times_set`` counts how often our clock was set, which
    sets ``was_set``. ``greeted`` are instruments of which a trade is known, or none was told when
    we asked.
    """

    def __init__(
        self,
        venue: Venue,
        bus: Outlet,
        *,
        clock: Callable[[], int] = time.time_ns,
        steady: Callable[[], int] = time.monotonic_ns,
        tap: Tap | None = None,
    ) -> None:
        self.venue = venue
        self.tap = tap
        self.times_set = 0
        self.was_set = asyncio.Event()
        self._clock = clock
        self._steady = steady
        self._apart_ns = clock() - steady()
        self.venue_clock = VenueClock()
        self.pulse = Pulse(venue.name, self.venue_clock)
        self.ledger = TradeLedger(
            venue.name,
            consecutive=venue.consecutive_trade_ids,
            recalled_unit_ns=venue.recalled_unit_ns,
            overlap_ns=OVERLAP_NS,
            ahead_ns=lambda: self.venue_clock.offset_ns + (self.venue_clock.error_ns or 0),
        )
        self.watch = StreamWatch()
        self.letters = Letters(venue.name)
        self.books = Accounts()
        self.troubles = Troubles(self.pulse, self.clock)
        self.doubted = False
        self.followed: set[Instrument] = set()
        self.greeted: set[Instrument] = set()
        self._plausible = Plausibility(self.venue_clock)
        self._bus = bus
        self._publishing = 0
        self._publishing_since = inf
        self._is_held_back = False

    @property
    def counts(self) -> dict[str, int]:
        """The books, see `infrastructure.books`."""
        letters, ledger = self.letters, self.ledger
        return {
            **self.books.counts(),
            "events_known": ledger.duplicates,
            "events_restored": ledger.restored,
            "events_owed": ledger.owed,
            "letters": letters.written,
            "letters_kept": letters.kept,
            "letters_lost": letters.lost,
            "letters_waiting": len(letters.waiting) + letters.in_hand,
        }

    def clock(self) -> int:
        """Return the time by our clock; what rests on how it was before starts anew if it was set.

        How far the venue's clock is ahead is not known then until it is asked.
        """
        now_ns = self._clock()
        by_ns = now_ns - self._steady() - self._apart_ns
        if abs(by_ns) > SET_NS:
            log.warning("clock.set", venue=self.venue.name, by_s=by_ns / 1e9)
            self._apart_ns += by_ns
            self.venue_clock.forget()
            self.pulse.clock_was_set()
            self.ledger.clock_was_set(by_ns)
            self.times_set += 1
            self.was_set.set()
        return now_ns

    async def take_all(self, session: Session, frames: Sequence[bytes], received_ns: int) -> None:
        """Pass on what ``session`` reads in frames; one that is refused is put aside whole.

        Raises:
            VenueRefusedError: the venue turned the session down.

        """
        self.pulse.frames += len(frames)
        receive = session.receive
        with FramesInHand(self.books, len(frames)) as in_hand:
            while frames:
                read: list[Sequence[Event]] = []
                try:
                    for frame in frames:
                        read.append(receive(frame, received_ns))  # noqa: PERF401  # may end early
                except FrameError as error:
                    good = len(read)
                    await self._take(session, frames[:good], read, received_ns, in_hand)
                    self._doubt(error.reason, frames[good], received_ns)
                    in_hand.quarantined()
                    received_ns = self.clock()  # what follows was heard after the doubt
                    frames = frames[good + 1 :]
                except VenueRefusedError:
                    await self._take(session, frames[: len(read)], read, received_ns, in_hand)
                    in_hand.denied()
                    raise
                else:
                    await self._take(session, frames, read, received_ns, in_hand)
                    return

    async def _take(
        self,
        session: Session,
        frames: Sequence[bytes],
        read: Sequence[Sequence[Event]],
        received_ns: int,
        in_hand: FramesInHand,
    ) -> None:
        """Pass on what was read of frames; one with what cannot be true is put aside whole."""
        events = list(chain.from_iterable(read))
        self.books.events_read += len(events)
        good, why_not = self._plausible.first_fault(events)
        ready: list[Event] = []
        while why_not:
            at = 0
            while good >= len(read[at]):
                good -= len(read[at])
                at += 1
            sure = list(chain.from_iterable(read[:at]))
            await self._pass_on_first(session, [*ready, *sure], len(events) - len(sure))
            in_hand.read(at)
            self._put_aside(why_not, frames[at], received_ns)
            in_hand.quarantined()
            ready = self._left_of(read[at], why_not, received_ns)
            frames, read = frames[at + 1 :], read[at + 1 :]
            events = list(chain.from_iterable(read))
            good, why_not = self._plausible.first_fault(events)
        if ready or events:
            await self._pass_on(session, [*ready, *events] if ready else events)
        in_hand.read(len(read))

    def _left_of(self, events: Sequence[Event], why_not: str, received_ns: int) -> list[Event]:
        """Return what is told of a frame that was refused: its states, and gaps for its trades."""
        statuses: list[Event] = [event for event in events if isinstance(event, VenueStatus)]
        self.books.events_refused += len(events) - len(statuses)
        return [*statuses, *self._lost(events, why_not, received_ns)]

    async def _pass_on_first(self, session: Session, events: Sequence[Event], others: int) -> None:
        """Pass on events while ``others`` wait for their turn, which are cut off where this is."""
        self.books.events_in_hand += others
        is_done = False
        try:
            await self._pass_on(session, events)
            is_done = True
        finally:
            self.books.events_in_hand -= others
            if not is_done:
                self.books.events_cut_off += others

    def _doubt(self, reason: str, frame: bytes, received_ns: int) -> None:
        """Put a frame aside that may have told of trades."""
        self._put_aside(reason, frame, received_ns)
        self.ledger.suspect(None, "a frame could not be read", self.clock())
        self.greeted.intersection_update([one for one in self.greeted if self.ledger.knows(one)])
        self.doubted = True

    async def answer(
        self, session: Session, request: HttpRequest, body: bytes, received_ns: int
    ) -> None:
        """Pass on what ``session`` reads in an answer.

        Raises:
            FrameError: it cannot be read at all; it was put aside.

        """
        events = self.read_answer(session, request, body, received_ns)
        await self.pass_on_answer(session, events, request, received_ns)

    def read_answer(
        self, session: Session, request: HttpRequest, body: bytes, received_ns: int
    ) -> Sequence[Event]:
        """Return what ``session`` reads in an answer, also what was known already.

        Raises:
            FrameError: it cannot be read at all; it was put aside.

        """
        try:
            return session.answered(request, body, received_ns)
        except FrameError as error:
            self._put_aside(f"{request.path}: {error.reason}", body, received_ns)
            raise

    async def pass_on_answer(
        self, session: Session, events: Sequence[Event], request: HttpRequest, received_ns: int
    ) -> None:
        """Pass on what is new of an answer; rows that cannot be true are put aside, each alone."""
        good: list[Event] = []
        self.books.events_read += len(events)
        for event in events:
            if why_not := self._plausible.why_not(event):
                row = msgspec.json.encode(event)
                self._put_aside(f"{request.path}: {why_not}", row, received_ns)
                self.books.events_refused += 1
                good += self._lost([event], why_not, received_ns)
            else:
                good.append(event)
        await self._pass_on(session, good)

    def connected(self, instruments: Iterable[Instrument]) -> None:
        """Watch instruments whose subscription is being made, those that are not watched yet."""
        new = [one for one in instruments if one not in self.followed]
        self.followed.update(new)
        self.watch.expect(new, time.monotonic_ns())

    def disconnected(self, instruments: Sequence[Instrument]) -> None:
        """Watch them no longer, and let go of troubles that ended with the connection."""
        self.followed.difference_update(instruments)
        self.watch.forget(instruments)
        for instrument in instruments:
            sessions = [session for session, _ in self.troubles.sessions(instrument)]
            causes: list[Cause] = ["stale", "one-sided", *sessions]
            for cause in causes:
                self.troubles.relieve(instrument, cause)

    def left_to(self, session: Session, instruments: Iterable[Instrument]) -> list[Event]:
        """Let go of what other sessions said of instruments; return what there is to say of it."""
        told: list[Event] = []
        for instrument in instruments:
            for other, state in self.troubles.sessions(instrument):
                if other is session:
                    continue
                if state == "refused":
                    self.watch.expect([instrument], time.monotonic_ns())
                if self.troubles.relieve(instrument, other):
                    told.append(self.troubles.status(instrument, "live"))
        return told

    def suspect(self, instruments: Iterable[Instrument], reason: str) -> None:
        """Note that trades of these may be missing from now back to the last one."""
        for instrument in instruments:
            self.ledger.suspect(instrument, reason, self.clock())
            if not self.ledger.knows(instrument):
                self.greeted.discard(instrument)  # its first trade may be among them

    def silences(self) -> list[Event]:
        """Return what there is to say of streams that fell silent."""
        told: list[Event] = []
        for silence in self.watch.overdue(time.monotonic_ns()):
            instrument, reason = silence.instrument, silence.reason
            if silence.kind == "quote" and self.troubles.note(instrument, "stale", "stale", reason):
                told.append(self.troubles.status(instrument, "stale", reason))
            self.ledger.suspect(instrument, reason, self.clock())
        return told

    def mind_the_bus(self) -> None:
        """Let no silence count while the bus holds us back: then the venue is not heard."""
        is_held_back = time.monotonic() - self._publishing_since > HELD_BACK_S
        if is_held_back and not self._is_held_back:
            self.watch.paused()
        elif self._is_held_back and not is_held_back:
            self.watch.resumed(time.monotonic_ns())
        self._is_held_back = is_held_back

    async def kept(self) -> bytes:
        """Return what a restart needs to know, see `restore`.

        Between two instruments others have their turn, since each has thousands of trades.
        """
        instruments = []
        for known in self.ledger.kept():
            instruments.append(known)
            await asyncio.sleep(0)
        return msgspec.json.encode(self.ledger.state(instruments))

    def restore(self, body: bytes) -> None:
        """Take up where an earlier process left off; what cannot be read is as good as none."""
        if not body:
            return
        try:
            state = msgspec.json.decode(body, type=LedgerState)
            self.ledger.restore(state, self.clock())
            self.greeted = {one.instrument for one in state.instruments if one.latest}
        except (msgspec.DecodeError, ValueError) as error:
            log.warning("state.not_read", venue=self.venue.name, why=str(error))

    async def tell(self, events: Sequence[Event]) -> None:
        """Publish what is not read off a frame."""
        self.books.events_told += len(events)
        await self._publish(events)

    async def pass_on_owed(self) -> None:
        """Publish the trades that the bus did not take when they came."""
        with self.ledger.passing_on(()) as owed:
            await self._publish(owed, owed=len(owed))

    async def _pass_on(self, session: Session, events: Sequence[Event]) -> None:
        """Publish what is new, and before it whatever changes how it is to be taken."""
        if set(map(type, events)) == JUST_QUOTES:
            await self._pass_on_quotes(cast("Sequence[Quote]", events))
            return
        told: list[Event] = []
        trades: list[Trade] = []
        now_ns, heard = time.monotonic_ns(), self.watch.heard
        for event in events:
            kind = _HEARD.get(type(event))
            if kind is None:
                self._tell_or_heed(session, event, told)
                continue
            instrument: Instrument = event.instrument  # type: ignore[union-attr, assignment]  # so
            if heard(instrument, kind, now_ns):
                self._speaks_again(instrument, told)
            if isinstance(event, Trade):
                trades.append(event)
            elif kind == "book":
                self._look_at_sides(event, told)  # type: ignore[arg-type]  # the line above
                told.append(event)
            else:
                told.append(event)
        if trades:
            with self.ledger.passing_on(trades) as fresh:
                await self._publish([*told, *fresh], owed=len(fresh))
        else:
            await self._publish(told)

    async def _pass_on_quotes(self, quotes: Sequence[Quote]) -> None:
        """Publish a burst of nothing but quotes, the usual one; each instrument is heard once."""
        told: list[Event] = []
        now_ns = time.monotonic_ns()
        for instrument in {quote.instrument for quote in quotes}:
            if self.watch.heard(instrument, "quote", now_ns):
                self._speaks_again(instrument, told)
        await self._publish([*told, *quotes] if told else quotes)

    def _tell_or_heed(self, session: Session, event: Event, told: list[Event]) -> None:
        if isinstance(event, VenueStatus):
            self._heed(session, event, told)
        else:
            told.append(event)

    async def _publish(self, events: Sequence[Event], *, owed: int = 0) -> None:
        """Hand events to the bus; if that is cut off, ``owed`` of them are owed from then on."""
        if not events:
            return
        if not self._publishing:
            self._publishing_since = time.monotonic()
        self._publishing += 1
        self.books.events_in_hand += len(events)
        published = 0
        try:
            await self._bus.publish(events)
            published = len(events)
        finally:
            self._publishing -= 1
            self.books.events_in_hand -= len(events)
            self.books.events_published += published
            if not published:
                self.books.events_cut_off += len(events) - owed
            if not self._publishing:
                self._publishing_since = inf
        self.pulse.told(events)

    def _speaks_again(self, instrument: Instrument, told: list[Event]) -> None:
        """Note that an instrument that was silent is well again."""
        if self.troubles.relieve(instrument, "stale"):
            self._say(self.troubles.status(instrument, "live"), told)

    def _say(self, event: Event, told: list[Event]) -> None:
        """Add an event of ours to what is told."""
        self.books.events_told += 1
        told.append(event)

    def _look_at_sides(self, book: Book, told: list[Event]) -> None:
        if book.bids and book.asks:
            if self.pulse.troubled and self.troubles.relieve(book.instrument, "one-sided"):
                self._say(self.troubles.status(book.instrument, "live"), told)
            return
        why = f"the book has no {'asks' if book.bids else 'bids'}"
        if self.troubles.note(book.instrument, "one-sided", "stale", why):
            self._say(self.troubles.status(book.instrument, "stale", why), told)

    def _heed(self, session: Session, status: VenueStatus, told: list[Event]) -> None:
        """Pass on what a session says of an instrument, unless something else is wrong there."""
        instrument = status.instrument
        if instrument is None:
            told.append(status)
        elif status.state == "live":
            if self.troubles.relieve(instrument, session):
                told.append(status)
            else:
                self.books.events_heeded += 1
        else:
            self.pulse.resyncs += status.state == "resyncing"
            if status.state == "refused":
                self.watch.refused(instrument)
            self.troubles.note(instrument, session, status.state, status.reason)
            told.append(status)

    def _lost(self, events: Sequence[Event], reason: str, received_ns: int) -> list[Event]:
        """Return the gaps that the trades among refused events leave."""
        lost = [event for event in events if isinstance(event, Trade)]
        gaps = [self.ledger.lost(trade, reason, received_ns) for trade in lost]
        told: list[Event] = [gap for gap in gaps if gap is not None]
        self.books.events_told += len(told)
        return told

    def _put_aside(self, reason: str, body: bytes, received_ns: int) -> None:
        self.pulse.refused += 1
        self.letters.write(reason, body, received_ns)
