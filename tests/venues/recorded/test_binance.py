"""What Binance really sent, read by us and, plainly, once more here.

The folder that CRYPTOTRACKER_FRAMES names holds one frame or REST body on each line of
``binance/<source>-<kind>.jsonl``; a ``.meta.tsv`` beside it gives the time of receipt and the
symbol of each line.
"""

import json
import os
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from market import (
    Book,
    Event,
    FrameError,
    Gap,
    Listing,
    Quote,
    Summary,
    Trade,
    VenueCandle,
    VenueStatus,
)
from stream_service.venue import Options, Session
from stream_service.venues.binance import VENUE

FOLDER = os.environ.get("CRYPTOTRACKER_FRAMES")
pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="CRYPTOTRACKER_FRAMES names no folder of recorded frames"
)

NOW = 1_700_000_000_000_000_000
MS = 1_000_000
QUOTES = ("USDT", "BTC", "ETH")


def guess(symbol: str) -> Listing:
    return Listing(instrument=VENUE.instrument(symbol), symbol=symbol)


def a_session() -> Session:
    """Open a session for frames that somebody else subscribed to."""
    return VENUE.session([], Options(guess=guess))


def lines(name: str) -> list[bytes]:
    return (Path(FOLDER or "") / "binance" / f"{name}.jsonl").read_bytes().splitlines()


def stamps(name: str) -> list[tuple[float, str]]:
    path = Path(FOLDER or "") / "binance" / f"{name}.meta.tsv"
    rows = [row.split("\t") for row in path.read_text().splitlines()[1:]]
    return [(float(at), key) for _, at, key in rows]


def decode(session: Session, body: bytes, hint: str = "") -> Sequence[Event]:
    """Read a line of a recording, whatever it is."""
    request = session.recognise(body, hint)
    if request is None:
        return session.receive(body, NOW)
    return session.answered(request, body, NOW)


def plainly(body: bytes) -> Any:
    """Read a line with all digits; of a stream, its data."""
    read = json.loads(body, parse_float=Decimal)
    return read.get("data", read) if isinstance(read, dict) else read


def dashed(symbol: str) -> str:
    """Split a symbol of the recordings."""
    end = next(code for code in QUOTES if symbol.endswith(code))
    return f"{symbol.removesuffix(end)}-{end}"


def exactly(value: float | None) -> Decimal:
    """Return the digits of a number."""
    return Decimal(repr(value))


def test_every_recorded_line_is_read_or_refused_for_its_year() -> None:
    refused = []
    for path in sorted((Path(FOLDER or "") / "binance").glob("*.jsonl")):
        session = a_session()
        hints = [key for _, key in stamps(path.stem)] if has_stamps(path) else []
        for number, body in enumerate(path.read_bytes().splitlines()):
            hint = hints[number] if hints else "ETHUSDT"
            try:
                events = decode(session, body, hint)
            except FrameError:
                refused.append(path.stem)
                continue
            told = plainly(body)
            is_waiting = isinstance(told, dict) and told.get("e") == "depthUpdate"
            is_listing = isinstance(told, dict) and "symbols" in told
            assert bool(events) is not (is_waiting or is_listing), path.stem

    assert refused == ["jkorf-kline"]  # an example of the documents, of a minute in 1970


def has_stamps(path: Path) -> bool:
    return path.with_suffix(".meta.tsv").exists()


@pytest.mark.parametrize("name", ["cryptofeed-bookTicker", "jkorf-bookTicker"])
def test_quotes_are_read_and_their_numbers_rise(name: str) -> None:
    session, frames = a_session(), lines(name)

    quotes = [event for frame in frames for event in decode(session, frame)]

    last: dict[str, int] = {}
    for quote, told in zip(quotes, map(plainly, frames), strict=True):
        assert isinstance(quote, Quote)
        assert str(quote.instrument) == dashed(told["s"])
        assert exactly(quote.bid) == Decimal(told["b"])
        assert exactly(quote.bid_size) == Decimal(told["B"])
        assert exactly(quote.ask) == Decimal(told["a"])
        assert exactly(quote.ask_size) == Decimal(told["A"])
        assert (quote.event_ns, quote.sequence) == (NOW, told["u"])
        assert quote.sequence > last.get(told["s"], 0)
        last[told["s"]] = quote.sequence


