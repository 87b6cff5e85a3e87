"""Frames and answers that KuCoin really sent, read plainly beside us."""

import json
import os
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from market import (
    Book,
    Event,
    Instrument,
    Listing,
    Quote,
    Summary,
    Trade,
    VenueCandle,
    VenueRefusedError,
    VenueStatus,
)
from stream_service.venue import HttpRequest, Options, Session
from stream_service.venues.kucoin import VENUE
from tests.venues.playing import NOW

FOLDER = os.environ.get("CRYPTOTRACKER_FRAMES")
pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="CRYPTOTRACKER_FRAMES names no folder of recorded frames"
)


def lines(name: str) -> list[bytes]:
    return (Path(FOLDER or "") / f"kucoin/{name}.jsonl").read_bytes().splitlines()


def stamps(name: str) -> list[tuple[float, str]]:
    rows = (Path(FOLDER or "") / f"kucoin/{name}.meta.tsv").read_text().splitlines()[1:]
    return [(float(at), key) for _, at, key in (row.split("\t") for row in rows)]


def a_session() -> Session:
    """Read what somebody else subscribed to."""

    def guess(symbol: str) -> Listing:
        return Listing(instrument=VENUE.instrument(symbol), symbol=symbol)

    return VENUE.session([], Options(guess=guess))


def read(name: str) -> list[Event]:
    session = a_session()
    return [event for frame in lines(name) for event in session.receive(frame, NOW)]


def answered(name: str, hint: str = "") -> list[Event]:
    session = a_session()
    [line] = lines(name)
    return list(session.answered(recognised(session, line, hint), line, NOW))


def recognised(session: Session, body: bytes, hint: str) -> HttpRequest:
    request = session.recognise(body, hint)
    assert request is not None
    return request


def told(name: str) -> list[Any]:
    """Read the data of each line plainly, numbers as they are written."""
    return [json.loads(line, parse_float=Decimal)["data"] for line in lines(name)]


def exact(*values: float | None) -> list[Decimal | None]:
    return [None if value is None else Decimal(repr(value)) for value in values]


def written(*texts: Any) -> list[Decimal]:
    return [Decimal(text) for text in texts]


@pytest.mark.parametrize("name", ["cryptofeed-match", "jkorf-match"])
def test_every_trade_is_read(name: str) -> None:
    events = read(name)

    for trade, row in zip(events, told(name), strict=True):
        assert isinstance(trade, Trade)
        assert str(trade.instrument) == row["symbol"]
        assert trade.side == row["side"]
        assert exact(trade.price, trade.size) == written(row["price"], row["size"])
        assert trade.event_ns == int(row["time"])
        assert (str(trade.sequence), trade.trade_id) == (row["sequence"], row["tradeId"])


@pytest.mark.parametrize(
    "name", ["cryptofeed-ticker", "cryptomsgparser-market_ticker", "jkorf-ticker"]
)
def test_every_ticker_is_a_quote_at_the_time_of_receipt(name: str) -> None:
    events = read(name)

    for quote, row in zip(events, told(name), strict=True):
        assert isinstance(quote, Quote)
        assert exact(quote.bid, quote.bid_size) == written(row["bestBid"], row["bestBidSize"])
        assert exact(quote.ask, quote.ask_size) == written(row["bestAsk"], row["bestAskSize"])
        assert quote.event_ns == NOW


def test_the_ticker_of_all_symbols_names_its_symbol() -> None:
    quotes = [*read("jkorf-ticker_all"), *read("cryptomsgparser-market_ticker")]

    assert [str(quote.instrument) for quote in quotes if isinstance(quote, Quote)] == [
        "BTC-USDT",
        "DOT-USDT",
    ]


def test_the_best_levels_are_a_quote() -> None:
    [quote] = read("jkorf-level1")
    [row] = told("jkorf-level1")

    assert isinstance(quote, Quote)
    assert str(quote.instrument) == "ETH-USDT"
    assert exact(quote.bid, quote.bid_size) == written(*row["bids"])
    assert exact(quote.ask, quote.ask_size) == written(*row["asks"])
    assert quote.event_ns == row["timestamp"] * 1_000_000


