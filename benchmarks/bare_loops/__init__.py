"""Loops written for one venue and one kind each: frames in, the least that they say out.

They are what somebody would write who needs that venue and that kind alone and trusts it: one
typed decode of the frame with msgspec, numbers and times converted, one normalised struct. For a
book that comes as changes they keep the ladder in the plainest fast way, sizes by price and prices
in order, and give its best ten levels. They check nothing and make up for nothing.
"""

from collections.abc import Mapping

from benchmarks.bare_loops import (
    alpaca,
    binance,
    bitstamp,
    bybit,
    coinbase,
    korean,
    kraken,
    kucoin,
    okx,
)
from benchmarks.bare_loops.normal import Frames, Loop

__all__ = ["BARE", "Frames", "Loop"]

BARE: Mapping[str, Mapping[str, Loop]] = {
    "alpaca": alpaca.LOOPS,
    "binance": binance.LOOPS,
    "bithumb": korean.BITHUMB,
    "bitstamp": bitstamp.LOOPS,
    "bybit": bybit.LOOPS,
    "coinbase": coinbase.LOOPS,
    "kraken": kraken.LOOPS,
    "kucoin": kucoin.LOOPS,
    "okx": okx.LOOPS,
    "upbit": korean.UPBIT,
}
"""By venue and kind."""
