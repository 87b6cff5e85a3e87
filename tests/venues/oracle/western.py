"""Bitstamp, Alpaca and Coinbase (both of its streams), as their documents say."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from tests.venues.oracle.plain import (
    SECOND_NS,
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
    book_fact,
    candle_fact,
    changes,
    each,
    fields,
    iso_ns,
    iso_times,
    levels_of,
    microseconds,
    minutes,
    one,
    quote_fact,
    rows,
    sides,
    some,
    texts,
)

BITSTAMP_SYMBOLS = {
    "btcusd": "BTC-USD",
    "usdtusd": "USDT-USD",
    "eurcusd": "EURC-USD",
    "bateur": "BAT-EUR",
}
bitstamp_symbols = st.sampled_from(sorted(BITSTAMP_SYMBOLS))


@st.composite
def live_trades(draw: st.DrawFn) -> Tree:
    price, size, micro = draw(amounts), draw(amounts), draw(microseconds)
    row = {
        "id": draw(big_ids), "timestamp": str(micro // 10**6), "amount": size,
        "amount_str": f"{size:f}", "price": price, "price_str": f"{price:f}",
        "type": draw(st.sampled_from([0, 1])), "microtimestamp": str(micro),
        "buy_order_id": draw(big_ids), "sell_order_id": draw(big_ids),
    }  # fmt: skip
    channel = f"live_trades_{draw(bitstamp_symbols)}"
    return {"data": row, "channel": channel, "event": "trade"}


def live_trade(tree: Tree) -> Iterable[Fact]:
    row = tree["data"]
    yield TradeFact(
        BITSTAMP_SYMBOLS[tree["channel"].rpartition("_")[2]],
        str(row["id"]),
        "sell" if row["type"] else "buy",
        Decimal(row["price_str"]),
        Decimal(row["amount_str"]),
        int(row["microtimestamp"]) * 1_000,
    )


@st.composite
def order_books(draw: st.DrawFn) -> Tree:
    drawn, micro = draw(sides(deep=20)), draw(microseconds)
    row = {
        "timestamp": str(micro // 10**6), "microtimestamp": str(micro),
        "bids": as_texts(drawn.bids), "asks": as_texts(drawn.asks),
    }  # fmt: skip
    return {"data": row, "channel": f"order_book_{draw(bitstamp_symbols)}", "event": "data"}


def order_book(tree: Tree) -> Iterable[Fact]:
    row = tree["data"]
    yield book_fact(
        BITSTAMP_SYMBOLS[tree["channel"].rpartition("_")[2]],
        levels_of(row["bids"]),
        levels_of(row["asks"]),
        int(row["microtimestamp"]) * 1_000,
    )


transactions = rows(
    fields(
        tid=big_ids.map(str), date=st.integers(1_420_070_400, 2_051_222_400).map(str),
        amount=texts, price=texts, type=st.sampled_from(["0", "1"]),
    )
)  # fmt: skip


def transaction(tree: Tree) -> Iterable[Fact]:
    for row in tree[::-1]:
        yield TradeFact(
            "BTC-USD", row["tid"], "sell" if row["type"] == "1" else "buy", Decimal(row["price"]),
            Decimal(row["amount"]), int(row["date"]) * SECOND_NS, backfilled=True,
        )  # fmt: skip


@st.composite
def four(draw: st.DrawFn) -> dict[str, Decimal]:
    low, first, last, high = sorted(draw(st.lists(amounts, min_size=4, max_size=4)))
    return {"open": first, "high": high, "low": low, "close": last}


@st.composite
def bitstamp_candles(draw: st.DrawFn) -> Tree:
    found = []
    for start in sorted(draw(st.lists(minutes, min_size=1, max_size=4, unique=True))):
        prices = {name: f"{price:f}" for name, price in draw(four()).items()}
        found.append({"timestamp": str(start * 60), "volume": draw(texts), **prices})
    return {"data": {"pair": "BTC/USD", "ohlc": found}}


def bitstamp_candle(tree: Tree) -> Iterable[Fact]:
    for row in tree["data"]["ohlc"]:
        names = ("open", "high", "low", "close", "volume")
        start = int(row["timestamp"]) * SECOND_NS
        yield candle_fact("BTC-USD", start, (Decimal(row[name]) for name in names))


BITSTAMP = {
    "live_trades": Kind(
        some(live_trades()), each(live_trade), (TradeFact,), rising=("id", "microtimestamp")
    ),
    "order_book": Kind(
        some(order_books()), each(order_book), (BookFact,), rising=("microtimestamp",)
    ),
    "transactions": Kind(
        one(transactions),
        each(transaction),
        (TradeFact,),
        hint="btcusd",
        rising=("tid", "date"),
        newest_first=True,
    ),
    "ohlc": Kind(one(bitstamp_candles()), each(bitstamp_candle), (CandleFact,), hint="btcusd"),
}


ALPACA_SYMBOLS = {
    "BTC/USD": "BTC-USD",
    "AVAX/USDT": "AVAX-USDT",
    "ETH/BTC": "ETH-BTC",
    "1INCH/USD": "1INCH-USD",
}
alpaca_symbols = st.sampled_from(sorted(ALPACA_SYMBOLS))
alpaca_trades = fields(
    T="t",
    S=alpaca_symbols,
    p=amounts,
    s=amounts,
    t=iso_times(),
    i=big_ids,
    tks=st.sampled_from(["S", "B"]),
)


@st.composite
def alpaca_quotes(draw: st.DrawFn) -> Tree:
    bid, ask = sorted(draw(st.lists(amounts, min_size=2, max_size=2, unique=True)))
    return {
        "T": "q", "S": draw(alpaca_symbols), "bp": bid, "bs": draw(amounts), "ap": ask,
        "as": draw(amounts), "t": draw(iso_times()),
    }  # fmt: skip


@st.composite
def alpaca_bars(draw: st.DrawFn) -> Tree:
    prices = {name[0]: price for name, price in draw(four()).items()}
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=draw(minutes))
    return {
        "T": draw(st.sampled_from("bu")), "S": draw(alpaca_symbols), **prices, "v": draw(amounts),
        "t": f"{start:%Y-%m-%dT%H:%M:%SZ}", "n": 3, "vw": prices["c"],
    }  # fmt: skip


def alpaca(tree: Tree) -> Iterable[Fact]:
    for row in tree:
        name = ALPACA_SYMBOLS.get(row.get("S", ""), "")
        match row["T"]:
            case "t":
                yield TradeFact(
                    name, str(row["i"]), {"S": "sell", "B": "buy"}[row["tks"]], row["p"],
                    row["s"], iso_ns(row["t"]),
                )  # fmt: skip
            case "q":
                yield QuoteFact(name, row["bp"], row["bs"], row["ap"], row["as"], iso_ns(row["t"]))
            case "b" | "u":
                yield candle_fact(name, iso_ns(row["t"]), (row[key] for key in "ohlcv"))


def named_levels(levels: Levels) -> list[Tree]:
    return [{"p": price, "s": size} for price, size in levels]


@st.composite
def alpaca_books(draw: st.DrawFn) -> Sequence[Tree]:
    first = draw(sides(deep=20))
    symbol = draw(alpaca_symbols)
    frames: list[Tree] = []
    for number in range(draw(st.integers(1, 4))):
        change: Sides = first if number == 0 else draw(changes(first))
        row = {
            "T": "o", "S": symbol, "t": draw(iso_times()), "b": named_levels(change.bids),
            "a": named_levels(change.asks),
        }  # fmt: skip
        frames.append([row if number else {**row, "r": True}])
    return frames


def alpaca_book(trees: Sequence[Tree]) -> Iterable[Fact]:
    book = PlainBook()
    for [row] in trees:
        book.put(*(levels_of((level["p"], level["s"]) for level in row[side]) for side in "ba"))
        yield book.fact(ALPACA_SYMBOLS[row["S"]], iso_ns(row["t"]))


alpaca_rest_trades = fields(
    next_page_token=st.sampled_from([None, "QkFU"]),
    trades=st.dictionaries(
        st.just("BTC/USD"),
        rows(
            fields(i=big_ids, p=amounts, s=amounts, t=iso_times(), tks=st.sampled_from(["S", "B"]))
        ),
        min_size=1,
    ),
)


def alpaca_rest_trade(tree: Tree) -> Iterable[Fact]:
    for row in tree["trades"]["BTC/USD"]:
        yield TradeFact(
            "BTC-USD", str(row["i"]), {"S": "sell", "B": "buy"}[row["tks"]], row["p"], row["s"],
            iso_ns(row["t"]), backfilled=True,
        )  # fmt: skip


ALPACA = {
    "trade": Kind(some(rows(alpaca_trades)), each(alpaca), (TradeFact,), rising=("i", "t")),
    "mixed": Kind(
        some(
            rows(
                st.one_of(
                    alpaca_trades,
                    alpaca_quotes(),
                    alpaca_bars(),
                    st.just({"T": "s", "S": "BTC/USD", "sc": "T", "sm": "Trading"}),
                )
            )
        ),
        each(alpaca),
        (TradeFact, QuoteFact, CandleFact),
        rising=("i",),
    ),
    "book": Kind(alpaca_books(), alpaca_book, (BookFact,), rising=("t",)),
    "rest_trades": Kind(
        one(alpaca_rest_trades),
        each(alpaca_rest_trade),
        (TradeFact,),
        hint="BTC/USD",
        rising=("i", "t"),
    ),
}


COINBASE_SYMBOLS = {"BTC-USD": "BTC-USD", "1INCH-EUR": "1INCH-EUR", "USDT-USDC": "USDT-USDC"}
coinbase_symbols = st.sampled_from(sorted(COINBASE_SYMBOLS))
TAKER = {"buy": "sell", "sell": "buy"}
matches = fields(
    type=st.sampled_from(["match", "last_match"]),
    trade_id=big_ids,
    maker_order_id="d177e4c4",
    taker_order_id="dc5fb742",
    side=st.sampled_from(["buy", "sell"]),
    size=texts,
    price=texts,
    product_id=coinbase_symbols,
    sequence=big_ids,
    time=iso_times(),
)


def match(tree: Tree) -> Iterable[Fact]:
    yield TradeFact(
        COINBASE_SYMBOLS[tree["product_id"]], str(tree["trade_id"]), TAKER[tree["side"]],
        Decimal(tree["price"]), Decimal(tree["size"]), iso_ns(tree["time"]),
        tree["type"] == "last_match",
    )  # fmt: skip


@st.composite
def tickers(draw: st.DrawFn) -> Tree:
    bid, ask = sorted(draw(st.lists(amounts, min_size=2, max_size=2, unique=True)))
    return {
        "type": "ticker", "sequence": draw(big_ids), "product_id": draw(coinbase_symbols),
        "price": f"{bid:f}", "open_24h": "1", "volume_24h": "5", "low_24h": "1", "high_24h": "9",
        "volume_30d": "7", "best_bid": f"{bid:f}", "best_bid_size": draw(texts),
        "best_ask": f"{ask:f}", "best_ask_size": draw(texts), "side": "buy",
        "time": draw(iso_times()), "trade_id": 5, "last_size": "0.04",
    }  # fmt: skip


def ticker(tree: Tree) -> Iterable[Fact]:
    names = ("best_bid", "best_bid_size", "best_ask", "best_ask_size")
    yield quote_fact(
        COINBASE_SYMBOLS[tree["product_id"]], (Decimal(tree[name]) for name in names),
        event_ns=iso_ns(tree["time"]),
    )  # fmt: skip


@st.composite
def exchange_books(draw: st.DrawFn) -> Sequence[Tree]:
    first = draw(sides(deep=20))
    symbol = draw(coinbase_symbols)
    frames: list[Tree] = [
        {
            "type": "snapshot", "product_id": symbol, "asks": as_texts(first.asks),
            "bids": as_texts(first.bids),
        }
    ]  # fmt: skip
    for _ in range(draw(st.integers(0, 3))):
        change: Sides = draw(changes(first))
        pairs = [["buy", *pair] for pair in as_texts(change.bids)]
        pairs += [["sell", *pair] for pair in as_texts(change.asks)]
        if not pairs:
            continue
        frames.append(
            {
                "type": "l2update", "product_id": symbol, "changes": draw(st.permutations(pairs)),
                "time": draw(iso_times()),
            }
        )  # fmt: skip
    return frames


def exchange_book(trees: Sequence[Tree]) -> Iterable[Fact]:
    book = PlainBook()
    for tree in trees:
        if tree["type"] == "snapshot":
            book.put(levels_of(tree["bids"]), levels_of(tree["asks"]))
        else:
            bids, asks = (
                levels_of(row[1:] for row in tree["changes"] if row[0] == side)
                for side in ("buy", "sell")
            )
            book.put(bids, asks)
        at = iso_ns(tree["time"]) if "time" in tree else None
        yield book.fact(COINBASE_SYMBOLS[tree["product_id"]], at)


def advanced(channel: str, number: int, at: str, events: object) -> Tree:
    return {
        "channel": channel, "client_id": "", "timestamp": at, "sequence_num": number,
        "events": events,
    }  # fmt: skip


@st.composite
def market_trades(draw: st.DrawFn) -> Tree:
    row = fields(
        trade_id=big_ids.map(str), product_id=coinbase_symbols, price=texts, size=texts,
        side=st.sampled_from(["BUY", "SELL"]), time=iso_times(),
    )  # fmt: skip
    kind = st.sampled_from(["update", "snapshot"])
    events = [
        {"type": draw(kind), "trades": draw(rows(row))} for _ in range(draw(st.integers(1, 2)))
    ]
    return advanced("market_trades", 5, draw(iso_times()), events)


def market_trade(tree: Tree) -> Iterable[Fact]:
    for event in tree["events"]:
        for row in event["trades"]:
            yield TradeFact(
                COINBASE_SYMBOLS[row["product_id"]], row["trade_id"], TAKER[row["side"].lower()],
                Decimal(row["price"]), Decimal(row["size"]), iso_ns(row["time"]),
                event["type"] == "snapshot",
            )  # fmt: skip


@st.composite
def advanced_tickers(draw: st.DrawFn) -> Tree:
    found = []
    for symbol in draw(st.lists(coinbase_symbols, min_size=1, unique=True)):
        bid, ask = sorted(draw(st.lists(amounts, min_size=2, max_size=2, unique=True)))
        found.append(
            {
                "type": "ticker", "product_id": symbol, "price": f"{bid:f}", "volume_24_h": "5",
                "low_24_h": "1", "high_24_h": "9", "low_52_w": "1", "high_52_w": "9",
                "price_percent_chg_24_h": "1.85", "best_bid": f"{bid:f}",
                "best_bid_quantity": draw(texts), "best_ask": f"{ask:f}",
                "best_ask_quantity": draw(texts),
            }
        )  # fmt: skip
    events = [{"type": draw(st.sampled_from(["update", "snapshot"])), "tickers": found}]
    return advanced("ticker", 12, draw(iso_times()), events)


def advanced_ticker(tree: Tree) -> Iterable[Fact]:
    names = ("best_bid", "best_bid_quantity", "best_ask", "best_ask_quantity")
    for event in tree["events"]:
        for row in event["tickers"]:
            yield quote_fact(
                COINBASE_SYMBOLS[row["product_id"]], (Decimal(row[name]) for name in names),
                event_ns=iso_ns(tree["timestamp"]),
            )  # fmt: skip


@st.composite
def advanced_books(draw: st.DrawFn) -> Sequence[Tree]:
    first = draw(sides(deep=20))
    symbol = draw(coinbase_symbols)
    frames: list[Tree] = []
    for number in range(draw(st.integers(1, 3))):
        change: Sides = first if number == 0 else draw(changes(first))
        at = draw(iso_times())
        updates = [
            {"side": side, "event_time": at, "price_level": price, "new_quantity": size}
            for side, levels in (("bid", change.bids), ("offer", change.asks))
            for price, size in as_texts(levels)
        ]
        kind = "update" if number else "snapshot"
        event = {"type": kind, "product_id": symbol, "updates": draw(st.permutations(updates))}
        frames.append(advanced("l2_data", number, at, [event]))
    return frames


def advanced_book(trees: Sequence[Tree]) -> Iterable[Fact]:
    book = PlainBook()
    for tree in trees:
        [event] = tree["events"]
        bids, asks = (
            levels_of(
                (row["price_level"], row["new_quantity"])
                for row in event["updates"]
                if row["side"] == side
            )
            for side in ("bid", "offer")
        )
        book.put(bids, asks)
        yield book.fact(COINBASE_SYMBOLS[event["product_id"]], iso_ns(tree["timestamp"]))


@st.composite
def coinbase_candles(draw: st.DrawFn) -> Tree:
    found = []
    for start in sorted(draw(st.lists(minutes, min_size=1, max_size=4, unique=True)))[::-1]:
        prices = draw(four())
        found.append(
            [start * 60, *(prices[n] for n in ("low", "high", "open", "close")), draw(amounts)]
        )
    return found


def coinbase_candle(tree: Tree) -> Iterable[Fact]:
    for start, low, high, first, last, volume in tree[::-1]:
        yield CandleFact("BTC-USD", start * SECOND_NS, first, high, low, last, volume)


coinbase_rest_trades = rows(
    fields(
        trade_id=big_ids,
        side=st.sampled_from(["buy", "sell"]),
        size=texts,
        price=texts,
        time=iso_times(),
    )
)


def coinbase_rest_trade(tree: Tree) -> Iterable[Fact]:
    for row in tree[::-1]:
        yield TradeFact(
            "BTC-USD", str(row["trade_id"]), TAKER[row["side"]], Decimal(row["price"]),
            Decimal(row["size"]), iso_ns(row["time"]), backfilled=True,
        )  # fmt: skip


COINBASE = {
    "match": Kind(some(matches), each(match), (TradeFact,), rising=("trade_id", "time")),
    "ticker": Kind(some(tickers()), each(ticker), (QuoteFact,), rising=("sequence", "time")),
    "level2": Kind(exchange_books(), exchange_book, (BookFact,)),
    "market_trades": Kind(
        one(market_trades()), each(market_trade), (TradeFact,), rising=("trade_id", "time")
    ),
    "at_ticker": Kind(one(advanced_tickers()), each(advanced_ticker), (QuoteFact,)),
    "l2_data": Kind(advanced_books(), advanced_book, (BookFact,)),
    "rest_candles": Kind(
        one(coinbase_candles()), each(coinbase_candle), (CandleFact,), hint="BTC-USD"
    ),
    "rest_trades": Kind(
        one(coinbase_rest_trades),
        each(coinbase_rest_trade),
        (TradeFact,),
        hint="BTC-USD",
        rising=("trade_id", "time"),
        newest_first=True,
    ),
}
