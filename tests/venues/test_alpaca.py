"""Alpaca: the login, the two feeds, whose trade it was, books that heal, and pages of the past."""

from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

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
    VenueCandle,
    VenueRefusedError,
    VenueStatus,
)
from stream_service.venue import CHANNELS, Channel, HttpRequest, Options
from stream_service.venues.alpaca import VENUE, AlpacaSession
from stream_service.wire import MS
from tests.making import MINUTE, SECOND, a_book, a_listing, a_summary, a_trade, a_venue_candle
from tests.venues.cases import AT, a_market
from tests.venues.playing import NOW, ToldMarket, Wire, listed

KEYS = {"key": "public", "secret": "hidden"}
BTC = a_listing("BTC-USD", "BTC/USD")
MSFT = a_listing("MSFT-USD", "MSFT")
AT_TEXT = "2026-09-23T03:39:02"


def a_session(
    *listings: Listing, channels: frozenset[Channel] = CHANNELS, knows_nothing: bool = False
) -> AlpacaSession:
    """Open a session that stands just after the login."""
    options = Options(channels=channels, keys=KEYS)
    session = AlpacaSession(listings or (BTC,), options)
    if not knows_nothing:
        session.opened()
        told(session, {"T": "success", "msg": "authenticated"})
        session.outgoing()
    return session


def told(session: AlpacaSession, *rows: dict[str, object], at_ns: int = NOW) -> list[Event]:
    return list(session.receive(msgspec.json.encode(rows), at_ns))


def sent(session: AlpacaSession) -> list[dict[str, object]]:
    return [msgspec.json.decode(frame) for frame in session.outgoing()]


def a_change(
    *, bids: dict[float, float], asks: dict[float, float], is_whole: bool = False
) -> dict[str, object]:
    return {
        "T": "o",
        "S": "BTC/USD",
        "t": f"{AT_TEXT}Z",
        "b": [{"p": price, "s": size} for price, size in bids.items()],
        "a": [{"p": price, "s": size} for price, size in asks.items()],
        "r": is_whole,
    }


def a_stock_trade(number: int, price: float) -> dict[str, object]:
    at = {"t": f"{AT_TEXT}.5Z", "x": "V"}
    return {"T": "t", "i": number, "S": "MSFT", "p": price, "s": 1, **at}


def a_stock_quote(bid: float, ask: float) -> dict[str, object]:
    sizes = {"bs": 1, "as": 1}
    return {"T": "q", "S": "MSFT", "bp": bid, "ap": ask, **sizes, "t": f"{AT_TEXT}Z"}


def sides(events: Sequence[Event]) -> list[str]:
    return [event.side for event in events if isinstance(event, Trade)]


def kinds(events: Sequence[Event]) -> list[type]:
    return [type(event) for event in events]


def dialled(*listings: Listing) -> str:
    with pytest.raises(StopIteration) as done:
        next(VENUE.dial(VENUE, listings))
    url: str = done.value.value
    return url


def query_of(request: HttpRequest | None) -> dict[str, str]:
    assert request is not None
    return {key: values[0] for key, values in parse_qs(urlsplit(request.path).query).items()}


def test_stocks_and_crypto_have_a_feed_each() -> None:
    assert VENUE.group(BTC) != VENUE.group(MSFT)
    assert dialled(BTC) == "wss://stream.data.alpaca.markets/v1beta3/crypto/us"
    assert dialled(MSFT) == "wss://stream.data.alpaca.markets/v2/iex"


def test_a_simulated_venue_has_one_address_for_both_feeds() -> None:
    venue = VENUE.at("ws://127.0.0.1:9/alpaca", "http://127.0.0.1:9/alpaca/rest")

    with pytest.raises(StopIteration) as done:
        next(venue.dial(venue, [MSFT]))

    assert done.value.value == "ws://127.0.0.1:9/alpaca"


def test_the_login_comes_after_the_greeting_and_the_subscription_after_the_login() -> None:
    session = AlpacaSession([BTC], Options(keys=KEYS))
    session.opened()

    at_first = sent(session)
    told(session, {"T": "success", "msg": "connected"})
    greeted = sent(session)
    told(session, {"T": "success", "msg": "authenticated"})
    known = sent(session)

    assert at_first == []
    assert greeted == [{"action": "auth", **KEYS}]
    streams = ("trades", "quotes", "bars", "updatedBars", "dailyBars", "orderbooks")
    assert known == [{"action": "subscribe", **{key: ["BTC/USD"] for key in streams}}]


