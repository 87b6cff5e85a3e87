"""Frames and answers of Alpaca and of its documents, read plainly beside us."""

import json
import os
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from market import (
    Book,
    Event,
    Level,
    Listing,
    Quote,
    Summary,
    Trade,
    VenueCandle,
    VenueRefusedError,
)
from stream_service.venue import Options
from stream_service.venues.alpaca import VENUE, AlpacaSession
from tests.venues.playing import NOW

FOLDER = os.environ.get("CRYPTOTRACKER_FRAMES")
pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="CRYPTOTRACKER_FRAMES names no folder of recorded frames"
)


def lines(name: str) -> list[bytes]:
    return (Path(FOLDER or "") / "alpaca" / f"{name}.jsonl").read_bytes().splitlines()


def plainly(line: bytes) -> Any:
    return json.loads(line, parse_float=Decimal)


def a_session() -> AlpacaSession:
    """Read what somebody else subscribed to."""

    def guess(symbol: str) -> Listing:
        return Listing(instrument=VENUE.instrument(symbol), symbol=symbol)

    return AlpacaSession([], Options(guess=guess))


def read(name: str) -> list[Event]:
    session = a_session()
    return [event for frame in lines(name) for event in session.receive(frame, NOW)]


def answered(line: bytes) -> list[Event]:
    session = a_session()
    request = session.recognise(line, "")
    assert request is not None
    return list(session.answered(request, line, NOW))


def ns(text: str) -> int:
    """Count nanoseconds in another way than we do."""
    second, _, fraction = text.removesuffix("Z").partition(".")
    whole = int(datetime.fromisoformat(f"{second}+00:00").timestamp())
    return whole * 10**9 + int(Decimal(f"0.{fraction or 0}") * 10**9)


def rows_of(line: bytes, key: str) -> list[tuple[str, dict[str, Any]]]:
    """Return symbol and row of an answer, oldest first by symbol, perpetuals left out."""
    found = []
    for symbol, rows in plainly(line)[key].items():
        rows_there = rows if isinstance(rows, list) else [rows]
        rows_there = [row for row in rows_there if row.get("u") != "canceled"]
        if not symbol.endswith("-PERP"):
            found += [(symbol, row) for row in sorted(rows_there, key=lambda row: ns(row["t"]))]
    return found


def assert_quote(event: Event, row: dict[str, Any]) -> None:
    assert isinstance(event, Quote)
    assert (event.bid, event.bid_size) == (float(row["bp"]), float(row["bs"]))
    assert (event.ask, event.ask_size) == (float(row["ap"]), float(row["as"]))
    assert event.event_ns == ns(row["t"])


def assert_trade(event: Event, row: dict[str, Any]) -> None:
    assert isinstance(event, Trade)
    assert (event.price, event.size) == (float(row["p"]), float(row["s"]))
    assert event.event_ns == ns(row["t"])
    assert event.trade_id.rpartition("/")[2] == str(row["i"])
    if "tks" in row:
        assert event.side == {"B": "buy", "S": "sell"}[row["tks"]]


def assert_bar(event: Event, row: dict[str, Any]) -> None:
    assert isinstance(event, VenueCandle)
    assert [event.open, event.high, event.low, event.close] == [float(row[k]) for k in "ohlc"]
    assert (event.volume, event.trades) == (float(row["v"]), row.get("n"))
    assert event.start_ns == ns(row["t"])


@pytest.mark.parametrize("name", ["docs-stock_quote", "wire2024-crypto_quote"])
def test_quotes_are_read(name: str) -> None:
    events = read(name)

    rows = [row for line in lines(name) for row in plainly(line)]
    assert [str(event.instrument) for event in events if isinstance(event, Quote)] == [
        row["S"].replace("/", "-") if "/" in row["S"] else f"{row['S']}-USD" for row in rows
    ]
    for event, row in zip(events, rows, strict=True):
        assert_quote(event, row)


@pytest.mark.parametrize("name", ["docs-stock_trade", "wire2024-crypto_trade"])
def test_trades_are_read(name: str) -> None:
    events = read(name)

    for event, row in zip(
        events, [row for line in lines(name) for row in plainly(line)], strict=True
    ):
        assert_trade(event, row)


