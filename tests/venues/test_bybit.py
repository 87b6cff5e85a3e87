"""Bybit: requests of ten topics, books numbered one by one, the best quote, refusals, answers."""

import msgspec
import pytest

from market import (
    Book,
    Event,
    FrameError,
    Gap,
    Level,
    Quote,
    Summary,
    Trade,
    VenueBusyError,
    VenueCandle,
    VenueRefusedError,
    VenueStatus,
)
from stream_service.venue import HttpRequest, Options
from stream_service.venues.bybit import VENUE, BybitSession
from stream_service.wire import MS
from tests.making import MINUTE, SECOND, a_book, a_listing, a_summary, a_trade, a_venue_candle
from tests.venues.cases import AT, a_market
from tests.venues.playing import NOW, ToldMarket, Wire

ETH = a_listing("ETH-USDT", "ETHUSDT")
Rows = list[tuple[str, str]]


def a_session() -> BybitSession:
    session = BybitSession([ETH])
    session.opened()
    session.outgoing()
    return session


def told(session: BybitSession, topic: str, data: object, kind: str = "snapshot") -> list[Event]:
    frame = {"topic": f"{topic}.ETHUSDT", "type": kind, "ts": AT // MS, "data": data}
    return list(session.receive(msgspec.json.encode(frame), NOW))


def a_row(number: int, bids: Rows | None = None, asks: Rows | None = None) -> dict[str, object]:
    return {"s": "ETHUSDT", "b": bids or [], "a": asks or [], "u": number, "seq": 5_000 + number}


def a_whole_row(number: int, bid: str = "99") -> dict[str, object]:
    return a_row(number, [(bid, "1")], [("100", "1")])


def sent(session: BybitSession) -> list[tuple[str, list[str]]]:
    requests = [msgspec.json.decode(frame) for frame in session.outgoing()]
    return [(request["op"], request["args"]) for request in requests]


def kinds(events: list[Event]) -> list[type]:
    return [type(event) for event in events]


def test_a_request_names_ten_topics_at_most() -> None:
    session = BybitSession([a_listing(f"C{n}-USDT", f"C{n}USDT") for n in range(5)])

    session.opened()

    requests = sent(session)
    assert [len(args) for _, args in requests] == [10, 10, 5]
    assert len({topic for _, args in requests for topic in args}) == 5 * 5


def test_only_what_is_followed_is_subscribed_to() -> None:
    session = BybitSession([ETH], Options(channels=frozenset({"quote", "summary"})))

    session.opened()

    assert sent(session) == [("subscribe", ["orderbook.1.ETHUSDT", "tickers.ETHUSDT"])]


def test_a_missing_change_breaks_the_book_until_it_comes_whole() -> None:
    session = a_session()
    told(session, "orderbook.50", a_whole_row(10))

    broken = told(session, "orderbook.50", a_row(12, [("98", "1")]), "delta")
    asked = sent(session)
    still_broken = told(session, "orderbook.50", a_row(13, [("98", "2")]), "delta")
    healed = told(session, "orderbook.50", a_whole_row(20))

    [status] = broken
    assert isinstance(status, VenueStatus)
    assert status.reason == "the change after 11 came, that after 10 is missing"
    topics = ["orderbook.50.ETHUSDT"]
    assert asked == [("unsubscribe", topics), ("subscribe", topics)]
    assert still_broken == []
    assert kinds(healed) == [VenueStatus, Gap, Book]


def test_a_change_that_was_seen_already_changes_nothing() -> None:
    session = a_session()
    told(session, "orderbook.50", a_whole_row(10))

    assert told(session, "orderbook.50", a_row(9, [("98", "1")]), "delta") == []


def test_a_book_starts_anew_when_the_venue_did() -> None:
    session = a_session()
    told(session, "orderbook.50", a_whole_row(10))

    [anew] = told(session, "orderbook.50", a_whole_row(1, bid="90"))
    [changed] = told(session, "orderbook.50", a_row(2, [("91", "1")]), "delta")

    assert isinstance(anew, Book)
    assert isinstance(changed, Book)
    assert [level.price for level in changed.bids] == [91.0, 90.0]


def test_a_book_that_does_not_come_is_asked_for_again() -> None:
    session = a_session()

    session.tick(AT)
    session.tick(AT + 10 * SECOND)

    assert [op for op, _ in sent(session)] == ["unsubscribe", "subscribe"]


def test_a_book_is_doubted_after_a_frame_of_it_that_cannot_be_read() -> None:
    session = a_session()
    told(session, "orderbook.50", a_whole_row(10))

    with pytest.raises(FrameError):
        told(session, "orderbook.50", a_row(11, [("NaN", "1")]), "delta")
    [status] = told(session, "orderbook.50", a_row(12, [("98", "1")]), "delta")

    assert isinstance(status, VenueStatus)
    assert status.state == "resyncing"


def test_one_broken_book_leaves_the_others_alone() -> None:
    books = [a_book("bybit", name, at_ns=AT) for name in ("ETH-USDT", "SOL-USDT")]
    wire = Wire(VENUE, ToldMarket([ETH, a_listing("SOL-USDT", "SOLUSDT")], books))
    wire.settle()
    wire.lose(a_book("bybit", "ETH-USDT", bids=[(98.0, 1.0)], at_ns=AT, sequence=2))

    events = wire.tell(
        a_book("bybit", "ETH-USDT", bids=[(97.0, 1.0)], at_ns=AT, sequence=3),
        a_book("bybit", "SOL-USDT", bids=[(97.0, 1.0)], at_ns=AT, sequence=2),
    )

    assert kinds(events) == [VenueStatus, Book]


def test_a_change_of_the_best_quote_is_merged_where_there_is_one() -> None:
    session = a_session()
    told(session, "orderbook.1", a_row(1, [("99", "1")], [("100", "1"), ("101", "2")]))

    [quote] = told(session, "orderbook.1", a_row(2, [("99", "3")], [("100", "0")]), "delta")
    gone = told(session, "orderbook.1", a_row(3, [("99", "0")]), "delta")

    assert isinstance(quote, Quote)
    assert (quote.bid_size, quote.ask) == (3.0, 101.0)
    assert gone == []


def test_frames_are_not_read_by_the_place_of_their_fields() -> None:
    session = a_session()
    data = msgspec.json.encode(a_whole_row(1))

    frame = (
        b'{"type":"snapshot","ts":1790134742106,"data":%b,"topic":"orderbook.50.ETHUSDT"}' % data
    )

    [book] = session.receive(frame, NOW)
    assert isinstance(book, Book)
    assert book.bids == (Level(99.0, 1.0),)


def test_a_topic_that_is_refused_costs_the_others_of_its_request_nothing() -> None:
    session = BybitSession([ETH, a_listing("NO-USDT", "NOUSDT")])
    exchange = VENUE.exchange_side(ToldMarket([ETH], [a_book("bybit", "ETH-USDT", at_ns=AT)]))
    session.opened()

    told_at_first = exchange_of(session, exchange)
    told_after = exchange_of(session, exchange)

    [status] = told_at_first
    assert isinstance(status, VenueStatus)
    assert (status.state, str(status.instrument)) == ("refused", "NO-USDT")
    assert status.reason == "Invalid symbol :[publicTrade.NOUSDT]"
    assert kinds(told_after) == [Book]


@pytest.mark.parametrize(
    "why",
    [
        "Invalid symbol :[publicTrade.NOUSDT]",
        "Invalid symbol :[NOUSDT]",
        "error:handler not found,topic:orderbook.50.NOUSDT",
    ],
)
def test_a_refusal_names_its_symbol_in_many_ways(why: str) -> None:
    session = a_session_of_two()

    [status] = session.receive(a_refusal(why, "1"), NOW)

    assert isinstance(status, VenueStatus)
    assert (status.state, str(status.instrument)) == ("refused", "NO-USDT")
    [(op, topics)] = sent(session)
    assert op == "subscribe"
    assert len(topics) == 5
    assert all(topic.endswith(".ETHUSDT") for topic in topics)


def test_a_book_that_was_refused_is_not_asked_for_again() -> None:
    session = a_session_of_two()
    session.receive(a_refusal("Invalid symbol :[orderbook.50.NOUSDT]", "1"), NOW)
    sent(session)

    for second in range(11):
        session.tick(AT + second * SECOND)

    assert {topic for _, topics in sent(session) for topic in topics} == {"orderbook.50.ETHUSDT"}


def test_a_topic_that_is_followed_already_is_no_fault_of_its_symbol() -> None:
    session = a_session()
    why = "error:already subscribed,topic:orderbook.50.ETHUSDT"

    events = session.receive(a_refusal(why, "1"), NOW)

    assert events == ()
    [(_, topics)] = sent(session)
    assert len(topics) == 4
    assert "orderbook.50.ETHUSDT" not in topics


def test_what_was_not_followed_any_more_need_not_be_left() -> None:
    frame = b'{"success":false,"ret_msg":"error:not subscribed","conn_id":"c","op":"unsubscribe"}'

    assert a_session().receive(frame, NOW) == ()


def a_session_of_two() -> BybitSession:
    session = BybitSession([ETH, a_listing("NO-USDT", "NOUSDT")])
    session.opened()
    session.outgoing()
    return session


def a_refusal(why: str, number: str) -> bytes:
    fields = {"success": False, "ret_msg": why, "conn_id": "c", "req_id": number, "op": "subscribe"}
    return msgspec.json.encode(fields)


def exchange_of(session: BybitSession, exchange: object) -> list[Event]:
    """Carry frames once to and fro."""
    assert isinstance(exchange, VENUE.exchange_side)
    for frame in session.outgoing():
        exchange.receive(frame)
    return [event for frame in exchange.outgoing() for event in session.receive(frame, NOW)]


def test_a_refusal_of_no_topic_ends_the_connection() -> None:
    with pytest.raises(VenueRefusedError, match="args size >10"):
        a_session().receive(b'{"success":false,"ret_msg":"args size >10","op":"subscribe"}', NOW)


def test_a_busy_venue_is_no_reason_to_give_up() -> None:
    session = a_session()
    request = session.recall(ETH.instrument)
    body = b'{"retCode":10006,"retMsg":"Too many visits!","result":{},"time":1790134742106}'

    assert request is not None
    with pytest.raises(VenueBusyError, match="Too many visits!") as busy:
        session.answered(request, body, NOW)

    assert busy.value.wait_s == 5.0


def test_a_ping_is_answered() -> None:
    wire = Wire(VENUE, a_market(VENUE))
    wire.settle()

    wire.session.heartbeat()
    for frame in wire.session.outgoing():
        wire.exchange.receive(frame)

    [pong] = wire.exchange.outgoing()
    assert msgspec.json.decode(pong)["ret_msg"] == "pong"
    assert wire.session.receive(pong, NOW) == ()


def test_candles_and_days_are_told_on_the_stream() -> None:
    wire = Wire(VENUE, a_market(VENUE))
    wire.settle()
    start_ns = AT - AT % MINUTE
    candle = a_venue_candle("bybit", "ETH-USDT", start_ns=start_ns, trades=None, closed=True)

    read, summary = wire.tell(
        msgspec.structs.replace(candle, event_ns=AT), a_summary("bybit", "ETH-USDT", at_ns=AT)
    )

    assert isinstance(read, VenueCandle)
    stamps = {"event_ns": AT, "received_ns": NOW, "sequence": read.sequence}
    assert read == msgspec.structs.replace(candle, **stamps)
    assert isinstance(summary, Summary)
    assert (summary.last, summary.volume, summary.bid) == (100.0, 1234.5, None)


def test_candles_of_a_time_are_recalled() -> None:
    start_ns = AT - AT % MINUTE
    market = a_market(VENUE)
    for minute in range(4):
        at_ns = start_ns + minute * MINUTE + SECOND
        market.note(a_trade("bybit", "ETH-USDT", number=minute + 1, at_ns=at_ns))
    wire = Wire(VENUE, market)

    request = wire.session.recall_candles(
        ETH.instrument, start_ns=start_ns + MINUTE, end_ns=start_ns + 3 * MINUTE
    )

    assert request is not None
    candles = [event for event in wire.ask(request) if isinstance(event, VenueCandle)]
    assert [candle.start_ns - start_ns for candle in candles] == [MINUTE, 2 * MINUTE]


def test_there_is_one_page_of_past_trades() -> None:
    session = a_session()
    trade = a_trade("bybit", "ETH-USDT")

    assert session.recall(ETH.instrument, after=trade) is not None
    assert session.recall(ETH.instrument, before=trade) is None


def test_a_book_over_rest_is_read() -> None:
    wire = Wire(VENUE, a_market(VENUE))
    body = VENUE.answer("/v5/market/orderbook?category=spot&symbol=ETHUSDT", wire.market)
    request = wire.session.recognise(body, "")
    assert request is not None

    [book] = wire.session.answered(request, body, NOW)

    assert isinstance(book, Book)
    assert (book.bids, book.asks) == ((Level(99.0, 1.0),), (Level(100.0, 1.0),))


def test_summaries_over_rest_are_read_of_what_is_ours() -> None:
    rows = [
        {"symbol": "ETHUSDT", "lastPrice": "2.5", "bid1Price": "2.4", "ask1Price": ""},
        {"symbol": "NOBODYS", "lastPrice": "1"},
        {"symbol": "SOLUSDT", "lastPrice": "0"},
    ]
    body = msgspec.json.encode({"retCode": 0, "result": {"list": rows}, "time": AT // MS})

    [summary] = a_session().answered(HttpRequest("", ("tickers", None)), body, NOW)

    assert isinstance(summary, Summary)
    assert (summary.last, summary.bid, summary.ask, summary.event_ns) == (2.5, 2.4, None, AT)


def test_an_answer_may_be_a_refusal_though_its_status_is_good() -> None:
    body = b'{"retCode":10001,"retMsg":"Not supported symbols","result":{}}'

    with pytest.raises(VenueRefusedError, match=r"Not supported symbols \(code 10001\)"):
        a_session().answered(HttpRequest("", ("trades", ETH.instrument)), body, NOW)


def test_a_symbol_that_cannot_be_read_costs_no_other() -> None:
    asking = VENUE.list_instruments(VENUE)
    next(asking)
    row = {"baseCoin": "ETH", "quoteCoin": "USDT", "status": "Trading"}
    lots = {"basePrecision": "0.00001", "minOrderAmt": "5"}
    rules = {"lotSizeFilter": lots, "priceFilter": {"tickSize": "0.01"}}
    rows = [{"symbol": 7}, {**row, **rules, "symbol": "ETHUSDT"}]

    with pytest.raises(StopIteration) as done:
        asking.send(msgspec.json.encode({"retCode": 0, "result": {"list": rows}}))

    [listing] = done.value.value
    assert (listing.symbol, str(listing.instrument)) == ("ETHUSDT", "ETH-USDT")
    assert (listing.tick_size, listing.lot_size, listing.minimum_notional) == (0.01, 1e-5, 5.0)


@pytest.mark.parametrize(
    ("result", "word"),
    [
        ({"list": [{"execId": "1", "symbol": "ETHUSDT"}]}, "trades"),
        ({"s": "ETHUSDT", "b": [], "a": []}, "book"),
        ({"symbol": "ETHUSDT", "list": [["1", "2"]]}, "candles"),
        ({"list": [{"symbol": "ETHUSDT", "lastPrice": "1"}]}, "tickers"),
        ({"list": [{"symbol": "ETHUSDT", "baseCoin": "ETH"}]}, "instruments"),
    ],
)
def test_recorded_bodies_are_recognised_by_their_shape(result: object, word: str) -> None:
    body = msgspec.json.encode({"retCode": 0, "retMsg": "OK", "result": result})

    request = a_session().recognise(body, "")

    assert request is not None
    assert request.about is not None
    assert request.about[0] == word


@pytest.mark.parametrize("line", [b'{"success":true}', b"{", b'{"retCode":0,"result":{"list":[]}}'])
def test_what_is_no_answer_is_not_recognised(line: bytes) -> None:
    assert a_session().recognise(line, "") is None


def test_a_trade_of_an_older_recording_has_no_number_of_the_engine() -> None:
    row = {
        "T": AT // MS,
        "s": "ETHUSDT",
        "S": "Buy",
        "v": "1",
        "p": "2",
        "i": "5f0c-9a",
        "BT": False,
    }

    [trade] = told(a_session(), "publicTrade", [row])

    assert isinstance(trade, Trade)
    assert (trade.trade_id, trade.side, trade.sequence) == ("5f0c-9a", "buy", NOW)


def test_the_exchange_refuses_what_it_does_not_understand() -> None:
    exchange = VENUE.exchange_side(a_market(VENUE))

    exchange.receive(b"{")
    exchange.receive(b'{"op":"dance"}')
    exchange.receive(msgspec.json.encode({"op": "subscribe", "args": ["tickers.ETHUSDT"] * 11}))

    replies = [msgspec.json.decode(frame) for frame in exchange.outgoing()]
    assert [reply["success"] for reply in replies] == [False, False, False]
    assert replies[2]["ret_msg"] == "args size >10"