def test_only_what_is_followed_is_subscribed_to() -> None:
    session = AlpacaSession([BTC], Options(channels=frozenset({"trade", "candle"}), keys=KEYS))
    session.opened()

    told(session, {"T": "success", "msg": "authenticated"})

    [request] = sent(session)
    assert request.keys() == {"action", "trades", "bars", "updatedBars"}
    assert session.requests() == []


def test_books_are_followed_of_ten_coins_and_of_no_stock() -> None:
    coins = [a_listing(f"C{n}-USD", f"C{n}/USD") for n in range(12)]
    session = AlpacaSession([MSFT, *coins], Options(keys=KEYS))
    session.opened()

    told(session, {"T": "success", "msg": "authenticated"})

    [request] = sent(session)
    assert request["orderbooks"] == [coin.symbol for coin in coins[:10]]
    assert request["trades"] == ["MSFT", *[coin.symbol for coin in coins]]


def test_a_login_without_keys_is_refused_with_the_remedy() -> None:
    exchange = VENUE.exchange_side(a_market(VENUE))
    exchange.opened()
    session = AlpacaSession([BTC])
    session.opened()

    for frame in exchange.outgoing():
        session.receive(frame, NOW)
    for frame in session.outgoing():
        exchange.receive(frame)

    [refusal] = exchange.outgoing()
    with pytest.raises(VenueRefusedError, match=r"code 402.*check the key and the secret"):
        session.receive(refusal, NOW)


@pytest.mark.parametrize(
    ("code", "remedy"), [(405, "at most 15 instruments"), (406, "another session"), (477, "docu")]
)
def test_a_refusal_names_its_code_and_the_remedy(code: int, remedy: str) -> None:
    with pytest.raises(VenueRefusedError, match=rf"alpaca: told so \(code {code}\): .*{remedy}"):
        told(a_session(), {"T": "error", "code": code, "msg": "told so"})


def test_a_heartbeat_is_a_subscription_that_the_venue_answers() -> None:
    wire = Wire(VENUE, a_market(VENUE))
    wire.session.heartbeat()
    before_login = wire.session.outgoing()
    wire.settle()

    wire.session.heartbeat()
    for frame in wire.session.outgoing():
        wire.exchange.receive(frame)

    assert before_login == []
    [reply] = wire.exchange.outgoing()
    [standing] = msgspec.json.decode(reply)
    assert (standing["T"], standing["orderbooks"]) == ("subscription", ["ETH/USD"])


def test_a_frame_may_mix_kinds_known_and_unknown() -> None:
    session = a_session(MSFT)
    news: dict[str, object] = {"T": "n", "headline": "nothing"}
    bar: dict[str, object] = {"T": "b", "S": "MSFT", "o": 1, "h": 2, "l": 1, "c": 2, "v": 3}

    events = told(
        session,
        a_stock_trade(1, 410.0),
        news,
        {**bar, "t": f"{AT_TEXT[:-2]}00Z"},
        a_stock_quote(409.0, 411.0),
    )

    assert kinds(events) == [Trade, VenueCandle, Quote]


def test_a_side_that_is_not_told_is_inferred_from_the_quote_then_from_the_price_before() -> None:
    session = a_session(MSFT)

    unquoted = told(session, *[a_stock_trade(n, p) for n, p in enumerate((10.0, 9.9, 9.9, 10.1))])
    quoted = told(
        session,
        a_stock_quote(10.0, 11.0),
        *[a_stock_trade(n, p) for n, p in enumerate((11.0, 10.0, 12.0, 9.0, 10.6, 10.4), 10)],
    )
    in_the_middle = told(session, a_stock_trade(20, 10.5), a_stock_trade(21, 10.5))

    assert sides(unquoted) == ["buy", "sell", "sell", "buy"]
    assert sides(quoted) == ["buy", "sell", "buy", "sell", "buy", "sell"]
    assert sides(in_the_middle) == ["buy", "buy"]


def test_trades_of_a_stock_are_ordered_by_their_time() -> None:
    [trade] = told(a_session(MSFT), a_stock_trade(1, 410.0))

    assert isinstance(trade, Trade)
    assert trade.trade_id == "1"
    assert trade.sequence == trade.event_ns


def test_a_trade_of_a_coin_must_name_its_taker() -> None:
    row: dict[str, object] = {"T": "t", "i": 1, "S": "BTC/USD", "p": 1, "s": 1}

    with pytest.raises(FrameError, match="taker"):
        told(a_session(), {**row, "t": f"{AT_TEXT}Z"})


