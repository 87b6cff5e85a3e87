"""Kraken: names, refusals, checksums, and how a wrong book is renewed."""

from collections.abc import Mapping
from typing import Any
from zlib import crc32

import msgspec
import pytest

from market import (
    Book,
    Event,
    FrameError,
    Gap,
    Instrument,
    Level,
    Listing,
    Quote,
    Summary,
    Trade,
    VenueBusyError,
    VenueCandle,
    VenueRefusedError,
    VenueStatus,
)
from market.intervals import start_of
from stream_service.checked_book import CheckedBook, rows_of, rows_of_texts
from stream_service.venue import HttpRequest, Options
from stream_service.venues.kraken import CHECK_NS, VENUE, KrakenSession
from stream_service.wire import ns_of_rfc3339
from tests.making import MINUTE, SECOND, a_book, a_listing, a_trade
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
TICKER = {
    "symbol": "BTC/USD",
    "bid": 99.0,
    "bid_qty": 1.0,
    "ask": 101.0,
    "ask_qty": 2.0,
    "last": 100.0,
    "volume": 12.5,
    "low": 90.0,
    "high": 110.0,
    "change": 10.0,
}
CANDLE = {
    "symbol": "BTC/USD",
    "open": 100.0,
    "high": 110.0,
    "low": 90.0,
    "close": 100.0,
    "trades": 3,
    "volume": 12.5,
    "interval_begin": "2026-09-10T17:35:00.000000000Z",
    "interval": 1,
}


def a_wire() -> Wire:
    wire = Wire(VENUE, ToldMarket([BTC], [a_book("kraken", "BTC-USD", at_ns=AT)]))
    wire.settle()
    return wire


def sent(session: KrakenSession) -> list[dict[str, object]]:
    return [msgspec.json.decode(frame) for frame in session.outgoing()]


def receive(
    session: KrakenSession, channel: str, row: Mapping[str, object], at_ns: int = NOW
) -> list[Any]:
    frame = {"channel": channel, "type": "update", "data": [row]}
    return list(session.receive(msgspec.json.encode(frame), at_ns))


def an_answer(*rows: str) -> bytes:
    return f'{{"error": [], "result": {{"XXBTZUSD": [{", ".join(rows)}], "last": "1"}}}}'.encode()


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
    frame = (
        b'{"error": "Subscription depth not supported", "method": "subscribe", "success": false}'
    )

    with pytest.raises(VenueRefusedError, match="kraken: Subscription depth not supported"):
        session.receive(frame, NOW)


@pytest.mark.parametrize(
    "frame",
    [
        b'{"Error": "Exceeded msg rate"}',
        b'{"error": "EAPI:Rate limit exceeded", "method": "subscribe", "success": false}',
    ],
)
def test_what_was_refused_in_a_hurry_is_asked_for_again(frame: bytes) -> None:
    wire = Wire(VENUE, ToldMarket([BTC], [a_book("kraken", "BTC-USD", at_ns=AT)]))
    asked = wire.session.outgoing()
    for request in asked[:1]:
        wire.exchange.receive(request)
    wire.read()

    events = wire.session.receive(frame, NOW)
    wire.session.tick(AT)
    early = wire.session.outgoing()
    wire.session.tick(AT + CHECK_NS)

    assert not events
    assert early == []
    again = [msgspec.json.decode(one) for one in wire.session.outgoing()]
    assert {one["params"]["channel"] for one in again if one["method"] == "subscribe"} == {
        "trade",
        "book",
        "ohlc",
    }


def test_only_what_is_to_be_followed_is_subscribed_to() -> None:
    session = KrakenSession([BTC], Options(channels=frozenset({"summary", "candle"})))

    session.opened()

    asked = [frame["params"] for frame in sent(session)]
    assert asked == [
        {"channel": "ticker", "symbol": ["BTC/USD"], "event_trigger": "trades"},
        {"channel": "ohlc", "symbol": ["BTC/USD"], "interval": 1, "snapshot": False},
        {"channel": "instrument", "snapshot": False},
    ]


def test_quotes_that_nobody_follows_are_not_told() -> None:
    session = KrakenSession([BTC], Options(channels=frozenset({"summary"})))

    assert kinds(receive(session, "ticker", TICKER)) == [Summary]


