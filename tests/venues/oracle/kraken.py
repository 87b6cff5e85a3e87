"""Kraken, as its documents say: both interfaces of the stream, and REST."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any
from zlib import crc32

from hypothesis import strategies as st

from tests.venues.oracle.plain import (
    SECOND_NS,
    BookFact,
    CandleFact,
    Fact,
    Kind,
    Levels,
    PlainBook,
    PlainNumber,
    QuoteFact,
    Sides,
    TradeFact,
    Tree,
    amounts,
    big_ids,
    candle_fact,
    changes,
    each,
    fields,
    iso_ns,
    iso_times,
    levels_of,
    minutes,
    one,
    quote_fact,
    rows,
    sides,
    some,
    texts,
)

SYMBOLS = {
    "BTC/USD": "BTC-USD",
    "DOGE/EUR": "DOGE-EUR",
    "USDT/USD": "USDT-USD",
    "1INCH/GBP": "1INCH-GBP",
}
OLD_SYMBOLS = {"XBT/EUR": "BTC-EUR", "XDG/USD": "DOGE-USD", "ETH/XBT": "ETH-BTC"}
symbols = st.sampled_from(sorted(SYMBOLS))
old_symbols = st.sampled_from(sorted(OLD_SYMBOLS))
kinds = st.sampled_from(["snapshot", "update"])

trade_rows = fields(
    symbol=symbols,
    side=st.sampled_from(["buy", "sell"]),
    price=amounts,
    qty=amounts,
    ord_type=st.sampled_from(["market", "limit"]),
    trade_id=big_ids,
    timestamp=iso_times(),
)
trades = fields(channel="trade", type=kinds, data=rows(trade_rows))


def trade(tree: Tree) -> Iterable[Fact]:
    for row in tree["data"]:
        yield TradeFact(
            SYMBOLS[row["symbol"]],
            str(row["trade_id"]),
            row["side"],
            row["price"],
            row["qty"],
            iso_ns(row["timestamp"]),
            tree["type"] == "snapshot",
        )


@st.composite
def ticker_rows(draw: st.DrawFn) -> Tree:
    bid, ask = sorted(draw(st.lists(amounts, min_size=2, max_size=2, unique=True)))
    row = {
        "symbol": draw(symbols), "bid": bid, "bid_qty": draw(amounts), "ask": ask,
        "ask_qty": draw(amounts), "last": bid, "volume": draw(amounts), "vwap": bid, "low": bid,
        "high": ask, "change": Decimal("-0.5"), "change_pct": Decimal("0.00"),
    }  # fmt: skip
    if draw(st.booleans()):
        row |= {"trades": 7, "timestamp": draw(iso_times())}
    return row


def quote(tree: Tree) -> Iterable[Fact]:
    for row in tree["data"]:
        at = iso_ns(row["timestamp"]) if "timestamp" in row else None
        yield QuoteFact(
            SYMBOLS[row["symbol"]], row["bid"], row["bid_qty"], row["ask"], row["ask_qty"], at
        )


def checksum(book: PlainBook) -> int:
    """Add up the ten best asks, then the ten best bids, without dots and leading zeros."""
    best = [*sorted(book.asks.items())[:10], *sorted(book.bids.items(), reverse=True)[:10]]
    digits = [f"{number:f}".replace(".", "").lstrip("0") for level in best for number in level]
    return crc32("".join(digits).encode())


def named_levels(levels: Levels) -> list[Tree]:
    return [{"price": price, "qty": size} for price, size in levels]


@st.composite
def books(draw: st.DrawFn) -> Sequence[Tree]:
    """Draw a snapshot of ten levels a side at most, and changes within them."""
    first = draw(sides(places=1, deep=5))
    symbol = draw(symbols)
    book = PlainBook(*first)
    frames: list[Tree] = []
    for number in range(draw(st.integers(1, 4))):
        change: Sides = first if number == 0 else draw(changes(first))
        book.put(*change)
        row: dict[str, Any] = {
            "symbol": symbol,
            "bids": named_levels(change.bids),
            "asks": named_levels(change.asks),
            "checksum": checksum(book),
        }
        if number or draw(st.booleans()):
            row["timestamp"] = draw(iso_times())
        kind = "update" if number else "snapshot"
        frames.append({"channel": "book", "type": kind, "data": [row]})
    return frames


def book(trees: Sequence[Tree]) -> Iterable[Fact]:
    kept = PlainBook()
    for tree in trees:
        [row] = tree["data"]
        kept.put(*(levels_of([(r["price"], r["qty"]) for r in row[s]]) for s in ("bids", "asks")))
        at = iso_ns(row["timestamp"]) if "timestamp" in row else None
        yield kept.fact(SYMBOLS[row["symbol"]], at)


@st.composite
def ohlc_rows(draw: st.DrawFn) -> Tree:
    low, first, last, high = sorted(draw(st.lists(amounts, min_size=4, max_size=4)))
    start = draw(iso_times(most=0))[:17] + "00"
    return {
        "symbol": draw(symbols), "open": last, "high": high, "low": low, "close": first,
        "trades": 5, "volume": draw(amounts), "vwap": first, "interval": 1,
        "interval_begin": start + draw(st.sampled_from(["Z", ".000000Z", ".000000000Z"])),
        "timestamp": start + ".000000Z",
    }  # fmt: skip


def ohlc(tree: Tree) -> Iterable[Fact]:
    for row in tree["data"]:
        names = ("open", "high", "low", "close", "volume")
        yield candle_fact(
            SYMBOLS[row["symbol"]], iso_ns(row["interval_begin"]), (row[n] for n in names)
        )


seconds = st.builds(
    lambda second, micro, places: f"{second}.{micro:06d}{'0' * places}",
    st.integers(1_420_070_400, 2_051_222_400),
    st.integers(0, 999_999),
    st.integers(0, 3),
)


def seconds_ns(text: str) -> int:
    return int(Decimal(text) * SECOND_NS)


old_trades = st.tuples(
    st.integers(1, 9_999),
    rows(
        st.tuples(texts, texts, seconds, st.sampled_from("bs"), st.sampled_from("ml"), st.just(""))
    ),
    st.just("trade"),
    old_symbols,
)


def old_trade(tree: Tree) -> Iterable[Fact]:
    for price, size, time, side, *_ in tree[1]:
        yield TradeFact(
            OLD_SYMBOLS[tree[3]],
            "",
            {"b": "buy", "s": "sell"}[side],
            Decimal(price),
            Decimal(size),
            seconds_ns(time),
        )


@st.composite
def old_spreads(draw: st.DrawFn) -> Tree:
    bid, ask = sorted(draw(st.lists(amounts, min_size=2, max_size=2, unique=True)))
    inner = [f"{bid:f}", f"{ask:f}", draw(seconds), draw(texts), draw(texts)]
    return [0, inner, "spread", draw(old_symbols)]


def old_spread(tree: Tree) -> Iterable[Fact]:
    bid, ask, time, bid_size, ask_size = tree[1]
    numbers = (Decimal(bid), Decimal(bid_size), Decimal(ask), Decimal(ask_size))
    yield quote_fact(OLD_SYMBOLS[tree[3]], numbers, event_ns=seconds_ns(time))


rest_trades = fields(
    error=[],
    result=fields(
        XXBTZUSD=rows(
            st.tuples(
                texts,
                texts,
                seconds.map(PlainNumber),
                st.sampled_from("bs"),
                st.sampled_from("ml"),
                st.just(""),
                big_ids,
            ).map(list)
        ),
        last="1688671969993150842",
    ),
)


def rest_trade(tree: Tree) -> Iterable[Fact]:
    for price, size, time, side, _, _, number in tree["result"]["XXBTZUSD"]:
        yield TradeFact(
            "BTC-USD",
            str(number),
            {"b": "buy", "s": "sell"}[side],
            Decimal(price),
            Decimal(size),
            seconds_ns(time),
            backfilled=True,
        )


@st.composite
def rest_candles(draw: st.DrawFn) -> Tree:
    found = []
    for minute in sorted(draw(st.lists(minutes, min_size=1, max_size=4, unique=True))):
        low, first, last, high = (
            f"{n:f}" for n in sorted(draw(st.lists(amounts, min_size=4, max_size=4)))
        )
        found.append([minute * 60, last, high, low, first, first, draw(texts), 3])
    return {"error": [], "result": {"XXBTZUSD": found, "last": found[-1][0]}}


def rest_candle(tree: Tree) -> Iterable[Fact]:
    for start, *prices, _, volume, _ in tree["result"]["XXBTZUSD"]:
        yield candle_fact("BTC-USD", start * SECOND_NS, map(Decimal, (*prices, volume)))


KINDS = {
    "trade": Kind(one(trades), each(trade), (TradeFact,), rising=("trade_id", "timestamp")),
    "ticker": Kind(
        some(fields(channel="ticker", type=kinds, data=rows(ticker_rows(), 2))),
        each(quote),
        (QuoteFact,),
        rising=("timestamp",),
    ),
    "book": Kind(books(), book, (BookFact,)),
    "ohlc": Kind(
        one(fields(channel="ohlc", type=kinds, timestamp=iso_times(), data=rows(ohlc_rows()))),
        each(ohlc),
        (CandleFact,),
        rising=("interval_begin",),
    ),
    "v1_trade": Kind(one(old_trades), each(old_trade), (TradeFact,), numbers_trades=False),
    "v1_spread": Kind(some(old_spreads()), each(old_spread), (QuoteFact,)),
    "rest_trades": Kind(
        one(rest_trades), each(rest_trade), (TradeFact,), hint="BTC/USD", rising=(2, 6)
    ),
    "rest_candles": Kind(one(rest_candles()), each(rest_candle), (CandleFact,), hint="BTC/USD"),
}
