"""Coinbase: whose side a trade tells, how books without numbers stay right, pages, both feeds."""

from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

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
    Summary,
    Trade,
    VenueCandle,
    VenueRefusedError,
    VenueStatus,
)
from stream_service.venue import Channel, ExchangeSide, HttpRequest, Options, Session
from stream_service.venues.coinbase import VENUE
from stream_service.wire import rfc3339_of_ns
from tests.making import MINUTE, SECOND, a_book, a_listing, a_summary, a_trade
from tests.venues.cases import AT, a_market
from tests.venues.playing import NOW, ToldMarket, Wire

ETH = "ETH-USD"
INSTRUMENT = Instrument("ETH", "USD")


def a_session(*channels: Channel) -> Session:
    options = Options(channels=frozenset(channels or ("book",)))
    session = VENUE.session([a_listing(ETH)], options)
    session.opened()
    return session


def guessing() -> Session:
    def listing(product: str) -> Listing:
        return Listing(instrument=VENUE.instrument(product), symbol=product)

    return VENUE.session([], Options(guess=listing))


def receive(session: Session, kind: str, **fields: object) -> list[Event]:
    frame = {"type": kind, "product_id": ETH, "time": rfc3339_of_ns(AT), **fields}
    return list(session.receive(msgspec.json.encode(frame), NOW))


def advanced(
    session: Session, number: int, kind: str, *levels: tuple[str, str, str]
) -> list[Event]:
    updates = [
        {"side": side, "price_level": price, "new_quantity": size} for side, price, size in levels
    ]
    frame = {
        "channel": "l2_data",
        "timestamp": rfc3339_of_ns(AT),
        "sequence_num": number,
        "events": [{"type": kind, "product_id": ETH, "updates": updates}],
    }
    return list(session.receive(msgspec.json.encode(frame), NOW))


def kinds(events: list[Event]) -> list[type]:
    return [type(event) for event in events]


def said(session: Session) -> list[tuple[str, list[str], list[str]]]:
    requests = [msgspec.json.decode(frame) for frame in session.outgoing()]
    return [(one["type"], one["product_ids"], one["channels"]) for one in requests]


@pytest.mark.parametrize(
    ("channel", "subscribed"),
    [
        ("trade", ["matches"]),
        ("summary", ["ticker"]),
        ("book", ["level2_batch"]),
        ("quote", ["level2_batch"]),
        ("candle", []),
    ],
)
def test_only_what_is_wanted_is_subscribed_to(channel: Channel, subscribed: list[str]) -> None:
    heartbeat = ("subscribe", [ETH], ["heartbeat"])

    found = said(a_session(channel))

    assert found == [heartbeat, *([("subscribe", [ETH], subscribed)] if subscribed else [])]


def test_the_heartbeat_of_one_product_is_enough() -> None:
    listings = [a_listing(ETH), a_listing("BTC-USD")]
    books = [a_book("coinbase", str(one.instrument), at_ns=AT) for one in listings]
    wire = Wire(VENUE, ToldMarket(listings, books))
    wire.settle()

    wire.exchange.beat()

    beats = [msgspec.json.decode(frame) for frame in wire.exchange.outgoing()]
    assert [(beat["type"], beat["product_id"]) for beat in beats] == [("heartbeat", ETH)]


@pytest.mark.parametrize(("maker", "taker"), [("sell", "buy"), ("buy", "sell")])
def test_the_taker_did_the_opposite_of_the_maker(maker: str, taker: str) -> None:
    session = a_session("trade")

    [trade] = receive(session, "match", trade_id=1, side=maker, price="2", size="3")

    assert isinstance(trade, Trade)
    assert trade.side == taker


def test_a_change_without_a_book_waits_for_the_book() -> None:
    session = a_session()

    early = receive(session, "l2update", changes=[["buy", "99", "1"]])
    shown = receive(session, "snapshot", bids=[["98", "1"]], asks=[["100", "1"]])

    assert early == []
    assert kinds(shown) == [Book]


