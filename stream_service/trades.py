"""Trades of a venue as they come, live and by REST: each one passed on once, holes noticed."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from market import Gap, Instrument, Trade

REMEMBERED = 5_000
"""Trades of an instrument that are remembered by id; more than any venue gives in one answer."""


class TradeMemory:
    """Remembers the latest trades of each instrument over all connections to a venue."""

    def __init__(self) -> None:
        self._ids: dict[Instrument, set[str]] = {}
        self._order: dict[Instrument, deque[str]] = {}
        self._latest: dict[Instrument, Trade] = {}
        self._before: dict[Instrument, Trade] = {}

    def reconnected(self) -> None:
        """Note that what follows may come after a hole; one that was not filled yet stays open."""
        self._before = self._latest | self._before

    def is_new(self, trade: Trade) -> bool:
        """Tell whether ``trade`` has not been seen before, and remember it."""
        ids = self._ids.setdefault(trade.instrument, set())
        if trade.trade_id in ids:
            return False
        order = self._order.setdefault(trade.instrument, deque())
        if len(order) >= REMEMBERED:
            ids.discard(order.popleft())
        ids.add(trade.trade_id)
        order.append(trade.trade_id)
        return True

    @contextmanager
    def passing_on(self, trades: Sequence[Trade]) -> Iterator[None]:
        """Pass ``trades`` on within; where that fails or is cancelled they are new again."""
        try:
            yield
        except BaseException:
            self._forget(trades)
            raise
        for trade in trades:
            latest = self._latest.get(trade.instrument)
            if latest is None or trade.sequence > latest.sequence:
                self._latest[trade.instrument] = trade

    def hole(self, backfill: Sequence[Trade], received_ns: int) -> Gap | None:
        """Return what stays missing between the last connection and the oldest back-filled trade.

        Args:
            backfill: The venue's answer for one instrument, oldest first, before `is_new` saw it.
            received_ns: When it came.

        """
        if not backfill:
            return None
        oldest = backfill[0]
        before = self._before.pop(oldest.instrument, None)
        if before is None or oldest.sequence <= before.sequence + 1:
            return None
        return Gap(
            venue=oldest.venue,
            instrument=oldest.instrument,
            channel="trade",
            start_ns=before.event_ns,
            end_ns=oldest.event_ns,
            reason="reconnected later than the venue's recent trades reach back",
            event_ns=oldest.event_ns,
            received_ns=received_ns,
            sequence=received_ns,
        )

    def _forget(self, trades: Sequence[Trade]) -> None:
        for instrument in {trade.instrument for trade in trades}:
            ids = {trade.trade_id for trade in trades if trade.instrument == instrument}
            self._ids[instrument] -= ids
            kept = (trade_id for trade_id in self._order[instrument] if trade_id not in ids)
            self._order[instrument] = deque(kept)
