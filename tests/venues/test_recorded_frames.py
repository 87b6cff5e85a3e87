"""Frames that the venues really sent, from the folder that CRYPTOTRACKER_FRAMES names.

One frame or REST body is on each line of ``<venue>/<source>-<kind>.jsonl``; a ``.meta.tsv`` beside
it gives the time of receipt and the symbol of each line.
"""

import json
import os
import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from market import Book, Event, Instrument, Listing, Quote, Trade, VenueRefusedError, VenueStatus
from stream_service.venue import HttpRequest, Session
from tests.venues.cases import VENUES
from tests.venues.playing import NOW

FOLDER = os.environ.get("CRYPTOTRACKER_FRAMES")
pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="CRYPTOTRACKER_FRAMES names no folder of recorded frames"
)

SIMPLE = {
    "ty": "type",
    "cd": "code",
    "tms": "timestamp",
    "ttms": "trade_timestamp",
    "tp": "trade_price",
    "tv": "trade_volume",
    "ab": "ask_bid",
    "sid": "sequential_id",
    "st": "stream_type",
    "obu": "orderbook_units",
    "ap": "ask_price",
    "bp": "bid_price",
    "as": "ask_size",
    "bs": "bid_size",
}
"""Upbit's short keys, in which it was recorded, and the long ones that we read."""


def lines(path: str) -> list[bytes]:
    return (Path(FOLDER or "") / path).with_suffix(".jsonl").read_bytes().splitlines()


def stamps(path: str) -> list[tuple[float, str]]:
    rows = (Path(FOLDER or "") / path).with_suffix(".meta.tsv").read_text().splitlines()[1:]
    return [(float(at), key) for _, at, key in (row.split("\t") for row in rows)]


def a_session(venue: str, *listings: tuple[str, str]) -> Session:
    """Open a session for pairs of instrument and symbol."""
    return VENUES[venue].session(
        [Listing(instrument=Instrument.parse(name), symbol=symbol) for name, symbol in listings]
    )


def read(session: Session, frames: Sequence[bytes]) -> list[Event]:
    return [event for frame in frames for event in session.receive(frame, NOW)]


def padded(frame: bytes, price_places: int, size_places: int) -> bytes:
    """Give back the zeros that a recorder took from the numbers of a Kraken book."""

    def pad(match: re.Match[bytes]) -> bytes:
        places = price_places if match[1] == b"price" else size_places
        return b'"%s":%s' % (match[1], f"{Decimal(match[2].decode()):.{places}f}".encode())

    return re.sub(rb'"(price|qty)":([0-9.eE+-]+)', pad, frame)


def test_binance_quotes_are_read_and_their_numbers_rise() -> None:
    listings = [("NKN-USDT", "NKNUSDT"), ("LRC-BTC", "LRCBTC"), ("BLZ-ETH", "BLZETH")]
    frames = lines("binance/cryptofeed-bookTicker")

    events = read(a_session("binance", *listings), frames)

    quotes = [event for event in events if isinstance(event, Quote)]
    assert len(quotes) == len(frames)
    for quote, frame in zip(quotes, frames, strict=True):
        told = json.loads(frame)["data"]
        assert f"{quote.bid:.8f} {quote.ask_size:.8f}" == f"{told['b']} {told['A']}"
        assert quote.bid < quote.ask
    for instrument in {quote.instrument for quote in quotes}:
        numbers = [quote.sequence for quote in quotes if quote.instrument == instrument]
        assert numbers == sorted(set(numbers))


def test_binance_books_chain_onto_their_snapshots_without_a_gap() -> None:
    session = a_session("binance", ("LRC-BTC", "LRCBTC"), ("BLZ-ETH", "BLZETH"))
    changes = lines("binance/cryptofeed-depthUpdate")
    seeds = lines("binance/cryptofeed-rest_depth")
    arrivals = [
        *zip(stamps("binance/cryptofeed-depthUpdate"), changes, strict=True),
        *zip(stamps("binance/cryptofeed-rest_depth"), seeds, strict=True),
    ]
    instruments = {row.symbol: row.instrument for row in session.listings.values()}

    events: list[Event] = []
    for (_, symbol), frame in sorted(arrivals):
        if frame in seeds:
            request = HttpRequest("", ("depth", instruments[symbol]))
            events += session.answered(request, frame, NOW)
        else:
            events += session.receive(frame, NOW)

    assert {type(event) for event in events} == {Book}
    assert session.requests() == []
    for symbol, instrument in instruments.items():
        last = [event for event in events if isinstance(event, Book)]
        last = [book for book in last if book.instrument == instrument]
        assert _plainly_kept_book(symbol, changes, seeds) == (
            [(level.price, level.size) for level in last[-1].bids],
            [(level.price, level.size) for level in last[-1].asks],
        )