def test_five_levels_are_a_whole_book() -> None:
    [book] = read("jkorf-level2Depth5")
    [row] = told("jkorf-level2Depth5")

    assert isinstance(book, Book)
    assert [exact(level.price, level.size) for level in book.bids] == [
        written(*pair) for pair in row["bids"]
    ]
    assert [exact(level.price, level.size) for level in book.asks] == [
        written(*pair) for pair in row["asks"]
    ]


@pytest.mark.parametrize(
    ("name", "intervals"),
    [("cryptofeed-candles", ["1m", "1m", "1m"]), ("jkorf-candles", ["8h"])],
)
def test_candles_are_read_in_their_own_order(name: str, intervals: list[str]) -> None:
    events = read(name)

    assert [event.interval for event in events if isinstance(event, VenueCandle)] == intervals
    for candle, row in zip(events, told(name), strict=True):
        assert isinstance(candle, VenueCandle)
        start, first, last, high, low, volume, _ = row["candles"]
        assert candle.start_ns == int(start) * 1_000_000_000
        assert exact(candle.open, candle.close) == written(first, last)
        assert exact(candle.high, candle.low) == written(high, low)
        assert exact(candle.volume) == written(volume)
        assert candle.event_ns == row["time"]


def test_a_candle_is_closed_once_its_minute_was_over_when_it_came() -> None:
    session = a_session()
    arrivals = zip(stamps("cryptofeed-candles"), lines("cryptofeed-candles"), strict=True)

    candles = [
        event for (at, _), frame in arrivals for event in session.receive(frame, int(at * 1e9))
    ]

    assert [event.closed for event in candles if isinstance(event, VenueCandle)] == [
        True,
        False,
        False,
    ]


def test_the_snapshot_of_a_market_is_a_summary() -> None:
    [summary] = read("jkorf-snapshot")
    row = told("jkorf-snapshot")[0]["data"]

    assert isinstance(summary, Summary)
    assert summary.symbol == str(summary.instrument) == row["symbol"]
    assert exact(summary.last, summary.open) == written(row["lastTradedPrice"], row["open"])
    assert exact(summary.high, summary.low) == written(row["high"], row["low"])
    assert exact(summary.bid, summary.ask) == written(row["buy"], row["sell"])
    assert exact(summary.volume) == written(row["vol"])
    assert summary.event_ns == row["datetime"] * 1_000_000


def arrivals() -> Iterator[tuple[str, bytes, bool]]:
    """Yield symbol and bytes of snapshots and changes as they came; True: a snapshot."""
    rows = [
        (at, symbol, line, is_seed)
        for name, is_seed in (("cryptofeed-level2", False), ("cryptofeed-rest_level2", True))
        for (at, symbol), line in zip(stamps(name), lines(name), strict=True)
    ]
    for _, symbol, line, is_seed in sorted(rows, key=lambda row: row[0]):
        yield symbol, line, is_seed


def replayed(session: Session, rows: Sequence[tuple[str, bytes, bool]]) -> list[Event]:
    events: list[Event] = []
    for symbol, line, is_seed in rows:
        if is_seed:
            events += session.answered(recognised(session, line, symbol), line, NOW)
        else:
            events += session.receive(line, NOW)
    return events


def plainly_kept(symbol: str) -> tuple[list[tuple[Decimal, Decimal]], ...]:
    """Keep a book the plain way: a snapshot, and every later row on top of it."""
    mine = [row for row in arrivals() if row[0] == symbol]
    [seed] = [json.loads(line)["data"] for _, line, is_seed in mine if is_seed]
    changes = [json.loads(line)["data"] for _, line, is_seed in mine if not is_seed]
    sides = []
    for name, falls in (("bids", True), ("asks", False)):
        sizes = {Decimal(price): Decimal(size) for price, size in seed[name]}
        rows = [row for change in changes for row in change["changes"][name]]
        for price, size, number in rows:
            if int(number) > int(seed["sequence"]) and Decimal(price):
                sizes[Decimal(price)] = Decimal(size)
        kept = sorted([pair for pair in sizes.items() if pair[1]], reverse=falls)
        sides.append(kept[:10])
    return tuple(sides)


