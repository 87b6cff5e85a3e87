"""OKX: the chain of a book, trades that sum up others, pages, and words of the venue."""

import msgspec
import pytest

from market import Book, Event, FrameError, Gap, Trade, VenueCandle, VenueRefusedError, VenueStatus
from stream_service.venue import HttpRequest, Options
from stream_service.venues.okx import VENUE, OkxSession
from stream_service.wire import MS
from tests.making import MINUTE, SECOND, a_book, a_listing, a_summary, a_trade
from tests.venues.cases import AT, a_market, an_instrument
from tests.venues.playing import NOW, ToldMarket, Wire

ETH = a_listing("ETH-USDT", "ETH-USDT")


def a_session() -> OkxSession:
    session = OkxSession([ETH])
    session.opened()
    session.outgoing()
    return session


def told(session: OkxSession, channel: str, row: object, **fields: object) -> list[Event]:
    arg = {"channel": channel, "instId": "ETH-USDT"}
    frame = msgspec.json.encode({"arg": arg, **fields, "data": [row]})
    return list(session.receive(frame, NOW))


def a_row(previous: int, last: int, *, bid: str = "99", size: str = "1") -> dict[str, object]:
    levels = {"bids": [[bid, size, "0", "1"]], "asks": [["100", "1", "0", "1"]]}
    return {**levels, "ts": str(AT // MS), "prevSeqId": previous, "seqId": last}


def a_trade_row(number: int, *, count: int = 1) -> dict[str, object]:
    price = {"px": "2.5", "sz": "1", "side": "sell"}
    return {**price, "tradeId": str(number), "ts": str(AT // MS), "count": str(count)}


def sent(session: OkxSession) -> list[tuple[str, str]]:
    requests = [msgspec.json.decode(frame) for frame in session.outgoing()]
    return [(request["op"], arg["channel"]) for request in requests for arg in request["args"]]


def kinds(events: list[Event]) -> list[type]:
    return [type(event) for event in events]


def test_many_subscriptions_are_sent_in_several_frames() -> None:
    session = OkxSession([a_listing(f"C{n}-USDT", f"C{n}-USDT") for n in range(100)])

    session.opened()

    frames = session.outgoing()
    args = [arg["instId"] for frame in frames for arg in msgspec.json.decode(frame)["args"]]
    assert len(args) == 4 * 100
    assert all(len(frame) < 65_536 for frame in frames)


def test_only_what_is_followed_is_subscribed_to() -> None:
    session = OkxSession([ETH], Options(channels=frozenset({"quote", "candle"})))

    session.opened()

    assert sent(session) == [("subscribe", "bbo-tbt")]


def test_a_change_that_does_not_follow_breaks_the_book_until_it_comes_whole() -> None:
    session = a_session()
    told(session, "books", a_row(-1, 10), action="snapshot")
    told(session, "books", a_row(10, 12), action="update")

    broken = told(session, "books", a_row(13, 14), action="update")
    asked = sent(session)
    still_broken = told(session, "books", a_row(14, 15), action="update")
    healed = told(session, "books", a_row(-1, 20), action="snapshot")

    [status] = broken
    assert isinstance(status, VenueStatus)
    assert status.reason == "the change after 13 came, that after 12 is missing"
    assert asked == [("unsubscribe", "books"), ("subscribe", "books")]
    assert still_broken == []
    assert kinds(healed) == [VenueStatus, Gap, Book]


def test_numbers_of_a_book_may_start_anew() -> None:
    session = a_session()
    told(session, "books", a_row(-1, 10), action="snapshot")

    [book] = told(session, "books", a_row(10, 3, bid="98"), action="update")
    [next_book] = told(session, "books", a_row(3, 5, bid="97"), action="update")

    assert isinstance(book, Book)
    assert isinstance(next_book, Book)
    assert [level.price for level in next_book.bids] == [99.0, 98.0, 97.0]


def test_a_book_that_does_not_come_is_asked_for_again() -> None:
    session = a_session()

    session.tick(AT)
    session.tick(AT + 10 * SECOND)

    assert sent(session) == [("unsubscribe", "books"), ("subscribe", "books")]


def test_a_book_is_doubted_after_a_frame_of_it_that_cannot_be_read() -> None:
    session = a_session()
    told(session, "books", a_row(-1, 10), action="snapshot")

    with pytest.raises(FrameError):
        told(session, "books", a_row(10, 11, size="NaN"), action="update")
    [status] = told(session, "books", a_row(11, 12), action="update")

    assert isinstance(status, VenueStatus)
    assert status.state == "resyncing"


def test_one_broken_book_leaves_the_others_alone() -> None:
    books = [a_book("okx", name, at_ns=AT) for name in ("ETH-USDT", "SOL-USDT")]
    wire = Wire(VENUE, ToldMarket([ETH, a_listing("SOL-USDT")], books))
    wire.settle()
    wire.lose(a_book("okx", "ETH-USDT", bids=[(98.0, 1.0)], at_ns=AT, sequence=2))

    events = wire.tell(
        a_book("okx", "ETH-USDT", bids=[(97.0, 1.0)], at_ns=AT, sequence=3),
        a_book("okx", "SOL-USDT", bids=[(97.0, 1.0)], at_ns=AT, sequence=2),
    )

    assert kinds(events) == [VenueStatus, Book]


def test_what_a_trade_sums_up_is_not_told_again_by_rest() -> None:
    session = a_session()
    told(session, "trades", a_trade_row(14, count=3))
    request = session.recall(ETH.instrument)
    assert request is not None
    rows = [a_trade_row(number) for number in (15, 14, 13, 12, 11)]

    events = session.answered(request, msgspec.json.encode({"code": "0", "data": rows}), NOW)

    assert [event.sequence for event in events] == [11, 14, 15]


def test_a_recall_reaches_no_further_back_than_it_was_asked_to() -> None:
    market = a_market(VENUE)
    instrument = str(an_instrument(VENUE))
    for number in range(1, 1_001):
        market.note(a_trade("okx", instrument, number=number, at_ns=AT + number * MS))
    wire = Wire(VENUE, market)
    after = a_trade("okx", instrument, number=350)
    newest = wire.session.recall(after.instrument, after=after)
    assert newest is not None

    first = wire.ask(newest)
    assert isinstance(first[0], Trade)
    older = wire.session.recall(after.instrument, after=after, before=first[0])
    assert older is not None
    second = wire.ask(older)
    assert isinstance(second[0], Trade)
    oldest = wire.session.recall(after.instrument, after=after, before=second[0])
    assert oldest is not None
    third = wire.ask(oldest)

    assert [event.sequence for event in first] == list(range(501, 1_001))
    assert [event.sequence for event in second] == list(range(401, 501))
    assert [event.sequence for event in third] == list(range(350, 401))


def test_minutes_are_asked_for_once_they_are_over() -> None:
    session = a_session()
    start_ns = AT - AT % MINUTE

    session.tick(start_ns + 30 * SECOND)
    early = session.requests()
    session.tick(start_ns + MINUTE + 3 * SECOND)
    [request] = session.requests()

    assert early == []
    assert request.path.startswith("/api/v5/market/candles?instId=ETH-USDT&bar=1m")
    assert request.about == ("candles", ETH.instrument)


def test_candles_of_a_time_are_recalled() -> None:
    start_ns = AT - AT % MINUTE
    market = a_market(VENUE)
    for minute in range(4):
        at_ns = start_ns + minute * MINUTE + SECOND
        market.note(a_trade("okx", "ETH-USDT", number=minute + 1, at_ns=at_ns))
    wire = Wire(VENUE, market)

    request = wire.session.recall_candles(
        ETH.instrument, start_ns=start_ns + MINUTE, end_ns=start_ns + 3 * MINUTE
    )

    assert request is not None
    candles = [event for event in wire.ask(request) if isinstance(event, VenueCandle)]
    assert [candle.start_ns - start_ns for candle in candles] == [MINUTE, 2 * MINUTE]
    assert all(candle.closed for candle in candles)


def test_a_day_is_told_on_the_stream() -> None:
    wire = Wire(VENUE, a_market(VENUE))
    wire.settle()
    summary = a_summary("okx", "ETH-USDT", at_ns=AT)

    [read] = wire.tell(summary)

    assert msgspec.structs.replace(read, received_ns=AT, sequence=AT) == summary


def test_a_ping_is_answered() -> None:
    wire = Wire(VENUE, a_market(VENUE))

    wire.session.heartbeat()
    for frame in wire.session.outgoing():
        wire.exchange.receive(frame)

    assert b"pong" in wire.exchange.outgoing()
    assert wire.session.receive(b"pong", NOW) == ()


def test_a_notice_asks_for_a_new_connection() -> None:
    session = a_session()

    session.receive(b'{"event":"notice","code":"64008","msg":"upgrade in 60 s"}', NOW)

    assert session.renewal == "upgrade in 60 s"


def test_a_refusal_ends_the_connection() -> None:
    with pytest.raises(VenueRefusedError, match=r"Illegal request \(code 60012\)"):
        a_session().receive(b'{"event":"error","code":"60012","msg":"Illegal request"}', NOW)


def test_an_answer_may_be_a_refusal_though_its_status_is_good() -> None:
    request = HttpRequest("", ("trades", ETH.instrument))

    with pytest.raises(VenueRefusedError, match=r"Too Many Requests \(code 50011\)"):
        a_session().answered(request, b'{"code":"50011","msg":"Too Many Requests","data":[]}', NOW)


def test_an_instrument_that_cannot_be_read_costs_no_other() -> None:
    asking = VENUE.list_instruments(VENUE)
    next(asking)
    row = {"baseCcy": "ETH", "quoteCcy": "USDT", "tickSz": "0.01", "lotSz": "0.000001"}
    rows = [
        {"instId": "BAD"},
        {**row, "instId": "ETH-USDT", "state": "live"},
        {**row, "instId": "ETH-USDC", "quoteCcy": "USDC", "state": "preopen"},
    ]

    with pytest.raises(StopIteration) as done:
        asking.send(msgspec.json.encode({"code": "0", "data": rows}))

    first, second = done.value.value
    assert (first.symbol, first.trading, first.tick_size, first.lot_size) == (
        "ETH-USDT",
        True,
        0.01,
        1e-6,
    )
    assert not second.trading


@pytest.mark.parametrize(
    ("row", "hint", "word"),
    [
        ({"instId": "ETH-USDT", "tradeId": "1"}, "", "trades"),
        ({"asks": [], "bids": []}, "ETH-USDT", "book"),
        (["1", "2"], "ETH-USDT", "candles"),
        ({"instId": "ETH-USDT", "last": "1", "open24h": "1"}, "", "tickers"),
        ({"instId": "ETH-USDT", "baseCcy": "ETH"}, "", "instruments"),
    ],
)
def test_recorded_bodies_are_recognised_by_their_shape(row: object, hint: str, word: str) -> None:
    body = msgspec.json.encode({"code": "0", "msg": "", "data": [row]})

    request = a_session().recognise(body, hint)

    assert request is not None
    assert request.about is not None
    assert request.about[0] == word


@pytest.mark.parametrize(
    "line",
    [b'{"event":"subscribe"}', b'{"code":"0","data":[]}', b"pong"],
)
def test_what_is_no_answer_is_not_recognised(line: bytes) -> None:
    assert a_session().recognise(line, "") is None


def test_an_answer_that_names_no_instrument_is_refused_in_words() -> None:
    body = b'{"code":"0","msg":"","data":[["1790134740000","1","1","1","1","1"]]}'
    session = a_session()
    request = session.recognise(body, "")
    assert request is not None

    with pytest.raises(FrameError, match="an answer with candles names no instrument"):
        session.answered(request, body, NOW)


def test_an_instrument_that_was_refused_is_not_subscribed_to_again() -> None:
    session = OkxSession([ETH, a_listing("NO-PE")])
    session.opened()
    session.outgoing()
    why = "Subscribe failed, wrong URL or channel:books,instId:NO-PE doesn't exist. Please use the"
    refusal = {"event": "error", "msg": why, "code": "60018", "connId": "b1"}

    [status] = session.receive(msgspec.json.encode(refusal), NOW)
    for second in range(11):
        session.tick(AT + second * SECOND)

    assert isinstance(status, VenueStatus)
    assert (status.state, str(status.instrument)) == ("refused", "NO-PE")
    assert {b"NO-PE" in frame for frame in session.outgoing()} == {False}


def test_the_exchange_refuses_what_it_does_not_understand() -> None:
    exchange = VENUE.exchange_side(a_market(VENUE))

    exchange.receive(b"{")
    exchange.receive(b'{"op":"dance","args":[]}')
    exchange.receive(
        b'{"op":"subscribe","args":[{"channel":"trades","instId":"NO-PE"},'
        b'{"channel":"trades","instId":"ETH-USDT"}]}'
    )

    replies = [msgspec.json.decode(frame) for frame in exchange.outgoing()]
    assert [reply.get("code", reply["event"]) for reply in replies] == [
        "60012",
        "60012",
        "60018",
        "subscribe",
    ]