def test_a_change_waits_for_the_whole_book() -> None:
    session = a_session()

    waiting = told(session, a_change(bids={99.0: 1}, asks={}))
    [book] = told(session, a_change(bids={98.0: 1}, asks={100.0: 1}, is_whole=True))

    assert waiting == []
    assert isinstance(book, Book)
    assert book.bids == (Level(98.0, 1.0),)


def test_a_crossed_book_is_kept_back_and_subscribed_to_anew() -> None:
    session = a_session()
    told(session, a_change(bids={98.0: 1}, asks={100.0: 1}, is_whole=True))

    [status] = told(session, a_change(bids={100.0: 1}, asks={}))
    asked = sent(session)
    waiting = told(session, a_change(bids={}, asks={101.0: 1}))
    healed = told(session, a_change(bids={99.0: 1}, asks={101.0: 1}, is_whole=True))

    assert isinstance(status, VenueStatus)
    assert (status.state, status.instrument) == ("resyncing", Instrument("BTC", "USD"))
    assert asked == [
        {"action": "unsubscribe", "orderbooks": ["BTC/USD"]},
        {"action": "subscribe", "orderbooks": ["BTC/USD"]},
    ]
    assert waiting == []
    assert kinds(healed) == [VenueStatus, Gap, Book]


def test_as_many_instruments_are_followed_as_the_free_plan_has_channels_for() -> None:
    listings = [a_listing(f"C{n}-USD", f"C{n}/USD") for n in range(VENUE.instruments_at_most)]
    session = AlpacaSession(listings)

    session.receive(b'[{"T":"success","msg":"authenticated"}]', NOW)

    [frame] = session.outgoing()
    request = msgspec.json.decode(frame)
    assert len(request["trades"]) + len(request["quotes"]) == 30
    assert len(request["orderbooks"]) == 10


def test_a_book_that_does_not_come_is_asked_for_again() -> None:
    session = a_session()

    asked = []
    for second in (0, 5, 10, 20, 30):
        session.tick(AT + second * SECOND)
        asked.append(len(session.outgoing()))

    assert asked == [0, 0, 2, 0, 2]


def test_a_book_is_not_believed_for_ever() -> None:
    session = a_session()
    session.tick(AT)
    told(session, a_change(bids={98.0: 1}, asks={100.0: 1}, is_whole=True))

    session.tick(AT + 299 * SECOND)
    early = sent(session)
    session.tick(AT + 300 * SECOND)

    assert early == []
    assert [request["action"] for request in sent(session)] == ["unsubscribe", "subscribe"]
    assert kinds(told(session, a_change(bids={97.0: 1}, asks={}))) == [Book]  # shown meanwhile


def test_a_frame_that_cannot_be_read_may_have_held_changes() -> None:
    session = a_session()
    told(session, a_change(bids={98.0: 1}, asks={100.0: 1}, is_whole=True))

    with pytest.raises(FrameError):
        told(session, a_change(bids={-1.0: 1}, asks={}))
    [status] = told(session, a_change(bids={97.0: 1}, asks={}))
    session.tick(AT)

    assert isinstance(status, VenueStatus)
    assert status.reason == "a frame that may hold changes could not be read"
    assert [request["action"] for request in sent(session)] == ["unsubscribe", "subscribe"]


def test_a_minute_is_told_once_it_is_over_and_a_day_as_it_runs() -> None:
    wire = Wire(VENUE, a_market(VENUE))
    wire.settle()
    start_ns = AT - AT % MINUTE
    first, second = (
        a_venue_candle("alpaca", "ETH-USD", start_ns=start_ns + n * MINUTE) for n in (0, 1)
    )

    running = wire.tell(first)
    [candle] = wire.tell(second)
    [summary] = wire.tell(a_summary("alpaca", "ETH-USD", last=101.5, at_ns=AT))

    assert running == []
    assert isinstance(candle, VenueCandle)
    assert candle.closed
    assert (candle.start_ns, candle.volume, candle.trades) == (start_ns, 2.5, 1)
    assert isinstance(summary, Summary)
    assert (summary.last, summary.open, summary.volume) == (101.5, 98.0, 1234.5)


def test_the_past_is_asked_for_backwards_page_by_page() -> None:
    market = a_market(VENUE)
    for number in range(1, 2_501):
        market.note(a_trade("alpaca", "ETH-USD", number=number, at_ns=AT + number * 1_001))
    wire = Wire(VENUE, market)
    instrument = Instrument("ETH", "USD")
    after = a_trade("alpaca", "ETH-USD", number=400, at_ns=AT + 400 * 1_001)

    pages: list[list[Event]] = []
    before: Trade | None = None
    for _ in range(3):
        request = wire.session.recall(instrument, after=after, before=before)
        assert request is not None
        pages.append(wire.ask(request))
        before = next(event for event in pages[-1] if isinstance(event, Trade))

    numbers = [[event.sequence for event in page] for page in pages]
    assert numbers[0] == list(range(1_501, 2_501))
    assert numbers[1] == list(range(502, 1_502))  # the border is told twice, lest one be missed
    assert numbers[2] == list(range(400, 503))


