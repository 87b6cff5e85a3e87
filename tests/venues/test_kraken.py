"""Kraken: names, refusals, checksums, and how a wrong book is renewed."""

import msgspec
import pytest

from market import (
    Book,
    Event,
    FrameError,
    Gap,
    Instrument,
    Listing,
    Quote,
    Trade,
    VenueRefusedError,
    VenueStatus,
)
from stream_service.checked_book import CheckedBook
from stream_service.venue import HttpRequest
from stream_service.venues.kraken import VENUE, KrakenSession
from tests.making import a_book, a_listing, a_trade
from tests.venues.cases import AT
from tests.venues.playing import NOW, ToldMarket, Wire

BTC = Listing(
    instrument=Instrument("BTC", "USD"),
    symbol="BTC/USD",
    rest_symbol="XBTUSD",
    tick_size=0.1,
    lot_size=1e-8,
)
TRADE = {
    "symbol": "BTC/USD",
    "side": "buy",
    "price": 63500.1,
    "qty": 0.5,
    "trade_id": 42,
    "timestamp": "2026-07-07T23:00:04.585581Z",
}


def a_wire() -> Wire:
    wire = Wire(VENUE, ToldMarket([BTC], [a_book("kraken", "BTC-USD", at_ns=AT)]))
    wire.settle()
    return wire


def sent(session: KrakenSession) -> list[dict[str, object]]:
    return [msgspec.json.decode(frame) for frame in session.outgoing()]


def receive(session: KrakenSession, channel: str, row: dict[str, object]) -> list[Event]:
    frame = {"channel": channel, "type": "update", "data": [row]}
    return list(session.receive(msgspec.json.encode(frame), NOW))


def kinds(events: list[Event]) -> list[type]:
    return [type(event) for event in events]


def test_quotes_are_subscribed_to_on_every_change_of_bid_and_ask() -> None:
    session = KrakenSession([BTC])

    session.opened()

    params = [frame["params"] for frame in sent(session)]
    assert {"channel": "ticker", "symbol": ["BTC/USD"], "event_trigger": "bbo"} in params
    assert {"channel": "trade", "symbol": ["BTC/USD"], "snapshot": False} in params


def test_recent_trades_are_asked_for_under_the_name_that_rest_knows() -> None:
    session = KrakenSession([BTC])

    request = session.recall(BTC.instrument)

    assert request
    assert request.path == "/0/public/Trades?pair=XBTUSD&count=1000"


def test_old_codes_become_todays_on_the_stream_and_in_the_instrument() -> None:
    asking = VENUE.list_instruments(VENUE)
    next(asking)
    pairs = {
        "XDGXBT": {
            "altname": "XDGXBT",
            "wsname": "XDG/XBT",
            "pair_decimals": 10,
            "lot_decimals": 8,
            "costmin": "0.00002",
            "tick_size": "0.0000000100",
            "status": "online",
        },
        "OLDDARK": {"altname": "OLD.d"},
    }

    with pytest.raises(StopIteration) as done:
        asking.send(msgspec.json.encode({"error": [], "result": pairs}))

    assert done.value.value == [
        Listing(
            instrument=Instrument("DOGE", "BTC"),
            symbol="DOGE/BTC",
            rest_symbol="XDGXBT",
            tick_size=1e-8,
            lot_size=1e-8,
            minimum_notional=0.00002,
        )
    ]


def test_a_subscription_refused_without_a_symbol_ends_the_connection() -> None:
    session = KrakenSession([BTC])

    for frame in (
        b'{"error": "Subscription depth not supported", "method": "subscribe", "success": false}',
        b'{"Error": "Exceeded msg rate"}',
    ):
        with pytest.raises(VenueRefusedError, match="kraken"):
            list(session.receive(frame, NOW))


def test_a_refused_instrument_is_not_subscribed_to_again() -> None:
    wire = Wire(VENUE, ToldMarket([BTC], [a_book("kraken", "BTC-USD", at_ns=AT)]))
    wire.session = VENUE.session([BTC, a_listing("NOPE-USD", "NOPE/USD")])
    wire.session.opened()

    asked = wire.session.outgoing()
    for frame in asked:
        wire.exchange.receive(frame)
    events = wire.read()
    wire.session.heartbeat()

    refused = [event for event in events if isinstance(event, VenueStatus)]
    assert [(event.state, str(event.instrument)) for event in refused] == [("refused", "NOPE-USD")]
    assert [msgspec.json.decode(frame)["method"] for frame in wire.session.outgoing()] == ["ping"]


def test_a_wrong_checksum_renews_that_book_alone() -> None:
    wire = a_wire()
    wire.lose(a_book("kraken", "BTC-USD", bids=[(98.0, 1.0)], at_ns=AT, sequence=2))

    broken = wire.tell(
        a_book("kraken", "BTC-USD", bids=[(97.0, 1.0)], at_ns=AT, sequence=3),
        a_trade("kraken", "BTC-USD", at_ns=AT),
    )
    renewal = wire.session.outgoing()
    for frame in renewal:
        wire.exchange.receive(frame)
    healed = wire.read()

    assert kinds(broken) == [VenueStatus, Trade]
    assert isinstance(broken[0], VenueStatus)
    assert (broken[0].state, broken[0].instrument) == ("resyncing", BTC.instrument)
    assert [msgspec.json.decode(frame)["method"] for frame in renewal] == [
        "unsubscribe",
        "subscribe",
    ]
    assert kinds(healed) == [VenueStatus, Gap, Book]


