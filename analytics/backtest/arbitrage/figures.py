"""Desks that have ended in, what is said of them out; money in dollars, see `definitions`.

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
from analytics.backtest.arbitrage.transit import MINUTE_NS, Purpose
from market.intervals import INTERVALS, SECOND_NS

DAY_NS = INTERVALS["1d"]


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


class Unfunded(msgspec.Struct, frozen=True, kw_only=True):
    """What was not taken for want of funds: of how many routes, and the edge seen of it."""

    routes: int
    seen_usd: float


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """Transfers; ``minutes`` is the mean of their times, None: there are none."""

    transfers: int
    fees_usd: float
    minutes: float | None


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """One currency at one venue; ``usd`` is what a unit is worth in the end, None: nobody knows.

    ``coming`` is on its way there in the end.
    """

    venue: str
    asset: str
    start: float
    end: float
    coming: float
    least: float
    usd: float | None

    @property
    def change(self) -> float:
        """How much more there is, or will be, than at the start."""
        return self.end + self.coming - self.start


class OfLatency(msgspec.Struct, frozen=True, kw_only=True):
    """All that came of the takes at one latency, in milliseconds; days are UTC, of the taking."""

    latency_ms: str
    total: Kept
    routes: dict[str, Kept]
    days: dict[str, Kept]
    balances: tuple[Drift, ...]
    unfunded: Unfunded
    unfunded_without: Unfunded | None
    rebalanced: Moved
    carried: Moved
    coming_usd: float
    blocked: tuple[str, ...]
    drift_usd: float
    gain_usd: float
    gain_usd_without: float | None


def of_desk(
    desk: Desk, usd: Callable[[str], float | None], *, without: Desk | None = None
) -> OfLatency:
    """Compute all figures of one desk.

    Args:
        desk: What has ended.
        usd: What a unit of an asset is worth in the end.
        without: The same without rebalancing; None: this one has none.

    """
    balances = tuple(_drifts(desk, usd))
    changes = _changes(balances)
    return OfLatency(
        latency_ms=desk.latency.name,
        total=kept(desk.outcomes),
        routes=_by(desk.outcomes, lambda one: one.route_id, best_first=True),
        days=_by(desk.outcomes, lambda one: _day(one.taken_ns)),
        balances=balances,
        unfunded=_unfunded(desk.outcomes),
        unfunded_without=None if without is None else _unfunded(without.outcomes),
        rebalanced=_moved(desk, "rebalance", usd),
        carried=_moved(desk, "route", usd),
        coming_usd=sum(one.coming * (one.usd or 0.0) for one in balances),
        blocked=tuple(
            f"{asset} {source} > {target}" for asset, source, target in sorted(desk.transit.blocked)
        ),
        drift_usd=sum(change for change in changes if change > 0.0),
        gain_usd=sum(changes),
        gain_usd_without=None if without is None else sum(_changes(_drifts(without, usd))),
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


def _unfunded(outcomes: Iterable[Outcome]) -> Unfunded:
    lacking = [one for one in outcomes if one.funded < 1.0]
    return Unfunded(
        routes=len(lacking), seen_usd=sum((1.0 - one.funded) * one.seen_usd for one in lacking)
    )


def _moved(desk: Desk, purpose: Purpose, usd: Callable[[str], float | None]) -> Moved:
    meant = [one for one in desk.transit.shipments if one.purpose == purpose]
    taken_ns = sum(one.arrives_ns - one.sent_ns for one in meant)
    return Moved(
        transfers=len(meant),
        fees_usd=sum(one.fee * (one.usd or usd(one.asset) or 0.0) for one in meant),
        minutes=taken_ns / len(meant) / MINUTE_NS if meant else None,
    )


def _drifts(desk: Desk, usd: Callable[[str], float | None]) -> Iterable[Drift]:
    for (venue, asset), balance in sorted(desk.holdings.balances.items()):
        yield Drift(
            venue=venue,
            asset=asset,
            start=balance.start,
            end=balance.amount,
            coming=balance.coming,
            least=balance.least,
            usd=usd(asset),
        )


def _changes(balances: Iterable[Drift]) -> list[float]:
    return [one.change * one.usd for one in balances if one.usd is not None]


def _day(at_ns: int) -> str:
    return f"{datetime.fromtimestamp(at_ns // SECOND_NS, UTC):%Y-%m-%d}"