def test_a_book_that_does_not_come_is_subscribed_to_anew() -> None:
    session = a_session()
    session.tick(AT)
    session.outgoing()

    session.tick(AT + MINUTE)

    assert said(session) == [
        ("unsubscribe", [ETH], ["level2_batch"]),
        ("subscribe", [ETH], ["level2_batch"]),
    ]


def test_a_crossed_book_is_kept_back_until_the_venue_sent_it_once_more() -> None:
    wire = Wire(VENUE, a_market(VENUE))
    wire.settle()
    wire.lose(a_book("coinbase", ETH, bids=[(98.0, 1.0)], asks=[(103.0, 1.0)], at_ns=AT))

    told = a_book("coinbase", ETH, bids=[(101.0, 1.0)], asks=[(103.0, 1.0)], at_ns=AT + SECOND)
    broken = wire.tell(told)
    healed = wire.settle()

    assert kinds(broken) == [VenueStatus]
    assert kinds(healed) == [VenueStatus, Gap, Book, Quote]
    [book] = [event for event in healed if isinstance(event, Book)]
    assert (book.bids, book.asks) == (told.bids, told.asks)


def test_one_broken_book_leaves_the_others_alone() -> None:
    listings = [a_listing(ETH), a_listing("SOL-USD")]
    books = [a_book("coinbase", str(one.instrument), at_ns=AT) for one in listings]
    wire = Wire(VENUE, ToldMarket(listings, books))
    wire.settle()
    wire.lose(a_book("coinbase", ETH, bids=[(98.0, 1.0)], asks=[(103.0, 1.0)], at_ns=AT))

    events = wire.tell(
        a_book("coinbase", ETH, bids=[(101.0, 1.0)], asks=[(103.0, 1.0)], at_ns=AT),
        a_book("coinbase", "SOL-USD", bids=[(97.0, 1.0)], at_ns=AT),
    )

    assert kinds(events) == [VenueStatus, Book, Quote]


def test_a_ticker_gives_a_quote_only_where_no_book_is_followed() -> None:
    best = {"best_bid": "98", "best_bid_size": "1", "best_ask": "99", "best_ask_size": "2"}

    followed = receive(a_session("book", "quote", "summary"), "ticker", price="98.5", **best)
    found = receive(guessing(), "ticker", price="98.5", **best)
    without_sizes = receive(guessing(), "ticker", price="98.5", best_bid="98", best_ask="99")

    assert kinds(followed) == kinds(without_sizes) == [Summary]
    assert kinds(found) == [Summary, Quote]


def test_a_summary_that_the_exchange_tells_is_read_back() -> None:
    wire = Wire(VENUE, a_market(VENUE))
    wire.settle()

    [summary] = wire.tell(a_summary("coinbase", ETH, last=99.5, at_ns=AT))

    assert isinstance(summary, Summary)
    assert (summary.last, summary.open, summary.volume) == (99.5, 98.0, 1234.5)
    assert (summary.bid, summary.ask, summary.symbol) == (99.0, 100.0, ETH)


def test_past_trades_are_paged_backward() -> None:
    market = a_market(VENUE)
    for number in range(1, 6):
        market.note(a_trade("coinbase", ETH, number=number, at_ns=AT))
    wire = Wire(VENUE, market)

    newest = wire.session.recall(INSTRUMENT)
    older = wire.session.recall(INSTRUMENT, before=a_trade("coinbase", ETH, number=4))

    assert newest is not None
    assert older is not None
    assert [trade.sequence for trade in wire.ask(newest)] == [1, 2, 3, 4, 5]
    assert [trade.sequence for trade in wire.ask(older)] == [1, 2, 3]


def test_the_last_trade_before_we_came_is_told_as_an_old_one() -> None:
    market = a_market(VENUE)
    market.note(a_trade("coinbase", ETH, number=5, at_ns=AT))
    wire = Wire(VENUE, market)
    [frames] = [wire.session.outgoing()]
    for frame in frames:
        wire.exchange.receive(frame)

    [trade] = [event for event in wire.read() if isinstance(event, Trade)]

    assert (trade.trade_id, trade.backfilled) == ("5", True)