def test_binance_trades_are_read() -> None:
    [trade] = read(a_session("binance", ("BNB-BTC", "BNBBTC")), lines("binance/jkorf-trade"))

    assert isinstance(trade, Trade)
    assert (trade.trade_id, trade.side, trade.price, trade.size) == ("12345", "sell", 0.001, 100.0)
    assert trade.event_ns == 1_672_515_782_136_000_000


@pytest.mark.parametrize(
    ("path", "pair", "places"),
    [
        ("kraken/wire2025-v2_book", "ETH/USD", None),
        ("kraken/pykrakensdk-v2_book_BTCUSD_first120", "BTC/USD", (1, 8)),
        ("kraken/jkorf-v2_book", "ETH/USDT", (4, 8)),
    ],
)
def test_every_checksum_of_a_kraken_book_matches(
    path: str, pair: str, places: tuple[int, int] | None
) -> None:
    frames = lines(path)
    if places is not None:
        frames = [padded(frame, *places) for frame in frames]

    events = read(a_session("kraken", (pair, pair)), frames)

    assert [type(event) for event in events] == [Book] * len(frames)


def test_kraken_quotes_and_trades_are_read() -> None:
    session = a_session("kraken", ("USDT-USD", "USDT/USD"), ("BTC-USD", "BTC/USD"))

    [quote] = read(session, lines("kraken/wire2026-v2_ticker"))
    sold, bought = read(session, lines("kraken/wire2026-v2_trade"))

    assert isinstance(quote, Quote)
    assert (quote.bid, quote.bid_size) == (0.9998, 44620.68691883)
    assert (quote.ask, quote.ask_size) == (0.99981, 1087605.70466858)
    assert quote.event_ns == 1_790_222_058_054_886_000
    assert isinstance(sold, Trade)
    assert (sold.trade_id, sold.side, sold.price, sold.size) == ("42", "sell", 63500.1, 0.5)
    assert isinstance(bought, Trade)
    assert (bought.trade_id, bought.side) == ("43", "buy")


def test_a_pair_that_kraken_does_not_know_is_said_to_be_refused() -> None:
    session = a_session("kraken", ("NOPE-USD", "NOPE/USD"))

    [status] = read(session, lines("kraken/wire2026-v2_subscribe_error"))

    assert isinstance(status, VenueStatus)
    assert (status.state, status.reason) == ("refused", "Currency pair not supported NOPE/USD")


@pytest.mark.parametrize(
    ("venue", "path"),
    [
        ("kraken", "kraken/wire2026-v2_status"),
        ("kraken", "kraken/wire2026-v2_heartbeat"),
        ("kraken", "kraken/wire2026-v2_subscribe_ack"),
        ("kraken", "kraken/wire2025-v2_subscribe_ack"),
        ("kraken", "kraken/nautilus-v2_pong"),
        ("kraken", "kraken/wire2026-v2_ohlc"),
        ("binance", "binance/cryptofeed-kline"),
        ("binance", "binance/cryptofeed-aggTrade"),
        ("upbit", "upbit/probe202609-status"),
        ("upbit", "upbit/jkorf-candle"),
        ("upbit", "upbit/jkorf-ticker"),
    ],
)
def test_what_was_not_asked_for_has_no_effect(venue: str, path: str) -> None:
    assert read(a_session(venue, ("BTC-USDT", "BTCUSDT")), lines(path)) == []


def test_kraken_trades_over_rest_are_read() -> None:
    session = a_session("kraken", ("BTC-USD", "BTC/USD"))
    request = HttpRequest("", ("trades", Instrument("BTC", "USD")))

    trades = list(session.answered(request, lines("kraken/jkorf-rest_Trades")[0], NOW))

    assert [(event.trade_id, event.side) for event in trades if isinstance(event, Trade)] == [
        ("61044952", "buy"),
        ("61044953", "sell"),
        ("61044956", "sell"),
    ]
    assert trades[0].event_ns == 1_688_669_597_827_736_900


