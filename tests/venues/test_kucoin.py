"""KuCoin: the token and the welcome before all, books that start over REST, what it refuses."""

import asyncio
from collections.abc import Sequence

import msgspec
import pytest
from websockets.asyncio.client import connect

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
    VenueBusyError,
    VenueCandle,
    VenueRefusedError,
    VenueStatus,
)
from stream_service.rest import VenueRest
from stream_service.simulator.prices import SimulatedMarket
from stream_service.simulator.server import SimulatedVenues
from stream_service.venue import Channel, HttpRequest, Options
from stream_service.venues.kucoin import VENUE, KucoinSession
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
from tests.venues.playing import NOW, ToldMarket, Wire

BTC = a_listing("BTC-USDT")
BSV = a_listing("BSV-USDT", "BCHSV-USDT")
SEED = "/api/v1/market/orderbook/level2_100?symbol=BTC-USDT"
BUSY = b'{"code":"429000","msg":"Too Many Requests"}'


def a_wire(*listings: Listing) -> Wire:
    known = listings or (BTC,)
    books = [a_book("kucoin", str(row.instrument), at_ns=AT) for row in known]
    wire = Wire(VENUE, ToldMarket(known, books))
    wire.settle()
    return wire


def a_session(*channels: Channel) -> KucoinSession:
    session = KucoinSession([BTC], Options(channels=frozenset(channels or ("book",))))
    session.opened()
    return session


def receive(session: KucoinSession, topic: str, fields: object) -> Sequence[Event]:
    name = topic if "_" in topic else f"{topic}:BTC-USDT"
    frame = {"topic": name, "type": "message", "subject": "any", "data": fields}
    return session.receive(msgspec.json.encode(frame), NOW)


def change(
    session: KucoinSession, first: int, last: int, *bids: tuple[str, str, str]
) -> Sequence[Event]:
    numbers = {"sequenceStart": first, "sequenceEnd": last, "time": AT // MS}
    changes = {"asks": [], "bids": bids}
    return receive(session, "/market/level2", {**numbers, "symbol": "BTC-USDT", "changes": changes})


def seed(session: KucoinSession, number: int) -> Sequence[Event]:
    """Answer the session's one request with a book of a bid of 99 and an ask of 100."""
    [request] = session.requests()
    fields = {"sequence": str(number), "bids": [["99", "1"]], "asks": [["100", "1"]]}
    body = msgspec.json.encode({"code": "200000", "data": fields})
    return session.answered(request, body, NOW)


def kinds(events: Sequence[Event]) -> list[type]:
    return [type(event) for event in events]


def posted(frames: Sequence[bytes]) -> list[dict[str, object]]:
    return [msgspec.json.decode(frame) for frame in frames]


def dialled(body: bytes, websocket_url: str = "", rest_url: str = "https://x") -> str:
    dialling = VENUE.dial(VENUE.at(websocket_url, rest_url), [])
    request = next(dialling)
    assert request == HttpRequest("/api/v1/bullet-public", method="POST")
    with pytest.raises(StopIteration) as done:
        dialling.send(body)
    return str(done.value.value)


def a_bullet(endpoint: str) -> bytes:
    server = {"endpoint": endpoint, "encrypt": True, "pingInterval": 18_000}
    fields = {"token": "a+token=", "instanceServers": [server]}
    return msgspec.json.encode({"code": "200000", "data": fields})


def test_a_connection_is_dialled_with_a_token_and_an_id_of_its_own() -> None:
    body = a_bullet("wss://ws-api-spot.kucoin.com/")

    one, other = dialled(body), dialled(body)

    assert one.startswith("wss://ws-api-spot.kucoin.com/?token=a%2Btoken%3D&connectId=")
    assert one != other


def test_an_address_without_encryption_is_dialled_of_the_simulator_only() -> None:
    body = a_bullet("ws://simulator:9100/kucoin")

    assert dialled(body, rest_url="http://simulator:9100/rest").startswith("ws://simulator:9100/")
    with pytest.raises(FrameError, match="no address of an encrypted connection"):
        dialled(body)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"code":"400100","msg":"no"}', VenueRefusedError),
        (BUSY, VenueBusyError),
        (b'{"code":"200000","data":{"token":"t","instanceServers":[]}}', FrameError),
        (b"<html>", FrameError),
    ],
)
def test_without_a_token_nothing_is_dialled(body: bytes, error: type[Exception]) -> None:
    dialling = VENUE.dial(VENUE, [])
    next(dialling)

    with pytest.raises(error, match="kucoin"):
        dialling.send(body)


