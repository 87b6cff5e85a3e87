"""Frames and answers of Bybit and of its documents, read plainly beside us."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from market import Event, Listing, Quote, Summary, Trade, VenueCandle, VenueStatus
from stream_service.venue import Options
from stream_service.venues.bybit import VENUE, BybitSession
from tests.venues.playing import NOW

FOLDER = os.environ.get("CRYPTOTRACKER_FRAMES")
pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="CRYPTOTRACKER_FRAMES names no folder of recorded frames"
)


def lines(name: str) -> list[bytes]:
    return (Path(FOLDER or "") / "bybit" / f"{name}.jsonl").read_bytes().splitlines()


def told(name: str) -> list[Any]:
    return [json.loads(line) for line in lines(name)]


def a_session() -> BybitSession:
    """Read what somebody else subscribed to."""

    def guess(symbol: str) -> Listing:
        return Listing(instrument=VENUE.instrument(symbol), symbol=symbol)

    return BybitSession([], Options(guess=guess))


def read(name: str) -> list[Event]:
    session = a_session()
    return [event for frame in lines(name) for event in session.receive(frame, NOW)]


def test_trades_are_read() -> None:
    [trade] = read("jkorf-spot_publicTrade")

    [row] = told("jkorf-spot_publicTrade")[0]["data"]
    assert isinstance(trade, Trade)
    assert (trade.trade_id, trade.side) == (row["i"], row["S"].lower())
    assert (trade.price, trade.size) == (float(row["p"]), float(row["v"]))
    assert trade.event_ns == row["T"] * 10**6


def test_a_summary_is_read() -> None:
    [summary] = read("jkorf-spot_ticker")

    [frame] = told("jkorf-spot_ticker")
    assert isinstance(summary, Summary)
    keys = ("lastPrice", "prevPrice24h", "highPrice24h", "lowPrice24h", "volume24h")
    values = [summary.last, summary.open, summary.high, summary.low, summary.volume]
    assert values == [float(frame["data"][key]) for key in keys]
    assert summary.event_ns == frame["ts"] * 10**6


def test_a_candle_of_five_minutes_is_read() -> None:
    [candle] = read("nautilus-kline")

    [row] = told("nautilus-kline")[0]["data"]
    assert isinstance(candle, VenueCandle)
    values = [candle.open, candle.high, candle.low, candle.close, candle.volume]
    assert values == [float(row[key]) for key in ("open", "high", "low", "close", "volume")]
    assert (candle.interval, candle.closed) == ("5m", row["confirm"])
    assert candle.start_ns == row["start"] * 10**6


def test_the_best_quote_is_read_and_its_change() -> None:
    whole, changed = read("nautilus-orderbook")

    first, second = [frame["data"] for frame in told("nautilus-orderbook")]
    assert isinstance(whole, Quote)
    assert [whole.bid, whole.bid_size] == [float(text) for text in first["b"][0]]
    assert [whole.ask, whole.ask_size] == [float(text) for text in first["a"][0]]
    assert isinstance(changed, Quote)
    assert [changed.bid, changed.bid_size] == [float(text) for text in second["b"][0]]
    assert second["a"] == [[first["a"][0][0], "0"]]
    assert [changed.ask, changed.ask_size] == [float(text) for text in first["a"][1]]


def test_replies_are_heeded() -> None:
    assert read("nautilus-subscribe_ack") == []
    [status] = read("nautilus-subscribe_fail")
    assert isinstance(status, VenueStatus)
    assert status.reason == told("nautilus-subscribe_fail")[0]["ret_msg"]


def test_the_listing_is_read() -> None:
    [line] = lines("nautilus-rest_instruments_spot")
    asking = VENUE.list_instruments(VENUE)
    next(asking)

    with pytest.raises(StopIteration) as done:
        asking.send(line)

    request = a_session().recognise(line, "")
    assert request is not None
    assert request.about == ("instruments", None)
    rows = json.loads(line)["result"]["list"]
    for listing, row in zip(done.value.value, rows, strict=True):
        assert str(listing.instrument) == f"{row['baseCoin']}-{row['quoteCoin']}"
        assert listing.tick_size == float(row["priceFilter"]["tickSize"])
        assert listing.lot_size == float(row["lotSizeFilter"]["basePrecision"])
        assert listing.minimum_notional == float(row["lotSizeFilter"]["minOrderAmt"])
