"""Bithumb as it was recorded: both its streams, of 2021 and 2026.

The folder that CRYPTOTRACKER_FRAMES names holds one frame or REST body on each line of
``<venue>/<source>-<kind>.jsonl``; each is read a second time the plain way, and compared.
"""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from market import Book, Event, Quote, Summary, Trade, VenueRefusedError
from stream_service.venues.bithumb import VENUE
from tests.venues.recorded.reading import (
    FOLDER,
    NOW,
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


def test_books_and_their_quotes_are_read() -> None:
    rows = [plain(body) for body in lines("probe202609-v2_orderbook")]

    events = decoded("probe202609-v2_orderbook")

    assert len(events) == 2 * len(rows) == 4
    for row, book, quote in zip(rows, events[::2], events[1::2], strict=True):
        units = row["orderbook_units"]
        bids, asks = levels(units, "bid_price", "bid_size"), levels(units, "ask_price", "ask_size")
        assert_sides(book, bids, asks)
        assert_best(quote, book)
        assert book.event_ns == row["timestamp"] * 1_000


def test_a_trade_is_read_by_its_epoch_and_not_by_the_clock_of_korea() -> None:
    [row] = [plain(body) for body in lines("probe202609-v2_trade")]

    [trade] = decoded("probe202609-v2_trade")

    assert isinstance(trade, Trade)
    assert (str(trade.instrument), trade.side) == ("BTC-KRW", "buy")
    assert (trade.trade_id, trade.sequence) == (str(row["sequential_id"]), row["sequential_id"])
    assert (exactly(trade.price), exactly(trade.size)) == (row["trade_price"], row["trade_volume"])
    assert trade.event_ns == row["trade_timestamp"] * 10**6
    second_ns = in_ns(f"{row['trade_date']}T{row['trade_time']}+09:00")
    assert 0 <= trade.event_ns - second_ns < 10**9


def test_a_ticker_is_summed_up() -> None:
    [summary] = decoded("ccxt-v2_ticker")

    assert_summary(summary, plain(lines("ccxt-v2_ticker")[0]))


def test_errors_end_the_connection() -> None:
    with pytest.raises(VenueRefusedError, match="NO_TICKET"):
        decoded("probe202609-v2_error")
    with pytest.raises(VenueRefusedError, match="WRONG_FORMAT"):
        VENUE.session([]).receive(lines("probe202609-v2_error")[1], NOW)


@pytest.mark.parametrize(
    "name",
    [
        "probe202609-v2_status",
        "cryptofeed-v1_status",
        "mctrader-v1_orderbookdepth",  # changes of a book whose snapshot was not recorded
        "mctrader-v1_ticker_SYNTHETIC",  # sums up an hour
        "mctrader-v1_rest_candlestick_SYNTHETIC",  # does not say of what and how long
    ],
)
def test_what_tells_nothing_of_ours_gives_no_event(name: str) -> None:
    assert decoded(name) == []


@pytest.mark.parametrize("name", ["cryptofeed-v1_transaction", "mctrader-v1_transaction"])
def test_trades_of_the_first_stream_are_read(name: str) -> None:
    rows = [row for body in lines(name) for row in plain(body)["content"]["list"]]

    trades = decoded(name)

    assert len(trades) == len(rows) > 0
    for row, trade in zip(rows, trades, strict=True):
        assert isinstance(trade, Trade)
        assert str(trade.instrument) == row["symbol"].replace("_", "-")
        assert trade.side == {"1": "sell", "2": "buy"}[row["buySellGb"]]
        assert exactly(trade.price) == Decimal(row["contPrice"])
        assert exactly(trade.size) == Decimal(row["contQty"])
        assert trade.event_ns == in_ns(f"{row['contDtm']}+09:00")


def test_trades_of_the_first_stream_came_within_seconds() -> None:
    meta = Path(FOLDER or "") / "bithumb" / "cryptofeed-v1_transaction.meta.tsv"
    received = [float(row.split("\t")[1]) for row in meta.read_text().splitlines()[1:]]

    ages = [
        at - trade.event_ns / 1e9
        for at, trade in zip(received, decoded("cryptofeed-v1_transaction"), strict=True)
    ]

    assert all(0 < age < 5 for age in ages)


def test_a_book_of_the_first_stream_is_read() -> None:
    [told] = [plain(body)["content"] for body in lines("probe202609-v1_orderbooksnapshot")]

    [book] = decoded("probe202609-v1_orderbooksnapshot")

    bids, asks = (
        [(Decimal(price), Decimal(size)) for price, size in told[side]] for side in ("bids", "asks")
    )
    assert_sides(book, bids, asks)
    assert book.event_ns == int(told["datetime"]) * 1_000


def test_the_days_of_all_currencies_are_summed_up() -> None:
    rows = plain(lines("cryptofeed-v1_rest_ticker_ALL_KRW")[0])["data"]
    date = rows.pop("date")

    summaries = decoded("cryptofeed-v1_rest_ticker_ALL_KRW")

    read = {}
    for summary in summaries:
        assert isinstance(summary, Summary)
        assert summary.event_ns == int(date) * 10**6
        read[summary.symbol] = [
            summary.open or 0.0,
            summary.last,
            summary.low or 0.0,
            summary.high or 0.0,
            summary.volume,
        ]
    keys = ("opening_price", "closing_price", "min_price", "max_price", "units_traded_24H")
    assert read == {
        f"{currency}_KRW": [float(Decimal(row[key])) for key in keys]
        for currency, row in rows.items()
    }