def test_subscriptions_wait_for_the_welcome() -> None:
    session = KucoinSession([BTC, BSV])
    session.opened()
    before = session.outgoing()

    session.receive(b'{"id":"hQvf8jkno","type":"welcome"}', NOW)

    after = posted(session.outgoing())
    assert before == []
    assert [frame["topic"] for frame in after] == [
        "/market/level2:BTC-USDT,BCHSV-USDT",
        "/market/match:BTC-USDT,BCHSV-USDT",
        "/spotMarket/level1:BTC-USDT,BCHSV-USDT",
        "/market/candles:BTC-USDT_1min,BCHSV-USDT_1min",
        "/market/snapshot:BTC-USDT,BCHSV-USDT",
    ]


def test_at_most_a_hundred_symbols_are_in_a_frame_and_no_two_have_one_id() -> None:
    listings = [a_listing(f"C{number}-USDT") for number in range(150)]
    session = KucoinSession(listings, Options(channels=frozenset({"trade"})))
    session.receive(b'{"id":"1","type":"welcome"}', NOW)
    session.heartbeat()

    first, second, ping = posted(session.outgoing())

    assert str(first["topic"]).count(",") == 99
    assert str(second["topic"]).count(",") == 49
    assert ping["type"] == "ping"
    assert len({first["id"], second["id"], ping["id"]}) == 3


def test_only_the_channels_that_are_wanted_are_followed() -> None:
    session = a_session("trade", "candle")

    session.receive(b'{"id":"1","type":"welcome"}', NOW)

    assert [frame["topic"] for frame in posted(session.outgoing())] == [
        "/market/match:BTC-USDT",
        "/market/candles:BTC-USDT_1min",
    ]
    assert session.requests() == []


def test_all_channels_of_as_many_instruments_as_are_allowed_fit_into_a_connection() -> None:
    listings = [a_listing(f"C{number}-USDT") for number in range(VENUE.instruments_at_most)]

    wire = a_wire(*listings)

    events = wire.tell(*[a_trade("kucoin", str(row.instrument), at_ns=AT) for row in listings])
    assert len(events) == len(listings)


@pytest.mark.parametrize("code", [400, 404, 509])
def test_an_error_ends_the_connection(code: int) -> None:
    frame = {"id": "1", "type": "error", "code": code, "data": "topic /market/match:X is unknown"}

    with pytest.raises(VenueRefusedError, match="topic /market/match:X is unknown"):
        a_session().receive(msgspec.json.encode(frame), NOW)


def test_a_topic_that_is_refused_keeps_no_other_from_coming() -> None:
    session = a_session("trade", "quote")
    session.receive(b'{"id":"x","type":"welcome"}', NOW)
    refused, kept = [row for row in posted(session.outgoing()) if row["type"] == "subscribe"]
    frame = {"id": refused["id"], "type": "error", "code": 404, "data": "topic does not exist"}

    with pytest.raises(FrameError, match=r"/market/match is refused: error 404"):
        session.receive(msgspec.json.encode(frame), NOW)
    with pytest.raises(VenueRefusedError, match="error 404"):  # now none is left
        session.receive(msgspec.json.encode(frame | {"id": kept["id"]}), NOW)


def test_a_book_starts_with_the_snapshot_and_the_changes_after_it() -> None:
    session = a_session()
    change(session, 5, 5, ("98", "2", "5"))
    change(session, 6, 7, ("98.5", "3", "7"))

    [book] = seed(session, 5)

    assert isinstance(book, Book)
    assert [(level.price, level.size) for level in book.bids] == [(99.0, 1.0), (98.5, 3.0)]
    assert book.sequence == 7


def test_a_snapshot_that_lags_behind_the_stream_is_asked_for_again() -> None:
    session = a_session()
    change(session, 50, 50, ("98", "2", "50"))

    assert seed(session, 40) == []
    assert kinds(seed(session, 50)) == [Book]


def test_a_row_of_no_price_only_moves_the_number_on() -> None:
    session = a_session()
    seed(session, 5)

    events = [*change(session, 6, 6, ("0", "0", "6")), *change(session, 7, 7, ("98", "1", "7"))]

    assert kinds(events) == [Book]
    assert session.requests() == []


def test_rows_of_one_price_count_in_the_order_of_their_numbers() -> None:
    session = a_session()
    seed(session, 5)

    [book] = change(session, 6, 8, ("98", "3", "8"), ("98", "0", "7"), ("98", "1", "6"))

    assert isinstance(book, Book)
    assert [(level.price, level.size) for level in book.bids] == [(99.0, 1.0), (98.0, 3.0)]


