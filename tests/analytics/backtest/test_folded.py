import numpy as np
import pytest

from analytics.backtest import Bars, bars_of, folded
from analytics.folding import FoldedBook
from market import Candle
from tests.analytics.backtest.candles import walk
from tests.making import a_candle

MINUTES = walk(1_000)


def _folded_live(candles: list[Candle], interval: str) -> list[Candle]:
    book = FoldedBook("kraken", interval)
    for candle in candles:
        book.take(candle)
    keys = sorted({(c.instrument, c.start_ns - c.start_ns % 300_000_000_000) for c in candles})
    return [book.candle(key, sequence=1) for key in keys]


def test_five_minutes_are_folded_as_they_are_live() -> None:
    rows = zip(MINUTES.start_ns.tolist(), MINUTES.close.tolist(), strict=True)
    candles = [a_candle("kraken", start_ns=at, close=close) for at, close in rows]

    found = folded(bars_of(candles, "1m"), "5m")

    live = bars_of(_folded_live(candles, "5m"), "5m")
    for name in ("start_ns", "open", "high", "low", "close", "volume"):
        assert np.array_equal(getattr(found, name), getattr(live, name))


def test_an_hour_with_holes_in_it_is_made_of_what_is_there() -> None:
    first, last = MINUTES.part(10, 20), MINUTES.part(70, 80)
    bars = Bars(
        interval="1m",
        start_ns=np.concatenate((first.start_ns, last.start_ns)),
        open=np.concatenate((first.open, last.open)),
        high=np.concatenate((first.high, last.high)),
        low=np.concatenate((first.low, last.low)),
        close=np.concatenate((first.close, last.close)),
        volume=np.concatenate((first.volume, last.volume)),
    )

    found = folded(bars, "1h")

    assert found.open.tolist() == [first.open[0], last.open[0]]
    assert found.high.tolist() == [first.high.max(), last.high.max()]
    assert found.volume.tolist() == [10.0, 10.0]


def test_what_is_longer_cannot_be_made_shorter() -> None:
    with pytest.raises(ValueError, match="candles of 1m cannot be made of those of 5m"):
        folded(folded(MINUTES, "5m"), "1m")
