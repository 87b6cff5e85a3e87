"""Bithumb: what differs from Upbit, candles by the minute, and the stream before this one."""

from collections.abc import Sequence

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
from stream_service.venue import Options
from stream_service.venues.bithumb import VENUE, BithumbSession
from stream_service.wire import MS
from tests.making import MINUTE, SECOND, a_book, a_listing, a_trade, a_venue_candle
from tests.venues.cases import AT
from tests.venues.playing import NOW, ToldMarket, Wire

BTC = a_listing("BTC-KRW", "KRW-BTC")
ETH = a_listing("ETH-KRW", "KRW-ETH")


def a_session() -> BithumbSession:
    return BithumbSession([BTC, ETH])


def a_market(*trades: Trade) -> ToldMarket:
    market = ToldMarket([BTC], [a_book("bithumb", "BTC-KRW", at_ns=AT)])
    for trade in trades:
        market.note(trade)
    return market


def book_frame(at_us: int, bid: float, ask: float, stream_type: str = "REALTIME") -> bytes:
    """Write a book of one level a side; sizes are 1."""
    units = [{"bid_price": bid, "ask_price": ask, "bid_size": 1, "ask_size": 1}]
    fields = {"type": "orderbook", "code": "KRW-BTC", "timestamp": at_us, "orderbook_units": units}
    return msgspec.json.encode({**fields, "stream_type": stream_type})


def first_frame(kind: str, **content: object) -> bytes:
    """Write a frame of the first stream."""
    return msgspec.json.encode({"type": kind, "content": content})


def first_snapshot(session: BithumbSession, levels: int, *, at_us: int) -> Sequence[Event]:
    """Start a book of the first stream from bids of 99 and less, asks of 100 and more."""
    bids = [(str(99 - step), "1") for step in range(levels)]
    asks = [(str(100 + step), "1") for step in range(levels)]
    snapshot = {"symbol": "BTC_KRW", "datetime": str(at_us), "asks": asks, "bids": bids}
    return session.receive(first_frame("orderbooksnapshot", **snapshot), NOW)


def first_change(
    session: BithumbSession, side: str, price: float, size: float, *, at_us: int
) -> Sequence[Event]:
    row = {"symbol": "BTC_KRW", "orderType": side, "price": str(price), "quantity": str(size)}
    return session.receive(first_frame("orderbookdepth", list=[row], datetime=str(at_us)), NOW)


def kinds(events: Sequence[Event]) -> list[type]:
    return [type(event) for event in events]


def test_no_candles_are_subscribed_to() -> None:
    session = a_session()

    session.opened()

    request, ping = session.outgoing()
    assert ping == b"PING"
    parts = [part for part in msgspec.json.decode(request) if "type" in part]
    assert sorted(part["type"] for part in parts) == ["orderbook", "ticker", "trade"]
    assert [part["codes"] for part in parts] == [["KRW-BTC", "KRW-ETH"]] * 3


def test_who_wants_candles_alone_subscribes_to_nothing() -> None:
    session = BithumbSession([BTC], Options(channels=frozenset({"candle"})))

    session.opened()

    assert session.outgoing() == [b"PING"]