def test_a_summary_is_told_once_a_second_and_the_last_one_is_not_forgotten() -> None:
    session = KrakenSession([BTC], Options(channels=frozenset({"summary"})))
    beat = b'{"channel":"heartbeat"}'

    first = receive(session, "ticker", TICKER, AT)
    soon = receive(session, "ticker", TICKER | {"last": 101.0}, AT + 1)
    later = receive(session, "ticker", TICKER | {"last": 102.0}, AT + 2)
    too_early = session.receive(beat, AT + SECOND - 1)
    overdue = session.receive(beat, AT + SECOND + 1)
    after = session.receive(beat, AT + 3 * SECOND)

    assert [one.last for one in first if isinstance(one, Summary)] == [100.0]
    assert (soon, later, list(too_early), list(after)) == ([], [], [], [])
    assert [one.last for one in overdue if isinstance(one, Summary)] == [102.0]


@pytest.mark.parametrize("change", ["null", '"up"', "{}", "200", "1e999"])
def test_an_opening_price_that_the_change_does_not_tell_is_left_open(change: str) -> None:
    session = KrakenSession([BTC])
    row = msgspec.json.encode(TICKER | {"change": msgspec.Raw(change.encode())})

    events = session.receive(b'{"channel":"ticker","type":"update","data":[%s]}' % row, NOW)

    assert [one.open for one in events if isinstance(one, Summary)] == [None]


def test_a_candle_that_nothing_follows_is_over_when_its_minute_is() -> None:
    session = KrakenSession([BTC])
    beat = b'{"channel":"heartbeat"}'
    start_ns = ns_of_rfc3339(str(CANDLE["interval_begin"]))

    running = receive(session, "ohlc", CANDLE, start_ns + 5 * SECOND)
    waiting = session.receive(beat, start_ns + MINUTE + SECOND)
    over = session.receive(beat, start_ns + MINUTE + 3 * SECOND)
    after = session.receive(beat, start_ns + 2 * MINUTE)

    assert [(one.start_ns, one.closed) for one in running] == [(start_ns, False)]
    assert [(one.start_ns, one.closed) for one in over if isinstance(one, VenueCandle)] == [
        (start_ns, True)
    ]
    assert (list(waiting), list(after)) == ([], [])


def test_a_candle_that_is_told_late_is_over_and_not_told_again() -> None:
    session = KrakenSession([BTC])
    start_ns = ns_of_rfc3339(str(CANDLE["interval_begin"]))
    receive(session, "ohlc", CANDLE, start_ns + 59 * SECOND)

    late = receive(session, "ohlc", CANDLE | {"close": 101.0}, start_ns + MINUTE + 1)
    after = session.receive(b'{"channel":"heartbeat"}', start_ns + 2 * MINUTE)

    assert [(one.close, one.closed) for one in late] == [(101.0, True)]
    assert list(after) == []


@pytest.mark.parametrize(
    ("name", "instrument"),
    [
        ("BTC/USD", "BTC-USD"),
        ("XBT/USD", "BTC-USD"),
        ("XXBTZUSD", "BTC-USD"),
        ("XBTUSDT", "BTC-USDT"),
        ("XXDGXXBT", "DOGE-BTC"),
        ("XDGUSD", "DOGE-USD"),
        ("USDTZUSD", "USDT-USD"),
        ("XTZUSD", "XTZ-USD"),
        ("ETHPYUSD", "ETH-PYUSD"),
        ("XETHZEUR", "ETH-EUR"),
    ],
)
def test_names_of_every_kind_are_read(name: str, instrument: str) -> None:
    assert str(VENUE.instrument(name)) == instrument


@pytest.mark.parametrize("name", ["", "trade", "OLD.d/USD"])
def test_what_names_no_instrument_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"instrument|quote currency"):
        VENUE.instrument(name)


def test_missed_trades_are_paged_for_from_the_last_one_on() -> None:
    market = ToldMarket([BTC], [a_book("kraken", "BTC-USD", at_ns=AT)])
    trades = [
        a_trade("kraken", "BTC-USD", number=number, at_ns=AT + number) for number in range(1, 1_501)
    ]
    for trade in trades:
        market.note(trade)
    wire = Wire(VENUE, market)

    first = wire.session.recall(BTC.instrument, after=trades[199])
    newest = wire.session.recall(BTC.instrument)
    nothing = wire.session.recall(BTC.instrument, before=trades[0])

    assert first
    assert newest
    assert nothing is None
    assert [one.sequence for one in wire.ask(first)] == list(range(200, 1_200))
    assert [one.sequence for one in wire.ask(newest)] == list(range(501, 1_501))


def test_a_row_that_cannot_be_read_does_not_cost_the_others() -> None:
    session = KrakenSession([BTC])
    request = session.recall(BTC.instrument)
    good = '["100.5", "0.5", 1790134742.106, "b", "m", "", 8]'
    bad = '["-1", "0.5", 1790134742.106, "b", "m", "", 9]', '["1", "1", "NaN", "b", "m", "", 10]'

    assert request
    events = session.answered(request, an_answer(good, *bad), NOW)
    with pytest.raises(FrameError, match="kraken"):
        session.answered(request, an_answer(*bad), NOW)

    assert [(one.trade_id, one.price) for one in events if isinstance(one, Trade)] == [("8", 100.5)]


