"""Frames that Kraken really sent, on both of its interfaces, read plainly beside us."""

import json
import os
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from market import (
    Book,
    Event,
    Instrument,
    Listed,
    Listing,
    Quote,
    Summary,
    Trade,
    VenueCandle,
    VenueStatus,
)
from stream_service.venue import Options
from stream_service.venues.kraken import VENUE, KrakenSession
from tests.venues.playing import NOW

FOLDER = os.environ.get("CRYPTOTRACKER_FRAMES")
pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="CRYPTOTRACKER_FRAMES names no folder of recorded frames"
)
FILES = sorted((Path(FOLDER) / "kraken").glob("*.jsonl")) if FOLDER else []
TODAYS = {"XBT": "BTC", "XDG": "DOGE"}


def lines(name: str) -> list[bytes]:
    return (Path(FOLDER or "") / "kraken" / f"{name}.jsonl").read_bytes().splitlines()


def plainly(line: bytes) -> Any:
    return json.loads(line, parse_float=Decimal)


def a_session(*listings: Listing) -> KrakenSession:
    """Read what somebody else subscribed to."""

    def guess(symbol: str) -> Listing:
        return Listing(instrument=VENUE.instrument(symbol), symbol=symbol)

    return KrakenSession(listings, Options(guess=guess))


def read(frames: Sequence[bytes], *listings: Listing) -> list[Event]:
    session = a_session(*listings)
    return [event for frame in frames for event in session.receive(frame, NOW)]


def answered(name: str, hint: str = "") -> list[Event]:
    [body] = lines(name)
    session = a_session()
    request = session.recognise(body, hint)
    assert request is not None
    return list(session.answered(request, body, NOW))


def ns(seconds: str) -> int:
    return int(Decimal(seconds) * 10**9)


def ns_of_iso(text: str) -> int:
    second = datetime.fromisoformat(f"{text[:19]}+00:00")
    return int(second.timestamp()) * 10**9 + int(text[20:-1].ljust(9, "0"))


def instrument_of(name: str) -> Instrument:
    base, quote_currency = (TODAYS.get(code, code) for code in name.split("/"))
    return Instrument(base, quote_currency)


def plain_levels(side: dict[Decimal, Decimal], *, falling: bool) -> list[tuple[float, float]]:
    ranked = sorted(side.items(), reverse=falling)[:10]
    return [(float(price), float(size)) for price, size in ranked]


