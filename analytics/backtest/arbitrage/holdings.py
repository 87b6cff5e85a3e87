"""What lies at each venue in each currency: funds and fills in, what is there and what drifted out.

A place that no start is given for is funded with so many dollars' worth at the moment that it is
first needed, at the price of then. What is on its way between two venues can be used at neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from analytics.routes.state import Node


class Balance(msgspec.Struct):
    """Amounts of one currency at one venue.

    ``held`` is reserved by orders that are on the way; ``coming`` is on its way from other venues
    and not there yet.
    """

    start: float
    amount: float
    least: float
    held: float = 0.0
    coming: float = 0.0

    @property
    def free(self) -> float:
        """Return what an order can use."""
        return self.amount - self.held

    @property
    def owned(self) -> float:
        """Return what is there or will be."""
        return self.amount + self.coming


class Holdings:
    """Balances by venue and currency.

    Args:
        start: What is known of them before.
        funds_usd: What is put where nothing else is known.

    """

    def __init__(self, start: Mapping[Node, float] = {}, *, funds_usd: float = 0.0) -> None:
        self.balances = {node: Balance(amount, amount, amount) for node, amount in start.items()}
        self._funds_usd = funds_usd

    def of(self, node: Node, usd: float | None) -> Balance:
        """Return a balance; a new one begins with its funds, at ``usd`` dollars a unit."""
        balance = self.balances.get(node)
        if balance is None:
            if not usd:
                return Balance(0.0, 0.0, 0.0)
            amount = self._funds_usd / usd
            balance = self.balances[node] = Balance(amount, amount, amount)
        return balance

    def share(self, needs: Iterable[tuple[Node, float]]) -> float:
        """Return the greatest share of all these needs, up to 1, that what is free covers."""
        sums: dict[Node, float] = {}
        for node, amount in needs:
            sums[node] = sums.get(node, 0.0) + amount
        shares = [
            self.balances[node].free / amount if node in self.balances else 0.0
            for node, amount in sums.items()
            if amount > 0.0
        ]
        return max(0.0, min([1.0, *shares]))

    def reserve(self, node: Node, amount: float) -> None:
        """Keep an amount for an order; a negative one lets go of it."""
        self.balances[node].held += amount

    def add(self, node: Node, amount: float, usd: float | None = None) -> None:
        """Add what came; a negative amount went."""
        balance = self.of(node, usd)
        self.balances[node] = balance
        balance.amount += amount
        balance.least = min(balance.least, balance.amount)

    def expect(self, node: Node, amount: float, usd: float | None = None) -> None:
        """Note what is on its way to a place; a negative amount has come."""
        balance = self.of(node, usd)
        self.balances[node] = balance
        balance.coming += amount
