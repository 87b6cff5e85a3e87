"""The one actor that drives every service that is polled: it owns the calls, the clock, the file.

It grants one wish after the other as the `CallBudget` allows, publishes what the answers mean and
says once a second how the service does. What cannot be read is put aside.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import structlog

from infrastructure.bus.port import Bus, DeadLetter
from infrastructure.measures import Measure, states_of
from market import (
    BusUnavailableError,
    Event,
    FrameError,
    Instrument,
    VenueBusyError,
    VenueRefusedError,
    VenueStatus,
)
from market.events import VenueState
from stream_service.accounts import Accounts, FramesInHand
from stream_service.budget import CallBudget
from stream_service.budget_file import BudgetFile
from stream_service.measured import STATES
from stream_service.one_call import OneCall
from stream_service.polled import PolledVenue, Poller, Wish
from stream_service.redaction import Redaction
from stream_service.venue import HttpRequest

log = structlog.get_logger()

LOOK_EVERY_S = 1.0
"""So often, or when the next call is allowed, the wishes are looked at."""

BREATH_S = 0.05
AHEAD_NS = 3_600 * 10**9
"""What is told of a later time than this is not true, whichever clock is wrong."""

FIRST_WAIT_S = 15.0
LONGEST_WAIT_S = 900.0
REMARKS_AT_MOST = 3
REFUSED_WAIT_S = 21_600.0
"""How long a request that was turned down is not made again: each one costs a call."""

FRESH_FOR_S = 900.0
"""A service in trouble is stale while its last answer is younger than this, then down."""


class VenuePolling:
    """Keeps one service polled and publishes what it says.

    Args:
        venue: What to poll, with its keys.
        wanted: Instruments to follow; those that the service does not cover are left out.
        state: Folder in which the calls of the day are remembered over a restart.
        tap: Hears each answer, without the keys: the request, the body, the time of receipt.

    """

    dead = 0

    def __init__(
        self,
        venue: PolledVenue,
        wanted: Sequence[Instrument],
        bus: Bus,
        *,
        state: Path | None = None,
        clock: Callable[[], int] = time.time_ns,
        tap: Callable[[HttpRequest, bytes, int], None] | None = None,
    ) -> None:
        self.venue = venue
        self.bus = bus
        self.name = f"stream.{venue.name}"
        self.listening = asyncio.Event()
        self.handled = 0
        self.state: VenueState = "connecting"
        self.reason = ""
        covered = [instrument for instrument in wanted if venue.covers(instrument)]
        self._followed = len(covered)
        self._poller: Poller = venue.poller(covered)
        self._file = BudgetFile(state, venue.name)
        self._budget = CallBudget(venue.budget, self._file.read())
        self._redaction = Redaction(venue.keys.values())
        self._clock = clock
        self._tap = tap
        self._answers = self._refused = self._failures = 0
        self._answered_ns: int | None = None
        self._turned_down: dict[HttpRequest, str] = {}
        self._is_told = False
        self._books = Accounts()

    @property
    def counts(self) -> dict[str, int]:
        """The books, see `infrastructure.books`."""
        return {**self._books.counts(), "events_known": 0, "events_restored": 0, "events_owed": 0}

    def measures(self) -> Iterable[Measure]:
        """See `Measured.measures`."""
        whose = (self.venue.name,)
        yield from states_of("venue_state", self.venue.name, self.state, STATES)
        yield Measure("venue_instruments", self._followed, whose)
        yield Measure("venue_frames", self._books.frames, whose)
        yield Measure("venue_events", self.handled, whose)
        yield Measure("venue_refused", self._refused, whose)

    async def run(self) -> None:
        """Poll until cancelled; a service that fails is asked again, ever later."""
        self.listening.set()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell_status())
            tasks.create_task(self._poll())

    async def _poll(self) -> None:
        if why := self._why_not():
            await self._change("refused", why)
            await asyncio.Event().wait()
        await self._change(self.state, self.reason)
        async with OneCall(self.venue) as calls:
            while True:
                now_ns = self._clock()
                wish = self._budget.pick(self._poller.wishes(), now_ns)
                if wish is not None:
                    await self._ask(calls, wish, now_ns)
                wait_s = self._budget.wait_s(self._clock())
                await asyncio.sleep(min(max(wait_s, BREATH_S), LOOK_EVERY_S))

    def _why_not(self) -> str:
        """Return what keeps the service from being polled at all; empty: nothing does."""
        if missing := self.venue.missing:
            name = f"CRYPTOTRACKER_CREDENTIALS__{self.venue.name}__{missing[0]}".upper()
            return f"key missing: set {name}"
        return "" if self._followed else "it covers none of the instruments asked for"

    async def _ask(self, calls: OneCall, wish: Wish, now_ns: int) -> None:
        """Make one call, counted before it is made so that a crash cannot make it uncounted."""
        request = wish.request
        self._budget.spend(request, now_ns)
        await self._keep_count()
        try:
            await self._read(request, await calls.body(request))
        except VenueBusyError as error:
            self._budget.unanswered(wish, self._clock())
            await self._wait(error.wait_s, f"asked to wait {error.wait_s:.0f} s: {error}")
        except VenueRefusedError as error:
            await self._turn_down(request, str(error))
        except FrameError as error:
            await self._put_aside(error)
            await self._wait_longer(str(error))
        except ConnectionError as error:
            self._budget.unanswered(wish, self._clock())
            await self._wait_longer(str(error))

    async def _read(self, request: HttpRequest, body: bytes) -> None:
        received_ns = self._clock()
        if self._tap is not None:
            self._tap(request, body, received_ns)
        with FramesInHand(self._books, 1) as in_hand:
            try:
                told = self._poller.answered(request, body, received_ns)
            except FrameError:
                in_hand.quarantined()
                raise
            except VenueRefusedError:
                in_hand.denied()
                raise
            await self._publish(request, self._not_of_the_future(told), received_ns)
            in_hand.read(1)

    async def _publish(self, request: HttpRequest, events: Sequence[Event], at_ns: int) -> None:
        self._failures = 0
        self._answers += 1
        self._answered_ns = at_ns
        self._turned_down.pop(request, None)
        books, number = self._books, len(events)
        books.events_in_hand += number
        published = 0
        try:
            await self._change("live", self._remarks())
            await self.bus.publish(events)
            published = number
        finally:
            books.events_in_hand -= number
            books.events_published += published
            books.events_cut_off += number - published
        self.handled += number

    def _not_of_the_future(self, events: Sequence[Event]) -> Sequence[Event]:
        latest_ns = self._clock() + AHEAD_NS
        good = [event for event in events if event.event_ns <= latest_ns]
        self._books.events_read += len(events)
        self._books.events_refused += len(events) - len(good)
        if len(good) < len(events):
            self._refused += len(events) - len(good)
            log.warning("venue.refused", venue=self.venue.name, why="times of the future")
        return good

    def _remarks(self) -> str:
        """Return what is not as people may think although all is well."""
        said = list(filter(None, [self._poller.note, *self._turned_down.values()]))
        more = len(said) - REMARKS_AT_MOST
        return "; ".join([*said[:REMARKS_AT_MOST], *([f"and {more} more"] if more > 0 else [])])

    async def _turn_down(self, request: HttpRequest, why: str) -> None:
        """Put off a request that is refused, which is no trouble for the others."""
        self._refused += 1
        self._budget.put_off(request, REFUSED_WAIT_S, self._clock())
        self._turned_down[request] = self._redaction.text(why)
        log.warning("venue.refused", venue=self.venue.name, why=self._turned_down[request])
        has_answered = self._answered_ns is not None
        await self._change(self.state if has_answered else "refused", self._remarks())

    async def _wait_longer(self, why: str) -> None:
        wait_s = min(FIRST_WAIT_S * 2.0**self._failures, LONGEST_WAIT_S)
        self._failures += 1
        await self._wait(wait_s, why)

    async def _wait(self, wait_s: float, why: str) -> None:
        self._budget.hold(wait_s, self._clock())
        await self._keep_count()
        why = self._redaction.text(why)
        log.warning("venue.not_answered", venue=self.venue.name, why=why)
        await self._change("stale" if self._is_fresh() else "down", why)

    def _is_fresh(self) -> bool:
        age_ns = None if self._answered_ns is None else self._clock() - self._answered_ns
        return age_ns is not None and age_ns < FRESH_FOR_S * 1e9

    async def _put_aside(self, error: FrameError) -> None:
        self._refused += 1
        letter = DeadLetter(
            mailbox=self.name,
            reason=self._redaction.text(error.reason),
            body=self._redaction.body(error.frame),
        )
        try:
            await self.bus.put_aside([letter])
        except BusUnavailableError as lost:
            log.warning("frame.not_put_aside", venue=self.venue.name, why=str(lost))

    async def _keep_count(self) -> None:
        await asyncio.to_thread(self._file.write, self._budget.spent)

    async def _change(self, state: VenueState, reason: str) -> None:
        if self._is_told and (state, reason) == (self.state, self.reason):
            return
        self._is_told = True
        self.state, self.reason = state, reason
        log.info("venue.changed", venue=self.venue.name, state=state, reason=reason)
        await self.bus.publish([self._status()])

    async def _tell_status(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            if self.state == "stale" and not self._is_fresh():
                await self._change("down", self.reason)
            await self.bus.publish([self._status()])

    def _status(self) -> VenueStatus:
        now_ns = self._clock()
        return VenueStatus(
            venue=self.venue.name,
            state=self.state,
            reason=self.reason,
            instruments=self._followed,
            frames=self._answers,
            events=self.handled,
            refused=self._refused,
            event_ns=now_ns,
            received_ns=now_ns,
            sequence=now_ns,
        )