def test_upbit_books_give_quotes() -> None:
    session = a_session("upbit", ("BTC-KRW", "KRW-BTC"), ("ETH-KRW", "KRW-ETH"))

    frames = [*lines("upbit/probe202609-orderbook"), *lines("upbit/jkorf-orderbook")]
    events = read(session, frames)

    quotes = [event for event in events if isinstance(event, Quote)]
    assert [(quote.bid, quote.ask) for quote in quotes] == [
        (116_538_000.0, 116_539_000.0),
        (137_001_000.0, 137_002_000.0),
    ]
    assert quotes[0].event_ns == 1_790_134_742_106_000_000


def test_upbit_trades_over_both_ways_are_read() -> None:
    session = a_session("upbit", ("BTC-KRW", "KRW-BTC"), ("ETH-KRW", "KRW-ETH"))
    request = HttpRequest("", ("trades", Instrument("BTC", "KRW")))

    [live] = read(session, lines("upbit/jkorf-trade"))
    [old] = session.answered(request, lines("upbit/jkorf-rest_trades_ticks")[0], NOW)

    assert isinstance(live, Trade)
    assert (live.side, live.size, live.event_ns) == ("sell", 8.428e-05, 1_696_585_056_846_000_000)
    assert isinstance(old, Trade)
    assert (old.side, old.price, old.sequence) == ("buy", 147_058_000.0, 17_510_687_993_360_000)


def test_upbits_error_ends_the_connection() -> None:
    with pytest.raises(VenueRefusedError, match="NO_TICKET"):
        read(a_session("upbit", ("BTC-KRW", "KRW-BTC")), lines("upbit/probe202609-error"))


def test_a_recording_of_upbit_is_read_whole() -> None:
    frames = [
        _in_long_keys(frame)
        for kind in ("orderbook", "trade")
        for frame in lines(f"upbit/cryptofeed-simple_{kind}")
    ]
    codes = {str(json.loads(frame)["code"]) for frame in frames}
    session = a_session("upbit", *[("-".join(code.split("-")[::-1]), code) for code in codes])

    events = read(session, frames)

    kinds = [type(event) for event in events]
    assert kinds.count(Book) == kinds.count(Quote) == 73
    assert kinds.count(Trade) == 152
    assert all(event.sequence > 0 for event in events)


@pytest.mark.parametrize(
    ("venue", "path", "known"),
    [
        ("binance", "binance/cryptofeed-rest_exchangeInfo_trimmed", ("ETH-BTC", "ETHBTC")),
        ("kraken", "kraken/cryptofeed-rest_AssetPairs_trimmed", ("DOGE-USD", "DOGE/USD")),
        ("upbit", "upbit/cryptofeed-rest_market_all", ("ETH-BTC", "BTC-ETH")),
    ],
)
def test_recorded_listings_are_read(venue: str, path: str, known: tuple[str, str]) -> None:
    asking = VENUES[venue].list_instruments(VENUES[venue])
    next(asking)

    with pytest.raises(StopIteration) as done:
        asking.send(lines(path)[0])

    assert known in [(str(row.instrument), row.symbol) for row in done.value.value]


def _in_long_keys(frame: bytes) -> bytes:
    def rename(value: object) -> object:
        match value:
            case dict():
                return {SIMPLE.get(key, key): rename(inner) for key, inner in value.items()}
            case list():
                return [rename(inner) for inner in value]
        return value

    return msgspec.json.encode(rename(json.loads(frame)))


def _plainly_kept_book(
    symbol: str, changes: Sequence[bytes], seeds: Sequence[bytes]
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Keep the book the plain way: a snapshot, and every later change on top of it."""
    wanted = [json.loads(frame)["data"] for frame in changes]
    wanted = [change for change in wanted if change["s"] == symbol]
    symbols = [key for _, key in stamps("binance/cryptofeed-rest_depth")]
    seed = json.loads(seeds[symbols.index(symbol)])
    bids, asks = dict(seed["bids"]), dict(seed["asks"])
    for change in wanted:
        if change["u"] > seed["lastUpdateId"]:
            bids.update(change["b"])
            asks.update(change["a"])
    sides = [
        sorted((float(price), float(size)) for price, size in side.items() if float(size))
        for side in (bids, asks)
    ]
    return sides[0][::-1][:10], sides[1][:10]
