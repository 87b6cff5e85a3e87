"""Indicators: numbers in, one at a time, numbers out once there are enough of them.

Each has one definition in two forms: a class that is updated (live), and in `history` a function
over whole arrays, equal to the last bit. Definitions and seeds are those of TA-Lib. ``None`` stands
for "too few values yet"; `warm_up` is how many it takes.

    moving averages   Sma, Ema                    of prices, or of anything
    momentum          Rsi, Macd
    bands and ranges  Bollinger, Atr, ZScore
    of a day          Vwap
    between markets   spread_bps, premium_bps
"""

from analytics.indicators.averages import Ema, Sma
from analytics.indicators.momentum import Macd, MacdValue, Rsi
from analytics.indicators.ranges import Atr, Band, Bollinger, ZScore
from analytics.indicators.spreads import premium_bps, spread_bps
from analytics.indicators.vwap import Vwap

__all__ = [
    "Atr",
    "Band",
    "Bollinger",
    "Ema",
    "Macd",
    "MacdValue",
    "Rsi",
    "Sma",
    "Vwap",
    "ZScore",
    "premium_bps",
    "spread_bps",
]
