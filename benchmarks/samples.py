"""A venue and a kind in; frames of that kind, as its own side makes them, and who reads them out.

Prices come from a simulated world, so no two frames are the same. A session that follows that kind
alone reads them, once the venue has said what it says before.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import get_args

from msgspec.structs import replace

from benchmarks.bare_loops import Frames
from market import Book, Event, Instrument, Quote, Summary, Trade, VenueCandle
from market.intervals import SECOND_NS
from stream_service.simulator.prices import REFERENCE_USD, World, simulated_listings
from stream_service.venue import Channel, HttpRequest, Options, Session, Venue

DISTINCT = 1_000
WARMING = 100
"""Frames more that a session reads before: what it keeps of an instrument it has made then."""

BASES = [base for base in REFERENCE_USD if not base.startswith("USD")]
KINDS: dict[Channel, type[Event]] = dict(
    zip(get_args(Channel), (Trade, Quote, Book, VenueCandle, Summary), strict=True)
)
START_NS = 1_700_000_000 * 10**9
SLOW = ("candle", "summary")
"""Kinds that are told once a second of each instrument."""

FAST_NS, SLOW_NS = 10**6, 5 * 10**7
"""Between two moves of the world."""

MOVES_AT_MOST = 5 * DISTINCT
MOVES_IN_VAIN = 400
"""After so many without a frame the venue does not stream the kind."""


class Sample:
    """Frames of one kind from one venue, `DISTINCT` of them; none where it does not stream it."""

    def __init__(self, venue: Venue, kind: Channel) -> None:
        self.venue = venue
        self.kind = kind
        instruments = [Instrument(base, venue.quote_currencies[0]) for base in BASES]
        self.listings = simulated_listings(venue, instruments)
        self._world = World({venue.name: self.listings}, seed=3, start_ns=START_NS)
        self._market = self._world.markets[venue.name]
        self._market.websocket_url = "ws://127.0.0.1:9/"
        self._side = venue.exchange_side(self._market)
        self._before: list[bytes] = []
        self._answers: dict[HttpRequest, bytes] = {}
        self._summed_up_ns: dict[Instrument, int] = {}
        self._begin()
        told = self._told()
        self._warming = told[:WARMING]
        self.frames = [frame for frame, _ in told[WARMING:]]
        self._received_ns = [received_ns for _, received_ns in told[WARMING:]]

    def received(self) -> Frames:
        """Return the frames, each with the time of its receipt.

        That is what the clock says when a frame is taken, as for everybody who reads a socket; but
        for what is told once a second, which comes at its own pace.
        """
        if self.kind in SLOW:
            return zip(self.frames, self._received_ns, strict=True)
        return zip(self.frames, iter(time.time_ns, None), strict=False)

    def session(self) -> Session:
        """Return a session that reads the first of the frames next."""
        session = self._new_session()
        session.opened()
        for frame in self._before:
            session.receive(frame, START_NS)
        for request in session.requests():
            if body := self._answers.get(request):
                session.answered(request, body, START_NS)
        for frame, received_ns in self._warming:
            session.receive(frame, received_ns)
        return session

    def count(self) -> int:
        """Return how many of the frames give an event of the kind."""
        session, kind = self.session(), KINDS[self.kind]
        read = [session.receive(frame, received_ns) for frame, received_ns in self.received()]
        return sum(any(isinstance(event, kind) for event in events) for events in read)

    def _new_session(self) -> Session:
        keys = dict.fromkeys(self.venue.credentials, "simulated")
        options = Options(channels=frozenset({self.kind}), keys=keys)
        return self.venue.session(self.listings, options)

    def _begin(self) -> None:
        """Subscribe; note what the venue says to that, and what it answers."""
        session = self._new_session()
        self._side.opened()
        session.opened()
        while said := self._side.outgoing() + [b""] * session.has_outgoing:
            for frame in filter(None, said):
                self._before.append(frame)
                session.receive(frame, START_NS)
            for frame in session.outgoing():
                self._side.receive(frame)
        for request in session.requests():
            self._answers[request] = self.venue.answer(request.path, self._market)

    def _told(self) -> Sequence[tuple[bytes, int]]:
        frames: list[tuple[bytes, int]] = []
        pace_ns = SLOW_NS if self.kind in SLOW else FAST_NS
        for move in range(1, MOVES_AT_MOST + 1):
            now_ns = START_NS + move * pace_ns
            for event in self._wanted(self._world.step(now_ns, 1)):
                self._side.tell(event)
            frames += [(frame, now_ns) for frame in self._side.outgoing()]
            if len(frames) >= WARMING + DISTINCT or (not frames and move == MOVES_IN_VAIN):
                break
        return frames[: WARMING + DISTINCT]

    def _wanted(self, events: Iterable[Event]) -> Iterator[Event]:
        """Leave out other kinds, and sums with no trade of a later second in them."""
        for event in events:
            if isinstance(event, VenueCandle | Summary) and isinstance(event, KINDS[self.kind]):
                if event.event_ns - self._summed_up_ns.get(event.instrument, 0) >= SECOND_NS:
                    self._summed_up_ns[event.instrument] = event.event_ns
                    # some venues tell a candle only once it is closed
                    yield replace(event, closed=True) if isinstance(event, VenueCandle) else event
            elif isinstance(event, KINDS[self.kind]):
                yield event
