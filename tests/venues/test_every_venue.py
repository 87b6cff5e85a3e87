"""What every venue must do; a new module under stream_service/venues is covered from its birth."""

from typing import Literal

import msgspec
import pytest

from market import Instrument, Listing, Trade
from market.routing import kind_of
from stream_service.venue import Venue
from tests.making import SECOND, a_book, a_trade
from tests.venues.cases import AT, CASES, VENUES, a_market, an_instrument, answers
from tests.venues.playing import NOW, ToldMarket, Wire, listed


@pytest.fixture(params=VENUES.values(), ids=lambda venue: venue.name)
def venue(request: pytest.FixtureRequest) -> Venue:
    venue: Venue = request.param
    return venue


@pytest.mark.parametrize("name", CASES)
def test_documented_frames_give_the_expected_events(name: str) -> None:
    case = CASES[name]
    session = case.session(name.partition("-")[0])

    events = list(answers(case, session))
    events += [event for frame in case.frames for event in session.receive(bytes(frame), NOW)]

    assert events == case.events


@pytest.mark.parametrize("name", CASES)
def test_a_frame_is_read_the_same_wherever_its_words_stand(name: str) -> None:
    case = CASES[name]
    for spaces in (b" ", b"  ", b"   "):
        session = case.session(name.partition("-")[0])

        events = list(answers(case, session))
        for frame in map(bytes, case.frames):
            shifted = spaces + frame if frame.startswith(b"{") else frame
            events += session.receive(shifted, NOW)

        assert events == case.events


@pytest.mark.parametrize("kind", ["quote", "trade", "book"])
def test_venue_has_fixtures(venue: Venue, kind: str) -> None:
    cases = [case for name, case in CASES.items() if name.partition("-")[0] == venue.name]

    assert any(kind_of(type(event)) == kind for case in cases for event in case.events)


@pytest.mark.parametrize("name", VENUES)
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_the_side_of_a_trade_is_the_takers(name: str, side: Literal["buy", "sell"]) -> None:
    wire = Wire(VENUES[name], a_market(VENUES[name]))
    wire.settle()

    events = wire.tell(a_trade(name, str(an_instrument(wire.venue)), side=side, at_ns=AT))

    assert [event.side for event in events if isinstance(event, Trade)] == [side]


def test_listings_are_read_back(venue: Venue) -> None:
    instruments = [
        Instrument(base, quote)
        for quote in venue.quote_currencies
        for base in ("BTC", "DOGE", "1INCH")
        if base != quote
    ]
    listings = [Listing(instrument=one, symbol=venue.symbol(one)) for one in instruments]

    found = listed(venue, listings)

    assert [(row.instrument, row.symbol, row.trading) for row in found] == [
        (row.instrument, row.symbol, True) for row in listings
    ]


def test_recent_trades_are_asked_for_and_come_oldest_first(venue: Venue) -> None:
    market = a_market(venue)
    instrument = str(an_instrument(venue))
    trades = [
        # whole seconds: some venues tell no finer time over REST
        a_trade(
            venue.name, instrument, number=number, at_ns=AT // SECOND * SECOND + number * SECOND
        )
        for number in (8, 9, 10)
    ]
    for trade in trades:
        market.note(trade)
    wire = Wire(venue, market)

    events = [event for request in wire.session.requests() for event in wire.ask(request)]

    assert [event for event in events if isinstance(event, Trade)] == [
        msgspec.structs.replace(trade, received_ns=NOW, backfilled=True) for trade in trades
    ]


def test_what_is_not_listed_is_not_answered(venue: Venue) -> None:
    with pytest.raises(LookupError):
        venue.answer("/nothing/here", a_market(venue))


def test_every_instrument_is_subscribed_to(venue: Venue) -> None:
    instruments = [Instrument(base, venue.quote_currencies[0]) for base in ("ETH", "SOL", "ADA")]
    books = [a_book(venue.name, str(instrument), at_ns=AT) for instrument in instruments]
    listings = [Listing(instrument=one, symbol=venue.symbol(one)) for one in instruments]
    wire = Wire(venue, ToldMarket(listings, books))
    wire.settle()

    events = wire.tell(*[a_trade(venue.name, str(one), at_ns=AT) for one in instruments])

    assert [event.instrument for event in events if isinstance(event, Trade)] == instruments