def test_books_chain_onto_their_snapshots_without_a_gap() -> None:
    session = a_session()

    events = replayed(session, list(arrivals()))

    books = [event for event in events if isinstance(event, Book)]
    assert len(books) == len(events) > 1_500
    assert session.requests() == []
    assert all(book.bids[0].price < book.asks[0].price for book in books)
    for symbol in {symbol for symbol, _, is_seed in arrivals() if is_seed}:
        last = [book for book in books if str(book.instrument) == symbol][-1]
        assert tuple(
            [tuple(exact(level.price, level.size)) for level in side]
            for side in (last.bids, last.asks)
        ) == plainly_kept(symbol)


def test_a_lost_change_is_found_and_its_book_alone_starts_anew() -> None:
    rows = list(arrivals())
    [seeded] = [n for n, row in enumerate(rows) if row[0] == "BCHSV-USDT" and row[2]]
    lost = next(n for n, row in enumerate(rows) if row[0] == "BCHSV-USDT" and n > seeded + 50)
    session = a_session()

    events = replayed(session, [row for n, row in enumerate(rows) if n != lost])

    [status] = [event for event in events if not isinstance(event, Book)]
    after = [event for event in events[events.index(status) :] if isinstance(event, Book)]
    assert isinstance(status, VenueStatus)
    assert (status.state, str(status.instrument)) == ("resyncing", "BCHSV-USDT")
    assert [request.path for request in session.requests()] == [
        "/api/v1/market/orderbook/level2_100?symbol=BCHSV-USDT"
    ]
    assert len({str(book.instrument) for book in after} - {"BCHSV-USDT"}) > 1
    assert "BCHSV-USDT" not in {str(book.instrument) for book in after}


@pytest.mark.parametrize("name", ["jkorf-level2", "cryptomsgparser-market_level2"])
def test_a_change_waits_for_its_snapshot(name: str) -> None:
    assert read(name) == []


@pytest.mark.parametrize(
    "name",
    [
        "cryptofeed-ack",
        "cryptofeed-welcome",
        "cryptomsgparser-spotMarket_level3",
        "probe202609-classic_pong",
        "probe202609-uta_pong",
        "probe202609-uta_welcome",
    ],
)
def test_replies_have_no_effect(name: str) -> None:
    assert read(name) == []


def test_refusals_end_the_connection() -> None:
    session = a_session()
    accepted, refused = lines("probe202609-uta_ack")

    assert list(session.receive(accepted, NOW)) == []
    with pytest.raises(VenueRefusedError, match="invalid request data"):
        session.receive(refused, NOW)
    with pytest.raises(VenueRefusedError, match="topic does not exist"):
        read("probe202609-classic_error")


def test_a_trade_of_the_newer_interface_is_read() -> None:
    [trade] = read("jkorf-uta_trade")

    assert isinstance(trade, Trade)
    assert (str(trade.instrument), trade.side, trade.price, trade.size) == (
        "ETH-USDT",
        "sell",
        92525.6,
        0.00008036,
    )
    assert trade.event_ns == 1_768_802_538_480_000_000
    assert trade.sequence == 20_631_804_219_899_904


def test_a_quote_a_book_and_a_candle_of_the_newer_interface_are_read() -> None:
    [quote], [book], [candle] = (read(f"jkorf-uta_{kind}") for kind in ("ticker", "obu", "kline"))

    assert isinstance(quote, Quote)
    assert (quote.bid, quote.bid_size) == (90968.1, 0.02052839)
    assert (quote.ask, quote.ask_size) == (90968.2, 0.97675941)
    assert isinstance(book, Book)
    assert [(level.price, level.size) for level in (*book.bids, *book.asks)] == [
        (90701.1, 0.13918404),
        (90701.2, 0.5771583),
    ]
    assert isinstance(candle, VenueCandle)
    assert (candle.interval, candle.start_ns) == ("15m", 1_768_210_980_000_000_000)
    assert (candle.open, candle.close, candle.volume) == (90861.3, 90861.2, 1.87659044)


