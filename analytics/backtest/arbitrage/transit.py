"""Transfers between venues: an amount that is sent in, what arrives of it out, when it does.

A transfer costs its fee and takes its time; in between the amount can be used nowhere. It needs
terms that are known and open, as in the search of routes.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from analytics.backtest.arbitrage.agenda import Agenda, Errand
from analytics.backtest.arbitrage.holdings import Holdings
from analytics.routes.standing import Standing
from analytics.routes.state import Transfer
from market.intervals import SECOND_NS

Purpose: TypeAlias = Literal["rebalance", "route"]

MINUTES = 30.0
"""What a transfer is taken to last where nobody says."""

MINUTE_NS = 60 * SECOND_NS


class Shipment(msgspec.Struct, frozen=True, kw_only=True):
    """An asset on its way from one venue to another; amounts of it.

    ``usd`` is what a unit was worth when it was sent, None: nobody knew.
    """

    purpose: Purpose
    asset: str
    source: str
    target: str
    sent: float
    fee: float
    sent_ns: int
    arrives_ns: int
    usd: float | None

    @property
    def arrives(self) -> float:
        """Return what arrives."""
        return self.sent - self.fee


class Transit:
    """Sends and lets arrive, for one desk.

    Args:
        standing: What is known of transfers, and what assets are worth.
        holdings: Where amounts come from and go to.
        agenda: Where arrivals are put down.
        minutes: What a transfer lasts where nobody says.

    """

    def __init__(
        self, standing: Standing, holdings: Holdings, agenda: Agenda, *, minutes: float = MINUTES
    ) -> None:
        self.shipments: list[Shipment] = []
        self.blocked: set[tuple[str, str, str]] = set()
        """Assets that were to be moved, from and to which venue, where no way is known."""
        self._standing = standing
        self._holdings = holdings
        self._agenda = agenda
        self._minutes = minutes

    def way(self, asset: str, source: str, target: str) -> Transfer[float] | None:
        """Return the terms of moving an asset; None: it is not known that it can be."""
        terms = self._standing.transfer(asset, source, target)
        way = terms.of(asset, source, target) if terms.open else None
        if way is None:
            self.blocked.add((asset, source, target))
        return way

    def send(
        self,
        way: Transfer[float],
        amount: float,
        now_ns: int,
        *,
        purpose: Purpose,
        then: Errand | None = None,
    ) -> Shipment:
        """Send an amount, which is more than the fee; ``then`` is what waits for its arrival."""
        minutes = self._minutes if way.minutes is None else way.minutes
        shipment = Shipment(
            purpose=purpose,
            asset=way.asset,
            source=way.source,
            target=way.target,
            sent=amount,
            fee=way.fee,
            sent_ns=now_ns,
            arrives_ns=now_ns + round(minutes * MINUTE_NS),
            usd=self._standing.usd(way.asset),
        )
        self.shipments.append(shipment)
        self._holdings.add((way.source, way.asset), -amount)
        self._holdings.expect((way.target, way.asset), shipment.arrives, shipment.usd)
        self._agenda.add(shipment.arrives_ns, _Arrival(shipment, self._holdings, then))
        return shipment


class _Arrival:
    """What is expected is there, and who waits for it goes on."""

    def __init__(self, shipment: Shipment, holdings: Holdings, then: Errand | None) -> None:
        self._shipment = shipment
        self._holdings = holdings
        self._then = then

    def carry_out(self, now_ns: int) -> None:
        """See `Errand.carry_out`."""
        place = self._shipment.target, self._shipment.asset
        self._holdings.expect(place, -self._shipment.arrives)
        self._holdings.add(place, self._shipment.arrives)
        if self._then is not None:
            self._then.carry_out(now_ns)

    def give_up(self, now_ns: int) -> None:
        """See `Errand.give_up`; it will be there, and counts as such."""
        if self._then is not None:
            self._then.give_up(now_ns)
