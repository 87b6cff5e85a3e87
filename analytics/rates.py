"""Conversion rates between currencies, read off the venues' own quotes.

A rate is the middle of a market's bid and ask: good for comparing prices, not for trading. Sought
are, in this order: a market that quotes the one currency in the other, one that quotes it the other
way round, and two such markets that meet in a third currency. Of several the tightest is taken.
Currencies that are meant to be worth the same, such as USD and USDT, are different ones here.

A bank's rate of money may be hours old, so it is taken where no market tells, or where it is asked
for: the premium of a market is seen against both.
"""

from typing import Literal, TypeAlias

import msgspec

from analytics.latest import LatestQuotes
from market import Quote, Summary

BRIDGES = ("USD", "USDT", "USDC", "KRW", "EUR")
"""Currencies that two markets may meet in: money, and coins that stand for it.

A coin with a price of its own, such as BTC, is none: where it trades at a premium, a rate read off
it hides just that premium.
"""


BANK_BRIDGES = ("USD", "EUR")
"""Currencies that a market may meet a bank in: of a won market the price has the premium in it."""

Basis: TypeAlias = Literal["any", "market", "bank"]
"""Which rates are meant: a market's, or a bank's where no market tells; one alone; the other."""


class Rate(msgspec.Struct, frozen=True):
    """What one unit of a currency is worth in another.

    ``quotes`` are those that say so, ``source`` names them: ``upbit USDT-KRW x kraken USDT-USD``.
    Both are empty for a currency in itself. ``is_bank``: a bank's rate is among them.
    """

    value: float
    quotes: tuple[Quote, ...] = ()
    source: str = ""
    is_bank: bool = False

    def age_ns(self, now_ns: int) -> int:
        """Return the age of the oldest quote that it is read off."""
        return max((now_ns - quote.received_ns for quote in self.quotes), default=0)


SAME = Rate(1.0)
"""The rate of a currency in itself."""


class Rates:
    """Answers from the usable quotes of ``latest``, which is fed by whoever owns it."""

    def __init__(self, latest: LatestQuotes) -> None:
        self._latest = latest
        self._known: dict[tuple[str, str, str, Basis], Rate | None] = {}
        self._known_at = (-1, -1)

    def until_ns(self, quote: Quote) -> int:
        """Return when a quote will be too old."""
        return quote.received_ns + self._latest.age_limit_ns(quote.venue)

    def between(
        self, sold: str, bought: str, now_ns: int, *, avoiding: str = "", by: Basis = "any"
    ) -> Rate | None:
        """Return how many of ``bought`` one unit of ``sold`` is worth; None where nothing tells.

        Args:
            sold: The currency that is converted.
            bought: The currency that the answer is in.
            now_ns: The moment, by our clock.
            avoiding: A currency that markets may not meet in. For the price of USDT in two
                currencies a rate by way of USDT would be that price itself.
            by: Whose rates are meant.

        """
        if sold == bought:
            return SAME
        if self._known_at != (self._latest.version, now_ns):
            self._known.clear()
            self._known_at = (self._latest.version, now_ns)
        key = sold, bought, avoiding if avoiding in BRIDGES else "", by
        if key not in self._known:
            self._known[key] = self._seek(sold, bought, now_ns, avoiding, by)
        return self._known[key]

    def _seek(self, sold: str, bought: str, now_ns: int, avoiding: str, by: Basis) -> Rate | None:
        if by == "any":
            market = self._seek(sold, bought, now_ns, avoiding, "market")
            return market or self._seek(sold, bought, now_ns, avoiding, "bank")
        if by == "bank" and not self._latest.bank_venues:
            return None
        rate = self._by_one_market(sold, bought, now_ns, is_bank=by == "bank")
        if rate is not None:
            return rate
        crossed = (
            self._by_two_markets(sold, bridge, bought, now_ns, by)
            for bridge in (BANK_BRIDGES if by == "bank" else BRIDGES)
            if bridge not in (sold, bought, avoiding)
        )
        return min((rate for rate in crossed if rate is not None), key=_width, default=None)

    def _by_one_market(self, sold: str, bought: str, now_ns: int, *, is_bank: bool) -> Rate | None:
        quote = self._tightest(sold, bought, now_ns, is_bank=is_bank)
        if quote is not None:
            return _rate(_middle(quote), (quote,), is_bank=is_bank)
        quote = self._tightest(bought, sold, now_ns, is_bank=is_bank)
        if quote is not None:
            return _rate(1.0 / _middle(quote), (quote,), is_bank=is_bank)
        return None

    def _by_two_markets(
        self, sold: str, bridge: str, bought: str, now_ns: int, by: Basis
    ) -> Rate | None:
        """Cross two rates; where a bank's is meant, one of them is a bank's."""
        for first_is_bank, second_is_bank in _WAYS[by]:
            first = self._by_one_market(sold, bridge, now_ns, is_bank=first_is_bank)
            if first is None:
                continue
            second = self._by_one_market(bridge, bought, now_ns, is_bank=second_is_bank)
            if second is not None:
                quotes = (*first.quotes, *second.quotes)
                return _rate(first.value * second.value, quotes, is_bank=by == "bank")
        return None

    def _tightest(
        self, base: str, quote_currency: str, now_ns: int, *, is_bank: bool
    ) -> Quote | None:
        banks = self._latest.bank_venues
        meant = (
            quote
            for quote in self._latest.of_market(base, quote_currency, now_ns)
            if (quote.venue in banks) == is_bank
        )
        return min(meant, key=lambda quote: (_spread(quote), quote.venue), default=None)


def bank_rate(summary: Summary) -> Quote:
    """Return a rate that a bank's service told without bid and ask, as both."""
    return Quote(
        venue=summary.venue,
        instrument=summary.instrument,
        bid=summary.last,
        bid_size=0.0,
        ask=summary.last,
        ask_size=0.0,
        event_ns=summary.event_ns,
        received_ns=summary.received_ns,
        sequence=summary.sequence,
    )


_WAYS: dict[Basis, tuple[tuple[bool, bool], ...]] = {
    "market": ((False, False),),
    "bank": ((False, True), (True, False), (True, True)),
}
"""Which of two rates that are crossed may be a bank's."""


def _rate(value: float, quotes: tuple[Quote, ...], *, is_bank: bool) -> Rate:
    source = " x ".join(f"{quote.venue} {quote.instrument}" for quote in quotes)
    return Rate(value, quotes, source, is_bank)


def _width(rate: Rate) -> tuple[float, str]:
    return sum(_spread(quote) for quote in rate.quotes), rate.source


def _spread(quote: Quote) -> float:
    return (quote.ask - quote.bid) / (quote.ask + quote.bid)


def _middle(quote: Quote) -> float:
    return (quote.bid + quote.ask) / 2.0
