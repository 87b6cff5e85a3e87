"""Rates between currencies at many moments at once, as arrays: what `rates.Rates` tells of each.

A source tells what one unit of a currency is worth in another at each moment, and how much it
counts: of several the one of the least width does, see `rates`. It tells nothing where that is
infinite. Tests hold it to `rates.Rates`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec
import numpy as np

from analytics.indicators.history import Series
from analytics.rates import BANK_BRIDGES, BRIDGES
from market import Instrument


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A market, or a bank, that tells a rate; a value and a width a moment."""

    venue: str
    instrument: Instrument
    value: Series
    width: Series
    is_bank: bool = False


class _Told(msgspec.Struct, frozen=True):
    """A rate, and how wide what it is read off is; infinite: there is none."""

    value: Series
    width: Series

    def or_else(self, other: _Told) -> _Told:
        """Return this one, and the other where there is none."""
        is_there = np.isfinite(self.width)
        return _Told(
            np.where(is_there, self.value, other.value), np.where(is_there, self.width, other.width)
        )

    def or_narrower(self, other: _Told) -> _Told:
        """Return the other one where it is narrower."""
        is_narrower = other.width < self.width
        return _Told(
            np.where(is_narrower, other.value, self.value),
            np.where(is_narrower, other.width, self.width),
        )


class PastRates:
    """Answers from sources of as many moments each."""

    def __init__(self, sources: Sequence[Source], moments: int) -> None:
        self._sources = sorted(sources, key=lambda one: one.venue)
        self._none = _Told(np.full(moments, np.nan), np.full(moments, np.inf))

    def between(
        self, sold: str, bought: str, *, avoiding: str = "", by: Literal["market", "bank"]
    ) -> Series:
        """Return how many of ``bought`` one unit of ``sold`` is worth; NaN where nothing tells.

        The arguments are those of `rates.Rates.between`.
        """
        if sold == bought:
            return np.ones(len(self._none.value))
        bridges = BANK_BRIDGES if by == "bank" else BRIDGES
        crossed = self._none
        for bridge in bridges:
            if bridge not in (sold, bought, avoiding):
                crossed = crossed.or_narrower(self._crossed(sold, bridge, bought, by))
        found = self._by_one_market(sold, bought, is_bank=by == "bank").or_else(crossed)
        return np.where(np.isfinite(found.width), found.value, np.nan)

    def _crossed(self, sold: str, bridge: str, bought: str, by: str) -> _Told:
        found = self._none
        for first_is_bank, second_is_bank in _WAYS[by]:
            first = self._by_one_market(sold, bridge, is_bank=first_is_bank)
            second = self._by_one_market(bridge, bought, is_bank=second_is_bank)
            found = found.or_else(_Told(first.value * second.value, first.width + second.width))
        return found

    def _by_one_market(self, sold: str, bought: str, *, is_bank: bool) -> _Told:
        inverse = self._narrowest(bought, sold, is_bank=is_bank)
        return self._narrowest(sold, bought, is_bank=is_bank).or_else(
            _Told(1.0 / inverse.value, inverse.width)
        )

    def _narrowest(self, base: str, quote_currency: str, *, is_bank: bool) -> _Told:
        found, meant = self._none, Instrument(base, quote_currency)
        for one in self._sources:
            if one.instrument == meant and one.is_bank == is_bank:
                found = found.or_narrower(_Told(one.value, one.width))
        return found


def pairs_between(sold: str, bought: str) -> Iterator[Instrument]:
    """Yield the instruments that a rate between two currencies may be read off."""
    ends = dict.fromkeys((sold, bought))
    for one in dict.fromkeys((sold, bought, *BRIDGES)):
        for other in ends:
            if one != other:
                yield Instrument(one, other)
                if one not in ends:
                    yield Instrument(other, one)


def ranked(volumes: Iterable[Series], step: float) -> list[Series]:
    """Return widths: of each moment the largest volume has one step, the next two, and so on.

    Of as many the first is before the others; NaN has no volume, and an infinite width.
    """
    table = np.array([np.where(np.isnan(one), -np.inf, one) for one in volumes])
    order = np.argsort(-table, axis=0, kind="stable")
    ranks = np.empty_like(table)
    np.put_along_axis(ranks, order, np.arange(1.0, len(table) + 1.0)[:, None], axis=0)
    return list(np.where(np.isneginf(table), np.inf, ranks * step))


_WAYS = {
    "market": ((False, False),),
    "bank": ((False, True), (True, False), (True, True)),
}
"""Which of two rates that are crossed may be a bank's; the first that there is counts."""
