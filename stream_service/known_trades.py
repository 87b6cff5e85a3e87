"""What is known of the trades of one instrument: which came, which went out, where holes are."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain

import msgspec
from msgspec.structs import replace

from market import Instrument, Trade
from stream_service.holes import Ends, Hole, Page, Recall, latest_ns
from stream_service.wire import LATEST_NS

HOLES_AT_MOST = 100
"""Beyond it the two oldest become one."""

GAPS_REMEMBERED = 10
"""So that a trade that was missed is not taken for one that was forgotten."""

PATIENCE = 3
"""Newest pages in a row that may bring nothing: REST may be behind the stream."""

RENUMBERED_NS = 10_000_000_000
"""A smaller number on a trade that is so much newer is no late trade: the venue counts anew."""

LOOKED_BACK = 200
"""Trades that are looked through for those at the very time where memory ends."""


class KeptTrades(msgspec.Struct, frozen=True, kw_only=True):
    """What a restart needs to know of one instrument.

    ``ids`` are of trades within holes and of about the time of the latest, newest first, each with
    its time in ``times``. A hole after the latest would begin with ``from_trade``. ``pending`` were
    new and not passed on yet, ``told`` are holes that were told as gaps; what happened up to
    ``floor_ns`` was forgotten before.
    """

    instrument: Instrument
    latest: Trade | None
    from_trade: Trade | None = None
    ids: list[str] = []
    times: list[int] = []
    floor_ns: int = 0
    holes: list[Hole] = []
    told: list[Hole] = []
    pending: list[Trade] = []

    def trades(self) -> list[Trade]:
        """Return every trade in it."""
        ends = [
            trade for hole in self.holes for trade in (hole.after, hole.before, hole.ask_before)
        ]
        return [trade for trade in (self.latest, self.from_trade, *ends, *self.pending) if trade]


class KnownTrades:
    """Remembers ids in two generations, the last trade passed on, and the holes before it.

    ``young`` and ``old`` hold event times by trade id; what happened up to ``floor_ns`` and is in
    neither was forgotten. ``pending`` came and did not go out yet. ``overlap_ns`` is how far before
    the last trade a hole begins, as some may be late or their times not right; numbers need none.
    """

    __slots__ = (
        "_consecutive",
        "_due",
        "_last_number",
        "_overlap_ns",
        "_told",
        "_told_ns",
        "_unit_ns",
        "floor_ns",
        "holes",
        "instrument",
        "latest",
        "old",
        "pending",
        "young",
    )

    def __init__(
        self, instrument: Instrument, *, consecutive: bool, unit_ns: int = 1, overlap_ns: int = 0
    ) -> None:
        self.instrument = instrument
        self.young: dict[str, int] = {}
        self.old: dict[str, int] = {}
        self.pending: dict[str, Trade] = {}
        self.floor_ns = 0
        self.latest: Trade | None = None
        self.holes: list[Hole] = []
        self._told: deque[Hole] = deque(maxlen=GAPS_REMEMBERED)
        self._told_ns = (0, 0)  # where no trade came after the hole
        self._consecutive = consecutive
        self._unit_ns = unit_ns
        self._overlap_ns = overlap_ns
        self._last_number = 0
        self._due: set[str] = set()  # ids of the last page that are new, though their hole closed

    def has(self, trade: Trade) -> bool:
        """Tell whether ``trade`` came before."""
        return (
            trade.trade_id in self.young
            or trade.trade_id in self.old
            or (trade.event_ns <= self.floor_ns and self.was_forgotten(trade))
        )

    def was_forgotten(self, trade: Trade) -> bool:
        """Tell whether a trade of so long ago, whose id is unknown, must have come before."""
        by_number, unit_ns = self._consecutive, self._unit_ns
        return trade.trade_id not in self._due and not any(
            hole.covers(trade, by_number=by_number, unit_ns=unit_ns)
            for hole in chain(self.holes, self._told)
        )

    def age(self) -> None:
        """Forget the old generation; the young one becomes it."""
        self.floor_ns = max(self.floor_ns, max(self.old.values(), default=0))
        self.old, self.young = self.young, {}
        self._due.clear()

    def forget(self, trade_id: str) -> None:
        """Make a trade new again; it stays pending."""
        self.young.pop(trade_id, None)
        self.old.pop(trade_id, None)

    def place(self, trade: Trade) -> None:
        """Take a trade that went out, wherever it belongs."""
        latest = self.latest or next((hole.after for hole in self.holes), None)
        if latest is None:
            self.latest = trade
        elif self._consecutive:
            self._place_by_number(trade, latest)
        else:
            self._end_open_hole(trade)
            if self.latest is None or trade.event_ns >= latest.event_ns:
                self.latest = trade

    def doubt(self, reason: str, now_ns: int, from_trade: Trade | None = None) -> None:
        """Open a hole after the last trade, or suspect the one that is open there anew."""
        latest = self.latest or next(reversed(self.pending.values()), None)
        open_hole = next((hole for hole in self.holes if hole.before is None), None)
        if open_hole:
            self._change(open_hole, since_ns=now_ns, ask_before=None, tries=0)
        elif latest:
            after = from_trade or self._overlapped(latest)
            self._open((after, None), reason, now_ns, heard=latest)

    def asked_from(self, hole: Hole) -> Trade:
        """Return the trade that pages are to start with.

        A venue that pages by time may list what is missing under one that is too early. Numbers
        say what is missing, so every other try, and so before a gap is told, asks from earlier on.
        Without them all pages do: the overlap may have ended early, at an earlier hole.
        """
        after = hole.after
        if self._consecutive:
            from_ns = after.event_ns - self._overlap_ns * (hole.tries % 2)
        else:
            from_ns = min(after.event_ns, (hole.heard or after).event_ns - self._overlap_ns)
        return after if from_ns == after.event_ns else replace(after, event_ns=from_ns)

    def hole_of(self, recall: Recall) -> Hole | None:
        """Return the hole that ``recall`` is for; None: it is closed."""
        return next((hole for hole in self.holes if hole.number == recall.number), None)

    def answered(
        self, recall: Recall, trades: Sequence[Trade], *, is_steady: bool = False
    ) -> Hole | None:
        """Narrow the hole by a page; return it where the venue brought nothing more of it.

        Where the venue ``is_steady`` a page that reaches the last trade heard reaches far enough.
        """
        hole = self.hole_of(recall)
        if hole is None:
            return None
        self._due = {trade.trade_id for trade in trades if not self.has(trade)}
        page = Page(
            hole,
            recall,
            trades,
            self.has,
            unit_ns=self._unit_ns,
            margin_ns=self._overlap_ns,
            is_steady=is_steady,
        )
        left = page.left_by_number() if self._consecutive else page.left_by_overlap()
        if left != [(hole.after, hole.before)]:
            self._narrow(hole, left, trades)
            return None
        if not page.is_current:
            return None
        patience = PATIENCE if hole.ask_before is None else 1 + self._consecutive
        if hole.tries + 1 >= patience:
            return hole
        before = hole.ask_before or (hole.before if page.is_beyond else None)
        self._change(hole, ask_before=before, tries=hole.tries + 1)
        return None

    def close(self, hole: Hole) -> None:
        """Keep ``hole`` open no longer: nothing is told of it."""
        self.holes.remove(hole)

    def tell(
        self, hole: Hole, now_ns: int, apart_ns: int = 0, *, is_steady: bool = False
    ) -> tuple[int, int]:
        """Keep ``hole`` open no longer; return its times, less what was told of them before.

        Args:
            hole: One of these.
            now_ns: By the venue's clock; the end where no trade came after it.
            apart_ns: What the times of two trades may be wrong by, one against the other.
            is_steady: No trade was ever late.

        """
        self.holes.remove(hole)
        start_ns = hole.after.event_ns
        if hole.heard:  # ``after`` may be long ago where trades are rare
            overlap_ns = 0 if is_steady else self._overlap_ns
            start_ns = max(start_ns, hole.heard.event_ns - overlap_ns)
        start_ns -= apart_ns
        last_ns = latest_ns(hole.before, self._unit_ns) + apart_ns if hole.before else now_ns
        end_ns = max(start_ns, last_ns)
        told_start_ns, told_end_ns = self._told_ns
        if told_start_ns <= start_ns < told_end_ns:
            start_ns = min(told_end_ns, end_ns)
        if hole.before is None:
            self._told_ns = start_ns, end_ns
            end = replace(hole.after, event_ns=end_ns)
            hole = replace(hole, before=end)
        self._told.append(hole)
        return start_ns, end_ns

    def kept(self) -> KeptTrades:
        """Return what `restore` takes up after a restart."""
        spans = [
            (hole.after.event_ns, hole.before.event_ns if hole.before else LATEST_NS)
            for hole in self.holes
        ]
        looked_through = self._newest_first()
        from_trade = self._overlapped(self.latest) if self.latest else None
        if self.latest and from_trade:
            since_ns = min(from_trade.event_ns, self.latest.event_ns - 2 * self._overlap_ns)
            looked_through = looked_through if spans else self._since(since_ns)
            spans.append((since_ns, self.latest.event_ns))
        apart_ns = 2 * (self._unit_ns - 1) + self._overlap_ns  # of two times of one trade
        spans = [(start - apart_ns, end + apart_ns) for start, end in spans]
        remembered = [known for known in looked_through if _lies_within(known[1], spans)]
        return KeptTrades(
            instrument=self.instrument,
            latest=self.latest,
            from_trade=from_trade,
            ids=[trade_id for trade_id, _ in remembered],
            times=[event_ns for _, event_ns in remembered],
            floor_ns=self.floor_ns,
            holes=self.holes,
            told=list(self._told),
            pending=list(self.pending.values()),
        )

    def clock_was_set(self, by_ns: int) -> None:
        """Let holes be suspected when they were, by a clock that was set by so much."""
        self.holes = [
            replace(hole, opened_ns=hole.opened_ns + by_ns, since_ns=hole.since_ns + by_ns)
            for hole in self.holes
        ]

    def restore(self, kept: KeptTrades, now_ns: int) -> None:
        """Take up where ``kept`` was written; all since then is suspected.

        A clock that was set back since must not let what comes now seem older than the suspicion.
        """
        self._told.extend(kept.told)
        self.pending = {
            one.trade_id: replace(one, received_ns=min(one.received_ns, now_ns - 1))
            for one in kept.pending
        }
        self.holes = [
            replace(
                hole, opened_ns=min(hole.opened_ns, now_ns), since_ns=min(hole.since_ns, now_ns)
            )
            for hole in kept.holes
        ]
        self._last_number = max((hole.number for hole in kept.holes), default=0)
        self.latest = kept.latest
        if kept.latest:
            from_trade = kept.from_trade or kept.latest
            overlap_ns = 2 * self._overlap_ns
            known_from_ns = min(from_trade.event_ns, kept.latest.event_ns - overlap_ns)
            self.floor_ns = max(kept.floor_ns, known_from_ns - 1)
            is_timed = len(kept.times) == len(kept.ids)
            times = kept.times if is_timed else [kept.latest.event_ns] * len(kept.ids)
            newest_first = list(zip(kept.ids, times, strict=True))
            self.old = {kept.latest.trade_id: kept.latest.event_ns} | dict(reversed(newest_first))
        received_ns = max((trade.received_ns for trade in kept.trades()), default=0)
        self.doubt("the stream was restarted", min(received_ns + 1, now_ns), kept.from_trade)

    def _place_by_number(self, trade: Trade, latest: Trade) -> None:
        holes = (hole for hole in self.holes if hole.covers(trade, by_number=True))
        hole = next(holes, None)
        if hole:
            self._fill(hole, trade)
        elif trade.sequence > latest.sequence + 1:
            self._jump_to(trade, latest)
        is_newer = trade.event_ns > latest.event_ns + RENUMBERED_NS and not trade.backfilled
        if self.latest is None or trade.sequence >= latest.sequence or is_newer:
            self.latest = trade

    def _jump_to(self, trade: Trade, latest: Trade) -> None:
        """Open a hole before ``trade``, as far as there is none yet."""
        known = [latest, *(hole.before for hole in self.holes if hole.before)]
        after = max(
            (other for other in known if other.sequence <= trade.sequence),
            key=lambda other: other.sequence,
        )
        if trade.sequence > after.sequence + 1:
            missing = f"trades {after.sequence + 1} to {trade.sequence - 1} did not come"
            self._open((after, trade), missing, trade.received_ns)

    def _fill(self, hole: Hole, trade: Trade) -> None:
        """Take a trade out of a hole; what is left of it is asked for as before."""
        ends: list[Ends] = [(hole.after, trade), (trade, hole.before)]
        if hole.before is None and _is_proof(hole, trade):
            ends = ends[:1]
        left = [
            (after, before)
            for after, before in ends
            if before is None or before.sequence > after.sequence + 1
        ]
        if len(left) == 1:
            self._change(hole, after=left[0][0], before=left[0][1])
        else:
            self._narrow(hole, left, ())

    def _end_open_hole(self, trade: Trade) -> None:
        """Let a live trade end the hole that is open, or belong to what was heard before it.

        One that is older than what was heard before the hole came late, and ends nothing.
        """
        hole = next((hole for hole in self.holes if hole.before is None), None)
        if hole is None or trade.backfilled:
            return
        heard = hole.heard or hole.after
        if trade.event_ns < heard.event_ns:
            return
        if trade.received_ns < hole.opened_ns:
            self._change(hole, after=hole.after if self._overlap_ns else trade, heard=trade)
            return
        self._change(hole, before=trade)
        if trade.received_ns < hole.since_ns:
            self._add(self._next(hole, trade, None))

    def _overlapped(self, latest: Trade) -> Trade:
        """Return the trade with which a hole after ``latest`` begins; numbers need no overlap.

        That is no older than the end of an earlier hole, which had an overlap of its own.
        """
        if self._consecutive or not self._overlap_ns:
            return latest
        ends = {hole.before.trade_id for hole in chain(self.holes, self._told) if hole.before}
        trade_id, event_ns = latest.trade_id, latest.event_ns
        for trade_id, event_ns in self._newest_first():
            if event_ns <= latest.event_ns - self._overlap_ns or trade_id in ends:
                break
        else:
            event_ns = latest.event_ns - self._overlap_ns  # nothing is known of so long ago
        return replace(latest, trade_id=trade_id, event_ns=event_ns)

    def _since(self, event_ns: int) -> Iterator[tuple[str, int]]:
        """Yield ids and times, newest first, until they are older and enough."""
        for count, known in enumerate(self._newest_first()):
            if count >= LOOKED_BACK and known[1] < event_ns:
                return
            yield known

    def _newest_first(self) -> Iterator[tuple[str, int]]:
        return chain(reversed(self.young.items()), reversed(self.old.items()))

    def _open(self, ends: Ends, reason: str, now_ns: int, *, heard: Trade | None = None) -> None:
        self._last_number += 1
        self._add(
            Hole(
                number=self._last_number,
                after=ends[0],
                before=ends[1],
                heard=heard,
                reason=reason,
                opened_ns=now_ns,
                since_ns=now_ns,
            )
        )

    def _narrow(self, hole: Hole, left: Sequence[Ends], page: Sequence[Trade]) -> None:
        """Replace a hole by what is left of it; what lies before the page is asked for from it."""
        self.holes.remove(hole)
        ids = {trade.trade_id for trade in page}
        for after, before in left:
            asked = before if before and before.trade_id in ids else None
            self._add(replace(self._next(hole, after, before), ask_before=asked))

    def _next(self, hole: Hole, after: Trade, before: Trade | None) -> Hole:
        """Return a part of ``hole`` as a hole of its own."""
        self._last_number += 1
        heard = hole.heard if after == hole.after else None
        return replace(
            hole,
            number=self._last_number,
            after=after,
            before=before,
            heard=heard,
            ask_before=None,
            tries=0,
        )

    def _add(self, hole: Hole) -> None:
        self.holes.append(hole)
        self.holes.sort(key=lambda hole: (hole.after.event_ns, hole.after.sequence))
        if len(self.holes) > HOLES_AT_MOST:
            oldest, second = self.holes[:2]
            merged = replace(oldest, before=second.before, is_merged=True)
            self.holes[:2] = [merged]

    def _change(self, hole: Hole, **changes: object) -> None:
        self.holes[self.holes.index(hole)] = replace(hole, **changes)


def _is_proof(hole: Hole, trade: Trade) -> bool:
    """Tell whether ``trade`` shows that the stream runs again: live, and of after the suspicion."""
    return not trade.backfilled and trade.received_ns >= hole.since_ns


def _lies_within(event_ns: int, spans: Sequence[tuple[int, int]]) -> bool:
    for start, end in spans:  # noqa: SIM110  # this is asked of every trade that is known
        if start <= event_ns <= end:
            return True
    return False