@pytest.mark.parametrize("name", ["docs-stock_bar", "sdk-stock_updatedBar"])
def test_minutes_are_read(name: str) -> None:
    events = read(name)

    for event, row in zip(
        events, [row for line in lines(name) for row in plainly(line)], strict=True
    ):
        assert_bar(event, row)


def test_a_minute_without_trades_is_no_candle() -> None:
    assert read("wire2024-crypto_bar_zero_volume") == []


def test_the_day_is_read() -> None:
    [event] = read("docs-stock_dailyBar")

    [row] = plainly(lines("docs-stock_dailyBar")[0])
    assert isinstance(event, Summary)
    assert [event.open, event.high, event.low, event.last] == [float(row[key]) for key in "ohlc"]
    assert event.volume == row["v"]


def test_a_whole_book_is_read() -> None:
    [book] = read("wire2024-crypto_orderbook_reset")

    [row] = plainly(lines("wire2024-crypto_orderbook_reset")[0])
    assert isinstance(book, Book)
    assert book.bids == tuple(Level(float(level["p"]), float(level["s"])) for level in row["b"])
    assert book.asks == tuple(Level(float(level["p"]), float(level["s"])) for level in row["a"])
    assert book.event_ns == ns(row["t"])


@pytest.mark.parametrize("name", ["docs-control", "docs-stock_status"])
def test_words_of_the_venue_give_no_event(name: str) -> None:
    assert read(name) == []


def test_errors_end_the_connection() -> None:
    for line in lines("docs-error"):
        with pytest.raises(VenueRefusedError, match=f"code {plainly(line)[0]['code']}"):
            a_session().receive(line, NOW)


@pytest.mark.parametrize("name", ["sdkgo-rest_crypto_trades", "sdkgo-rest_stock_trades"])
def test_trades_over_rest_are_read(name: str) -> None:
    for line in lines(name):
        events = answered(line)

        quote_currency = plainly(line).get("currency", "USD")
        for event, (_, row) in zip(events, rows_of(line, "trades"), strict=True):
            assert_trade(event, row)
            assert isinstance(event, Trade)
            assert event.backfilled
            assert event.instrument.quote_currency == quote_currency


@pytest.mark.parametrize("name", ["sdkgo-rest_crypto_quotes", "sdkgo-rest_stock_quotes"])
def test_quotes_over_rest_are_read(name: str) -> None:
    for line in lines(name):
        events = answered(line)

        for event, (_, row) in zip(events, rows_of(line, "quotes"), strict=True):
            assert_quote(event, row)


def test_bars_over_rest_are_read_where_they_show_their_interval() -> None:
    intervals = []
    for line in [*lines("sdkgo-rest_stock_bars"), *lines("sdkgo-rest_crypto_bars")]:
        events = answered(line)

        if events:
            for event, (_, row) in zip(events, rows_of(line, "bars"), strict=True):
                assert_bar(event, row)
        found = {event.interval for event in events if isinstance(event, VenueCandle)}
        intervals.append("".join(found))

    # bars of days start at midnight in New York; the other blank ones are a perpetual's, and three
    # bars of one hour, each of another market
    assert intervals == ["1m", "1m", "15m", "", "", "1m", "1m", "", "", "1m"]


def test_snapshots_over_rest_are_read() -> None:
    [line] = lines("sdkgo-rest_crypto_snapshots")

    events = answered(line)

    told = plainly(line)["snapshots"]
    assert [event.symbol for event in events if isinstance(event, Summary)] == list(told)
    for event in events:
        assert isinstance(event, Summary)
        row = told[event.symbol]
        assert event.last == float(row["latestTrade"]["p"])
        assert event.volume == float(row["dailyBar"]["v"])
        assert (event.bid, event.ask) == (
            float(row["latestQuote"]["bp"]),
            float(row["latestQuote"]["ap"]),
        )


def test_every_recorded_line_is_read() -> None:
    folder = Path(FOLDER or "") / "alpaca"
    names = {path.stem for path in folder.glob("*.jsonl")} - {"docs-error"}

    for line in [line for name in sorted(names) for line in lines(name)]:
        if a_session().recognise(line, ""):
            answered(line)
        else:
            a_session().receive(line, NOW)

    assert len(names) >= 18
