"""Binance: what is said to it, and how its books are put together."""

import json
from collections.abc import Sequence
from itertools import pairwise

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
from stream_service.venue import HttpRequest, Options
from stream_service.venues.binance import VENUE, BinanceSession
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
from tests.venues.cases import AT, a_market
from tests.venues.playing import NOW, ToldMarket, Wire

ETH = "ETH-USDT"
TRADE = {"s": "ETHUSDT", "t": 1, "p": "2.5", "q": "1", "T": AT // MS, "m": True}


def a_session(*, seed: int | None = None) -> BinanceSession:
    """Open a session of one instrument; with ``seed`` its book starts there."""
    session = BinanceSession([a_listing(ETH, "ETHUSDT")])
    session.opened()
    if seed is not None:
        answer_depth(session, seed)
    return session


def answer_depth(
    session: BinanceSession, last: int, *, bid: str = "99", ask: str = "100", levels: int = 1
) -> list[Event]:
    [request] = [one for one in session.requests() if one.about and one.about[0] == "depth"]
    body = {
        "lastUpdateId": last,
        "bids": [[str(float(bid) - step), "1"] for step in range(levels)],
        "asks": [[str(float(ask) + step), "1"] for step in range(levels)],
    }
    return list(session.answered(request, msgspec.json.encode(body), NOW))


def change(
    session: BinanceSession,
    first: int,
    last: int,
    *,
    bids: list[tuple[str, str]] | None = None,
    asks: list[tuple[str, str]] | None = None,
) -> list[Event]:
    fields = {
        "s": "ETHUSDT",
        "E": AT // MS,
        "U": first,
        "u": last,
        "b": bids or [],
        "a": asks or [],
    }
    return receive(session, "ethusdt@depth@100ms", fields)


def receive(session: BinanceSession, stream: str, fields: dict[str, object]) -> list[Event]:
    frame = msgspec.json.encode({"stream": stream, "data": fields})
    return list(session.receive(frame, NOW))


def asks_at(session: BinanceSession, second: int) -> bool:
    session.tick(AT + second * SECOND)
    return bool(session.requests())


def kinds(events: Sequence[Event]) -> list[type]:
    return [type(event) for event in events]


def test_as_many_instruments_as_fit_are_subscribed_to_in_frames_of_two_hundred() -> None:
    count = VENUE.instruments_at_most
    session = BinanceSession([a_listing(f"C{n}-USDT", f"C{n}USDT") for n in range(count)])

    session.opened()

    requests = [msgspec.json.decode(frame) for frame in session.outgoing()]
    streams = [stream for request in requests for stream in request["params"]]
    assert max(len(request["params"]) for request in requests) == 200
    assert len(set(streams)) == 5 * count <= 1_024
    assert len({request["id"] for request in requests}) == len(requests)


def test_only_the_channels_that_are_wanted_are_subscribed_to() -> None:
    options = Options(channels=frozenset({"trade", "candle"}))
    session = BinanceSession([a_listing(ETH, "ETHUSDT")], options)

    session.opened()

    [request] = [msgspec.json.decode(frame) for frame in session.outgoing()]
    assert request["params"] == ["ethusdt@trade", "ethusdt@kline_1m"]
    assert session.requests() == []


def test_a_heartbeat_is_answered_however_quiet_the_market() -> None:
    session = a_session()
    exchange = VENUE.exchange_side(a_market(VENUE))
    session.outgoing()

    session.heartbeat()
    [asked] = session.outgoing()
    exchange.receive(asked)
    [told] = exchange.outgoing()

    assert told == b'{"result":true,"id":0}'
    assert session.receive(told, NOW) == ()


def test_a_book_is_shown_once_its_snapshot_is_there() -> None:
    session = a_session()

    waiting = change(session, 5, 6, bids=[("98", "2")])
    shown = answer_depth(session, 5)

    assert waiting == []
    [book] = shown
    assert isinstance(book, Book)
    assert book.sequence == 6
    assert book.bids == (Level(99.0, 1.0), Level(98.0, 2.0))


def test_a_snapshot_older_than_the_changes_that_wait_is_asked_for_again() -> None:
    session = a_session()
    change(session, 12, 13)

    assert answer_depth(session, 10) == []
    assert kinds(answer_depth(session, 11)) == [Book]


def test_a_snapshot_that_is_newer_than_the_first_changes_passes_over_them() -> None:
    session = a_session()
    change(session, 5, 6, bids=[("99", "7")])
    change(session, 7, 9, bids=[("98", "7")])

    [book] = answer_depth(session, 8)

    assert isinstance(book, Book)
    assert book.bids == (Level(99.0, 1.0), Level(98.0, 7.0))


def test_a_hole_among_the_changes_that_wait_asks_for_a_snapshot_after_it() -> None:
    session = a_session()
    change(session, 5, 6)
    change(session, 9, 9)

    assert answer_depth(session, 6) == []
    assert kinds(answer_depth(session, 8)) == [Book]


def test_a_missing_change_keeps_the_book_back_until_it_is_whole_again() -> None:
    session = a_session(seed=10)
    change(session, 11, 11)

    broken = change(session, 13, 14)
    still_broken = change(session, 15, 15)
    healed = answer_depth(session, 14)

    [resyncing] = broken
    assert isinstance(resyncing, VenueStatus)
    assert (resyncing.state, resyncing.instrument) == ("resyncing", Instrument("ETH", "USDT"))
    assert resyncing.reason == "update 12 is missing"
    assert still_broken == []
    live, gap, book = healed
    assert isinstance(live, VenueStatus)
    assert live.state == "live"
    assert isinstance(gap, Gap)
    assert (gap.channel, gap.start_ns, gap.reason) == ("book", AT, resyncing.reason)
    assert isinstance(book, Book)
    assert book.sequence == 15
    assert kinds(change(session, 16, 16, bids=[("98", "1")])) == [Book]


def test_a_change_that_was_seen_already_changes_nothing() -> None:
    session = a_session(seed=10)

    assert change(session, 9, 10, bids=[("99", "5")]) == []


def test_a_snapshot_that_does_not_come_is_asked_for_again_after_ever_longer_pauses() -> None:
    session = a_session()
    session.requests()

    asked_s = [second for second in range(200) if asks_at(session, second)]

    pauses_s = [later - earlier for earlier, later in pairwise(asked_s)]
    assert len(asked_s) > 2
    assert pauses_s == sorted(pauses_s)
    assert len(set(pauses_s)) == len(pauses_s)


def test_a_book_that_is_there_is_not_asked_for() -> None:
    session = a_session(seed=10)

    assert not any(asks_at(session, second) for second in range(400))


def test_a_newer_snapshot_replaces_a_book_that_is_whole() -> None:
    session = a_session(seed=10)
    request = HttpRequest("", ("depth", Instrument("ETH", "USDT")))

    older, newer = (
        list(session.answered(request, b'{"lastUpdateId":%d,"bids":[],"asks":[]}' % last, NOW))
        for last in (9, 12)
    )

    assert older == []
    [book] = newer
    assert isinstance(book, Book)
    assert (book.bids, book.sequence) == ((), 12)
    assert change(session, 12, 12) == []
    assert kinds(change(session, 13, 13, bids=[("98", "1")])) == [Book]


def test_a_crossed_book_is_never_shown() -> None:
    session = a_session(seed=10)

    [status] = change(session, 11, 11, bids=[("100", "1")])

    assert isinstance(status, VenueStatus)
    assert status.reason == "the bid of 100.0 meets the ask of 100.0"
    assert answer_depth(session, 10) == []  # older than what crossed
    assert kinds(answer_depth(session, 11)) == [VenueStatus, Gap, Book]


def test_a_book_that_ran_out_of_the_levels_of_its_snapshot_starts_anew() -> None:
    session = a_session()
    answer_depth(session, 10, bid="2000", ask="2001", levels=1_000)
    beyond = change(session, 11, 11, bids=[("0.5", "1")])

    gone = change(session, 12, 12, bids=[(str(float(2_000 - step)), "0") for step in range(991)])

    assert beyond == []
    [status] = gone
    assert isinstance(status, VenueStatus)
    assert status.reason == "fewer than 10 levels are left of the snapshot"


def test_one_broken_book_leaves_the_others_alone() -> None:
    books = [a_book("binance", name, at_ns=AT) for name in (ETH, "SOL-USDT")]
    listings = [a_listing(ETH, "ETHUSDT"), a_listing("SOL-USDT", "SOLUSDT")]
    wire = Wire(VENUE, ToldMarket(listings, books))
    wire.settle()
    wire.lose(a_book("binance", ETH, bids=[(98.0, 1.0)], at_ns=AT, sequence=2))

    events = wire.tell(
        a_book("binance", ETH, bids=[(97.0, 1.0)], at_ns=AT, sequence=3),
        a_book("binance", "SOL-USDT", bids=[(97.0, 1.0)], at_ns=AT, sequence=2),
        a_quote("binance", ETH, bid=97.0),
    )

    assert kinds(events) == [VenueStatus, Book, Quote]


@pytest.mark.parametrize(
    "fields",
    [
        {"p": "NaN"},
        {"p": "Infinity"},
        {"p": "0"},
        {"p": "-1"},
        {"p": "1e400"},
        {"p": None},
        {"q": "0.00000000"},
        {"T": 0},
        {"T": AT // SECOND},
        {"T": AT},
        {"T": 4_070_908_800_000},
        {"T": 4_070_908_800_000_000},
        {"s": "BTCUSDT"},
        {"t": -1},
        {"m": None},
    ],
    ids=str,
)
def test_a_trade_that_cannot_be_true_is_refused(fields: dict[str, object]) -> None:
    session = a_session()

    with pytest.raises(FrameError):
        receive(session, "ethusdt@trade", TRADE | fields)

    assert kinds(receive(session, "ethusdt@trade", TRADE)) == [Trade]


@pytest.mark.parametrize(
    "frame",
    [
        b'{"code": 2, "msg": "Invalid request: unknown variant"}',
        b'{"error": {"code": 3, "msg": "Invalid JSON"}, "id": 1}',
    ],
)
def test_a_refusal_ends_the_connection(frame: bytes) -> None:
    with pytest.raises(VenueRefusedError, match="binance"):
        list(a_session().receive(frame, NOW))


def test_the_listing_carries_the_steps() -> None:
    asking = VENUE.list_instruments(VENUE)
    next(asking)
    row = {
        "symbol": "BTCUSDT",
        "status": "BREAK",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "tickSize": "0.01000000"},
            {"filterType": "LOT_SIZE", "stepSize": "0.00001000"},
            {"filterType": "MARKET_LOT_SIZE", "stepSize": "0.00000000"},
            {"filterType": "MIN_NOTIONAL", "minNotional": "5.00000000"},
        ],
    }

    with pytest.raises(StopIteration) as done:
        asking.send(msgspec.json.encode({"symbols": [row]}))

    [listing] = done.value.value
    assert (listing.tick_size, listing.lot_size, listing.minimum_notional) == (0.01, 1e-5, 5.0)
    assert not listing.trading