@pytest.mark.parametrize(
    ("name", "number"),
    [("jkorf-trade", "t"), ("jkorf-aggTrade", "a"), ("cryptofeed-aggTrade", "a")],
)
def test_trades_and_aggregates_are_read(name: str, number: str) -> None:
    for frame in lines(name):
        [trade] = decode(a_session(), frame)
        told = plainly(frame)

        assert isinstance(trade, Trade)
        assert str(trade.instrument) == dashed(told["s"])
        assert (trade.trade_id, trade.sequence) == (str(told[number]), told[number])
        assert exactly(trade.price) == Decimal(told["p"])
        assert exactly(trade.size) == Decimal(told["q"])
        assert trade.side == ("sell" if told["m"] else "buy")
        assert trade.event_ns == told["T"] * MS


@pytest.mark.parametrize("name", ["cryptofeed-kline", "cryptomsgparser-ws_kline"])
def test_candles_are_read(name: str) -> None:
    for frame in lines(name):
        [candle] = decode(a_session(), frame)
        told = plainly(frame)

        assert isinstance(candle, VenueCandle)
        assert str(candle.instrument) == dashed(told["s"])
        row = told["k"]
        assert (candle.interval, candle.trades, candle.closed) == (row["i"], row["n"], row["x"])
        assert (candle.start_ns, candle.event_ns) == (row["t"] * MS, told["E"] * MS)
        ours = (candle.open, candle.high, candle.low, candle.close, candle.volume)
        assert [exactly(value) for value in ours] == [Decimal(row[key]) for key in "ohlcv"]


@pytest.mark.parametrize(
    "name", ["cryptomsgparser-ws_24hrTicker", "jkorf-24hrTicker", "jkorf-miniTicker"]
)
def test_summaries_are_read(name: str) -> None:
    for frame in lines(name):
        [summary] = decode(a_session(), frame)
        told = plainly(frame)

        assert isinstance(summary, Summary)
        assert (summary.symbol, str(summary.instrument)) == (told["s"], dashed(told["s"]))
        ours = (summary.last, summary.open, summary.high, summary.low, summary.volume)
        assert [exactly(value) for value in ours] == [Decimal(told[key]) for key in "cohlv"]
        assert summary.bid == (float(told["b"]) if "b" in told else None)
        assert summary.ask == (float(told["a"]) if "a" in told else None)
        assert summary.event_ns == told["E"] * MS


@pytest.mark.parametrize("name", ["jkorf-partialDepth", "cryptomsgparser-ws_depth20"])
def test_partial_books_are_read(name: str) -> None:
    for frame in lines(name):
        [book] = decode(a_session(), frame)
        symbol = json.loads(frame)["stream"].partition("@")[0].upper()

        assert isinstance(book, Book)
        assert str(book.instrument) == dashed(symbol)
        assert_same_book(book, plainly(frame))


@pytest.mark.parametrize("name", ["cryptofeed-rest_depth", "nautilus-rest_depth_docs"])
def test_snapshots_are_read_alone(name: str) -> None:
    for body in lines(name):
        [book] = decode(a_session(), body, "LRCBTC")

        assert isinstance(book, Book)
        assert_same_book(book, plainly(body))


def test_trades_over_rest_are_read() -> None:
    [body] = lines("jkorf-rest_trades")

    trades = decode(a_session(), body, "ETHUSDT")

    for trade, told in zip(trades, plainly(body), strict=True):
        assert isinstance(trade, Trade)
        assert (trade.sequence, trade.backfilled) == (told["id"], True)
        assert exactly(trade.price) == Decimal(told["price"])
        assert exactly(trade.size) == Decimal(told["qty"])
        assert trade.side == ("sell" if told["isBuyerMaker"] else "buy")
        assert trade.event_ns == told["time"] * MS


def test_candles_over_rest_are_read() -> None:
    [body] = lines("jkorf-rest_klines")

    candles = decode(a_session(), body, "ETHUSDT")

    for candle, told in zip(candles, plainly(body), strict=True):
        assert isinstance(candle, VenueCandle)
        assert (candle.interval, candle.closed, candle.trades) == ("1w", True, told[8])
        assert candle.start_ns == told[0] * MS
        ours = (candle.open, candle.high, candle.low, candle.close, candle.volume)
        assert [exactly(value) for value in ours] == [Decimal(text) for text in told[1:6]]


def test_quotes_over_rest_are_read() -> None:
    [body] = lines("jkorf-rest_bookTicker")

    [quote] = decode(a_session(), body)
    told = plainly(body)

    assert isinstance(quote, Quote)
    assert str(quote.instrument) == dashed(told["symbol"])
    assert exactly(quote.bid) == Decimal(told["bidPrice"])
    assert exactly(quote.ask_size) == Decimal(told["askQty"])


