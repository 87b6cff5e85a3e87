"""The lives of routes: what pays and what no longer does in, what is known of each life out.

A life begins when a route pays and ends when it does not any more, whatever the reason. One that
pays again within `FLICKER_NS` of its end goes on: prices that touch for a moment make one episode,
not twenty. So an end is told that much later, with the time that it had.

All times are those of the quotes, not of when we looked, so that two replicas agree. They still may
not agree to the event: one of them may have looked between two quotes where the other did not. So
what a leader told counts (`hear`): a standby forgets what it had closed in that time, and what it
holds open begins after it. When it takes over it tells only what nobody told (`untold`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Literal

import msgspec

from market import Episode
from market.intervals import SECOND_NS

FLICKER_NS = SECOND_NS // 4
DAY_NS = 86_400 * SECOND_NS
MOST_REMEMBERED = 50_000
"""Routes whose openings are remembered before those of none within 24 hours are looked for."""

UNTOLD_FOR_NS = 10 * SECOND_NS
"""How long a standby keeps what it closed, for the case that the leader cannot tell it."""


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What is seen of a route that pays; ``profit_usd`` is None where nothing tells."""

    route_id: str
    base: str
    type: Literal["direct", "fx", "triangular", "cycle"]
    mode: Literal["inventory", "transfer", "comparison"]
    net_bps: float
    profit_usd: float | None = None


class Life(msgspec.Struct, kw_only=True):
    """One life as far as it goes; ``closed_ns`` is 0 while it lasts."""

    sight: Sight
    opened_ns: int
    peak_net_bps: float
    peak_profit_usd: float | None
    peak_ns: int
    updates: int = 0
    closed_ns: int = 0
    reason: str = ""


class Lives:
    """Keeps the life of each route that pays; `note` and `end` are told in any order of time."""

    def __init__(self) -> None:
        self._alive: dict[str, Life] = {}
        self._openings: dict[str, deque[int]] = {}
        self._closed: deque[Episode] = deque()
        self._heard: deque[Episode] = deque()
        self._newest_ns = 0

    def note(self, sight: Sight, at_ns: int) -> Life:
        """Note that a route pays: its life begins or goes on."""
        life = self._alive.get(sight.route_id)
        if life is not None and life.closed_ns and at_ns - life.closed_ns > FLICKER_NS:
            self._close(life)
            life = None
        if life is None:
            life = self._alive[sight.route_id] = _born(sight, at_ns)
            self._openings.setdefault(sight.route_id, deque()).append(at_ns)
            return life
        life.closed_ns, life.reason = 0, ""
        _update(life, sight, at_ns)
        return life

    def end(self, route_id: str, reason: str, at_ns: int) -> None:
        """Note that a route does not pay; it may again within the time of a flicker.

        One that does not outlive the quotes that it began with has not lived.
        """
        life = self._alive.get(route_id)
        if life is None or life.closed_ns:
            return
        if at_ns > life.opened_ns:
            life.closed_ns, life.reason = at_ns, reason
        else:
            del self._alive[route_id]
            self._openings[route_id].pop()

    def alive(self) -> set[str]:
        """Return the ids of routes that pay, as far as is known."""
        return {name for name, life in self._alive.items() if not life.closed_ns}

    def life(self, route_id: str) -> Life | None:
        """Return the life of a route that pays now; None: it does not."""
        life = self._alive.get(route_id)
        return None if life is None or life.closed_ns else life

    def times_seen(self, route_id: str, now_ns: int) -> int:
        """Return how often a route opened within 24 hours."""
        openings = self._openings.get(route_id, deque[int]())
        while openings and openings[0] < now_ns - DAY_NS:
            openings.popleft()
        if not openings:
            self._openings.pop(route_id, None)
        return len(openings)

    def closed(self, now_ns: int) -> list[Episode]:
        """Return the lives that ended for good and were not returned before, oldest end first."""
        if len(self._openings) > MOST_REMEMBERED:
            for route_id in list(self._openings):
                self.times_seen(route_id, now_ns)
        for life in list(self._alive.values()):
            if life.closed_ns and now_ns - life.closed_ns > FLICKER_NS:
                self._close(life)
        closed = sorted(self._closed, key=lambda episode: (episode.event_ns, episode.route_id))
        self._closed.clear()
        return closed

    def hear(self, episode: Episode) -> None:
        """Take in what a leader told: it counts, whatever we saw."""
        self._heard.append(episode)
        while self._heard[0].event_ns < episode.event_ns - 3 * UNTOLD_FOR_NS:
            self._heard.popleft()
        life = self._alive.get(episode.route_id)
        if life is None or not _overlap(life.opened_ns, life.closed_ns, episode):
            return
        if life.closed_ns:
            del self._alive[episode.route_id]
        else:
            life.opened_ns = episode.closed_ns + 1

    def untold(self, closed: Iterable[Episode], now_ns: int) -> list[Episode]:
        """Return those of ``closed`` that no leader told, of the last ten seconds."""
        told: dict[str, list[Episode]] = {}
        for episode in self._heard:
            told.setdefault(episode.route_id, []).append(episode)
        return [
            episode
            for episode in closed
            if episode.event_ns >= now_ns - UNTOLD_FOR_NS
            and not any(
                _overlap(episode.opened_ns, episode.closed_ns, one)
                for one in told.get(episode.route_id, ())
            )
        ]

    def remember(self, episodes: Iterable[Episode]) -> None:
        """Count the openings of lives that a predecessor told."""
        for episode in sorted(episodes, key=lambda one: one.opened_ns):
            self._openings.setdefault(episode.route_id, deque()).append(episode.opened_ns)

    def forget(self) -> None:
        """Let go of every life, as time itself cannot be trusted; how often they opened stays."""
        self._alive.clear()
        self._closed.clear()
        self._heard.clear()

    def _close(self, life: Life) -> None:
        self._closed.append(_episode(life))
        del self._alive[life.sight.route_id]


