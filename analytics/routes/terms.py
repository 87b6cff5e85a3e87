"""What the routes of a board keep to."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from analytics.routes.kernels import KernelName
from analytics.routes.searching import MODES
from analytics.routes.state import Limits, Mode
from market.intervals import SECOND_NS

IMPLAUSIBLE = 0.10
"""A return beyond this is a false price or another coin of the same code."""


class BoardTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What the routes of a board keep to.

    ``capital_usd`` is the notional that a route may take at most, None: no limit. ``bank_venues``
    tell rates of money every few minutes or hours, which may be ``bank_age_ns`` old.
    """

    max_age_ns: int
    max_silence_ns: int = 5 * SECOND_NS
    max_skew_ns: int = 5 * SECOND_NS
    capital_usd: float | None = 10_000.0
    bank_venues: Collection[str] = ()
    bank_age_ns: int = 86_400 * SECOND_NS
    reference_venue: str = "binance"
    kernel: KernelName = "python"

    def limits(self) -> dict[Mode, Limits[float]]:
        """Return what a verdict keeps to, in each mode."""
        return {
            mode: Limits(
                mode=mode,
                most_age_ns=self.max_age_ns,
                most_skew_ns=self.max_skew_ns,
                most_return=IMPLAUSIBLE,
                most_capital_usd=self.capital_usd,
                least_return=0.0,
                least_profit_usd=0.0,
            )
            for mode in MODES
        }