def test_stocks_are_recalled_from_the_free_feed_with_the_keys() -> None:
    session = a_session(MSFT)

    request = session.recall(MSFT.instrument)

    assert request is not None
    assert request.path.startswith("/v2/stocks/trades?")
    assert query_of(request)["feed"] == "iex"
    assert dict(request.headers) == {
        "APCA-API-KEY-ID": "public",
        "APCA-API-SECRET-KEY": "hidden",
    }


def test_cancelled_trades_of_the_past_are_left_out() -> None:
    row = {"p": 410, "s": 1, "x": "D", "t": f"{AT_TEXT}Z"}
    rows = [{**row, "i": 1, "u": "canceled"}, {**row, "i": 2}, {**row, "i": 3, "u": "corrected"}]
    session = a_session(MSFT)
    request = session.recall(MSFT.instrument)
    assert request is not None

    events = session.answered(request, msgspec.json.encode({"trades": {"MSFT": rows}}), NOW)

    ids = [event.trade_id for event in events if isinstance(event, Trade)]
    assert ids == ["2", "3"]


def test_trades_of_the_past_that_say_too_little_cost_no_other() -> None:
    row = {"p": 2.5, "s": 1, "tks": "B", "t": f"{AT_TEXT}Z"}
    rows = [{**row, "i": 1}, {**row, "i": 2, "t": "noon"}, {**row, "i": 3, "tks": ""}]
    session = a_session()
    request = session.recall(BTC.instrument)
    assert request is not None

    events = session.answered(request, msgspec.json.encode({"trades": {"BTC/USD": rows}}), NOW)

    assert [event.sequence for event in events] == [1]


def test_an_answer_without_any_time_is_refused() -> None:
    row = {"p": 2.5, "s": 1, "tks": "B", "t": "noon", "i": 1}

    with pytest.raises(FrameError, match="no row has a time"):
        a_session().answered(
            HttpRequest("", ("trades", None)),
            msgspec.json.encode({"trades": {"BTC/USD": [row]}}),
            NOW,
        )


def test_candles_of_a_time_are_recalled() -> None:
    start_ns = AT - AT % MINUTE
    market = a_market(VENUE)
    for minute in range(3):
        at_ns = start_ns + minute * MINUTE + SECOND
        market.note(a_trade("alpaca", "ETH-USD", number=minute + 1, at_ns=at_ns))
    wire = Wire(VENUE, market)
    instrument = Instrument("ETH", "USD")

    request = wire.session.recall_candles(
        instrument, start_ns=start_ns, end_ns=start_ns + 2 * MINUTE
    )

    assert request is not None
    candles = [event for event in wire.ask(request) if isinstance(event, VenueCandle)]
    assert [candle.start_ns for candle in candles] == [start_ns, start_ns + MINUTE]
    assert [candle.closed for candle in candles] == [False, False]  # by a clock that says 1970


def test_a_coin_goes_before_a_stock_of_the_same_name() -> None:
    stocks = [a_listing("BTC-USD", "BTC"), a_listing("BRKB-USD", "BRK.B")]

    found = listed(VENUE, [BTC, *stocks])

    assert [(str(row.instrument), row.symbol) for row in found] == [
        ("BTC-USD", "BTC/USD"),
        ("BRKB-USD", "BRK.B"),
    ]


def test_a_stock_that_is_called_like_a_coin_is_none_of_its_prices() -> None:
    share = {"class": "us_equity", "symbol": "AXS", "status": "active", "tradable": True}
    asking = VENUE.list_instruments(VENUE)
    next(asking)
    asking.send(b"[]")

    with pytest.raises(StopIteration) as done:
        asking.send(msgspec.json.encode([share, share | {"symbol": "MSFT"}]))

    assert [listing.symbol for listing in done.value.value] == ["MSFT"]


def test_an_asset_that_cannot_be_read_costs_no_other() -> None:
    asking = VENUE.list_instruments(VENUE)
    next(asking)
    asset = {"class": "crypto", "status": "active", "tradable": True, "name": "Ether / US Dollar"}
    steps = {"min_trade_increment": "0.000000001", "price_increment": "0.01"}
    rows = [{"symbol": 5}, {"symbol": "ETH/USD", **asset, **steps}, {"symbol": "A-B-C", **asset}]

    asking.send(msgspec.json.encode(rows))
    with pytest.raises(StopIteration) as done:
        asking.send(b"[]")

    [listing] = done.value.value
    assert (listing.symbol, listing.name) == ("ETH/USD", "Ether / US Dollar")
    assert (listing.tick_size, listing.lot_size) == (0.01, 1e-9)