def _born(sight: Sight, at_ns: int) -> Life:
    return Life(
        sight=sight,
        opened_ns=at_ns,
        peak_net_bps=sight.net_bps,
        peak_profit_usd=sight.profit_usd,
        peak_ns=at_ns,
    )


def _update(life: Life, sight: Sight, at_ns: int) -> None:
    before, life.sight = life.sight, sight
    if (sight.net_bps, sight.profit_usd) != (before.net_bps, before.profit_usd):
        life.updates += 1
    life.peak_net_bps = max(life.peak_net_bps, sight.net_bps)
    if _is_better(sight, life):
        life.peak_profit_usd, life.peak_ns = sight.profit_usd, at_ns


def _is_better(sight: Sight, life: Life) -> bool:
    if sight.profit_usd is None or life.peak_profit_usd is None:
        return life.peak_profit_usd is None and (
            sight.profit_usd is not None or sight.net_bps >= life.peak_net_bps
        )
    return sight.profit_usd > life.peak_profit_usd


def _overlap(opened_ns: int, closed_ns: int, told: Episode) -> bool:
    """Tell whether two lives of a route share a moment; one that lasts has no end yet."""
    ends_later = not closed_ns or closed_ns >= told.opened_ns
    return ends_later and opened_ns <= told.closed_ns


def _episode(life: Life) -> Episode:
    sight = life.sight
    return Episode(
        route_id=sight.route_id,
        base=sight.base,
        type=sight.type,
        mode=sight.mode,
        opened_ns=life.opened_ns,
        closed_ns=life.closed_ns,
        reason=life.reason,
        peak_net_bps=life.peak_net_bps,
        peak_profit_usd=life.peak_profit_usd,
        peak_ns=life.peak_ns,
        updates=life.updates,
        event_ns=life.closed_ns,
        received_ns=life.closed_ns,
        sequence=life.closed_ns,
    )