def test_the_exchange_refuses_what_it_does_not_understand() -> None:
    exchange = VENUE.exchange_side(a_market(VENUE))

    exchange.receive(b"{")
    exchange.receive(b'{"method": "DANCE", "id": 7}')

    errors = [msgspec.json.decode(frame)["error"]["code"] for frame in exchange.outgoing()]
    assert errors == [3, 2]


@pytest.mark.parametrize(
    "frame",
    [
        b'{"stream": "!serverShutdown", "data": {"e": "serverShutdown", "E": 1790134742106}}',
        b'{"e":"serverShutdown","E":1790134742106}',
    ],
)
def test_a_word_that_the_server_stops_asks_for_another_connection(frame: bytes) -> None:
    session = a_session()

    assert session.receive(frame, NOW) == ()
    assert "about to close" in session.renewal


def test_the_same_events_come_of_every_way_to_write_them() -> None:
    trade = TRADE | {"e": "trade", "E": AT // MS, "M": True}
    wrapped = {"stream": "ethusdt@trade", "data": trade}
    texts = [
        json.dumps(wrapped, separators=(",", ":")),
        json.dumps(wrapped, indent=2),
        json.dumps({"data": trade, "stream": "ethusdt@trade"}),
        json.dumps(trade),
        json.dumps(wrapped | {"data": dict(reversed(trade.items()))}, separators=(",", ":")),
    ]

    read = [list(a_session().receive(text.encode(), NOW)) for text in texts]

    assert kinds(read[0]) == [Trade]
    assert read == [read[0]] * len(texts)


def test_frames_of_symbols_that_nobody_asked_for_are_read_where_they_may_be_guessed() -> None:
    session = VENUE.session([], Options(guess=guessed))
    bids_and_asks = b'"bids":[["99","1"]],"asks":[["100","1"]]'

    request = session.recognise(b'{"lastUpdateId":5,%b}' % bids_and_asks, "LTCBTC")
    frame = b'{"stream":"ltcbtc@depth20","data":{"lastUpdateId":6,%b}}' % bids_and_asks
    events = [
        *(
            session.answered(request, b'{"lastUpdateId":5,%b}' % bids_and_asks, NOW)
            if request
            else ()
        ),
        *session.receive(frame, NOW),
    ]

    books = [event for event in events if isinstance(event, Book)]
    assert [(str(book.instrument), book.sequence) for book in books] == [
        ("LTC-BTC", 5),
        ("LTC-BTC", 6),
    ]


def test_a_change_without_a_snapshot_waits_even_on_a_session_that_was_never_opened() -> None:
    session = BinanceSession([a_listing(ETH, "ETHUSDT")])

    assert change(session, 5, 6) == []
    assert session.requests() == []


def test_a_raw_partial_book_belongs_to_nobody_unless_the_recording_says_whose_it_is() -> None:
    session = a_session()
    frames = [
        b'{"lastUpdateId":%d,"bids":[["99","1"]],"asks":[["100","1"]]}' % last for last in (5, 6)
    ]

    with pytest.raises(FrameError, match="of which symbol"):
        session.receive(frames[0], NOW)
    requests = [session.recognise(frame, "ethusdt@depth20@100ms") for frame in frames]

    assert [request.about for request in requests if request] == [
        ("partial", Instrument("ETH", "USDT"))
    ] * 2
    shown = [
        session.answered(request, frame, NOW)
        for request, frame in zip(requests, frames, strict=True)
        if request
    ]
    assert [kinds(events) for events in shown] == [[Book], [Book]]


def test_a_partial_book_that_is_crossed_is_kept_back_until_the_next_one() -> None:
    session = a_session()
    whole: dict[str, object] = {"lastUpdateId": 5, "bids": [["99", "1"]], "asks": [["100", "1"]]}
    crossed = whole | {"bids": [["100", "1"]]}

    events = [receive(session, "ethusdt@depth5", data) for data in (whole, crossed, whole)]

    assert [kinds(part) for part in events] == [[Book], [VenueStatus], [VenueStatus, Gap, Book]]


@pytest.mark.parametrize(
    ("body", "hint", "about"),
    [
        ('{"timezone":"UTC","symbols":[]}', "", ("instruments", None)),
        ('{"symbol":"ETHUSDT","lastPrice":"1","bidPrice":"1"}', "", ("summaries", None)),
        ('[{"symbol":"ETHUSDT","lastPrice":"1"}]', "", ("summaries", None)),
        ('[{"symbol":"ETHUSDT","bidPrice":"1"}]', "", ("quotes", None)),
        ('{"lastUpdateId":1,"bids":[],"asks":[]}', "ETHUSDT", "depth"),
        ('[{"id":1,"isBuyerMaker":true}]', "ETHUSDT", "trades"),
        ('[{"a":1,"f":1,"l":1}]', "ETHUSDT", "aggregates"),
        ("[[1790134740000]]", "ETHUSDT", "candles"),
        ('{"lastUpdateId":1,"bids":[],"asks":[]}', "", None),
        ('[{"id":1,"isBuyerMaker":true}]', "NOPE", None),
        ("[]", "ETHUSDT", None),
        ('{"stream":"ethusdt@depth20","data":{"lastUpdateId":1}}', "ETHUSDT", None),
        ('{"e":"aggTrade","a":1,"f":1,"l":1}', "ETHUSDT", None),
        ('{"result":null,"id":1}', "ETHUSDT", None),
        ("{", "ETHUSDT", None),
        ("7", "ETHUSDT", None),
    ],
)
def test_answers_are_recognised_by_their_shape(
    body: str, hint: str, about: tuple[str, None] | str | None
) -> None:
    request = a_session().recognise(body.encode(), hint)

    expected = (about, Instrument("ETH", "USDT")) if isinstance(about, str) else about
    assert (request.about if request else None) == expected


def test_a_recognised_listing_is_what_the_venue_is_asked_for() -> None:
    request = a_session().recognise(b'{"symbols":[]}', "")

    assert request == HttpRequest(next(VENUE.list_instruments(VENUE)).path, ("instruments", None))


def test_summaries_and_quotes_of_all_symbols_give_those_of_ours() -> None:
    session = a_session()
    days = [
        {
            "symbol": symbol,
            "lastPrice": "2.5",
            "openPrice": "2.0",
            "highPrice": "3.0",
            "lowPrice": "1.5",
            "volume": "1000.5",
            "bidPrice": "2.4",
            "askPrice": "2.6",
            "bidQty": "7",
            "askQty": "8",
            "closeTime": AT // MS,
        }
        for symbol in ("ETHUSDT", "NOPE")
    ]
    body = msgspec.json.encode(days)

    [summary] = session.answered(HttpRequest("", ("summaries", None)), body, NOW)
    [quote] = session.answered(HttpRequest("", ("quotes", None)), body, NOW)

    assert isinstance(summary, Summary)
    assert (summary.symbol, summary.last, summary.volume) == ("ETHUSDT", 2.5, 1000.5)
    assert (summary.bid, summary.ask, summary.event_ns) == (2.4, 2.6, AT)
    assert isinstance(quote, Quote)
    assert (quote.bid, quote.bid_size, quote.ask, quote.ask_size) == (2.4, 7.0, 2.6, 8.0)


def test_a_bad_row_costs_no_other_row() -> None:
    session = a_session()
    good = {"id": 5, "price": "2.5", "qty": "1", "time": AT // MS, "isBuyerMaker": False}
    request = HttpRequest("", ("trades", Instrument("ETH", "USDT")))

    rows = [good, good | {"id": 6, "price": "NaN"}, good | {"id": 4}]
    trades = session.answered(request, msgspec.json.encode(rows), NOW)

    assert [trade.sequence for trade in trades] == [4, 5]
    with pytest.raises(FrameError, match="no row can be read"):
        session.answered(request, msgspec.json.encode([good | {"price": "-1"}]), NOW)


def test_a_symbol_that_cannot_be_read_costs_no_other_symbol() -> None:
    asking = VENUE.list_instruments(VENUE)
    next(asking)
    good = {"symbol": "ETHUSDT", "status": "TRADING", "baseAsset": "ETH", "quoteAsset": "USDT"}

    with pytest.raises(StopIteration) as done:
        asking.send(msgspec.json.encode({"symbols": [good | {"baseAsset": ""}, good, {}]}))

    assert [row.symbol for row in done.value.value] == ["ETHUSDT"]


@pytest.mark.parametrize(
    ("symbol", "instrument"),
    [
        ("BTCUSDT", "BTC-USDT"),
        ("ETHBTC", "ETH-BTC"),
        ("USDTTRY", "USDT-TRY"),
        ("BTCFDUSD", "BTC-FDUSD"),
        ("lrcbtc", "LRC-BTC"),
        ("1000SATSUSDC", "1000SATS-USDC"),
    ],
)
def test_a_symbol_is_split_at_its_quote_currency(symbol: str, instrument: str) -> None:
    assert str(VENUE.instrument(symbol)) == instrument


@pytest.mark.parametrize(
    ("first", "last", "name"),
    [
        (AT, AT + 59_999 * MS, "1m"),
        (AT, AT + MINUTE - 1_000, "1m"),
        (AT, AT + 5 * MINUTE - MS, "5m"),
        (AT, AT + 7 * 24 * 60 * MINUTE - MS, "1w"),
        (AT, AT + 30 * 24 * 60 * MINUTE - MS, "1M"),
    ],
)
def test_the_length_of_an_old_candle_names_its_interval(first: int, last: int, name: str) -> None:
    unit = MS if last % MINUTE % MS == 0 else 1_000
    row = [first // unit, "1", "2", "0.5", "1.5", "10", last // unit, "15", 3, "0", "0", "0"]
    request = HttpRequest("", ("candles", Instrument("ETH", "USDT")))

    [closed] = a_session().answered(request, msgspec.json.encode([row]), last + MS)
    [running] = a_session().answered(request, msgspec.json.encode([row]), last - SECOND)

    assert isinstance(closed, VenueCandle)
    assert isinstance(running, VenueCandle)
    assert (closed.interval, closed.start_ns, closed.trades) == (name, first, 3)
    assert (closed.closed, running.closed) == (True, False)
    assert (closed.event_ns, running.event_ns) == (last, last - SECOND)


def test_old_candles_are_asked_for_from_the_first_to_the_last_minute() -> None:
    session = a_session()
    start_ns = AT - AT % MINUTE

    request = session.recall_candles(
        Instrument("ETH", "USDT"), start_ns=start_ns, end_ns=start_ns + 2 * MINUTE
    )

    assert request is not None
    assert f"startTime={start_ns // MS}&endTime={start_ns // MS + 119_999}" in request.path


def test_a_long_hole_is_paged_through_backward_by_trade_id() -> None:
    market = a_market(VENUE)
    listing = market.listings[0]
    for number in range(1, 3_601):
        market.note(a_trade("binance", str(listing.instrument), number=number, at_ns=AT + number))
    wire = Wire(VENUE, market)
    after, before = (
        a_trade("binance", str(listing.instrument), number=number) for number in (50, 3_590)
    )
    hosts, found = [], set[int]()

    while request := wire.session.recall(listing.instrument, after=after, before=before):
        page = wire.ask(request)
        hosts.append(request.host)
        found |= {event.sequence for event in page}
        assert [event.sequence for event in page] == sorted(event.sequence for event in page)
        before = msgspec.structs.replace(before, sequence=page[0].sequence)

    assert found >= set(range(51, 3_590))
    assert hosts == ["", "whole", "whole", "whole"]
    assert set(hosts) - {""} <= VENUE.other_rest_urls.keys()


def test_nothing_is_asked_for_where_no_trade_is_missing() -> None:
    after, before = (a_trade("binance", ETH, number=number) for number in (7, 8))

    assert a_session().recall(Instrument("ETH", "USDT"), after=after, before=before) is None


def test_candles_and_summaries_that_the_exchange_tells_are_read_back() -> None:
    wire = Wire(VENUE, a_market(VENUE))
    wire.settle()
    candle = a_venue_candle("binance", ETH, start_ns=AT - AT % MINUTE, close=101.5, closed=True)
    candle = msgspec.structs.replace(candle, event_ns=AT)
    summary = a_summary("binance", ETH, last=101.5, at_ns=AT)

    read = wire.tell(candle, summary)

    assert read == [
        msgspec.structs.replace(candle, received_ns=NOW, sequence=NOW),
        msgspec.structs.replace(summary, symbol="ETHUSDT", received_ns=NOW, sequence=NOW + 1),
    ]


def test_the_exchange_answers_with_candles_and_summaries_of_what_was_traded() -> None:
    market = a_market(VENUE)
    for number in (1, 2, 3):
        market.note(a_trade("binance", ETH, number=number, price=99.0 + number, at_ns=AT + number))
    wire = Wire(VENUE, market)
    instrument = Instrument("ETH", "USDT")

    asked = wire.session.recall_candles(instrument, start_ns=AT - MINUTE, end_ns=AT + MINUTE)
    candles = wire.ask(asked) if asked else []
    [summary] = wire.ask(HttpRequest("/api/v3/ticker/24hr", ("summaries", None)))
    alone = wire.ask(HttpRequest("/api/v3/ticker/24hr?symbol=ETHUSDT", ("summaries", None)))

    [candle] = candles
    assert isinstance(candle, VenueCandle)
    assert (candle.open, candle.high, candle.low, candle.close) == (100.0, 102.0, 100.0, 102.0)
    assert (candle.volume, candle.trades) == (3.0, 3)
    assert isinstance(summary, Summary)
    assert (summary.last, summary.high, summary.volume) == (102.0, 102.0, 3.0)
    assert kinds(alone) == [Summary]


def test_the_exchange_lists_its_subscriptions_and_forgets_those_that_are_ended() -> None:
    exchange = VENUE.exchange_side(a_market(VENUE))
    exchange.receive(b'{"method":"SUBSCRIBE","params":["a@trade","b@trade"],"id":1}')
    exchange.receive(b'{"method":"UNSUBSCRIBE","params":["a@trade"],"id":2}')
    exchange.outgoing()

    exchange.receive(b'{"method":"LIST_SUBSCRIPTIONS","id":3}')

    assert exchange.outgoing() == [b'{"result":["b@trade"],"id":3}']


def test_only_symbols_that_trade_are_listed_to_who_asks_for_them() -> None:
    halted = msgspec.structs.replace(a_listing("SOL-USDT", "SOLUSDT"), trading=False)
    market = ToldMarket([a_listing(ETH, "ETHUSDT"), halted])

    trading, everything = (
        msgspec.json.decode(VENUE.answer(f"/api/v3/exchangeInfo{query}", market))["symbols"]
        for query in ("?symbolStatus=TRADING", "")
    )

    assert [row["symbol"] for row in trading] == ["ETHUSDT"]
    assert len(everything) == 2


def guessed(symbol: str) -> Listing:
    return Listing(instrument=VENUE.instrument(symbol), symbol=symbol)
