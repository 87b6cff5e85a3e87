"""Quotes and trades to store: 200 series, every third event a trade, the same at every run."""

from __future__ import annotations

import random
from collections.abc import Iterator

from market import Instrument, Quote, Trade

VENUES = ("binance", "bybit", "kraken", "okx", "upbit")
INSTRUMENTS = [Instrument(f"C{number:02}", "USDT") for number in range(40)]


def made_events(count: int, *, start_ns: int, step_ns: int) -> Iterator[Quote | Trade]:
    """Make that many events, so far apart in time."""
    chance = random.Random(5)  # noqa: S311  # prices, not secrets
    for number in range(count):
        price = round(chance.uniform(0.5, 90_000.0), 2)
        both = chance.choice(VENUES), chance.choice(INSTRUMENTS)
        make = _quote if number % 3 else _trade
        yield make(both, price, start_ns + number * step_ns)


def _quote(both: tuple[str, Instrument], price: float, at_ns: int) -> Quote:
    return Quote(
        venue=both[0],
        instrument=both[1],
        bid=price,
        bid_size=0.25,
        ask=price + 0.01,
        ask_size=1.5,
        event_ns=at_ns,
        received_ns=at_ns + 900_000,
        sequence=at_ns + 900_000,
    )


def _trade(both: tuple[str, Instrument], price: float, at_ns: int) -> Trade:
    return Trade(
        venue=both[0],
        instrument=both[1],
        trade_id=str(at_ns // 1_000),
        side="buy" if at_ns % 2 else "sell",
        price=price,
        size=0.125,
        event_ns=at_ns,
        received_ns=at_ns + 900_000,
        sequence=at_ns // 1_000,
    )