@pytest.mark.parametrize(
    ("key", "url"),
    [("PKX1", "https://paper-api.alpaca.markets"), ("AKX1", "https://api.alpaca.markets")],
)
def test_the_listing_is_asked_of_the_host_that_knows_the_account(key: str, url: str) -> None:
    venue = msgspec.structs.replace(VENUE, keys={"key": key, "secret": "s"})

    request = next(venue.list_instruments(venue))

    assert venue.other_rest_urls[request.host] == url
    assert request.headers == (("APCA-API-KEY-ID", key), ("APCA-API-SECRET-KEY", "s"))


@pytest.mark.parametrize("name", ["", "BTC-PERP", "BTC/", "A B"])
def test_what_is_neither_stock_nor_coin_is_no_instrument(name: str) -> None:
    with pytest.raises(ValueError, match=r"no stock|BASE-QUOTE"):
        VENUE.instrument(name)


def test_recorded_bodies_are_recognised_by_their_shape() -> None:
    session = a_session(knows_nothing=True)
    snapshot = {"latestTrade": None, "dailyBar": None}
    asset = {"class": "us_equity", "symbol": "MSFT", "status": "active", "tradable": True}
    bodies = {
        "trades": {"trades": {"MSFT": []}},
        "bars": {"bars": {"BTC/USD": []}},
        "books": {"orderbooks": {"BTC/USD": {}}},
        "snapshots": {"MSFT": snapshot},
        "instruments": [asset],
    }

    words = {}
    for word, body in bodies.items():
        request = session.recognise(msgspec.json.encode(body), "")
        assert request is not None
        assert request.about is not None
        words[word] = request.about[0]

    assert words == {word: word for word in bodies}
    for frame in (b'[{"T":"q"}]', b"[]", b"{}", b"{", b"7"):
        assert session.recognise(frame, "") is None


def test_recorded_bars_are_of_the_interval_that_they_lie_apart() -> None:
    session = a_session()
    request = HttpRequest("", ("bars", None))
    bar = {"o": 1, "h": 1, "l": 1, "c": 1, "v": 1}
    quarters = [{**bar, "t": f"2026-09-23T10:{minute}:00Z"} for minute in ("00", "15", "45")]
    days = [{**bar, "t": f"2026-09-2{day}T04:00:00Z"} for day in (2, 3)]

    on_the_grid = session.answered(
        request, msgspec.json.encode({"bars": {"BTC/USD": quarters}}), NOW
    )
    off_the_grid = session.answered(request, msgspec.json.encode({"bars": {"BTC/USD": days}}), NOW)

    assert [event.interval for event in on_the_grid if isinstance(event, VenueCandle)] == [
        "15m"
    ] * 3
    assert off_the_grid == []  # days of New York


def test_the_exchange_refuses_what_the_real_one_refuses() -> None:
    listings = [a_listing(f"C{n}-USD", f"C{n}/USD") for n in range(31)]
    exchange = VENUE.exchange_side(ToldMarket(listings))
    symbols = [listing.symbol for listing in listings]
    requests = [
        b"{",
        b'{"action":"subscribe","trades":["C1/USD"]}',
        b'{"action":"auth","key":"a","secret":"b"}',
        b'{"action":"auth","key":"a","secret":"b"}',
        b'{"action":"dance"}',
        msgspec.json.encode({"action": "subscribe", "trades": symbols}),
        msgspec.json.encode({"action": "subscribe", "orderbooks": symbols[:11]}),
        b'{"action":"subscribe","orderbooks":["MSFT"]}',
    ]

    for request in requests:
        exchange.receive(request)

    replies = [msgspec.json.decode(frame)[0] for frame in exchange.outgoing()]
    codes = [reply.get("code", reply["msg"]) for reply in replies]
    assert codes == [400, 401, "authenticated", 403, 400, 405, 405, 410]


def test_nothing_is_told_any_more_of_what_was_unsubscribed_from() -> None:
    wire = Wire(VENUE, a_market(VENUE))
    wire.settle()

    wire.exchange.receive(b'{"action":"unsubscribe","orderbooks":["ETH/USD"]}')
    wire.read()

    assert wire.tell(a_book("alpaca", "ETH-USD", at_ns=AT + MS, sequence=2)) == []
