"""A venue's sessions under fire: they live on over many damaged frames, and read good ones still.

A life is a market of a few instruments, the exchange's side of the wire and our session. It hears
what the exchange tells, and between that damaged frames: some of its own, some of the fixtures,
some recorded. All that it does follows from its name, so a failure can be seen again.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import NamedTuple

from market import (
    Book,
    Event,
    FrameError,
    Instrument,
    Listing,
    Quote,
    Trade,
    VenueRefusedError,
    VenueStatus,
)
from stream_service.venue import HttpRequest, Options, Session, Venue
from tests.making import MINUTE, SECOND, a_book, a_quote, a_trade
from tests.venues.cases import AT, CASES, VENUES
from tests.venues.oracle.mutating import Places, mutated, places_of
from tests.venues.oracle.truth import untrue, untrue_listing
from tests.venues.playing import ToldMarket

FRAMES_A_LIFE = 500
BETWEEN_CHECKS = 50
TRIES = 250
"""How often a book that is gone may be looked for, 30 seconds apart."""

LONGEST_RECORDED = 20_000
RECORDED_A_FILE = 40
ERROR_MARKS = (b"rror", b"success", b"code", b"Code", b"result")
"""Without any of these in it no frame can say that the venue refuses something."""


class Sample(NamedTuple):
    """A frame, or the answer to ``request``."""

    body: bytes
    places: Places
    request: HttpRequest | None


class FailedError(AssertionError):
    """What was found, and the frame that it was found with."""


class Life:
    """One session and what happens to it."""

    def __init__(self, venue: Venue, name: str) -> None:
        self.venue = venue
        self.random = Random(f"{venue.name} {name}")  # noqa: S311  # it must be the same again
        self.counts: Counter[str] = Counter()
        self.now_ns = AT
        self.number = 10
        self.recent: deque[Sample] = deque(maxlen=40)
        self.samples = samples(venue.name)
        bases = ("ETH", "SOL")
        self.instruments = [Instrument(base, venue.quote_currencies[0]) for base in bases]
        self._open()

    def run(self, frames: int = FRAMES_A_LIFE) -> Counter[str]:
        """Live through so many damaged frames; return what came of them.

        Raises:
            FailedError: something came out that cannot be, or nothing came out any more.

        """
        self.check()
        for number in range(frames):
            if self.random.random() < 0.1:
                self._surviving(self.tell_something)
            self.hear_damaged()
            if number % BETWEEN_CHECKS == BETWEEN_CHECKS - 1:
                self._surviving(self.check)
        self.read_damaged_listings()
        return self.counts

    def hear_damaged(self) -> None:
        """Read one damaged frame, or answer."""
        own = self.recent and self.random.random() < 0.5
        sample = self.random.choice(self.recent if own else self.samples)
        other = self.random.choice(self.samples).body
        body = mutated(sample.body, sample.places, other, self.random)
        self.counts["frames"] += 1
        self.now_ns += SECOND // 100
        try:
            if self.random.random() < 0.02:
                self.session.recognise(body, self.random.choice(["", "BTC-USD", "\ud800"]))
            self._judge(self._read(body, sample.request), body)
        except FrameError:
            self.counts["refused"] += 1
        except VenueRefusedError:
            self.counts["venue refused"] += 1
            if not any(mark in body for mark in ERROR_MARKS):
                raise FailedError(f"no refusal of the venue's: {body!r}") from None
            self._open()
        except Exception as error:
            raise FailedError(f"{error!r} from {body!r}") from error
        if self.session.renewal:
            self._open()

    def tell_something(self) -> None:
        """Let the exchange tell something true."""
        self.number += 1
        instrument = self.random.choice(self.instruments)
        name, digits = str(instrument), self.random.choice([0, 2, 5, 8])
        price = round(100 + 50 * self.random.random(), digits)
        told: Event
        match self.random.randrange(3):
            case 0:
                size = round(1 + self.random.random(), digits)
                told = a_trade(
                    self.venue.name, name, number=self.number, price=price, size=size,
                    at_ns=self._at(),
                )  # fmt: skip
            case 1:
                told = self._quote(instrument, price)
            case _:
                told = self._book(instrument, price)
        self._tell(told)

    def check(self) -> None:
        """Hold that trades and quotes are read at once, and books after they were healed."""
        for instrument in self.instruments:
            self.number += 1
            trade = a_trade(self.venue.name, str(instrument), number=self.number, at_ns=self._at())
            self._expect(Trade, instrument, self._tell(trade), "trade")
            self._heal(instrument)
            self._expect(Quote, instrument, self._tell_top(instrument), "quote")

    def read_damaged_listings(self) -> None:
        """Read what lists the instruments, damaged."""
        for _ in range(10):
            asking = self.venue.list_instruments(self.venue)
            market = ToldMarket(self.listings)
            body = b""
            try:
                request = next(asking)
                while True:
                    body = self.venue.answer(request.path, market)
                    body = mutated(body, places_of(body), body, self.random)
                    self.counts["frames"] += 1
                    request = asking.send(body)
            except StopIteration as done:
                found: list[Listing] = done.value
                for listing in found:
                    if fault := untrue_listing(listing):
                        raise FailedError(f"{fault} in {listing} of {body!r}") from None
            except (FrameError, VenueRefusedError):
                self.counts["refused"] += 1
            except Exception as error:
                raise FailedError(f"{error!r} from the listing {body!r}") from error

    def _surviving(self, step: Callable[[], None]) -> None:
        """Connect anew where the exchange turns us away for what a damaged frame made us say."""
        try:
            step()
        except VenueRefusedError:
            self.counts["turned away"] += 1
            self._open()

    def _open(self) -> None:
        """Connect anew."""
        self.counts["connections"] += 1
        own = [
            Listing(instrument=one, symbol=self.venue.symbol(one), tick_size=1e-4, lot_size=1e-8)
            for one in self.instruments
        ]
        symbols = {listing.symbol for listing in own}
        others = [one for one in fixture_listings(self.venue.name) if one.symbol not in symbols]
        self.listings = [*own, *others]
        books = [
            a_book(self.venue.name, str(one.instrument), at_ns=self._at(), sequence=self.number)
            for one in self.listings
        ]
        self.market = ToldMarket(self.listings, books)
        self.known = {one.instrument for one in self.listings}
        keys = dict.fromkeys(self.venue.credentials, "simulated")
        self.session: Session = self.venue.session(self.listings, Options(keys=keys))
        self.exchange = self.venue.exchange_side(self.market)
        self.exchange.opened()
        self.session.opened()
        self._settle()

    def _at(self) -> int:
        """Move the time on; whole seconds, as some venues tell no finer ones."""
        self.now_ns += SECOND - self.now_ns % SECOND
        return self.now_ns

    def _book(self, instrument: Instrument, price: float) -> Book:
        step = self.random.choice([0.01, 0.5])
        sizes = [1 + self.random.randrange(100) / 8 for _ in range(24)]
        bids = [(round(price - step * (n + 1), 4), sizes[n]) for n in range(12)]
        asks = [(round(price + step * (n + 1), 4), sizes[12 + n]) for n in range(12)]
        return a_book(
            self.venue.name, str(instrument), bids=bids, asks=asks, at_ns=self._at(),
            sequence=self.number,
        )  # fmt: skip

    def _quote(self, instrument: Instrument, price: float) -> Quote:
        return a_quote(
            self.venue.name, str(instrument), bid=price - 0.25, ask=price + 0.25,
            at_ns=self._at(), sequence=self.number,
        )  # fmt: skip

    def _tell(self, told: Event) -> list[Event]:
        self.market.note(told)
        self.exchange.tell(told)
        return self._settle()

    def _tell_top(self, instrument: Instrument) -> list[Event]:
        """Tell a quote, and the book that it is the top of: some venues have but one of them."""
        self.number += 1
        book = self._book(instrument, 100 + self.number % 50)
        told = self._tell(book)
        quote = self._quote(instrument, 100.0 + self.number % 50)
        return [*told, *self._tell(quote)]

    def _settle(self) -> list[Event]:
        """Carry good frames to and fro; a session may not ask for ever."""
        events: list[Event] = []
        for _ in range(50):
            frames, requests = self.session.outgoing(), self.session.requests()
            for frame in frames:
                self.exchange.receive(frame)
            told = self.exchange.outgoing()
            if not (frames or requests or told):
                return events
            for frame in told:
                events += self._good(frame, None)
            for request in requests:
                events += self._good(self.venue.answer(request.path, self.market), request)
        raise FailedError("the session asks without end")

    def _good(self, body: bytes, request: HttpRequest | None) -> Sequence[Event]:
        """Read a good frame, which must be readable, and keep it for later damage."""
        self.recent.append(Sample(body, places_of(body), request))
        self.counts["good"] += 1
        try:
            events = self._read(body, request)
        except FrameError as error:
            raise FailedError(f"a good frame is refused: {error}") from error
        self._judge(events, body)
        return events

    def _read(self, body: bytes, request: HttpRequest | None) -> Sequence[Event]:
        if request is None:
            return self.session.receive(body, self.now_ns)
        return self.session.answered(request, body, self.now_ns)

    def _judge(self, events: Sequence[Event], body: bytes) -> None:
        for event in events:
            self.counts[type(event).__name__] += 1
            if isinstance(event, VenueStatus) and event.state == "refused":
                raise VenueRefusedError(event.reason)  # it will say no more of that instrument
            if fault := untrue(event, self.known, self.now_ns):
                raise FailedError(f"{fault} in {event} of {body!r}")

    def _heal(self, instrument: Instrument) -> None:
        """Tell books, and let time pass, until one is shown."""
        for _ in range(TRIES):
            self.number += 1
            book = self._book(instrument, 100 + self.random.randrange(50))
            for event in self._tell(book):
                if isinstance(event, Book) and event.instrument == instrument:
                    if (event.bids, event.asks) != (book.bids[:10], book.asks[:10]):
                        continue
                    return
            self.now_ns += 30 * SECOND
            self.session.tick(self.now_ns)
            self.counts["waited for a book"] += 1
        raise FailedError(f"no book of {instrument} comes any more")

    def _expect(
        self, kind: type[Event], instrument: Instrument, events: Sequence[Event], what: str
    ) -> None:
        read = [one for one in events if isinstance(one, kind)]
        if not any(getattr(one, "instrument", None) == instrument for one in read):
            raise FailedError(f"a good {what} of {instrument} is not read any more")


def fixture_listings(venue: str) -> list[Listing]:
    """Return the instruments of a venue's fixtures."""
    found = {
        row.symbol: Listing(instrument=Instrument.parse(row.instrument), symbol=row.symbol)
        for name, case in CASES.items()
        if name.partition("-")[0] == venue
        for row in case.listings
    }
    return list(found.values())


