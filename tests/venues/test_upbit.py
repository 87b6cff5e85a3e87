"""Upbit: one request for all, quotes from books, pages of the past, and what it refuses."""

from collections.abc import Sequence
from typing import get_args

import msgspec
import pytest
from msgspec.structs import replace

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
from stream_service.venue import Channel, HttpRequest, Options
from stream_service.venues.upbit import VENUE, UpbitSession
from stream_service.wire import MS
from tests.making import (
    MINUTE,
    SECOND,
    a_book,
    a_listing,
    a_quote,
    a_summary,
    a_trade,
    a_venue_candle,
)
from tests.venues.cases import AT
from tests.venues.playing import NOW, ToldMarket, Wire, listed

BTC = a_listing("BTC-KRW", "KRW-BTC")
DAY = 1_440 * MINUTE
MIDNIGHT = AT - AT % DAY


def a_wire() -> Wire:
    wire = Wire(VENUE, ToldMarket([BTC], [a_book("upbit", "BTC-KRW", at_ns=AT)]))
    wire.settle()
    return wire


def a_session(*channels: Channel) -> UpbitSession:
    """Make a session that follows ``channels``, all of them if none is named."""
    wanted = frozenset(channels or get_args(Channel))
    return UpbitSession([BTC], Options(channels=wanted))