def test_after_a_lost_change_the_book_is_kept_back_until_a_newer_snapshot_comes() -> None:
    session = a_session()
    seed(session, 5)

    broken = [*change(session, 7, 7, ("98", "1", "7")), *change(session, 8, 8, ("98", "2", "8"))]
    healed = seed(session, 8)

    assert kinds(broken) == [VenueStatus]
    assert kinds(healed) == [VenueStatus, Gap, Book]


@pytest.mark.parametrize("body", [b"<html>", b'{"code":"200000","data":null}'])
def test_a_book_that_came_wrong_is_asked_for_again(body: bytes) -> None:
    session = a_session()
    [request] = session.requests()
    with pytest.raises(FrameError):
        session.answered(request, body, NOW)

    for second in range(60):
        session.tick(AT + second * SECOND)

    assert {again.path for again in session.requests()} == {SEED}


def test_a_book_is_asked_for_once_however_long_nobody_asks() -> None:
    session = a_session()

    for second in range(3_600):
        session.tick(AT + second * SECOND)

    assert [request.path for request in session.requests()] == [SEED]


def test_a_busy_venue_says_how_long_to_leave_it_alone() -> None:
    session = a_session("trade")
    request = session.recall(BTC.instrument)
    assert request is not None

    with pytest.raises(VenueBusyError) as busy:
        session.answered(request, BUSY, NOW)
    for second in range(60):
        session.tick(AT + second * SECOND)

    assert busy.value.wait_s == 10.0
    assert session.requests() == []  # whoever asked asks again, and nobody beside


def test_a_refusal_over_rest_is_no_answer() -> None:
    session = a_session()
    [request] = session.requests()

    with pytest.raises(VenueRefusedError, match=r"symbol not exists \(code 900001\)"):
        session.answered(request, b'{"code":"900001","msg":"symbol not exists"}', NOW)


def test_a_symbol_that_was_renamed_is_asked_for_by_its_old_name() -> None:
    session = KucoinSession([BSV])

    trades = session.recall(BSV.instrument)
    candles = session.recall_candles(BSV.instrument, start_ns=AT - MINUTE, end_ns=AT)

    assert trades == HttpRequest(
        "/api/v1/market/histories?symbol=BCHSV-USDT", ("trades", BSV.instrument)
    )
    assert candles is not None
    assert "symbol=BCHSV-USDT&startAt=1790134682&endAt=1790134742" in candles.path


def test_the_venue_tells_no_trades_older_than_its_last_hundred() -> None:
    trade = a_trade("kucoin")

    assert KucoinSession([BTC]).recall(BTC.instrument, before=trade) is None
    assert KucoinSession([BTC]).recall(BTC.instrument, after=trade) is not None


def test_the_stream_and_the_recall_name_a_trade_alike() -> None:
    wire = a_wire()
    [live] = wire.tell(a_trade("kucoin", number=9, at_ns=AT))
    request = wire.session.recall(BTC.instrument)
    assert request is not None

    [recalled] = wire.ask(request)

    assert isinstance(live, Trade)
    assert isinstance(recalled, Trade)
    assert (live.trade_id, live.event_ns) == (recalled.trade_id, recalled.event_ns)


def test_a_candle_whose_highest_price_is_not_the_highest_is_refused() -> None:
    fields = {"symbol": "BTC-USDT", "candles": ["1790134740", "1", "2", "1", "1", "1", "1"]}

    with pytest.raises(FrameError, match="not the highest"):
        receive(
            a_session(), "/market/candles:BTC-USDT_1min", {**fields, "time": 1_790_134_742 * SECOND}
        )


