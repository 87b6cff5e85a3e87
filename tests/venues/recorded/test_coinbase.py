"""Coinbase as it was recorded: the Exchange feed of 2021 byte for byte, of the rest single frames.

The folder that CRYPTOTRACKER_FRAMES names holds one frame or REST body on each line of
``<venue>/<source>-<kind>.jsonl``; a ``.meta.tsv`` beside it gives the time of receipt and the
product of each line.
"""

import json
import os
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path

import pytest

from market import Book, Event, Instrument, Level, Listing, Quote, Summary, Trade, VenueCandle
from stream_service.venue import Options, Session
from stream_service.venues.coinbase import VENUE

FOLDER = os.environ.get("CRYPTOTRACKER_FRAMES")
pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="CRYPTOTRACKER_FRAMES names no folder of recorded frames"
)

NOW = 1_800_000_000_000_000_000
SNAPSHOTS = "cryptofeed-exchange_snapshot"
CHANGES = "cryptofeed-exchange_l2update"


def lines(name: str) -> list[bytes]:
    return (Path(FOLDER or "") / "coinbase" / f"{name}.jsonl").read_bytes().splitlines()


def stamps(name: str) -> list[float]:
    path = Path(FOLDER or "") / "coinbase" / f"{name}.meta.tsv"
    return [float(row.split("\t")[1]) for row in path.read_text().splitlines()[1:]]


def listing(product: str) -> Listing:
    return Listing(instrument=VENUE.instrument(product), symbol=product)


def a_session() -> Session:
    """Open a session that knows nothing of what was subscribed to."""
    return VENUE.session([], Options(guess=listing))


def decode(session: Session, body: bytes, hint: str = "") -> Sequence[Event]:
    request = session.recognise(body, hint)
    if request is None:
        return session.receive(body, NOW)
    return session.answered(request, body, NOW)


def decode_all(*names: str, hint: str = "") -> list[Event]:
    session = a_session()
    return [
        event for name in names for body in lines(name) for event in decode(session, body, hint)
    ]


def ns_of(text: str) -> int:
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = int(datetime.fromisoformat(f"{whole}+00:00").timestamp())
    return seconds * 1_000_000_000 + int(fraction.ljust(9, "0"))


def plain_best(side: dict[Decimal, Decimal], sign: int) -> tuple[Level, ...]:
    there = sorted((sign * price, price, size) for price, size in side.items() if size)
    return tuple(Level(float(price), float(size)) for _, price, size in there[:10])


def plain_books(product: str, arrivals: Sequence[bytes]) -> list[tuple[object, object]]:
    """Keep a book the plain way: the snapshot, then every change of its best levels."""
    sides: dict[str, dict[Decimal, Decimal]] = {}
    found: list[tuple[object, object]] = []
    for told in map(json.loads, arrivals):
        if told["product_id"] != product:
            continue
        if told["type"] == "snapshot":
            sides = {
                "buy": {Decimal(price): Decimal(size) for price, size in told["bids"]},
                "sell": {Decimal(price): Decimal(size) for price, size in told["asks"]},
            }
        elif not sides:
            continue
        for side, price, size in told.get("changes", ()):
            sides[side][Decimal(price)] = Decimal(size)
        found.append((plain_best(sides["buy"], -1), plain_best(sides["sell"], 1)))
    return [best for best, _ in groupby(found)]


@pytest.mark.parametrize("product", ["BAND-GBP", "DASH-BTC"])
def test_books_are_those_of_a_plain_reading(product: str) -> None:
    session = a_session()
    timed = [
        *zip(stamps(SNAPSHOTS), lines(SNAPSHOTS), strict=True),
        *zip(stamps(CHANGES), lines(CHANGES), strict=True),
    ]
    arrivals = [body for _, body in sorted(timed)]

    events = [event for body in arrivals for event in decode(session, body)]

    assert {type(event) for event in events} == {Book, Quote}
    books = [event for event in events if isinstance(event, Book)]
    mine = [book for book in books if str(book.instrument) == product]
    assert [(book.bids, book.asks) for book in mine] == plain_books(product, arrivals)
    assert len(mine) > 100
    assert all(book.bids[0].price < book.asks[0].price for book in mine)


@pytest.mark.parametrize(
    "name",
    [
        "cryptofeed-exchange_match",
        "cryptofeed-exchange_last_match",
        "cryptomsgparser-exchange_last_match",
    ],
)
def test_trades_are_those_of_a_plain_reading(name: str) -> None:
    told = [json.loads(body) for body in lines(name)]

    trades = [event for event in decode_all(name) if isinstance(event, Trade)]

    assert len(trades) == len(told)
    for trade, row in zip(trades, told, strict=True):
        assert str(trade.instrument) == row["product_id"]
        assert (trade.trade_id, trade.sequence) == (str(row["trade_id"]), row["trade_id"])
        assert trade.side == {"buy": "sell", "sell": "buy"}[row["side"]]
        assert (trade.price, trade.size) == (float(row["price"]), float(row["size"]))
        assert trade.event_ns == ns_of(row["time"])
        assert trade.backfilled == (row["type"] == "last_match")


