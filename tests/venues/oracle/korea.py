"""Upbit and Bithumb, as their documents say: long and short keys, both generations of Bithumb."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
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
    TradeFact,
    Tree,
    amounts,
    as_texts,
    big_ids,
    book_fact,
    candle_fact,
    each,
    fields,
    levels_of,
    microseconds,
    milliseconds,
    minutes,
    one,
    rows,
    sides,
    some,
    texts,
)

SYMBOLS = {
    "KRW-BTC": "BTC-KRW",
    "USDT-XRP": "XRP-USDT",
    "BTC-ETH": "ETH-BTC",
    "KRW-1INCH": "1INCH-KRW",
}
OLD_SYMBOLS = {"BTC_KRW": "BTC-KRW", "1INCH_KRW": "1INCH-KRW", "ETH_BTC": "ETH-BTC"}
symbols = st.sampled_from(sorted(SYMBOLS))
old_symbols = st.sampled_from(sorted(OLD_SYMBOLS))
TAKER = {"ASK": "sell", "BID": "buy"}
SHORT = {
    "type": "ty", "code": "cd", "timestamp": "tms", "trade_date": "td", "trade_time": "ttm",
    "trade_timestamp": "ttms", "trade_price": "tp", "trade_volume": "tv", "ask_bid": "ab",
    "prev_closing_price": "pcp", "change": "c", "change_price": "cp", "sequential_id": "sid",
    "stream_type": "st", "orderbook_units": "obu", "total_ask_size": "tas",
    "total_bid_size": "tbs", "level": "lv", "ask_price": "ap", "bid_price": "bp",
    "ask_size": "as", "bid_size": "bs", "best_ask_price": "bap", "best_ask_size": "bas",
    "best_bid_price": "bbp", "best_bid_size": "bbs",
}  # fmt: skip
LONG = {short: long for long, short in SHORT.items()}


def renamed(tree: Tree, names: dict[str, str]) -> Tree:
    match tree:
        case dict():
            return {names.get(key, key): renamed(inner, names) for key, inner in tree.items()}
        case list():
            return [renamed(inner, names) for inner in tree]
        case _:
            return tree


def short(trees: Sequence[Tree]) -> Sequence[Tree]:
    """Say the same with short keys."""
    return [renamed(tree, SHORT) for tree in trees]


def at(time: int) -> int:
    """Tell milliseconds from microseconds by their magnitude."""
    return time * (1_000 if time > 10**14 else MS_NS)


stream_types = st.sampled_from(["SNAPSHOT", "REALTIME"])
trades = fields(
    type="trade", code=symbols, timestamp=milliseconds, trade_price=amounts, trade_volume=amounts,
    ask_bid=st.sampled_from(["ASK", "BID"]), prev_closing_price=amounts, change="RISE",
    change_price=amounts, trade_date="2026-07-10", trade_time="13:39:41",
    trade_timestamp=milliseconds, sequential_id=big_ids, stream_type=stream_types,
)  # fmt: skip


def trade(tree: Tree) -> Iterable[Fact]:
    row = renamed(tree, LONG)
    yield TradeFact(
        SYMBOLS[row["code"]],
        str(row["sequential_id"]),
        TAKER[row["ask_bid"]],
        Decimal(row["trade_price"]),
        Decimal(row["trade_volume"]),
        at(row["trade_timestamp"]),
        row["stream_type"] == "SNAPSHOT",
    )


@st.composite
def books(draw: st.DrawFn, times: Any, most: int) -> Tree:
    """Draw a whole book of which the shorter side is filled up with zeros."""
    drawn = draw(sides(deep=most))
    deep = min(max(len(drawn.bids), len(drawn.asks)), most)
    nothing = (Decimal(0), Decimal(0))
    bids, asks = ((*side, *([nothing] * deep))[:deep] for side in drawn)
    if draw(st.booleans()):
        # a level at a price that is traded may be too small for the digits of its size
        place = draw(st.integers(0, deep - 1))
        asks = (*asks[:place], (asks[place][0], Decimal("0.0000")), *asks[place + 1 :])
    return {
        "type": "orderbook", "code": draw(symbols), "total_ask_size": Decimal("1.5"),
        "total_bid_size": Decimal("2.5"), "timestamp": draw(times), "level": 0,
        "stream_type": draw(stream_types),
        "orderbook_units": [
            {"ask_price": ask[0], "bid_price": bid[0], "ask_size": ask[1], "bid_size": bid[1]}
            for bid, ask in zip(bids, asks, strict=True)
        ],
    }  # fmt: skip


def book(tree: Tree, name: str = "code") -> Iterable[Fact]:
    row = renamed(tree, LONG)
    units = row["orderbook_units"]
    yield book_fact(
        SYMBOLS[row[name]],
        levels_of((unit["bid_price"], unit["bid_size"]) for unit in units),
        levels_of((unit["ask_price"], unit["ask_size"]) for unit in units),
        at(row["timestamp"]),
    )


rest_trades = rows(
    fields(
        market="KRW-BTC", trade_date_utc="2025-06-27", trade_time_utc="23:59:59",
        timestamp=milliseconds, trade_price=amounts, trade_volume=amounts,
        prev_closing_price=amounts, change_price=amounts, ask_bid=st.sampled_from(["ASK", "BID"]),
        sequential_id=big_ids,
    )
)  # fmt: skip


def rest_trade(tree: Tree) -> Iterable[Fact]:
    for row in tree[::-1]:
        yield TradeFact(
            SYMBOLS[row["market"]], str(row["sequential_id"]), TAKER[row["ask_bid"]],
            Decimal(row["trade_price"]), Decimal(row["trade_volume"]), at(row["timestamp"]),
            backfilled=True,
        )  # fmt: skip


rest_books = books(milliseconds, 14).map(
    lambda tree: [
        {
            "market": tree["code"],
            **{k: v for k, v in tree.items() if k not in {"type", "code", "stream_type"}},
        }
    ]
)


def utc_of_minute(minute: int) -> str:
    return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=minute):%Y-%m-%dT%H:%M:%S}"


@st.composite
def candle_row(draw: st.DrawFn, minute: int) -> Tree:
    low, first, last, high = sorted(draw(st.lists(amounts, min_size=4, max_size=4)))
    return {
        "candle_date_time_utc": utc_of_minute(minute),
        "candle_date_time_kst": utc_of_minute(minute + 540),
        "opening_price": first, "high_price": high, "low_price": low, "trade_price": last,
        "timestamp": minute * 60_000 + 30_000, "candle_acc_trade_price": draw(amounts),
        "candle_acc_trade_volume": draw(amounts),
    }  # fmt: skip


@st.composite
def candles(draw: st.DrawFn) -> Tree:
    row = draw(candle_row(draw(minutes)))
    kind = {"type": "candle.1m", "code": draw(symbols), "stream_type": draw(stream_types)}
    return {**kind, **row}


@st.composite
def rest_candles(draw: st.DrawFn) -> Tree:
    starts = sorted(draw(st.lists(minutes, min_size=1, max_size=4, unique=True)), reverse=True)
    return [{"market": "KRW-BTC", "unit": 1, **draw(candle_row(start))} for start in starts]


def candle(row: Tree) -> Iterable[Fact]:
    start = datetime.fromisoformat(f"{row['candle_date_time_utc']}+00:00")
    names = ("opening_price", "high_price", "low_price", "trade_price", "candle_acc_trade_volume")
    yield candle_fact(
        SYMBOLS[row["code"] if "code" in row else row["market"]],
        int(start.timestamp()) * SECOND_NS,
        (Decimal(row[name]) for name in names),
    )


@st.composite
def korean_times(draw: st.DrawFn) -> str:
    """Draw a time of Seoul, nine hours ahead of UTC, such as 2021-06-02 08:43:34.555058."""
    time = datetime(2015, 1, 1, tzinfo=UTC) + timedelta(
        microseconds=draw(st.integers(0, 6 * 10**14))
    )
    return f"{time:%Y-%m-%d %H:%M:%S.%f}"


def korean_ns(text: str) -> int:
    since = datetime.fromisoformat(f"{text}+09:00") - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * SECOND_NS + since.microseconds * 1_000


transactions = fields(
    type="transaction",
    content=fields(
        list=rows(
            fields(
                symbol=old_symbols, buySellGb=st.sampled_from(["1", "2"]), contPrice=texts,
                contQty=texts, contAmt=texts, contDtm=korean_times(), updn="up",
            )
        )
    ),
)  # fmt: skip


def transaction(tree: Tree) -> Iterable[Fact]:
    for row in tree["content"]["list"]:
        yield TradeFact(
            OLD_SYMBOLS[row["symbol"]], "", {"1": "sell", "2": "buy"}[row["buySellGb"]],
            Decimal(row["contPrice"]), Decimal(row["contQty"]), korean_ns(row["contDtm"]),
        )  # fmt: skip


@st.composite
def old_books(draw: st.DrawFn) -> Tree:
    drawn = draw(sides())
    inner = {
        "symbol": draw(old_symbols), "datetime": str(draw(microseconds)),
        "asks": as_texts(drawn.asks), "bids": as_texts(drawn.bids),
    }  # fmt: skip
    return {"type": "orderbooksnapshot", "content": inner}


def old_book(tree: Tree) -> Iterable[Fact]:
    row = tree["content"]
    yield book_fact(
        OLD_SYMBOLS[row["symbol"]], levels_of(row["bids"]), levels_of(row["asks"]),
        int(row["datetime"]) * 1_000,
    )  # fmt: skip


SHARED = {
    "rest_trades": Kind(
        one(rest_trades),
        each(rest_trade),
        (TradeFact,),
        hint="KRW-BTC",
        rising=("sequential_id", "timestamp"),
        newest_first=True,
    ),
    "rest_candles": Kind(
        one(rest_candles()),
        each(lambda tree: [fact for row in tree[::-1] for fact in candle(row)]),
        (CandleFact,),
        hint="KRW-BTC",
    ),
    "rest_books": Kind(
        one(rest_books),
        each(lambda tree: [fact for row in tree for fact in book(row, "market")]),
        (BookFact,),
    ),
    "trade": Kind(
        st.one_of(some(trades), some(trades).map(short)),
        each(trade),
        (TradeFact,),
        rising=("sequential_id", "sid", "trade_timestamp", "ttms"),
    ),
}
UPBIT = SHARED | {
    "orderbook": Kind(
        st.one_of(
            some(books(milliseconds, 30)),
            some(books(microseconds, 30)).map(short),
        ),
        each(book),
        (BookFact,),
        rising=("timestamp", "tms"),
    ),
    "candle": Kind(some(candles()), each(candle), (CandleFact,)),
}
BITHUMB = SHARED | {
    "orderbook": Kind(
        st.one_of(some(books(microseconds, 15)), some(books(microseconds, 15)).map(short)),
        each(book),
        (BookFact,),
        rising=("timestamp", "tms"),
    ),
    "v1_transaction": Kind(
        some(transactions),
        each(transaction),
        (TradeFact,),
        rising=("contDtm",),
        numbers_trades=False,
    ),
    "v1_snapshot": Kind(some(old_books()), each(old_book), (BookFact,)),
}