def test_a_broken_book_is_renewed_once_and_stays_silent_until_then() -> None:
    wire = a_wire()
    wire.lose(a_book("kraken", "BTC-USD", bids=[(98.0, 1.0)], at_ns=AT, sequence=2))
    wire.tell(a_book("kraken", "BTC-USD", bids=[(97.0, 1.0)], at_ns=AT, sequence=3))

    silent = wire.tell(a_book("kraken", "BTC-USD", bids=[(96.0, 1.0)], at_ns=AT, sequence=4))
    healed = wire.settle()
    after = wire.tell(a_book("kraken", "BTC-USD", bids=[(95.0, 1.0)], at_ns=AT, sequence=5))

    assert silent == []
    assert kinds(healed) == [VenueStatus, Gap, Book]
    assert kinds(after) == [Book]


def test_changes_are_passed_over_while_a_book_is_awaited() -> None:
    session = KrakenSession([BTC])
    row = {"symbol": "BTC/USD", "bids": [{"price": 1.0, "qty": 1.0}], "asks": [], "checksum": 1}

    assert receive(session, "book", row) == []


def test_a_snapshot_with_a_wrong_checksum_is_asked_for_again_with_the_heartbeat() -> None:
    session = KrakenSession([BTC])
    row = {"symbol": "BTC/USD", "bids": [], "asks": [], "checksum": 1}
    frame = msgspec.json.encode({"channel": "book", "type": "snapshot", "data": [row]})

    events = list(session.receive(frame, NOW))
    at_once = session.outgoing()
    session.heartbeat()

    assert kinds(events) == [VenueStatus]
    assert at_once == []
    assert [frame["method"] for frame in sent(session)] == ["ping", "unsubscribe", "subscribe"]


def test_a_level_that_is_pushed_out_of_the_depth_is_forgotten() -> None:
    wire = a_wire()
    ten = [(90.0 - step, 1.0) for step in range(10)]
    wire.tell(a_book("kraken", "BTC-USD", bids=ten, at_ns=AT, sequence=2))

    eleven = [(95.0, 1.0), *ten]
    pushed = wire.tell(a_book("kraken", "BTC-USD", bids=eleven, at_ns=AT, sequence=3))
    back = wire.tell(a_book("kraken", "BTC-USD", bids=ten, at_ns=AT, sequence=4))

    assert kinds([*pushed, *back]) == [Book, Book]


def test_the_checksum_runs_over_the_digits_as_they_were_sent() -> None:
    book = CheckedBook()
    padded = CheckedBook()

    book.change([("45285.2", "1e-8")], [("45286.0", "0.00100000")])
    padded.change([("45285.2", "0.00000001")], [("45286.0", "0.001")])

    # crc32 of 452860 100000 452852 1, and of 452860 1 452852 1
    assert book.fault(3_871_333_317) == ""
    assert padded.fault(1_769_787_423) == ""


@pytest.mark.parametrize(
    "fields",
    [
        {"price": 0},
        {"price": -1},
        {"price": None},
        {"qty": 0},
        {"side": "up"},
        {"symbol": "XBT/USD"},
        {"timestamp": "2099-01-01T00:00:00.000000Z"},
        {"timestamp": "1970-01-01T00:00:00.000000Z"},
        {"timestamp": "2026-07-07T23:00:04.585581+09:00"},
        {"timestamp": "2026-13-07T23:00:04.585581Z"},
        {"timestamp": "2026-07-07T23:00:04.5855810000Z"},
        {"timestamp": ""},
    ],
    ids=str,
)
def test_a_trade_that_cannot_be_true_is_refused(fields: dict[str, object]) -> None:
    session = KrakenSession([BTC])

    with pytest.raises(FrameError):
        receive(session, "trade", TRADE | fields)

    assert kinds(receive(session, "trade", TRADE)) == [Trade]


def test_trades_are_asked_for_again_when_the_venue_is_busy() -> None:
    session = KrakenSession([BTC])
    request = HttpRequest("/0/public/Trades?pair=XBTUSD", ("trades", BTC.instrument))

    with pytest.raises(FrameError, match="Too many requests"):
        list(session.answered(request, b'{"error": ["EGeneral:Too many requests"]}', NOW))

    assert session.requests() == [request]


def test_an_unknown_pair_is_not_asked_for_again() -> None:
    session = KrakenSession([BTC])
    request = HttpRequest("/0/public/Trades?pair=NOPE", ("trades", BTC.instrument))

    with pytest.raises(FrameError, match="Unknown asset pair"):
        list(session.answered(request, b'{"error": ["EQuery:Unknown asset pair"]}', NOW))

    assert session.requests() == []


def test_the_exchange_tells_a_quote_at_once_and_beats_from_then_on() -> None:
    wire = Wire(VENUE, ToldMarket([BTC], [a_book("kraken", "BTC-USD", at_ns=AT)]))
    wire.exchange.outgoing()
    wire.exchange.beat()
    before = wire.exchange.outgoing()

    events = wire.settle()
    wire.exchange.beat()

    assert before == []
    assert Quote in kinds(events)
    assert wire.exchange.outgoing() == [b'{"channel":"heartbeat"}']


def test_the_exchange_refuses_what_it_does_not_understand() -> None:
    wire = a_wire()

    for frame in (b"{", b'{"method": "dance"}'):
        wire.exchange.receive(frame)

    replies = [msgspec.json.decode(frame) for frame in wire.exchange.outgoing()]
    assert [reply["success"] for reply in replies] == [False, False]


def test_a_second_subscription_is_refused_without_harm() -> None:
    wire = a_wire()
    wire.session.opened()

    assert wire.settle() == []
