"""Trades of a venue come in as often as they are told; each goes out once, and each hole is known.

Every trade is remembered by its id over all connections and restarts. What holds at all times: each
trade that a venue lists after the first one that we heard

    was passed on once, or waits for the bus, or
    lies in a hole, which is open until pages of past trades close it, or
    lies within a gap that was told, or
    is on its way on a stream that stands.

So whenever a stream may not stand (a silence, a new connection, a frame that was refused) a hole is
opened, and only proof closes it. Numbers that follow one another are proof. Elsewhere it is a page
that holds both ends: a trade heard before the hole, and a live one that was heard after it; while
none comes, the newest page, asked for so late that the stream tells all that REST does not yet.
The last trade heard is no end: one before it may be late, or timed by a clock that was set since.
A hole begins ``overlap_ns`` before it, and what a page brings again is known by its id. Where no
page reaches that far, at a venue that was late or whose clock was off before, it is told that
trades may be missing, though there may have been none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType

import msgspec

from market import Gap, Instrument, Trade
from stream_service.holes import Hole, Recall, latest_ns
from stream_service.known_trades import KeptTrades, KnownTrades
from stream_service.wire import LATEST_NS

REMEMBERED = 5_000
"""Trades of an instrument that are remembered by id at least; twice as many at most."""

LATE_NS = 3_600_000_000_000
"""The time of a live trade that is lost is not believed when it is longer ago."""

AHEAD_NS = 60_000_000_000
"""Nor when it is later than that; a time that is ahead of the clocks may be true within it."""

STEADY_NS = 500_000_000
"""A trade is late when it is older than the last by more; a clock is ahead of ours by more."""

ON_ITS_WAY_NS = 50_000_000
"""How long a trade of a venue is on its way to us, where its clock was seen ahead of ours."""


class LedgerState(msgspec.Struct, frozen=True, kw_only=True):
    """What a restart needs to know of a venue's trades."""

    venue: str
    instruments: list[KeptTrades]
    ahead_ns: int = 0