def test_trades_over_rest_are_read() -> None:
    events = answered("jkorf-rest_histories", "BTC-USDT")

    for trade, row in zip(events, told("jkorf-rest_histories")[0], strict=True):
        assert isinstance(trade, Trade)
        assert trade.backfilled
        assert (trade.trade_id, trade.side) == (row["sequence"], row["side"])
        assert exact(trade.price, trade.size) == written(row["price"], row["size"])
        assert trade.event_ns == row["time"]


def test_a_book_and_a_quote_over_rest_are_read() -> None:
    [book] = answered("jkorf-rest_level2_20", "BTC-USDT")
    [quote] = answered("jkorf-rest_level1", "/market/level1:BTC-USDT")

    assert isinstance(book, Book)
    assert [level.price for level in (*book.bids, *book.asks)] == [
        6500.12,
        6500.11,
        6500.15,
        6500.16,
    ]
    assert isinstance(quote, Quote)
    assert (quote.bid, quote.ask, quote.ask_size) == (0.03710768, 0.03715004, 1.788)


def test_the_day_of_all_symbols_over_rest_is_read() -> None:
    [summary] = answered("jkorf-rest_allTickers")
    [row] = told("jkorf-rest_allTickers")[0]["ticker"]

    assert isinstance(summary, Summary)
    assert exact(summary.last, summary.volume) == written(row["last"], row["vol"])
    assert exact(summary.bid, summary.ask) == written(row["buy"], row["sell"])
    assert summary.event_ns == 1_602_832_092_060_000_000


@pytest.mark.parametrize(
    ("name", "count", "known"),
    [
        ("cryptofeed-rest_symbols_v1", 634, ("BSV-USDT", "BCHSV-USDT", 0.001)),
        ("jkorf-rest_uta_symbols", 1, ("BTC-USDT", "BTC-USDT", 0.1)),
    ],
)
def test_listings_are_read(name: str, count: int, known: tuple[str, str, float]) -> None:
    [body] = lines(name)
    request = recognised(a_session(), body, "")
    asking = VENUE.list_instruments(VENUE)
    next(asking)

    with pytest.raises(StopIteration) as done:
        asking.send(body)

    listings: list[Listing] = done.value.value
    assert request.about == ("instruments", None)
    assert len(listings) == count
    assert known in [(str(row.instrument), row.symbol, row.tick_size) for row in listings]


def test_the_answer_with_the_token_is_recognised_and_dials() -> None:
    [body] = lines("docs-bullet_public")
    session = a_session()
    dialling = VENUE.dial(VENUE, [])
    next(dialling)

    with pytest.raises(StopIteration) as done:
        dialling.send(body)

    assert list(session.answered(recognised(session, body, ""), body, NOW)) == []
    assert done.value.value.startswith("wss://ws-api-spot.kucoin.com/?token=EXAMPLE-TOKEN")


@pytest.mark.parametrize("name", ["cryptofeed-match", "cryptofeed-ack", "probe202609-uta_ack"])
def test_frames_are_not_taken_for_answers(name: str) -> None:
    session = a_session()

    assert [session.recognise(line, "BTC-USDT") for line in lines(name)] == [None] * len(
        lines(name)
    )


def test_a_body_that_names_no_instrument_gives_nothing_without_a_hint() -> None:
    [line] = lines("jkorf-rest_histories")
    session = a_session()

    assert recognised(session, line, "").about == ("trades", None)
    assert list(session.answered(recognised(session, line, ""), line, NOW)) == []
    assert recognised(session, line, "BTC-USDT_1min").about == (
        "trades",
        Instrument("BTC", "USDT"),
    )