def test_a_repeated_book_is_not_told_again() -> None:
    session = a_session()
    session.receive(book_frame(AT // 1_000, 99, 100), NOW)

    assert session.receive(book_frame(AT // 1_000, 99, 100), NOW) == ()


def test_a_book_that_still_stands_renews_the_quote_alone() -> None:
    session = a_session()
    session.receive(book_frame(AT // 1_000, 99, 100), NOW)

    [quote] = session.receive(book_frame(AT // 1_000 + 5, 99, 100), NOW)

    assert isinstance(quote, Quote)
    assert quote.event_ns == AT + 5_000


def test_a_snapshot_after_the_stream_has_begun_is_passed_over() -> None:
    session = a_session()
    session.receive(book_frame(AT // 1_000, 99, 100), NOW)

    assert session.receive(book_frame(AT // 1_000 - 1, 98, 100, "SNAPSHOT"), NOW) == ()


def test_after_a_crossing_the_same_book_is_told_again() -> None:
    session = a_session()
    good, crossed = book_frame(AT // 1_000, 99, 100), book_frame(AT // 1_000, 100, 100)
    session.receive(good, NOW)

    broken = session.receive(crossed, NOW)
    healed = session.receive(good, NOW)

    assert kinds(broken) == [VenueStatus]
    assert kinds(healed) == [VenueStatus, Gap, Book, Quote]


def test_an_error_ends_the_connection() -> None:
    frame = '{"error":{"message":"잘못된 형식","name":"WRONG_FORMAT"}}'.encode()

    with pytest.raises(VenueRefusedError, match="WRONG_FORMAT"):
        a_session().receive(frame, NOW)


def test_candles_are_asked_for_once_a_minute_one_instrument_after_the_other() -> None:
    session = a_session()
    start_ns = AT - AT % MINUTE
    asked: list[tuple[int, Instrument | None]] = []

    for second in range(-10, 180):
        session.tick(start_ns + second * SECOND)
        for request in session.requests():
            assert request.about is not None
            asked.append((second, request.about[1]))
            session.answered(request, b"[]", NOW)

    assert {instrument for _, instrument in asked} == {BTC.instrument, ETH.instrument}
    assert len(asked) == 2 * 3
    assert len({second for second, _ in asked}) == len(asked)
    assert all(second % 60 >= 3 for second, _ in asked)


def test_only_minutes_that_are_over_are_asked_for() -> None:
    start_ns = AT - AT % MINUTE
    trades = [
        a_trade("bithumb", "BTC-KRW", number=number, at_ns=start_ns + number * MINUTE)
        for number in range(4)
    ]
    wire = Wire(VENUE, a_market(*trades))
    wire.session.requests()
    wire.session.tick(start_ns)
    wire.session.tick(start_ns + 3 * MINUTE + 50 * SECOND)

    [request] = wire.session.requests()
    body = VENUE.answer(request.path, wire.market)
    candles = wire.session.answered(request, body, start_ns + 3 * MINUTE + 51 * SECOND)

    assert [
        ((candle.start_ns - start_ns) // MINUTE, candle.closed)
        for candle in candles
        if isinstance(candle, VenueCandle)
    ] == [(1, True), (2, True)]


def test_who_wants_no_candles_asks_for_none() -> None:
    session = BithumbSession([BTC], Options(channels=frozenset({"trade"})))

    for minute in range(3):
        session.tick(AT + minute * MINUTE)

    assert session.requests() == []


def test_the_end_of_past_candles_is_written_as_a_time_of_korea() -> None:
    day_ns = AT - AT % (1_440 * MINUTE)

    request = a_session().recall_candles(BTC.instrument, start_ns=day_ns - MINUTE, end_ns=day_ns)

    assert request is not None
    assert "T09%3A00%3A00&" in request.path


def test_past_trades_of_an_earlier_day_are_asked_for_by_its_distance() -> None:
    session = a_session()
    session.tick(AT)
    before = a_trade("bithumb", "BTC-KRW", number=2**60 + 1, at_ns=AT - 2 * 1_440 * MINUTE)

    request = session.recall(BTC.instrument, before=before)

    assert request is not None
    assert "daysAgo=2" in request.path
    assert f"cursor={2**60 + 1}" in request.path


def test_the_exchange_dates_trades_in_korean_time_and_books_in_microseconds() -> None:
    wire = Wire(VENUE, a_market())
    wire.settle()

    at_ns = AT - AT % (1_440 * MINUTE) + 16 * 60 * MINUTE
    wire.exchange.tell(a_trade("bithumb", "BTC-KRW", at_ns=at_ns))
    wire.exchange.tell(a_book("bithumb", "BTC-KRW", at_ns=at_ns + 1_000))

    trade, book = (msgspec.json.decode(frame) for frame in wire.exchange.outgoing())
    assert trade["trade_time"] == "01:00:00"
    assert trade["trade_timestamp"] == at_ns // MS
    assert book["timestamp"] == at_ns // 1_000 + 1


def test_the_exchange_tells_fifteen_levels() -> None:
    wire = Wire(VENUE, a_market())
    wire.settle()
    levels = [(100.0 + step, 1.0) for step in range(20)]

    wire.exchange.tell(a_book("bithumb", "BTC-KRW", asks=levels, at_ns=AT))

    [frame] = wire.exchange.outgoing()
    assert len(msgspec.json.decode(frame)["orderbook_units"]) == 15


def test_the_exchange_tells_no_candles() -> None:
    wire = Wire(VENUE, a_market())
    wire.settle()

    assert wire.tell(a_venue_candle("bithumb", "BTC-KRW", start_ns=AT)) == []


@pytest.mark.parametrize(
    ("option", "is_heeded"), [("isOnlyRealtime", True), ("is_only_realtime", False)]
)
def test_options_are_heeded_in_camel_case_alone(option: str, *, is_heeded: bool) -> None:
    wire = Wire(VENUE, a_market())
    wire.settle()
    part = {"type": "orderbook", "codes": ["KRW-BTC"], option: True}

    wire.exchange.receive(msgspec.json.encode([{"ticket": "t"}, part]))

    assert bool(wire.exchange.outgoing()) != is_heeded


@pytest.mark.parametrize("symbol", ["KRW-BTC", "BTC_KRW"])
def test_symbols_of_both_streams_are_read(symbol: str) -> None:
    assert VENUE.instrument(symbol) == BTC.instrument


# The first stream.


def test_the_first_stream_is_read_where_listings_are_guessed() -> None:
    def guess(symbol: str) -> Listing:
        return Listing(instrument=VENUE.instrument(symbol), symbol=symbol)

    session = BithumbSession([], Options(guess=guess))

    [book] = first_snapshot(session, 2, at_us=AT // 1_000)

    assert isinstance(book, Book)
    assert book.instrument == BTC.instrument


def test_times_of_the_first_stream_are_those_of_korea() -> None:
    row = {
        "symbol": "BTC_KRW",
        "buySellGb": "1",
        "contPrice": "100",
        "contQty": "2",
        "contDtm": "1970-01-01 09:00:00.000000",
    }
    frame = first_frame("transaction", list=[{**row, "contDtm": "2026-09-23 09:00:00.000001"}])

    [trade] = a_session().receive(frame, NOW)

    assert trade.event_ns % (1_440 * MINUTE) == 1_000
    with pytest.raises(FrameError, match="not within 2009 to 2098"):
        a_session().receive(first_frame("transaction", list=[row]), NOW)


def test_the_same_trade_of_the_first_stream_has_the_same_id_each_time() -> None:
    row = {
        "symbol": "BTC_KRW",
        "buySellGb": "2",
        "contPrice": "100.50",
        "contQty": "2",
        "contDtm": "2026-09-23 12:00:00.5",
    }
    frame = first_frame("transaction", list=[row, row])

    ids = [
        event.trade_id
        for _ in range(2)
        for event in a_session().receive(frame, NOW)
        if isinstance(event, Trade)
    ]

    assert ids[:2] == ids[2:]
    assert ids[1] == f"{ids[0]}-2"


def test_changes_wait_for_the_snapshot_and_older_ones_are_passed_over() -> None:
    session = a_session()

    early = first_change(session, "bid", 99.5, 1, at_us=AT // 1_000)
    first_snapshot(session, 2, at_us=AT // 1_000 + 5)
    stale = first_change(session, "bid", 99.5, 1, at_us=AT // 1_000 + 5)
    [book] = first_change(session, "bid", 99.25, 3, at_us=AT // 1_000 + 6)

    assert early == stale == []
    assert isinstance(book, Book)
    assert [level.price for level in book.bids] == [99.25, 99.0, 98.0]


def test_a_crossed_book_of_the_first_stream_waits_for_the_next_snapshot() -> None:
    session = a_session()
    at_us = AT // 1_000
    first_snapshot(session, 2, at_us=at_us)

    broken = first_change(session, "bid", 100, 1, at_us=at_us + 1)
    waiting = first_change(session, "bid", 100, 0, at_us=at_us + 2)
    healed = first_snapshot(session, 2, at_us=at_us + 3)

    assert kinds(broken) == [VenueStatus]
    assert waiting == []
    assert kinds(healed) == [VenueStatus, Gap, Book]


def test_a_book_of_the_first_stream_that_runs_out_of_levels_is_kept_back() -> None:
    session = a_session()
    at_us = AT // 1_000
    first_snapshot(session, 30, at_us=at_us)

    told = [
        kinds(first_change(session, "ask", 100 + step, 0, at_us=at_us + 1 + step))
        for step in range(21)
    ]

    assert told == [[Book]] * 20 + [[VenueStatus]]


def test_the_first_answer_on_all_currencies_is_summed_up() -> None:
    row = {
        "opening_price": "98",
        "closing_price": "100",
        "min_price": "95",
        "max_price": "105",
        "units_traded": "1",
        "units_traded_24H": "12.5",
    }
    rows = {"ETH": {**row, "closing_price": "-1"}, "BTC": row, "XRP": row, "date": str(AT // MS)}
    body = msgspec.json.encode({"status": "0000", "data": rows})
    session = a_session()

    request = session.recognise(body, "")
    assert request is not None
    [summary] = session.answered(request, body, NOW)

    assert summary == Summary(
        venue="bithumb",
        instrument=BTC.instrument,
        symbol="BTC_KRW",
        last=100.0,
        open=98.0,
        high=105.0,
        low=95.0,
        volume=12.5,
        event_ns=AT // MS * MS,
        received_ns=NOW,
        sequence=NOW,
    )


@pytest.mark.parametrize(
    "body",
    [b'{"status":"0000","data":[]}', b'{"status":"0000","data":{"date":"1"}}', b'{"status":"\xff"'],
)
def test_other_answers_of_the_first_interface_are_not_known(body: bytes) -> None:
    assert a_session().recognise(body, "") is None