def test_the_listing_is_read() -> None:
    [body] = lines("cryptofeed-rest_exchangeInfo_trimmed")
    asking = VENUE.list_instruments(VENUE)
    next(asking)

    with pytest.raises(StopIteration) as done:
        asking.send(body)

    for listing, told in zip(done.value.value, plainly(body)["symbols"], strict=True):
        assert listing.symbol == told["symbol"]
        assert str(listing.instrument) == f"{told['baseAsset']}-{told['quoteAsset']}"
        assert VENUE.instrument(listing.symbol) == listing.instrument
        rules = {rule["filterType"]: rule for rule in told["filters"]}
        assert exactly(listing.tick_size) == Decimal(rules["PRICE_FILTER"]["tickSize"])
        assert exactly(listing.lot_size) == Decimal(rules["LOT_SIZE"]["stepSize"])
        assert exactly(listing.minimum_notional) == Decimal(rules["MIN_NOTIONAL"]["minNotional"])


def test_books_chain_onto_their_snapshots_without_a_gap() -> None:
    session = a_session()

    events = [event for body, hint in replayed() for event in decode(session, body, hint)]

    assert {type(event) for event in events} == {Book}
    assert session.requests() == []
    for symbol in ("LRCBTC", "BLZETH"):
        books = [event for event in events if isinstance(event, Book)]
        books = [book for book in books if str(book.instrument) == dashed(symbol)]
        assert all(book.bids[0].price < book.asks[0].price for book in books)
        assert_same_book(books[-1], plainly_kept(symbol))


def test_a_lost_change_is_found_and_only_its_book_starts_anew() -> None:
    recording = replayed()
    tried = [number for number in range(len(recording)) if would_be_missed(recording, number)]

    for number in tried:
        session = a_session()
        rest = [*recording[:number], *recording[number + 1 :]]
        events = [event for body, hint in rest for event in decode(session, body, hint)]

        [status] = [event for event in events if isinstance(event, VenueStatus)]
        assert (status.state, str(status.instrument)) == ("resyncing", dashed(recording[number][1]))
        assert [request.about for request in session.requests()] == [("depth", status.instrument)]
        assert not any(isinstance(event, Gap) for event in events)  # told once it is whole again
        shown = [event for event in events[events.index(status) :] if isinstance(event, Book)]
        assert status.instrument not in [book.instrument for book in shown]

    assert len(tried) >= 10


def would_be_missed(recording: Sequence[tuple[bytes, str]], number: int) -> bool:
    """Tell whether a line is a change of a book that was whole, with another one after it."""
    body, symbol = recording[number]
    before = [plainly(one) for one, hint in recording[:number] if hint == symbol]
    after = [hint for _, hint in recording[number + 1 :] if hint == symbol]
    seeds = [told["lastUpdateId"] for told in before if "lastUpdateId" in told]
    return bool(seeds and after) and plainly(body)["u"] > seeds[0]


def replayed() -> list[tuple[bytes, str]]:
    """Return changes and snapshots in the order of their receipt, with their symbols."""
    names = ("cryptofeed-depthUpdate", "cryptofeed-rest_depth")
    arrivals = [row for name in names for row in zip(stamps(name), lines(name), strict=True)]
    return [(body, symbol) for (_, symbol), body in sorted(arrivals)]


def plainly_kept(symbol: str) -> dict[str, Any]:
    """Keep a book the plain way: the snapshot, and every later change on top of it."""
    told = [plainly(body) for body, hint in replayed() if hint == symbol]
    [seed] = [body for body in told if "lastUpdateId" in body]
    bids, asks = dict(seed["bids"]), dict(seed["asks"])
    for body in told:
        if body is not seed and body["u"] > seed["lastUpdateId"]:
            bids.update(body["b"])
            asks.update(body["a"])
    last = max(body.get("u", body.get("lastUpdateId")) for body in told)
    return {"lastUpdateId": last, "bids": list(bids.items()), "asks": list(asks.items())}


def assert_same_book(book: Book, told: dict[str, Any]) -> None:
    assert book.sequence == told["lastUpdateId"]
    for ours, theirs, is_falling in (
        (book.bids, told["bids"], True),
        (book.asks, told["asks"], False),
    ):
        levels = [(Decimal(price), Decimal(size)) for price, size in theirs if Decimal(size)]
        levels.sort(reverse=is_falling)
        assert [(exactly(one.price), exactly(one.size)) for one in ours] == levels[:10]
