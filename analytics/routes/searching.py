"""Both searches side by side: markets, depths and open transfers in, the cycles that pay out."""

from __future__ import annotations

from analytics.routes.engine import Found, RouteEngine
from analytics.routes.kernels import KernelName
from analytics.routes.latest_depths import Place
from analytics.routes.live_state import LiveState
from analytics.routes.state import Cycle, Depth, Mode

MODES: tuple[Mode, ...] = ("inventory", "transfer")

MOST_ROUTES = 256
"""Cycles that one search keeps at once; of more the best, and it says that there are more."""


class Searching:
    """Feeds an engine for each mode and knows which cycle ids changed."""

    def __init__(self, state: LiveState, kernel: KernelName = "python") -> None:
        self._state = state
        self._engines = {
            mode: RouteEngine(mode, kernel=kernel, most_routes=MOST_ROUTES) for mode in MODES
        }
        self._venues_of: dict[str, set[str]] = {}
        self.found: dict[str, Found] = {}

    @property
    def is_truncated(self) -> bool:
        """Whether there are more cycles than are kept."""
        return any(engine.truncated for engine in self._engines.values())

    def list_market(self, place: Place) -> bool:
        """Take a market in on the terms that are known now; False where its fee is not."""
        market = self._state.list_market(place)
        if market is None:
            return False
        for engine in self._engines.values():
            engine.list_market(market)
        for asset in (market.base, market.quote):
            others = self._venues_of.setdefault(asset, set())
            if market.venue not in others:
                for transfer in self._state.ways_open(asset, market.venue, sorted(others)):
                    self._engines["transfer"].set_transfer(transfer)
                others.add(market.venue)
        return True

    def set_depth(self, place: Place, depth: Depth[float] | None) -> None:
        """Take in a market's depth; None where it cannot be traded on now."""
        for engine in self._engines.values():
            engine.set_depth(*place, depth)

    def changed(self) -> set[str]:
        """Return the ids of cycles that came, went, or of which a market changed."""
        changed: set[str] = set()
        for engine in self._engines.values():
            touched = engine.changed()
            changed |= touched
            for name in touched:
                one = engine.look_up(name)
                if one is not None and _is_of_its_mode(one.cycle):
                    self.found[name] = one
                else:
                    self.found.pop(name, None)
        return changed


def _is_of_its_mode(cycle: Cycle) -> bool:
    """Tell whether a cycle is told: without a move it is the same in both modes."""
    return cycle.mode == "inventory" or any(leg.kind == "move" for leg in cycle.legs)