def test_the_taker_of_a_trade_is_the_one_that_its_ticker_names() -> None:
    tickers = {row["trade_id"]: row for row in map(json.loads, lines("cryptofeed-exchange_ticker"))}

    trades = decode_all("cryptofeed-exchange_match", "cryptofeed-exchange_last_match")

    sides = [
        (event.side, tickers[int(event.trade_id)]["side"])
        for event in trades
        if isinstance(event, Trade) and int(event.trade_id) in tickers
    ]
    assert len(sides) > 20
    assert all(ours == theirs for ours, theirs in sides)


def test_tickers_give_a_summary_a_second() -> None:
    told = {
        (row["product_id"], ns_of(row["time"])): row
        for row in map(json.loads, reversed(lines("cryptofeed-exchange_ticker")))
    }  # of those with the same time the first is told

    summaries = decode_all("cryptofeed-exchange_ticker")

    assert len(summaries) > 20
    for summary in summaries:
        assert isinstance(summary, Summary)
        row = told[str(summary.instrument), summary.event_ns]
        assert (summary.open, summary.high) == (float(row["open_24h"]), float(row["high_24h"]))
        assert (summary.low, summary.volume) == (float(row["low_24h"]), float(row["volume_24h"]))
        assert (summary.bid, summary.ask) == (float(row["best_bid"]), float(row["best_ask"]))


def test_a_book_over_rest_is_read() -> None:
    [body] = lines("cryptomsgparser-exchange_rest")
    told = json.loads(body)

    book, quote = decode(a_session(), body, "ADA-USD")

    assert isinstance(book, Book)
    assert isinstance(quote, Quote)
    assert [(one.price, one.size) for one in book.asks] == [
        (float(price), float(size)) for price, size, _ in told["asks"]
    ]
    assert (quote.bid, quote.ask) == (0.1135, 0.1137)


@pytest.mark.parametrize(
    "name",
    [
        "cryptofeed-exchange_subscriptions",
        "cryptomsgparser-exchange_open",
        "jkorf-at_heartbeats",
        "nautilus-at_subscriptions",
    ],
)
def test_what_is_no_market_event_has_no_effect(name: str) -> None:
    assert decode_all(name) == []


def test_books_of_the_other_feed_are_read() -> None:
    first, _, second, quote = decode_all("nautilus-at_l2_data")

    assert isinstance(first, Book)
    assert first.bids == (Level(68_900.0, 1.5), Level(68_899.5, 0.75), Level(68_899.0, 2.3))
    assert first.asks == (Level(68_901.0, 0.5), Level(68_901.5, 1.2), Level(68_902.0, 0.8))
    assert isinstance(second, Book)
    assert (second.bids[0], second.asks[0]) == (Level(68_900.0, 2.0), Level(68_901.5, 1.2))
    assert isinstance(quote, Quote)
    assert quote.event_ns == ns_of("2026-04-07T14:30:01.456789Z")


def test_trades_of_the_other_feed_are_read() -> None:
    [told] = json.loads(lines("nautilus-at_market_trades")[0])["events"]

    trades = [one for one in decode_all("nautilus-at_market_trades") if isinstance(one, Trade)]

    assert [(one.trade_id, one.price, one.size) for one in trades] == [
        (row["trade_id"], float(row["price"]), float(row["size"])) for row in told["trades"]
    ]
    assert [(one.side, one.event_ns) for one in trades] == [
        ("sell", ns_of("2026-04-07T14:30:02.789012Z")),
        ("buy", ns_of("2026-04-07T14:30:02.800000Z")),
    ]


def test_tickers_of_the_other_feed_are_read() -> None:
    summary, quote, batched = decode_all("nautilus-at_ticker", "jkorf-at_ticker_batch")

    assert isinstance(summary, Summary)
    assert (summary.last, summary.volume) == (68_900.5, 15_328.12345678)
    assert isinstance(quote, Quote)
    assert (quote.bid, quote.bid_size, quote.ask) == (68_900.0, 1.5, 68_901.0)
    assert isinstance(batched, Summary)
    assert (batched.symbol, batched.bid, batched.low) == ("ETH-USDT", None, 21_835.29)


def test_candles_of_the_other_feed_are_read_with_their_intervals() -> None:
    [live] = decode_all("jkorf-at_candles")
    older, newer = decode_all("nautilus-rest_candles", hint="BTC-USD")

    assert isinstance(live, VenueCandle)
    assert (live.interval, live.start_ns) == ("5m", 1_688_998_200_000_000_000)
    assert (live.open, live.high, live.low, live.close) == (1867.38, 1867.72, 1865.63, 1866.81)
    assert isinstance(older, VenueCandle)
    assert (older.interval, older.open, older.closed) == ("1h", 65_984.18, True)
    assert isinstance(newer, VenueCandle)
    assert newer.volume == 355.82896243


def test_products_of_the_other_interface_are_listed() -> None:
    [body] = lines("nautilus-rest_products")
    asking = VENUE.list_instruments(VENUE)
    next(asking)

    request = a_session().recognise(body, "")
    with pytest.raises(StopIteration) as done:
        asking.send(body)

    assert request is not None
    assert request.about == ("instruments", None)
    listings: list[Listing] = done.value.value
    assert [(one.symbol, one.instrument, one.name) for one in listings] == [
        (row["product_id"], Instrument.parse(row["product_id"]), row["base_name"])
        for row in json.loads(body)["products"]
    ]
    assert (listings[0].tick_size, listings[0].lot_size) == (0.01, 1e-8)
