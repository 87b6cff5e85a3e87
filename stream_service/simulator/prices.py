"""A market made up from a seed: several venues around one price, with gaps that open and close.

Each base currency has a reference price in USD that walks at random. A venue's price is the
reference, turned into its quote currency, times a deviation that is pulled back to a standing
premium (Korean venues trade above the rest), times the gap that stands open there, if any. Nothing
here reads a clock: the same seed stepped through the same times gives the same events.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random

import msgspec
from msgspec.structs import replace

from market import (
    Book,
    Event,
    Instrument,
    Level,
    Listing,
    Quote,
    Summary,
    Trade,
    VenueCandle,
)
from market.intervals import SECOND_NS
from stream_service.polled import PolledVenue
from stream_service.simulator.day import Day
from stream_service.venue import Venue

REFERENCE_USD = {
    "BTC": 67_000.0,
    "ETH": 3_480.0,
    "SOL": 151.0,
    "XRP": 0.523,
    "DOGE": 0.128,
    "ADA": 0.451,
    "LINK": 14.2,
    "AVAX": 28.4,
    "DOT": 6.12,
    "TRX": 0.1183,
    "USDT": 1.0004,
    "USDC": 1.0,
}
MONEY_USD = {"USD": 1.0, "EUR": 1.085, "KRW": 1 / 1_378.0}
QUOTE_CURRENCY_USD = {**MONEY_USD, "USDT": 1.0004, "USDC": 1.0}
PREMIUM_BPS = {"KRW": 180.0}
STABLE = frozenset({"USDT", "USDC", *MONEY_USD})

YEAR_S = 365 * 86_400.0
VOLATILITY = 0.6
DEVIATION_BPS = 2.0
PULL_PER_S = 0.5
SPREAD_BPS = 1.5
LEVELS = 12
TRADES_KEPT = 5_000
LEVEL_NOTIONAL_USD = 6_000.0


class Gap(msgspec.Struct, frozen=True):
    """One base currency off the common price by ``bps`` at one venue, for a while."""

    venue: str
    base: str
    bps: float
    start_ns: int
    end_ns: int


def simulated_listings(
    venue: Venue | PolledVenue, instruments: Iterable[Instrument]
) -> list[Listing]:
    """Return those of ``instruments`` that ``venue`` would list, with plausible steps.

    Prices move in steps of about a tenth of a basis point, sizes of about a US cent.
    """
    return [
        Listing(
            instrument=instrument,
            symbol=venue.symbol(instrument),
            tick_size=_step(_price(instrument) / 100_000),
            lot_size=_step(min(0.01 / _usd(instrument.base), 0.01)),
            minimum_notional=_step(5.0 / QUOTE_CURRENCY_USD[instrument.quote_currency]),
        )
        for instrument in instruments
        if instrument.quote_currency in QUOTE_CURRENCY_USD
        and instrument.quote_currency in venue.quote_currencies
        and (
            instrument.base in {*REFERENCE_USD, *MONEY_USD} and venue.covers(instrument)
            if isinstance(venue, PolledVenue)
            else instrument.base in REFERENCE_USD
        )
    ]


class SimulatedMarket:
    """What one simulated venue knows: its listings, books and recent trades."""

    def __init__(self, listings: Sequence[Listing], *, trades_kept: int = TRADES_KEPT) -> None:
        self.listings = listings
        self.websocket_url = ""
        self._books: dict[Instrument, Book] = {}
        self._trades: dict[Instrument, deque[Trade]] = {
            listing.instrument: deque(maxlen=trades_kept) for listing in listings
        }
        self._days = {listing.instrument: Day(listing.symbol) for listing in listings}

    def book(self, instrument: Instrument) -> Book:
        """See `Market.book`."""
        return self._books[instrument]

    def trades(self, instrument: Instrument) -> Sequence[Trade]:
        """See `Market.trades`."""
        return list(self._trades[instrument])

    def candles(self, instrument: Instrument) -> Sequence[VenueCandle]:
        """See `Market.candles`."""
        return self._days[instrument].candles()

    def forget_trades(self) -> None:
        """Let go of past trades, so that nobody can ask for them any more."""
        for trades in self._trades.values():
            trades.clear()

    def summary(self, instrument: Instrument) -> Summary | None:
        """See `Market.summary`."""
        return self._days[instrument].summary()

    def sums(self, instrument: Instrument) -> Iterator[Event]:
        """Yield the running candle and the summary of the day, where there is a trade in them."""
        day = self._days[instrument]
        if day.last is not None:
            yield day.last
        if (summary := day.summary()) is not None:
            yield summary

    def note(self, event: Event) -> None:
        """Remember a book or a trade before it is told."""
        match event:
            case Book():
                self._books[event.instrument] = event
            case Trade():
                self._trades[event.instrument].append(event)
                self._days[event.instrument].note(event)


class _Place:
    """The state of one instrument at one venue."""

    def __init__(self, venue: str, listing: Listing, number: int) -> None:
        self.venue = venue
        self.listing = listing
        self.deviation_bps = 0.0
        self.stepped_ns = 0
        self.summed_up_ns = 0
        self.book_number = number
        self.trade_number = number


class World:
    """Every venue's market, stepped through time.

    ``skew_ns`` is how far the clocks of some venues are ahead.

    Args:
        listings: What each venue lists, by venue name.
        seed: Fixes everything that follows from the times of the steps.
        start_ns: Time of the first state; trade ids start from it, in microseconds, so that those
            of a later run never collide with those of an earlier one.
        gap_every_s: Mean time between two gaps opening.
        trades_kept: Past trades of an instrument that a venue still tells of.

    """

    def __init__(
        self,
        listings: Mapping[str, Sequence[Listing]],
        *,
        seed: int,
        start_ns: int,
        gap_every_s: float = 3.0,
        trades_kept: int = TRADES_KEPT,
    ) -> None:
        self.markets = {
            venue: SimulatedMarket(rows, trades_kept=trades_kept)
            for venue, rows in listings.items()
        }
        self.gaps: list[Gap] = []
        self.skew_ns: Mapping[str, int] = {}
        self._random = Random(seed)  # noqa: S311  # prices, not secrets
        self._gap_every_s = gap_every_s
        self._places = [
            _Place(venue, listing, start_ns // 1_000)
            for venue, rows in listings.items()
            for listing in rows
        ]
        self._reference = {
            place.listing.instrument.base: (
                _usd(place.listing.instrument.base),
                start_ns,
            )
            for place in self._places
        }
        self._next_gap_ns = start_ns + SECOND_NS
        for place in self._places:
            self._deviate(place, start_ns)
            self.markets[place.venue].note(self._book(place, start_ns))

    def step(self, now_ns: int, count: int) -> Iterator[Event]:
        """Move ``count`` places, chosen at random, to ``now_ns``; yield what each venue tells."""
        self._open_gaps(now_ns)
        for _ in range(count):
            place = self._random.choice(self._places)
            market = self.markets[place.venue]
            skew_ns = self.skew_ns.get(place.venue, 0)
            for event in self._move(place, now_ns):
                told = replace(event, event_ns=event.event_ns + skew_ns) if skew_ns else event
                market.note(told)
                yield told
            if now_ns - place.summed_up_ns >= SECOND_NS:
                place.summed_up_ns = now_ns
                yield from market.sums(place.listing.instrument)

    def _move(self, place: _Place, now_ns: int) -> Iterable[Event]:
        self._deviate(place, now_ns)
        book = self._book(place, now_ns)
        yield book
        yield _quote(book)
        if self._random.random() < 0.5:  # noqa: PLR2004  # every other move is a trade
            yield self._trade(place, book, now_ns)

    def _deviate(self, place: _Place, now_ns: int) -> None:
        instrument = place.listing.instrument
        is_money = instrument.base in MONEY_USD
        standing = 0.0 if is_money else PREMIUM_BPS.get(instrument.quote_currency, 0.0)
        elapsed_s = (now_ns - place.stepped_ns) / SECOND_NS
        kept = math.exp(-PULL_PER_S * elapsed_s) if place.stepped_ns else 0.0
        noise = DEVIATION_BPS * math.sqrt(1 - kept * kept) * self._random.gauss(0.0, 1.0)
        place.deviation_bps = standing + (place.deviation_bps - standing) * kept + noise
        place.stepped_ns = now_ns

    def _reference_usd(self, base: str, now_ns: int) -> float:
        price, at_ns = self._reference[base]
        if base in STABLE or now_ns <= at_ns:
            return price
        years = (now_ns - at_ns) / SECOND_NS / YEAR_S
        price *= math.exp(VOLATILITY * math.sqrt(years) * self._random.gauss(0.0, 1.0))
        self._reference[base] = (price, now_ns)
        return price

    def _middle(self, place: _Place, now_ns: int) -> float:
        instrument = place.listing.instrument
        gap_bps = sum(
            gap.bps
            for gap in self.gaps
            if gap.venue == place.venue
            and gap.base == instrument.base
            and gap.start_ns <= now_ns < gap.end_ns
        )
        usd = self._reference_usd(instrument.base, now_ns)
        usd_per_unit = QUOTE_CURRENCY_USD[instrument.quote_currency]
        return usd / usd_per_unit * (1 + (place.deviation_bps + gap_bps) / 10_000)

    def _book(self, place: _Place, now_ns: int) -> Book:
        place.book_number += 1
        middle = self._middle(place, now_ns)
        tick = place.listing.tick_size or _step(middle / 100_000)
        half = max(middle * SPREAD_BPS / 20_000, tick / 2)
        bid_steps = math.floor((middle - half) / tick)
        ask_steps = max(math.ceil((middle + half) / tick), bid_steps + 1)
        apart = max(1, round(middle * SPREAD_BPS / 10_000 / tick))
        return Book(
            venue=place.venue,
            instrument=place.listing.instrument,
            bids=self._levels(place, [bid_steps - i * apart for i in range(LEVELS)], tick),
            asks=self._levels(place, [ask_steps + i * apart for i in range(LEVELS)], tick),
            event_ns=now_ns,
            received_ns=now_ns,
            sequence=place.book_number,
        )

    def _levels(self, place: _Place, steps: Sequence[int], tick: float) -> tuple[Level, ...]:
        quote_currency = place.listing.instrument.quote_currency
        usd_per_unit = QUOTE_CURRENCY_USD[quote_currency]
        decimals = max(0, -math.floor(math.log10(tick))) + 2
        levels = []
        for depth, step in enumerate(steps):
            price = round(step * tick, decimals)
            if price > 0:
                notional = LEVEL_NOTIONAL_USD * (1 + depth) * (0.4 + self._random.random())
                levels.append(Level(price, self._size(place, notional / usd_per_unit / price)))
        return tuple(levels)

    def _size(self, place: _Place, size: float) -> float:
        lot = place.listing.lot_size or 1e-8
        decimals = max(0, round(-math.log10(lot)))
        return max(round(round(size / lot) * lot, decimals), lot)

    def _trade(self, place: _Place, book: Book, now_ns: int) -> Trade:
        place.trade_number += 1
        buys = self._random.random() < 0.5  # noqa: PLR2004  # a fair coin
        level = (book.asks if buys else book.bids)[0]
        return Trade(
            venue=place.venue,
            instrument=book.instrument,
            trade_id=str(place.trade_number),
            side="buy" if buys else "sell",
            price=level.price,
            size=self._size(place, level.size * 0.3 * self._random.random()),
            event_ns=now_ns // 1_000_000 * 1_000_000,
            received_ns=now_ns,
            sequence=place.trade_number,
        )

    def _open_gaps(self, now_ns: int) -> None:
        if now_ns < self._next_gap_ns:
            return
        place = self._random.choice(self._places)
        life_s = 2.0 + self._random.expovariate(1 / 6.0)
        sign = self._random.choice((-1, 1))
        self.gaps.append(
            Gap(
                venue=place.venue,
                base=place.listing.instrument.base,
                bps=0.0
                if place.listing.instrument.base in STABLE
                else sign * (50.0 + self._random.expovariate(1 / 40.0)),
                start_ns=now_ns,
                end_ns=now_ns + int(life_s * SECOND_NS),
            )
        )
        self.gaps = self.gaps[-1_000:]
        wait_s = self._random.expovariate(1 / self._gap_every_s)
        self._next_gap_ns = now_ns + int(wait_s * SECOND_NS)


def _price(instrument: Instrument) -> float:
    return _usd(instrument.base) / QUOTE_CURRENCY_USD[instrument.quote_currency]


def _usd(base: str) -> float:
    return MONEY_USD.get(base) or REFERENCE_USD[base]


def _step(size: float) -> float:
    """Return the power of ten at or below ``size``."""
    return float(f"1e{math.floor(math.log10(size))}")


def _quote(book: Book) -> Quote:
    bid, ask = book.bids[0], book.asks[0]
    return Quote(
        venue=book.venue,
        instrument=book.instrument,
        bid=bid.price,
        bid_size=bid.size,
        ask=ask.price,
        ask_size=ask.size,
        event_ns=book.event_ns,
        received_ns=book.received_ns,
        sequence=book.sequence,
    )
