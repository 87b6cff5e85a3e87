"""What venues could say and cannot mean: it is left out, and costs nothing beside it."""

import json
from typing import Any

import pytest

from market import Book, Event, FrameError, Level, Listing, Trade, VenueCandle
from stream_service.venue import Options, Session
from tests.venues.cases import VENUES
from tests.venues.playing import NOW, ToldMarket

MINUTE_MS = 1_790_134_740_000
KUCOIN_TRADE = {
    "type": "message",
    "topic": "/market/match:BTC-USDT",
    "subject": "trade.l3match",
    "data": {
        "symbol": "BTC-USDT",
        "sequence": "7",
        "side": "sell",
        "price": "100",
        "size": "2",
        "tradeId": "7",
        "time": "1790134742106000000",
    },
}


def a_session(venue: str) -> Session:
    def guess(symbol: str) -> Listing:
        return Listing(instrument=VENUES[venue].instrument(symbol), symbol=symbol)

    return VENUES[venue].session([], Options(guess=guess))


def listed(venue: str, damage: dict[str, str]) -> list[str]:
    """List two instruments, the first of them damaged, as texts to be replaced by others."""
    symbols = [VENUES[venue].instrument(symbol) for symbol in SYMBOLS[venue]]
    listings = [
        Listing(instrument=one, symbol=VENUES[venue].symbol(one), tick_size=0.1, lot_size=0.1)
        for one in symbols
    ]
    asking = VENUES[venue].list_instruments(VENUES[venue])
    body = VENUES[venue].answer(next(asking).path, ToldMarket(listings)).decode()
    for text, other in damage.items():
        assert text in body
        body = body.replace(text, other, 1)
    with pytest.raises(StopIteration) as done:
        asking.send(body.encode())
    found: list[Listing] = done.value.value
    return [listing.symbol for listing in found]


SYMBOLS = {
    "bitstamp": ["ethusd", "btcusd"],
    "bybit": ["ETHUSDT", "BTCUSDT"],
    "coinbase": ["ETH-USD", "BTC-USD"],
    "kraken": ["ETH/USD", "BTC/USD"],
    "okx": ["ETH-USDT", "BTC-USDT"],
}
NAMELESS: dict[str, dict[str, str]] = {
    "bitstamp": {'"ethusd"': '""'},
    "bybit": {'"ETHUSDT"': '""'},
    "coinbase": {'"id":"ETH-USD"': '"id":""'},
    "kraken": {'"wsname":"ETH/USD"': '"wsname":"/"'},
    "okx": {'"baseCcy":"ETH"': '"baseCcy":""'},
}


@pytest.mark.parametrize("venue", NAMELESS)
def test_an_instrument_without_a_name_is_not_listed(venue: str) -> None:
    assert listed(venue, NAMELESS[venue]) == SYMBOLS[venue][1:]


@pytest.mark.parametrize("minimum", ["nan USD", "-1 USD", "inf USD", "much"])
def test_a_minimum_that_is_no_amount_costs_its_own_row_only(minimum: str) -> None:
    rows = [
        {"name": "ETH/USD", "url_symbol": "ethusd", "trading": "Enabled", "minimum_order": minimum},
        {"name": "BTC/USD", "url_symbol": "btcusd", "trading": "Enabled"},
    ]
    asking = VENUES["bitstamp"].list_instruments(VENUES["bitstamp"])
    next(asking)

    with pytest.raises(StopIteration) as done:
        asking.send(json.dumps(rows).encode())

    assert [listing.symbol for listing in done.value.value] == ["btcusd"]


CANDLES: dict[str, Any] = {
    "binance": {
        "e": "kline", "E": MINUTE_MS, "s": "BTCUSDT",
        "k": {"t": MINUTE_MS, "i": "1m", "o": "3", "h": "HIGH", "l": "2", "c": "4", "v": "1",
              "n": 1, "x": False},
    },
    "bybit": {
        "topic": "kline.1.BTCUSDT", "type": "snapshot", "ts": MINUTE_MS,
        "data": [{"start": MINUTE_MS, "end": MINUTE_MS + 59_999, "interval": "1", "open": "3",
                  "close": "4", "high": "HIGH", "low": "2", "volume": "1", "turnover": "1",
                  "confirm": False, "timestamp": MINUTE_MS}],
    },
    "okx": {
        "arg": {"channel": "candle1m", "instId": "BTC-USDT"},
        "data": [[str(MINUTE_MS), "3", "HIGH", "2", "4", "1", "1", "1", "0"]],
    },
    "kraken": [
        340,
        ["1790134742.106", "1790134800.0", "3", "HIGH", "2", "4", "3", "1", 1],
        "ohlc-1",
        "XBT/USD",
    ],
}  # fmt: skip


def read_candle(venue: str, high: str) -> list[Event]:
    frame = json.dumps(CANDLES[venue]).replace("HIGH", high).encode()
    return [one for one in a_session(venue).receive(frame, NOW) if isinstance(one, VenueCandle)]


@pytest.mark.parametrize("venue", CANDLES)
def test_a_candle_that_contradicts_itself_is_refused(venue: str) -> None:
    with pytest.raises(FrameError):
        read_candle(venue, high="3.5")

    assert len(read_candle(venue, high="5")) == 1


def test_a_topic_is_found_whatever_slashes_come_before_and_within() -> None:
    escaped = json.dumps(KUCOIN_TRADE).replace("/", "\\/").encode()
    after_another = json.dumps({"path": "a/b", **KUCOIN_TRADE}).encode()

    for frame in (escaped, after_another):
        [trade] = a_session("kucoin").receive(frame, NOW)

        assert isinstance(trade, Trade)
        assert (trade.trade_id, trade.side) == ("7", "sell")


def test_an_answer_is_recognised_wherever_its_last_number_stands() -> None:
    body = b'{"error":[],"result":{"last":"5","XXBTZUSD":[["3","1",1790134742.1,"b","m","",5]]}}'
    session = a_session("kraken")

    request = session.recognise(body, "")

    assert request is not None
    assert [type(event) for event in session.answered(request, body, NOW)] == [Trade]


def test_a_level_that_holds_nothing_is_left_out_of_a_whole_book() -> None:
    frame = (
        b'{"stream":"btcusdt@depth5","data":{"lastUpdateId":1,'
        b'"bids":[["3","0"],["2","1"]],"asks":[["4","1"]]}}'
    )

    [book] = a_session("binance").receive(frame, NOW)

    assert isinstance(book, Book)
    assert book.bids == (Level(2.0, 1.0),)