def test_candles_are_asked_for_in_their_time_and_read_back() -> None:
    market = a_market(VENUE)
    start_ns = AT // MINUTE * MINUTE
    for number, price in enumerate((98.0, 97.5, 99.0)):
        at_ns = start_ns + number * 40 * SECOND
        market.note(a_trade("coinbase", ETH, number=number, price=price, size=0.5, at_ns=at_ns))
    wire = Wire(VENUE, market)
    wire.settle()
    for second in range(60, 125):
        wire.session.tick(start_ns + second * SECOND)

    first, second_one = [one for one in wire.settle() if isinstance(one, VenueCandle)]

    assert (first.start_ns, first.open, first.low, first.close) == (start_ns, 98.0, 97.5, 97.5)
    assert (second_one.high, second_one.volume, second_one.interval) == (99.0, 0.5, "1m")


@pytest.mark.parametrize("minutes", [1, 299, 301, 10_000])
def test_no_more_candles_are_asked_for_than_the_venue_gives_at_once(minutes: int) -> None:
    end_ns = AT // MINUTE * MINUTE
    request = a_session().recall_candles(
        INSTRUMENT, start_ns=end_ns - minutes * MINUTE, end_ns=end_ns
    )

    assert request is not None
    query = dict(parse_qsl(urlsplit(request.path).query))
    start, end = (datetime.fromisoformat(query[name]) for name in ("start", "end"))
    assert (end - start) // timedelta(minutes=1) == min(minutes, 299)
    assert end.timestamp() * SECOND == end_ns


def test_an_error_ends_the_connection() -> None:
    with pytest.raises(VenueRefusedError, match="XX-USD is not a valid product"):
        receive(
            a_session(),
            "error",
            message="Failed to subscribe",
            reason="XX-USD is not a valid product",
        )


@pytest.mark.parametrize("gone", ["XX-USD", "YY-USD"])
def test_a_product_that_is_refused_keeps_no_other_from_coming(gone: str) -> None:
    products = [gone, ETH] if gone == "XX-USD" else [ETH, gone]  # the first one's heart beats
    session = VENUE.session([a_listing(one) for one in products], Options())
    exchange = VENUE.exchange_side(a_market(VENUE))
    session.opened()

    told = talk(session, exchange)
    exchange.tell(a_trade("coinbase", ETH, number=900_000, at_ns=AT))
    exchange.beat()
    told += talk(session, exchange)

    refused = [one for one in told if isinstance(one, VenueStatus) and one.state == "refused"]
    assert [(one.instrument, one.reason) for one in refused] == [
        (Instrument.parse(gone), f"Failed to subscribe: {gone} is not a valid product")
    ]
    assert {one.instrument for one in told if isinstance(one, Book)} == {INSTRUMENT}
    assert "900000" in {one.trade_id for one in told if isinstance(one, Trade)}


def test_where_every_product_is_refused_the_connection_ends() -> None:
    session = VENUE.session([a_listing("XX-USD")], Options())

    with pytest.raises(VenueRefusedError, match="XX-USD is not a valid product"):
        receive(session, "error", message="Failed", reason="XX-USD is not a valid product")