def test_a_crossed_whole_book_is_kept_back_until_the_next_one() -> None:
    session = a_session()
    topic = "/spotMarket/level2Depth5"
    asks = {"asks": [["100", "1"]], "timestamp": AT // MS}
    receive(session, topic, {**asks, "bids": [["99", "1"]]})

    crossed = receive(session, topic, {**asks, "bids": [["100", "1"]]})
    healed = receive(session, topic, {**asks, "bids": [["99", "1"]]})

    assert kinds(crossed) == [VenueStatus]
    assert kinds(healed) == [VenueStatus, Gap, Book]


def test_levels_out_of_order_are_refused() -> None:
    fields = {"asks": [["101", "1"], ["100", "1"]], "bids": [], "timestamp": AT // MS}

    with pytest.raises(FrameError, match="not in order"):
        receive(a_session(), "/spotMarket/level2Depth50", fields)


def uta_book(kind: str, first: int, last: int) -> bytes:
    sides = {"a": [["100", "1"]], "b": [["99", "1"]]}
    fields = {"s": "BTC-USDT", "O": first, "C": last, "M": AT, **sides}
    frame = {"T": "obu.SPOT", "dp": "increment@10ms", "t": kind, "P": AT, "d": fields}
    return msgspec.json.encode(frame)


def test_a_book_of_the_newer_interface_follows_its_chain() -> None:
    session = a_session()
    frames = [("snapshot", 5, 5), ("delta", 6, 8), ("delta", 10, 10), ("snapshot", 12, 12)]

    events = [kinds(session.receive(uta_book(*frame), NOW)) for frame in frames]

    assert events == [[Book], [], [VenueStatus], [VenueStatus, Gap, Book]]


def test_a_row_of_the_listing_that_cannot_be_read_does_not_cost_the_others() -> None:
    good = {"symbol": "BCHSV-USDT", "name": "BSV-USDT", "baseCurrency": "BSV"}
    rows = [
        {**good, "quoteCurrency": "USDT", "enableTrading": False, "priceIncrement": "0.01"},
        {**good, "quoteCurrency": "USDC", "priceIncrement": "-1"},
        {"symbol": "WHAT"},
    ]
    asking = VENUE.list_instruments(VENUE)
    next(asking)

    with pytest.raises(StopIteration) as done:
        asking.send(msgspec.json.encode({"code": "200000", "data": rows}))

    assert done.value.value == [
        Listing(
            instrument=Instrument("BSV", "USDT"),
            symbol="BCHSV-USDT",
            name="BSV-USDT",
            trading=False,
            tick_size=0.01,
        )
    ]


def test_candles_and_summaries_that_the_exchange_tells_are_read_back() -> None:
    wire = a_wire()
    start_ns = AT - AT % MINUTE

    candle, summary = wire.tell(
        a_venue_candle("kucoin", start_ns=start_ns, close=101.25),
        a_summary("kucoin", last=100.5, at_ns=AT),
    )

    assert isinstance(candle, VenueCandle)
    assert (candle.start_ns, candle.close, candle.high) == (start_ns, 101.25, 101.25)
    assert summary == msgspec.structs.replace(
        a_summary("kucoin", last=100.5, at_ns=AT), received_ns=NOW, sequence=summary.sequence
    )


def test_past_candles_come_oldest_first_and_within_the_time_asked_for() -> None:
    wire = a_wire()
    first_ns = AT - AT % MINUTE
    for minute in range(4):
        wire.market.note(a_trade("kucoin", number=minute, at_ns=first_ns + minute * MINUTE))
    request = wire.session.recall_candles(
        BTC.instrument, start_ns=first_ns + MINUTE, end_ns=first_ns + 3 * MINUTE
    )
    assert request is not None

    candles = wire.ask(request)

    assert [candle.start_ns for candle in candles if isinstance(candle, VenueCandle)] == [
        first_ns + MINUTE,
        first_ns + 2 * MINUTE,
    ]


@pytest.mark.parametrize(
    ("path", "about", "kind"),
    [
        ("/api/v1/market/orderbook/level1?symbol=BTC-USDT", ("quote", BTC.instrument), Quote),
        ("/api/v1/market/orderbook/level2_20?symbol=BTC-USDT", ("book", BTC.instrument), Book),
        ("/api/v1/market/allTickers", ("summary", None), Summary),
    ],
)
def test_what_the_exchange_answers_is_recognised(
    path: str, about: tuple[str, Instrument | None], kind: type
) -> None:
    wire = a_wire()
    wire.market.note(a_trade("kucoin", at_ns=AT))
    session = KucoinSession([BTC])

    body = VENUE.answer(path, wire.market)
    request = session.recognise(body, "BTC-USDT")

    assert request is not None
    assert request.about == about
    assert kinds(session.answered(request, body, NOW)) == [kind]


def test_of_the_day_of_all_symbols_only_ours_are_read() -> None:
    rows = [{"symbol": name, "last": "100"} for name in ("ETH-USDT", "BTC-USDT", "?")]
    fields = {"time": AT // MS, "ticker": rows}
    body = msgspec.json.encode({"code": "200000", "data": fields})

    events = KucoinSession([BTC]).answered(HttpRequest("", ("summary", None)), body, NOW)

    assert [event.symbol for event in events if isinstance(event, Summary)] == ["BTC-USDT"]


def asked(wire: Wire, **fields: object) -> list[dict[str, object]]:
    wire.exchange.receive(msgspec.json.encode({"id": "42", **fields}))
    return posted(wire.exchange.outgoing())


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"type": "subscribe", "topic": "/market/nothing:BTC-USDT"}, 404),
        ({"type": "shout"}, 404),
        ({"type": 7}, 400),
        ({"type": "subscribe", "topic": "/market/match:" + ",".join(map(str, range(101)))}, 509),
    ],
)
def test_the_exchange_refuses_what_it_does_not_serve(fields: dict[str, object], code: int) -> None:
    [reply] = asked(a_wire(), **fields)

    assert (reply["type"], reply["code"]) == ("error", code)


