"""A tape in, the same takes out as of a replay moment by moment, many times as fast.

The scout runs ahead; the board is told of the newest of each market where it stops, where another
event comes, where an order arrives, when something may grow too old and every second. Nothing that
a strategy would take is passed by, as long as it takes no route but cycles above a top rate.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence

import numpy as np

from analytics.backtest.arbitrage.agenda import NEVER_NS
from analytics.backtest.arbitrage.replay import Replay
from analytics.backtest.arbitrage.scout import Scout
from analytics.backtest.arbitrage.tape import Other, Tape
from analytics.routes.latest_depths import Place
from analytics.routes.living import places_of
from market import Listed, Summary, VenueStatus


class Ahead:
    """Plays tapes to a replay, which tells routes at every change (it has no pace).

    ``max_silence_ns`` is the board's.
    """

    def __init__(self, replay: Replay, scout: Scout, *, max_silence_ns: int) -> None:
        self._replay = replay
        self._board = replay.board
        self._scout = scout
        self._max_silence_ns = max_silence_ns
        self._live_ns: dict[tuple[object, ...], int] = {}

    def play(self, tape: Tape) -> None:
        """See `Replay.play`."""
        self._scout.begin(tape, self._replay.now_ns)
        others = deque(tape.others)
        row = 0
        while row < len(tape) or others:
            row = self._go_on(tape, row, others)
        self._catch_up(tape, row)

    def _go_on(self, tape: Tape, row: int, others: deque[Other]) -> int:
        """Go on to the next moment that matters; return the first row behind it."""
        other_ns = others[0].received_ns if others else NEVER_NS
        next_ns = self._replay.next_ns
        end = _first_from(tape, min(other_ns, next_ns))
        row = self._scout.run(row, min(end, max(row, _first_from(tape, self._old_ns))))
        if self._scout.is_stopped:
            return self._moment(tape, row, int(tape.received_ns[row - 1]), others)
        if row < end:  # something grew too old, or a venue fell silent
            return self._moment(tape, row, int(tape.received_ns[row]), others)
        row_ns = int(tape.received_ns[row]) if row < len(tape) else NEVER_NS
        event_ns = min(row_ns, other_ns)
        if next_ns <= event_ns < NEVER_NS:
            self._catch_up(tape, row)
            self._replay.wait_until(event_ns, bases=self._scout.bases)
            self._scout.note(self._board.offered())
            return row
        if not others:
            return row
        if self._says_no_more(others[0]):
            self._board.take(others.popleft())
            return row
        return self._moment(tape, row, other_ns, others)

    def _moment(self, tape: Tape, row: int, now_ns: int, others: deque[Other]) -> int:
        """Have the board take in all of a moment, and decide; return the first row behind it."""
        begin, end = _first_from(tape, now_ns), _first_from(tape, now_ns + 1)
        while row < end:
            row = self._scout.run(row, end)
        rows = self._catch_up(tape, begin)
        if self._replay.next_ns == NEVER_NS:
            self._replay.wait_until(now_ns, bases=())
        told: list[Other] = []
        while others and others[0].received_ns == now_ns:
            told.append(others.popleft())
        self._replay.take([*told, *map(tape.event, rows)], now_ns, bases=self._bases(told))
        doubted = [place for event in told for place in self._doubted(event)]
        doubted += [tape.places[tape.place[row]] for row in rows if not self._scout.is_sound(row)]
        self._forget_silent(now_ns)
        self._scout.correct(dict.fromkeys([*doubted, *self._unfound()]), now_ns)
        self._scout.note(self._board.offered())
        return end

    def _bases(self, told: Sequence[Other]) -> Collection[str] | None:
        """Return the base currencies of routes that pay; any, where markets may be usable again."""
        return None if told else self._scout.bases

    def _catch_up(self, tape: Tape, begin: int) -> list[int]:
        """Tell the board the newest of what was passed before a row; return the rows from there."""
        rows = self._scout.passed()
        before = [row for row in rows if row < begin]
        for row in before:
            self._board.take(tape.event(row))
        if before:
            self._board.settle(int(tape.received_ns[before[-1]]))
        return rows[len(before) :]

    @property
    def _old_ns(self) -> int:
        """When the first of what is held is too old, or a venue has been silent for too long."""
        heard_ns = min(self._live_ns.values(), default=NEVER_NS)
        return min(self._board.until_ns, heard_ns + self._max_silence_ns) + 1

    def _says_no_more(self, event: Other) -> bool:
        """Tell whether an event says but that a venue lives still, or what money is worth."""
        if isinstance(event, VenueStatus):
            is_known = (event.venue, event.instrument, event.shard) in self._live_ns
            self._hear(event)
            return is_known and event.state == "live"
        return isinstance(event, Summary)

    def _hear(self, status: VenueStatus) -> None:
        """Note when a venue was last heard of; an instrument falls silent with it."""
        self._forget_silent(status.received_ns)
        key = status.venue, status.instrument, status.shard
        if status.state == "live" and status.instrument is None:
            self._live_ns[key] = status.received_ns
        else:
            self._live_ns.pop(key, None)

    def _forget_silent(self, now_ns: int) -> None:
        for key, heard_ns in list(self._live_ns.items()):
            if now_ns - heard_ns > self._max_silence_ns:
                del self._live_ns[key]

    def _doubted(self, event: Other) -> Sequence[Place]:
        """Return the markets that may be usable now and were not before, or the other way round."""
        if isinstance(event, VenueStatus):
            self._hear(event)
            return self._scout.places_of(event.venue)
        return [(event.venue, event.instrument)] if isinstance(event, Listed) else []

    def _unfound(self) -> list[Place]:
        """Return the markets of routes that pay by their prices alone, as the board knows more."""
        live = self._scout.live.items()
        cycles = [found.cycle for name, found in live if not self._board.finds(name)]
        return [place for cycle in cycles for place in places_of(cycle)]


def _first_from(tape: Tape, at_ns: int) -> int:
    """Return the first row that was received then or later."""
    return int(np.searchsorted(tape.received_ns, at_ns))