def receive_book(session: UpbitSession, *units: tuple[float, float]) -> list[Event]:
    """Read a book of bid and ask prices; sizes are 1."""
    rows = [
        {"bid_price": bid, "ask_price": ask, "bid_size": 1, "ask_size": 1} for bid, ask in units
    ]
    frame = {"type": "orderbook", "code": "KRW-BTC", "timestamp": AT // MS, "orderbook_units": rows}
    return list(session.receive(msgspec.json.encode(frame), NOW))


def kinds(events: list[Event]) -> list[type]:
    return [type(event) for event in events]


def test_everything_is_subscribed_to_in_one_request() -> None:
    session = UpbitSession([BTC, a_listing("ETH-KRW", "KRW-ETH")])

    session.opened()

    request, ping = session.outgoing()
    assert ping == b"PING"
    ticket, *parts, form = msgspec.json.decode(request)
    assert (list(ticket), form) == (["ticket"], {"format": "DEFAULT"})
    assert sorted(part["type"] for part in parts) == ["candle.1m", "orderbook", "ticker", "trade"]
    assert [part["codes"] for part in parts] == [["KRW-BTC", "KRW-ETH"]] * 4


@pytest.mark.parametrize(
    ("channel", "kind"),
    [
        ("trade", "trade"),
        ("quote", "orderbook"),
        ("book", "orderbook"),
        ("candle", "candle.1m"),
        ("summary", "ticker"),
    ],
)
def test_only_what_is_wanted_is_subscribed_to(channel: Channel, kind: str) -> None:
    session = a_session(channel)

    session.opened()

    parts = msgspec.json.decode(session.outgoing()[0])
    assert [part["type"] for part in parts if "type" in part] == [kind]


def test_who_wants_quotes_alone_gets_no_books() -> None:
    assert kinds(receive_book(a_session("quote"), (99.0, 100.0))) == [Quote]


def test_who_wants_books_alone_gets_no_quotes() -> None:
    assert kinds(receive_book(a_session("book"), (99.0, 100.0))) == [Book]


def test_a_book_gives_its_first_levels_as_a_quote() -> None:
    events = receive_book(UpbitSession([BTC]), (99.0, 100.0), (98.0, 101.0))

    book, quote = events
    assert isinstance(quote, Quote)
    assert (quote.bid, quote.ask) == (99.0, 100.0)
    assert isinstance(book, Book)
    assert len(book.bids) == len(book.asks) == 2


def test_a_book_of_one_side_gives_no_quote() -> None:
    assert kinds(receive_book(UpbitSession([BTC]), (0, 100.0))) == [Book]


def test_at_most_ten_levels_are_passed_on() -> None:
    units = [(99.0 - step, 100.0 + step) for step in range(30)]

    book, _ = receive_book(UpbitSession([BTC]), *units)

    assert isinstance(book, Book)
    assert len(book.bids) == len(book.asks) == 10


def test_a_crossed_book_is_kept_back_until_the_next_one() -> None:
    session = UpbitSession([BTC])
    receive_book(session, (99.0, 100.0))

    crossed = receive_book(session, (100.0, 100.0))
    healed = receive_book(session, (98.0, 100.0))

    assert kinds(crossed) == [VenueStatus]
    assert kinds(healed) == [VenueStatus, Gap, Book, Quote]


def test_levels_out_of_order_are_refused() -> None:
    with pytest.raises(FrameError, match=r"bid of 99.0 is not below that of 98.0"):
        receive_book(UpbitSession([BTC]), (98.0, 100.0), (99.0, 101.0))


def test_levels_without_a_size_make_room_for_those_behind() -> None:
    units = [(99.0 - step, 100.0 + step) for step in range(12)]
    rows = [
        {"bid_price": bid, "ask_price": ask, "bid_size": bid != 99.0, "ask_size": ask != 101.0}
        for bid, ask in units
    ]
    frame = {"type": "orderbook", "code": "KRW-BTC", "timestamp": AT // MS, "orderbook_units": rows}

    body = msgspec.json.encode(frame).replace(b"true", b"1").replace(b"false", b"0")
    book, _ = UpbitSession([BTC]).receive(body, NOW)

    assert isinstance(book, Book)
    assert [level.price for level in book.bids] == [98.0 - step for step in range(10)]
    assert [level.price for level in book.asks] == [100.0, *(102.0 + step for step in range(9))]


def test_a_snapshot_that_the_stream_has_overtaken_is_passed_over() -> None:
    session = UpbitSession([BTC])
    receive_book(session, (99.0, 100.0))
    old = {"type": "orderbook", "code": "KRW-BTC", "timestamp": AT // MS - 1, "orderbook_units": []}

    assert session.receive(msgspec.json.encode({**old, "stream_type": "SNAPSHOT"}), NOW) == ()
    assert session.receive(msgspec.json.encode({**old, "stream_type": "REALTIME"}), NOW) != ()


def test_an_error_ends_the_connection() -> None:
    frame = '{"error":{"name":"NO_TICKET","message":"티켓이 존재하지 않습니다."}}'.encode()

    with pytest.raises(VenueRefusedError, match="NO_TICKET"):
        list(UpbitSession([BTC]).receive(frame, NOW))


@pytest.mark.parametrize("time", [0, 10**14, 10**14 + 1, 4_070_908_800_000, 1])
def test_a_book_of_no_plausible_time_is_refused(time: int) -> None:
    frame = {"type": "orderbook", "code": "KRW-BTC", "timestamp": time, "orderbook_units": []}

    with pytest.raises(FrameError, match="not within 2009 to 2098"):
        list(UpbitSession([BTC]).receive(msgspec.json.encode(frame), NOW))


def test_the_exchange_tells_no_quote_but_its_book() -> None:
    wire = a_wire()

    assert wire.tell(a_quote("upbit", "BTC-KRW", at_ns=AT)) == []


def test_a_second_subscription_replaces_the_first() -> None:
    wire = a_wire()
    wire.exchange.receive(b'[{"ticket":"t"},{"type":"trade","codes":["KRW-BTC"]}]')

    assert wire.tell(a_book("upbit", "BTC-KRW", at_ns=AT)) == []


@pytest.mark.parametrize(
    ("request_frame", "name"),
    [
        (b"{", "WRONG_FORMAT"),
        (b'[{"type":"trade","codes":["KRW-BTC"]}]', "NO_TICKET"),
        (b'[{"ticket":"t"}]', "NO_TYPE"),
        (b'[{"ticket":"t"},{"type":"trade"}]', "NO_CODES"),
        (b'[{"ticket":"t"},{"type":"trades","codes":["KRW-BTC"]}]', "INVALID_PARAM"),
    ],
)
def test_the_exchange_refuses_what_it_does_not_understand(request_frame: bytes, name: str) -> None:
    exchange = a_wire().exchange

    exchange.receive(request_frame)

    [reply] = [msgspec.json.decode(frame) for frame in exchange.outgoing()]
    assert reply["error"]["name"] == name


def test_after_a_ping_the_exchange_says_that_it_is_up_every_ten_seconds() -> None:
    exchange = a_wire().exchange

    for _ in range(21):
        exchange.beat()

    assert exchange.outgoing() == [b'{"status":"UP"}'] * 3


def test_a_frame_whose_type_comes_last_is_read_too() -> None:
    session = UpbitSession([BTC])
    fields = {
        "code": "KRW-BTC",
        "trade_timestamp": AT // MS,
        "trade_price": 100,
        "trade_volume": 2,
        "ask_bid": "BID",
        "sequential_id": 5,
        "type": "trade",
    }

    [trade] = session.receive(msgspec.json.encode(fields), NOW)

    assert trade == a_trade_received(5, at_ns=AT // MS * MS, size=2.0)


def test_a_code_that_was_not_asked_for_is_refused() -> None:
    frame = b'{"type":"trade","code":"KRW-XRP","trade_timestamp":1790134742106,"trade_price":1,'
    frame += b'"trade_volume":1,"ask_bid":"ASK","sequential_id":5}'

    with pytest.raises(FrameError, match="KRW-XRP"):
        UpbitSession([BTC]).receive(frame, NOW)


def test_where_listings_are_guessed_every_code_is_read() -> None:
    def guess(symbol: str) -> Listing:
        return Listing(instrument=VENUE.instrument(symbol), symbol=symbol)

    session = UpbitSession([], Options(guess=guess))

    book, _ = receive_book(session, (99.0, 100.0))

    assert isinstance(book, Book)
    assert book.instrument == BTC.instrument


@pytest.mark.parametrize("symbol", ["KRW-BTC", "KRW-BTC.15"])
def test_a_symbol_is_read_by_its_shape(symbol: str) -> None:
    assert VENUE.instrument(symbol) == BTC.instrument


@pytest.mark.parametrize("symbol", ["", "KRW", "KRW-", "-BTC", "KRW-BTC-1", "KRW/BTC"])
def test_what_is_no_symbol_is_refused(symbol: str) -> None:
    with pytest.raises(ValueError, match="written QUOTE-BASE"):
        VENUE.instrument(symbol)


@pytest.mark.parametrize(("after_s", "closed"), [(59, False), (60, True)])
def test_a_candle_is_closed_once_its_minute_is_over(after_s: int, *, closed: bool) -> None:
    start_ns = AT - AT % MINUTE
    told = a_venue_candle("upbit", "BTC-KRW", start_ns=start_ns)
    wire = a_wire()
    wire.exchange.tell(told)
    [frame] = wire.exchange.outgoing()

    [candle] = wire.session.receive(frame, start_ns + after_s * SECOND)

    assert isinstance(candle, VenueCandle)
    assert candle.closed == closed


def test_a_candle_that_contradicts_itself_is_refused() -> None:
    told = a_venue_candle("upbit", "BTC-KRW", start_ns=AT - AT % MINUTE)
    wire = a_wire()
    wire.exchange.tell(replace(told, low=101.0))
    [frame] = wire.exchange.outgoing()

    with pytest.raises(FrameError, match=r"do not lie in 101.0 to"):
        wire.session.receive(frame, NOW)


def test_candles_and_summaries_that_the_exchange_tells_are_read_back() -> None:
    wire = a_wire()
    told = a_venue_candle("upbit", "BTC-KRW", start_ns=AT - AT % MINUTE)
    summary = a_summary("upbit", "BTC-KRW", at_ns=AT)

    read = wire.tell(told, summary)

    assert [unstamped(event) for event in read] == [
        unstamped(replace(told, trades=None)),
        unstamped(replace(summary, symbol="KRW-BTC", bid=None, ask=None)),
    ]


def test_a_subscription_is_answered_by_what_stands_already() -> None:
    market = ToldMarket([BTC], [a_book("upbit", "BTC-KRW", at_ns=AT)])
    market.note(a_trade("upbit", "BTC-KRW", at_ns=AT))
    wire = Wire(VENUE, market)
    wire.session.requests()

    events = wire.settle()

    assert {type(event) for event in events} == {Book, Quote, Trade, VenueCandle, Summary}
    assert [event.backfilled for event in events if isinstance(event, Trade)] == [True]


@pytest.mark.parametrize(("option", "is_told"), [("is_only_snapshot", 0), ("is_only_realtime", 1)])
def test_the_exchange_heeds_the_options_of_a_subscription(option: str, is_told: int) -> None:
    wire = a_wire()
    part = {"type": "orderbook", "codes": ["KRW-BTC"], option: True}
    wire.exchange.receive(msgspec.json.encode([{"ticket": "t"}, part]))

    snapshots = wire.read()
    changes = wire.tell(a_book("upbit", "BTC-KRW", at_ns=AT))

    assert bool(snapshots) == (not is_told)
    assert bool(changes) == is_told


def paged(wire: Wire, now_ns: int, *, pages: int) -> list[Trade]:
    """Page backward; return what came, newest page first."""
    wire.session.tick(now_ns)
    found: list[Trade] = []
    for _ in range(pages):
        request = wire.session.recall(BTC.instrument, before=found[0] if found else None)
        assert request is not None
        found = [*(event for event in wire.ask(request) if isinstance(event, Trade)), *found]
    return found


def with_trades(times_ns: Sequence[int]) -> Wire:
    market = ToldMarket([BTC], [a_book("upbit", "BTC-KRW", at_ns=AT)])
    for number, at_ns in enumerate(times_ns, start=1):
        market.note(a_trade("upbit", "BTC-KRW", number=number, at_ns=at_ns))
    return Wire(VENUE, market)


def test_past_trades_are_paged_backward_by_their_numbers() -> None:
    wire = with_trades([AT + number * MS for number in range(1_200)])

    found = paged(wire, AT, pages=3)

    assert [trade.sequence for trade in found] == list(range(1, 1_201))
    assert all(trade.backfilled for trade in found)


def test_past_trades_are_paged_over_midnight() -> None:
    wire = with_trades([MIDNIGHT + number * SECOND for number in range(-700, 30)])

    found = paged(wire, MIDNIGHT + MINUTE, pages=3)

    assert [trade.sequence for trade in found] == list(range(1, 731))


def test_before_the_first_trade_of_a_day_those_of_the_day_before_are_asked_for() -> None:
    session = a_session()
    session.tick(MIDNIGHT + SECOND)
    newest = session.recall(BTC.instrument)
    assert newest is not None

    session.answered(newest, b"[]", NOW)
    again, later = session.recall(BTC.instrument), session.recall(BTC.instrument)

    assert again is not None
    assert later is not None
    assert "days_ago=1" in again.path
    assert "days_ago" not in later.path


def test_a_later_hole_is_paged_within_its_day_again() -> None:
    wire = with_trades([MIDNIGHT + number * SECOND for number in range(600)])
    paged(wire, MIDNIGHT + DAY // 2, pages=2)

    request = wire.session.recall(BTC.instrument, before=wire.market.trades(BTC.instrument)[300])

    assert request is not None
    assert "cursor=301" in request.path
    assert "days_ago" not in request.path


def test_trades_of_more_than_a_week_ago_are_not_asked_for() -> None:
    session = a_session()
    session.tick(AT)
    week_old, older = (a_trade("upbit", "BTC-KRW", at_ns=AT - days * DAY) for days in (7, 8))

    request = session.recall(BTC.instrument, before=week_old)

    assert request is not None
    assert "days_ago=7" in request.path
    assert session.recall(BTC.instrument, before=older) is None


def test_past_candles_end_before_the_time_asked_for() -> None:
    start_ns = AT - AT % MINUTE
    wire = with_trades([start_ns + minute * MINUTE for minute in range(5)])
    request = wire.session.recall_candles(
        BTC.instrument, start_ns=start_ns + MINUTE, end_ns=start_ns + 3 * MINUTE
    )
    assert request is not None

    candles = [event for event in wire.ask(request) if isinstance(event, VenueCandle)]

    assert [(candle.start_ns - start_ns) // MINUTE for candle in candles] == [0, 1, 2]


def test_no_more_candles_are_asked_for_than_are_told_at_once() -> None:
    request = a_session().recall_candles(BTC.instrument, start_ns=AT - DAY, end_ns=AT)

    assert request is not None
    assert "count=200" in request.path


@pytest.mark.parametrize(
    ("path", "about"),
    [
        ("/v1/orderbook?markets=KRW-BTC", ("books", None)),
        ("/v1/trades/ticks?market=KRW-BTC&count=9", ("trades", BTC.instrument)),
        ("/v1/candles/minutes/1?market=KRW-BTC&count=9", ("candles", BTC.instrument)),
        ("/v1/ticker?markets=KRW-BTC", ("summaries", None)),
        ("/v1/market/all", ("instruments", None)),
    ],
)
def test_a_recorded_answer_is_known_by_its_shape(
    path: str, about: tuple[str, Instrument | None]
) -> None:
    wire = with_trades([AT])
    body = VENUE.answer(path, wire.market)

    request = wire.session.recognise(body, "")

    assert request is not None
    assert request.about == about
    events = wire.session.answered(request, body, NOW)
    assert bool(events) == (about[0] != "instruments")


@pytest.mark.parametrize(
    "line", [b"", b"[]", b"{", b"[7]", b'{"status":"UP"}', b'[{"market":"X"}]']
)
def test_what_is_no_answer_is_not_taken_for_one(line: bytes) -> None:
    assert a_session().recognise(line, "KRW-BTC") is None


def test_candles_of_other_lengths_give_no_event() -> None:
    row = {"market": "KRW-BTC", "candle_date_time_utc": "2026-09-23T00:00:00", "unit": 3}
    body = msgspec.json.encode([row])
    session = a_session()

    request = session.recognise(body, "")

    assert request is not None
    assert session.answered(request, body, NOW) == ()


def test_one_bad_row_does_not_cost_the_others() -> None:
    wire = with_trades([AT, AT + MS, AT + 2 * MS])
    request = HttpRequest("/v1/trades/ticks?market=KRW-BTC&count=3", ("trades", BTC.instrument))
    rows = msgspec.json.decode(VENUE.answer(request.path, wire.market))
    rows[1]["trade_price"] = -1

    trades = wire.session.answered(request, msgspec.json.encode(rows), NOW)

    assert [trade.sequence for trade in trades] == [1, 3]


def test_an_answer_of_bad_rows_alone_is_refused() -> None:
    request = HttpRequest("/v1/trades/ticks?market=KRW-BTC", ("trades", BTC.instrument))

    with pytest.raises(FrameError, match="no row can be read"):
        a_session().answered(request, b'[{"market":"KRW-BTC"}]', NOW)


def test_names_and_price_steps_are_listed_where_they_are_told() -> None:
    body = b"""[{"market":"KRW-BTC","korean_name":"\xeb\xb9\x84","english_name":"Bitcoin"},
        {"market":"nonsense"},
        {"market":"KRW-ETH","quote_currency":"KRW","tick_size":"1000","supported_levels":["0"]}]"""
    asking = VENUE.list_instruments(VENUE)
    next(asking)

    with pytest.raises(StopIteration) as done:
        asking.send(body)

    assert [(row.symbol, row.name, row.tick_size) for row in done.value.value] == [
        ("KRW-BTC", "Bitcoin", None),
        ("KRW-ETH", "", 1000.0),
    ]


def test_the_listing_takes_one_request() -> None:
    assert [row.instrument for row in listed(VENUE, [BTC])] == [BTC.instrument]


def a_trade_received(number: int, *, at_ns: int, size: float) -> Trade:
    trade = a_trade("upbit", "BTC-KRW", number=number, at_ns=at_ns, size=size)
    return replace(trade, received_ns=NOW)


def unstamped(event: Event) -> Event:
    """Leave out what the exchange cuts or we make up."""
    return replace(event, event_ns=0, received_ns=0, sequence=0)
