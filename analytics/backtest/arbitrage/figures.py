"""What is said of a replay of routes, each figure with its definition beside it; money in dollars.

Every latency carries out the same takes, so what was seen is the same and what was kept tells what
the way to the venue costs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from analytics.backtest.arbitrage.desk import Desk
from analytics.backtest.arbitrage.outcomes import Outcome
from market.intervals import INTERVALS, SECOND_NS

DAY_NS = INTERVALS["1d"]

DEFINITIONS: dict[str, str] = {
    "taken": "routes that the strategy took",
    "filled": "those whose orders all got all that they asked for",
    "partial": "those of which an order got a part, or one got all and another nothing",
    "missed": "those of which no order got anything",
    "seen_usd": "edge seen: what the taken routes promised, fees and depth paid, when taken",
    "kept_usd": "edge kept: what their orders brought, each asset at its worth when the last order "
    "was done; without what a route leaves over between two legs, which it counts as lost",
    "kept_share": "edge kept / edge seen",
    "fill_share": "what orders took in / what they were to take in, of routes that were sent",
    "fees_usd": "fees of all fills, at the worth of when their route was done",
    "drift_usd": "what would have to be moved to lie as at the start: all that is more somewhere "
    "than it was there, at its worth in the end",
    "gain_usd": "change of all balances, at their worth in the end",
    "missing": "why routes were not filled whole, each by the leg that got least",
}
"""What each figure is."""

REASONS: dict[str, str] = {
    "price": "no level was as good as the worst price of the route",
    "depth": "the levels that were held less than was asked for, or were taken by another route",
    "minimum": "what could be had was below the least that may be traded",
    "balance": "funds were missing",
    "in_flight": "the same route was on its way already",
    "tape_ended": "the recording ended before the order arrived",
    "stale": "the newest book was too old",
    "gap": "the book was from before a break, or crossed",
    "silent": "the venue had fallen silent",
    "closed_market": "the venue had halted the market",
}
"""What each reason means; others are states of a venue."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over some routes; see `DEFINITIONS`."""

    taken: int
    filled: int
    partial: int
    missed: int
    seen_usd: float
    kept_usd: float
    kept_share: float | None
    fill_share: float | None
    fees_usd: float
    missing: dict[str, int]


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """One currency at one venue; ``usd`` is what a unit is worth in the end, None: nobody knows."""

    venue: str
    asset: str
    start: float
    end: float
    least: float
    usd: float | None

    @property
    def change(self) -> float:
        """How much more there is than at the start."""
        return self.end - self.start


class OfLatency(msgspec.Struct, frozen=True, kw_only=True):
    """All that came of the takes at one latency, in milliseconds; days are UTC, of the taking."""

    latency_ms: str
    total: Kept
    routes: dict[str, Kept]
    days: dict[str, Kept]
    balances: tuple[Drift, ...]
    drift_usd: float
    gain_usd: float


def of_desk(desk: Desk, usd: Callable[[str], float | None]) -> OfLatency:
    """Compute all figures of one desk.

    Args:
        desk: What has ended.
        usd: What a unit of an asset is worth in the end.

    """
    balances = tuple(_drifts(desk, usd))
    changes = [one.change * one.usd for one in balances if one.usd is not None]
    return OfLatency(
        latency_ms=desk.latency.name,
        total=kept(desk.outcomes),
        routes=_by(desk.outcomes, lambda one: one.route_id, best_first=True),
        days=_by(desk.outcomes, lambda one: _day(one.taken_ns)),
        balances=balances,
        drift_usd=sum(change for change in changes if change > 0.0),
        gain_usd=sum(changes),
    )


def kept(outcomes: Sequence[Outcome]) -> Kept:
    """Sum up what came of some routes."""
    states = Counter(one.state for one in outcomes)
    seen_usd = sum(one.seen_usd for one in outcomes)
    kept_usd = sum(one.kept_usd for one in outcomes)
    asked_usd = sum(one.asked_usd for one in outcomes)
    return Kept(
        taken=len(outcomes),
        filled=states["filled"],
        partial=states["partial"],
        missed=states["missed"],
        seen_usd=seen_usd,
        kept_usd=kept_usd,
        kept_share=kept_usd / seen_usd if seen_usd else None,
        fill_share=sum(one.filled_usd for one in outcomes) / asked_usd if asked_usd else None,
        fees_usd=sum(one.fees_usd for one in outcomes),
        missing=dict(Counter(one.why for one in outcomes if one.state != "filled").most_common()),
    )


def _by(
    outcomes: Iterable[Outcome], key: Callable[[Outcome], str], *, best_first: bool = False
) -> dict[str, Kept]:
    groups: dict[str, list[Outcome]] = {}
    for one in outcomes:
        groups.setdefault(key(one), []).append(one)
    found = {name: kept(group) for name, group in sorted(groups.items())}
    if not best_first:
        return found
    return dict(sorted(found.items(), key=lambda item: -item[1].kept_usd))


def _drifts(desk: Desk, usd: Callable[[str], float | None]) -> Iterable[Drift]:
    for (venue, asset), balance in sorted(desk.holdings.balances.items()):
        yield Drift(
            venue=venue,
            asset=asset,
            start=balance.start,
            end=balance.amount,
            least=balance.least,
            usd=usd(asset),
        )


def _day(at_ns: int) -> str:
    return f"{datetime.fromtimestamp(at_ns // SECOND_NS, UTC):%Y-%m-%d}"
