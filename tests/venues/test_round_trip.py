"""What the exchange's side of each venue tells is what our side reads."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from market import Book, Event, Level, Quote
from stream_service.wire import MS
from tests.making import a_book, a_quote, a_trade
from tests.venues.cases import AT, VENUES, a_market, an_instrument
from tests.venues.playing import NOW, Wire

prices = st.floats(min_value=1e-9, max_value=1e9, allow_subnormal=False)
times = st.integers(1_500_000_000_000, 1_900_000_000_000).map(lambda ms: ms * MS)
numbers = st.integers(2, 2**53)

UNNUMBERED = frozenset({"alpaca", "coinbase"})
"""Venues whose changes of a book carry no number: a lost one shows only once the book crosses."""


@pytest.mark.parametrize("name", VENUES)
@given(bid=prices, ask=prices, sizes=st.tuples(prices, prices), at_ns=times, number=numbers)
def test_a_quote_that_the_exchange_tells_is_read_back(
    name: str, bid: float, ask: float, sizes: tuple[float, float], at_ns: int, number: int
) -> None:
    assume(bid < ask)
    wire = Wire(VENUES[name], a_market(VENUES[name]))
    wire.settle()
    instrument = str(an_instrument(wire.venue))
    levels = {"bids": [(bid, sizes[0])], "asks": [(ask, sizes[1])]}
    quote = a_quote(
        name,
        instrument,
        bid=bid,
        bid_size=sizes[0],
        ask=ask,
        ask_size=sizes[1],
        at_ns=at_ns,
        sequence=number,
    )

    events = wire.tell(a_book(name, instrument, at_ns=at_ns, sequence=number, **levels), quote)

    [read] = [event for event in events if isinstance(event, Quote)]
    assert unstamped(read) == unstamped(quote)
    assert read.event_ns in (at_ns, NOW)


@pytest.mark.parametrize("name", VENUES)
@given(price=prices, size=prices, at_ns=times, number=numbers)
def test_a_trade_that_the_exchange_tells_is_read_back(
    name: str, price: float, size: float, at_ns: int, number: int
) -> None:
    wire = Wire(VENUES[name], a_market(VENUES[name]))
    wire.settle()
    instrument = str(an_instrument(wire.venue))
    trade = a_trade(name, instrument, number=number, price=price, size=size, at_ns=at_ns)

    events = wire.tell(trade)

    assert events == [msgspec.structs.replace(trade, received_ns=NOW)]


@st.composite
def books(draw: st.DrawFn) -> list[tuple[list[tuple[float, float]], list[tuple[float, float]]]]:
    """Draw bids and asks that overlap from one to the next, on a grid of some tick size."""
    tick = draw(st.sampled_from([1e-8, 0.0001, 0.1, 1.0, 1000.0]))
    found = []
    for _ in range(draw(st.integers(2, 6))):
        steps = draw(st.lists(st.integers(1, 40), min_size=2, max_size=32, unique=True))
        sizes = draw(st.lists(st.sampled_from([1e-8, 0.5, 1.0, 250_000.0]), min_size=1))
        rows = [(step * tick, sizes[step % len(sizes)]) for step in sorted(steps)]
        middle = draw(st.integers(1, len(rows) - 1))
        found.append((rows[:middle][::-1], rows[middle:]))
    return found


def told_books(name: str, drawn: Sequence[Any], start: int = 2) -> list[Book]:
    instrument = str(an_instrument(VENUES[name]))
    return [
        a_book(name, instrument, bids=bids, asks=asks, at_ns=AT + number, sequence=number)
        for number, (bids, asks) in enumerate(drawn, start=start)
    ]


@pytest.mark.parametrize("name", VENUES)
@given(drawn=books())
def test_books_that_the_exchange_tells_are_read_back(name: str, drawn: Sequence[Any]) -> None:
    wire = Wire(VENUES[name], a_market(VENUES[name]))
    last = best(wire.market.book(an_instrument(wire.venue)))
    wire.settle()

    for told in told_books(name, drawn):
        read = [event for event in wire.tell(told) if isinstance(event, Book)]

        assert [best(book) for book in read] == [best(told)] or last == best(told)
        last = best(told)


@pytest.mark.parametrize("name", [name for name in VENUES if name not in UNNUMBERED])
@given(drawn=books(), data=st.data())
def test_after_a_lost_frame_no_wrong_book_is_shown_and_the_right_one_comes_back(
    name: str, drawn: Sequence[Any], data: st.DataObject
) -> None:
    wire = Wire(VENUES[name], a_market(VENUES[name]))
    wire.settle()
    told = told_books(name, drawn)
    assume(best(told[-1]) != best(told[-2]))
    lost = data.draw(st.integers(0, len(told) - 2))
    shown: list[Event] = []

    for number, book in enumerate(told):
        if number == lost:
            wire.lose(book)
        else:
            shown += [*wire.tell(book), *wire.settle()]

    read = [event for event in shown if isinstance(event, Book)]
    assert all(best(book) in [best(one) for one in told] for book in read)
    assert best(read[-1]) == best(told[-1])


def unstamped(event: Event) -> Event:
    """Leave out what some venues do not tell."""
    return msgspec.structs.replace(event, event_ns=0, received_ns=0, sequence=0)


def best(book: Book) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    return book.bids[:10], book.asks[:10]
