"""Conversion rates between currencies, read off the venues' own quotes.

A rate is the middle of a market's bid and ask: good for comparing prices, not for trading. Sought
are, in this order: a market that quotes the one currency in the other, one that quotes it the other
way round, and two such markets that meet in a third currency. Of several the tightest is taken.
Currencies that are meant to be worth the same, such as USD and USDT, are different ones here.
"""

from collections.abc import Iterable

import msgspec

from analytics.latest import LatestQuotes
from market import Quote

BRIDGES = ("USD", "USDT", "USDC", "KRW", "EUR")
"""Currencies that two markets may meet in: money, and coins that stand for it.

A coin with a price of its own, such as BTC, is none: where it trades at a premium, a rate read off
it hides just that premium.
"""


class Rate(msgspec.Struct, frozen=True):
    """What one unit of a currency is worth in another.

    ``quotes`` are those that say so, ``source`` names them: ``upbit USDT-KRW x kraken USDT-USD``.
    Both are empty for a currency in itself.
    """

    value: float
    quotes: tuple[Quote, ...] = ()
    source: str = ""


SAME = Rate(1.0)
"""The rate of a currency in itself."""


class Rates:
    """Answers from the usable quotes of ``latest``, which is fed by whoever owns it."""

    def __init__(self, latest: LatestQuotes) -> None:
        self._latest = latest
        self._known: dict[tuple[str, str, str], Rate | None] = {}
        self._known_at = (-1, -1)

    def between(self, sold: str, bought: str, now_ns: int, *, avoiding: str = "") -> Rate | None:
        """Return how many of ``bought`` one unit of ``sold`` is worth; None where nothing tells.

        Args:
            sold: The currency that is converted.
            bought: The currency that the answer is in.
            now_ns: The moment, by our clock.
            avoiding: A currency that markets may not meet in. For the price of USDT in two
                currencies a rate by way of USDT would be that price itself.

        """
        if sold == bought:
            return SAME
        if self._known_at != (self._latest.version, now_ns):
            self._known.clear()
            self._known_at = (self._latest.version, now_ns)
        key = sold, bought, avoiding if avoiding in BRIDGES else ""
        if key not in self._known:
            self._known[key] = self._seek(sold, bought, now_ns, avoiding)
        return self._known[key]

    def _seek(self, sold: str, bought: str, now_ns: int, avoiding: str) -> Rate | None:
        rate = self._by_one_market(sold, bought, now_ns)
        if rate is not None:
            return rate
        crossed = (
            self._by_two_markets(sold, bridge, bought, now_ns)
            for bridge in BRIDGES
            if bridge not in (sold, bought, avoiding)
        )
        return min((rate for rate in crossed if rate is not None), key=_width, default=None)

    def _by_one_market(self, sold: str, bought: str, now_ns: int) -> Rate | None:
        quote = _tightest(self._latest.of_market(sold, bought, now_ns))
        if quote is not None:
            return _rate(_middle(quote), quote)
        quote = _tightest(self._latest.of_market(bought, sold, now_ns))
        if quote is not None:
            return _rate(1.0 / _middle(quote), quote)
        return None

    def _by_two_markets(self, sold: str, bridge: str, bought: str, now_ns: int) -> Rate | None:
        first = self._by_one_market(sold, bridge, now_ns)
        second = self._by_one_market(bridge, bought, now_ns)
        if first is None or second is None:
            return None
        return _rate(first.value * second.value, *first.quotes, *second.quotes)


def _rate(value: float, *quotes: Quote) -> Rate:
    return Rate(value, quotes, " x ".join(f"{quote.venue} {quote.instrument}" for quote in quotes))


def _tightest(quotes: Iterable[Quote]) -> Quote | None:
    return min(quotes, key=lambda quote: (_spread(quote), quote.venue), default=None)


def _width(rate: Rate) -> tuple[float, str]:
    return sum(_spread(quote) for quote in rate.quotes), rate.source


def _spread(quote: Quote) -> float:
    return (quote.ask - quote.bid) / (quote.ask + quote.bid)


def _middle(quote: Quote) -> float:
    return (quote.bid + quote.ask) / 2.0
