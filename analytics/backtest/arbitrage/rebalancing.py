"""Balances that drifted in, transfers that put them back out.

Each place is to have the share of all there is of its asset that it began with::

    wanted = (all of it, what is on its way included) * start / all starts

What is too much somewhere is sent to where it is most wanting, as far as it is free; never less
than the minimum of the transfer, and nothing of which the fee would take more than `MOST_FEE`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import msgspec

from analytics.backtest.arbitrage.agenda import Agenda
from analytics.backtest.arbitrage.holdings import Balance, Holdings
from analytics.backtest.arbitrage.transit import Transit
from analytics.routes.state import Transfer
from market.intervals import INTERVALS

MOST_FEE = 0.01
"""Share of what is sent."""

DUST = 1e-9
"""Share of all there is of an asset that nothing is sent for."""

HOUR_NS = INTERVALS["1h"]

Way: TypeAlias = Callable[[str, str], Transfer[float] | None]
"""From a venue to a venue."""


class Rule(msgspec.Struct, frozen=True):
    """When to put back: every so long, by the clock (UTC), or when a place falls short.

    ``below`` is the share of what it is to have that no place may fall below. Zero: not so.
    """

    every_ns: int = 0
    below: float = 0.0

    def __str__(self) -> str:
        if self.below:
            return f"below {self.below:g}"
        return f"every {self.every_ns / HOUR_NS:g} h"

    @classmethod
    def parse(cls, text: str) -> Rule | None:
        """Read ``never`` (None), ``daily``, hours such as ``6``, or ``below 0.25``.

        Raises:
            ValueError: it is none of these.

        """
        word, _, share = text.strip().partition(" ")
        try:
            match word:
                case "never" | "daily" if not share:
                    return None if word == "never" else cls(every_ns=24 * HOUR_NS)
                case "below" if 0.0 < float(share) < 1.0:
                    return cls(below=float(share))
                case _ if 0.01 <= float(text) <= 10_000.0:  # noqa: PLR2004  # half a minute, a year
                    return cls(every_ns=round(float(text) * HOUR_NS))
        except ValueError:
            pass  # said below, as for numbers out of bounds
        raise ValueError(
            f"{text!r} is no way to rebalance: write never, daily, hours such as 6, or "
            "'below 0.25', the least share of its funds that a place may be left with"
        )


class Rebalancer:
    """Puts the balances of one desk back.

    Args:
        rule: When.
        holdings: The balances.
        transit: What sends.
        agenda: Where the next time is put down.

    """

    def __init__(self, rule: Rule, holdings: Holdings, transit: Transit, agenda: Agenda) -> None:
        self._rule = rule
        self._holdings = holdings
        self._transit = transit
        self._agenda = agenda
        self._has_begun = False

    def begin(self, now_ns: int) -> None:
        """Go by the clock from now on; before anything was taken nothing has drifted."""
        if not self._has_begun:
            self._has_begun = True
            self._put_down(now_ns)

    def look(self, now_ns: int) -> None:
        """Put back where a place has fallen short, if that is the rule."""
        if not self._rule.below:
            return
        for asset, places in self._by_asset().items():
            if any(one.owned < self._rule.below * wanted for one, wanted in _wanted(places)):
                self._put_back(asset, places, now_ns)

    def carry_out(self, now_ns: int) -> None:
        """Put all back: the clock says so."""
        for asset, places in self._by_asset().items():
            self._put_back(asset, places, now_ns)
        self._put_down(now_ns)

    def give_up(self, now_ns: int) -> None:
        """See `Errand.give_up`."""

    def _put_down(self, now_ns: int) -> None:
        every_ns = self._rule.every_ns
        if every_ns:
            self._agenda.add(now_ns // every_ns * every_ns + every_ns, self)

    def _put_back(self, asset: str, places: Mapping[str, Balance], now_ns: int) -> None:
        def way(source: str, target: str) -> Transfer[float] | None:
            return self._transit.way(asset, source, target)

        for chosen, amount in list(moves(places, way)):
            self._transit.send(chosen, amount, now_ns, purpose="rebalance")

    def _by_asset(self) -> dict[str, dict[str, Balance]]:
        found: dict[str, dict[str, Balance]] = {}
        for (venue, asset), balance in sorted(self._holdings.balances.items()):
            found.setdefault(asset, {})[venue] = balance
        return found


def moves(places: Mapping[str, Balance], way: Way) -> Iterator[tuple[Transfer[float], float]]:
    """Yield what is to be sent of one asset: by what way, and how much with the fee.

    Args:
        places: By venue.
        way: The terms of moving it; None: it cannot be.

    """
    dust = DUST * sum(one.owned for one in places.values())
    lacks = {
        venue: wanted - one.owned
        for venue, (one, wanted) in zip(places, _wanted(places), strict=True)
    }
    spare = {venue: min(-lack, places[venue].free) for venue, lack in lacks.items() if lack < -dust}
    for target in sorted((one for one in lacks if lacks[one] > dust), key=lambda one: -lacks[one]):
        for source in sorted(spare, key=lambda one: -spare[one]):
            if lacks[target] <= dust or spare[source] <= dust:
                continue
            chosen = way(source, target)
            if chosen is None:
                continue
            amount = min(spare[source], lacks[target] + chosen.fee)
            if amount >= (chosen.minimum or 0.0) and chosen.fee <= MOST_FEE * amount:
                yield chosen, amount
                spare[source] -= amount
                lacks[target] -= amount - chosen.fee


def _wanted(places: Mapping[str, Balance]) -> Iterator[tuple[Balance, float]]:
    """Yield each balance and how much it is to be."""
    there = sum(one.owned for one in places.values())
    starts = sum(one.start for one in places.values())
    for one in places.values():
        yield one, there * one.start / starts if starts else one.owned
