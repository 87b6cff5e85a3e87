"""Both ends of a venue's wire, joined in memory."""

from collections.abc import Sequence

from market import Book, Event, Instrument, Listing, Summary, Trade, VenueCandle
from stream_service.simulator.day import Day
from stream_service.venue import HttpRequest, Options, Venue

NOW = 7
"""The time at which our side receives everything."""


class ToldMarket:
    """Knows what a test told it."""

    def __init__(self, listings: Sequence[Listing], books: Sequence[Book] = ()) -> None:
        self.listings = listings
        self.websocket_url = "ws://127.0.0.1:9/told"
        self._books = {book.instrument: book for book in books}
        self._trades: dict[Instrument, list[Trade]] = {}
        self._days: dict[Instrument, Day] = {}

    def book(self, instrument: Instrument) -> Book:
        return self._books[instrument]

    def trades(self, instrument: Instrument) -> Sequence[Trade]:
        return self._trades.get(instrument, [])

    def candles(self, instrument: Instrument) -> Sequence[VenueCandle]:
        return [] if instrument not in self._days else self._days[instrument].candles()

    def summary(self, instrument: Instrument) -> Summary | None:
        return None if instrument not in self._days else self._days[instrument].summary()

    def note(self, event: Event) -> None:
        match event:
            case Book():
                self._books[event.instrument] = event
            case Trade():
                self._trades.setdefault(event.instrument, []).append(event)
                self._days.setdefault(event.instrument, Day(str(event.instrument))).note(event)


class Wire:
    """A session and the exchange's side of it; frames and requests travel when told to."""

    def __init__(self, venue: Venue, market: ToldMarket) -> None:
        self.venue = venue
        self.market = market
        keys = dict.fromkeys(venue.credentials, "simulated")
        self.session = venue.session(market.listings, Options(keys=keys))
        self.exchange = venue.exchange_side(market)
        self.exchange.opened()
        self.session.opened()
        for listing in market.listings:
            if request := self.session.recall(listing.instrument):
                self.session.ask(request)

    def settle(self) -> list[Event]:
        """Carry frames and requests to and fro until none is left; return what was read."""
        events: list[Event] = []
        while True:
            frames, requests = self.session.outgoing(), self.session.requests()
            for frame in frames:
                self.exchange.receive(frame)
            events += self.read()
            for request in requests:
                events += self.ask(request)
            if not frames and not requests:
                return events

    def tell(self, *told: Event) -> list[Event]:
        """Let the exchange tell events, one after the other; return what was read."""
        for event in told:
            self.market.note(event)
            self.exchange.tell(event)
        return self.read()

    def lose(self, *told: Event) -> None:
        """Let the exchange tell events whose frames never arrive."""
        for event in told:
            self.market.note(event)
            self.exchange.tell(event)
        self.exchange.outgoing()

    def read(self) -> list[Event]:
        """Read the frames that are on their way to our side."""
        frames = self.exchange.outgoing()
        return [event for frame in frames for event in self.session.receive(frame, NOW)]

    def ask(self, request: HttpRequest) -> list[Event]:
        """Make one request over REST."""
        body = self.venue.answer(request.path, self.market)
        return list(self.session.answered(request, body, NOW))


def listed(venue: Venue, listings: Sequence[Listing]) -> list[Listing]:
    """Ask the exchange's side for its listings, as our side reads them."""
    asking = venue.list_instruments(venue)
    request = next(asking)
    try:
        while True:
            request = asking.send(venue.answer(request.path, ToldMarket(listings)))
    except StopIteration as done:
        found: list[Listing] = done.value
        return found