class TradeLedger:
    """Remembers the trades of each instrument at a venue.

    Args:
        venue: Its name.
        consecutive: Trades are numbered one by one in ``sequence``, so that a jump is a hole.
        remembered: See `REMEMBERED`.
        recalled_unit_ns: What the times of past trades are cut to.
        overlap_ns: How late a trade may be told, and how far a venue may set its clock.
        ahead_ns: Tells how far the venue's clock may be ahead of ours, as far as that is known.

    """

    def __init__(
        self,
        venue: str,
        *,
        consecutive: bool,
        remembered: int = REMEMBERED,
        recalled_unit_ns: int = 1,
        overlap_ns: int = 0,
        ahead_ns: Callable[[], int] = lambda: 0,
    ) -> None:
        self.venue = venue
        self.backfilled = 0
        self.gaps = 0
        self.duplicates = 0
        self.restored = 0
        self._consecutive = consecutive
        self._remembered = remembered
        self._unit_ns = recalled_unit_ns
        self._overlap_ns = overlap_ns
        self._known: dict[Instrument, KnownTrades] = {}
        self._owed: list[Trade] = []
        self._ahead_ns = 0
        self._has_late = False
        self._may_be_ahead_ns = ahead_ns
        self._last_number = 0

    @property
    def owed(self) -> int:
        """Trades that were taken back and wait for who asks next."""
        return len(self._owed)

    def fresh(self, trades: Sequence[Trade]) -> list[Trade]:
        """Return those that were not seen before, after what others took back.

        They are the caller's to pass on; `passed_on` or `taken_back` follows.
        """
        new = self._claim_owed() if self._owed else []
        for trade in trades:
            known = self._known.get(trade.instrument) or self._meet(trade.instrument)
            trade_id = trade.trade_id
            if (
                trade_id in known.young
                or trade_id in known.old
                or (trade.event_ns <= known.floor_ns and known.was_forgotten(trade))
            ):
                self.duplicates += 1
                continue
            known.young[trade_id] = trade.event_ns
            known.pending[trade_id] = trade
            new.append(trade)
        return new

    def passed_on(self, trades: Sequence[Trade]) -> None:
        """Note that trades of `fresh` reached the bus."""
        for trade in trades:
            known = self._known[trade.instrument]
            known.pending.pop(trade.trade_id, None)
            if trade.backfilled:
                self.backfilled += 1
            elif trade.event_ns > trade.received_ns + self._ahead_ns:
                self._ahead_ns = trade.event_ns - trade.received_ns
            latest = known.latest
            if known.holes or latest is None:
                known.place(trade)
            elif (
                trade.sequence == latest.sequence + 1
                if self._consecutive
                else (trade.event_ns >= latest.event_ns)
            ):
                known.latest = trade
            else:
                known.place(trade)
                if not trade.backfilled and latest.event_ns - trade.event_ns > STEADY_NS:
                    self._has_late = True
            if len(known.young) >= self._remembered:
                known.age()

    def taken_back(self, trades: Sequence[Trade]) -> None:
        """Note that trades of `fresh` did not reach the bus: whoever asks next gets them."""
        for trade in trades:
            self._known[trade.instrument].forget(trade.trade_id)
        self._owed += trades

    def passing_on(self, trades: Sequence[Trade]) -> PassingOn:
        """Pass on the fresh ones of ``trades`` within; where that fails they are taken back."""
        return PassingOn(self, trades)

    def suspect(self, instrument: Instrument | None, reason: str, now_ns: int) -> None:
        """Note that trades may be missing since the last one that was passed on.

        Args:
            instrument: None: every one.
            reason: Ends up in the gap.
            now_ns: By our clock. A trade that was received before it proves nothing.

        """
        for known in self._known.values() if instrument is None else self._of(instrument):
            known.doubt(reason, now_ns)

    def knows(self, instrument: Instrument) -> bool:
        """Tell whether a trade of it came, so that one that is missing is missed."""
        return any(known.latest or known.pending for known in self._of(instrument))

    def recalls(self) -> list[Recall]:
        """Return what should be asked for now; the same again until it is answered or given up."""
        return [
            Recall(
                instrument=known.instrument,
                after=known.asked_from(hole),
                before=hole.ask_before,
                number=hole.number,
                since_ns=hole.since_ns,
                opened_ns=hole.opened_ns,
                is_open=hole.before is None and not self._consecutive,
            )
            for known in self._known.values()
            for hole in known.holes
        ]

    def answered(self, recall: Recall, trades: Sequence[Trade], received_ns: int) -> list[Gap]:
        """Take the page that ``recall`` brought; return the gap that stays where it ends.

        The page goes to `fresh` right after, with no wait in between: it counts as taken.
        """
        for known in self._of(recall.instrument):
            if hole := known.answered(recall, trades, is_steady=self._is_steady()):
                return self._tell(known, hole, "the venue tells no more of it", received_ns)
        return []

    def gave_up(self, recall: Recall, reason: str, received_ns: int) -> list[Gap]:
        """Note that the venue does not tell; return the gap that stays."""
        for known in self._of(recall.instrument):
            hole = known.hole_of(recall)
            if hole and hole.since_ns == recall.since_ns:
                return self._tell(known, hole, reason, received_ns)
        return []

    def lost(self, trade: Trade, reason: str, received_ns: int) -> Gap | None:
        """Note that ``trade`` came but cannot be passed on; None: it was known already."""
        known = self._known.get(trade.instrument) or self._meet(trade.instrument)
        if known.has(trade) and trade.trade_id not in known.pending:
            return None
        known.pending.pop(trade.trade_id, None)
        start_ns, end_ns = self._times_of(trade, known, received_ns)
        known.young[trade.trade_id] = end_ns
        if self._consecutive:
            known.place(msgspec.structs.replace(trade, event_ns=end_ns))
        return self._gap(known.instrument, (start_ns, end_ns), reason, received_ns, missing=1)

    def kept(self) -> Iterator[KeptTrades]:
        """Yield what is known of each instrument by then, for `state`."""
        for known in list(self._known.values()):
            yield known.kept()

    def state(self, instruments: Iterable[KeptTrades]) -> LedgerState:
        """Return what `restore` takes up after a restart; ``instruments`` come from `kept`."""
        return LedgerState(venue=self.venue, instruments=[*instruments], ahead_ns=self._ahead_ns)

    def clock_was_set(self, by_ns: int) -> None:
        """Note that our clock was set forward, below zero: back."""
        self._ahead_ns = 0
        for known in self._known.values():
            known.clock_was_set(by_ns)

    def restore(self, state: LedgerState, now_ns: int = LATEST_NS) -> None:
        """Take up where ``state`` was written; all since then is suspected.

        Args:
            state: What an earlier process knew.
            now_ns: By our clock, which may have been set back since.

        Raises:
            ValueError: it is of another venue or at odds with itself; nothing was taken up.

        """
        if state.venue != self.venue:
            raise ValueError(f"these are trades of {state.venue!r}, not of {self.venue!r}")
        for kept in state.instruments:
            for trade in kept.trades():
                if (trade.venue, trade.instrument) != (self.venue, kept.instrument):
                    raise ValueError(
                        f"{trade.venue} {trade.instrument} does not belong to the trades of "
                        f"{self.venue} {kept.instrument}"
                    )
        self._ahead_ns = state.ahead_ns
        for kept in state.instruments:
            known = self._meet(kept.instrument)
            known.restore(kept, now_ns)
            self._owed += known.pending.values()
            self.restored += len(known.pending)

    def _meet(self, instrument: Instrument) -> KnownTrades:
        known = KnownTrades(
            instrument,
            consecutive=self._consecutive,
            unit_ns=self._unit_ns,
            overlap_ns=self._overlap_ns,
        )
        self._known[instrument] = known
        return known

    def _of(self, instrument: Instrument) -> list[KnownTrades]:
        known = self._known.get(instrument)
        return [known] if known else []

    def _claim_owed(self) -> list[Trade]:
        owed, self._owed = self._owed, []
        for trade in owed:
            self._known[trade.instrument].young[trade.trade_id] = trade.event_ns
        return owed

    def _tell(self, known: KnownTrades, hole: Hole, why: str, received_ns: int) -> list[Gap]:
        if hole.before is None and self._consecutive:
            known.close(hole)
            return []  # the number of the next trade will show whether one is missing
        missing = None
        if hole.before and self._consecutive and not hole.is_merged:
            missing = hole.before.sequence - hole.after.sequence - 1
        ahead_ns = self._ahead_ns + ON_ITS_WAY_NS if self._ahead_ns else 0
        apart_ns = min(ahead_ns, self._overlap_ns)
        now_ns = self._venue_ns(received_ns)
        times = known.tell(hole, now_ns, apart_ns, is_steady=self._is_steady())
        reason = f"{hole.reason}, and {why}"
        return [self._gap(known.instrument, times, reason, received_ns, missing=missing)]

    def _gap(
        self,
        instrument: Instrument,
        times: tuple[int, int],
        reason: str,
        received_ns: int,
        *,
        missing: int | None,
    ) -> Gap:
        self.gaps += 1
        self._last_number = max(self._last_number + 1, received_ns)
        return Gap(
            venue=self.venue,
            instrument=instrument,
            channel="trade",
            start_ns=times[0],
            end_ns=times[1],
            reason=reason,
            missing=missing,
            event_ns=times[1],
            received_ns=received_ns,
            sequence=self._last_number,
        )

    def _times_of(self, trade: Trade, known: KnownTrades, received_ns: int) -> tuple[int, int]:
        """Return when a lost trade happened, or where that must lie if its time cannot be true."""
        start_ns = known.latest.event_ns if known.latest else received_ns
        end_ns = max(self._venue_ns(received_ns), start_ns)
        if end_ns < trade.event_ns <= received_ns + AHEAD_NS:
            return start_ns, trade.event_ns
        is_recent = trade.backfilled or trade.event_ns >= start_ns - LATE_NS
        is_true = is_recent and trade.event_ns <= end_ns
        times = trade.event_ns, latest_ns(trade, self._unit_ns)
        return times if is_true else (start_ns, end_ns)

    def _is_steady(self) -> bool:
        """Tell whether no trade of the venue was late yet, nor its clock ahead."""
        return not self._has_late and self._ahead_ns <= STEADY_NS

    def _venue_ns(self, received_ns: int) -> int:
        """Return the latest time that the venue's clock may show."""
        return received_ns + max(self._ahead_ns, self._may_be_ahead_ns())


class PassingOn:
    """A context in which the fresh ones of some trades are passed on, see `TradeLedger`."""

    __slots__ = ("_fresh", "_ledger", "_trades")

    def __init__(self, ledger: TradeLedger, trades: Sequence[Trade]) -> None:
        self._ledger = ledger
        self._trades = trades
        self._fresh: list[Trade] = []

    def __enter__(self) -> list[Trade]:
        self._fresh = self._ledger.fresh(self._trades)
        return self._fresh

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self._ledger.passed_on(self._fresh)
        else:
            self._ledger.taken_back(self._fresh)