def test_the_exchange_allows_three_hundred_topics_of_a_connection() -> None:
    wire = a_wire()

    replies = [
        asked(
            wire,
            type="subscribe",
            topic="/market/match:" + ",".join(f"C{start + number}" for number in range(100)),
            response=True,
        )[0]["type"]
        for start in (0, 100, 200)
    ]

    assert replies == ["ack", "ack", "error"]


def test_the_exchange_acknowledges_a_symbol_that_it_does_not_know() -> None:
    topic = "/market/match:NOPE-USDT"

    assert asked(a_wire(), type="subscribe", topic=topic, response=True) == [
        {"id": "42", "type": "ack"}
    ]


def test_the_exchange_answers_a_ping_in_microseconds() -> None:
    wire = a_wire()
    wire.tell(a_quote("kucoin", at_ns=AT))

    assert asked(wire, type="ping") == [{"id": "42", "type": "pong", "timestamp": AT // 1_000}]


def test_the_exchange_is_silent_on_what_ended() -> None:
    wire = a_wire()

    asked(wire, type="unsubscribe", topic="/market/match:BTC-USDT")

    assert wire.tell(a_trade("kucoin", at_ns=AT)) == []


def test_the_exchange_tells_a_change_of_nothing_as_a_row_of_zeros() -> None:
    wire = a_wire()

    wire.exchange.tell(a_book("kucoin", at_ns=AT, sequence=2))

    [frame] = posted(wire.exchange.outgoing())
    assert frame["data"] == {
        "symbol": "BTC-USDT",
        "sequenceStart": 2,
        "sequenceEnd": 2,
        "changes": {"asks": [["0", "0", "2"]], "bids": []},
        "time": AT // MS,
    }


def test_the_exchange_adds_a_candle_and_then_updates_it() -> None:
    wire = a_wire()
    candle = a_venue_candle("kucoin", start_ns=AT - AT % MINUTE)

    for _ in range(2):
        wire.exchange.tell(candle)

    assert [frame["subject"] for frame in posted(wire.exchange.outgoing())] == [
        "trade.candles.add",
        "trade.candles.update",
    ]


@pytest.mark.parametrize(
    ("topic", "kind"),
    [
        ("/market/ticker:BTC-USDT", Quote),
        ("/spotMarket/level2Depth5:BTC-USDT", Book),
        ("/spotMarket/level2Depth50:BTC-USDT", Book),
    ],
)
def test_the_exchange_tells_what_we_do_not_ask_for_as_well(topic: str, kind: type) -> None:
    wire = a_wire()
    asked(wire, type="unsubscribe", topic="/spotMarket/level1:BTC-USDT")
    asked(wire, type="unsubscribe", topic="/market/level2:BTC-USDT")
    asked(wire, type="subscribe", topic=topic)

    events = wire.tell(a_quote("kucoin", at_ns=AT), a_book("kucoin", at_ns=AT, sequence=2))

    assert kind in kinds(events)


async def test_a_connection_is_dialled_subscribed_and_read_over_a_real_socket() -> None:
    market = SimulatedMarket([BTC])
    market.note(a_book("kucoin", at_ns=AT))
    session = KucoinSession([BTC])
    async with (
        asyncio.timeout(20),
        SimulatedVenues([VENUE], {"kucoin": market}).serving() as served,
    ):
        venue = served.venue("kucoin")
        async with VenueRest(venue) as rest:
            url = await rest.dialogue(venue.dial(venue, [BTC]))
            async with connect(url, proxy=None) as socket:
                session.opened()
                while not (frames := session.outgoing()):
                    session.receive(await socket.recv(decode=False), NOW)
                for frame in frames:
                    await socket.send(frame, text=True)
                    session.receive(await socket.recv(decode=False), NOW)
                served.tell(a_trade("kucoin", at_ns=AT))
                told = await socket.recv(decode=False)
            [request] = session.requests()
            seeded = session.answered(request, await rest.body(request), NOW)

    assert kinds(session.receive(told, NOW)) == [Trade]
    assert kinds(seeded) == [Book]