def test_a_listing_is_read_without_the_rows_that_cannot_be() -> None:
    asking = VENUE.list_instruments(VENUE)
    next(asking)
    body = b"""{"error": [], "result": {
        "A": {"altname": "AUSD", "wsname": "AUSD"}, "B": {"altname": "BUSD", "wsname": "B/USD"},
        "C": {"altname": "CUSD", "wsname": "C/USD", "tick_size": "-1"}
    }}"""

    with pytest.raises(StopIteration) as done:
        asking.send(body)

    assert [row.symbol for row in done.value.value] == ["B/USD"]


def test_old_candles_and_the_day_are_asked_for_and_read() -> None:
    market = ToldMarket([BTC], [a_book("kraken", "BTC-USD", at_ns=AT)])
    for minute in range(3):
        at_ns = AT + minute * MINUTE
        market.note(
            a_trade("kraken", "BTC-USD", number=minute + 1, at_ns=at_ns, price=100 + minute)
        )
    wire = Wire(VENUE, market)
    start_ns = start_of(AT, "1m")

    request = wire.session.recall_candles(
        BTC.instrument, start_ns=start_ns + MINUTE, end_ns=start_ns + 2 * MINUTE
    )
    summaries = wire.ask(HttpRequest("/0/public/Ticker?pair=XBTUSD", ("summaries", None)))

    assert request
    assert [
        (one.start_ns, one.close) for one in wire.ask(request) if isinstance(one, VenueCandle)
    ] == [(start_ns + MINUTE, 101.0), (start_ns + 2 * MINUTE, 102.0)]
    assert [
        (one.last, one.low, one.high, one.volume) for one in summaries if isinstance(one, Summary)
    ] == [(102.0, 100.0, 102.0, 3.0)]


@pytest.mark.parametrize("call", ["AssetPairs", "Depth?pair=XBTUSD", "Ticker", "Trades", "OHLC"])
def test_an_answer_is_known_by_its_shape(call: str) -> None:
    market = ToldMarket([BTC], [a_book("kraken", "BTC-USD", at_ns=AT)])
    market.note(a_trade("kraken", "BTC-USD", at_ns=AT))
    path = f"/0/public/{call}" if "pair" in call else f"/0/public/{call}?pair=XBTUSD"
    session = KrakenSession([], Options(guess=lambda _: BTC))

    request = session.recognise(VENUE.answer(path, market), "")

    assert request
    assert request.path.startswith(f"/0/public/{call.partition('?')[0]}")
    assert request.about
    assert request.about[1] == (None if call == "AssetPairs" else BTC.instrument)


def test_a_frame_is_no_answer() -> None:
    session = KrakenSession([BTC])

    for frame in (
        b'{"channel":"heartbeat"}',
        b'[1,{},"book-10","XBT/USD"]',
        b"",
        b'{"error":"no"}',
    ):
        assert session.recognise(frame, "") is None


def test_a_recorded_fault_says_what_it_is() -> None:
    session = KrakenSession([BTC])
    body = b'{"error":["EGeneral:Invalid arguments"]}'
    request = session.recognise(body, "")

    assert request
    with pytest.raises(FrameError, match="Invalid arguments"):
        session.answered(request, body, NOW)


def test_an_answer_that_names_no_known_instrument_says_so() -> None:
    session = KrakenSession([])
    body = b'{"error":[],"result":{"??":[["1","1",1790134742.1,"b","m","",1]]}}'
    request = session.recognise(body, "")

    assert request
    with pytest.raises(FrameError, match="names no instrument"):
        session.answered(request, body, NOW)


def test_a_book_over_rest_is_whole_or_refused() -> None:
    wire = a_wire()
    request = HttpRequest("/0/public/Depth?pair=XBTUSD&count=10", ("book", BTC.instrument))
    crossed = b'{"error":[],"result":{"XXBTZUSD":{"asks":[["1","1",1]],"bids":[["2","1",1]]}}}'

    [book] = wire.ask(request)
    with pytest.raises(FrameError, match="not in order"):
        wire.session.answered(request, crossed, NOW)

    assert isinstance(book, Book)
    assert (book.bids, book.asks) == ((Level(99.0, 1.0),), (Level(100.0, 1.0),))


