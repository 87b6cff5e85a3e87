"""KuCoin, as its documents say: the classic stream, the newer one (UTA), and REST."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tests.venues.oracle.plain import (
    MS_NS,
    SECOND_NS,
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
    milliseconds,
    minutes,
    nanoseconds,
    one,
    quote_fact,
    rows,
    sides,
    some,
    texts,
)

SYMBOLS = {
    "BTC-USDT": "BTC-USDT",
    "1INCH-USDT": "1INCH-USDT",
    "DAPPT-BTC": "DAPPT-BTC",
    "BCHSV-USDT": "BCHSV-USDT",
    "USDT-EUR": "USDT-EUR",
}
symbols = st.sampled_from(sorted(SYMBOLS))
hexes = st.integers(0, 16**24 - 1).map(lambda number: f"{number:024x}")
two = st.lists(amounts, min_size=2, max_size=2, unique=True).map(sorted)


def envelope(topic: str, subject: str, payload: Any) -> Tree:
    return {"type": "message", "topic": topic, "subject": subject, "data": payload}


matches = fields(
    sequence=big_ids.map(str), type="match", symbol=symbols,
    side=st.sampled_from(["buy", "sell"]), price=texts, size=texts, tradeId=hexes,
    takerOrderId=hexes, makerOrderId=hexes, time=nanoseconds.map(str),
).map(lambda row: envelope(f"/market/match:{row['symbol']}", "trade.l3match", row))  # fmt: skip


def match(tree: Tree) -> Iterable[Fact]:
    row = tree["data"]
    yield TradeFact(
        SYMBOLS[row["symbol"]],
        row["tradeId"],
        row["side"],
        Decimal(row["price"]),
        Decimal(row["size"]),
        int(row["time"]),
    )


@st.composite
def tickers(draw: st.DrawFn) -> Tree:
    bid, ask = draw(two)
    row = {
        "sequence": str(draw(big_ids)), "price": f"{bid:f}", "size": draw(texts),
        "bestBid": f"{bid:f}", "bestBidSize": draw(texts), "bestAsk": f"{ask:f}",
        "bestAskSize": draw(texts), "time": draw(milliseconds),
    }  # fmt: skip
    symbol = draw(symbols)
    if draw(st.booleans()):
        return envelope("/market/ticker:all", symbol, row)
    return envelope(f"/market/ticker:{symbol}", "trade.ticker", row)


def ticker(tree: Tree) -> Iterable[Fact]:
    row = tree["data"]
    symbol = tree["subject"] if tree["topic"].endswith(":all") else tree["topic"].split(":")[1]
    names = ("bestBid", "bestBidSize", "bestAsk", "bestAskSize")
    # the time is the last trade's, so a quote has none
    yield quote_fact(SYMBOLS[symbol], (Decimal(row[name]) for name in names), event_ns=None)


@st.composite
def level1s(draw: st.DrawFn) -> Tree:
    bid, ask = draw(two)
    row = {
        "asks": [f"{ask:f}", draw(texts)],
        "bids": [f"{bid:f}", draw(texts)],
        "timestamp": draw(milliseconds),
    }
    return envelope(f"/spotMarket/level1:{draw(symbols)}", "level1", row)


def level1(tree: Tree) -> Iterable[Fact]:
    row = tree["data"]
    numbers = [Decimal(text) for text in (*row["bids"], *row["asks"])]
    symbol = tree["topic"].split(":")[1]
    yield quote_fact(SYMBOLS[symbol], numbers, event_ns=row["timestamp"] * MS_NS)


@st.composite
def whole_books(draw: st.DrawFn) -> Tree:
    drawn = draw(sides())
    row = {
        "asks": as_texts(drawn.asks),
        "bids": as_texts(drawn.bids),
        "timestamp": draw(milliseconds),
    }
    depth = draw(st.sampled_from(["5", "50"]))
    return envelope(f"/spotMarket/level2Depth{depth}:{draw(symbols)}", "level2", row)


def whole_book(tree: Tree) -> Iterable[Fact]:
    row = tree["data"]
    symbol = SYMBOLS[tree["topic"].split(":")[1]]
    at = row["timestamp"] * MS_NS
    yield book_fact(symbol, levels_of(row["bids"]), levels_of(row["asks"]), at)


@st.composite
def seeded(draw: st.DrawFn) -> Sequence[Tree]:
    """Draw a snapshot of REST, changes that it holds already, and changes after it."""
    first = draw(sides(deep=20))
    symbol = "BTC-USDT"
    last = draw(st.integers(100, 2**50))
    snapshot = {
        "code": "200000",
        "data": {
            "time": draw(milliseconds), "sequence": str(last), "bids": as_texts(first.bids),
            "asks": as_texts(first.asks),
        },
    }  # fmt: skip
    frames: list[Tree] = [snapshot]
    for number in range(draw(st.integers(1, 3))):
        change: Sides = draw(changes(first))
        held = 2 if number == 0 and draw(st.booleans()) else 0
        start = last + 1 - held
        asks = [[*pair, str(last + 1)] for pair in as_texts(change.asks)]
        bids = [[*pair, str(last + 2)] for pair in as_texts(change.bids)]
        if held:
            # what the snapshot holds already is told once more
            asks.insert(0, [*as_texts(first.asks[:1])[0], str(start)])
        if draw(st.booleans()):
            bids.append(["0", "0", str(last + 2)])
        last += 2
        row: dict[str, Any] = {
            "sequenceStart": start, "sequenceEnd": last, "symbol": symbol,
            "changes": {"asks": asks, "bids": bids},
        }  # fmt: skip
        if draw(st.booleans()):
            row["time"] = draw(milliseconds)
        frames.append(envelope(f"/market/level2:{symbol}", "trade.l2update", row))
    return frames


def followed(trees: Sequence[Tree]) -> Iterable[Fact]:
    seed = trees[0]["data"]
    symbol = SYMBOLS[trees[1]["data"]["symbol"]]
    book = PlainBook(levels_of(seed["bids"]), levels_of(seed["asks"]))
    yield book.fact(symbol, seed["time"] * MS_NS)
    for tree in trees[1:]:
        row = tree["data"]
        news = [
            [level for level in row["changes"][side] if int(level[2]) > int(seed["sequence"])]
            for side in ("bids", "asks")
        ]
        book.put(*(levels_of(level for level in side if level[0] != "0") for side in news))
        yield book.fact(symbol, row["time"] * MS_NS if "time" in row else None)


@st.composite
def candles(draw: st.DrawFn) -> Tree:
    low, first, last, high = (
        f"{n:f}" for n in sorted(draw(st.lists(amounts, min_size=4, max_size=4)))
    )
    symbol = draw(symbols)
    start = str(draw(minutes) * 60)
    row = {
        "symbol": symbol,
        "candles": [start, first, last, high, low, draw(texts), "12.5"],
        "time": draw(nanoseconds),
    }
    subject = draw(st.sampled_from(["trade.candles.update", "trade.candles.add"]))
    return envelope(f"/market/candles:{symbol}_1min", subject, row)


def candle(tree: Tree) -> Iterable[Fact]:
    row = tree["data"]
    start, first, last, high, low, volume, _ = row["candles"]
    numbers = (Decimal(text) for text in (first, high, low, last, volume))
    yield candle_fact(SYMBOLS[row["symbol"]], int(start) * SECOND_NS, numbers)


@st.composite
def rest_candles(draw: st.DrawFn) -> Tree:
    found = []
    for minute in sorted(draw(st.lists(minutes, min_size=1, max_size=4, unique=True)))[::-1]:
        low, first, last, high = (
            f"{n:f}" for n in sorted(draw(st.lists(amounts, min_size=4, max_size=4)))
        )
        found.append([str(minute * 60), first, last, high, low, draw(texts), "12.5"])
    return {"code": "200000", "data": found}


def rest_candle(tree: Tree) -> Iterable[Fact]:
    for start, first, last, high, low, volume, _ in tree["data"][::-1]:
        numbers = (Decimal(text) for text in (first, high, low, last, volume))
        yield candle_fact("BTC-USDT", int(start) * SECOND_NS, numbers)


histories = fields(
    code="200000",
    data=rows(
        fields(
            sequence=big_ids.map(str), price=texts, size=texts,
            side=st.sampled_from(["buy", "sell"]), time=nanoseconds,
        )
    ),
)  # fmt: skip


def history(tree: Tree) -> Iterable[Fact]:
    for row in tree["data"]:
        yield TradeFact(
            "BTC-USDT", row["sequence"], row["side"], Decimal(row["price"]), Decimal(row["size"]),
            row["time"], backfilled=True,
        )  # fmt: skip


newer_trades = fields(
    T="trade.SPOT", P=nanoseconds,
    d=fields(
        E=big_ids, M=nanoseconds, S=st.sampled_from(["sell", "buy", "SELL", "BUY"]), p=texts,
        q=texts, s=symbols, ti=big_ids.map(str),
    ),
)  # fmt: skip


def newer_trade(tree: Tree) -> Iterable[Fact]:
    row = tree["d"]
    yield TradeFact(
        SYMBOLS[row["s"]], row["ti"], row["S"].lower(), Decimal(row["p"]), Decimal(row["q"]),
        row["M"],
    )  # fmt: skip


@st.composite
def newer_tickers(draw: st.DrawFn) -> Tree:
    bid, ask = draw(two)
    row = {
        "A": draw(texts), "B": draw(texts), "E": draw(big_ids), "M": draw(nanoseconds),
        "S": "BUY", "a": f"{ask:f}", "b": f"{bid:f}", "l": f"{bid:f}", "q": draw(texts),
        "s": draw(symbols),
    }  # fmt: skip
    return {"T": "ticker.SPOT", "P": draw(nanoseconds), "d": row}


def newer_ticker(tree: Tree) -> Iterable[Fact]:
    row = tree["d"]
    yield quote_fact(SYMBOLS[row["s"]], (Decimal(row[key]) for key in "bBaA"), event_ns=tree["P"])


@st.composite
def newer_books(draw: st.DrawFn) -> Sequence[Tree]:
    first = draw(sides(deep=20))
    symbol = draw(symbols)
    last = draw(big_ids)
    frames: list[Tree] = []
    for number in range(draw(st.integers(1, 4))):
        change: Sides = first if number == 0 else draw(changes(first))
        step = draw(st.integers(1, 4))
        frames.append(
            {
                "T": "obu.SPOT",
                "dp": "increment@10ms",
                "P": draw(nanoseconds),
                "t": "delta" if number else "snapshot",
                "d": {
                    "s": symbol,
                    "O": last + 1 if number else last + step,
                    "C": last + step,
                    "M": draw(nanoseconds),
                    "a": as_texts(change.asks),
                    "b": as_texts(change.bids),
                },
            }
        )  # fmt: skip
        last += step
    return frames


def newer_book(trees: Sequence[Tree]) -> Iterable[Fact]:
    book = PlainBook()
    for tree in trees:
        row = tree["d"]
        book.put(levels_of(row["b"]), levels_of(row["a"]))
        yield book.fact(SYMBOLS[row["s"]], row["M"])


KINDS = {
    "match": Kind(some(matches), each(match), (TradeFact,), rising=("sequence", "time")),
    "ticker": Kind(some(tickers()), each(ticker), (QuoteFact,), rising=("sequence", "time")),
    "level1": Kind(some(level1s()), each(level1), (QuoteFact,), rising=("timestamp",)),
    "level2Depth": Kind(some(whole_books()), each(whole_book), (BookFact,), rising=("timestamp",)),
    "level2": Kind(seeded(), followed, (BookFact,), hint="BTC-USDT", rising=("time",)),
    "candles": Kind(some(candles()), each(candle), (CandleFact,)),
    "histories": Kind(
        one(histories), each(history), (TradeFact,), hint="BTC-USDT", rising=("sequence", "time")
    ),
    "rest_candles": Kind(one(rest_candles()), each(rest_candle), (CandleFact,), hint="BTC-USDT"),
    "uta_trade": Kind(some(newer_trades), each(newer_trade), (TradeFact,), rising=("ti", "M")),
    "uta_ticker": Kind(some(newer_tickers()), each(newer_ticker), (QuoteFact,), rising=("E", "M")),
    "uta_obu": Kind(newer_books(), newer_book, (BookFact,)),
}
