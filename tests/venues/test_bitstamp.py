"""Bitstamp: what is said to it, how books without numbers stay right, what REST is asked for."""

from collections.abc import Sequence

import msgspec
import pytest

from market import (
    Book,
    Event,
    FrameError,
    Gap,
    Instrument,
    Level,
    Quote,
    Summary,
    Trade,
    VenueCandle,
    VenueRefusedError,
    VenueStatus,
)
from stream_service.venue import Channel, HttpRequest, Options, Session
from stream_service.venues.bitstamp import VENUE, instrument_of, symbol
from tests.making import MINUTE, SECOND, a_book, a_listing, a_trade
from tests.venues.cases import AT, a_market
from tests.venues.playing import NOW, ToldMarket, Wire, listed

ETH = "ETH-USD"
CHANGES = "diff_order_book_ethusd"
WHOLE = "order_book_ethusd"
Rows = Sequence[tuple[str, str]]


def a_session(*channels: Channel) -> Session:
    options = Options(channels=frozenset(channels or ("book",)))
    session = VENUE.session([a_listing(ETH, "ethusd")], options)
    session.opened()
    return session


def frame(channel: str, data: object, event: str = "data") -> bytes:
    return msgspec.json.encode({"data": data, "channel": channel, "event": event})


def levels(at_ns: int, bids: Rows, asks: Rows) -> dict[str, object]:
    return {"microtimestamp": str(at_ns // 1_000), "bids": bids, "asks": asks}


def book_of(
    session: Session, channel: str, at_ns: int, *, bids: Rows = (), asks: Rows = ()
) -> list[Event]:
    return list(session.receive(frame(channel, levels(at_ns, bids, asks)), NOW))


def asked(session: Session, what: str) -> list[HttpRequest]:
    return [request for request in session.requests() if (request.about or ("",))[0] == what]


def seed(
    session: Session, at_ns: int, *, bid: str = "99", ask: str = "100", received_ns: int = NOW
) -> list[Event]:
    request = HttpRequest("", about=("book", Instrument("ETH", "USD")))
    body = msgspec.json.encode(levels(at_ns, [(bid, "1")], [(ask, "1")]))
    return list(session.answered(request, body, received_ns))


def kinds(events: list[Event]) -> list[type]:
    return [type(event) for event in events]


def test_every_channel_is_subscribed_to_in_a_small_frame_of_its_own() -> None:
    session = VENUE.session([a_listing(ETH, "ethusd"), a_listing("BTC-USD", "btcusd")])

    session.opened()

    frames = session.outgoing()
    assert all(len(one) < 512 for one in frames)
    assert [msgspec.json.decode(one) for one in frames] == [
        {"event": "bts:subscribe", "data": {"channel": channel}}
        for channel in (
            "live_trades_ethusd",
            "order_book_ethusd",
            "live_trades_btcusd",
            "order_book_btcusd",
        )
    ]


@pytest.mark.parametrize(
    ("channel", "subscribed", "asked_for"),
    [
        ("trade", ["live_trades_ethusd"], []),
        ("quote", ["order_book_ethusd"], ["/api/v2/order_book/ethusd/?group=1"]),
        ("book", ["order_book_ethusd"], ["/api/v2/order_book/ethusd/?group=1"]),
        ("summary", [], ["/api/v2/ticker/"]),
        ("candle", [], []),
    ],
)
def test_only_what_is_wanted_is_asked_for(
    channel: Channel, subscribed: list[str], asked_for: list[str]
) -> None:
    session = a_session(channel)

    requests = [msgspec.json.decode(one) for one in session.outgoing()]
    assert [request["data"]["channel"] for request in requests] == subscribed
    assert [request.path for request in session.requests()] == asked_for


def test_who_wants_quotes_alone_gets_no_books() -> None:
    session = a_session("quote")

    events = book_of(session, WHOLE, AT, bids=[("99", "1")], asks=[("100", "1")])

    assert kinds(events) == [Quote]


def test_a_quiet_market_has_its_book_from_rest() -> None:
    session = a_session()

    assert kinds(seed(session, AT)) == [Book]


def test_a_snapshot_that_is_older_than_the_stream_is_not_shown() -> None:
    session = a_session()
    book_of(session, WHOLE, AT, bids=[("98", "1")], asks=[("100", "1")])

    assert seed(session, AT - SECOND) == []
    assert kinds(seed(session, AT + SECOND)) == [Book]


def test_a_snapshot_that_does_not_come_is_asked_for_again() -> None:
    session = a_session()
    session.requests()

    session.tick(AT)
    session.tick(AT + 29 * SECOND)
    early = asked(session, "book")
    session.tick(AT + 30 * SECOND)
    late = asked(session, "book")
    book_of(session, WHOLE, AT, bids=[("98", "1")], asks=[("100", "1")])
    session.tick(AT + 90 * SECOND)

    assert early == []
    assert [request.path for request in late] == ["/api/v2/order_book/ethusd/?group=1"]
    assert asked(session, "book") == []


def test_a_book_that_is_crossed_for_one_message_is_passed_over() -> None:
    session = a_session()
    book_of(session, WHOLE, AT, bids=[("98", "1")], asks=[("100", "1")])

    crossed = book_of(session, WHOLE, AT + 1_000, bids=[("100", "1")], asks=[("100", "1")])
    healed = book_of(session, WHOLE, AT + 2_000, bids=[("99", "1")], asks=[("100", "1")])

    assert crossed == []
    assert kinds(healed) == [Book]


def test_a_book_that_is_crossed_twice_is_kept_back_until_it_is_whole_again() -> None:
    session = a_session()
    book_of(session, WHOLE, AT, bids=[("98", "1")], asks=[("100", "1")])
    book_of(session, WHOLE, AT + 1_000, bids=[("100", "1")], asks=[("100", "1")])

    [status] = book_of(session, WHOLE, AT + 2_000, bids=[("101", "1")], asks=[("100", "1")])
    live, gap, book = book_of(session, WHOLE, AT + 3_000, bids=[("99", "1")], asks=[("100", "1")])

    assert isinstance(status, VenueStatus)
    assert (status.state, status.reason) == ("resyncing", "the bid of 101.0 meets the ask of 100.0")
    assert isinstance(live, VenueStatus)
    assert live.state == "live"
    assert isinstance(gap, Gap)
    assert (gap.channel, gap.start_ns, gap.end_ns) == ("book", AT, AT + 3_000)
    assert isinstance(book, Book)


def test_a_book_whose_levels_are_not_in_order_is_refused() -> None:
    with pytest.raises(FrameError, match="not in order"):
        book_of(a_session(), WHOLE, AT, bids=[("98", "1"), ("99", "1")], asks=[("100", "1")])


def test_changes_wait_for_a_snapshot_that_is_no_older_than_the_first_of_them() -> None:
    session = a_session()

    waiting = book_of(session, CHANGES, AT, bids=[("98", "2")])
    waiting += book_of(session, CHANGES, AT + 2_000, bids=[("97", "3")])
    too_old = seed(session, AT - 1_000)
    [book] = seed(session, AT + 1_000)

    assert waiting == too_old == []
    assert isinstance(book, Book)
    assert book.bids == (Level(99.0, 1.0), Level(97.0, 3.0))
    assert book.event_ns == AT + 2_000


def test_changes_that_the_snapshot_holds_already_are_passed_over() -> None:
    session = a_session()
    seed(session, AT)

    assert book_of(session, CHANGES, AT, bids=[("99", "7")]) == []
    assert kinds(book_of(session, CHANGES, AT + 1_000, bids=[("99", "7")])) == [Book]


def test_a_book_of_changes_that_is_crossed_twice_starts_from_a_newer_snapshot() -> None:
    session = a_session()
    seed(session, AT)
    session.requests()
    session.tick(AT)

    once = book_of(session, CHANGES, AT + 1_000, bids=[("101", "1")])
    twice = book_of(session, CHANGES, AT + 2_000, bids=[("98", "1")])
    still = book_of(session, CHANGES, AT + 3_000, bids=[("97", "1")])
    session.tick(AT + 30 * SECOND)

    assert once == still == []
    assert kinds(twice) == [VenueStatus]
    assert len(asked(session, "book")) == 1
    assert seed(session, AT) == []
    [_, _, book] = seed(session, AT + 2_000)
    assert isinstance(book, Book)
    assert book.bids == (Level(99.0, 1.0), Level(97.0, 1.0))


def test_a_book_of_changes_is_renewed_every_few_minutes_and_keeps_what_came_since() -> None:
    session = a_session()
    seed(session, AT, received_ns=AT)
    session.requests()
    session.tick(AT)
    book_of(session, CHANGES, AT + SECOND, bids=[("98", "1")])

    session.tick(AT + 300 * SECOND)
    early = asked(session, "book")
    session.tick(AT + 301 * SECOND)
    late = asked(session, "book")
    [renewed] = seed(session, AT, bid="97")

    assert early == []
    assert len(late) == 1
    assert isinstance(renewed, Book)
    assert renewed.bids == (Level(98.0, 1.0), Level(97.0, 1.0))


def test_one_crossed_book_leaves_the_others_alone() -> None:
    books = [a_book("bitstamp", name, at_ns=AT) for name in (ETH, "SOL-USD")]
    listings = [a_listing(ETH, "ethusd"), a_listing("SOL-USD", "solusd")]
    wire = Wire(VENUE, ToldMarket(listings, books))
    wire.settle()
    crossed = [a_book("bitstamp", ETH, bids=[(101.0, 1.0)], at_ns=AT + n) for n in (1, 2)]

    events = wire.tell(*crossed, a_book("bitstamp", "SOL-USD", bids=[(97.0, 1.0)], at_ns=AT + 3))

    assert kinds(events) == [VenueStatus, Book, Quote]


def test_summaries_and_candles_are_asked_for_once_a_minute_and_spread_over_it() -> None:
    listings = [a_listing(f"C{number}-USD", f"c{number}usd") for number in range(50)]
    session = VENUE.session(listings, Options(channels=frozenset({"candle", "summary"})))
    session.opened()
    session.requests()
    start_ns = AT // MINUTE * MINUTE
    asked_in_a_second: list[int] = []
    summaries = 0

    for second in range(60):
        session.tick(start_ns + second * SECOND)
        requests = session.requests()
        summaries += sum(request.path == "/api/v2/ticker/" for request in requests)
        asked_in_a_second.append(sum("/ohlc/" in request.path for request in requests))

    assert summaries == 1
    assert sum(asked_in_a_second) == 50
    assert max(asked_in_a_second) <= 2


def test_a_candle_is_not_asked_for_twice_while_its_answer_is_awaited() -> None:
    session = a_session("candle")
    for minute in range(4):
        session.tick(AT + minute * MINUTE)

    [request] = asked(session, "candles")
    session.answered(request, b'{"data": {"pair": "ETH/USD", "ohlc": []}}', NOW)
    session.tick(AT + 4 * MINUTE)

    assert request.path == "/api/v2/ohlc/ethusd/?step=60&limit=3"
    assert len(asked(session, "candles")) == 1


def test_of_a_long_time_the_newest_thousand_candles_are_asked_for() -> None:
    end_ns = AT // MINUTE * MINUTE

    request = a_session("candle").recall_candles(
        Instrument("ETH", "USD"), start_ns=end_ns - 5_000 * MINUTE, end_ns=end_ns
    )

    assert request is not None
    start_s, end_s = (end_ns - 999 * MINUTE) // SECOND, end_ns // SECOND
    assert request.path.endswith(f"?step=60&limit=1000&start={start_s}&end={end_s}")


def test_a_candle_is_closed_once_its_minute_is_over() -> None:
    session = a_session("candle")
    request = session.recall_candles(Instrument("ETH", "USD"), start_ns=0, end_ns=AT)
    minute = {"open": "2", "high": "3", "low": "1", "close": "2", "volume": "4"}
    start_ns = AT // MINUTE * MINUTE
    rows = [{"timestamp": str((start_ns + n * MINUTE) // SECOND), **minute} for n in (0, 1)]
    body = msgspec.json.encode({"data": {"pair": "ETH/USD", "ohlc": rows}})

    assert request is not None
    candles = session.answered(request, body, start_ns + MINUTE)

    assert [one.closed for one in candles if isinstance(one, VenueCandle)] == [True, False]


def test_what_the_exchange_knows_of_candles_and_summaries_is_read_back() -> None:
    market = a_market(VENUE)
    start_ns = AT // MINUTE * MINUTE
    for number, price in enumerate((98.0, 97.5, 99.0)):
        at_ns = start_ns + number * 40 * SECOND
        market.note(a_trade("bitstamp", ETH, number=number, price=price, size=0.5, at_ns=at_ns))
    wire = Wire(VENUE, market)

    first, second = wire.ask(
        HttpRequest("/api/v2/ohlc/ethusd/?step=60&limit=9", ("candles", Instrument("ETH", "USD")))
    )
    [summary] = [event for event in wire.settle() if isinstance(event, Summary)]

    assert isinstance(first, VenueCandle)
    assert (first.start_ns, first.open, first.close, first.volume) == (start_ns, 98.0, 97.5, 1.0)
    assert isinstance(second, VenueCandle)
    assert (second.high, second.low, second.volume) == (99.0, 99.0, 0.5)
    assert (summary.last, summary.low, summary.volume) == (99.0, 97.5, 1.5)
    assert (summary.bid, summary.ask) == (99.0, 100.0)


@pytest.mark.parametrize(
    ("age_ns", "page"), [(SECOND, "hour"), (50 * MINUTE, "hour"), (2 * 60 * MINUTE, "day")]
)
def test_past_trades_are_asked_for_as_far_back_as_they_are_missing(age_ns: int, page: str) -> None:
    session = a_session("trade")
    session.tick(AT)

    request = session.recall(Instrument("ETH", "USD"), after=a_trade(at_ns=AT - age_ns))

    assert request is not None
    assert request.path == f"/api/v2/transactions/ethusd/?time={page}"


def test_there_are_no_pages_of_trades_before_another() -> None:
    session = a_session("trade")

    assert session.recall(Instrument("ETH", "USD"), before=a_trade(at_ns=AT)) is None


def test_the_exchange_tells_the_trades_of_the_span_that_is_asked_for() -> None:
    market = a_market(VENUE)
    for number, minutes in enumerate((0, 30, 59)):
        market.note(a_trade("bitstamp", ETH, number=number, at_ns=AT + minutes * MINUTE))
    wire = Wire(VENUE, market)

    def ids(span: str) -> list[str]:
        path = f"/api/v2/transactions/ethusd/?time={span}"
        events = wire.ask(HttpRequest(path, ("trades", Instrument("ETH", "USD"))))
        return [event.trade_id for event in events if isinstance(event, Trade)]

    assert ids("minute") == ["2"]
    assert ids("hour") == ["0", "1", "2"]


def test_a_wish_for_a_new_connection_is_noted() -> None:
    session = a_session()

    session.receive(b'{"event":"bts:request_reconnect","channel":"","data":null}', NOW)

    assert session.renewal == "the venue asks for a new connection"


def test_an_error_ends_the_connection() -> None:
    with pytest.raises(VenueRefusedError, match=r"bitstamp says: Bad subscription string\."):
        a_session().receive(
            frame("", {"code": None, "message": "Bad subscription string."}, "bts:error"), NOW
        )


def test_a_heartbeat_is_answered() -> None:
    wire = Wire(VENUE, a_market(VENUE))
    wire.settle()

    wire.session.heartbeat()
    [beat] = wire.session.outgoing()
    wire.exchange.receive(beat)

    assert [msgspec.json.decode(one)["data"] for one in wire.exchange.outgoing()] == [
        {"status": "success"}
    ]


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"{", "Incorrect JSON format."),
        (b'{"event": "dance"}', "Incorrect JSON format."),
        (b'{"event": "bts:subscribe", "data": {}}', "Bad subscription string."),
        (
            b'{"event": "bts:subscribe", "data": {"channel": "BTC/USD"}}',
            "Invalid channel provided.",
        ),
        (
            b'{"event": "bts:subscribe", "data": {"channel": "live_trades_%b"}}' % (b"x" * 500),
            "Bad subscription string.",
        ),
    ],
)
def test_the_exchange_refuses_what_it_does_not_understand(sent: bytes, message: str) -> None:
    exchange = VENUE.exchange_side(a_market(VENUE))

    exchange.receive(sent)

    [reply] = [msgspec.json.decode(one) for one in exchange.outgoing()]
    assert (reply["event"], reply["data"]["message"]) == ("bts:error", message)


def test_who_follows_the_changes_has_the_same_book() -> None:
    wire = Wire(VENUE, a_market(VENUE))
    wire.settle()
    wire.exchange.receive(b'{"event":"bts:unsubscribe","data":{"channel":"order_book_ethusd"}}')
    wire.exchange.receive(b'{"event":"bts:subscribe","data":{"channel":"diff_order_book_ethusd"}}')
    told = a_book(
        "bitstamp", ETH, bids=[(99.5, 2.0), (98.0, 1.0)], asks=[(101.0, 1.0)], at_ns=AT + 1_000
    )

    [book] = [event for event in wire.tell(told) if isinstance(event, Book)]

    assert (book.bids, book.asks) == (told.bids, told.asks)


def test_rest_paths_end_with_a_slash() -> None:
    with pytest.raises(LookupError):
        VENUE.answer("/api/v2/order_book/ethusd", a_market(VENUE))


@pytest.mark.parametrize(
    ("name", "instrument"),
    [
        ("btcusd", Instrument("BTC", "USD")),
        ("usdtusd", Instrument("USDT", "USD")),
        ("ethusdt", Instrument("ETH", "USDT")),
        ("btcusd-perp", Instrument("BTCPERP", "USD")),
        ("perpeur", Instrument("PERP", "EUR")),
    ],
)
def test_a_symbol_is_read_by_its_shape(name: str, instrument: Instrument) -> None:
    assert instrument_of(name) == instrument
    assert symbol(instrument) == name


def test_a_listing_leaves_futures_and_nonsense_out() -> None:
    asking = VENUE.list_instruments(VENUE)
    next(asking)
    spot = {
        "name": "BTC/USD",
        "market_symbol": "btcusd",
        "base_decimals": 8,
        "counter_decimals": 0,
        "minimum_order_value": "10",
        "trading": "Disabled",
        "market_type": "SPOT",
    }
    future = spot | {"name": "BTC/USD-PERP", "market_type": "PERPETUAL"}

    with pytest.raises(StopIteration) as done:
        asking.send(msgspec.json.encode([spot, future, {"name": 7}]))

    [listing] = done.value.value
    assert (listing.tick_size, listing.lot_size, listing.minimum_notional) == (1.0, 1e-8, 10.0)
    assert not listing.trading


def test_a_listing_is_read_back_with_its_steps() -> None:
    [listing] = listed(VENUE, a_market(VENUE).listings)

    assert (listing.tick_size, listing.lot_size) == (1e-4, 1e-8)


@pytest.mark.parametrize(
    ("body", "hint", "about"),
    [
        (b'{"microtimestamp": "1", "bids": [], "asks": []}', "ethusd", "book"),
        (b'{"microtimestamp": "1", "bids": [], "asks": []}', "diff_order_book_ethusd", "book"),
        (b'[{"tid": "1"}]', "live_trades_ethusd", "trades"),
        (b'{"data": {"pair": "ETH/USD", "ohlc": []}}', "", "candles"),
        (b'{"last": "1", "bid": "1"}', "ethusd", "summaries"),
    ],
)
def test_an_answer_is_recognised_by_its_shape(body: bytes, hint: str, about: str) -> None:
    request = a_session().recognise(body, hint)

    assert request is not None
    assert request.about == (about, Instrument("ETH", "USD"))


def test_a_frame_is_not_taken_for_an_answer() -> None:
    session = a_session()

    assert session.recognise(frame(WHOLE, levels(AT, [], [])), "ethusd") is None
    assert session.recognise(b"{", "ethusd") is None
    assert session.recognise(b"[]", "ethusd") is None


def test_a_book_that_nothing_names_is_refused() -> None:
    session = a_session()
    body = msgspec.json.encode(levels(AT, [("99", "1")], [("100", "1")]))

    request = session.recognise(body, "")

    assert request is not None
    with pytest.raises(FrameError, match="does not name the market"):
        session.answered(request, body, NOW)
