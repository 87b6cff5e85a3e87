"""The lives of the routes that are listed: what was judged in, lives that begin, go on or end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from analytics.latest import Trouble
from analytics.routes.comparison import Compared, Offer
from analytics.routes.judging import Judged
from analytics.routes.latest_depths import Place
from analytics.routes.live_state import LiveState
from analytics.routes.lives import Lives, Sight
from analytics.routes.state import Cycle
from market import Route

_REASONS = {
    "resyncing": "gap",
    "connecting": "venue_down",
    "refused": "venue_down",
    "down": "venue_down",
    "unheard": "venue_down",
}
"""What ended a life, where the word for the trouble of a market is not the word for it."""


class Living:
    """Says why a life ended by what is offered at its markets now, or what troubles them."""

    def __init__(
        self,
        state: LiveState,
        lives: Lives,
        *,
        offers: Mapping[Place, Offer],
        troubles: Mapping[Place, Trouble],
    ) -> None:
        self._state = state
        self._lives = lives
        self._offers = offers
        self._troubles = troubles
        self._paying: dict[str, dict[str, Cycle]] = {}

    def go_on(self, judged: Judged) -> None:
        """Have the life of a cycle begin, go on or end."""
        route = judged.route
        if judged.outcome == "route" and "suspicious" not in route.why_not:
            self._lives.note(_sight(route), judged.at_ns)
        else:
            reason = {"skew": "skew", "implausible": "suspicious"}.get(judged.outcome, "prices")
            self._lives.end(route.id, reason, judged.at_ns)

    def compare(self, base: str, paying: Iterable[tuple[Cycle, Compared]]) -> None:
        """Have the lives of comparisons begin, go on or end; all of a base that pay are given."""
        now: dict[str, Cycle] = {}
        for cycle, one in paying:
            now[cycle.id] = cycle
            usd = self._state.usd(cycle.start)
            sight = Sight(
                route_id=cycle.id,
                base=base,
                type="fx",
                mode="comparison",
                net_bps=one.net_bps,
                profit_usd=None if usd is None else one.top_profit * usd,
            )
            self._lives.note(sight, one.received_ns)
        before, self._paying[base] = self._paying.get(base, {}), now
        for name in before.keys() - now.keys():
            self.end(before[name])

    def end(self, cycle: Cycle) -> None:
        """End the life of a cycle that pays no more, for the reason that its markets tell."""
        places = places_of(cycle)
        troubles = [self._troubles[one] for one in places if one in self._troubles]
        halted_ns = [self._state.halted[one] for one in places if one in self._state.halted]
        if halted_ns:
            self._lives.end(cycle.id, "closed_market", max(halted_ns))
        elif troubles:
            first = min(troubles, key=lambda trouble: trouble.since_ns)
            self._lives.end(cycle.id, _REASONS.get(first.why, first.why), first.since_ns)
        else:
            received = [self._offers[one].depth.received_ns for one in places]
            self._lives.end(cycle.id, "prices", max(received))

    def shown(self, route: Route, now_ns: int) -> Route:
        """Return the route with what is known of its life."""
        life = self._lives.life(route.id)
        if life is None:
            return route
        return msgspec.structs.replace(
            route,
            opened_ns=life.opened_ns,
            peak_net_bps=life.peak_net_bps,
            peak_profit_usd=life.peak_profit_usd,
            times_seen=self._lives.times_seen(route.id, now_ns),
        )


def _sight(route: Route) -> Sight:
    return Sight(
        route_id=route.id,
        base=route.base,
        type=route.type,
        mode=route.mode,
        net_bps=route.net_bps,
        profit_usd=route.profit_usd,
    )


def places_of(cycle: Cycle) -> list[Place]:
    """Return the markets that a cycle trades on."""
    return [(leg.source[0], leg.instrument) for leg in cycle.legs if leg.instrument is not None]