class PlainBook:
    """A book kept the plain way: every level in a dictionary, cut to the depth after each frame."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.sides: tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]] = ({}, {})

    def change(self, bids: Sequence[Sequence[Any]], asks: Sequence[Sequence[Any]]) -> None:
        for side, rows, falling in zip(self.sides, (bids, asks), (True, False), strict=True):
            for price, size, *_ in rows:
                side[Decimal(price)] = Decimal(size)
            kept = sorted((row for row in side.items() if row[1]), reverse=falling)[: self.depth]
            side.clear()
            side.update(kept)

    def best(self) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        bids, asks = self.sides
        return plain_levels(bids, falling=True), plain_levels(asks, falling=False)


def best(book: Book) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    bids = [(level.price, level.size) for level in book.bids]
    return bids, [(level.price, level.size) for level in book.asks]


def rows(levels: Sequence[Any]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(level["price"]), Decimal(level["qty"])) for level in levels]


def plain_v2_books(frames: Sequence[bytes]) -> list[tuple[Any, Any]]:
    book = PlainBook(10)
    found = []
    for frame in frames:
        [row] = plainly(frame)["data"]
        book.change(rows(row["bids"]), rows(row["asks"]))
        found.append(book.best())
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_recorded_line_is_read(path: Path) -> None:
    session = a_session()

    for line in path.read_bytes().splitlines():
        request = session.recognise(line, "")
        assert (request is not None) == ("rest" in path.stem)
        if request is None:
            session.receive(line, NOW)
        else:
            session.answered(request, line, NOW)


@pytest.mark.parametrize(
    ("name", "count"),
    [("wire2025-v2_book", 2), ("pykrakensdk-v2_book_BTCUSD_first120", 121), ("jkorf-v2_book", 1)],
)
def test_every_checksum_matches_even_where_zeros_were_lost(name: str, count: int) -> None:
    frames = lines(name)

    books = read(frames)

    assert len(books) == count
    assert [best(book) for book in books if isinstance(book, Book)] == plain_v2_books(frames)


def test_the_steps_of_the_listing_give_lost_zeros_back() -> None:
    listing = Listing(
        instrument=Instrument("BTC", "USD"), symbol="BTC/USD", tick_size=0.1, lot_size=1e-8
    )

    books = read(lines("pykrakensdk-v2_book_BTCUSD_first120"), listing)

    assert {type(book) for book in books} == {Book}


@pytest.mark.parametrize("lost", [1, 40, 100])
def test_a_lost_frame_of_a_book_is_found(lost: int) -> None:
    frames = lines("pykrakensdk-v2_book_BTCUSD_first120")

    session = a_session()
    events = [
        event
        for frame in frames[:lost] + frames[lost + 1 :]
        for event in session.receive(frame, NOW)
    ]

    assert [type(event) for event in events] == [Book] * lost + [VenueStatus]
    assert [b"unsubscribe" in frame for frame in session.outgoing()] == [True, False]


def test_books_of_the_first_interface_match_all_checksums() -> None:
    frames = lines("cryptofeed-v1_book")
    plain: dict[str, PlainBook] = {}

    books = read(frames)

    assert {type(book) for book in books} == {Book}
    for book, frame in zip(books, frames, strict=True):
        assert isinstance(book, Book)
        _, *parts, channel, name = plainly(frame)
        told = plain.setdefault(name, PlainBook(int(channel.removeprefix("book-"))))
        for part in parts:
            told.change(part.get("bs", part.get("b", [])), part.get("as", part.get("a", [])))
        levels = [level for part in parts for key in part if key != "c" for level in part[key]]
        assert (book.instrument, best(book)) == (instrument_of(name), told.best())
        assert book.event_ns == max(ns(level[2]) for level in levels)
        assert book.bids[0].price < book.asks[0].price


def test_a_lost_frame_of_the_first_interface_costs_one_book_alone() -> None:
    frames = lines("cryptofeed-v1_book")
    at = [plainly(frame)[-1] for frame in frames]
    lost = next(
        number
        for number, frame in enumerate(frames)
        if number > 500 and at[number] == "ETH/CHF" and b'"a"' in frame
    )

    events = read(frames[:lost] + frames[lost + 1 :])

    broken = [event for event in events if isinstance(event, VenueStatus)]
    assert [(event.state, str(event.instrument)) for event in broken] == [("resyncing", "ETH-CHF")]
    shown = [event for event in events if isinstance(event, Book)]
    others = [book for book in shown if str(book.instrument) != "ETH-CHF"]
    assert len(others) == len(frames) - at.count("ETH/CHF")


@pytest.mark.parametrize("name", ["cryptofeed-v1_ticker", "cryptomsgparser-v1_ticker"])
def test_tickers_of_the_first_interface_are_read(name: str) -> None:
    frames = lines(name)

    events = read(frames)

    told = [(plainly(frame)[1], instrument_of(plainly(frame)[3])) for frame in frames]
    quotes = [event for event in events if isinstance(event, Quote)]
    assert [
        (quote.instrument, quote.bid, quote.bid_size, quote.ask, quote.ask_size) for quote in quotes
    ] == [
        (one, float(row["b"][0]), float(row["b"][2]), float(row["a"][0]), float(row["a"][2]))
        for row, one in told
    ]
    summaries = [event for event in events if isinstance(event, Summary)]
    assert [(one.last, one.open, one.high, one.low, one.volume) for one in summaries] == [
        (float(row["c"][0]), *(float(row[key][1]) for key in "ohlv")) for row, _ in told
    ]


def test_trades_of_the_first_interface_are_read() -> None:
    frames = lines("cryptofeed-v1_trade")

    trades = read(frames)

    told = [(row, plainly(frame)[3]) for frame in frames for row in plainly(frame)[1]]
    assert [
        (one.instrument, one.price, one.size, one.event_ns, one.side)
        for one in trades
        if isinstance(one, Trade)
    ] == [
        (
            instrument_of(name),
            float(row[0]),
            float(row[1]),
            ns(row[2]),
            {"b": "buy", "s": "sell"}[row[3]],
        )
        for row, name in told
    ]


@pytest.mark.parametrize("name", ["cryptomsgparser-v1_spread", "jkorf-v1_spread"])
def test_spreads_of_the_first_interface_are_quotes(name: str) -> None:
    [frame] = lines(name)

    [quote] = read([frame])

    bid, ask, time, bid_size, ask_size = plainly(frame)[1]
    assert isinstance(quote, Quote)
    assert (quote.bid, quote.ask) == (float(bid), float(ask))
    assert (quote.bid_size, quote.ask_size) == (float(bid_size), float(ask_size))
    assert quote.event_ns == ns(time)


@pytest.mark.parametrize(
    ("name", "interval", "start_s"),
    [("cryptomsgparser-v1_ohlc", "1m", 1_675_209_600), ("jkorf-v1_ohlc", "5m", 1_542_057_300)],
)
def test_candles_of_the_first_interface_are_read(name: str, interval: str, start_s: int) -> None:
    [frame] = lines(name)

    [candle] = read([frame])

    assert isinstance(candle, VenueCandle)
    row = plainly(frame)[1]
    prices = (candle.open, candle.high, candle.low, candle.close)
    assert (candle.interval, candle.start_ns) == (interval, start_s * 10**9)
    assert prices == tuple(map(float, row[2:6]))
    assert (candle.volume, candle.trades) == (float(row[7]), row[8])


@pytest.mark.parametrize("name", ["wire2026-v2_ohlc", "jkorf-v2_ohlc"])
def test_candles_are_read(name: str) -> None:
    [frame] = lines(name)

    [candle] = read([frame])

    told = plainly(frame)
    [row] = told["data"]
    assert isinstance(candle, VenueCandle)
    assert candle.interval == f"{row['interval']}m"
    assert candle.start_ns == ns_of_iso(row["interval_begin"])
    assert candle.event_ns == ns_of_iso(told["timestamp"])
    prices = (candle.open, candle.high, candle.low, candle.close)
    assert prices == tuple(float(row[key]) for key in ("open", "high", "low", "close"))
    assert (candle.volume, candle.trades) == (float(row["volume"]), row["trades"])
    assert not candle.closed


@pytest.mark.parametrize("name", ["wire2026-v2_ticker", "jkorf-v2_ticker"])
def test_tickers_are_quotes_and_summaries(name: str) -> None:
    [frame] = lines(name)

    quote, summary = read([frame])

    [row] = plainly(frame)["data"]
    event_ns = ns_of_iso(row["timestamp"]) if "timestamp" in row else NOW
    assert isinstance(quote, Quote)
    assert (quote.bid, quote.bid_size) == (float(row["bid"]), float(row["bid_qty"]))
    assert (quote.ask, quote.ask_size) == (float(row["ask"]), float(row["ask_qty"]))
    assert quote.event_ns == event_ns
    assert isinstance(summary, Summary)
    assert (summary.last, summary.volume) == (float(row["last"]), float(row["volume"]))
    assert (summary.high, summary.low) == (float(row["high"]), float(row["low"]))
    assert summary.open == float(row["last"] - row["change"])
    assert (summary.bid, summary.ask) == (quote.bid, quote.ask)


@pytest.mark.parametrize("name", ["wire2026-v2_trade", "jkorf-v2_trade"])
def test_trades_are_read(name: str) -> None:
    [frame] = lines(name)

    trades = [event for event in read([frame]) if isinstance(event, Trade)]

    told = plainly(frame)["data"]
    assert [(one.trade_id, one.side, one.price, one.size, one.event_ns) for one in trades] == [
        (
            str(row["trade_id"]),
            row["side"],
            float(row["price"]),
            float(row["qty"]),
            ns_of_iso(row["timestamp"]),
        )
        for row in told
    ]


def test_the_terms_of_a_pair_are_read() -> None:
    [listed] = read(lines("docs-v2_instrument_onePair"))

    assert isinstance(listed, Listed)
    assert (listed.symbol, listed.trading) == ("BTC/USD", True)
    assert (listed.tick_size, listed.lot_size, listed.minimum_notional) == (0.1, 1e-8, 0.5)


def test_a_pair_that_is_not_listed_is_said_to_be_refused() -> None:
    [status] = read(lines("wire2026-v2_subscribe_error"))

    assert isinstance(status, VenueStatus)
    assert (status.state, status.reason) == ("refused", "Currency pair not supported NOPE/USD")


@pytest.mark.parametrize(
    "name",
    [path.stem for path in FILES if path.stem.endswith(("status", "Status", "beat", "ack", "pong"))]
    or ["none"],
)
def test_what_is_said_of_the_connection_is_no_event(name: str) -> None:
    if "rest" in name:
        assert answered(name) == []
    else:
        assert read(lines(name)) == []


@pytest.mark.parametrize("hint", ["", "XBT/USD", "trade"])
def test_trades_over_rest_are_read(hint: str) -> None:
    trades = [one for one in answered("jkorf-rest_Trades", hint) if isinstance(one, Trade)]

    [body] = lines("jkorf-rest_Trades")
    told = json.loads(body, parse_float=str)["result"]["XXBTZUSD"]
    assert {one.instrument for one in trades} == {Instrument("BTC", "USD")}
    assert [(one.trade_id, one.price, one.size, one.event_ns) for one in trades] == [
        (str(row[6]), float(row[0]), float(row[1]), ns(row[2])) for row in told
    ]
    assert [one.side for one in trades] == ["buy", "sell", "sell"]
    assert all(one.backfilled for one in trades)


def test_a_book_over_rest_is_read() -> None:
    [book] = answered("jkorf-rest_Depth")

    [body] = lines("jkorf-rest_Depth")
    told = plainly(body)["result"]["XXBTZUSD"]
    plain = PlainBook(10)
    plain.change(told["bids"], told["asks"])
    assert isinstance(book, Book)
    assert best(book) == plain.best()


def test_candles_over_rest_are_read() -> None:
    candles = [one for one in answered("jkorf-rest_OHLC") if isinstance(one, VenueCandle)]

    [body] = lines("jkorf-rest_OHLC")
    told = plainly(body)["result"]["XXBTZUSD"]
    assert [
        (one.start_ns, one.open, one.high, one.low, one.close, one.volume, one.trades)
        for one in candles
    ] == [(row[0] * 10**9, *map(float, row[1:5]), float(row[6]), row[7]) for row in told]
    assert all(older.start_ns < newer.start_ns for older, newer in pairwise(candles))


def test_a_summary_over_rest_is_read() -> None:
    [summary] = answered("jkorf-rest_Ticker")

    [body] = lines("jkorf-rest_Ticker")
    told = plainly(body)["result"]["XXBTZUSD"]
    assert isinstance(summary, Summary)
    assert summary.instrument == Instrument("BTC", "USD")
    assert (summary.last, summary.bid, summary.ask) == tuple(float(told[key][0]) for key in "cba")
    assert (summary.high, summary.low) == tuple(float(told[key][1]) for key in "hl")
    assert (summary.volume, summary.open) == (float(told["v"][1]), None)


def test_the_listing_is_read() -> None:
    [body] = lines("cryptofeed-rest_AssetPairs_trimmed")
    request = a_session().recognise(body, "")
    asking = VENUE.list_instruments(VENUE)

    next(asking)
    with pytest.raises(StopIteration) as done:
        asking.send(body)

    assert request is not None
    assert request.about == ("instruments", None)
    told = plainly(body)["result"].values()
    assert [
        (row.instrument, row.rest_symbol, row.tick_size, row.lot_size) for row in done.value.value
    ] == [
        (
            instrument_of(row["wsname"]),
            row["altname"],
            float(Decimal(1).scaleb(-row["pair_decimals"])),
            float(Decimal(1).scaleb(-row["lot_decimals"])),
        )
        for row in told
    ]
