"""Frames and answers of OKX and of its documents, read plainly beside us."""

import json
import os
from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from market import Book, Event, Instrument, Level, Listing, Quote, Summary, Trade, VenueCandle
from stream_service.venue import Options
from stream_service.venues.okx import VENUE, OkxSession
from tests.venues.playing import NOW

FOLDER = os.environ.get("CRYPTOTRACKER_FRAMES")
pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="CRYPTOTRACKER_FRAMES names no folder of recorded frames"
)

DERIVATIVES = {"BTC-USD-220527": "BTC-USD", "UNI-USD-SWAP": "UNI-USD"}


def lines(name: str) -> list[bytes]:
    return (Path(FOLDER or "") / "okx" / f"{name}.jsonl").read_bytes().splitlines()


def a_session(*, knows_derivatives: bool = False) -> OkxSession:
    """Read what somebody else subscribed to."""
    known = DERIVATIVES if knows_derivatives else {}
    listings = [Listing(instrument=Instrument.parse(of), symbol=row) for row, of in known.items()]

    def guess(symbol: str) -> Listing:
        return Listing(instrument=VENUE.instrument(symbol), symbol=symbol)

    return OkxSession(listings, Options(guess=guess))


def read(name: str, *, knows_derivatives: bool = False) -> list[Event]:
    session = a_session(knows_derivatives=knows_derivatives)
    return [event for frame in lines(name) for event in session.receive(frame, NOW)]


def rows_of(name: str, symbol: str = "") -> list[Any]:
    frames = [json.loads(line) for line in lines(name)]
    return [row for told in frames if symbol in told["arg"]["instId"] for row in told["data"]]


def a_plain_book(name: str, symbol: str) -> list[tuple[dict[str, str], dict[str, str], int]]:
    """Keep a book as text; return it after each frame, with the checksum that came with it."""
    found = []
    bids: dict[str, str] = {}
    asks: dict[str, str] = {}
    for told in map(json.loads, lines(name)):
        if told["arg"]["instId"] != symbol:
            continue
        if told["action"] == "snapshot":
            bids, asks = {}, {}
        for side, rows in ((bids, told["data"][0]["bids"]), (asks, told["data"][0]["asks"])):
            for price, size, *_ in rows:
                side[price] = size
        bids = {price: size for price, size in bids.items() if size != "0"}
        asks = {price: size for price, size in asks.items() if size != "0"}
        found.append((dict(bids), dict(asks), told["data"][0]["checksum"]))
    return found


def ranked(side: dict[str, str], *, falling: bool) -> list[tuple[str, str]]:
    return sorted(side.items(), key=lambda row: Decimal(row[0]), reverse=falling)


def levels(rows: Sequence[tuple[str, str]]) -> tuple[Level, ...]:
    return tuple(Level(float(price), float(size)) for price, size in rows[:10])


@pytest.mark.parametrize("symbol", DERIVATIVES)
def test_recorded_books_are_those_of_a_plain_reading_that_the_checksums_prove(symbol: str) -> None:
    events = read("cryptofeed-books", knows_derivatives=True)

    of = Instrument.parse(DERIVATIVES[symbol])
    books = [event for event in events if isinstance(event, Book) and event.instrument == of]
    plain = a_plain_book("cryptofeed-books", symbol)
    best: list[tuple[object, object]] = []
    for bids, asks, checksum in plain:
        best_bids, best_asks = ranked(bids, falling=True), ranked(asks, falling=False)
        pairs = zip(best_bids[:25], best_asks[:25], strict=True)
        text = ":".join(":".join((*bid, *ask)) for bid, ask in pairs)
        assert crc32(text.encode()) == checksum % 2**32
        best.append((levels(best_bids), levels(best_asks)))
    assert [(book.bids, book.asks) for book in books] == [shown for shown, _ in groupby(best)]
    assert len(books) > 80
    assert all(book.bids[0].price < book.asks[0].price for book in books)


@pytest.mark.parametrize("name", ["jkorf-books", "nautilus-books"])
def test_documented_books_are_read(name: str) -> None:
    books = read(name)

    rows = groupby(rows_of(name), key=lambda row: (row["bids"], row["asks"]))
    for book, (_, [row, *_same]) in zip(books, rows, strict=True):
        assert isinstance(book, Book)
        assert book.bids == levels([(price, size) for price, size, *_ in row["bids"]])
        assert book.asks == levels([(price, size) for price, size, *_ in row["asks"]])
        assert (book.sequence, book.event_ns) == (row["seqId"], int(row["ts"]) * 10**6)


@pytest.mark.parametrize("name", ["cryptofeed-trades", "jkorf-trades"])
def test_trades_are_read(name: str) -> None:
    events = read(name)

    rows = [row for row in rows_of(name) if row["instId"].count("-") == 1]
    for event, row in zip(events, rows, strict=True):
        assert isinstance(event, Trade)
        assert (event.trade_id, event.side) == (row["tradeId"], row["side"])
        assert (event.price, event.size) == (float(row["px"]), float(row["sz"]))
        assert event.event_ns == int(row["ts"]) * 10**6


def test_the_best_levels_are_read() -> None:
    [quote] = read("nautilus-bbo-tbt")

    [row] = rows_of("nautilus-bbo-tbt")
    assert isinstance(quote, Quote)
    assert [str(quote.bid), f"{quote.bid_size:.0f}"] == row["bids"][0][:2]
    assert [str(quote.ask), f"{quote.ask_size:.0f}"] == row["asks"][0][:2]


@pytest.mark.parametrize("name", ["cryptofeed-tickers", "jkorf-tickers"])
def test_summaries_are_read(name: str) -> None:
    events = read(name)

    rows = [row for row in rows_of(name) if row["instId"].count("-") == 1]
    for event, row in zip(events, rows, strict=True):
        assert isinstance(event, Summary)
        keys = ("last", "open24h", "high24h", "low24h", "vol24h", "bidPx", "askPx")
        values = [event.last, event.open, event.high, event.low, event.volume, event.bid, event.ask]
        assert values == [float(row[key]) for key in keys]


def test_candles_over_rest_are_read() -> None:
    [line] = lines("nautilus-rest_candles")
    session = a_session()
    request = session.recognise(line, "BTC-USD")
    assert request is not None

    events = session.answered(request, line, NOW)

    for event, row in zip(events, json.loads(line)["data"], strict=True):
        assert isinstance(event, VenueCandle)
        values = [event.open, event.high, event.low, event.close, event.volume]
        assert values == [float(number) for number in row[1:6]]
        assert (event.start_ns, event.closed) == (int(row[0]) * 10**6, row[8] == "1")


@pytest.mark.parametrize("name", ["cryptofeed-event_subscribe", "jkorf-candle"])
def test_replies_and_days_of_hong_kong_give_no_event(name: str) -> None:
    assert read(name) == []


def test_the_listing_is_read() -> None:
    [line] = lines("nautilus-rest_instruments_spot")
    asking = VENUE.list_instruments(VENUE)
    next(asking)

    with pytest.raises(StopIteration) as done:
        asking.send(line)

    rows = json.loads(line)["data"]
    assert a_session().recognise(line, "") is not None
    for listing, row in zip(done.value.value, rows, strict=True):
        assert str(listing.instrument) == f"{row['baseCcy']}-{row['quoteCcy']}" == listing.symbol
        assert (listing.tick_size, listing.lot_size) == (float(row["tickSz"]), float(row["lotSz"]))
