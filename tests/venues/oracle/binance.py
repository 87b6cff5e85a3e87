"""Binance, as its documents say: raw and combined frames, milliseconds and microseconds."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tests.venues.oracle.plain import (
    MS_NS,
    BookFact,
    CandleFact,
    Fact,
    Kind,
    PlainBook,
    QuoteFact,
    Sides,
    TradeFact,
    Tree,
    amounts,
    as_texts,
    big_ids,
    book_fact,
    candle_fact,
    changes,
    each,
    fields,
    levels_of,
    microseconds,
    milliseconds,
    minutes,
    one,
    quote_fact,
    rows,
    sides,
    some,
    texts,
)

SYMBOLS = {
    "BTCUSDT": "BTC-USDT",
    "1INCHUSDT": "1INCH-USDT",
    "BTCSTUSDT": "BTCST-USDT",
    "USDTTRY": "USDT-TRY",
    "EURUSDT": "EUR-USDT",
    "FDUSDUSDC": "FDUSD-USDC",
    "BNBBTC": "BNB-BTC",
    "ETHFDUSD": "ETH-FDUSD",
}
symbols = st.sampled_from(sorted(SYMBOLS))


@st.composite
def wrapped(draw: st.DrawFn, event: Any, stream: str, *, always: bool = False) -> Tree:
    """Draw an event as the raw or the combined interface sends it."""
    payload, symbol = draw(event)
    if always or draw(st.booleans()):
        return {"stream": f"{symbol.lower()}@{stream}", "data": payload}
    return payload


def named(event: Any) -> Any:
    return event.map(lambda tree: (tree, tree["s"]))


def inside(tree: Tree) -> Tree:
    return tree.get("data", tree)


def ns(time: int) -> int:
    """Tell milliseconds from microseconds by their magnitude."""
    return time * (1_000 if time > 10**14 else MS_NS)


times = st.one_of(milliseconds, microseconds)
trades = st.one_of(
    fields(
        e="trade",
        E=times,
        s=symbols,
        t=big_ids,
        p=texts,
        q=texts,
        T=times,
        m=st.booleans(),
        M=True,
        optional={"b": big_ids, "a": big_ids},
    ),
)
aggregated = fields(
    e="aggTrade",
    E=times,
    s=symbols,
    a=big_ids,
    p=texts,
    q=texts,
    f=big_ids,
    l=big_ids,
    T=times,
    m=st.booleans(),
    M=True,
)


@st.composite
def quotes(draw: st.DrawFn) -> Tree:
    bid, ask = sorted(draw(st.lists(amounts, min_size=2, max_size=2, unique=True)))
    prices = {"b": f"{bid:f}", "B": draw(texts), "a": f"{ask:f}", "A": draw(texts)}
    return {"u": draw(big_ids), "s": draw(symbols), **prices}


def trade(tree: Tree) -> Iterable[Fact]:
    row = inside(tree)
    yield TradeFact(
        SYMBOLS[row["s"]],
        str(row["t"] if row["e"] == "trade" else row["a"]),
        "sell" if row["m"] else "buy",
        Decimal(row["p"]),
        Decimal(row["q"]),
        ns(row["T"]),
    )


def quote(tree: Tree) -> Iterable[Fact]:
    row = inside(tree)
    numbers = [Decimal(row[key]) for key in "bBaA"]
    yield quote_fact(SYMBOLS[row["s"]], numbers, event_ns=None)


def partial(tree: Tree) -> Iterable[Fact]:
    symbol = tree["stream"].partition("@")[0].upper()
    row = tree["data"]
    yield book_fact(SYMBOLS[symbol], levels_of(row["bids"]), levels_of(row["asks"]), None)


partials = st.tuples(sides(), big_ids, symbols).map(
    lambda drawn: (
        {
            "lastUpdateId": drawn[1],
            "bids": as_texts(drawn[0].bids),
            "asks": as_texts(drawn[0].asks),
        },
        drawn[2],
    )
)


@st.composite
def seeded(draw: st.DrawFn) -> Sequence[Tree]:
    """Draw a snapshot, and changes of which the first bridges it."""
    first = draw(sides(deep=20))
    last = draw(big_ids)
    frames: list[Tree] = [
        {"lastUpdateId": last, "bids": as_texts(first.bids), "asks": as_texts(first.asks)}
    ]
    overlap = draw(st.integers(0, 3))
    for _ in range(draw(st.integers(1, 3))):
        change: Sides = draw(changes(first))
        step = draw(st.integers(1, 5))
        frames.append(
            {
                "stream": "ethusdt@depth@100ms",
                "data": {
                    "e": "depthUpdate",
                    "E": draw(milliseconds),
                    "s": "ETHUSDT",
                    "U": max(last + 1 - overlap, 1),
                    "u": last + step,
                    "b": as_texts(change.bids),
                    "a": as_texts(change.asks),
                },
            }
        )
        last, overlap = last + step, 0
    return frames


def followed(trees: Sequence[Tree]) -> Iterable[Fact]:
    book = PlainBook(levels_of(trees[0]["bids"]), levels_of(trees[0]["asks"]))
    yield book.fact("ETH-USDT", None)
    for tree in trees[1:]:
        row = inside(tree)
        book.put(levels_of(row["b"]), levels_of(row["a"]))
        yield book.fact("ETH-USDT", ns(row["E"]))


recalled_rows = rows(
    fields(
        id=big_ids,
        price=texts,
        qty=texts,
        quoteQty=texts,
        time=times,
        isBuyerMaker=st.booleans(),
        isBestMatch=st.booleans(),
    )
)


def recalled(tree: Tree) -> Iterable[Fact]:
    for row in tree:
        yield TradeFact(
            "ETH-USDT",
            str(row["id"]),
            "sell" if row["isBuyerMaker"] else "buy",
            Decimal(row["price"]),
            Decimal(row["qty"]),
            ns(row["time"]),
            backfilled=True,
        )


@st.composite
def klines(draw: st.DrawFn) -> tuple[Tree, str]:
    low, first, last, high = sorted(draw(st.lists(amounts, min_size=4, max_size=4)))
    if draw(st.booleans()):
        first, last = last, first
    symbol, start = draw(symbols), draw(minutes) * 60_000
    inner = {
        "t": start, "T": start + 59_999, "s": symbol, "i": "1m", "f": 1, "L": 9, "n": 9,
        "o": f"{first:f}", "h": f"{high:f}", "l": f"{low:f}", "c": f"{last:f}",
        "v": draw(texts), "q": draw(texts), "V": "1", "Q": "2", "B": "0", "x": draw(st.booleans()),
    }  # fmt: skip
    return {"e": "kline", "E": start + 100, "s": symbol, "k": inner}, symbol


def candle(tree: Tree) -> Iterable[Fact]:
    row = inside(tree)["k"]
    yield candle_fact(SYMBOLS[row["s"]], row["t"] * MS_NS, (Decimal(row[key]) for key in "ohlcv"))


KINDS = {
    "trade": Kind(
        some(wrapped(named(trades), "trade")), each(trade), (TradeFact,), rising=("t", "T")
    ),
    "aggTrade": Kind(
        some(wrapped(named(aggregated), "aggTrade")), each(trade), (TradeFact,), rising=("a", "T")
    ),
    "bookTicker": Kind(
        some(wrapped(named(quotes()), "bookTicker")), each(quote), (QuoteFact,), rising=("u",)
    ),
    "partial": Kind(
        one(wrapped(partials, "depth20@100ms", always=True)), each(partial), (BookFact,)
    ),
    "depth": Kind(seeded(), followed, (BookFact,), hint="ETHUSDT"),
    "rest_trades": Kind(
        one(recalled_rows), each(recalled), (TradeFact,), hint="ETHUSDT", rising=("id", "time")
    ),
    "kline": Kind(some(wrapped(klines(), "kline_1m")), each(candle), (CandleFact,)),
}
