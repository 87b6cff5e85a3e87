"""Every venue's frames, drawn from its documents and read plainly beside us."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market import Book, Event, Listing, Quote, Summary, Trade, VenueCandle
from stream_service.venue import Options, Session
from tests.venues.cases import VENUES
from tests.venues.oracle import binance, eastern, korea, kraken, kucoin, polled, western
from tests.venues.oracle.plain import (
    BookFact,
    CandleFact,
    Fact,
    Kind,
    QuoteFact,
    SummaryFact,
    TradeFact,
    plainly,
    written,
)
from tests.venues.playing import NOW
from tests.venues.polled_cases import POLLED

KINDS = {
    "alpaca": western.ALPACA,
    "binance": binance.KINDS,
    "bithumb": korea.BITHUMB,
    "bitstamp": western.BITSTAMP,
    "bybit": eastern.BYBIT,
    "coinbase": western.COINBASE,
    "kraken": kraken.KINDS,
    "kucoin": kucoin.KINDS,
    "okx": eastern.OKX,
    "upbit": korea.UPBIT,
}
CASES = [
    pytest.param(venue, kind, id=f"{venue}-{name}")
    for venue, kinds in KINDS.items()
    if venue in VENUES
    for name, kind in kinds.items()
]


POLLED_CASES = [
    pytest.param(venue, kind, id=f"{venue}-{name}")
    for venue, kinds in {
        "alpha_vantage": polled.ALPHA_VANTAGE,
        "coingecko": polled.COINGECKO,
    }.items()
    for name, kind in kinds.items()
]


def test_no_venue_is_left_out() -> None:
    assert KINDS.keys() == VENUES.keys()


@pytest.mark.parametrize(("venue", "kind"), POLLED_CASES)
@settings(max_examples=30)
@given(data=st.data(), style=st.integers(0, 2**32))
def test_answers_say_what_a_plain_reading_of_them_says(
    venue: str, kind: Kind, data: st.DataObject, style: int
) -> None:
    [tree] = data.draw(kind.trees)
    body = written(tree, Random(style), share_of_new=0.0)  # noqa: S311  # as below
    poller = POLLED[venue].poller(None)

    request = poller.recognise(body, "")

    assert request is not None
    events = poller.answered(request, body, NOW)
    expected = kind.reading([plainly(body)])
    assert told(events, kind) == [as_floats(fact) for fact in expected]


@pytest.mark.parametrize(("venue", "kind"), CASES)
@settings(max_examples=30)
@given(data=st.data(), style=st.integers(0, 2**32))
def test_frames_say_what_a_plain_reading_of_them_says(
    venue: str, kind: Kind, data: st.DataObject, style: int
) -> None:
    spelling = Random(style)  # noqa: S311  # how a frame is spelled is no secret
    frames = [written(tree, spelling) for tree in kind.recording(data.draw(kind.trees))]
    session = a_session(venue)

    events = [event for frame in frames for event in read(session, frame, kind.hint)]

    expected = kind.reading([plainly(frame) for frame in frames])
    assert told(events, kind) == unrepeated(as_floats(fact) for fact in expected)
    assert_numbers_rise(events, by=int(kind.numbers_trades))


def a_session(venue: str) -> Session:
    """Read what somebody else subscribed to."""

    def guess(symbol: str) -> Listing:
        return Listing(instrument=VENUES[venue].instrument(symbol), symbol=symbol)

    return VENUES[venue].session([], Options(guess=guess))


def read(session: Session, frame: bytes, hint: str) -> Sequence[Event]:
    request = session.recognise(frame, hint)
    if request is None:
        return session.receive(frame, NOW)
    return session.answered(request, frame, NOW)


def told(events: Iterable[Event], kind: Kind) -> list[Fact]:
    """Return what the events say, in the words of the facts that ``kind`` is for."""
    facts = (fact_of(event, kind) for event in events)
    return unrepeated(fact for fact in facts if isinstance(fact, kind.tells))


def fact_of(event: Event, kind: Kind) -> Fact | None:
    named = str(getattr(event, "instrument", ""))
    time = None if event.event_ns == NOW else event.event_ns
    match event:
        case Trade(side=side, price=price, size=size):
            number = event.trade_id if kind.numbers_trades else ""
            return TradeFact(named, number, side, price, size, time, event.backfilled)
        case Quote(bid=bid, bid_size=bid_size, ask=ask, ask_size=ask_size):
            return QuoteFact(named, bid, bid_size, ask, ask_size, time)
        case Book():
            bids, asks = (tuple((n.price, n.size) for n in s) for s in (event.bids, event.asks))
            return BookFact(named, bids, asks, time)
        case VenueCandle(open=first, high=high, low=low, close=last, volume=volume):
            return CandleFact(named, event.start_ns, first, high, low, last, volume)
        case Summary(last=last):
            return SummaryFact(named, last, time)
        case _:
            return None


def unrepeated(facts: Iterable[Fact]) -> list[Fact]:
    """Leave out books and candles that say nothing but what was said of the instrument before."""
    found: list[Fact] = []
    last: dict[str, Fact] = {}
    for fact in facts:
        match fact:
            case BookFact(instrument=name) if name in last and last[name][:3] == fact[:3]:
                continue
            case CandleFact() if fact in found:
                continue
        found.append(fact)
        last[fact.instrument] = fact
    return found


def as_floats(fact: Fact) -> Fact:
    values = {name: _floats(value) for name, value in fact._asdict().items()}
    return fact._replace(**values)


def _floats(value: Any) -> Any:
    match value:
        case Decimal():
            return float(value)
        case tuple():
            return tuple(map(_floats, value))
        case _:
            return value


def assert_numbers_rise(events: Iterable[Event], *, by: int) -> None:
    """Hold that the sequences of one kind and instrument rise ``by`` so much at least."""
    last: dict[tuple[type[Event], object], int] = {}
    for event in events:
        key = type(event), getattr(event, "instrument", None)
        assert event.sequence >= last.get(key, -1) + by
        last[key] = event.sequence
