"""OKX and Bybit, as their documents say."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from hypothesis import strategies as st

from tests.venues.oracle.plain import (
    MS_NS,
    BookFact,
    CandleFact,
    Fact,
    Kind,
    Levels,
    PlainBook,
    QuoteFact,
    Sides,
    TradeFact,
    Tree,
    amounts,
    as_texts,
    big_ids,
    candle_fact,
    changes,
    each,
    fields,
    levels_of,
    milliseconds,
    minutes,
    quote_fact,
    rows,
    sides,
    some,
    texts,
)

OKX_SYMBOLS = {"BTC-USDT": "BTC-USDT", "1INCH-USDC": "1INCH-USDC", "ETH-BTC": "ETH-BTC"}
okx_symbols = st.sampled_from(sorted(OKX_SYMBOLS))
ms_texts = milliseconds.map(str)


def pushed(channel: str, symbol: str, data: list[Tree], **more: str) -> Tree:
    return {"arg": {"channel": channel, "instId": symbol}, "data": data, **more}


@st.composite
def okx_trades(draw: st.DrawFn) -> Tree:
    symbol = draw(okx_symbols)
    row = fields(
        instId=symbol, tradeId=big_ids.map(str), px=texts, sz=texts,
        side=st.sampled_from(["buy", "sell"]), ts=ms_texts,
        optional={"count": st.just("3"), "seqId": big_ids, "source": st.just("0")},
    )  # fmt: skip
    return pushed("trades", symbol, draw(rows(row)))


def okx_trade(tree: Tree) -> Iterable[Fact]:
    for row in tree["data"]:
        yield TradeFact(
            OKX_SYMBOLS[row["instId"]], row["tradeId"], row["side"], Decimal(row["px"]),
            Decimal(row["sz"]), int(row["ts"]) * MS_NS,
        )  # fmt: skip


def deep(levels: Levels) -> list[list[str]]:
    return [[*pair, "0", "3"] for pair in as_texts(levels)]


@st.composite
def okx_quotes(draw: st.DrawFn) -> Tree:
    drawn = draw(sides(deep=1))
    row = {
        "asks": deep(drawn.asks[:1]), "bids": deep(drawn.bids[:1]), "ts": draw(ms_texts),
        "seqId": draw(big_ids),
    }  # fmt: skip
    return pushed("bbo-tbt", draw(okx_symbols), [row])


def okx_quote(tree: Tree) -> Iterable[Fact]:
    for row in tree["data"]:
        numbers = [Decimal(text) for side in ("bids", "asks") for text in row[side][0][:2]]
        yield quote_fact(
            OKX_SYMBOLS[tree["arg"]["instId"]], numbers, event_ns=int(row["ts"]) * MS_NS
        )


@st.composite
def okx_books(draw: st.DrawFn) -> Sequence[Tree]:
    first = draw(sides(deep=20))
    symbol, last = draw(okx_symbols), draw(big_ids)
    frames: list[Tree] = []
    for number in range(draw(st.integers(1, 4))):
        change: Sides = first if number == 0 else draw(changes(first))
        is_new = number == 0 or change.bids or change.asks
        step = draw(st.integers(1, 9)) if is_new else 0
        row = {
            "asks": deep(change.asks), "bids": deep(change.bids), "ts": draw(ms_texts),
            "checksum": 0, "prevSeqId": last if number else -1, "seqId": last + step,
        }  # fmt: skip
        frames.append(pushed("books", symbol, [row], action="update" if number else "snapshot"))
        last += step
    return frames


def okx_book(trees: Sequence[Tree]) -> Iterable[Fact]:
    book = PlainBook()
    for tree in trees:
        for row in tree["data"]:
            book.put(levels_of(row["bids"]), levels_of(row["asks"]))
            yield book.fact(OKX_SYMBOLS[tree["arg"]["instId"]], int(row["ts"]) * MS_NS)


@st.composite
def okx_candles(draw: st.DrawFn) -> Tree:
    low, first, last, high = (
        f"{n:f}" for n in sorted(draw(st.lists(amounts, min_size=4, max_size=4)))
    )
    start = str(draw(minutes) * 60_000)
    row = [start, first, high, low, last, draw(texts), "1", "2", draw(st.sampled_from("01"))]
    return pushed("candle1m", draw(okx_symbols), [row])


def okx_candle(tree: Tree) -> Iterable[Fact]:
    for start, *numbers in tree["data"]:
        yield candle_fact(
            OKX_SYMBOLS[tree["arg"]["instId"]], int(start) * MS_NS, map(Decimal, numbers[:5])
        )


OKX = {
    "trades": Kind(some(okx_trades()), each(okx_trade), (TradeFact,), rising=("tradeId", "ts")),
    "bbo": Kind(some(okx_quotes()), each(okx_quote), (QuoteFact,), rising=("seqId", "ts")),
    "books": Kind(okx_books(), okx_book, (BookFact,), rising=("ts",)),
    "candle": Kind(some(okx_candles()), each(okx_candle), (CandleFact,)),
}


BYBIT_SYMBOLS = {
    "BTCUSDT": "BTC-USDT", "1INCHUSDT": "1INCH-USDT", "USDCUSDT": "USDC-USDT", "ETHBTC": "ETH-BTC",
    "BTCEUR": "BTC-EUR",
}  # fmt: skip
bybit_symbols = st.sampled_from(sorted(BYBIT_SYMBOLS))


@st.composite
def bybit_trades(draw: st.DrawFn, numbered: dict[str, st.SearchStrategy[int]]) -> Tree:
    symbol = draw(bybit_symbols)
    row = fields(
        T=milliseconds, s=symbol, S=st.sampled_from(["Buy", "Sell"]), v=texts, p=texts,
        i=st.uuids().map(str), BT=st.booleans(),
        optional={"L": st.just("PlusTick"), "RPI": st.booleans()}, **numbered,
    )  # fmt: skip
    return {
        "topic": f"publicTrade.{symbol}", "type": "snapshot", "ts": draw(milliseconds),
        "data": draw(rows(row)),
    }  # fmt: skip


def bybit_trade(tree: Tree) -> Iterable[Fact]:
    for row in tree["data"]:
        yield TradeFact(
            BYBIT_SYMBOLS[row["s"]], row["i"], row["S"].lower(), Decimal(row["p"]),
            Decimal(row["v"]), row["T"] * MS_NS,
        )  # fmt: skip


@st.composite
def bybit_quotes(draw: st.DrawFn) -> Tree:
    drawn, symbol = draw(sides(deep=1)), draw(bybit_symbols)
    row = {
        "s": symbol, "b": as_texts(drawn.bids[:1]), "a": as_texts(drawn.asks[:1]),
        "u": draw(big_ids), "seq": draw(big_ids),
    }  # fmt: skip
    return {
        "topic": f"orderbook.1.{symbol}", "type": "snapshot", "ts": draw(milliseconds),
        "data": row, "cts": draw(milliseconds),
    }  # fmt: skip


def bybit_quote(tree: Tree) -> Iterable[Fact]:
    row = tree["data"]
    numbers = [Decimal(text) for side in "ba" for text in row[side][0]]
    # ``cts`` is when the match happened, ``ts`` when it was told
    yield quote_fact(BYBIT_SYMBOLS[row["s"]], numbers, event_ns=tree["cts"] * MS_NS)


@st.composite
def bybit_books(draw: st.DrawFn) -> Sequence[Tree]:
    first = draw(sides(deep=20))
    symbol, number = draw(bybit_symbols), draw(big_ids) + 1
    frames: list[Tree] = []
    for place in range(draw(st.integers(1, 4))):
        change: Sides = first if place == 0 else draw(changes(first))
        row = {
            "s": symbol, "b": as_texts(change.bids), "a": as_texts(change.asks),
            "u": number + place, "seq": number + 5 * place,
        }  # fmt: skip
        frames.append(
            {
                "topic": f"orderbook.50.{symbol}", "type": "delta" if place else "snapshot",
                "ts": draw(milliseconds), "data": row, "cts": draw(milliseconds),
            }
        )  # fmt: skip
    return frames


def bybit_book(trees: Sequence[Tree]) -> Iterable[Fact]:
    book = PlainBook()
    for tree in trees:
        row = tree["data"]
        book.put(levels_of(row["b"]), levels_of(row["a"]))
        yield book.fact(BYBIT_SYMBOLS[row["s"]], tree["cts"] * MS_NS)


@st.composite
def bybit_candles(draw: st.DrawFn) -> Tree:
    low, first, last, high = (
        f"{n:f}" for n in sorted(draw(st.lists(amounts, min_size=4, max_size=4)))
    )
    start = draw(minutes) * 60_000
    row = {
        "start": start, "end": start + 59_999, "interval": "1", "open": first, "close": last,
        "high": high, "low": low, "volume": draw(texts), "turnover": "7",
        "confirm": draw(st.booleans()), "timestamp": start + 30_000,
    }  # fmt: skip
    return {
        "topic": f"kline.1.{draw(bybit_symbols)}", "type": "snapshot", "ts": start + 30_001,
        "data": [row],
    }  # fmt: skip


def bybit_candle(tree: Tree) -> Iterable[Fact]:
    symbol = tree["topic"].rpartition(".")[2]
    for row in tree["data"]:
        names = ("open", "high", "low", "close", "volume")
        yield candle_fact(
            BYBIT_SYMBOLS[symbol], row["start"] * MS_NS, (Decimal(row[name]) for name in names)
        )


BYBIT = {
    "publicTrade": Kind(
        st.one_of(some(bybit_trades({})), some(bybit_trades({"seq": big_ids}))),
        each(bybit_trade),
        (TradeFact,),
        rising=("T", "ts", "seq"),
    ),
    "orderbook.1": Kind(
        some(bybit_quotes()), each(bybit_quote), (QuoteFact,), rising=("u", "seq", "cts")
    ),
    "orderbook.50": Kind(bybit_books(), bybit_book, (BookFact,), rising=("cts", "ts")),
    "kline": Kind(some(bybit_candles()), each(bybit_candle), (CandleFact,)),
}
