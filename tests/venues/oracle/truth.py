"""Events in, what cannot be true of them out."""

from collections.abc import Collection, Iterable, Iterator
from itertools import pairwise
from math import isfinite

import msgspec

from market import (
    Book,
    Event,
    Gap,
    Instrument,
    Listed,
    Listing,
    Quote,
    Summary,
    Trade,
    VenueCandle,
)
from stream_service.wire import EARLIEST_NS, LARGEST, LATEST_NS

LARGEST_NUMBER = 2**63 - 1


def untrue(event: Event, known: Collection[Instrument], received_ns: int) -> str:
    """Say what cannot be true of an event that was read at ``received_ns``, or nothing."""
    instrument = getattr(event, "instrument", None)
    if instrument is not None and instrument not in known:
        return f"{instrument} is not listed"
    return (
        _wrong_whole_number(event, received_ns)
        or _wrong_number(event)
        or _unwritable(event)
        or _contradiction(event)
    )


def untrue_listing(listing: Listing) -> str:
    """Say what cannot be true of a listing, or nothing."""
    steps = (listing.tick_size, listing.lot_size, listing.minimum_notional)
    if not all(step is None or (isfinite(step) and 0 < step < LARGEST) for step in steps):
        return f"a step among {steps}"
    if not (listing.instrument.base and listing.instrument.quote_currency and listing.symbol):
        return "a name is empty"
    return ""


LEAST = 5e-324
"""The smallest float above zero: what must be more than nothing is this at least."""


def _wrong_whole_number(event: Event, received_ns: int) -> str:
    for number in (event.sequence, getattr(event, "trades", None) or 0):
        if not 0 <= number <= LARGEST_NUMBER:
            return f"a number of {number}"
    times = (event.event_ns, *_other_times(event))
    if not all(time == received_ns or EARLIEST_NS <= time < LATEST_NS for time in times):
        return f"a time among {times}"
    return ""


def _wrong_number(event: Event) -> str:
    for name, value, least in _numbers(event):
        if not isfinite(value) or not least <= value < LARGEST:
            return f"{name} of {value}"
    return ""


def _unwritable(event: Event) -> str:
    try:
        msgspec.json.encode(event)
    except (ValueError, UnicodeError) as error:
        return f"no JSON: {error}"
    return ""


def _numbers(event: Event) -> Iterator[tuple[str, float, float]]:
    """Name the numbers of an event, and what each must be at least."""
    match event:
        case Quote():
            yield from (("bid", event.bid, LEAST), ("ask", event.ask, LEAST))
            yield from (("bid_size", event.bid_size, 0), ("ask_size", event.ask_size, 0))
        case Trade():
            yield from (("price", event.price, LEAST), ("size", event.size, LEAST))
        case Book():
            for level in (*event.bids, *event.asks):
                yield from (("price", level.price, LEAST), ("size", level.size, LEAST))
        case VenueCandle():
            yield from _named(event, ("open", "high", "low", "close"), LEAST)
            yield from _named(event, ("volume",), 0)
        case Summary():
            yield from _named(event, ("last", "open", "high", "low", "bid", "ask"), LEAST)
            yield from _named(event, ("volume",), 0)
        case Listed():
            yield from _named(event, ("tick_size", "lot_size", "minimum_notional"), LEAST)


def _named(event: Event, names: Iterable[str], least: float) -> Iterator[tuple[str, float, float]]:
    told = ((name, getattr(event, name)) for name in names)
    return ((name, value, least) for name, value in told if value is not None)


def _other_times(event: Event) -> tuple[int, ...]:
    match event:
        case VenueCandle():
            return (event.start_ns,)
        case Gap():
            return (event.start_ns, event.end_ns)
    return ()


def _contradiction(event: Event) -> str:
    fault = ""
    match event:
        case Book():
            fault = _wrong_book(event)
        case VenueCandle(venue="alpaca"):
            pass  # its own example contradicts itself: only `Plausibility` refuses such a one
        case VenueCandle(open=first, high=high, low=low, close=last):
            if not low <= min(first, last) <= max(first, last) <= high:
                fault = "the candle is not within its own high and low"
        case Gap(start_ns=start_ns, end_ns=end_ns):
            fault = "the gap ends before it begins" if end_ns < start_ns else ""
        case Trade(trade_id=""):
            fault = "the trade has no name"
    return fault


def _wrong_book(book: Book) -> str:
    if book.bids and book.asks and book.bids[0].price >= book.asks[0].price:
        return "the book is crossed"
    falls = all(better.price > worse.price for better, worse in pairwise(book.bids))
    rises = all(better.price < worse.price for better, worse in pairwise(book.asks))
    return "" if falls and rises else "the levels are not in order"