@lru_cache(maxsize=32)
def samples(venue: str) -> Sequence[Sample]:
    """Return good frames and answers of a venue: its fixtures, and what was recorded of it."""
    return [
        Sample(body, places_of(body), request)
        for body, request in (*_of_fixtures(venue), *_recorded(venue))
        if body
    ]


def _of_fixtures(venue: str) -> Iterator[tuple[bytes, HttpRequest | None]]:
    for name, case in CASES.items():
        if name.partition("-")[0] != venue:
            continue
        session = case.session(venue)
        session.opened()
        asked = session.requests()
        for one in (listing.instrument for listing in session.listings.values()):
            asked += [
                request
                for request in (
                    session.recall(one),
                    session.recall_candles(one, start_ns=AT - MINUTE, end_ns=AT),
                )
                if request
            ]
        yield from ((bytes(frame), None) for frame in case.frames)
        for request in asked:
            body = case.answers.get(request.path.partition("?")[0])
            if body is not None:
                yield bytes(body), request


def _recorded(venue: str) -> Iterator[tuple[bytes, HttpRequest | None]]:
    """Read a few lines of every recording, where there are any."""
    folder = os.environ.get("CRYPTOTRACKER_FRAMES")
    session = VENUES[venue].session(fixture_listings(venue))
    for path in sorted(Path(folder, venue).glob("*.jsonl")) if folder else ():
        lines = path.read_bytes().splitlines()
        for line in lines[:: max(1, len(lines) // RECORDED_A_FILE)]:
            if len(line) <= LONGEST_RECORDED:
                symbols = list(session.listings)
                yield line, session.recognise(line, symbols[0] if symbols else "")
