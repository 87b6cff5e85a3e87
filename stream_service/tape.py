"""Trades without a side: quotes and prices in, who took whose offer out, as far as can be told."""

from market.events import Side


class Tape:
    """Infers whether the taker of a trade bought or sold, where the venue does not say.

    By the rule of Lee and Ready: a trade at the ask or above was bought, at the bid or below sold;
    in between, nearer to the ask was bought, nearer to the bid sold. In the very middle, or without
    a quote, the last trade decides: at a higher price it was bought, at a lower one sold, at the
    same price as the last one was. The first trade of all counts as bought.
    """

    def __init__(self) -> None:
        self._middle: float | None = None
        self._price: float | None = None
        self._side: Side = "buy"

    def quote(self, bid: float, ask: float) -> None:
        """Note the best bid and ask; zero stands for none."""
        self._middle = (bid + ask) / 2 if bid and ask else None

    def side_of(self, price: float) -> Side:
        """Return the taker's side of the trade at ``price`` that comes next."""
        against = self._price if self._middle in (None, price) else self._middle
        if against is not None and price != against:
            self._side = "buy" if price > against else "sell"
        self._price = price
        return self._side