def test_a_refused_instrument_is_not_subscribed_to_again() -> None:
    wire = Wire(VENUE, ToldMarket([BTC], [a_book("kraken", "BTC-USD", at_ns=AT)]))
    wire.session = VENUE.session([BTC, a_listing("NOPE-USD", "NOPE/USD")])
    wire.session.opened()

    asked = wire.session.outgoing()
    for frame in asked:
        wire.exchange.receive(frame)
    events = wire.read()
    for at_ns in (AT, AT + CHECK_NS, AT + 2 * CHECK_NS):
        wire.session.tick(at_ns)

    refused = [event for event in events if isinstance(event, VenueStatus)]
    assert [(event.state, str(event.instrument)) for event in refused] == [("refused", "NOPE-USD")]
    assert wire.session.outgoing() == []


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


def test_a_snapshot_with_a_wrong_checksum_is_asked_for_again_by_and_by() -> None:
    session = KrakenSession([BTC])
    row = {"symbol": "BTC/USD", "bids": [], "asks": [], "checksum": 1}
    frame = msgspec.json.encode({"channel": "book", "type": "snapshot", "data": [row]})

    events = list(session.receive(frame, NOW))
    session.tick(AT)
    at_once = session.outgoing()
    session.tick(AT + CHECK_NS)

    assert kinds(events) == [VenueStatus]
    assert at_once == []
    assert [frame["method"] for frame in sent(session)] == ["unsubscribe", "subscribe"]


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
    short = CheckedBook()

    book.change(rows_of_texts([("45285.2", "1e-8")]), rows_of_texts([("45286.0", "0.00100000")]))
    short.change(rows_of_texts([("45285.2", "0.00000001")]), rows_of_texts([("45286.0", "0.001")]))

    # crc32 of 452860 100000 452852 1, and of 452860 1 452852 1
    assert book.fault(3_871_333_317) == ""
    assert short.fault(1_769_787_423) == ""


@pytest.mark.parametrize(
    "spelled",
    [
        '[{"price":45285.2,"qty":0.00100000}]',
        '[{"qty":0.00100000,"price":45285.2}]',
        '[ {"price": 45285.2, "qty": 0.00100000} ]',
        '[{"price":45285.2,"qty":0.00100000,"orders":3}]',
        '[{"price":45285.2,"qty":0.00100000,"cr":3}]',
    ],
)
def test_the_checksum_does_not_mind_how_levels_are_spelled(spelled: str) -> None:
    book = CheckedBook()

    book.change(rows_of(msgspec.Raw(spelled.encode())), rows_of_texts([("45286.0", "0.00100000")]))

    # crc32 of 452860 100000 452852 100000
    assert book.fault(crc32(b"452860100000452852100000")) == ""


@pytest.mark.parametrize("places", [(0, 0), (1, 8)])
def test_zeros_that_a_recorder_took_are_given_back(places: tuple[int, int]) -> None:
    book = CheckedBook(places=places)

    book.change(rows_of_texts([("45285.2", "0.00000001")]), rows_of_texts([("45286", "0.001")]))

    # crc32 of 452860 100000 452852 1
    assert book.fault(3_871_333_317) == ""
    assert "the checksum is 1, ours" in book.fault(1)


@pytest.mark.parametrize(("price", "size"), [("0", "1"), ("1", "-1"), ("nan", "1"), ("1", '"1"')])
def test_a_level_that_cannot_be_true_is_refused(price: str, size: str) -> None:
    with pytest.raises(ValueError, match=r"no level|could not convert"):
        rows_of_texts([(price, size)])


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


@pytest.mark.parametrize(
    "why", ["EGeneral:Too many requests", "EAPI:Rate limit exceeded", "EService:Unavailable"]
)
def test_a_busy_venue_is_no_reason_to_give_up(why: str) -> None:
    session = KrakenSession([BTC])
    request = HttpRequest("/0/public/Trades?pair=XBTUSD", ("trades", BTC.instrument))
    body = msgspec.json.encode({"error": [why]})
    asking = VENUE.list_instruments(VENUE)
    next(asking)

    with pytest.raises(VenueBusyError, match=why) as busy:
        session.answered(request, body, NOW)
    with pytest.raises(VenueBusyError, match=why):
        asking.send(body)

    assert busy.value.wait_s == 5.0


def test_an_unknown_pair_is_not_asked_for_again() -> None:
    session = KrakenSession([BTC])
    request = HttpRequest("/0/public/Trades?pair=NOPE", ("trades", BTC.instrument))

    with pytest.raises(FrameError, match="Unknown asset pair"):
        list(session.answered(request, b'{"error": ["EQuery:Unknown asset pair"]}', NOW))

    session.tick(AT)
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