def talk(session: Session, exchange: ExchangeSide) -> list[Event]:
    """Let both sides say what they have to say; return what the session made of it."""
    told: list[Event] = []
    while (asked := session.outgoing()) or (said := exchange.outgoing()):
        for frame in asked:
            exchange.receive(frame)
        for frame in [] if asked else said:
            told += session.receive(frame, NOW)
    return told


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"{", "the frame cannot be read"),
        (b'{"type": "dance"}', "dance"),
        (b'{"type": "subscribe"}', "no channels or no product_ids provided"),
        (
            b'{"type": "subscribe", "product_ids": ["XX-USD"], "channels": ["matches"]}',
            "XX-USD is not a valid product",
        ),
        (
            b'{"type": "subscribe", "product_ids": ["ETH-USD"], "channels": ["level2"]}',
            "level2 requires authentication",
        ),
        (
            b'{"type": "subscribe", "channels": [{"name": "dance", "product_ids": ["ETH-USD"]}]}',
            "dance is not a valid channel",
        ),
    ],
)
def test_the_exchange_refuses_what_it_does_not_understand(sent: bytes, reason: str) -> None:
    exchange = VENUE.exchange_side(a_market(VENUE))

    exchange.receive(sent)

    [reply] = [msgspec.json.decode(frame) for frame in exchange.outgoing()]
    assert (reply["type"], reply["reason"]) == ("error", reason)


def test_a_listing_leaves_out_futures_and_what_names_no_currencies() -> None:
    asking = VENUE.list_instruments(VENUE)
    next(asking)
    spot = {
        "id": "BTC-USD",
        "base_currency": "BTC",
        "quote_currency": "USD",
        "quote_increment": "0.01",
        "base_increment": "0.00000001",
        "min_market_funds": "1",
        "status": "online",
        "trading_disabled": True,
    }
    future = spot | {"id": "BIT-28NOV26-CDE", "product_type": "FUTURE"}

    with pytest.raises(StopIteration) as done:
        asking.send(msgspec.json.encode([spot, future, {"id": "ETH-USD"}, {"id": 7}]))

    [listing] = done.value.value
    assert (listing.symbol, listing.tick_size, listing.lot_size) == ("BTC-USD", 0.01, 1e-8)
    assert (listing.minimum_notional, listing.trading) == (1.0, False)


def test_a_missing_frame_of_the_other_feed_ends_its_books_until_they_come_whole() -> None:
    session = guessing()
    both = ("bid", "98", "1"), ("offer", "100", "1")

    whole = advanced(session, 0, "snapshot", *both)
    changed = advanced(session, 1, "update", ("bid", "99", "1"))
    missed = advanced(session, 3, "update", ("bid", "98", "0"))
    healed = advanced(session, 4, "snapshot", *both)

    assert kinds(whole) == kinds(changed) == [Book, Quote]
    [status] = missed
    assert isinstance(status, VenueStatus)
    assert (status.state, status.reason) == ("resyncing", "frames 2 to 2 are missing")
    assert kinds(healed) == [VenueStatus, Gap, Book, Quote]


@pytest.mark.parametrize(
    ("body", "about"),
    [
        (b'{"bids": [], "asks": [], "sequence": 1}', ("book", INSTRUMENT)),
        (b'[{"trade_id": 1, "side": "buy"}]', ("trades", INSTRUMENT)),
        (b"[[1790134740, 1, 3, 2, 2, 1.0]]", ("candles", INSTRUMENT)),
        (b'{"candles": []}', ("candles", INSTRUMENT)),
        (b'[{"id": "BTC-USD", "quote_increment": "0.01"}]', ("instruments", None)),
        (b'{"products": []}', ("instruments", None)),
    ],
)
def test_an_answer_is_recognised_by_its_shape(
    body: bytes, about: tuple[str, Instrument | None]
) -> None:
    request = a_session().recognise(body, ETH)

    assert request is not None
    assert request.about == about


def test_frames_are_not_taken_for_answers() -> None:
    session = a_session()

    assert session.recognise(b'{"type": "match", "trade_id": 1}', ETH) is None
    assert session.recognise(b'{"channel": "candles", "events": []}', ETH) is None
    assert session.recognise(b"[]", ETH) is None
    assert session.recognise(b"{", ETH) is None


def test_an_answer_that_nothing_names_is_refused() -> None:
    session = a_session()

    with pytest.raises(FrameError, match="does not name the product of its trades"):
        session.answered(HttpRequest("", ("trades", None)), b"[]", NOW)
