"""A quote and a book of one market make one depth."""

import msgspec
import pytest

from analytics.latest import LatestQuotes, Trouble
from analytics.routes.latest_depths import Held, LatestDepths
from market import Book, Instrument, Quote, VenueStatus
from tests.making import SECOND, a_book, a_quote, a_status

NOW = 1_000 * SECOND
MAX_AGE = 10 * SECOND
PLACE = "kraken", Instrument("BTC", "USDT")
BOOK = a_book(
    bids=((99.0, 1.0), (98.0, 2.0)), asks=((100.0, 3.0), (101.0, 4.0)), at_ns=NOW - SECOND
)


def held(*events: Quote | Book | VenueStatus, now_ns: int = NOW) -> Held | Trouble:
    latest = LatestQuotes(max_age_ns=MAX_AGE)
    depths = LatestDepths(latest)
    latest.take_status(a_status(at_ns=NOW - 2 * SECOND))
    for event in events:
        match event:
            case Quote():
                if latest.take_quote(event):
                    depths.take_quote(event)
            case Book():
                depths.take_book(event)
            case VenueStatus():
                latest.take_status(event)
    return depths.of(PLACE, now_ns)


def sides(held: Held | Trouble) -> tuple[object, object]:
    assert isinstance(held, Held)
    return held.depth.bids, held.depth.asks


def test_book_alone_is_its_levels_and_a_quote_alone_is_one() -> None:
    quote = a_quote(bid=99.5, bid_size=5.0, ask=99.9, ask_size=6.0, at_ns=NOW)

    assert sides(held(BOOK)) == (((99.0, 1.0), (98.0, 2.0)), ((100.0, 3.0), (101.0, 4.0)))
    assert sides(held(quote)) == (((99.5, 5.0),), ((99.9, 6.0),))


@pytest.mark.parametrize(
    ("bid", "ask", "bids", "asks"),
    [
        (99.0, 100.0, [(99.0, 5.0), (98.0, 2.0)], [(100.0, 6.0), (101.0, 4.0)]),
        (98.5, 100.5, [(98.5, 5.0), (98.0, 2.0)], [(100.5, 6.0), (101.0, 4.0)]),
        (100.5, 100.8, [(100.5, 5.0), (99.0, 1.0), (98.0, 2.0)], [(100.8, 6.0), (101.0, 4.0)]),
        (97.0, 97.5, [(97.0, 5.0)], [(97.5, 6.0), (100.0, 3.0), (101.0, 4.0)]),
    ],
)
def test_newer_quote_takes_the_place_of_levels_as_good_or_better(
    bid: float, ask: float, bids: list[tuple[float, float]], asks: list[tuple[float, float]]
) -> None:
    quote = a_quote(bid=bid, bid_size=5.0, ask=ask, ask_size=6.0, at_ns=NOW)

    assert sides(held(BOOK, quote)) == (tuple(bids), tuple(asks))


def test_older_quote_is_left_for_the_book() -> None:
    quote = a_quote(bid=98.5, ask=98.6, at_ns=NOW - 2 * SECOND + 1)

    assert sides(held(quote, BOOK)) == sides(held(BOOK))


def test_book_that_is_too_old_is_left_for_the_quote_and_both_for_nothing() -> None:
    quote = a_quote(bid=99.5, ask=99.9, at_ns=NOW)
    alive = a_status(at_ns=NOW + MAX_AGE)
    both = held(BOOK, quote)

    later = held(BOOK, quote, alive, now_ns=NOW + MAX_AGE)
    gone = held(BOOK, quote, alive, now_ns=NOW + MAX_AGE + 1)

    assert isinstance(both, Held)
    assert both.until_ns == NOW - SECOND + MAX_AGE
    assert sides(later) == (((99.5, 1.0),), ((99.9, 1.0),))
    assert gone == Trouble("stale", NOW + MAX_AGE)


def test_trouble_of_the_instrument_takes_both_away() -> None:
    trouble = a_status(state="resyncing", instrument="BTC-USDT", at_ns=NOW)

    assert held(BOOK, trouble) == Trouble("resyncing", NOW)


def test_side_without_size_is_empty() -> None:
    quote = a_quote(bid=99.5, bid_size=0.0, ask=99.9, at_ns=NOW)

    assert sides(held(quote)) == ((), ((99.9, 1.0),))


@pytest.mark.parametrize("crossed", [((100.0, 1.0), (100.0, 1.0)), ((101.0, 1.0), (100.0, 1.0))])
def test_book_whose_sides_meet_is_not_used(
    crossed: tuple[tuple[float, float], tuple[float, float]],
) -> None:
    bid, ask = crossed

    assert held(a_book(bids=(bid,), asks=(ask,), at_ns=NOW)) == Trouble("gap", NOW)


def test_late_book_does_not_replace_a_newer_one() -> None:
    late = a_book(bids=((50.0, 1.0),), asks=((51.0, 1.0),), at_ns=NOW - SECOND - 1)
    same_time = msgspec.structs.replace(late, received_ns=BOOK.received_ns, sequence=0)

    assert sides(held(BOOK, late, same_time)) == sides(held(BOOK))
