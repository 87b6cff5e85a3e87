"""What a cycle can bring at most by its best prices and their sizes: rows in, dollars out.

At one level a leg each unit brings the same, so the most is brought by as many as the smallest
level lets through. Lots and minima only take from that. Where a market has told of a book there
may be more behind the best level, and nothing but capital bounds it.
"""

from __future__ import annotations

from collections.abc import Callable

from analytics.backtest.arbitrage.tape import Tape
from analytics.routes.latest_depths import Place
from analytics.routes.standing import Standing
from analytics.routes.state import Cycle, Leg

ROUNDING = 1e-9


class Promise:
    """Bounds what cycles bring while one tape is played.

    Args:
        tape: The tape.
        row_of: The last row of a market that was passed; None: it is of a book, or of another tape.
        kept: What a market's taker fee leaves of a unit.
        standing: What assets are worth.

    """

    def __init__(
        self,
        tape: Tape,
        *,
        row_of: Callable[[Place], int | None],
        kept: Callable[[Place], float],
        standing: Standing,
    ) -> None:
        self._tape = tape
        self._row_of = row_of
        self._kept = kept
        self._standing = standing

    def reaches(self, cycle: Cycle, top_rate: float, least_usd: float) -> bool:
        """Tell whether a cycle may bring so much, for all that is known here."""
        usd = self._standing.usd(cycle.start)
        if not least_usd or usd is None:
            return True
        through, kept = float("inf"), 1.0
        for leg in cycle.legs:
            if leg.instrument is None:
                continue
            place = leg.source[0], leg.instrument
            row = self._row_of(place)
            if row is None:
                return True
            size, rate = self._level(leg, row)
            through = min(through, size / kept)
            kept *= rate * self._kept(place)
        return through * (top_rate - 1.0) * usd >= least_usd * (1.0 - ROUNDING)

    def _level(self, leg: Leg, row: int) -> tuple[float, float]:
        """Return how much a leg takes in at its best price, and what a unit brings before fees."""
        tape = self._tape
        if leg.kind == "buy":
            price = float(tape.ask[row])
            return price * float(tape.ask_size[row]), 1.0 / price
        return float(tape.bid_size[row]), float(tape.bid[row])
