"""Upbit as it was recorded: of 2021 byte for byte, single frames of 2023 to 2026.

The folder that CRYPTOTRACKER_FRAMES names holds one frame or REST body on each line of
``<venue>/<source>-<kind>.jsonl``; each is read a second time the plain way, and compared.
"""

from decimal import Decimal
from typing import Any

import pytest

from market import Book, Event, Quote, Summary, Trade, VenueCandle, VenueRefusedError
from stream_service.venues.upbit import VENUE
from tests.venues.recorded.reading import (
    decoded_by,
    exactly,
    in_ns,
    lines_of,
    named,
    needs_recordings,
    plain,
)

pytestmark = needs_recordings


def lines(name: str) -> list[bytes]:
    return lines_of(VENUE, name)


def decoded(name: str) -> list[Event]:
    return decoded_by(VENUE, name)


def assert_candle(event: Event, row: Any, symbol: str, interval: str) -> None:
    assert isinstance(event, VenueCandle)
    assert (str(event.instrument), event.interval) == (named(symbol), interval)
    assert event.start_ns == in_ns(row["candle_date_time_utc"])
    assert event.event_ns == row["timestamp"] * 10**6
    read = [event.open, event.high, event.low, event.close, event.volume]
    keys = ["opening_price", "high_price", "low_price", "trade_price", "candle_acc_trade_volume"]
    assert [exactly(value) for value in read] == [row[key] for key in keys]
    assert event.closed


def assert_summary(event: Event, row: Any) -> None:
    assert isinstance(event, Summary)
    assert (str(event.instrument), event.symbol) == (named(row["code"]), row["code"])
    assert event.event_ns == row["timestamp"] * 10**6
    read = [event.open, event.high, event.low, event.last, event.volume]
    keys = ["opening_price", "high_price", "low_price", "trade_price", "acc_trade_volume_24h"]
    assert [exactly(value) for value in read] == [row[key] for key in keys]


def levels(rows: Any, price: str, size: str) -> list[tuple[Decimal, Decimal]]:
    """Return the best ten levels of one side."""
    return [(row[price], row[size]) for row in rows if row[price] and row[size]][:10]


def assert_sides(book: Event, bids: Any, asks: Any) -> None:
    assert isinstance(book, Book)
    assert [(exactly(level.price), exactly(level.size)) for level in book.bids] == bids
    assert [(exactly(level.price), exactly(level.size)) for level in book.asks] == asks
    assert not (book.bids and book.asks) or book.bids[0].price < book.asks[0].price


def assert_best(quote: Event, book: Event) -> None:
    assert isinstance(quote, Quote)
    assert isinstance(book, Book)
    assert (quote.bid, quote.bid_size) == (book.bids[0].price, book.bids[0].size)
    assert (quote.ask, quote.ask_size) == (book.asks[0].price, book.asks[0].size)
    assert (quote.event_ns, quote.instrument) == (book.event_ns, book.instrument)


@pytest.mark.parametrize("name", ["probe202609-orderbook", "jkorf-orderbook"])
def test_books_and_their_quotes_are_read(name: str) -> None:
    [row] = [plain(body) for body in lines(name)]

    book, quote = decoded(name)

    units = row["orderbook_units"]
    bids, asks = levels(units, "bid_price", "bid_size"), levels(units, "ask_price", "ask_size")
    assert_sides(book, bids, asks)
    assert_best(quote, book)
    assert book.event_ns == row["timestamp"] * 10**6


def test_books_of_2021_are_read_from_short_keys() -> None:
    rows = [plain(body) for body in lines("cryptofeed-simple_orderbook")]

    events = decoded("cryptofeed-simple_orderbook")

    assert len(events) == 2 * len(rows) == 146
    for row, book, quote in zip(rows, events[::2], events[1::2], strict=True):
        assert_sides(book, levels(row["obu"], "bp", "bs"), levels(row["obu"], "ap", "as"))
        assert_best(quote, book)
        assert book.event_ns == row["tms"] * 10**6


def test_trades_of_2021_are_read_from_short_keys() -> None:
    rows = [plain(body) for body in lines("cryptofeed-simple_trade")]

    trades = decoded("cryptofeed-simple_trade")

    assert len(trades) == len(rows) == 152
    for row, trade in zip(rows, trades, strict=True):
        assert isinstance(trade, Trade)
        assert str(trade.instrument) == named(row["cd"])
        assert (trade.trade_id, trade.side) == (
            str(row["sid"]),
            {"ASK": "sell", "BID": "buy"}[row["ab"]],
        )
        assert (exactly(trade.price), exactly(trade.size)) == (row["tp"], row["tv"])
        assert trade.event_ns == row["ttms"] * 10**6
        assert trade.event_ns == in_ns(f"{row['td']}T{row['ttm']}")
        assert trade.backfilled == (row["st"] == "SNAPSHOT")


@pytest.mark.parametrize(
    ("name", "time"),
    [("jkorf-trade", "trade_timestamp"), ("jkorf-rest_trades_ticks", "timestamp")],
)
def test_trades_are_read(name: str, time: str) -> None:
    told = plain(lines(name)[0])
    row = told[0] if isinstance(told, list) else told

    [trade] = decoded(name)

    assert isinstance(trade, Trade)
    assert str(trade.instrument) == named(row.get("code") or row["market"])
    assert (trade.trade_id, trade.sequence) == (str(row["sequential_id"]), row["sequential_id"])
    assert trade.side == {"ASK": "sell", "BID": "buy"}[row["ask_bid"]]
    assert (exactly(trade.price), exactly(trade.size)) == (row["trade_price"], row["trade_volume"])
    assert trade.event_ns == row[time] * 10**6
    assert trade.backfilled


def test_a_ticker_is_summed_up() -> None:
    [summary] = decoded("jkorf-ticker")

    assert_summary(summary, plain(lines("jkorf-ticker")[0]))


def test_candles_are_read() -> None:
    [streamed], [past] = decoded("jkorf-candle"), decoded("jkorf-rest_candles_seconds")

    assert_candle(streamed, plain(lines("jkorf-candle")[0]), "KRW-ETH", "1m")
    assert_candle(past, plain(lines("jkorf-rest_candles_seconds")[0])[0], "KRW-BTC", "1s")


def test_the_state_of_the_connection_gives_no_event() -> None:
    assert decoded("probe202609-status") == []


def test_an_error_ends_the_connection() -> None:
    with pytest.raises(VenueRefusedError, match="NO_TICKET"):
        decoded("probe202609-error")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("cryptofeed-rest_market_all", "english_name"),
        ("jkorf-rest_orderbook_instruments", "tick_size"),
    ],
)
def test_listings_are_read_whole(name: str, key: str) -> None:
    [body] = lines(name)
    request = VENUE.session([]).recognise(body, "")
    assert request is not None
    assert request.about == ("instruments", None)
    asking = VENUE.list_instruments(VENUE)
    next(asking)

    with pytest.raises(StopIteration) as done:
        asking.send(body)

    listings = done.value.value
    told = {"english_name": "name", "tick_size": "tick_size"}[key]
    assert [(row.symbol, str(row.instrument), getattr(row, told)) for row in listings] == [
        (row["market"], named(row["market"]), row[key]) for row in plain(body)
    ]
