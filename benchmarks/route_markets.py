"""Made-up markets for the route engine: venues, what they list, and books that keep moving.

A coin is worth about the same everywhere; each market is a little off by itself and drifts back,
Korean money is worth a little more in Korea than outside. Fees are what such venues charge, so few
of the ways round pay, as in the world.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import msgspec

from analytics.routes.state import Depth, Market
from market import Instrument

LEVELS = 10
WORTH = {"USDT": 1.0, "USD": 1.0, "USDC": 1.0, "EUR": 1.08, "KRW": 0.00074, "BTC": 60_000.0}
"""What a unit of what others are quoted in is worth in dollars."""

KINDS = (
    (("USDT", "USDC", "BTC", "EUR"), 0.0010),
    (("USD", "USDT", "BTC", "EUR"), 0.0016),
    (("KRW", "BTC", "USDT"), 0.0005),
    (("USDT", "USDC", "BTC", "USD"), 0.0010),
)
"""What venues quote in, and their taker fee; they take turns."""

LISTED = {"USDT": 0.6, "USD": 0.45, "KRW": 0.4, "USDC": 0.15, "BTC": 0.15, "EUR": 0.12}
"""Share of the coins that a venue lists in a currency."""


class Size(msgspec.Struct, frozen=True):
    """How large a made-up market is, and how far each price is off by itself, as a fraction."""

    name: str
    venues: int
    coins: int
    off: float


SIZES = (Size("S", 4, 20, 0.0008), Size("M", 9, 200, 0.00047), Size("L", 20, 500, 0.00037))


class Made:
    """A made-up market and its next books, the same for the same seed."""

    def __init__(self, size: Size, seed: int = 1) -> None:
        self._random = random.Random(seed)  # noqa: S311  # prices, not secrets
        self._size = size
        self._worth = dict(WORTH)
        for coin in range(size.coins):
            self._worth[f"C{coin:03}"] = 10.0 ** self._random.uniform(-3.0, 3.0)
        self.markets = list(self._listed(size))
        self._off = [self._random.gauss(0.0, size.off) for _ in self.markets]
        self.books = [self._book(number) for number in range(len(self.markets))]

    def updates(self, count: int) -> list[tuple[int, Depth[float]]]:
        """Return the next books, and the number of the market of each."""
        return [self._update() for _ in range(count)]

    def _listed(self, size: Size) -> Iterator[Market[float]]:
        for venue in range(size.venues):
            quotes, fee = KINDS[venue % len(KINDS)]
            for base, quote in self._pairs(size, quotes):
                yield Market(
                    venue=f"venue{venue:02}",
                    instrument=Instrument(base, quote),
                    base=base,
                    quote=quote,
                    taker_fee=fee,
                )

    def _pairs(self, size: Size, quotes: Sequence[str]) -> Iterator[tuple[str, str]]:
        for coin in range(size.coins):
            for quote in quotes:
                if self._random.random() < LISTED[quote]:
                    yield f"C{coin:03}", quote
        if "BTC" in quotes:
            yield from (("BTC", quote) for quote in quotes if quote != "BTC")
        if "KRW" in quotes:
            yield "USDT", "KRW"
        yield from (("USDT", quote) for quote in quotes if quote in ("USD", "EUR"))

    def _update(self) -> tuple[int, Depth[float]]:
        number = self._random.randrange(len(self.markets))
        self._off[number] = 0.8 * self._off[number] + 0.6 * self._random.gauss(0.0, self._size.off)
        return number, self._book(number)

    def _book(self, number: int) -> Depth[float]:
        market = self.markets[number]
        price = self._worth[market.base] / self._worth[market.quote] * (1.0 + self._off[number])
        half = 0.0001 + 0.0002 * self._random.random()
        size = 1_000.0 / self._worth[market.base]
        sizes = [size * (0.5 + self._random.random()) for _ in range(2 * LEVELS)]
        steps = [half + 0.0001 * level for level in range(LEVELS)]
        return Depth(
            bids=tuple((price * (1.0 - step), sizes[i]) for i, step in enumerate(steps)),
            asks=tuple((price * (1.0 + step), sizes[LEVELS + i]) for i, step in enumerate(steps)),
            event_ns=1,
            received_ns=1,
        )
