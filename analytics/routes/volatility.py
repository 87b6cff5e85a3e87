"""How far a price moves while a coin is on its way: prices by time in, a risk in bps out.

    sigma over t = sqrt(variance a second * t), the variance from an exponentially weighted mean
    of squared log returns

Until enough was seen, `ASSUMED_A_YEAR` stands for it: the double of what BTC usually has.
"""

from __future__ import annotations

from math import exp, log, sqrt

import msgspec

from market.intervals import SECOND_NS

ASSUMED_A_YEAR = 1.0
YEAR_S = 365.0 * 86_400.0
SAMPLE_S = 10.0
HALF_LIFE_S = 1_800.0
ENOUGH = 30
BPS = 10_000.0


class _Seen(msgspec.Struct):
    price: float
    at_ns: int
    variance: float = 0.0
    weight: float = 0.0
    samples: int = 0


class Volatility:
    """One mean an asset; its price is sampled every ten seconds."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def note(self, asset: str, price: float, at_ns: int) -> None:
        """Take in a price in whatever currency, always in the same."""
        seen = self._seen.get(asset)
        if seen is None or at_ns < seen.at_ns:
            self._seen[asset] = _Seen(price, at_ns)
            return
        passed_s = (at_ns - seen.at_ns) / SECOND_NS
        if passed_s < SAMPLE_S:
            return
        kept = exp(-log(2.0) * passed_s / HALF_LIFE_S)
        squared_return = log(price / seen.price) ** 2
        seen.variance = seen.variance * kept + squared_return * (1.0 - kept) / passed_s
        seen.weight = seen.weight * kept + (1.0 - kept)
        seen.price, seen.at_ns, seen.samples = price, at_ns, seen.samples + 1

    def risk_bps(self, asset: str, minutes: float) -> float:
        """Return one standard deviation of the price over so many minutes."""
        seen = self._seen.get(asset)
        variance = ASSUMED_A_YEAR**2 / YEAR_S
        if seen is not None and seen.samples >= ENOUGH:
            variance = seen.variance / seen.weight
        return sqrt(variance * minutes * 60.0) * BPS
